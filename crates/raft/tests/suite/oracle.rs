//! A group of raft-rs replicas that moves only when told to.

use std::collections::VecDeque;

use raft_rs::{
    Config, RawNode,
    eraftpb::{ConfState, Entry, EntryType, Message},
    storage::MemStorage,
};

pub struct Oracle {
    nodes: Vec<RawNode<MemStorage>>,
    pub wire: VecDeque<Message>,
    committed: Vec<Vec<Vec<u8>>>,
}

impl Oracle {
    pub fn new(size: u64) -> Oracle {
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let node = |id| {
            let mut config = Config::new(id);
            (config.election_tick, config.heartbeat_tick) = (10, 1);
            let group = ConfState::from(((1..=size).collect::<Vec<_>>(), vec![]));
            let store = MemStorage::new_with_conf_state(group);
            RawNode::new(&config, store, &logger).expect("the configuration is sound")
        };
        Oracle {
            nodes: (1..=size).map(node).collect(),
            wire: VecDeque::new(),
            committed: vec![Vec::new(); size as usize],
        }
    }

    fn ready(&mut self, at: usize) {
        while self.nodes[at].has_ready() {
            let mut ready = self.nodes[at].ready();
            self.wire.extend(ready.take_messages());
            self.take(at, ready.take_committed_entries());
            let store = self.nodes[at].mut_store().clone();
            store.wl().append(ready.entries()).expect("they follow");
            if let Some(state) = ready.hs() {
                store.wl().set_hardstate(state.clone());
            }
            self.wire.extend(ready.take_persisted_messages());
            let mut light = self.nodes[at].advance(ready);
            self.wire.extend(light.take_messages());
            self.take(at, light.take_committed_entries());
            self.nodes[at].advance_apply();
        }
    }

    fn take(&mut self, at: usize, entries: Vec<Entry>) {
        let commands = entries.into_iter().filter(|entry| {
            entry.get_entry_type() == EntryType::EntryNormal && !entry.data.is_empty()
        });
        self.committed[at].extend(commands.map(|entry| entry.data.to_vec()));
    }

    pub fn campaign(&mut self, id: u64) {
        self.nodes[id as usize - 1].campaign().expect("it is a voter");
        self.ready(id as usize - 1);
    }

    pub fn propose(&mut self, id: u64, data: &str) {
        let at = id as usize - 1;
        self.nodes[at].propose(vec![], data.as_bytes().to_vec()).expect("it leads");
        self.ready(at);
    }

    pub fn heartbeat(&mut self, id: u64) {
        self.nodes[id as usize - 1].tick();
        self.ready(id as usize - 1);
    }

    /// Delivers everything that `arrives`, and what comes of it.
    pub fn settle(&mut self, mut arrives: impl FnMut(u64, u64) -> bool) {
        while let Some(message) = self.wire.pop_front() {
            if arrives(message.from, message.to) {
                let at = message.to as usize - 1;
                // Refusals (an old leader's proposal, say) are the library's own affair.
                let _ = self.nodes[at].step(message);
                self.ready(at);
            }
        }
    }

    pub fn committed(&self, id: u64) -> &[Vec<u8>] {
        &self.committed[id as usize - 1]
    }

    /// Where the log of a node ends, and how far it is committed.
    pub fn ends(&self, id: u64) -> (u64, u64) {
        let log = &self.nodes[id as usize - 1].raft.raft_log;
        (log.last_index(), log.committed)
    }
}
