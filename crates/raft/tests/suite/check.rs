//! The properties of figure 3 of the Raft paper, checked after every event, and the order of
//! durability, checked on every message that leaves.
//!
//! Log Matching is checked by induction: all entries anywhere that have one index and one term
//! have the same data and follow an entry of the same term.

use std::collections::BTreeMap;

use kernel::{NodeId, Ticket};
use raft::{Body, Entry, Message, Raft, Record, Standing};

use crate::node::Node;

/// What was seen so far.
#[derive(Debug, Default)]
pub struct Check {
    leaders: BTreeMap<u64, NodeId>,
    /// By index and term: the data, and the term of the entry before.
    entries: BTreeMap<(u64, u64), (Vec<u8>, u64)>,
    committed: BTreeMap<u64, Entry>,
    /// The term and the last entry of each leader when last looked at.
    leading: BTreeMap<NodeId, (u64, u64, u64)>,
    reads: BTreeMap<Ticket, u64>,
    pub reads_done: u64,
    pub violation: Option<String>,
}

impl Check {
    fn fail(&mut self, text: String) {
        self.violation.get_or_insert(text);
    }

    pub fn committed_index(&self) -> u64 {
        self.committed.len() as u64
    }

    /// The term of a committed entry.
    pub fn term_of(&self, index: u64) -> Option<u64> {
        self.committed.get(&index).map(|entry| entry.term)
    }

    /// After a node handled something.
    pub fn node(&mut self, node: NodeId, raft: &Raft) {
        let before = self.leading.remove(&node);
        if !raft.is_leader() {
            return;
        }
        let (term, last) = (raft.term(), raft.last_index());
        let last_term = raft.entry(last).map_or(0, |entry| entry.term);
        match self.leaders.insert(term, node) {
            Some(other) if other != node => {
                self.fail(format!("Election Safety: {other} and {node} lead term {term}"));
            }
            Some(_) => {}
            None => self.leader_completeness(node, raft),
        }
        if let Some((was, length, end)) = before.filter(|before| before.0 == term) {
            let kept = raft.entry(length).map_or(end, |entry| entry.term);
            if last < length || kept != end {
                self.fail(format!("Leader Append-Only: {node} of term {was} changed {length}"));
            }
        }
        self.leading.insert(node, (term, last, last_term));
    }

    fn leader_completeness(&mut self, node: NodeId, raft: &Raft) {
        let first = raft.status().first_index;
        let lacks = self
            .committed
            .range(first..)
            .find(|(index, entry)| raft.entry(**index).is_none_or(|own| own.term != entry.term));
        if let Some((index, entry)) = lacks {
            let text = format!(
                "Leader Completeness: {node} leads term {} without {index} of term {}",
                raft.term(),
                entry.term
            );
            self.fail(text);
        }
    }

    /// Entries that a node holds or sends, after an entry of `prev_term`.
    pub fn log(&mut self, node: NodeId, prev_term: u64, entries: &[Entry]) {
        let mut prev = prev_term;
        for entry in entries {
            let seen = self
                .entries
                .entry((entry.index, entry.term))
                .or_insert_with(|| (entry.data.to_vec(), prev));
            if (&seen.0[..], seen.1) != (&entry.data[..], prev) {
                let text = format!("Log Matching: {node} at {} of {}", entry.index, entry.term);
                return self.fail(text);
            }
            prev = entry.term;
        }
    }

    /// Entries that a node writes down.
    pub fn records(&mut self, node: &Node, records: &[Record]) {
        let Some(raft) = &node.raft else { return };
        for record in records {
            let (Record::Append { entries } | Record::Fill { entries }) = record else { continue };
            let prev = entries[0].index - 1;
            let base = raft.meta_at(prev).map(|meta| meta.term);
            // Of one whose data is lost the disk knows the term.
            let lost = node.holds().find(|at| at.0 == prev && node.has_lost(*at));
            let term = raft.entry(prev).map(|entry| entry.term).or(base);
            let term = term.or(lost.map(|at| at.1));
            self.log(node.config.id, term.unwrap_or(0), entries);
        }
    }

    pub fn commit(&mut self, node: NodeId, entries: &[Entry]) {
        for entry in entries {
            let first = self.committed.entry(entry.index).or_insert_with(|| entry.clone());
            if first != entry {
                let text = format!("State Machine Safety: {node} at {}", entry.index);
                return self.fail(text);
            }
        }
    }

    /// A message leaves: what it promises must be in the journal.
    pub fn leaves(&mut self, node: &Node, message: &Message) {
        let (id, disk) = (node.config.id, &node.durable);
        let last = node.durable_index();
        match &message.body {
            Some(Body::VoteReply(vote)) if vote.granted && !vote.pre => {
                if disk.term < message.term {
                    self.fail(format!(
                        "a vote of {id} in {} leaves before it is durable",
                        message.term
                    ));
                }
                if disk.standing == Standing::Amnesiac {
                    self.fail(format!("{id} votes without memory"));
                }
            }
            Some(Body::RequestVote(ask))
                if !ask.pre && (disk.term < message.term || last < ask.last_index) =>
            {
                self.fail(format!("{id} asks for votes before its own is durable"));
            }
            Some(Body::AppendReply(reply)) if !reply.rejected && last < reply.index => {
                self.fail(format!("{id} acknowledges {} before it is durable", reply.index));
            }
            Some(Body::Append(append)) => self.log(id, append.prev_term, &append.entries),
            _ => {}
        }
    }

    /// Leadership is handed only to a node that holds at least everything that is committed.
    pub fn hand_over(&mut self, from: &Node, to: Option<&Node>, message: &Message) {
        let (Some(Body::TimeoutNow(_)), Some(raft), Some(to)) = (&message.body, &from.raft, to)
        else {
            return;
        };
        let behind = to.durable_index() < raft.commit();
        if behind && to.durable.standing == Standing::Sound {
            self.fail(format!("Transfer: {} has not caught up", to.config.id));
        }
    }

    /// A read begins: it must see everything that is committed anywhere now.
    pub fn read(&mut self, ticket: Ticket) {
        self.reads.insert(ticket, self.committed_index());
    }

    pub fn read_done(&mut self, ticket: Ticket, index: Option<u64>) {
        match (self.reads.remove(&ticket), index) {
            (None, _) => self.fail(format!("{ticket:?} is answered twice")),
            (Some(least), Some(index)) if index < least => {
                self.fail(format!("Linearizable Reads: {ticket:?} at {index}, not {least}"));
            }
            (Some(_), index) => self.reads_done += u64::from(index.is_some()),
        }
    }

    /// The node crashed: its reads will not be answered.
    pub fn forget_reads(&mut self, tickets: impl Iterator<Item = Ticket>) {
        tickets.for_each(|ticket| {
            self.reads.remove(&ticket);
        });
    }
}
