//! One run: what is asked next, and what came of it.

use bytes::Bytes;
use kernel::Rng;
use layers::coordination::{PutRequest, RangeRequest};

use crate::{
    Arguments,
    call::{Call, KINDS},
    differences::{self, DOCUMENTED},
    normal::Answer,
    observers::Observers,
    waiting::Waiting,
    watches::Watches,
    wire::Server,
};

/// After so many requests, watches and observers are compared.
const EPOCH: u64 = 500;

/// A run.
pub struct Run {
    servers: [Server; 2],
    rng: Rng,
    newest: i64,
    watches: Watches,
    waiting: Waiting,
    observers: Vec<Observers>,
    go_on: bool,
    hasty: bool,
    kinds: [u64; KINDS.len()],
    refused: u64,
    watched: u64,
    documented: Vec<u64>,
    different: u64,
}

impl Run {
    /// Begins, if both servers are fresh.
    pub async fn open(mut servers: [Server; 2], arguments: &Arguments) -> Result<Run, String> {
        let put = Call::Put(PutRequest { key: Bytes::from_static(b"a"), ..Default::default() });
        for (server, side) in servers.iter_mut().zip(["left", "right"]) {
            let first = put.ask(server).await;
            if first.revision != Some(2) {
                return Err(format!("the {side} server is not fresh: {}", first.text));
            }
        }
        let watches = Watches::open(&mut servers).await?;
        let names = [&b"c"[..], b"", b"q"].map(Bytes::from_static);
        let observers = names.map(|name| Observers::open(name, &servers)).into();
        Ok(Run {
            servers,
            rng: Rng::new(arguments.seed),
            newest: 2,
            watches,
            waiting: Waiting::default(),
            observers,
            go_on: arguments.all,
            hasty: arguments.hasty,
            kinds: [0; KINDS.len()],
            refused: 0,
            watched: 0,
            documented: vec![0; DOCUMENTED.len()],
            different: 0,
        })
    }

    /// Changes the right server alone.
    pub async fn plant(&mut self) {
        let (key, value) = (Bytes::from_static(b"a"), Bytes::from_static(b"planted"));
        Call::Put(PutRequest { key, value, ..Default::default() }).ask(&mut self.servers[1]).await;
    }

    /// One request of any kind.
    pub async fn step(&mut self, at: u64) -> Result<(), String> {
        match self.rng.below(100) {
            0..4 => {
                self.watched += 1;
                if let Some((request, answers)) =
                    self.watches.step(&mut self.rng, self.newest).await?
                {
                    self.compare(&request, answers.map(|text| Answer { text, revision: None }))?;
                }
            }
            4..8 if !self.hasty => {
                let found = self.waiting.step(&mut self.rng, &mut self.servers).await?;
                if let Some((request, answers)) = found {
                    self.compare(&request, answers)?;
                }
                self.revision().await?;
                self.look().await?;
            }
            _ => self.ask().await?,
        }
        if at % EPOCH == EPOCH - 1 {
            self.agree().await?;
        }
        Ok(())
    }

    async fn ask(&mut self) -> Result<(), String> {
        let call = Call::draw(&mut self.rng, self.newest, &self.waiting.candidates);
        self.kinds[call.kind()] += 1;
        // What watches still have to say must not depend on when history is forgotten.
        if let Call::Compaction(_) = call {
            self.watches.agree().await?;
        }
        let [left, right] = &mut self.servers;
        let answers = tokio::join!(call.ask(left), call.ask(right));
        if let (Call::Compaction(asked), Some(_)) = (&call, answers.1.revision) {
            self.watches.compacted = asked.revision;
        }
        self.compare(&format!("{call:?}"), [answers.0, answers.1])?;
        self.look().await
    }

    /// Where both are: a place that was abandoned is gone.
    async fn revision(&mut self) -> Result<(), String> {
        let key = Bytes::from_static(b"a");
        let call = Call::Range(RangeRequest { key, count_only: true, ..Default::default() });
        let [left, right] = &mut self.servers;
        let answers = tokio::join!(call.ask(left), call.ask(right));
        let request = format!("the revision after {}", self.waiting.last);
        self.compare(&request, [answers.0, answers.1])
    }

    async fn look(&mut self) -> Result<(), String> {
        for (request, answers) in self.waiting.look(&mut self.servers).await? {
            self.compare(&request, answers)?;
        }
        Ok(())
    }

    fn compare(&mut self, request: &str, [left, right]: [Answer; 2]) -> Result<(), String> {
        self.newest = left.revision.unwrap_or(0).max(self.newest);
        self.refused += u64::from(left.revision.is_none());
        if left.text == right.text {
            return Ok(());
        }
        let known = differences::of(request, &left.text, &right.text);
        if let Some(at) = known.and_then(|d| DOCUMENTED.iter().position(|k| k.name == d.name)) {
            self.documented[at] += 1;
            return Ok(());
        }
        self.different += 1;
        let report = format!("{request}\n  left  {}\n  right {}", left.text, right.text);
        if !self.go_on || left.revision.is_some() && left.revision != right.revision {
            return Err(report);
        }
        println!("{report}");
        Ok(())
    }

    /// Watches and observers have seen the same.
    pub async fn agree(&mut self) -> Result<(), String> {
        self.watches.agree().await?;
        for observer in &mut self.observers {
            observer.agree(&mut self.servers).await?;
        }
        Ok(())
    }

    /// Says what was compared; whether all of it was equal.
    pub fn report(&self) -> bool {
        for (kind, count) in KINDS.iter().zip(self.kinds) {
            println!("{count:>8} {kind}");
        }
        println!(
            "{:>8} watch requests, {} events equal, {} compacted away in etcd",
            self.watched, self.watches.events, self.watches.swept
        );
        let seen: u64 = self.observers.iter().map(|observer| observer.leaders).sum();
        println!(
            "{:>8} locks and campaigns answered, {} abandoned, {} overtaken by a compaction in etcd, \
             {seen} leaders observed",
            self.waiting.answered, self.waiting.abandoned, self.waiting.overtaken
        );
        println!(
            "{:>8} of all answers were errors; the last revision is {}",
            self.refused, self.newest
        );
        for (known, count) in DOCUMENTED.iter().zip(&self.documented) {
            println!("{count:>8} documented: {}: {}", known.name, known.why);
        }
        println!("{:>8} undocumented differences", self.different);
        self.different == 0
    }
}
