//! Recipes, a second time: over the whole state, by what they promise.

use super::*;

const SEMAPHORES: &str = "quorate/semaphores/";
const BARRIERS: &str = "quorate/barriers/";
const GATHERINGS: &str = "quorate/double-barriers/";
const SERVICES: &str = "quorate/services/";
const HEALTH: &str = "quorate/health/";

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn key(root: &str, name: &Bytes) -> Bytes {
    format!("{root}{}", text(name)).into()
}

fn place(path: &Bytes, lease: i64) -> Bytes {
    let sign = if lease < 0 { "-" } else { "" };
    format!("{}/{sign}{:x}", text(path), lease.unsigned_abs()).into()
}

fn number(kv: Option<&KeyValue>) -> Option<u64> {
    text(&kv?.value).parse().ok()
}

/// The seats of a semaphore: granted one after the other, until one does not fit.
fn seats(state: &State, path: &Bytes) -> Vec<Seat> {
    let mut free = number(state.get(path)).unwrap_or(0);
    let mut stuck = false;
    let mut seats = Vec::new();
    for kv in queue(state, path) {
        let permits = number(Some(&kv)).unwrap_or(1).max(1);
        stuck |= permits > free;
        free = if stuck { 0 } else { free - permits };
        let token = kv.create_revision;
        seats.push(Seat { key: kv.key, token, held: !stuck, permits, lease: kv.lease });
    }
    seats
}

fn gathering(state: &State, path: &Bytes, lease: i64) -> Gathering {
    let members = queue(state, path);
    let says = state.get(path).map_or(String::new(), |kv| text(&kv.value));
    let (count, phase) = says.split_once(' ').unwrap_or((&says, ""));
    let phase = phase.split(' ').next();
    Gathering {
        members: members.len() as u64,
        count: if members.is_empty() { 0 } else { count.parse().unwrap_or(0) },
        open: !members.is_empty() && phase == Some("open"),
        member: lease != 0 && members.iter().any(|kv| kv.key == place(path, lease)),
    }
}

fn health_text(health: i32, note: &Bytes) -> Bytes {
    let word = ["passing", "warning", "critical"][health as usize];
    let colon = if note.is_empty() { "" } else { ": " };
    format!("{word}{colon}{}", text(note)).into()
}

fn instances(state: &State, request: &ServicesRequest) -> Instances {
    let prefix = match request.service.is_empty() {
        true => SERVICES.to_owned(),
        false => format!("{SERVICES}{}/", text(&request.service)),
    };
    let of = |kv: &&KeyValue| kv.key.starts_with(prefix.as_bytes()) && kv.key > request.after;
    let limit = if request.limit == 0 { 1_000 } else { request.limit as usize };
    let all: Vec<&KeyValue> = state.values().filter(of).collect();
    let more = all.len() > limit;
    let page = &all[..limit.min(all.len())];
    let next = page.last().filter(|_| more).map_or(Bytes::new(), |kv| kv.key.clone());
    let mut found = Vec::new();
    for kv in page {
        let name = text(&kv.key)[SERVICES.len()..].to_owned();
        let Some((service, instance)) = name.split_once('/') else { continue };
        let health = state.get(format!("{HEALTH}{name}").as_bytes());
        let says = health.map_or("passing".to_owned(), |kv| text(&kv.value));
        let (word, note) = says.split_once(": ").unwrap_or((&says, ""));
        let is = ["passing", "warning"].iter().position(|known| *known == word).unwrap_or(2);
        if request.passing && is != 0 {
            continue;
        }
        found.push(Instance {
            key: kv.key.clone(),
            service: service.into(),
            instance: instance.into(),
            lease: kv.lease,
            value: kv.value.clone(),
            health: is as i32,
            note: note.into(),
            since: kv.create_revision,
            changed: kv.mod_revision.max(health.map_or(0, |kv| kv.mod_revision)),
        });
    }
    Instances { instances: found, more, next }
}

impl Model {
    /// The tokens that a guard of this name is good for.
    pub(super) fn holders(&self, name: &Bytes) -> Vec<i64> {
        let plain = text(name).strip_prefix(SEMAPHORES).map(|name| !name.contains('/'));
        if plain == Some(true) {
            let seats = seats(self.newest(), name).into_iter().filter(|seat| seat.held);
            return seats.map(|seat| seat.token).collect();
        }
        queue(self.newest(), name).iter().take(1).map(|kv| kv.create_revision).collect()
    }

