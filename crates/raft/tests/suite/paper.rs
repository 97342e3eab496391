//! The Raft paper, sentence by sentence: "In Search of an Understandable Consensus Algorithm
//! (Extended Version)", Ongaro and Ousterhout, 2014. Each test names the section or figure whose
//! statement it checks, in our words.

use std::time::Duration;

use kernel::{NodeId, Ticket};
use raft::{
    Append, AppendReply, Body, Change, Entry, Heartbeat, Output, Refusal, RequestVote, Role,
    VoteReply,
};

use crate::stage::Stage;

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

fn plain(config: &mut raft::Config) {
    (config.pre_vote, config.lease) = (false, false);
}

/// Three nodes with these logs, in this term, past the time in which restarted voters wait.
fn with_logs(logs: [&[u64]; 3], term: u64) -> Stage {
    let mut stage = Stage::new(3, plain);
    for (id, log) in (1..).zip(logs) {
        stage.give_log(NodeId(id), log);
        stage.give_term(NodeId(id), term, NodeId::NONE);
    }
    stage.start_all();
    stage.advance(Duration::from_millis(300));
    stage
}

/// A bystander that hears a made-up leader or candidate of `term`.
fn bystander(log: &[u64], term: u64) -> Stage {
    with_logs([log, &[], &[]], term)
}

fn ask(last_index: u64, last_term: u64) -> Body {
    Body::RequestVote(RequestVote { last_index, last_term, ..RequestVote::default() })
}

fn append(prev: (u64, u64), terms: &[u64], commit: u64) -> Body {
    let entry = |(i, term): (u64, &u64)| Entry::command(i, *term, format!("{i}of{term}").into());
    let entries = (prev.0 + 1..).zip(terms).map(entry).collect();
    let (prev_index, prev_term) = prev;
    Body::Append(Append { prev_index, prev_term, commit, entries, base: None, probe: true })
}

/// The last thing that node 1 said.
fn answer(stage: &Stage) -> (u64, Body) {
    let said = stage.wire.iter().rev().find(|(from, ..)| *from == N1);
    let (_, _, message) = said.expect("it answered");
    (message.term, message.body.clone().expect("it said something"))
}

fn granted(stage: &Stage) -> bool {
    matches!(answer(stage).1, Body::VoteReply(VoteReply { granted: true, .. }))
}

fn terms(stage: &Stage, id: NodeId) -> Vec<u64> {
    let raft = stage.raft(id);
    (1..=raft.last_index()).map(|index| raft.entry(index).map_or(0, |e| e.term)).collect()
}

#[test]
fn figure_2_rpcs_1_a_request_of_an_old_term_is_refused_with_the_current_one() {
    for body in [ask(9, 9), append((0, 0), &[1], 0)] {
        let mut stage = bystander(&[1], 3);
        stage.send(2, N1, 2, body);
        let (term, body) = answer(&stage);
        assert_eq!(term, 3);
        let refused = matches!(
            body,
            Body::VoteReply(VoteReply { granted: false, .. })
                | Body::AppendReply(AppendReply { rejected: true, .. })
        );
        assert!(refused, "{body:?}");
    }
}

#[test]
fn figure_2_all_servers_a_greater_term_is_adopted_and_makes_a_follower() {
    let bodies = [ask(0, 0), append((0, 0), &[], 0), Body::AppendReply(AppendReply::default())];
    for body in bodies {
        let mut stage = Stage::led(3, |config| {
            plain(config);
            config.check_quorum = false;
        });
        let leads = matches!(body, Body::RequestVote(_));
        let from = if leads { N3 } else { N1 };
        assert_eq!(stage.raft(N1).term(), 1);
        stage.crash(N2);
        let to = if leads { N3 } else { N1 };
        stage.send(2, to, 7, body);
        assert_eq!((stage.raft(to).term(), stage.raft(to).is_leader()), (7, false), "{from}");
    }
}

