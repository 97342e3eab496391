use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use database::link::{FRAME_BYTES_MAX, Hello};
use kernel::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::*;
use crate::{ambient, chaos::Fault};

const CLUSTER: ClusterId = ClusterId(7);

type Heard = Arc<Mutex<Vec<(NodeId, u64)>>>;

struct Node {
    transport: Transport,
    /// Ends the thread that reads.
    end: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
    chaos: Arc<Chaos>,
    /// Sender and shard number of every message.
    heard: Heard,
}

async fn node(number: u64, address: &str) -> Node {
    let heard = Heard::default();
    let (metrics, chaos) = (Arc::new(Metrics::default()), Arc::new(Chaos::default()));
    let log = Arc::clone(&heard);
    let shared = Shared {
        me: Me { node: NodeId(number), cluster: CLUSTER, incarnation: Incarnation(1) },
        queue_max: 1 << 20,
        connections_max: 4,
        chaos: Arc::clone(&chaos),
        metrics: Arc::clone(&metrics),
        flight: Arc::new(crate::flight::Flight::new(Clock::start())),
        clock: Clock::start(),
        runtime: Handle::current(),
        greeted: Notify::new(),
        deliver: Box::new(move |from, messages, _| hear(&log, from, &messages)),
    };
    let listener = TcpListener::bind(address).await.unwrap();
    let bell = Bell::new().unwrap();
    let (transport, mut reader) = Transport::start(shared, listener, bell).unwrap();
    let end = Arc::<AtomicBool>::default();
    let (ended, log) = (Arc::clone(&end), Arc::clone(&heard));
    ambient::spawn("reader", move || {
        while !ended.load(Ordering::Relaxed) {
            reader.wait(Some(Duration::from_millis(10)));
            reader.read(|from, messages| hear(&log, from, &messages));
        }
    })
    .unwrap();
    Node { transport, end, metrics, chaos, heard }
}

fn hear(log: &Heard, from: NodeId, messages: &[Envelope]) {
    log.lock().unwrap().extend(messages.iter().map(|message| (from, message.shard)));
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
    }
}

impl Node {
    fn knows(&self, number: u64, address: SocketAddr) -> Outbox {
        let member =
            Member { node: NodeId(number), peer: address.to_string(), ..Member::default() };
        self.transport.set_members(&[member]);
        let mut outbox = Outbox::default();
        outbox.set_links(self.transport.links());
        outbox
    }

    fn refused(&self, reason: &'static str) -> u64 {
        self.metrics.refused_by_reason().get(reason).copied().unwrap_or(0)
    }

