//! The life of a node: from a configuration to a running process, and to its end.
//!
//! ```text
//!   data directory ─▶ journal (what survived?) ─▶ engine ─▶ Database::open ─▶ threads ─▶ links
//!                         ▲    damaged: set aside ──┘
//!                         └────────────┘
//!
//!   network runtime     quorate-worker        quorate-journal      quorate-flush
//!   greets peers,       owns the process,     owns the journal     syncs the engine
//!   drains slow links   reads peers' frames
//! ```

use std::{sync::Arc, thread::JoinHandle};

use database::{Boot, Database, Failure, Identity, Mode, Request};
use kernel::{Duration, Incarnation, NodeId, Rng, Token, disk::DiskError, process::HaltReason};
use store::{
    engine::{Engine, EngineError, FlushJob},
    journal::{Journal, JournalError, Recovery},
};
use tokio::{
    net::TcpListener,
    runtime::Handle as Runtime,
    sync::{Notify, watch as channel},
    task::AbortHandle,
    time::timeout,
};
use tracing::{error, info, warn};
use vigil::{Event, Severity};

use crate::{
    ambient::{self, Clock},
    changes::Changes,
    chaos::Chaos,
    config::{BootMode, Config},
    data_dir::{DataDir, DataDirError},
    disk::FileDisk,
    flush::{self, Verdict},
    handle::{Handle, Process, Status},
    hands::{FlushJobs, NodeHands},
    history::{History, Keeper},
    journal::{First, Job, JournalThread, Report, Surroundings},
    mailbox::Mailbox,
    metrics::Metrics,
    observe::{Observer, Senses},
    otlp::{Exports, Prepared},
    quarantine::Mark,
    room::{self, Room},
    starts::Starts,
    stores::{self, Stored},
    transport::{Bell, Me, Outbox, Shared, Transport},
    watch::{self, Watched},
    worker::{Inbox, Input, Worker},
};

/// A clean stop waits so long for a collector.
const LAST_EXPORT: Duration = Duration::from_secs(2);

/// Why a node did not start. Each code has a page under `docs/errors`.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory was refused.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// The journal's directory cannot be used.
    #[error("[journal-disk] {0}")]
    Disk(DiskError),
    /// The journal cannot be opened.
    #[error("[journal-open] {0}")]
    Journal(JournalError),
    /// The engine cannot be opened.
    #[error("[engine-open] {0}")]
    Engine(EngineError),
    /// The process cannot be opened on what was found.
    #[error("[database-open] {0}")]
    Database(Failure),
    /// The address for peers cannot be listened on.
    #[error("[listen] {address}: {error}: is the port taken? set --peer")]
    Listen {
        /// Which address.
        address: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// A thread cannot be started.
    #[error("[thread] {0}")]
    Thread(std::io::Error),
}

/// Starts nodes.
#[derive(Clone, Copy, Debug)]
pub struct Node;

/// A node that runs; stops like a crash when it is dropped.
#[derive(Debug)]
pub struct RunningNode {
    handle: Handle,
    status: channel::Sender<Status>,
    inbox: Arc<Inbox<Process>>,
    jobs: Arc<Mailbox<Job>>,
    flushes: Arc<FlushJobs>,
    transport: Arc<Transport>,
    threads: Option<Threads>,
    watch: AbortHandle,
    exports: Option<Exports>,
    starts: Starts,
}

#[derive(Debug)]
struct Threads {
    worker: JoinHandle<Process>,
    journal: JoinHandle<Journal<FileDisk>>,
    flush: JoinHandle<()>,
    events: Keeper,
}

impl Node {
    /// Starts a node that listens for peers where its configuration says. Must be called inside a
    /// tokio runtime.
    ///
    /// # Errors
    /// Says what to do about it.
    pub async fn start(config: Config) -> Result<RunningNode, StartError> {
        let listener = TcpListener::bind(&config.peer)
            .await
            .map_err(|error| StartError::Listen { address: config.peer.clone(), error })?;
        Node::start_on(config, listener).await
    }

    /// The same, with a listener that is bound already.
    ///
    /// # Errors
    /// Says what to do about it.
    pub async fn start_on(
        config: Config,
        listener: TcpListener,
    ) -> Result<RunningNode, StartError> {
        let runtime = Runtime::current();
        // Opening reads and replays files: not on a thread that serves the network.
        let opened = runtime.spawn_blocking(move || open(config)).await;
        let opened = opened.map_err(|error| StartError::Thread(error.into()))??;
        opened.run(listener, runtime)
    }
}

