//! The crate that the product runs, as a subject of the same schedules: a few replicas, a network
//! that carries what a step allows, and disks that are immediate.

use std::collections::VecDeque;

use bytes::Bytes;
use kernel::{Duration, Effect, Event, Instant, NodeId, Now, Process, Rng, Ticket, TimerId, Wall};
use raft::{Body, Config, Membership, Message, Out, Output, Raft, Record, Request, Role, Start};

use super::act::{Action, Said, Subject, Told, View, bit, members};

const ELECTION: TimerId = TimerId(0);
const HEARTBEAT: TimerId = TimerId(1);
/// Messages of one step, at most.
const MESSAGES_MAX: usize = 200;

struct Replica {
    raft: Raft,
    durable: Start,
    /// How far its clock is ahead: whose patience ends has waited.
    ahead: Duration,
    applied: u64,
    /// Reads that may be answered, with what they may see.
    reads: Vec<u64>,
}

/// A message between two replicas.
type Mail = (NodeId, NodeId, Message);

/// A group of real replicas.
pub struct Engine {
    replicas: Vec<Replica>,
    now: Instant,
    wire: VecDeque<Mail>,
    /// What leaders sent, step by step: any of it may arrive again.
    sent: Vec<Vec<Mail>>,
    written: u64,
}

impl Engine {
    /// A group that has just been founded. Without pre-vote and check-quorum, so that schedules can
    /// force what these would prevent.
    #[must_use]
    pub fn new(nodes: u8) -> Engine {
        let founders = Membership::new((1..=u64::from(nodes)).map(NodeId), []);
        let mut engine = Engine {
            replicas: Vec::new(),
            now: Instant(1_000_000_000),
            wire: VecDeque::new(),
            sent: Vec::new(),
            written: 0,
        };
        for node in 1..=u64::from(nodes) {
            let durable = Start::fresh(founders.clone());
            let raft = Raft::new(config(node), durable.clone(), Rng::new(node));
            engine.replicas.push(Replica {
                raft,
                durable,
                ahead: Duration::ZERO,
                applied: 0,
                reads: Vec::new(),
            });
        }
        for node in 1..=nodes {
            engine.tell(node, Event::Start);
        }
        engine.wire.clear();
        engine
    }

    fn of(&mut self, node: u8) -> &mut Replica {
        &mut self.replicas[usize::from(node) - 1]
    }

    fn clock(&mut self, node: u8) -> Now {
        let instant = self.now + self.of(node).ahead;
        Now { instant, wall: Wall(0) }
    }

    /// Tells a replica something, and carries out what it wants.
    fn tell(&mut self, node: u8, event: Event<Message, Request>) {
        let (now, mut out) = (self.clock(node), Out::new());
        self.of(node).raft.handle(now, event, &mut out);
        self.settle(node, now, &mut out);
    }

    fn settle(&mut self, node: u8, now: Now, out: &mut Out) {
        loop {
            let replica = &mut self.replicas[usize::from(node) - 1];
            replica.raft.settle(now, out);
            let effects: Vec<_> = out.drain().collect();
            if effects.is_empty() {
                break;
            }
            for effect in effects {
                match effect {
                    Effect::Persist { token, records } => {
                        persist(replica, &records);
                        replica.raft.handle(now, Event::Persisted(token), out);
                    }
                    Effect::Send { to, message, .. } => {
                        // The disk is immediate: what waits for it may go.
                        self.wire.push_back((NodeId(u64::from(node)), to, message));
                    }
                    Effect::Output(Output::Commit { entries }) => {
                        replica.applied =
                            entries.last().map_or(replica.applied, |entry| entry.index);
                        replica.raft.applied(replica.applied);
                    }
                    Effect::Output(Output::ReadReady { index, .. }) => replica.reads.push(index),
                    _ => {}
                }
            }
        }
    }

    /// Carries messages that a step allows, and what comes of them; all others are lost.
    fn carry(&mut self, may: impl Fn(u8, u8, &Message) -> bool, said: &mut Vec<Said>) -> Vec<Mail> {
        let mut carried = Vec::new();
        while let Some((from, to, message)) = self.wire.pop_front() {
            let ends = (from.0 as u8, to.0 as u8);
            if carried.len() >= MESSAGES_MAX || !may(ends.0, ends.1, &message) {
                continue;
            }
            said.push(Said { from: ends.0, to: ends.1, text: words(&message) });
            carried.push((from, to, message.clone()));
            self.tell(ends.1, Event::Message { from, message });
        }
        carried
    }

    fn elect(&mut self, node: u8, voters: u8, said: &mut Vec<Said>) {
        let highest = members(voters).map(|voter| self.of(voter).raft.term()).max().unwrap_or(0);
        loop {
            let last = self.of(node).raft.term() >= highest;
            self.stand(node, voters, said);
            if last || self.of(node).raft.is_leader() {
                return;
            }
        }
    }

    fn stand(&mut self, node: u8, voters: u8, said: &mut Vec<Said>) {
        self.of(node).ahead += Duration::from_millis(600);
        self.tell(node, Event::Timer(ELECTION));
        let heard = voters | bit(node);
        let votes = |message: &Message| {
            matches!(message.body, Some(Body::RequestVote(_) | Body::VoteReply(_)))
        };
        self.carry(
            |from, to, message| heard & bit(from) != 0 && heard & bit(to) != 0 && votes(message),
            said,
        );
    }

