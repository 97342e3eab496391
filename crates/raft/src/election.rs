//! Campaigns: who asks for votes, when, and what they come to. (Raft paper, section 5.2; the
//! pre-vote: dissertation, section 9.6.)
//!
//! ```text
//!             timeout                won                 won
//!   Follower ─────────▶ PreCandidate ────▶ Candidate ────────▶ Leader
//!      ▲                     │    TimeoutNow ──▲  │               │
//!      └──── lost, or a leader or a greater term ─┴───────────────┘
//! ```
//!
//! A candidate asks for votes only when its own vote, and with it its whole log, is durable. A
//! candidate that asked earlier, crashed and asked again in the same term with a shorter log
//! could win with votes that were given to the longer one. If its disk has lost entries, it first
//! asks for those ([`crate::repair`]): until they are back its log is not durable.

use alloc::collections::BTreeMap;

use kernel::{
    Instant, NodeId, Now, Token,
    bug::{Bug, planted},
};

use crate::{
    api::Role,
    durable::Cover,
    leader::Leading,
    message::{Body, RequestVote, TimeoutNow, VoteReply},
    note::{CampaignReason, Note, StepDownReason},
    raft::{Out, Raft},
    start::Standing,
};

/// The votes of the present campaign.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ballot {
    votes: BTreeMap<NodeId, bool>,
    started: Instant,
    transfer: bool,
    /// The write that holds the candidate's own vote, once it is issued.
    token: Option<Token>,
    /// The own vote is durable.
    own: bool,
    /// The votes have been asked for.
    open: bool,
}

impl Raft {
    /// First event. What was heard before a crash is forgotten, so a restarted voter stays with
    /// whoever may lead for one election timeout; a new group need not wait.
    pub(crate) fn on_start(&mut self, now: Now, out: &mut Out) {
        if let Some(first) = self.log.hole() {
            out.note(Note::EntriesLost { first, count: self.log.holes() });
        }
        self.timers.heard = (self.term > 0).then_some(now.instant);
        self.restart_election_timer(now);
        let alone = self.log.membership().has_majority(|node| node == self.config.id);
        if alone && self.may_campaign() {
            self.campaign(now, false, CampaignReason::Alone, out);
        }
    }

    pub(crate) fn is_campaigning(&self) -> bool {
        matches!(self.role, Role::PreCandidate | Role::Candidate)
    }

    /// A leader that removed itself and crashed may hold the only copy of the entry that does
    /// so: it campaigns until a membership without it is committed (dissertation, section 4.2.2).
    fn may_campaign(&self) -> bool {
        let member = self.log.may_decide(self.config.id, self.commit);
        member && self.may_vote() && self.installing.is_none() && self.lead.is_none()
    }

    pub(crate) fn on_election_timeout(&mut self, now: Now, out: &mut Out) {
        if self.role == Role::Candidate && !self.ballot.open {
            self.open_ballot(now, out);
            return self.restart_election_timer(now);
        }
        if !self.may_campaign() {
            return self.restart_election_timer(now);
        }
        let unfit = self.disk.unwell(now) || self.log.hole().is_some();
        if unfit && !self.timers.yielded {
            self.timers.yielded = true;
            return self.restart_election_timer(now);
        }
        self.campaign(now, self.config.pre_vote, CampaignReason::Timeout, out);
    }

    /// The leader hands over: no rehearsal, and voters need not wait it out.
    pub(crate) fn on_timeout_now(&mut self, now: Now, out: &mut Out) {
        if self.may_campaign() {
            self.campaign(now, false, CampaignReason::Transfer, out);
        }
    }

    fn campaign(&mut self, now: Now, pre: bool, reason: CampaignReason, out: &mut Out) {
        let started = match reason {
            CampaignReason::PreVoteWon => self.ballot.started,
            _ => now.instant,
        };
        let transfer = reason == CampaignReason::Transfer;
        self.ballot = Ballot { started, transfer, ..Ballot::default() };
        self.leader = NodeId::NONE;
        self.restart_election_timer(now);
        out.note(Note::BecameCandidate { pre, term: self.term + 1, reason });
        if pre {
            self.role = Role::PreCandidate;
            // Nothing is at stake, so try again sooner than after a real election.
            self.timers.election_at = now.instant + self.timers.patience / 2;
            return self.ask_for_votes(now, out);
        }
        self.role = Role::Candidate;
        self.term += 1;
        self.vote = self.config.id;
        self.disk.staged.hard = true;
        if planted(Bug::VoteBeforeDurable) {
            self.ask_for_votes(now, out);
        }
    }

