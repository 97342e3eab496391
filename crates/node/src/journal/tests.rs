use std::sync::Mutex;

use bytes::Bytes;
use kernel::disk::DiskError;
use store::journal::{Config, RecordKind};

use super::*;
use crate::disk::FileDisk;

/// A real disk that fails on demand.
struct Moody {
    disk: FileDisk,
    mood: Arc<Mutex<Option<DiskError>>>,
    syncs: Arc<Mutex<u64>>,
}

impl Disk for Moody {
    fn list(&self) -> Result<Vec<(String, u64)>, DiskError> {
        self.disk.list()
    }
    fn create(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.disk.create(name, len)
    }
    fn read(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<(), DiskError> {
        self.disk.read(name, offset, into)
    }
    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.write(name, offset, bytes)
    }
    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        *self.syncs.lock().unwrap() += 1;
        self.mood.lock().unwrap().clone().map_or(Ok(()), Err)?;
        self.disk.sync(name)
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.disk.rename(from, to)
    }
    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.disk.remove(name)
    }
}

const CONFIG: Config = Config {
    id: 1,
    segment_bytes: 1 << 20,
    spare_segments: 1,
    record_bytes_max: 1 << 18,
    block_bytes: 4096,
    bytes_limit: 4 << 20,
    unreadable_is_lost: true,
};

struct Bench {
    dir: tempfile::TempDir,
    mood: Arc<Mutex<Option<DiskError>>>,
    syncs: Arc<Mutex<u64>>,
    reports: Arc<Mutex<Vec<Report>>>,
    firsts: Arc<Mutex<u64>>,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            dir: tempfile::tempdir().unwrap(),
            mood: Arc::default(),
            syncs: Arc::default(),
            reports: Arc::default(),
            firsts: Arc::default(),
        }
    }

    /// Runs the thread over jobs that all wait already, to its end.
    fn run(&self, jobs: Vec<Job>) -> Vec<Record> {
        let disk = Moody {
            disk: FileDisk::open(self.dir.path()).unwrap(),
            mood: Arc::clone(&self.mood),
            syncs: Arc::clone(&self.syncs),
        };
        let (journal, recovery) = Journal::open(disk, CONFIG).unwrap();
        *self.syncs.lock().unwrap() = 0;
        let mailbox = Arc::new(Mailbox::new(0));
        jobs.into_iter().for_each(|job| mailbox.push(job).unwrap());
        mailbox.push(Job::Stop).unwrap();
        let (reports, firsts) = (Arc::clone(&self.reports), Arc::clone(&self.firsts));
        let report = move |report| reports.lock().unwrap().push(report);
        let first = Box::new(move || {
            *firsts.lock().unwrap() += 1;
            Ok(())
        });
        let around = Surroundings {
            room: Room::new(self.dir.path(), 0),
            clock: Clock::start(),
            chaos: Arc::default(),
            metrics: Arc::default(),
            flight: Arc::new(crate::flight::Flight::new(Clock::start())),
            pulse: Arc::new(Pulse::new(Clock::start())),
        };
        JournalThread::new(journal, mailbox, report, first, around).run();
        recovery.records
    }

    fn reports(&self) -> Vec<Report> {
        std::mem::take(&mut self.reports.lock().unwrap())
    }
}

fn append(token: u64, shard: u64) -> Job {
    let body = Bytes::from(vec![7; 100]);
    let record = Record { shard: ShardId(shard), kind: RecordKind::State, span: None, body };
    Job::Append(vec![(Token(token), vec![record])])
}

#[test]
fn what_waits_is_one_sync_and_survives() {
    let bench = Bench::new();
    let found = bench.run((1..=40).map(|token| append(token, token)).collect());
    assert_eq!(found, []);
    assert_eq!(*bench.syncs.lock().unwrap(), 1, "one sync for all that waited");
    assert_eq!(bench.reports(), [Report::Persisted((1..=40).map(Token).collect())]);
    assert_eq!(*bench.firsts.lock().unwrap(), 1);
    let found = bench.run(Vec::new());
    assert_eq!(found.len(), 40);
    assert_eq!(*bench.firsts.lock().unwrap(), 1, "nothing became durable in the second run");
}

#[test]
fn a_failed_sync_fails_its_tokens_and_all_later_ones() {
    let bench = Bench::new();
    *bench.mood.lock().unwrap() = Some(DiskError::Io("rotten".to_owned()));
    bench.run(vec![append(1, 1)]);
    let reports = bench.reports();
    assert_eq!(reports[0], Report::Failed(vec![Token(1)]));
    assert!(matches!(reports[1], Report::Broken(_)), "{reports:?}");
    assert_eq!(reports.len(), 2);
    assert_eq!(*bench.firsts.lock().unwrap(), 0, "nothing durable happened");
}
