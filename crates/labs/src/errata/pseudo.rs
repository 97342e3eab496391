//! Raft as a page of pseudo-code, right but for at most one published flaw.

use super::act::{Action, Said, Subject, Told, View, bit, members};

/// An error of published pseudo-code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// The log is cut behind the previous entry whatever comes (ERR-02).
    Truncates,
    /// The commit index is bounded by the length of the log (ERR-03).
    CommitsItsLength,
    /// AppendEntries of a higher term changes neither term nor role (ERR-04).
    KeepsItsTerm,
    /// Term, vote and log are plain fields (ERR-05).
    Forgets,
    /// Replicas are counted for entries of any term (ERR-06; Raft, figure 8).
    CountsOldTerms,
    /// More than half of the *others* is taken for a majority (ERR-07).
    HalfIsEnough,
    /// A vote is given to any log (ERR-05).
    IgnoresTheLog,
    /// A write that takes too long is said to have failed (ERR-15).
    SaysFailed,
    /// A leader answers reads without asking anybody (ERR-30).
    ReadsAlone,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    #[default]
    Follower,
    Candidate,
    Leader,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Replica {
    term: u64,
    /// 0 if nobody.
    voted_for: u8,
    log: Vec<(u64, u64)>,
    commit: usize,
    role: Role,
    next: Vec<usize>,
    matched: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Append {
    from: u8,
    to: u8,
    term: u64,
    prev: usize,
    prev_term: u64,
    entries: Vec<(u64, u64)>,
    commit: usize,
}

/// A group of replicas.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pseudo {
    flaw: Option<Flaw>,
    replicas: Vec<Replica>,
    /// Every AppendEntries that was sent: any of them may arrive again.
    sent: Vec<Append>,
    written: u64,
}

impl Pseudo {
    /// A group of so many replicas that know nothing.
    #[must_use]
    pub fn new(nodes: u8, flaw: Option<Flaw>) -> Pseudo {
        let replicas = vec![Replica::default(); usize::from(nodes)];
        Pseudo { flaw, replicas, sent: Vec::new(), written: 0 }
    }

    /// How many AppendEntries were sent.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.sent.len()
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn nodes(&self) -> u8 {
        self.replicas.len() as u8
    }

    fn of(&mut self, node: u8) -> &mut Replica {
        &mut self.replicas[usize::from(node) - 1]
    }

    fn is_majority(&self, votes: usize) -> bool {
        let nodes = self.replicas.len();
        match self.has(Flaw::HalfIsEnough) {
            // votes > len(peers) / 2, where the peers are all others.
            true => votes * 2 > nodes - 1,
            false => votes * 2 > nodes,
        }
    }

    fn elect(&mut self, node: u8, voters: u8, said: &mut Vec<Said>) {
        // Candidacies that fail for their term alone are left out.
        let heard = members(voters).map(|voter| self.of(voter).term).max().unwrap_or(0);
        let me = self.of(node);
        (me.term, me.voted_for, me.role) = (me.term.max(heard) + 1, node, Role::Candidate);
        let (term, last) = (me.term, (last_term(&me.log), me.log.len()));
        let mut votes = 1;
        for voter in members(voters) {
            say(said, node, voter, format!("vote? {term}"));
            let (granted, answer) = self.vote(voter, node, term, last);
            say(
                said,
                voter,
                node,
                if granted { format!("yes {answer}") } else { format!("no {answer}") },
            );
            if self.steps_down(node, answer) {
                return;
            }
            votes += usize::from(granted);
        }
        if self.is_majority(votes) {
            let nodes = self.replicas.len();
            let me = self.of(node);
            me.role = Role::Leader;
            me.next = vec![me.log.len() + 1; nodes];
            me.matched = vec![0; nodes];
        }
    }

    /// Whether a vote is given, and the voter's term.
    fn vote(&mut self, voter: u8, candidate: u8, term: u64, last: (u64, usize)) -> (bool, u64) {
        let blind = self.has(Flaw::IgnoresTheLog);
        let me = self.of(voter);
        if term > me.term {
            (me.term, me.voted_for, me.role) = (term, 0, Role::Follower);
        }
        let current = blind || last >= (last_term(&me.log), me.log.len());
        let free = me.voted_for == 0 || me.voted_for == candidate;
        let granted = term == me.term && free && current;
        if granted {
            me.voted_for = candidate;
        }
        (granted, me.term)
    }

