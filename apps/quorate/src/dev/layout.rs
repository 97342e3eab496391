//! Where the nodes of a development cluster live.

use std::{
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
};

use kernel::{ClusterId, Rng};

use crate::{ambient, exit::Failure};

/// The address of all nodes.
const HOST: &str = "127.0.0.1";

/// Between the ports for HTTP and those for peers.
const PEER_OFFSET: u16 = 100;
/// Between the ports for HTTP and those for etcd's clients …
const ETCD_OFFSET: u16 = 200;
/// … unless nobody chose the first port: then they are where etcd's clients look for three nodes.
const DEFAULT_PORT: u16 = 7070;
const ETCD_PORTS: [u16; 3] = [2379, 22379, 32379];

/// A development cluster as it is on the disk.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Where everything is kept.
    pub data: PathBuf,
    /// How many nodes.
    pub nodes: u16,
    /// The port of the first node's HTTP.
    base_port: u16,
    cluster: ClusterId,
    /// More keys of the configuration, for every node.
    set: Vec<String>,
    /// Where recorded runs are, if anywhere.
    runs: Option<PathBuf>,
}

impl Layout {
    /// Opens or makes the directory.
    pub fn open(
        data: &Path,
        nodes: u16,
        base_port: u16,
        set: Vec<String>,
    ) -> Result<Layout, Failure> {
        let fits = base_port.checked_add(ETCD_OFFSET + nodes).is_some();
        if !(1..=9).contains(&nodes) || base_port == 0 || !fits {
            return Err(Failure::usage("--nodes is 1 to 9, and --base-port leaves room for them"));
        }
        fs::create_dir_all(data).map_err(|e| Failure::new(format!("{}: {e}", data.display())))?;
        // Children have a working directory of their own choosing, some day.
        let data = fs::canonicalize(data)?;
        let cluster = cluster(&data.join("cluster"))?;
        Ok(Layout { data, nodes, base_port, cluster, set, runs: None })
    }

    /// With recorded runs at this place, which may be made later.
    pub fn with_runs(self, runs: &Path) -> Layout {
        Layout { runs: std::path::absolute(runs).ok(), ..self }
    }

    /// The numbers of the nodes, from 1.
    pub fn numbers(&self) -> impl Iterator<Item = u16> + use<> {
        1..=self.nodes
    }

    /// Where the HTTP clients of a node connect.
    pub fn http(&self, node: u16) -> String {
        format!("{HOST}:{}", self.base_port + node - 1)
    }

    /// Where the peers of a node connect.
    pub fn peer(&self, node: u16) -> String {
        format!("{HOST}:{}", self.base_port + PEER_OFFSET + node - 1)
    }

    /// Where etcd's clients of a node connect.
    pub fn etcd(&self, node: u16) -> String {
        let place = usize::from(node - 1);
        let usual = ETCD_PORTS.get(place).filter(|_| self.base_port == DEFAULT_PORT);
        let port = usual.copied().unwrap_or(self.base_port + ETCD_OFFSET + node - 1);
        format!("{HOST}:{port}")
    }

    /// Every HTTP address.
    pub fn endpoints(&self) -> Vec<String> {
        self.numbers().map(|node| self.http(node)).collect()
    }

    /// Where a node writes its log.
    pub fn log(&self, node: u16) -> PathBuf {
        self.data.join(format!("n{node}.log"))
    }

    /// The socket on which `dev` takes orders.
    pub fn control(&self) -> PathBuf {
        self.data.join("control")
    }

    /// Remembers that the cluster was founded.
    pub fn set_formed(&self) -> io::Result<()> {
        fs::write(self.data.join("formed"), b"")
    }

    /// The arguments of a node's process.
    pub fn arguments(&self, node: u16) -> Vec<String> {
        let formed = self.data.join("formed").exists();
        let zone = char::from(b'a' + (node - 1) as u8);
        let pairs = [
            ("--node", node.to_string()),
            ("--cluster", self.cluster.to_string()),
            ("--data", self.data.join(format!("n{node}")).display().to_string()),
            ("--boot", if formed { "join" } else { "bootstrap" }.to_owned()),
            ("--http", self.http(node)),
            ("--peer", self.peer(node)),
            ("--etcd", self.etcd(node)),
            ("--labels", format!("zone={zone}")),
            ("--members", self.members()),
            ("--control", self.control().display().to_string()),
        ];
        let mut arguments = vec!["server".to_owned(), "--chaos".to_owned()];
        arguments.extend(pairs.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]));
        if let Some(runs) = &self.runs {
            arguments.extend(["--runs".to_owned(), runs.display().to_string()]);
        }
        arguments.extend(self.set.iter().flat_map(|pair| ["--set".to_owned(), pair.clone()]));
        arguments
    }

    fn members(&self) -> String {
        let member = |node| {
            let (peer, http) = (self.peer(node), self.http(node));
            format!("{{ node = {node}, peer = \"{peer}\", http = \"{http}\" }}")
        };
        format!("[{}]", self.numbers().map(member).collect::<Vec<_>>().join(", "))
    }

    /// Finds out whether all ports are free.
    pub fn check_ports(&self) -> Result<(), Failure> {
        let all = |node| [self.http(node), self.peer(node), self.etcd(node)];
        for address in self.numbers().flat_map(all) {
            TcpListener::bind(&address).map_err(|error| {
                Failure::new(format!(
                    "port {} is not free ({error}): choose others with --base-port",
                    address.rsplit(':').next().unwrap_or_default()
                ))
            })?;
        }
        Ok(())
    }
}

/// The id of the cluster in this directory; drawn and written if it is new.
fn cluster(path: &Path) -> Result<ClusterId, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => ClusterId::parse(text.trim()).ok_or_else(|| {
            Failure::new(format!("{} holds no cluster id: remove the directory", path.display()))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = ClusterId(Rng::new(ambient::seed()).bits128());
            fs::write(path, format!("{id}\n"))?;
            Ok(id)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_keeps_its_id_and_is_founded_once() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Layout::open(dir.path(), 3, 7070, vec![]).unwrap();
        let first = open();
        assert_eq!(first.cluster, open().cluster);
        assert_eq!(
            (first.http(3), first.peer(1)),
            ("127.0.0.1:7072".into(), "127.0.0.1:7170".into())
        );
        let etcd = [1, 2, 3].map(|node| first.etcd(node));
        assert_eq!(etcd, ["127.0.0.1:2379", "127.0.0.1:22379", "127.0.0.1:32379"]);
        let other = Layout::open(dir.path(), 3, 8080, vec![]).unwrap();
        assert_eq!(other.etcd(2), "127.0.0.1:8281");
        assert!(first.arguments(1).contains(&"bootstrap".to_owned()));
        first.set_formed().unwrap();
        assert!(open().arguments(1).contains(&"join".to_owned()));
    }

    #[test]
    fn a_taken_port_is_named_with_the_flag() {
        let dir = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind((HOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        if let Ok(layout) = Layout::open(dir.path(), 1, port, vec![]) {
            let text = layout.check_ports().unwrap_err().to_string();
            assert!(text.contains(&port.to_string()) && text.contains("--base-port"), "{text}");
        }
    }
}