/// Everything that was found on the disk, before anything runs.
struct Opened {
    config: Config,
    clock: Clock,
    data: DataDir,
    mode: BootMode,
    chaos: Arc<Chaos>,
    journal: Journal<FileDisk>,
    process: Process,
    identity: Identity,
    history: History,
    set_aside: Option<String>,
}

fn open(config: Config) -> Result<Opened, StartError> {
    let clock = Clock::start();
    let now = clock.now(0);
    let (cluster, node) = (config.cluster, config.node);
    let (incarnation, secret) = (config.incarnation, ambient::seed());
    let mut data = DataDir::open(&config.data, cluster, node, incarnation, now.wall, secret)?;
    let chaos = Arc::new(Chaos::default());
    let Stored { journal, recovery, engine, set_aside } = stores::open(&config, &data, &chaos)?;
    let mode = mode(&config, &mut data, &recovery)?;
    let identity = Identity {
        node: config.node,
        cluster: config.cluster,
        incarnation: data.incarnation(),
        pid: std::process::id(),
    };
    let boot = Boot {
        mode: match mode {
            BootMode::Bootstrap => Mode::Bootstrap,
            BootMode::Join => Mode::Join,
        },
        members: config.members.clone(),
    };
    let rng = Rng::new(ambient::seed());
    let (settings, me) = (config.settings.clone(), config.me.clone());
    let process = Database::open(settings, identity, me, boot, &recovery, engine, rng)
        .inspect_err(|failure| Mark::of(data.path()).leave(&failure.text))
        .map_err(StartError::Database)?;
    let history = History::open(data.path());
    Ok(Opened { config, clock, data, mode, chaos, journal, process, identity, history, set_aside })
}

/// How this directory began. One that began and holds an empty journal lost its memory: whatever
/// the configuration says, it joins and recovers before it votes.
fn mode(config: &Config, data: &mut DataDir, recovery: &Recovery) -> Result<BootMode, StartError> {
    let empty = recovery.records.is_empty() && recovery.damage.is_empty();
    match data.began() {
        // A cluster whose history was cut is not founded again.
        None if data.incarnation() > Incarnation(1) => Ok(BootMode::Join),
        None => Ok(config.boot),
        Some(BootMode::Bootstrap) if empty => {
            warn!("[memory-lost] the journal is empty though this node has run: it joins anew");
            data.begin(BootMode::Join)?;
            Ok(BootMode::Join)
        }
        Some(mode) => Ok(mode),
    }
}

impl Opened {
    /// Starts links and threads.
    fn run(self, listener: TcpListener, runtime: Runtime) -> Result<RunningNode, StartError> {
        let Opened { config, clock, data, mode, chaos, journal, process, identity, .. } = self;
        let (mut history, set_aside) = (self.history, self.set_aside);
        let metrics = Arc::new(Metrics::default());
        let exports = config.otlp.clone().map(|otlp| Prepared::new(otlp, clock, &metrics));
        let tracer = exports.as_ref().and_then(|exports| exports.tracer.clone());
        let senses = Senses::new(
            identity.node,
            Arc::clone(&metrics),
            tracer,
            clock,
            config.observe.requests,
        );
        history.resume(&senses.flight);
        let starts = tell_start(&data, clock, &senses, identity.node);
        if let Some(text) = set_aside {
            senses.flight.record(Event::new("engine-damaged", Severity::Alarm, text));
        }
        // At once: the next start begins after this one, however soon this one ends.
        history.keep(&senses.flight);
        let events =
            Keeper::start(history, Arc::clone(&senses.flight)).map_err(StartError::Thread)?;
        let bell = Bell::new().map_err(StartError::Thread)?;
        let inbox = Mailbox::beside_sockets(Arc::clone(bell.waker()), config.limits.inbox);
        let inbox: Arc<Inbox<Process>> = Arc::new(inbox);
        let jobs = Arc::new(Mailbox::new(0));
        let flushes: Arc<FlushJobs> = Arc::new(Mailbox::new(0));
        let changes = Arc::new(Changes::default());
        let (status, watched) = channel::channel(Status::Running);
        let shared = shared(&config, identity, clock, &chaos, &senses, &inbox, &runtime);
        let (transport, reader) =
            Transport::start(shared, listener, bell).map_err(StartError::Thread)?;
        let transport = Arc::new(transport);
        transport.set_members(&config.members);

        let around = Surroundings {
            room: Room::new(data.path(), config.limits.disk_reserve),
            clock,
            chaos: Arc::clone(&chaos),
            metrics: Arc::clone(&metrics),
            flight: Arc::clone(&senses.flight),
            pulse: Arc::clone(&senses.pulse),
        };
        let (path, mark) = (data.path().to_owned(), Mark::of(data.path()));
        let report = reporter(Arc::clone(&inbox), status.clone());
        let first = first(data, mode);
        let keeper = JournalThread::new(journal, Arc::clone(&jobs), report, first, around);
        let mut outbox = Outbox::default();
        outbox.set_links(transport.links());
        let hands = NodeHands {
            journal: Arc::clone(&jobs),
            flushes: Arc::clone(&flushes),
            transport: Arc::clone(&transport),
            reader,
            outbox,
            observer: Observer::new(senses.clone()),
            members: config.members.iter().map(|member| member.node).collect(),
            changes: Arc::clone(&changes),
            changed: Vec::new(),
            status: status.clone(),
            mark: mark.clone(),
        };
        let worker = Worker::new(process, hands, Arc::clone(&inbox), clock, Arc::clone(&chaos));
        let waiting = Arc::clone(&flushes);
        let (data_path, reserve) = (path.clone(), config.limits.disk_reserve);
        let has_room = move || room::free_bytes(&data_path).is_none_or(|free| free > reserve);
        let report_flush = flush_reporter(Arc::clone(&inbox), status.clone(), mark, has_room);
        let threads = Threads {
            journal: ambient::spawn("quorate-journal", move || keeper.run())
                .map_err(StartError::Thread)?,
            flush: ambient::spawn("quorate-flush", move || flush::run(&waiting, report_flush))
                .map_err(StartError::Thread)?,
            worker: ambient::spawn("quorate-worker", move || worker.run())
                .map_err(StartError::Thread)?,
            events,
        };
        let allowed = config.chaos.then_some(chaos);
        let handle = Handle::new(
            Arc::clone(&inbox),
            identity,
            senses,
            allowed,
            watched,
            clock,
            path,
            changes,
        );
        let exports = exports.map(|exports| exports.start(&handle, &runtime));
        let watch = watch::health(Watched {
            handle: handle.clone(),
            transport: Arc::clone(&transport),
            jobs: Arc::clone(&jobs),
            peer_queue: config.limits.peer_queue,
        });
        let watch = runtime.spawn(watch).abort_handle();
        info!(node = %identity.node, cluster = %identity.cluster, peer = %transport.address(), "the node runs");
        let threads = Some(threads);
        Ok(RunningNode {
            handle,
            status,
            inbox,
            jobs,
            flushes,
            transport,
            threads,
            watch,
            exports,
            starts,
        })
    }
}