    /// A higher term in an answer.
    fn steps_down(&mut self, node: u8, term: u64) -> bool {
        let keeps = self.has(Flaw::KeepsItsTerm);
        let me = self.of(node);
        let newer = term > me.term && !keeps;
        if newer {
            (me.term, me.voted_for, me.role) = (term, 0, Role::Follower);
        }
        newer
    }

    /// Sends until the follower's log fits, as far back as it takes.
    fn replicate(&mut self, from: u8, to: u8, said: &mut Vec<Said>) {
        while self.append(from, to, false, said) {}
    }

    /// One message and its answer; whether it did not fit, so that an earlier one must be sent.
    fn append(&mut self, from: u8, to: u8, empty: bool, said: &mut Vec<Said>) -> bool {
        let i = usize::from(to) - 1;
        let me = self.of(from);
        let prev = me.next[i] - 1;
        let entries = if empty { Vec::new() } else { me.log[prev..].to_vec() };
        let prev_term = prev.checked_sub(1).map_or(0, |i| me.log[i].0);
        let message =
            Append { from, to, term: me.term, prev, prev_term, entries, commit: me.commit };
        self.sent.push(message.clone());
        say(said, from, to, words(&message));
        let (ok, term, matched) = self.appended(&message);
        say(said, to, from, if ok { format!("ok {matched}") } else { format!("no {term}") });
        if self.steps_down(from, term) || self.of(from).role != Role::Leader {
            return false;
        }
        let me = self.of(from);
        if ok {
            me.matched[i] = me.matched[i].max(matched);
            me.next[i] = me.matched[i] + 1;
            self.advance(from);
            return false;
        }
        me.next[i] = (me.next[i] - 1).max(1);
        prev > 0 && term <= self.of(from).term
    }

    /// A follower takes a message: whether it fits, its term, and up to where it is known to match.
    fn appended(&mut self, message: &Append) -> (bool, u64, usize) {
        let flaw = self.flaw;
        let me = self.of(message.to);
        if message.term < me.term {
            return (false, me.term, 0);
        }
        if flaw != Some(Flaw::KeepsItsTerm) {
            if message.term > me.term {
                (me.term, me.voted_for) = (message.term, 0);
            }
            me.role = Role::Follower;
        }
        let fits = message.prev == 0
            || me.log.get(message.prev - 1).is_some_and(|entry| entry.0 == message.prev_term);
        if !fits {
            return (false, me.term, 0);
        }
        if flaw == Some(Flaw::Truncates) {
            me.log.truncate(message.prev);
        }
        for (i, entry) in (message.prev..).zip(&message.entries) {
            if me.log.get(i).is_some_and(|mine| mine.0 != entry.0) {
                me.log.truncate(i);
            }
            if i >= me.log.len() {
                me.log.push(*entry);
            }
        }
        let matched = message.prev + message.entries.len();
        let known = if flaw == Some(Flaw::CommitsItsLength) { me.log.len() } else { matched };
        me.commit = me.commit.max(message.commit.min(known));
        (true, me.term, matched)
    }

    /// A leader counts who holds what.
    fn advance(&mut self, leader: u8) {
        let (nodes, old) = (self.replicas.len(), self.has(Flaw::CountsOldTerms));
        let me = self.of(leader);
        for place in (me.commit + 1..=me.log.len()).rev() {
            let held = 1 + me.matched.iter().filter(|matched| **matched >= place).count();
            let mine = me.log[place - 1].0 == me.term;
            if held * 2 > nodes && (mine || old) {
                me.commit = place;
                return;
            }
        }
    }

    fn read(&mut self, node: u8, reach: u8, said: &mut Vec<Said>) -> Option<Told> {
        let seen = self.of(node).commit;
        if self.has(Flaw::ReadsAlone) {
            return Some(Told::Read(seen));
        }
        let me = self.of(node);
        // A new leader does not know yet how far its log is committed.
        if seen == 0 || me.log[seen - 1].0 != me.term {
            return None;
        }
        let mut heard = 1;
        for other in members(reach) {
            let term = self.of(node).term;
            say(said, node, other, format!("still leader? {term}"));
            let theirs = self.of(other).term;
            say(said, other, node, format!("{theirs}"));
            if self.steps_down(node, theirs) {
                return None;
            }
            heard += 1;
        }
        self.is_majority(heard).then_some(Told::Read(seen))
    }

    fn give_up(&mut self, node: u8) -> Option<Told> {
        let honest = !self.has(Flaw::SaysFailed);
        let me = self.of(node);
        // What is honest to say is: unknown. That promises nothing.
        if honest { None } else { Some(Told::Failed((last_term(&me.log), me.log.len()))) }
    }