    /// Sets what is not so already.
    fn settle(&self, work: &mut Work, key: &Bytes, value: &Bytes, lease: i64) -> bool {
        let same = |kv: &KeyValue| kv.value == *value && kv.lease == lease;
        let changes = !work.state.get(key).is_some_and(same);
        if changes {
            self.put(work, key, value, lease);
        }
        changes
    }

    fn needs(&self, lease: i64) -> Result<(), Error> {
        if self.has_lease(lease) { Ok(()) } else { Err(Error::LeaseNotFound) }
    }

    pub(super) fn recipe(
        &self,
        work: &mut Work,
        request: &RecipeRequest,
    ) -> Result<RecipeResponse, Error> {
        let outcome = self.recipe_outcome(work, request.act.as_ref().unwrap())?;
        let header = ResponseHeader::at(self.now(work));
        Ok(RecipeResponse { header, outcome: Some(outcome) })
    }

    fn recipe_outcome(&self, work: &mut Work, act: &RecipeAct) -> Result<RecipeOutcome, Error> {
        let settled = |changed| Ok(RecipeOutcome::Settled(Settled { changed }));
        match act {
            RecipeAct::Create(request) => {
                if request.lease != 0 {
                    self.needs(request.lease)?;
                }
                let mut key = request.key.to_vec();
                if request.sequential {
                    key.extend(format!("{:019}", self.revision() + 1).bytes());
                }
                let key = Bytes::from(key);
                if work.state.contains_key(&key) {
                    return Err(Error::KeyExists);
                }
                self.put(work, &key, &request.value, request.lease);
                Ok(RecipeOutcome::Created(Created { key }))
            }
            RecipeAct::Permits(request) => settled(self.permits(work, request)?),
            RecipeAct::Acquire(request) => Ok(RecipeOutcome::Seat(self.acquire(work, request)?)),
            RecipeAct::Release(request) => {
                let key = place(&key(SEMAPHORES, &request.name), request.lease);
                let token = work.state.get(&key).map(|kv| kv.create_revision);
                let meant = token.is_some() && [0, token.unwrap()].contains(&request.token);
                if meant {
                    self.delete(work, &key);
                }
                settled(meant)
            }
            RecipeAct::Raise(request) => {
                if request.lease != 0 {
                    self.needs(request.lease)?;
                }
                let key = key(BARRIERS, &request.name);
                let fresh = !work.state.contains_key(&key);
                if fresh {
                    self.put(work, &key, &Bytes::new(), request.lease);
                }
                settled(fresh)
            }
            RecipeAct::Lift(request) => {
                let key = key(BARRIERS, &request.name);
                let stands = work.state.contains_key(&key);
                self.delete(work, &key);
                settled(stands)
            }
            RecipeAct::Enter(request) => Ok(RecipeOutcome::Gathering(self.enter(work, request)?)),
            RecipeAct::Leave(request) => {
                let path = key(GATHERINGS, &request.name);
                self.delete(work, &place(&path, request.lease));
                let after = gathering(&work.state, &path, request.lease);
                if after.members == 0 {
                    self.delete(work, &path);
                }
                Ok(RecipeOutcome::Gathering(after))
            }
            RecipeAct::Register(request) => {
                self.needs(request.lease)?;
                let name = format!("{}/{}", text(&request.service), text(&request.instance));
                let at = Bytes::from(format!("{SERVICES}{name}"));
                if work.state.get(&at).is_some_and(|kv| kv.lease != request.lease) {
                    return Err(Error::InstanceTaken);
                }
                let says = self.settle(work, &at, &request.value, request.lease);
                let (at, is) =
                    (format!("{HEALTH}{name}").into(), health_text(request.health, &request.note));
                settled(self.settle(work, &at, &is, request.lease) || says)
            }
            RecipeAct::Report(request) => {
                let name = format!("{}/{}", text(&request.service), text(&request.instance));
                let at = Bytes::from(format!("{SERVICES}{name}"));
                if work.state.get(&at).is_none_or(|kv| kv.lease != request.lease) {
                    return Err(Error::NotRegistered);
                }
                self.needs(request.lease)?;
                let is = health_text(request.health, &request.note);
                settled(self.settle(work, &format!("{HEALTH}{name}").into(), &is, request.lease))
            }
            RecipeAct::Deregister(request) => {
                let name = format!("{}/{}", text(&request.service), text(&request.instance));
                let at = Bytes::from(format!("{SERVICES}{name}"));
                let lease = work.state.get(&at).map(|kv| kv.lease);
                let meant = lease.is_some() && [0, lease.unwrap()].contains(&request.lease);
                if meant {
                    self.delete(work, &at);
                    self.delete(work, &format!("{HEALTH}{name}").into());
                }
                settled(meant)
            }
        }
    }

