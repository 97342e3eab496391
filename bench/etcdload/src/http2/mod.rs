//! HTTP/2 (RFC 9113) as far as a load generator needs it, and no more.
//!
//! The generator shares the cores with what it measures: a full library took a fifth of both for
//! itself, more than a node of the cluster. Here a request is some bytes behind a shared buffer,
//! an answer some bytes on the pile of its call:
//!
//! ```text
//!   client ── head + message ──▶ out ─┐                 ┌─ one write for all that gathered
//!   client ── head + message ──▶ out ─┴▶ drive: socket ─┤
//!   client ◀── woken once, when its answer is whole ────┴─ one read, every frame in it
//! ```
//!
//! Clients that one read woke run before the connection does, on the one thread that there is, so
//! their next requests leave together, as from a server that answers in batches.
//!
//! Left out: priorities, push (refused by a setting), padding of our own, and waiting for a free
//! stream: more calls than a server takes on a connection are an error.

mod answers;
mod asks;
mod frame;
mod state;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};
use tokio::{io::Interest, net::TcpStream, sync::Notify};

use state::State;

/// How much is read at once, in bytes.
const READ_BYTES: usize = 256 << 10;

/// A connection. Cheap to clone: calls of all clones share it. The last clone closes it.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
    _open: Arc<Open>,
}

/// What the callers and the connection's task share.
struct Shared {
    state: Mutex<State>,
    /// There is something to write, or nobody is left who would ask.
    wake: Notify,
}

/// Ends the connection's task with the last caller.
struct Open(Arc<Shared>);

/// A call. Dropped before its end, it is cancelled.
pub struct Call {
    connection: Connection,
    id: u32,
}

impl Connection {
    /// Connects; must run inside a runtime.
    pub async fn open(address: &str) -> Result<Connection, String> {
        let stream = TcpStream::connect(address).await.map_err(|e| format!("{address}: {e}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let state = Mutex::new(State::new(address));
        let shared = Arc::new(Shared { state, wake: Notify::new() });
        tokio::spawn(drive(stream, Arc::clone(&shared)));
        Ok(Connection { _open: Arc::new(Open(Arc::clone(&shared))), shared })
    }

    /// Whether requests can still be sent.
    pub fn lives(&self) -> bool {
        self.shared.lock().serves()
    }

    /// Begins a call. `message` may be the last: no other follows then.
    pub fn call(
        &self,
        path: &'static str,
        message: Option<Bytes>,
        last: bool,
    ) -> Result<Call, String> {
        let id = self.shared.lock().begin(path, message, last)?;
        self.shared.wake.notify_one();
        Ok(Call { connection: self.clone(), id })
    }
}

impl Call {
    /// Sends one more message.
    pub fn send(&self, message: Bytes) -> Result<(), String> {
        self.connection.shared.lock().send(self.id, message)?;
        self.connection.shared.wake.notify_one();
        Ok(())
    }

    /// Everything that came, once the call has ended well.
    pub async fn whole(&mut self) -> Result<BytesMut, String> {
        std::future::poll_fn(|cx| self.connection.shared.lock().poll_whole(self.id, cx)).await
    }

    /// Adds what came to a buffer; false at the end of a call that ended well.
    pub async fn more(&mut self, buffer: &mut BytesMut) -> Result<bool, String> {
        std::future::poll_fn(|cx| self.connection.shared.lock().poll_more(self.id, buffer, cx))
            .await
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.connection.shared.lock().forget(self.id) {
            self.connection.shared.wake.notify_one();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().close("closed");
        self.0.wake.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries bytes between the socket and the state until one of them ends.
async fn drive(stream: TcpStream, shared: Arc<Shared>) {
    let mut socket = Socket { stream, input: BytesMut::new(), output: Vec::new(), written: 0 };
    let reason = loop {
        if let Err(error) = socket.write(&shared) {
            break error;
        }
        if shared.lock().closed() {
            return;
        }
        let interest = match socket.output.is_empty() {
            true => Interest::READABLE,
            false => Interest::READABLE | Interest::WRITABLE,
        };
        tokio::select! {
            biased;
            ready = socket.stream.ready(interest) => {
                if ready.is_ok_and(|ready| !ready.is_readable()) {
                    continue;
                }
                if let Err(error) = socket.read(&shared) {
                    break error;
                }
            }
            () = shared.wake.notified() => {}
        }
    };
    shared.lock().close(&reason);
}

struct Socket {
    stream: TcpStream,
    input: BytesMut,
    output: Vec<u8>,
    written: usize,
}

impl Socket {
    /// Writes what the socket takes.
    fn write(&mut self, shared: &Shared) -> Result<(), String> {
        loop {
            if self.written == self.output.len() {
                self.output.clear();
                self.written = 0;
                shared.lock().take(&mut self.output);
            }
            if self.output.is_empty() {
                return Ok(());
            }
            match self.stream.try_write(&self.output[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Reads once and hands on every whole frame.
    fn read(&mut self, shared: &Shared) -> Result<(), String> {
        self.input.reserve(READ_BYTES);
        match self.stream.try_read_buf(&mut self.input) {
            Ok(0) => Err("the server closed the connection".into()),
            Ok(_) => shared.lock().take_in(&mut self.input),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}