#[test]
fn figure_2_vote_2_first_come_first_served_one_vote_per_term() {
    let mut stage = bystander(&[], 1);
    stage.send(2, N1, 2, ask(0, 0));
    assert!(granted(&stage));
    stage.send(3, N1, 2, ask(5, 1));
    assert!(!granted(&stage), "the vote is given");
    stage.send(2, N1, 2, ask(0, 0));
    assert!(granted(&stage), "the same candidate may ask again");
}

#[test]
fn section_5_1_the_vote_and_the_term_survive_a_crash() {
    let mut stage = bystander(&[], 1);
    stage.send(2, N1, 2, ask(0, 0));
    stage.crash(N1);
    stage.start(N1);
    stage.advance(Duration::from_millis(300));
    stage.send(3, N1, 2, ask(0, 0));
    assert!(!granted(&stage));
    assert_eq!(stage.raft(N1).term(), 2);
}

#[test]
fn figure_2_a_vote_leaves_only_when_it_is_durable() {
    let mut stage = bystander(&[], 1);
    stage.held.insert(N1);
    stage.send(2, N1, 2, ask(0, 0));
    assert!(stage.wire.is_empty());
    stage.write(N1, true);
    assert!(granted(&stage));
}

#[test]
fn section_5_4_1_a_voter_refuses_a_candidate_whose_log_is_less_complete() {
    let cases: [(&[u64], u64, u64, bool); 6] = [
        (&[1], 1, 1, true),
        (&[1], 2, 1, true),
        (&[1, 1], 1, 1, false),
        (&[1, 1], 1, 2, true),
        (&[2], 2, 1, false),
        (&[1, 2], 9, 1, false),
    ];
    for (log, last_index, last_term, expected) in cases {
        let mut stage = bystander(log, 2);
        stage.send(2, N1, 3, ask(last_index, last_term));
        assert_eq!(granted(&stage), expected, "{log:?} asked by {last_index}@{last_term}");
    }
}

#[test]
fn section_5_2_a_follower_that_hears_nothing_becomes_a_candidate_of_the_next_term() {
    let mut stage = bystander(&[], 1);
    stage.campaign(N1);
    assert_eq!(stage.nodes[&N1].role, Role::Candidate);
    assert_eq!(stage.raft(N1).term(), 2);
    let asked: Vec<_> = stage.wire.iter().map(|(_, to, _)| *to).collect();
    assert_eq!(asked, [N2, N3], "everybody else is asked");
}

#[test]
fn section_5_2_a_heartbeat_or_a_vote_restarts_the_patience() {
    let heartbeat = Body::Heartbeat(Heartbeat::default());
    for (body, term) in [(heartbeat, 1), (ask(0, 0), 2)] {
        let mut stage = bystander(&[], 1);
        stage.advance(Duration::from_millis(400));
        stage.send(2, N1, term, body);
        stage.handle(N1, kernel::Event::Timer(crate::stage::ELECTION));
        assert_eq!(stage.nodes[&N1].role, Role::Follower);
    }
}

#[test]
fn section_5_2_a_majority_of_votes_makes_a_leader_which_speaks_at_once() {
    let mut stage = with_logs([&[], &[], &[]], 1);
    stage.campaign(N1);
    stage.wire.clear();
    stage.send(2, N1, 2, Body::VoteReply(VoteReply { pre: false, granted: true }));
    assert!(stage.raft(N1).is_leader());
    let to: Vec<_> = stage.wire.iter().map(|(_, to, _)| *to).collect();
    assert!(to.contains(&N2) && to.contains(&N3));
}

#[test]
fn section_5_2_a_candidate_that_hears_a_leader_of_its_term_follows_it() {
    let mut stage = bystander(&[], 1);
    stage.campaign(N1);
    stage.send(2, N1, 2, append((0, 0), &[2], 0));
    assert_eq!(stage.nodes[&N1].role, Role::Follower);
    assert_eq!(stage.raft(N1).leader(), N2);
}

#[test]
fn section_5_2_a_split_vote_ends_with_a_new_election_in_a_greater_term() {
    let mut stage = bystander(&[], 1);
    stage.campaign(N1);
    stage.send(2, N1, 2, Body::VoteReply(VoteReply { pre: false, granted: false }));
    assert_eq!(stage.nodes[&N1].role, Role::Candidate);
    stage.campaign(N1);
    assert_eq!((stage.nodes[&N1].role, stage.raft(N1).term()), (Role::Candidate, 3));
}

