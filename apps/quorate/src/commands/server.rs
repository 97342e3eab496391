//! `quorate server`: one node with its gateways.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use console::{Console, Setting, Stage};
use gateways::{etcd, http};
use kernel::Duration;
use node::{Config, Node, RunningNode, logs};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing::info;

use crate::{ambient, backend::Front, dev::Remote, exit::Failure, signal as signals};

/// The keyspace that etcd's clients see.
const ETCD_KEYSPACE: &str = "etcd";

/// How long a clean shutdown may take to hand leadership over.
const HAND_OVER: Duration = Duration::from_secs(3);

/// Start one node. Flags win over the environment (`QUORATE_*`), which wins over the file.
#[derive(Debug, Args)]
pub struct Server {
    /// The configuration, in TOML.
    #[arg(long, env = "QUORATE_CONFIG")]
    config: Option<PathBuf>,
    /// Who this is: 1, 2, …
    #[arg(long)]
    node: Option<String>,
    /// The cluster: 32 hexadecimal digits.
    #[arg(long)]
    cluster: Option<String>,
    /// Where everything is kept.
    #[arg(long)]
    data: Option<String>,
    /// How an empty data directory starts: `bootstrap` or `join`.
    #[arg(long)]
    boot: Option<String>,
    /// The incarnation in which an empty data directory starts, after a forced recovery: `2`.
    #[arg(long)]
    incarnation: Option<String>,
    /// Where to listen for HTTP.
    #[arg(long)]
    http: Option<String>,
    /// Where to listen for peers.
    #[arg(long)]
    peer: Option<String>,
    /// Where to listen for etcd's clients; nowhere if not said.
    #[arg(long)]
    etcd: Option<String>,
    /// Labels: `zone=a,rack=7`.
    #[arg(long)]
    labels: Option<String>,
    /// The initial members, as TOML: `[{ node = 1, peer = "h:7170", http = "h:7070" }]`.
    #[arg(long)]
    members: Option<String>,
    /// Allow faults to be injected.
    #[arg(long)]
    chaos: bool,
    /// Export traces and figures to this collector by OTLP: `http://127.0.0.1:4318`.
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// Where recorded runs are, for the console: folders of `quorate sim` and of labs.
    #[arg(long, value_name = "DIR")]
    runs: Option<PathBuf>,
    /// The socket of `quorate dev`, which holds the processes of the cluster.
    #[arg(long, value_name = "PATH", hide = true)]
    control: Option<PathBuf>,
    /// End when this process, our parent, ends.
    #[arg(long, value_name = "PID", hide = true)]
    parent: Option<u32>,
    /// Any other key of the configuration: `limits.cache=64MiB`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Server {
    /// Runs the node until it is told to stop.
    pub fn run(self) -> Result<(), Failure> {
        if let Some(parent) = self.parent {
            signals::end_with(parent)?;
        }
        let flags = self.flags()?;
        // The file has a variable of its own, which is no key of the configuration.
        let ours = ["QUORATE_CONFIG", "QUORATE_ENDPOINTS"];
        let variables = std::env::vars().filter(|(name, _)| !ours.contains(&name.as_str()));
        let wrong = |error: node::ConfigError| Failure::usage(error.to_string());
        let config = Config::load(self.config.as_deref(), variables, flags).map_err(wrong)?;
        logs::start(&config).map_err(wrong)?;
        let console = Setting {
            here: config.node.to_string(),
            address: config.http.clone(),
            chaos: config.chaos,
            stage: self.control.map(|path| Arc::new(Remote::new(path)) as Arc<dyn Stage>),
            runs: self.runs,
        };
        super::threads(Some(config.threads))?.block_on(live(config, console))
    }

    fn flags(&self) -> Result<Vec<(String, String)>, Failure> {
        let named = [
            ("node", &self.node),
            ("cluster", &self.cluster),
            ("data", &self.data),
            ("boot", &self.boot),
            ("incarnation", &self.incarnation),
            ("http", &self.http),
            ("peer", &self.peer),
            ("etcd", &self.etcd),
            ("labels", &self.labels),
            ("members", &self.members),
            ("otlp.endpoint", &self.otlp),
        ];
        let given = named.into_iter().filter_map(|(key, value)| Some((key, value.clone()?)));
        let mut flags: Vec<_> = given.map(|(key, value)| (key.to_owned(), value)).collect();
        if self.chaos {
            flags.push(("chaos".into(), "true".into()));
        }
        for pair in &self.set {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(Failure::usage(format!("--set {pair}: write KEY=VALUE")));
            };
            flags.push((key.to_owned(), value.to_owned()));
        }
        Ok(flags)
    }
}

async fn live(config: Config, console: Setting) -> Result<(), Failure> {
    let listener = listen(&config.http, "HTTP", "--http").await?;
    let for_etcd = match config.etcd.as_str() {
        "" => None,
        address => Some(listen(address, "etcd's clients", "--etcd").await?),
    };
    let (address, etcd) = (config.http.clone(), config.etcd.clone());
    let (members, watch_progress) = (config.members.clone(), config.watch_progress);
    let node = Node::start(config).await.map_err(|error| Failure::new(error.to_string()))?;
    let front = Front::new(node.handle(), &members, Arc::new(Console::new(console)));
    let refreshing = ambient::spawn(front.clone().refresh());
    let stop = watch::Sender::new(false);
    let stopped = || {
        let mut stopped = stop.subscribe();
        async move { drop(stopped.changed().await) }
    };
    let mut gateways = Vec::new();
    if let Some(listener) = for_etcd {
        let limits = etcd::Limits { progress_period: watch_progress, ..etcd::Limits::default() };
        let figures = front.etcd_figures();
        let serving =
            etcd::serve(listener, front.clone(), ETCD_KEYSPACE, limits, figures, stopped());
        gateways.push(ambient::spawn(serving));
        info!(%etcd, "the etcd gateway serves");
    }
    let serving = http::serve(listener, front, http::Limits::default(), stopped());
    gateways.push(ambient::spawn(serving));
    info!(http = %address, "the HTTP gateway serves");
    let ending = wait(&node).await;
    // Requests in flight need the node, so the doors close first.
    let _ = stop.send(true);
    for gateway in gateways {
        let _ = gateway.await;
    }
    refreshing.abort();
    match ending {
        Ok(()) => {
            node.shutdown(HAND_OVER).await;
            Ok(())
        }
        Err(failure) => {
            node.kill().await;
            Err(failure)
        }
    }
}

async fn listen(address: &str, whom: &str, flag: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::new(format!("cannot listen on {address} for {whom}: {error}; set {flag}"))
    })
}

/// Waits until somebody wants the node to end, or it cannot go on.
async fn wait(node: &RunningNode) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        reason = node.halted() => {
            Err(Failure::new(format!("the node halted: [{}] {}", reason.code, reason.text)))
        }
    }
}