    fn crash(&mut self, node: u8) {
        let forgets = self.has(Flaw::Forgets);
        let me = self.of(node);
        let disk = Replica {
            term: me.term,
            voted_for: me.voted_for,
            log: me.log.clone(),
            ..Replica::default()
        };
        *me = if forgets { Replica::default() } else { disk };
    }

    /// Whether a step makes sense now.
    #[must_use]
    pub fn may(&self, action: Action) -> bool {
        let of = |node: u8| &self.replicas[usize::from(node) - 1];
        let leads = |node: u8| of(node).role == Role::Leader;
        match action {
            Action::Elect { .. } | Action::Crash { .. } => true,
            Action::Write { node } | Action::Read { node, .. } => leads(node),
            Action::Replicate { from, to } => {
                leads(from) && of(from).matched[usize::from(to) - 1] < of(from).log.len()
            }
            Action::Beat { from, .. } => leads(from),
            Action::Late { message } => usize::from(message) < self.sent.len(),
            Action::GiveUp { node } => leads(node) && of(node).log.len() > of(node).commit,
        }
    }
}

impl Subject for Pseudo {
    fn act(&mut self, action: Action, said: &mut Vec<Said>) -> Option<Option<Told>> {
        if !self.may(action) {
            return None;
        }
        Some(match action {
            Action::Elect { node, voters } => {
                self.elect(node, voters & !bit(node) & ((1u16 << self.nodes()) - 1) as u8, said);
                None
            }
            Action::Write { node } => {
                self.written += 1;
                let (id, me) = (self.written, self.of(node));
                me.log.push((me.term, id));
                None
            }
            Action::Replicate { from, to } => {
                self.replicate(from, to, said);
                None
            }
            Action::Beat { from, to } => {
                self.append(from, to, true, said);
                None
            }
            Action::Late { message } => {
                let message = self.sent[usize::from(message)].clone();
                say(said, message.from, message.to, format!("late: {}", words(&message)));
                self.appended(&message);
                None
            }
            Action::Crash { node } => {
                self.crash(node);
                None
            }
            Action::Read { node, reach } => self.read(node, reach & !bit(node), said),
            Action::GiveUp { node } => self.give_up(node),
        })
    }

    fn views(&self) -> Vec<View> {
        let view = |replica: &Replica| View {
            term: replica.term,
            leads: replica.role == Role::Leader,
            stands: replica.role == Role::Candidate,
            log: replica.log.clone(),
            commit: replica.commit.min(replica.log.len()),
        };
        self.replicas.iter().map(view).collect()
    }
}

fn last_term(log: &[(u64, u64)]) -> u64 {
    log.last().map_or(0, |entry| entry.0)
}

fn say(said: &mut Vec<Said>, from: u8, to: u8, text: String) {
    said.push(Said { from, to, text });
}

fn words(message: &Append) -> String {
    let entries = match message.entries.len() {
        0 => "empty".to_owned(),
        1 => format!("entry {}", message.prev + 1),
        n => format!("entries {}–{}", message.prev + 1, message.prev + n),
    };
    format!(
        "append t{}: after {}, {entries}, commit {}",
        message.term, message.prev, message.commit
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(flaw: Option<Flaw>, steps: &[Action]) -> Vec<View> {
        let mut group = Pseudo::new(3, flaw);
        for step in steps {
            assert!(group.act(*step, &mut Vec::new()).is_some(), "{step}");
        }
        group.views()
    }

    #[test]
    fn a_write_is_committed_once_a_majority_holds_it() {
        let elect = Action::Elect { node: 1, voters: bit(2) };
        let (write, replicate) = (Action::Write { node: 1 }, Action::Replicate { from: 1, to: 2 });
        let views = play(None, &[elect, write]);
        assert_eq!((views[0].leads, views[0].commit, views[1].log.len()), (true, 0, 0));
        let views = play(None, &[elect, write, replicate]);
        assert_eq!((views[0].commit, views[1].commit), (1, 0), "the follower learns it later");
        let views = play(None, &[elect, write, replicate, Action::Beat { from: 1, to: 2 }]);
        assert_eq!(views[1].commit, 1);
    }

    #[test]
    fn a_flaw_changes_what_its_name_says() {
        let elect = Action::Elect { node: 1, voters: bit(2) };
        let crash = Action::Crash { node: 2 };
        assert_eq!(play(None, &[elect, crash])[1].term, 1);
        assert_eq!(play(Some(Flaw::Forgets), &[elect, crash])[1].term, 0);
        let alone = Action::Elect { node: 1, voters: 0 };
        assert!(!play(None, &[alone])[0].leads);
    }
}