/// Enters this start in the list of them, and records it.
fn tell_start(data: &DataDir, clock: Clock, senses: &Senses, node: NodeId) -> Starts {
    let now = clock.unix_ms();
    let starts = Starts::begin(data.path(), now);
    let (lately, clean) = (starts.lately(now), starts.clean());
    senses.pulse.introduce(node.to_string(), lately);
    let how = if clean { "in good order" } else { "after it was killed or crashed" };
    let text = format!("the node starts, {how}; starts within ten minutes: {lately}");
    let severity = if lately > 3 { Severity::Warning } else { Severity::Info };
    let event = Event::new("node-started", severity, text);
    senses.flight.record(event.with("starts_10m", lately).with("clean", clean));
    starts
}

fn shared(
    config: &Config,
    identity: Identity,
    clock: Clock,
    chaos: &Arc<Chaos>,
    senses: &Senses,
    inbox: &Arc<Inbox<Process>>,
    runtime: &Runtime,
) -> Shared {
    let (inbox, figures) = (Arc::clone(inbox), Arc::clone(&senses.metrics));
    let Identity { node, cluster, incarnation, .. } = identity;
    Shared {
        me: Me { node, cluster, incarnation },
        queue_max: usize::try_from(config.limits.peer_queue).unwrap_or(usize::MAX),
        connections_max: config.limits.connections,
        chaos: Arc::clone(chaos),
        metrics: Arc::clone(&senses.metrics),
        flight: Arc::clone(&senses.flight),
        clock,
        runtime: runtime.clone(),
        greeted: Notify::new(),
        deliver: Box::new(move |from, messages, bytes| {
            let count = messages.len() as u64;
            if inbox.offer(Input::Messages { from, messages }, bytes).is_err() {
                figures.overrun.inc_by(count);
            }
        }),
    }
}

/// Remembers how the node began, once something is durable. The journal thread keeps this, and
/// with it the lock of the directory, for as long as it lives.
fn first(mut data: DataDir, mode: BootMode) -> First {
    Box::new(move || data.begin(mode).map_err(|error| error.to_string()))
}