#[test]
fn section_5_2_patience_is_random_within_once_and_twice_the_timeout() {
    let config = raft::Config::new(N1);
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let founders = raft::Membership::new([N1, N2, N3], []);
        let mut raft =
            raft::Raft::new(config.clone(), raft::Start::fresh(founders), kernel::Rng::new(seed));
        let mut out = raft::Out::new();
        let now = kernel::Now::default();
        kernel::Process::handle(&mut raft, now, kernel::Event::Start, &mut out);
        kernel::Process::settle(&mut raft, now, &mut out);
        for effect in out.drain() {
            if let kernel::Effect::SetTimer { at, .. } = effect {
                let patience = at.since(now.instant);
                assert!(patience >= config.election_timeout);
                assert!(patience <= config.election_timeout * 2);
                seen.insert(patience);
            }
        }
    }
    assert!(seen.len() > 40, "they differ");
}

#[test]
fn figure_2_append_2_an_append_that_does_not_fit_is_refused_and_changes_nothing() {
    for prev in [(3, 1), (2, 2)] {
        let mut stage = bystander(&[1, 1], 3);
        stage.send(2, N1, 3, append(prev, &[3], 9));
        assert!(matches!(answer(&stage).1, Body::AppendReply(AppendReply { rejected: true, .. })));
        assert_eq!((terms(&stage, N1), stage.raft(N1).commit()), (vec![1, 1], 0));
    }
}

#[test]
fn figure_2_append_3_a_conflicting_entry_goes_with_all_that_follow_it() {
    let mut stage = bystander(&[1, 1, 2, 2], 3);
    stage.send(2, N1, 3, append((2, 1), &[3], 0));
    assert_eq!(terms(&stage, N1), [1, 1, 3]);
}

#[test]
fn figure_2_append_3_what_does_not_conflict_stays() {
    let mut stage = bystander(&[1, 1, 1], 3);
    stage.send(2, N1, 3, append((0, 0), &[1], 0));
    assert_eq!(terms(&stage, N1), [1, 1, 1], "a late, short append truncates nothing");
}

#[test]
fn figure_2_append_4_new_entries_are_appended_and_acknowledged_when_durable() {
    let mut stage = bystander(&[1], 3);
    stage.held.insert(N1);
    stage.send(2, N1, 3, append((1, 1), &[3, 3], 0));
    assert_eq!(terms(&stage, N1), [1, 3, 3]);
    let holds = |stage: &Stage| match answer(stage).1 {
        Body::AppendReply(reply) if !reply.rejected => reply.index,
        other => panic!("{other:?}"),
    };
    assert_eq!(holds(&stage), 1);
    stage.write(N1, true);
    assert_eq!(holds(&stage), 3);
}

#[test]
fn figure_2_append_5_commit_is_the_lesser_of_the_leaders_and_the_last_new_entry() {
    for (leader_commit, expected) in [(1, 1), (2, 2), (9, 2)] {
        let mut stage = bystander(&[1, 1, 1], 3);
        stage.send(2, N1, 3, append((1, 1), &[1], leader_commit));
        assert_eq!(stage.raft(N1).commit(), expected);
    }
}

#[test]
fn section_5_3_entries_are_committed_once_a_majority_holds_them_and_applied_in_order() {
    let mut stage = Stage::led(3, plain);
    assert_eq!(stage.propose(N1, "a"), Ok((2, 1)));
    assert_eq!(stage.raft(N1).commit(), 1);
    stage.deliver_one(|from, to| (from, to) == (N1, N2));
    stage.deliver_one(|from, to| (from, to) == (N2, N1));
    assert_eq!(stage.raft(N1).commit(), 2);
    stage.settle();
    for id in [N1, N2, N3] {
        let order: Vec<_> = stage.committed[&id].iter().map(|entry| entry.index).collect();
        assert_eq!(order, [1, 2], "{id}");
    }
}

