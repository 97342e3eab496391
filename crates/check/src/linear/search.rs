//! Is there an order? A depth-first search that never visits the same situation twice.
//!
//! ```text
//!     time ─────────────────────────────►
//!     p0   [ write 1 ]      [ read 2 ]
//!     p1        [ write 2 ]
//!          └── enabled ──┘ first return: one of the enabled calls must be placed before it
//! ```
//!
//! The search of Wing and Gong (JPDC 1993) as Lowe made it practical (CCPE 2017): place one
//! enabled call after the other, take the last one back at a dead end, and remember every pair of
//! (placed calls, state) that led nowhere. Four observations cut it down; none loses an order:
//!
//! * A read that fits now can be placed now: it disturbs nobody.
//! * Of two enabled calls that do the same and saw the same, the one that returns first goes
//!   first: any order with the other first stays an order when the two change places.
//! * A change of unknown outcome is placed only where the next call observes it (see
//!   [`super::model::Content`]).
//! * Who used up fewer calls of unknown outcome can do all that others can (see
//!   [`super::memory`]).
//!
//! A situation is remembered by 128 random-looking bits, which the placed calls and the state
//! determine, instead of a set of a million bits. Two different situations share them with a
//! probability below 2^-70 in the largest search that fits into memory.

use std::collections::BTreeMap;

use super::events::Events;
use super::memory::Memory;
use super::model::{Call, Model};
use crate::limits::{Meter, Stop};

/// What the search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// An order that explains everything.
    Order,
    /// None. This call (by index) is the first, in the order of completions, that cannot have
    /// completed as it did: everything that completed earlier can be explained.
    Stuck(usize),
}

/// Searches for an order of these calls, sorted by start.
pub(crate) fn search<M: Model>(
    model: &M,
    calls: &[Call<M::Act>],
    meter: &mut Meter<'_>,
) -> Result<Found, Stop> {
    Search::new(model, calls).run(meter)
}

/// Calls of unknown outcome that do the same; the one that began first is always tried first.
struct Unknown {
    class: u32,
    calls: Vec<u32>,
    placed: usize,
}

struct Frame<S> {
    state: S,
    trail: usize,
    choices: usize,
    next: usize,
}

