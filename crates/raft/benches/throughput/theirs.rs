//! The same group of raft-rs replicas, driven as its documentation says.

use protobuf::Message as _;
use raft_rs::{
    Config, RawNode, StateRole,
    eraftpb::{ConfState, Entry, Message},
    storage::MemStorage,
};

use crate::{COMMAND, Group};

pub struct Theirs {
    nodes: Vec<RawNode<MemStorage>>,
    inbox: Vec<Vec<Message>>,
    arrived: Vec<Message>,
    committed: u64,
    compacted: u64,
    command: Vec<u8>,
    wire: bool,
}

impl Theirs {
    fn send(&mut self, messages: Vec<Message>) {
        for message in messages {
            let message = if self.wire { travel(&message) } else { message };
            self.inbox[message.to as usize - 1].push(message);
        }
    }

    fn count(&mut self, at: usize, entries: Vec<Entry>) {
        if at == 0 {
            self.committed += entries.len() as u64;
        }
    }

    fn ready(&mut self, at: usize) {
        if !self.nodes[at].has_ready() {
            return;
        }
        let mut ready = self.nodes[at].ready();
        self.send(ready.take_messages());
        self.count(at, ready.take_committed_entries());
        let store = self.nodes[at].mut_store().clone();
        let entries = ready.take_entries();
        store.wl().append(&entries).expect("they follow");
        if let Some(state) = ready.hs() {
            store.wl().set_hardstate(state.clone());
        }
        self.send(ready.take_persisted_messages());
        let mut light = self.nodes[at].advance(ready);
        self.send(light.take_messages());
        self.count(at, light.take_committed_entries());
        self.nodes[at].advance_apply();
    }

    fn pass(&mut self) {
        for at in 0..self.nodes.len() {
            let mut arrived = std::mem::take(&mut self.arrived);
            std::mem::swap(&mut arrived, &mut self.inbox[at]);
            for message in arrived.drain(..) {
                self.nodes[at].step(message).expect("it is sound");
            }
            self.arrived = arrived;
            self.ready(at);
        }
    }
}

fn travel(message: &Message) -> Message {
    let bytes = bytes::Bytes::from(message.write_to_bytes().expect("it is complete"));
    Message::parse_from_carllerche_bytes(&bytes).expect("it was just encoded")
}

impl Group for Theirs {
    fn new(wire: bool) -> Theirs {
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let node = |id| {
            let mut config = Config::new(id);
            config.max_size_per_msg = 1 << 20;
            config.max_inflight_msgs = 256;
            config.batch_append = true;
            let store = MemStorage::new_with_conf_state(ConfState::from((vec![1, 2, 3], vec![])));
            RawNode::new(&config, store, &logger).expect("the configuration is sound")
        };
        let mut group = Theirs {
            nodes: (1..=3).map(node).collect(),
            inbox: vec![Vec::new(); 3],
            arrived: Vec::new(),
            committed: 0,
            compacted: 0,
            command: vec![7; COMMAND],
            wire,
        };
        group.nodes[0].campaign().expect("it is a voter");
        (0..10).for_each(|_| group.pass());
        assert_eq!(group.nodes[0].raft.state, StateRole::Leader);
        group
    }

    fn turn(&mut self, batch: usize) {
        for _ in 0..batch {
            let _ = self.nodes[0].propose(vec![], self.command.clone());
        }
        self.pass();
        if self.committed > self.compacted + 20_000 {
            self.compacted = self.committed;
            for node in &mut self.nodes {
                let upto = node.raft.raft_log.committed.saturating_sub(10_000);
                let _ = node.mut_store().wl().compact(upto);
            }
        }
    }

    fn committed(&self) -> u64 {
        self.committed
    }
}
