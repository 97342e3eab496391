//! The laws that every subject is judged by: those of Raft (figure 3 of the paper), and what clients
//! may rely on.

use std::collections::{BTreeMap, BTreeSet};

use super::act::{Told, View};

/// What was seen so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Laws {
    leaders: BTreeMap<u64, usize>,
    /// Every entry that anybody knew to be committed, in order.
    committed: Vec<(u64, u64)>,
    failed: BTreeSet<(u64, usize)>,
    led: BTreeSet<(u64, usize)>,
}

impl Laws {
    /// Looks after a step; the first law that it broke.
    ///
    /// # Errors
    /// The law, and how it was broken.
    pub fn look(&mut self, views: &[View], told: Option<Told>) -> Result<(), String> {
        let before = self.committed.len();
        self.election_safety(views)?;
        self.log_matching(views)?;
        self.state_machine_safety(views)?;
        self.completeness(views)?;
        self.durability(views)?;
        self.clients(told, before)
    }

    fn election_safety(&mut self, views: &[View]) -> Result<(), String> {
        for (node, view) in (1..).zip(views).filter(|(_, view)| view.leads) {
            let first = *self.leaders.entry(view.term).or_insert(node);
            if first != node {
                return Err(format!(
                    "Election Safety: n{first} and n{node} both lead term {}",
                    view.term
                ));
            }
        }
        Ok(())
    }

    fn log_matching(&self, views: &[View]) -> Result<(), String> {
        for (a, one) in views.iter().enumerate() {
            for (b, other) in views.iter().enumerate().skip(a + 1) {
                let same = |i: &usize| one.log[*i].0 == other.log[*i].0;
                let Some(last) = (0..one.log.len().min(other.log.len())).rev().find(same) else {
                    continue;
                };
                if one.log[..=last] != other.log[..=last] {
                    return Err(format!(
                        "Log Matching: n{} and n{} have an entry of one term at place {} and differ before it",
                        a + 1,
                        b + 1,
                        last + 1
                    ));
                }
            }
        }
        Ok(())
    }

    fn state_machine_safety(&mut self, views: &[View]) -> Result<(), String> {
        for (node, view) in (1..).zip(views) {
            for (i, entry) in view.log.iter().take(view.commit).enumerate() {
                match self.committed.get(i) {
                    None => self.committed.push(*entry),
                    Some(other) if other == entry => {}
                    Some(other) => {
                        return Err(format!(
                            "State Machine Safety: n{node} applies the entry of term {} at place {}, \
                             where the entry of term {} had been committed",
                            entry.0,
                            i + 1,
                            other.0
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// A leader has what was committed when it was elected.
    fn completeness(&mut self, views: &[View]) -> Result<(), String> {
        for (node, view) in (1..).zip(views).filter(|(_, view)| view.leads) {
            if !self.led.insert((view.term, node)) {
                continue;
            }
            let lacks = (0..self.committed.len()).find(|i| {
                // Of an older leader it may be that others have committed more since.
                self.committed[*i].0 <= view.term && view.log.get(*i) != Some(&self.committed[*i])
            });
            if let Some(i) = lacks {
                return Err(format!(
                    "Leader Completeness: n{node} leads term {} without the committed entry at place {}",
                    view.term,
                    i + 1
                ));
            }
        }
        Ok(())
    }

    /// What is committed stays in the logs of a majority.
    fn durability(&self, views: &[View]) -> Result<(), String> {
        for (i, entry) in self.committed.iter().enumerate() {
            let held = views.iter().filter(|view| view.log.get(i) == Some(entry)).count();
            if held * 2 <= views.len() {
                return Err(format!(
                    "Durability: the committed entry at place {} is on {held} of {} nodes only: losing them loses it",
                    i + 1,
                    views.len()
                ));
            }
        }
        Ok(())
    }

    fn clients(&mut self, told: Option<Told>, before: usize) -> Result<(), String> {
        match told {
            Some(Told::Read(seen)) if seen < before => Err(format!(
                "Linearizability: a read shows {seen} entries after {before} had been committed"
            )),
            Some(Told::Failed(entry)) => {
                self.failed.insert(entry);
                Ok(())
            }
            _ => match self.failed.iter().find(|(term, place)| {
                self.committed.get(place - 1).is_some_and(|entry| entry.0 == *term)
            }) {
                Some((term, place)) => Err(format!(
                    "Honesty: the write at place {place} of term {term} took effect after its client had been told that it failed"
                )),
                None => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(term: u64, leads: bool, log: &[u64], commit: usize) -> View {
        let log = log.iter().map(|term| (*term, 0)).collect();
        View { term, leads, stands: false, log, commit }
    }

    fn broken(steps: &[Vec<View>]) -> String {
        let mut laws = Laws::default();
        steps.iter().find_map(|views| laws.look(views, None).err()).unwrap_or_default()
    }

    #[test]
    fn each_law_catches_what_breaks_it_and_nothing_else() {
        let good =
            vec![view(1, true, &[1, 1], 2), view(1, false, &[1, 1], 1), view(1, false, &[], 0)];
        assert_eq!(broken(std::slice::from_ref(&good)), "");
        let two = vec![view(1, true, &[], 0), view(1, true, &[], 0)];
        assert!(broken(&[two]).starts_with("Election"));
        let apart = vec![view(2, false, &[1, 2], 0), view(2, false, &[2, 2], 0)];
        assert!(broken(&[apart]).starts_with("Log Matching"));
        let mut other = good.clone();
        other[2] = view(2, false, &[2], 1);
        assert!(broken(&[good.clone(), other]).starts_with("State Machine"));
        let mut short = good.clone();
        short[1] = view(1, false, &[1], 1);
        assert!(broken(&[good.clone(), short]).starts_with("Durability"));
        let mut new = good.clone();
        new[2] = view(2, true, &[], 0);
        assert!(broken(&[good, new]).starts_with("Leader"));
    }

    #[test]
    fn clients_are_not_lied_to() {
        let views = vec![view(1, true, &[1], 1), view(1, false, &[1], 0)];
        let mut laws = Laws::default();
        assert_eq!(laws.look(&views, None), Ok(()));
        assert_eq!(laws.look(&views, Some(Told::Read(1))), Ok(()));
        assert!(laws.look(&views, Some(Told::Read(0))).unwrap_err().starts_with("Linear"));
        let mut laws = Laws::default();
        assert_eq!(laws.look(&[view(1, true, &[1], 0)], Some(Told::Failed((1, 1)))), Ok(()));
        assert!(laws.look(&views, None).unwrap_err().starts_with("Honesty"));
    }
}
