//! Handling is total: any bytes, any message, any event, in any role.

use bytes::Bytes;
use kernel::{Effect, Event, Instant, NodeId, Now, Process, Rng, Ticket, TimerId, Token, Wall};
use proptest::prelude::*;
use prost::Message as _;
use raft::{
    Append, AppendReply, Body, Change, Config, Entry, Fetch, Found, Heartbeat, HeartbeatReply,
    Membership, Message, Out, Output, Probe, ProbeReply, Raft, Record, Request, RequestVote,
    SnapshotAck, SnapshotChunk, SnapshotMeta, Start, TimeoutNow, VoteReply,
};

/// Mostly small numbers, now and then an edge.
fn number(rng: &mut Rng) -> u64 {
    let edges = [u64::MAX, u64::MAX - 1, u64::MAX >> 1, (u64::MAX >> 1) + 1, 1 << 32];
    if rng.chance(0.05) { *rng.pick(&edges).unwrap_or(&0) } else { rng.below(6) }
}

fn group(rng: &mut Rng) -> Membership {
    let list = |rng: &mut Rng| (0..rng.below(4)).map(|_| number(rng)).collect();
    let (voters, outgoing, learners, learners_next) = (list(rng), vec![], list(rng), vec![]);
    Membership { voters, outgoing, learners, learners_next }
}

fn entry(rng: &mut Rng, index: u64, term: u64) -> Entry {
    match rng.below(4) {
        0 => Entry::membership(index, term, &group(rng)),
        1 => Entry { kind: number(rng) as i32, ..Entry::empty(index, term) },
        _ => Entry::command(index, term, Bytes::from_static(b"x")),
    }
}

fn append(rng: &mut Rng) -> Append {
    let (prev_index, prev_term) = (number(rng), number(rng));
    let mut term = prev_term;
    let mut entries = Vec::new();
    for offset in 1..=rng.below(4) {
        term = term.saturating_add(rng.below(2));
        let index = if rng.chance(0.05) { number(rng) } else { prev_index.wrapping_add(offset) };
        entries.push(entry(rng, index, term));
    }
    let base = rng.chance(0.3).then(|| Box::new(group(rng)));
    Append { prev_index, prev_term, commit: number(rng), entries, base, probe: rng.chance(0.5) }
}

fn chunk(rng: &mut Rng) -> SnapshotChunk {
    let meta = SnapshotMeta { index: number(rng), term: number(rng), membership: group(rng) };
    SnapshotChunk {
        stream: number(rng),
        meta: rng.chance(0.9).then(|| Box::new(meta)),
        seq: rng.below(3),
        data: Bytes::new(),
        last: rng.chance(0.5),
    }
}

fn body(rng: &mut Rng) -> Body {
    let (a, b, c, d, e) = (number(rng), number(rng), number(rng), number(rng), number(rng) % 3);
    let (yes, also) = (rng.chance(0.5), rng.chance(0.5));
    match rng.below(14) {
        0 => {
            Body::RequestVote(RequestVote { pre: yes, transfer: also, last_index: a, last_term: b })
        }
        1 => Body::VoteReply(VoteReply { pre: yes, granted: also }),
        2 | 3 => Body::Append(append(rng)),
        4 => Body::AppendReply(AppendReply {
            rejected: yes,
            index: a,
            conflict_term: b,
            conflict_index: c,
            amnesia: e,
            unwell: also,
            lost: d,
        }),
        5 => Body::Heartbeat(Heartbeat { round: a, commit: b, acknowledged: c }),
        6 => Body::HeartbeatReply(HeartbeatReply {
            round: a,
            verified: b,
            matched: c,
            amnesia: e,
            unwell: yes,
        }),
        7 => Body::SnapshotChunk(chunk(rng)),
        8 => Body::SnapshotAck(SnapshotAck { stream: a, next: d }),
        9 => Body::TimeoutNow(TimeoutNow {}),
        10 => Body::Probe(Probe { nonce: a }),
        11 => Body::Fetch(Fetch { index: a, term: b }),
        12 => {
            let entries = append(rng).entries;
            Body::Found(Found { index: a, term: b, entries, lacks: yes })
        }
        _ => Body::ProbeReply(ProbeReply { nonce: a, fence: b }),
    }
}

/// A replica and the tokens that it waits for.
struct Victim {
    raft: Raft,
    out: Out,
    tokens: Vec<Token>,
    now: Now,
}

impl Victim {
    fn new(rng: &mut Rng) -> Victim {
        let founders = Membership::new((1..=rng.range(1, 4)).map(NodeId), []);
        let mut start = if rng.chance(0.8) { Start::fresh(founders) } else { Start::joining() };
        if rng.chance(0.3) {
            start.lose(1, rng.range(1, 4), 1);
        }
        let raft = Raft::new(Config::new(NodeId(1)), start, Rng::new(rng.bits()));
        let now = Now { instant: Instant(1_000_000_000), wall: Wall(0) };
        let mut victim = Victim { raft, out: Out::new(), tokens: Vec::new(), now };
        victim.handle(Event::Start);
        victim.settle(rng);
        if rng.chance(0.5) {
            victim.win(rng);
        }
        victim
    }

