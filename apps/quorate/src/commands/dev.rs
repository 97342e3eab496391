//! `quorate dev`: a cluster on this machine, ready to try.

use std::path::PathBuf;

use clap::Args;
use kernel::Duration;
use serde_json::json;
use tokio::{
    net::UnixListener,
    signal::unix::{SignalKind, signal},
};

use crate::{
    ambient,
    cli::Global,
    dev::{self, Children, Director, Layout},
    exit::Failure,
    show,
};

/// How long the nodes may take to end in good order.
const STOP: Duration = Duration::from_secs(10);

/// Start a cluster on this machine. Nodes that end are not restarted unless told so
/// (`quorate chaos restart n2`).
#[derive(Debug, Args)]
pub struct Dev {
    /// Where everything is kept.
    #[arg(long, default_value = "./quorate-data")]
    data: PathBuf,
    /// How many nodes, 1 to 9.
    #[arg(long, default_value_t = 3)]
    nodes: u16,
    /// The HTTP port of the first node; peers are 100 above. etcd's clients find the nodes where
    /// they look for etcd, on 2379, 22379, 32379; with another base port, 200 above it.
    #[arg(long, default_value_t = 7070)]
    base_port: u16,
    /// How long the nodes may take to be ready.
    #[arg(long, default_value = "30s", value_parser = crate::cli::parse_duration)]
    ready: Duration,
    /// Where recorded runs are, for the console: folders of `quorate sim` and of labs.
    #[arg(long, default_value = "failures")]
    runs: PathBuf,
    /// A key of every node's configuration: `limits.cache=64MiB`. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Dev {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let began = ambient::now();
        let layout = Layout::open(&self.data, self.nodes, self.base_port, self.set.clone())?
            .with_runs(&self.runs);
        layout.check_ports()?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut children = Children::start(layout.clone())?;
        let orders = listen(&layout)?;
        tokio::select! {
            ready = children.ready(self.ready) => ready?,
            _ = terminate.recv() => return end(children).await,
            _ = interrupt.recv() => return end(children).await,
        }
        let took = began.elapsed();
        layout.set_formed()?;
        keyspaces(&layout, global, self.nodes).await?;
        welcome(&layout, global, &children, took)?;
        let mut director = Director::new(children);
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                order = orders.accept() => {
                    if let Ok((stream, _)) = order {
                        dev::obey(&mut director, stream).await;
                    }
                }
                () = ambient::sleep(Duration::from_millis(200)) => {}
            }
            for (node, how) in director.ended() {
                eprintln!(
                    "n{node} ended ({how}); start it again with: quorate chaos restart n{node}"
                );
            }
        }
        end(director.into_children()).await
    }
}

async fn end(mut children: Children) -> Result<(), Failure> {
    children.stop(STOP).await;
    let _ = std::fs::remove_file(children.layout().control());
    Ok(())
}

fn listen(layout: &Layout) -> Result<UnixListener, Failure> {
    let path = layout.control();
    // The ports were free, so whoever left this socket is gone.
    let _ = std::fs::remove_file(&path);
    UnixListener::bind(&path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// The keyspaces that the first commands use.
async fn keyspaces(layout: &Layout, global: &Global, nodes: u16) -> Result<(), Failure> {
    let replicas = [7, 5, 3, 1].into_iter().find(|replicas| *replicas <= nodes).unwrap_or(1);
    let global = Global { endpoints: layout.endpoints(), ..global.clone() };
    let control = global.client().control();
    for (name, program) in [("default", "kv"), ("counters", "counter"), ("etcd", "coordination")] {
        let contract = format!("program = \"{program}\"\nreplicas = {replicas}\n");
        // On a later start they exist, perhaps with a contract that somebody changed.
        if let Err(error) = control.create(name, &contract).await
            && error.code() != "keyspace-exists"
        {
            return Err(error.into());
        }
    }
    Ok(())
}

fn welcome(
    layout: &Layout,
    global: &Global,
    children: &Children,
    took: Duration,
) -> Result<(), Failure> {
    let node = |node| {
        json!({
            "id": format!("n{node}"),
            "http": layout.http(node),
            "peer": layout.peer(node),
            "etcd": layout.etcd(node),
            "pid": children.pid(node),
            "log": layout.log(node),
        })
    };
    let document = json!({
        "ready_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "data": layout.data,
        "console": format!("http://{}/", layout.http(1)),
        "nodes": layout.numbers().map(node).collect::<Vec<_>>(),
    });
    global.show().print(&document, || {
        let mut table = show::table(&["node", "HTTP", "etcd", "peers", "process", "log"]);
        for node in layout.numbers() {
            table.add_row([
                format!("n{node}"),
                format!("http://{}", layout.http(node)),
                layout.etcd(node),
                layout.peer(node),
                show::or_dash(children.pid(node)),
                layout.log(node).display().to_string(),
            ]);
        }
        let (http, etcd) = (layout.http(1), layout.etcd(1));
        let flag = if http.ends_with(":7070") { String::new() } else { format!(" -e {http}") };
        format!(
            "{table}\nready after {} ms; data in {}\nconsole at http://{http}/\n\ntry:\n  \
             quorate put default hello world{flag}\n  \
             quorate get default hello -v{flag}\n  \
             quorate increment counters visits{flag}\n  \
             quorate cluster status{flag}\n  \
             quorate chaos kill leader{flag}\n  \
             curl -i http://{http}/v1/kv/default/hello\n  \
             etcdctl --endpoints {etcd} put hello world\n\nCtrl-C ends the cluster.",
            took.as_millis(),
            layout.data.display(),
        )
    })
}