struct Search<'a, M: Model> {
    model: &'a M,
    calls: &'a [Call<M::Act>],
    events: Events,
    class: Vec<u32>,
    unknown: Vec<Unknown>,
    /// Which of `unknown` holds a class.
    unknown_of: BTreeMap<u32, usize>,
    state: M::State,
    print: u128,
    trail: Vec<u32>,
    frames: Vec<Frame<M::State>>,
    choices: Vec<u32>,
    memory: Memory,
    furthest: Option<u32>,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(model: &'a M, calls: &'a [Call<M::Act>]) -> Search<'a, M> {
        let mut classes = BTreeMap::new();
        let mut class = Vec::with_capacity(calls.len());
        let mut unknown: Vec<Unknown> = Vec::new();
        let mut unknown_of = BTreeMap::new();
        for (index, call) in calls.iter().enumerate() {
            let fresh = classes.len() as u32;
            let id = *classes.entry(call.act).or_insert(fresh);
            class.push(id);
            if call.open() {
                let at = *unknown_of.entry(id).or_insert_with(|| {
                    unknown.push(Unknown { class: id, calls: Vec::new(), placed: 0 });
                    unknown.len() - 1
                });
                unknown[at].calls.push(index as u32);
            }
        }
        Search {
            model,
            calls,
            events: Events::new(calls),
            class,
            memory: Memory::new(unknown.len()),
            unknown,
            unknown_of,
            state: model.initial(),
            print: 0,
            trail: Vec::new(),
            frames: Vec::new(),
            choices: Vec::new(),
            furthest: None,
        }
    }

    fn run(mut self, meter: &mut Meter<'_>) -> Result<Found, Stop> {
        loop {
            self.settle();
            let Some(blocking) = self.events.first_return() else { return Ok(Found::Order) };
            self.reach(blocking);
            let used = self.unknown.iter().map(|group| group.placed);
            if self.memory.enter(self.print ^ mix(M::code(self.state)), used) {
                if self.memory.bytes() as u64 > meter.bytes_max() {
                    self.memory.forget();
                }
                meter.spend()?;
                let frame = Frame {
                    state: self.state,
                    trail: self.trail.len(),
                    choices: self.choices.len(),
                    next: self.choices.len(),
                };
                self.frames.push(frame);
                self.choose(blocking);
            }
            if !self.advance() {
                return Ok(Found::Stuck(self.furthest.unwrap_or(blocking) as usize));
            }
        }
    }

    /// Places every enabled read that fits.
    fn settle(&mut self) {
        loop {
            let fits = |&call: &u32| {
                let act = self.calls[call as usize].act;
                M::reads(act) && self.model.step(self.state, act, false).is_some()
            };
            let Some(call) = self.events.enabled().find(fits) else { return };
            self.place(call);
        }
    }

    /// Pushes the calls that could be placed next, the most urgent on top of the order.
    fn choose(&mut self, blocking: u32) {
        let start = self.choices.len();
        let calls = self.calls;
        for call in self.events.enabled() {
            let act = calls[call as usize].act;
            if M::reads(act) || self.model.step(self.state, act, false).is_none() {
                continue;
            }
            let same =
                |&&mut other: &&mut u32| self.class[other as usize] == self.class[call as usize];
            match self.choices[start..].iter_mut().find(same) {
                Some(other) if calls[*other as usize].end <= calls[call as usize].end => {}
                Some(other) => *other = call,
                None => self.choices.push(call),
            }
        }
        self.choices[start..].sort_by_key(|&call| calls[call as usize].end);
        let known = self.choices.len();
        for group in &self.unknown {
            let Some(&call) = group.calls.get(group.placed) else { continue };
            let Call { start: begins, act, .. } = calls[call as usize];
            let twin = |&other: &u32| self.class[other as usize] == group.class;
            if begins < calls[blocking as usize].end
                && self.model.step(self.state, act, true).is_some()
                && !self.choices[start..known].iter().any(twin)
            {
                self.choices.push(call);
            }
        }
    }

    /// Places the next untried choice, going back as far as necessary.
    fn advance(&mut self) -> bool {
        while let Some(frame) = self.frames.last_mut() {
            let (state, trail, next) = (frame.state, frame.trail, frame.next);
            frame.next += 1;
            let choices = frame.choices;
            while self.trail.len() > trail {
                self.take_back();
            }
            self.state = state;
            if let Some(&call) = self.choices.get(next) {
                self.place(call);
                return true;
            }
            self.choices.truncate(choices);
            self.frames.pop();
        }
        false
    }

    fn place(&mut self, call: u32) {
        let Call { act, .. } = self.calls[call as usize];
        let open = self.calls[call as usize].open();
        if let Some(state) = self.model.step(self.state, act, open) {
            self.state = state;
        }
        self.trail.push(call);
        self.stamp(call, open);
        if open {
            self.unknown[self.unknown_of[&self.class[call as usize]]].placed += 1;
        } else {
            self.events.lift(call);
        }
    }

    fn take_back(&mut self) {
        let Some(call) = self.trail.pop() else { return };
        let open = self.calls[call as usize].open();
        self.stamp(call, open);
        if open {
            self.unknown[self.unknown_of[&self.class[call as usize]]].placed -= 1;
        } else {
            self.events.unlift(call);
        }
    }

    /// Adds a call to the print of what is placed, or takes it out.
    fn stamp(&mut self, call: u32, open: bool) {
        if !open || self.memory.exact() {
            self.print ^= mix(u64::from(call) | 1 << 63);
        }
    }

    /// Remembers how far any order got.
    fn reach(&mut self, blocking: u32) {
        let end = |call: u32| self.calls[call as usize].end;
        if self.furthest.is_none_or(|so_far| end(so_far) < end(blocking)) {
            self.furthest = Some(blocking);
        }
    }
}

/// 128 random-looking bits of a number (two rounds of SplitMix64).
fn mix(number: u64) -> u128 {
    let scramble = |salt: u64| {
        let mut z = number.wrapping_add(salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    u128::from(scramble(0x243f_6a88_85a3_08d3)) << 64 | u128::from(scramble(0x1319_8a2e_0370_7344))
}
