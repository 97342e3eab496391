//! Keeps back what must not leave before a token is durable.

use std::collections::{BTreeMap, BTreeSet};

use kernel::Token;

/// Effects by the token that they wait for.
#[derive(Debug)]
pub struct Hold<E> {
    /// The greatest token issued so far.
    newest: Option<Token>,
    outstanding: BTreeSet<Token>,
    failed: BTreeSet<Token>,
    held: BTreeMap<Token, Vec<E>>,
}

/// What to do with an effect.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict<E> {
    /// Carry it out.
    Pass(E),
    /// It is kept, or will never leave.
    Held,
}

impl<E> Default for Hold<E> {
    fn default() -> Hold<E> {
        Hold {
            newest: None,
            outstanding: BTreeSet::new(),
            failed: BTreeSet::new(),
            held: BTreeMap::new(),
        }
    }
}

impl<E> Hold<E> {
    /// A token is on its way to stable storage.
    pub fn issued(&mut self, token: Token) {
        self.newest = self.newest.max(Some(token));
        self.outstanding.insert(token);
    }

    /// Passes an effect whose token is durable (or that needs none), keeps any other.
    pub fn admit(&mut self, after: Option<Token>, effect: E) -> Verdict<E> {
        let Some(token) = after else { return Verdict::Pass(effect) };
        // A token that was not issued yet is not durable either.
        if self.outstanding.contains(&token) || Some(token) > self.newest {
            self.held.entry(token).or_default().push(effect);
            return Verdict::Held;
        }
        if self.failed.contains(&token) { Verdict::Held } else { Verdict::Pass(effect) }
    }

    /// A token is durable: what waited for it, in the order in which it came.
    pub fn done(&mut self, token: Token) -> Vec<E> {
        self.outstanding.remove(&token);
        self.held.remove(&token).unwrap_or_default()
    }

    /// A token will never be durable: what waited for it is dropped.
    pub fn failed(&mut self, token: Token) {
        self.outstanding.remove(&token);
        self.held.remove(&token);
        self.failed.insert(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_wait_for_exactly_their_token() {
        let mut hold = Hold::default();
        hold.issued(Token(1));
        hold.issued(Token(2));
        assert_eq!(hold.admit(None, 'a'), Verdict::Pass('a'));
        assert_eq!(hold.admit(Some(Token(1)), 'b'), Verdict::Held);
        assert_eq!(hold.admit(Some(Token(2)), 'c'), Verdict::Held);
        assert_eq!(hold.admit(Some(Token(1)), 'd'), Verdict::Held);
        assert_eq!(hold.done(Token(1)), ['b', 'd']);
        assert_eq!(hold.admit(Some(Token(1)), 'e'), Verdict::Pass('e'));
        assert_eq!(hold.done(Token(2)), ['c']);
    }

    #[test]
    fn what_rests_on_a_failed_token_never_leaves() {
        let mut hold = Hold::default();
        hold.issued(Token(1));
        assert_eq!(hold.admit(Some(Token(1)), 'a'), Verdict::Held);
        hold.failed(Token(1));
        assert_eq!(hold.admit(Some(Token(1)), 'b'), Verdict::Held);
        assert_eq!(hold.done(Token(1)), []);
    }

    #[test]
    fn a_token_may_be_named_before_it_is_issued() {
        let mut hold = Hold::default();
        assert_eq!(hold.admit(Some(Token(3)), 'a'), Verdict::Held);
        hold.issued(Token(3));
        assert_eq!(hold.done(Token(3)), ['a']);
    }
}
