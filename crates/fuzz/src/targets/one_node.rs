//! The smallest host of the database process: a disk that is at once durable, time that is told.

use std::collections::BTreeMap;

use bytes::Bytes;
use contract::{Contract, Program};
use database::{
    Boot, Database, Envelope, Identity, Mode, Request, Settings,
    api::{Action, Call, Control, Member, Trace},
};
use kernel::{
    ClusterId, Duration, Effect, Event, Incarnation, Instant, NodeId, Now, Process, RequestId, Rng,
    Ticket, TimerId, Wall, process::EffectsOf,
};
use store::{FlushJob, MemEngine, Record, Recovery, journal::Tail};

type Db = Database<MemEngine>;

/// So many rounds of effects without rest are a loop.
const ROUNDS_MAX: u32 = 10_000;

/// One node.
pub struct OneNode {
    db: Db,
    now: Now,
    timers: BTreeMap<TimerId, Instant>,
    /// Everything that was made durable.
    pub records: Vec<Record>,
    /// Whether it stopped itself.
    pub halted: bool,
}

impl OneNode {
    /// The first of so many founders, started.
    pub fn start(founders: u64) -> Result<OneNode, String> {
        let member = |node| Member {
            node: NodeId(node),
            peer: format!("h{node}:1"),
            http: format!("h{node}:2"),
            ..Member::default()
        };
        let identity = Identity {
            node: NodeId(1),
            cluster: ClusterId(1),
            incarnation: Incarnation(1),
            pid: 1,
        };
        let boot = Boot { mode: Mode::Bootstrap, members: (1..=founders).map(member).collect() };
        let nothing = Recovery {
            records: Vec::new(),
            tail: Tail::Clean,
            damage: Vec::new(),
            suspects: Default::default(),
            shards: Default::default(),
        };
        let (settings, rng) = (Settings::default(), Rng::new(1));
        let db = Db::open(settings, identity, member(1), boot, &nothing, MemEngine::new(), rng);
        let db = db.map_err(|failure| failure.to_string())?;
        let now = Now { instant: Instant(1), wall: Wall(1_700_000_000_000) };
        let mut node =
            OneNode { db, now, timers: BTreeMap::new(), records: Vec::new(), halted: false };
        node.event(Event::Start)?;
        Ok(node)
    }

    /// Gives it an event and carries out what it wants, until it rests.
    pub fn event(&mut self, event: Event<Envelope, Request>) -> Result<(), String> {
        let mut out = EffectsOf::<Db>::new();
        let mut events = vec![event];
        for _ in 0..ROUNDS_MAX {
            for event in events.drain(..) {
                self.db.handle(self.now, event, &mut out);
            }
            self.db.settle(self.now, &mut out);
            if out.is_empty() {
                return Ok(());
            }
            for effect in out.drain() {
                match effect {
                    Effect::Persist { token, records } => {
                        self.records.extend(records);
                        events.push(Event::Persisted(token));
                    }
                    Effect::Flush { token } => {
                        self.db.flush_job().run().map_err(|error| error.to_string())?;
                        events.push(Event::Persisted(token));
                    }
                    Effect::SetTimer { timer, at } => drop(self.timers.insert(timer, at)),
                    Effect::CancelTimer { timer } => drop(self.timers.remove(&timer)),
                    Effect::Halt(_) => self.halted = true,
                    _ => {}
                }
            }
        }
        Err("the process does not come to rest".into())
    }

    /// Lets time pass, and fires what is due.
    pub fn pass(&mut self, time: Duration) -> Result<(), String> {
        self.now.instant = self.now.instant + time;
        self.now.wall = Wall(self.now.wall.0 + time.as_millis() as u64);
        let due: Vec<TimerId> = self
            .timers
            .iter()
            .filter(|(_, at)| **at <= self.now.instant)
            .map(|(id, _)| *id)
            .collect();
        for timer in due {
            self.timers.remove(&timer);
            self.event(Event::Timer(timer))?;
        }
        Ok(())
    }

    /// Makes a keyspace.
    pub fn create(&mut self, name: &str, program: Program) -> Result<(), String> {
        let mut contract = Contract::new(program);
        contract.replicas = 1;
        contract.history_s = if program == Program::Coordination { 0 } else { 60 };
        let control = Control::CreateKeyspace { name: name.into(), contract };
        let timeout = Duration::from_secs(5);
        let request = Request::Control { control, request_id: None, timeout };
        self.event(Event::Request { ticket: Ticket(1), request })
    }

    /// Changes something.
    pub fn mutate(
        &mut self,
        keyspace: &str,
        program: Program,
        command: Bytes,
    ) -> Result<(), String> {
        let call = Call {
            keyspace: keyspace.into(),
            action: Action::Mutate { program, command },
            consistency: None,
            session: None,
            request_id: RequestId::new(format!("r{}", self.records.len()).as_bytes()),
            timeout: Duration::from_secs(5),
            trace: Trace::default(),
        };
        self.event(Event::Request { ticket: Ticket(2), request: Request::Call(call) })
    }

    /// A node alone that leads, with a keyspace of each program.
    pub fn alone() -> Result<OneNode, String> {
        let mut node = OneNode::start(1)?;
        for _ in 0..4 {
            node.pass(Duration::from_millis(500))?;
        }
        node.create("kv", Program::Kv)?;
        node.create("sums", Program::Counter)?;
        node.create("locks", Program::Coordination)?;
        for _ in 0..4 {
            node.pass(Duration::from_millis(500))?;
        }
        Ok(node)
    }
}
