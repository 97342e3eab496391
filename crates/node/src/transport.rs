//! Frames between nodes over TCP.
//!
//! ```text
//!   worker ─▶ Outbox ─ one buffer per peer and batch ─▶ Link ─▶ socket ─▶ … ─▶ Reader ─▶ worker
//!                                                        │
//!                                     what the socket does not take at once waits in a bounded
//!                                     queue, which the link's task drains
//! ```
//!
//! A connection carries frames one way, from the node that made it. The worker writes to the
//! sockets and reads from them itself: on a healthy link a batch costs one system call here and one
//! there, and wakes nobody but the other worker. Messages may be lost, so nothing waits for an
//! unreachable peer: what is not sent is dropped and counted.

mod incoming;
mod outgoing;
mod reader;

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use database::{Envelope, api::Member, link};
use kernel::{ClusterId, Incarnation, NodeId};
use tokio::{net::TcpListener, runtime::Handle, sync::Notify, task::AbortHandle};

pub use self::{
    outgoing::Link,
    reader::{Bell, Reader},
};
use crate::{ambient::Clock, chaos::Chaos, flight::Flight, metrics::Metrics};

/// Takes what a peer sent, in order.
pub type Deliver = Box<dyn Fn(NodeId, Vec<Envelope>, u64) + Send + Sync>;

/// Who speaks.
#[derive(Clone, Copy, Debug)]
pub struct Me {
    /// This node.
    pub node: NodeId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its incarnation.
    pub incarnation: Incarnation,
}

/// What all connections share.
pub struct Shared {
    /// Who speaks.
    pub me: Me,
    /// Bytes that may wait for one peer.
    pub queue_max: usize,
    /// Connections from peers at a time.
    pub connections_max: usize,
    /// Faults in force.
    pub chaos: Arc<Chaos>,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Events.
    pub flight: Arc<Flight>,
    /// For how long a connection lasted.
    pub clock: Clock,
    /// Where what waits goes on.
    pub runtime: Handle,
    /// A peer has connected, so it is there: who waits to connect tries at once.
    pub greeted: Notify,
    /// Where messages go that were held up on purpose, with their size in bytes.
    pub deliver: Deliver,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("me", &self.me).finish_non_exhaustive()
    }
}

/// All connections of a node.
#[derive(Debug)]
pub struct Transport {
    shared: Arc<Shared>,
    peers: Mutex<BTreeMap<NodeId, Peer>>,
    listener: AbortHandle,
    address: SocketAddr,
}

/// A peer that is being talked to.
#[derive(Debug)]
struct Peer {
    address: String,
    link: Arc<Link>,
    task: AbortHandle,
}

impl Transport {
    /// Begins to listen; what peers send is for the reader to read.
    ///
    /// # Errors
    /// If the listener's address cannot be read.
    pub fn start(
        shared: Shared,
        listener: TcpListener,
        bell: Bell,
    ) -> std::io::Result<(Transport, Reader)> {
        let shared = Arc::new(shared);
        let address = listener.local_addr()?;
        let arrivals = Arc::clone(bell.arrivals());
        let reader = bell.reader(Arc::clone(&shared));
        let task = incoming::listen(listener, Arc::clone(&shared), arrivals);
        let listener = shared.runtime.spawn(task).abort_handle();
        Ok((Transport { shared, peers: Mutex::default(), listener, address }, reader))
    }

    /// Where peers connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Talks to these nodes, at these addresses, and to no others.
    pub fn set_members(&self, members: &[Member]) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted: BTreeMap<NodeId, &str> = members
            .iter()
            .filter(|member| member.node != self.shared.me.node && !member.peer.is_empty())
            .map(|member| (member.node, member.peer.as_str()))
            .collect();
        peers.retain(|node, peer| {
            let stays = wanted.get(node) == Some(&peer.address.as_str());
            if !stays {
                peer.stop();
            }
            stays
        });
        for (node, address) in wanted {
            peers.entry(node).or_insert_with(|| self.dial(node, address));
        }
    }

    fn dial(&self, node: NodeId, address: &str) -> Peer {
        let link = Arc::new(Link::new(node, Arc::clone(&self.shared)));
        let task = outgoing::keep_connected(Arc::clone(&link), address.to_owned());
        let task = self.shared.runtime.spawn(task).abort_handle();
        Peer { address: address.to_owned(), link, task }
    }

    /// The links to all peers, for an [`Outbox`].
    #[must_use]
    pub fn links(&self) -> Vec<Arc<Link>> {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.values().map(|peer| Arc::clone(&peer.link)).collect()
    }

    /// Closes every connection to a peer and stops to listen; those from peers end with the reader.
    pub fn stop(&self) {
        self.listener.abort();
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.values().for_each(Peer::stop);
        peers.clear();
    }
}

impl Peer {
    fn stop(&self) {
        self.task.abort();
        self.link.detach();
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Gathers the frames of one batch by peer. Lives on the worker's thread.
#[derive(Debug, Default)]
pub struct Outbox {
    peers: BTreeMap<NodeId, (Arc<Link>, Vec<u8>)>,
}

impl Outbox {
    /// Uses these links from now on. Nothing may be gathered at this time.
    pub fn set_links(&mut self, links: Vec<Arc<Link>>) {
        self.peers = links.into_iter().map(|link| (link.peer(), (link, Vec::new()))).collect();
    }

    /// Encodes a message for a peer; dropped if the peer is unknown.
    pub fn send(&mut self, to: NodeId, message: &Envelope) {
        if let Some((_, frames)) = self.peers.get_mut(&to) {
            link::put_envelope(message, frames);
        }
    }

    /// Hands over what was gathered.
    pub fn deliver(&mut self) {
        for (link, frames) in self.peers.values_mut() {
            if !frames.is_empty() {
                link.push(frames);
            }
        }
    }
}

#[cfg(test)]
mod tests;