/// Tells the worker what the journal thread reports.
fn reporter(inbox: Arc<Inbox<Process>>, status: channel::Sender<Status>) -> impl FnMut(Report) {
    move |report| {
        // Once the inbox is closed there is nobody to tell.
        let _ = inbox.push(match report {
            Report::Persisted(tokens) => Input::Persisted(tokens),
            Report::Failed(tokens) => Input::PersistFailed(tokens),
            Report::Full(full) => Input::Tell(Request::DiskFull(full)),
            Report::Pressure(shards) => Input::Tell(Request::JournalPressure(shards)),
            Report::Broken(text) => {
                let reason = HaltReason { code: "journal-broken", text };
                status.send_replace(Status::Halted(reason));
                Input::Stop
            }
        });
    }
}

/// Tells the worker what the flush thread reports; an engine that is broken ends the node.
fn flush_reporter(
    inbox: Arc<Inbox<Process>>,
    status: channel::Sender<Status>,
    mark: Mark,
    has_room: impl Fn() -> bool,
) -> impl FnMut(Token, Result<(), EngineError>) {
    move |token, outcome| {
        let tokens = vec![token];
        let _ = inbox.push(match flush::judge(outcome, &has_room) {
            Verdict::Durable => Input::Persisted(tokens),
            Verdict::Failed => Input::PersistFailed(tokens),
            Verdict::Broken(text) => {
                error!("[engine-broken] {text}: the node must be restarted");
                mark.leave(&text);
                status.send_replace(Status::Halted(HaltReason { code: "engine-broken", text }));
                Input::Stop
            }
        });
    }
}

impl RunningNode {
    /// A way to talk to it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Where it listens for peers.
    #[must_use]
    pub fn peer_address(&self) -> std::net::SocketAddr {
        self.transport.address()
    }

    /// Waits until the node cannot go on, and tells why.
    pub async fn halted(&self) -> HaltReason {
        let mut status = self.status.subscribe();
        let halted = status.wait_for(|status| matches!(status, Status::Halted(_))).await;
        match halted.as_deref() {
            Ok(Status::Halted(reason)) => reason.clone(),
            // The sender lives in `self`, so the wait ends with a halt.
            _ => std::future::pending().await,
        }
    }

    /// Stops in good order: hands leadership over, makes everything durable, closes. Takes little
    /// longer than `deadline`.
    pub async fn shutdown(mut self, deadline: Duration) {
        self.status.send_if_modified(|status| {
            let running = *status == Status::Running;
            if running {
                *status = Status::Stopping;
            }
            running
        });
        let event = Event::new("node-stopping", Severity::Info, "the node hands over and stops");
        self.handle.flight().record(event);
        if timeout(deadline, self.handle.ask(Request::HandOver)).await.is_err() {
            warn!("leadership was not handed over in time");
        }
        let process = self.stop(true).await;
        if let Some(exports) = &mut self.exports {
            exports.finish(LAST_EXPORT).await;
        }
        let Some(process) = process else { return };
        let flushed = tokio::task::spawn_blocking(move || process.into_engine().flush().run());
        match flushed.await {
            Ok(Ok(())) => {
                self.starts.end(self.handle.unix_nanos() / 1_000_000);
                info!("the node stopped");
            }
            Ok(Err(error)) => warn!(%error, "the node stopped; the journal will be replayed"),
            Err(error) => error!(%error, "the engine did not close"),
        }
    }

    /// Stops at once, without a word to anybody, as a crash would.
    pub async fn kill(mut self) {
        self.stop(false).await;
    }

    /// Ends links and threads: the worker first, so that what it handed over is carried out. The last
    /// events are kept if the stop is in good order.
    async fn stop(&mut self, clean: bool) -> Option<Process> {
        let threads = self.threads.take()?;
        self.watch.abort();
        self.transport.stop();
        let _ = self.inbox.push(Input::Stop);
        let (jobs, flushes) = (Arc::clone(&self.jobs), Arc::clone(&self.flushes));
        let joined = tokio::task::spawn_blocking(move || {
            let process = threads.worker.join();
            let _ = jobs.push(Job::Stop);
            let _ = flushes.push(flush::Job::Stop);
            let whole = threads.journal.join().is_ok() & threads.flush.join().is_ok();
            (process, whole & threads.events.finish(clean))
        });
        let (process, whole) = joined.await.ok()?;
        if !whole || process.is_err() {
            error!("a thread of the node panicked");
        }
        self.status.send_if_modified(|status| {
            let stopped = !matches!(status, Status::Halted(_));
            if stopped {
                *status = Status::Stopped;
            }
            stopped
        });
        process.ok()
    }
}

impl Drop for RunningNode {
    fn drop(&mut self) {
        self.watch.abort();
        self.transport.stop();
        let _ = self.inbox.push(Input::Stop);
        let _ = self.jobs.push(Job::Stop);
        let _ = self.flushes.push(flush::Job::Stop);
    }
}