    /// Counts the candidate's own vote and asks everybody else's.
    fn ask_for_votes(&mut self, now: Now, out: &mut Out) {
        self.ballot.open = true;
        self.ballot.votes.insert(self.config.id, true);
        let pre = self.role == Role::PreCandidate;
        let mut message = self.message(Body::RequestVote(RequestVote {
            pre,
            transfer: self.ballot.transfer,
            last_index: self.log.last(),
            last_term: self.log.last_term(),
        }));
        message.term += u64::from(pre);
        for voter in self.other_voters() {
            out.send(voter, message.clone());
        }
        self.tally(now, out);
    }

    /// The write that holds the own vote was issued.
    pub(crate) fn ballot_issued(&mut self, cover: Cover) {
        let waits = self.role == Role::Candidate && self.ballot.token.is_none();
        if let (true, Cover::After(token)) = (waits, cover) {
            self.ballot.token = Some(token);
        }
    }

    /// A write is durable; perhaps the one that holds the own vote.
    pub(crate) fn ballot_durable(&mut self, now: Now, token: Token, out: &mut Out) {
        self.ballot.own |= self.ballot.token.is_some_and(|own| own <= token);
        self.open_ballot(now, out);
    }

    /// Asks for votes once the own vote and the whole log are durable; before that, for what is
    /// missing.
    pub(crate) fn open_ballot(&mut self, now: Now, out: &mut Out) {
        if self.role != Role::Candidate || !self.ballot.own || self.ballot.open {
            return;
        }
        match self.log.hole() {
            Some(hole) => self.fetch(hole, out),
            None if self.durable() == self.log.last() => self.ask_for_votes(now, out),
            None => {}
        }
    }

    /// Whether it waits for entries before it asks for votes, in a term that is durable.
    pub(crate) fn is_fetching(&self) -> bool {
        self.role == Role::Candidate && self.ballot.own && !self.ballot.open
    }

    pub(crate) fn on_vote_reply(
        &mut self,
        now: Now,
        from: NodeId,
        term: u64,
        reply: VoteReply,
        out: &mut Out,
    ) {
        let fits = match self.role {
            Role::PreCandidate if reply.pre && reply.granted => term == self.term + 1,
            Role::PreCandidate => reply.pre && term == self.term,
            Role::Candidate => !reply.pre && term == self.term,
            _ => false,
        };
        if fits && self.ballot.open {
            self.ballot.votes.insert(from, reply.granted);
            self.tally(now, out);
        }
    }

    fn tally(&mut self, now: Now, out: &mut Out) {
        let group = self.log.membership();
        let votes = &self.ballot.votes;
        let won = group.has_majority(|node| votes.get(&node) == Some(&true));
        let lost = group.has_majority(|node| votes.get(&node) == Some(&false));
        match self.role {
            Role::PreCandidate if won => {
                self.campaign(now, false, CampaignReason::PreVoteWon, out);
            }
            Role::Candidate if won => self.become_leader(now, out),
            _ if lost => self.step_down(now, StepDownReason::Lost, out),
            _ => {}
        }
    }

    fn become_leader(&mut self, now: Now, out: &mut Out) {
        self.role = Role::Leader;
        self.leader = self.config.id;
        self.timers.heartbeat_at = now.instant + self.config.heartbeat;
        self.lead = Some(Leading::new(self, now).into());
        let took = now.instant.since(self.ballot.started);
        out.note(Note::BecameLeader { term: self.term, took });
        self.append_empty();
        self.start_round(now, out);
    }

    /// Stops leading or campaigning, in the same term or in a greater one.
    pub(crate) fn step_down(&mut self, now: Now, reason: StepDownReason, out: &mut Out) {
        let was = self.role;
        if was == Role::Leader {
            self.leader = NodeId::NONE;
        }
        self.role = Role::Follower;
        if let Some(lead) = self.lead.take() {
            self.fail_reads(*lead, out);
            self.restart_election_timer(now);
        }
        if was != Role::Follower {
            out.note(Note::SteppedDown { role: was, term: self.term, reason });
        }
    }

    /// Enters a greater term, with a vote to give and no leader known.
    pub(crate) fn adopt_term(
        &mut self,
        now: Now,
        term: u64,
        reason: StepDownReason,
        out: &mut Out,
    ) {
        self.term = term;
        self.vote = NodeId::NONE;
        self.leader = NodeId::NONE;
        self.disk.staged.hard = true;
        self.step_down(now, reason, out);
    }

    /// Tells the best follower to start an election at once.
    pub(crate) fn send_timeout_now(&mut self, to: NodeId, out: &mut Out) {
        out.send(to, self.message(Body::TimeoutNow(TimeoutNow {})));
    }

    /// Whether this replica's memory is whole.
    pub(crate) fn is_sound(&self) -> bool {
        self.standing == Standing::Sound
    }
}