#[test]
fn section_5_3_a_leader_never_overwrites_its_own_log() {
    let mut stage = Stage::led(3, plain);
    stage.propose(N1, "a").expect("it leads");
    let before = terms(&stage, N1);
    stage.send(2, N1, 1, append((0, 0), &[1], 0));
    assert_eq!(terms(&stage, N1), before);
}

#[test]
fn section_5_3_a_new_leader_starts_after_its_log_and_goes_back_until_they_agree() {
    let mut stage = with_logs([&[1, 1, 2, 2, 3], &[1, 1, 1, 1], &[1]], 3);
    stage.campaign(N1);
    stage.deliver_one(|_, to| to == N2);
    stage.deliver_one(|_, to| to == N3);
    stage.deliver_one(|_, to| to == N1);
    let first = stage.wire.iter().find_map(|(_, _, message)| match &message.body {
        Some(Body::Append(append)) => Some(append.prev_index),
        _ => None,
    });
    assert_eq!(first, Some(5));
    stage.settle();
    assert_eq!(terms(&stage, N2), [1, 1, 2, 2, 3, 4]);
    assert_eq!(terms(&stage, N3), [1, 1, 2, 2, 3, 4]);
}

#[test]
fn section_5_3_one_round_trip_per_conflicting_term() {
    let mut stage = with_logs([&[1, 4, 4], &[1, 2, 2, 2, 2, 2, 3, 3, 3, 3], &[1, 4, 4]], 4);
    stage.campaign(N1);
    stage.settle();
    let refusals =
        stage.lines.iter().filter(|line| line.contains("n2 → n1") && line.contains("refuses"));
    assert!(refusals.count() <= 2);
    assert_eq!(terms(&stage, N2), [1, 4, 4, 5]);
}

#[test]
fn section_5_4_2_an_entry_of_an_old_term_is_committed_only_with_one_of_this_term() {
    let mut stage = with_logs([&[1, 2], &[1, 2], &[1]], 2);
    stage.campaign(N1);
    stage.settle();
    assert_eq!(stage.raft(N1).commit(), 3, "with the leader's own first entry");
    let mut small = Stage::new(3, |config| {
        plain(config);
        config.append_bytes_max = kernel::limit::Bytes(1);
    });
    small.give_log(N1, &[1, 2]);
    small.give_term(N1, 2, NodeId::NONE);
    small.start_all();
    small.advance(Duration::from_millis(300));
    small.campaign(N1);
    while small.raft(N1).commit() == 0 && small.deliver_one(|_, to| to != N3) {
        assert_ne!(small.raft(N1).commit(), 2, "entry 2 is of an old term");
    }
    assert_eq!(small.raft(N1).commit(), 3);
}

#[test]
fn figure_3_state_machine_safety_in_a_leader_change_without_commit() {
    let mut stage = Stage::led(3, plain);
    stage.cuts.extend([(N1, N2), (N1, N3)]);
    stage.propose(N1, "lost").expect("it leads");
    stage.advance(Duration::from_millis(300));
    stage.campaign(N2);
    stage.settle();
    stage.propose(N2, "kept").expect("it leads");
    stage.settle();
    stage.cuts.clear();
    stage.heartbeat(N2);
    stage.settle();
    let data = |id| stage.committed[&id].iter().map(|e| e.data.clone()).collect::<Vec<_>>();
    assert_eq!(data(N1), data(N2));
    assert!(data(N1).contains(&"kept".into()) && !data(N1).contains(&"lost".into()));
}

#[test]
fn section_5_5_requests_are_idempotent() {
    let mut stage = bystander(&[], 1);
    stage.send(2, N1, 1, append((0, 0), &[1, 1], 1));
    let before = stage.raft(N1).status();
    stage.send(2, N1, 1, append((0, 0), &[1, 1], 1));
    assert_eq!(stage.raft(N1).status(), before);
}