    fn exchange(&mut self, from: u8, to: u8, said: &mut Vec<Said>) {
        self.now = self.now + Duration::from_millis(60);
        self.tell(from, Event::Timer(HEARTBEAT));
        let carried = self.carry(|a, b, _| (a, b) == (from, to) || (a, b) == (to, from), said);
        let mine = carried.into_iter().filter(|(sender, ..)| sender.0 == u64::from(from)).collect();
        self.sent.push(mine);
    }

    fn crash(&mut self, node: u8) {
        let replica = self.of(node);
        replica.raft =
            Raft::new(config(u64::from(node)), replica.durable.clone(), Rng::new(u64::from(node)));
        (replica.applied, replica.reads) = (0, Vec::new());
        self.tell(node, Event::Start);
        self.wire.clear();
    }

    fn read(&mut self, node: u8, reach: u8, said: &mut Vec<Said>) -> Option<Told> {
        self.of(node).reads.clear();
        self.tell(node, Event::Request { ticket: Ticket(1), request: Request::Read });
        let heard = reach | bit(node);
        self.carry(|from, to, _| heard & bit(from) != 0 && heard & bit(to) != 0, said);
        self.of(node).reads.first().map(|index| Told::Read(*index as usize))
    }
}

fn config(node: u64) -> Config {
    let mut config = Config::new(NodeId(node));
    (config.pre_vote, config.check_quorum, config.lease) = (false, false, false);
    config
}

fn persist(replica: &mut Replica, records: &[Record]) {
    records.iter().for_each(|record| replica.durable.replay(record.clone()));
}

impl Subject for Engine {
    fn act(&mut self, action: Action, said: &mut Vec<Said>) -> Option<Option<Told>> {
        let leads = |engine: &mut Engine, node: u8| engine.of(node).raft.is_leader();
        Some(match action {
            Action::Elect { node, voters } => {
                self.elect(node, voters, said);
                None
            }
            Action::Write { node } => {
                if !leads(self, node) {
                    return None;
                }
                self.written += 1;
                let (now, data) =
                    (self.clock(node), Bytes::from(self.written.to_le_bytes().to_vec()));
                self.of(node).raft.propose(now, data).ok()?;
                self.settle(node, now, &mut Out::new());
                self.wire.clear();
                None
            }
            Action::Replicate { from, to } | Action::Beat { from, to } => {
                if !leads(self, from) {
                    return None;
                }
                self.exchange(from, to, said);
                None
            }
            Action::Late { message } => {
                for (from, to, message) in self.sent.get(usize::from(message))?.clone() {
                    said.push(Said {
                        from: from.0 as u8,
                        to: to.0 as u8,
                        text: format!("late: {}", words(&message)),
                    });
                    self.tell(to.0 as u8, Event::Message { from, message });
                }
                self.wire.clear();
                None
            }
            Action::Crash { node } => {
                self.crash(node);
                None
            }
            Action::Read { node, reach } => {
                if !leads(self, node) {
                    return None;
                }
                self.read(node, reach, said)
            }
            // The engine says nothing of entries: who waits for one learns that it is unknown.
            Action::GiveUp { .. } => return None,
        })
    }

    fn views(&self) -> Vec<View> {
        let view = |replica: &Replica| {
            let status = replica.raft.status();
            let entry = |index: u64| {
                let entry = replica.raft.entry(index)?;
                let id = entry.data.get(..8).map_or(0, |bytes| {
                    bytes.iter().rev().fold(0, |id, byte| id << 8 | u64::from(*byte))
                });
                Some((entry.term, id))
            };
            View {
                term: status.term,
                leads: status.role == Role::Leader,
                stands: status.role == Role::Candidate,
                log: (1..=status.last_index).map_while(entry).collect(),
                commit: status.commit as usize,
            }
        };
        self.replicas.iter().map(view).collect()
    }
}

fn words(message: &Message) -> String {
    let term = message.term;
    match &message.body {
        Some(Body::RequestVote(_)) => format!("vote? {term}"),
        Some(Body::VoteReply(reply)) => {
            format!("{} {term}", if reply.granted { "yes" } else { "no" })
        }
        Some(Body::Append(append)) => format!(
            "append t{term}: after {}, {} entries, commit {}",
            append.prev_index,
            append.entries.len(),
            append.commit
        ),
        Some(Body::AppendReply(_)) => "ack".into(),
        Some(Body::Heartbeat(_)) => format!("♥ {term}"),
        Some(Body::HeartbeatReply(_)) => "♡".into(),
        _ => "…".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_elects_writes_and_commits_on_the_same_steps() {
        let mut engine = Engine::new(3);
        let mut said = Vec::new();
        for action in [
            Action::Elect { node: 1, voters: bit(2) },
            Action::Write { node: 1 },
            Action::Replicate { from: 1, to: 2 },
            Action::Beat { from: 1, to: 2 },
        ] {
            assert_eq!(engine.act(action, &mut said), Some(None), "{action}");
        }
        let views = engine.views();
        assert!(
            views[0].leads && views[0].commit == 2,
            "its own entry and the client's: {views:?}"
        );
        assert_eq!(views[1].log, views[0].log);
        assert_eq!(members(bit(2) | bit(3)).collect::<Vec<_>>(), [2, 3]);
        assert!(said.iter().any(|said| said.text.starts_with("append")));
    }
}
