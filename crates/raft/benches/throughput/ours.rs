//! Our replicas.

use bytes::Bytes;
use kernel::{Duration, Effect, Event, Instant, NodeId, Now, Process, Rng, TimerId, Token, Wall};
use prost::Message as _;
use raft::{Config, Membership, Message, Out, Output, Raft, Request, Start};

use crate::{COMMAND, Group};

pub struct Ours {
    nodes: Vec<Raft>,
    inbox: Vec<Vec<(NodeId, Message)>>,
    arrived: Vec<(NodeId, Message)>,
    written: Vec<Vec<Token>>,
    durable: Vec<Token>,
    out: Out,
    committed: u64,
    compacted: u64,
    command: Bytes,
    wire: bool,
}

/// Time stands still: no timer ever fires but the first.
const NOW: Now = Now { instant: Instant(10_000_000_000), wall: Wall(0) };

impl Ours {
    fn handle(&mut self, at: usize, event: Event<Message, Request>) {
        self.nodes[at].handle(NOW, event, &mut self.out);
    }

    fn settle(&mut self, at: usize) {
        let from = NodeId(at as u64 + 1);
        self.nodes[at].settle(NOW, &mut self.out);
        let mut out = std::mem::take(&mut self.out);
        for effect in out.drain() {
            match effect {
                Effect::Send { to, message, .. } => {
                    let message = if self.wire { travel(&message) } else { message };
                    self.inbox[to.0 as usize - 1].push((from, message));
                }
                Effect::Persist { token, .. } => self.written[at].push(token),
                Effect::Output(Output::Commit { entries }) => {
                    let last = entries.last().map_or(0, |entry| entry.index);
                    self.nodes[at].applied(last);
                    if at == 0 {
                        self.committed += entries.len() as u64;
                    }
                }
                _ => {}
            }
        }
        self.out = out;
    }

    fn pass(&mut self) {
        for at in 0..self.nodes.len() {
            let mut durable = std::mem::take(&mut self.durable);
            std::mem::swap(&mut durable, &mut self.written[at]);
            for token in durable.drain(..) {
                self.handle(at, Event::Persisted(token));
            }
            self.durable = durable;
            let mut arrived = std::mem::take(&mut self.arrived);
            std::mem::swap(&mut arrived, &mut self.inbox[at]);
            for (from, message) in arrived.drain(..) {
                self.handle(at, Event::Message { from, message });
            }
            self.arrived = arrived;
            self.settle(at);
        }
    }
}

fn travel(message: &Message) -> Message {
    let bytes = Bytes::from(message.encode_to_vec());
    Message::decode(bytes).expect("it was just encoded")
}

impl Group for Ours {
    fn new(wire: bool) -> Ours {
        let founders = Membership::new((1..=3).map(NodeId), []);
        let node = |id| {
            let mut config = Config::new(NodeId(id));
            config.pre_vote = false;
            config.append_bytes_max = kernel::limit::Bytes::mib(1);
            Raft::new(config, Start::fresh(founders.clone()), Rng::new(id))
        };
        let mut group = Ours {
            nodes: (1..=3).map(node).collect(),
            inbox: vec![Vec::new(); 3],
            arrived: Vec::new(),
            written: vec![Vec::new(); 3],
            durable: Vec::new(),
            out: Out::new(),
            committed: 0,
            compacted: 0,
            command: Bytes::from(vec![7; COMMAND]),
            wire,
        };
        let past = Now { instant: NOW.instant - Duration::from_secs(5), wall: Wall(0) };
        for node in &mut group.nodes {
            node.handle(past, Event::Start, &mut group.out);
        }
        group.handle(0, Event::Timer(TimerId(0)));
        (0..10).for_each(|_| group.pass());
        assert!(group.nodes[0].ready_to_serve());
        group
    }

    fn turn(&mut self, batch: usize) {
        for _ in 0..batch {
            let _ = self.nodes[0].propose(NOW, self.command.clone());
        }
        self.pass();
        if self.committed > self.compacted + 20_000 {
            self.compacted = self.committed;
            for node in &mut self.nodes {
                node.compact(node.commit().saturating_sub(10_000), &mut self.out);
            }
        }
    }

    fn committed(&self) -> u64 {
        self.committed
    }
}