#[test]
fn section_6_a_change_of_voters_takes_a_joint_entry_and_a_second_one() {
    let mut stage = Stage::led(3, plain);
    let change = Change { voters: vec![N1, N2], learners: vec![] };
    assert_eq!(stage.call(N1, |raft, now, _| raft.change(now, change)), Ok((2, 1)));
    assert!(stage.raft(N1).membership().is_joint(), "in force as soon as it is in the log");
    let again = Change { voters: vec![N1], learners: vec![] };
    let refused = stage.call(N1, |raft, now, _| raft.change(now, again));
    assert_eq!(refused, Err(Refusal::ChangePending));
    stage.settle();
    assert_eq!(*stage.raft(N2).membership(), raft::Membership::new([N1, N2], []));
    assert_eq!(stage.raft(N1).last_index(), 3);
}

#[test]
fn section_6_a_leader_that_is_not_part_of_the_new_group_steps_down_when_it_is_committed() {
    let mut stage = Stage::led(3, plain);
    let change = Change { voters: vec![N2, N3], learners: vec![] };
    stage.call(N1, |raft, now, _| raft.change(now, change)).expect("it leads");
    assert!(stage.raft(N1).is_leader(), "it manages a group that it is not part of");
    stage.settle();
    assert!(!stage.raft(N1).is_leader());
    assert!(stage.raft(N2).is_leader() || stage.raft(N3).is_leader());
}

#[test]
fn section_6_a_new_voter_catches_up_as_a_learner_first() {
    let mut stage = Stage::led(3, plain);
    let change = Change { voters: vec![N1, N2, N3, NodeId(4)], learners: vec![] };
    let refused = stage.call(N1, |raft, now, _| raft.change(now, change));
    assert_eq!(refused, Err(Refusal::NotCaughtUp { node: NodeId(4) }));
}

#[test]
fn section_6_a_voter_that_hears_a_leader_lets_no_candidate_disturb_it() {
    let mut stage = Stage::led(3, plain);
    stage.send(9, N2, 50, ask(99, 49));
    assert_eq!(stage.raft(N2).term(), 1);
    stage.advance(Duration::from_millis(300));
    stage.send(9, N2, 50, ask(99, 49));
    assert_eq!(stage.raft(N2).term(), 50);
}

#[test]
fn section_8_a_leader_begins_its_term_with_an_empty_entry() {
    let stage = Stage::led(3, plain);
    let first = stage.raft(N1).entry(1).expect("it is there");
    assert_eq!(first.kind(), raft::EntryKind::Empty);
}

#[test]
fn section_8_a_read_waits_until_the_leader_has_committed_in_its_term() {
    let mut stage = with_logs([&[1], &[1], &[1]], 1);
    stage.campaign(N1);
    while !stage.raft(N1).is_leader() && stage.deliver_one(|_, _| true) {}
    let early = stage.call(N1, |raft, now, out| raft.read_index(now, Ticket(1), out));
    assert_eq!(early, Err(Refusal::Unready));
    stage.settle();
    let later = stage.call(N1, |raft, now, out| raft.read_index(now, Ticket(2), out));
    assert_eq!(later, Ok(()));
}

#[test]
fn section_8_a_read_is_answered_only_after_a_majority_confirmed_the_leader() {
    let mut stage = Stage::led(3, plain);
    stage.call(N1, |raft, now, out| raft.read_index(now, Ticket(1), out)).expect("it leads");
    assert!(stage.reads.is_empty());
    stage.deliver_one(|_, to| to == N2);
    stage.deliver_one(|_, to| to == N1);
    assert_eq!(stage.reads, [(Ticket(1), Some(1))]);
}

#[test]
fn section_8_two_reads_of_a_batch_share_a_round() {
    let mut stage = Stage::led(3, plain);
    stage.call(N1, |raft, now, out| {
        raft.read_index(now, Ticket(1), out).expect("it leads");
        raft.read_index(now, Ticket(2), out).expect("it leads");
        assert!(
            !out.as_slice()
                .iter()
                .any(|e| matches!(e, kernel::Effect::Output(Output::ReadReady { .. })))
        );
    });
    assert_eq!(stage.wire.len(), 2, "one heartbeat per follower");
    stage.settle();
    assert_eq!(stage.reads.len(), 2);
}