    /// An election that nobody loses.
    fn win(&mut self, rng: &mut Rng) {
        self.now.instant = self.now.instant + std::time::Duration::from_secs(2);
        self.handle(Event::Timer(TimerId(0)));
        for pre in [true, false] {
            self.settle(rng);
            self.handle(Event::Persisted(Token(u64::MAX)));
            let term = self.raft.term() + u64::from(pre);
            let vote = Body::VoteReply(VoteReply { pre, granted: true });
            for from in (2..6).map(NodeId) {
                let message = Message { term, body: Some(vote.clone()) };
                self.handle(Event::Message { from, message });
            }
        }
        self.settle(rng);
    }

    fn handle(&mut self, event: Event<Message, Request>) {
        self.raft.handle(self.now, event, &mut self.out);
    }

    fn settle(&mut self, rng: &mut Rng) {
        self.raft.settle(self.now, &mut self.out);
        let effects: Vec<_> = self.out.drain().collect();
        for effect in effects {
            match effect {
                Effect::Persist { token, records } => {
                    self.tokens.push(token);
                    for record in records {
                        assert_eq!(Record::decode(record.encode()), Ok(record));
                    }
                }
                Effect::Send { message, .. } => {
                    assert_eq!(Message::decode(&message.encode_to_vec()[..]), Ok(message));
                }
                Effect::Output(Output::SnapshotReceived { meta, last: true, .. }) => {
                    self.raft.snapshot_installed(self.now, &meta, &mut self.out);
                }
                Effect::Output(Output::SnapshotWanted { to, seq, .. }) => {
                    let index = self.raft.commit();
                    if let Some(meta) = self.raft.meta_at(index).filter(|_| rng.chance(0.5)) {
                        let data = Bytes::new();
                        self.raft.snapshot_chunk(
                            self.now,
                            to,
                            meta,
                            seq,
                            data,
                            true,
                            &mut self.out,
                        );
                    } else {
                        self.raft.snapshot_unavailable(self.now, to);
                    }
                }
                Effect::Output(Output::Commit { entries }) => {
                    self.raft.applied(entries.last().map_or(0, |entry| entry.index));
                }
                _ => {}
            }
        }
    }

    fn suffer(&mut self, rng: &mut Rng) {
        match rng.below(12) {
            0 => {
                self.now.instant = self.now.instant
                    + rng.duration(Default::default(), std::time::Duration::from_secs(1))
            }
            1 => self.handle(Event::Timer(TimerId(rng.below(3)))),
            2 | 3 => {
                let token = Token(rng.below(self.tokens.len() as u64 + 2));
                self.handle(Event::Persisted(token));
            }
            4 => self.handle(Event::PersistFailed(Token(rng.below(self.tokens.len() as u64 + 2)))),
            5 => {
                let node = |rng: &mut Rng| NodeId(number(rng));
                let change = Change {
                    voters: (0..rng.below(4)).map(|_| node(rng)).collect(),
                    learners: (0..rng.below(3)).map(|_| node(rng)).collect(),
                };
                let request = match rng.below(4) {
                    0 => Request::Propose(Bytes::from_static(b"y")),
                    1 => Request::Read,
                    2 => Request::Transfer(rng.chance(0.5).then(|| node(rng))),
                    _ => Request::Change(change),
                };
                self.handle(Event::Request { ticket: Ticket(1), request });
            }
            6 => self.raft.compact(number(rng), &mut self.out),
            7 if rng.chance(0.5) => self.win(rng),
            _ => {
                let from = NodeId(number(rng));
                let now = self.raft.term();
                let near = if rng.chance(0.9) { now } else { (now + rng.below(3)).max(1) - 1 };
                let term = if rng.chance(0.98) { near } else { number(rng) };
                let message = Message { term, body: rng.chance(0.99).then(|| body(rng)) };
                self.handle(Event::Message { from, message });
            }
        }
    }
}

#[test]
fn the_victims_play_every_role() {
    let mut leading = 0;
    let mut roles = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut victim = Victim::new(&mut rng);
        for _ in 0..300 {
            victim.suffer(&mut rng);
            victim.settle(&mut rng);
            roles.insert(format!("{:?}", victim.raft.status().role));
            leading += u64::from(victim.raft.is_leader());
        }
    }
    assert_eq!(roles.len(), 4, "{roles:?}");
    assert!(leading > 2_000, "{leading} events met a leader");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_events_in_any_role_are_survived(seed in any::<u64>()) {
        let mut rng = Rng::new(seed);
        let mut victim = Victim::new(&mut rng);
        for _ in 0..300 {
            victim.suffer(&mut rng);
            if rng.chance(0.7) {
                victim.settle(&mut rng);
            }
        }
        let status = victim.raft.status();
        prop_assert!(status.commit <= status.last_index);
        prop_assert!(status.applied <= status.commit);
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Record::decode(&bytes[..]);
        if let Ok(message) = Message::decode(&bytes[..]) {
            let mut victim = Victim::new(&mut Rng::new(1));
            victim.handle(Event::Message { from: NodeId(2), message });
            victim.settle(&mut Rng::new(1));
        }
    }

    #[test]
    fn a_damaged_message_is_survived(seed in any::<u64>(), at in any::<usize>(), with in any::<u8>()) {
        let mut rng = Rng::new(seed);
        let message = Message { term: 1, body: Some(body(&mut rng)) };
        let mut bytes = message.encode_to_vec();
        let at = at % bytes.len();
        bytes[at] ^= with;
        if let Ok(message) = Message::decode(&bytes[..]) {
            let mut victim = Victim::new(&mut rng);
            victim.handle(Event::Message { from: NodeId(2), message });
            victim.settle(&mut rng);
        }
    }
}