    fn heard(&self, from: u64, shard: u64) -> bool {
        self.heard.lock().unwrap().contains(&(NodeId(from), shard))
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(timeout(Duration::from_secs(20), wait).await.is_ok(), "not in time: {what}");
}

fn message(shard: u64) -> Envelope {
    Envelope { shard, ..Envelope::default() }
}

/// Sends until it arrives: messages may be lost while a connection is being made.
async fn until_heard(outbox: &mut Outbox, by: &Node, from: u64, shard: u64) {
    until("a message", || {
        outbox.send(by.transport.shared.me.node, &message(shard));
        outbox.deliver();
        by.heard(from, shard)
    })
    .await;
}

#[tokio::test]
async fn messages_arrive_in_order_and_again_after_a_restart() {
    let one = node(1, "127.0.0.1:0").await;
    let two = node(2, "127.0.0.1:0").await;
    let address = two.transport.address();
    let mut outbox = one.knows(2, address);
    until_heard(&mut outbox, &two, 1, 1).await;
    for batch in 0..200 {
        (0..50).for_each(|i| outbox.send(NodeId(2), &message(1000 + batch * 50 + i)));
        outbox.deliver();
    }
    until("the last message", || two.heard(1, 10_999)).await;
    let heard = two.heard.lock().unwrap().clone();
    let shards: Vec<u64> = heard.iter().map(|(_, shard)| *shard).filter(|s| *s >= 1000).collect();
    assert_eq!(shards, (1000..11_000).collect::<Vec<_>>());

    let connected = one.metrics.connected.get_or_create(&[("peer", 2)]).clone();
    drop(two);
    until("the end of the connection", || connected.get() == 0).await;
    let mut again = None;
    until("the port to be free", || std::net::TcpListener::bind(address).is_ok()).await;
    again.get_or_insert(node(2, &address.to_string()).await);
    until_heard(&mut outbox, again.as_ref().unwrap(), 1, 2).await;
}

#[tokio::test]
async fn a_slow_reader_costs_bounded_memory_and_whole_frames() {
    let one = node(1, "127.0.0.1:0").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut outbox = one.knows(2, listener.local_addr().unwrap());
    let (mut stream, _) = listener.accept().await.unwrap();
    let connected = one.metrics.connected.get_or_create(&[("peer", 2)]).clone();
    until("the connection", || connected.get() == 1).await;
    let dropped = one.metrics.dropped.get_or_create(&[("peer", 2)]).clone();
    let mut sent = 1;
    while dropped.get() == 0 {
        (0..1000).for_each(|i| outbox.send(NodeId(2), &message(sent + i)));
        sent += 1000;
        outbox.deliver();
    }
    let queued = one.transport.links()[0].queued();
    assert!(queued <= 1 << 20, "{queued} bytes wait");
    // Every frame that comes is whole and in order, whatever was dropped between.
    let mut buffer = bytes::BytesMut::new();
    while link::take_hello(&mut buffer).unwrap().is_none() {
        assert_ne!(stream.read_buf(&mut buffer).await.unwrap(), 0);
    }
    let mut last = 0;
    while last != sent - 1 {
        while let Some(envelope) = link::take_envelope(&mut buffer).unwrap() {
            assert!(last < envelope.shard);
            last = envelope.shard;
        }
        if last != sent - 1 {
            assert_ne!(stream.read_buf(&mut buffer).await.unwrap(), 0);
        }
    }
}

fn hello(from: u64, to: u64, cluster: ClusterId) -> Vec<u8> {
    let incarnation = Incarnation(1);
    let hello = Hello { cluster, incarnation, from: NodeId(from), to: NodeId(to) };
    let mut bytes = Vec::new();
    hello.encode(&mut bytes);
    bytes
}

/// Says something to a node; returns when the node has hung up.
async fn shout(at: &Node, bytes: &[u8]) {
    let mut stream = TcpStream::connect(at.transport.address()).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let end = timeout(Duration::from_secs(20), stream.read(&mut [0; 1])).await;
    assert!(!matches!(end.unwrap(), Ok(1..)), "the node answered");
}

#[tokio::test]
async fn strangers_and_garbage_are_shown_the_door() {
    let one = node(1, "127.0.0.1:0").await;
    shout(&one, b"GET / HTTP/1.1\r\nHost: quorate\r\n\r\n").await;
    assert_eq!(one.refused("too-long"), 1, "a frame of a gigabyte, it seems");
    shout(&one, &hello(2, 1, ClusterId(8))).await;
    assert_eq!(one.refused("cluster"), 1);
    shout(&one, &hello(2, 3, CLUSTER)).await;
    assert_eq!(one.refused("addressee"), 1);
    let mut damaged = hello(2, 1, CLUSTER);
    damaged[9] ^= 4;
    shout(&one, &damaged).await;
    assert_eq!(one.refused("garbage"), 1);
    let mut oversized = hello(2, 1, CLUSTER);
    oversized.extend_from_slice(&(FRAME_BYTES_MAX as u32 + 1).to_le_bytes());
    shout(&one, &oversized).await;
    // Who has been greeted is shown the door by the reader, which tells a moment later.
    until("the end to be told", || one.refused("too-long") == 2).await;
    let mut chatter = u32::try_from(1 << 20).unwrap().to_le_bytes().to_vec();
    chatter.resize(8192, 7);
    shout(&one, &chatter).await;
    assert_eq!(one.refused("long-greeting"), 1);
    assert_eq!(*one.heard.lock().unwrap(), []);
}

#[tokio::test]
async fn the_newest_connection_of_a_peer_wins() {
    let one = node(1, "127.0.0.1:0").await;
    let mut first = TcpStream::connect(one.transport.address()).await.unwrap();
    let mut greeting = hello(2, 1, CLUSTER);
    link::put_envelope(&message(1), &mut greeting);
    first.write_all(&greeting).await.unwrap();
    until("the first", || one.heard(2, 1)).await;
    let mut second = TcpStream::connect(one.transport.address()).await.unwrap();
    second.write_all(&greeting).await.unwrap();
    let end = timeout(Duration::from_secs(20), first.read(&mut [0; 1])).await.unwrap();
    assert!(!matches!(end, Ok(1..)), "the older connection is closed");
    let mut frame = Vec::new();
    link::put_envelope(&message(2), &mut frame);
    second.write_all(&frame).await.unwrap();
    until("the second", || one.heard(2, 2)).await;
}

#[tokio::test]
async fn all_that_was_said_before_hanging_up_is_heard_and_so_is_the_end() {
    let one = node(1, "127.0.0.1:0").await;
    for (turn, count) in [(0, 1), (1, 100_000)] {
        let mut words = hello(2, 1, CLUSTER);
        (0..=count).for_each(|i| link::put_envelope(&message(i), &mut words));
        let mut peer = TcpStream::connect(one.transport.address()).await.unwrap();
        peer.write_all(&words).await.unwrap();
        drop(peer);
        until("the last word", || one.heard(2, count)).await;
        until("the end", || one.refused("closed") > turn).await;
    }
}

#[tokio::test]
async fn a_peer_that_connects_is_called_back_at_once() {
    let one = node(1, "127.0.0.1:0").await;
    let shared = Arc::clone(&one.transport.shared);
    let hour = Duration::from_secs(3_600);
    let resting = tokio::spawn(async move { outgoing::rest(&shared.greeted, hour).await });
    let calls = async {
        while !resting.is_finished() {
            let mut peer = TcpStream::connect(one.transport.address()).await.unwrap();
            peer.write_all(&hello(2, 1, CLUSTER)).await.unwrap();
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(Duration::from_secs(20), calls).await.is_ok(), "it rests on");
}

#[tokio::test]
async fn cuts_drop_one_way_and_heal() {
    let one = node(1, "127.0.0.1:0").await;
    let two = node(2, "127.0.0.1:0").await;
    let mut outbox = one.knows(2, two.transport.address());
    until_heard(&mut outbox, &two, 1, 1).await;
    let peers = BTreeSet::from([NodeId(2)]);
    one.chaos.inject(Fault::Cut { peers, outgoing: true, incoming: false });
    let dropped = one.metrics.dropped.get_or_create(&[("peer", 2)]).clone();
    let before = dropped.get();
    outbox.send(NodeId(2), &message(2));
    outbox.deliver();
    assert!(dropped.get() > before);
    one.chaos.inject(Fault::Heal);
    let peers = BTreeSet::from([NodeId(1)]);
    two.chaos.inject(Fault::Delay { peers, by: Duration::from_millis(30) });
    until_heard(&mut outbox, &two, 1, 3).await;
    assert!(!two.heard(1, 2), "what was cut never arrives");
}