    fn permits(&self, work: &mut Work, request: &PermitsRequest) -> Result<bool, Error> {
        let path = key(SEMAPHORES, &request.name);
        let value = Bytes::from(request.limit.to_string());
        if !work.state.contains_key(&path) {
            return Ok(request.limit > 0 && self.settle(work, &path, &value, 0));
        }
        let seats = seats(&work.state, &path);
        let held: u64 = seats.iter().filter(|seat| seat.held).map(|seat| seat.permits).sum();
        if held > request.limit || seats.iter().any(|seat| seat.permits > request.limit) {
            return Err(Error::PermitsInUse);
        }
        if request.limit == 0 {
            self.delete(work, &path);
            return Ok(true);
        }
        Ok(self.settle(work, &path, &value, 0))
    }

    fn acquire(&self, work: &mut Work, request: &AcquireRequest) -> Result<Seat, Error> {
        let path = key(SEMAPHORES, &request.name);
        let permits = request.permits.max(1);
        let limit = match work.state.get(&path) {
            Some(kv) => number(Some(kv)).unwrap_or(0),
            None if request.limit == 0 => return Err(Error::NoSemaphore),
            None => request.limit,
        };
        if request.limit != 0 && request.limit != limit {
            return Err(Error::PermitsDiffer);
        }
        if permits > limit {
            return Err(Error::TooManyPermits);
        }
        self.needs(request.lease)?;
        let at = place(&path, request.lease);
        match work.state.get(&at).map(|kv| number(Some(kv)).unwrap_or(1).max(1)) {
            Some(before) if before != permits => return Err(Error::PermitsDiffer),
            Some(_) => {}
            None => {
                if !work.state.contains_key(&path) {
                    self.put(work, &path, &limit.to_string().into(), 0);
                }
                self.put(work, &at, &permits.to_string().into(), request.lease);
            }
        }
        Ok(seats(&work.state, &path).into_iter().find(|seat| seat.key == at).unwrap())
    }

    fn enter(&self, work: &mut Work, request: &EnterRequest) -> Result<Gathering, Error> {
        let path = key(GATHERINGS, &request.name);
        let before = gathering(&work.state, &path, request.lease);
        if before.members > 0 && before.count != request.count {
            return Err(Error::CountDiffers);
        }
        if before.open && !before.member {
            return Err(Error::BarrierOpen);
        }
        self.needs(request.lease)?;
        if !before.member {
            self.put(work, &place(&path, request.lease), &Bytes::new(), request.lease);
        }
        let members = queue(&work.state, &path).len() as u64;
        let open = before.open || members >= request.count;
        let phase = if open { "open" } else { "entering" };
        self.settle(work, &path, &format!("{} {phase}", request.count).into(), 0);
        Ok(Gathering { members, count: request.count, open, member: true })
    }

    pub(super) fn recipe_found(&self, ask: &RecipeAsk) -> RecipeFound {
        let state = self.newest();
        match ask {
            RecipeAsk::Semaphore(request) => {
                let path = key(SEMAPHORES, &request.name);
                let limit = number(state.get(&path)).unwrap_or(0);
                RecipeFound::Semaphore(Semaphore { limit, seats: seats(state, &path) })
            }
            RecipeAsk::Barrier(request) => {
                let kv = state.get(&key(BARRIERS, &request.name));
                RecipeFound::Barrier(kv.map_or(Barrier::default(), |kv| Barrier {
                    raised: true,
                    since: kv.create_revision,
                    lease: kv.lease,
                }))
            }
            RecipeAsk::Gathering(request) => {
                let path = key(GATHERINGS, &request.name);
                RecipeFound::Gathering(gathering(state, &path, request.lease))
            }
            RecipeAsk::Services(request) => RecipeFound::Instances(instances(state, request)),
        }
    }
}
