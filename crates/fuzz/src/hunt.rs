//! Runs a target for a while, and says what is needed to see a failure again.

use std::{
    fmt::Write,
    panic,
    sync::{Mutex, Once, PoisonError},
    time::{Duration, Instant},
};

use kernel::Rng;

use crate::{MEMORY, Target, ambient, draw, mutate::mutate};

/// No input may take longer; checked beside the run, so that endless ones are seen as well.
const SLOW: Duration = Duration::from_secs(20);

/// What is being fed.
#[derive(Clone, Debug)]
struct Case {
    target: &'static str,
    seed: u64,
    number: u64,
    bytes: Vec<u8>,
    since: Instant,
}

static CASE: Mutex<Option<Case>> = Mutex::new(None);

impl Case {
    fn text(&self) -> String {
        let mut hex = String::with_capacity(2 * self.bytes.len());
        for byte in &self.bytes {
            let _ = write!(hex, "{byte:02x}");
        }
        format!(
            "target {}, seed {}, input {} of {} bytes:\n{hex}\n\
             again: cargo run --release -p fuzz -- --seed {} --number {} {}\n",
            self.target,
            self.seed,
            self.number,
            self.bytes.len(),
            self.seed,
            self.number,
            self.target,
        )
    }
}

fn current() -> String {
    let case = CASE.lock().unwrap_or_else(PoisonError::into_inner);
    case.as_ref().map_or_else(String::new, Case::text)
}

/// What came of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Inputs fed.
    pub inputs: u64,
    /// Inputs that decoded.
    pub accepted: u64,
    /// Inputs that were refused.
    pub refused: u64,
    /// How long it took.
    pub took: Duration,
    /// The most that one input made the decoders allocate, in bytes.
    pub memory_max: usize,
}

/// A run over many inputs.
#[derive(Debug)]
pub struct Hunt {
    seed: u64,
    _watch: ambient::Watch,
}

impl Hunt {
    /// Prepares runs with this seed. A panic, and an input that takes too long, are reported with
    /// the input from now on.
    #[must_use]
    pub fn new(seed: u64) -> Hunt {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                before(info);
                eprintln!("{}", current());
            }));
        });
        let watch = ambient::watch(Duration::from_secs(1), || {
            let case = CASE.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(case) = case.as_ref().filter(|case| case.since.elapsed() > SLOW) {
                eprintln!("an input takes more than {SLOW:?}: {}", case.text());
                std::process::abort();
            }
        });
        Hunt { seed, _watch: watch }
    }

    /// Feeds inputs for so long.
    ///
    /// # Errors
    /// The first law that was broken, with the input.
    pub fn run(&self, target: &Target, lasts: Duration) -> Result<Figures, String> {
        let began = ambient::now();
        let mut figures = Figures::default();
        while figures.took < lasts {
            let number = figures.inputs;
            let (accepted, memory) = self.one(target, number)?;
            figures.inputs += 1;
            *if accepted { &mut figures.accepted } else { &mut figures.refused } += 1;
            figures.memory_max = figures.memory_max.max(memory);
            figures.took = began.elapsed();
        }
        *CASE.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(figures)
    }

    /// Feeds one input; tells whether it was accepted and what it took in memory, in bytes.
    ///
    /// # Errors
    /// The law that was broken, with the input.
    pub fn one(&self, target: &Target, number: u64) -> Result<(bool, usize), String> {
        let bytes = input(target, self.seed, number);
        let case = Case {
            target: target.name,
            seed: self.seed,
            number,
            bytes: bytes.clone(),
            since: ambient::now(),
        };
        *CASE.lock().unwrap_or_else(PoisonError::into_inner) = Some(case);
        judge(target, &bytes).map_err(|broken| format!("{broken}\n{}", current()))
    }
}

/// The input of a seed and a number: one in sixteen as the encoder made it, one in sixteen noise.
#[must_use]
pub fn input(target: &Target, seed: u64, number: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed).fork(target.name).fork(&number.to_string());
    let kind = rng.below(16);
    if kind == 1 {
        return draw::noise(&mut rng, 256);
    }
    let mut bytes = (target.sample)(&mut rng);
    if kind > 1 {
        let other = (target.sample)(&mut rng);
        mutate(&mut bytes, &other, target.words, &mut rng);
    }
    if rng.below(4) > 0 {
        (target.mend)(&mut bytes);
    }
    bytes
}

/// Feeds bytes, and judges what they took.
///
/// # Errors
/// The law that was broken.
pub fn judge(target: &Target, bytes: &[u8]) -> Result<(bool, usize), String> {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let accepted = (target.feed)(bytes)?;
    let memory = MEMORY.peak_usage().saturating_sub(before);
    let limit = target.memory.limit(bytes.len());
    if memory > limit {
        let length = bytes.len();
        return Err(format!("{length} bytes of input took {memory} bytes of memory, over {limit}"));
    }
    Ok((accepted, memory))
}
