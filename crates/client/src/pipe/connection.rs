//! The two tasks of an open pipe, and the callers that wait.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Notify, oneshot},
};

use super::{Answer, Call, PATH, UPGRADE};
use crate::ambient;

/// The longest head of the answer to an upgrade, in bytes.
const HEAD_MAX: usize = 16 << 10;
/// Room that the buffers of an idle pipe keep, in bytes.
const BUFFER_KEPT: usize = 64 << 10;

/// An open pipe. Dropping it closes it.
#[derive(Debug)]
pub struct Pipe {
    shared: Arc<Shared>,
    _tasks: [ambient::Task; 2],
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something is to be written.
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Frames that nobody has begun to write.
    out: Vec<u8>,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
    last: u64,
    closed: bool,
}

impl Pipe {
    /// Connects and asks for the upgrade.
    ///
    /// # Errors
    /// If there is no connection, or no pipe behind it.
    pub async fn open(address: &str) -> io::Result<Pipe> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "GET {PATH} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\n\
             upgrade: {UPGRADE}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        let early = upgraded(&mut stream).await?;
        let shared = Arc::new(Shared::default());
        let (read, write) = stream.into_split();
        let reader = ambient::spawn(reader(Arc::clone(&shared), read, early));
        let writer = ambient::spawn(writer(Arc::clone(&shared), write));
        Ok(Pipe { shared, _tasks: [reader, writer] })
    }

    /// Whether calls can be made.
    pub fn is_open(&self) -> bool {
        !self.shared.state().closed
    }

    /// Makes a call; its number is drawn here.
    ///
    /// # Errors
    /// If the pipe breaks first: the call may have been read, unless `false` comes with it.
    pub async fn call(&self, mut call: Call) -> Result<Answer, (io::Error, bool)> {
        let (answer, answered) = oneshot::channel();
        let number = {
            let mut state = self.shared.state();
            if state.closed {
                return Err((io::ErrorKind::NotConnected.into(), false));
            }
            state.last += 1;
            call.number = state.last;
            call.put(&mut state.out);
            state.waiting.insert(call.number, answer);
            call.number
        };
        self.shared.wake.notify_one();
        // A caller that gives up waits no more.
        let _place = Place { shared: &self.shared, number };
        answered.await.map_err(|_| (io::ErrorKind::ConnectionReset.into(), true))
    }
}

struct Place<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.shared.state().waiting.remove(&self.number);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing comes or goes any more: who waits learns it from a dropped sender.
    fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.out = Vec::new();
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
        self.wake.notify_one();
    }
}

/// Reads the answer to the upgrade; what came behind it already is returned.
async fn upgraded(stream: &mut TcpStream) -> io::Result<BytesMut> {
    let mut buffer = BytesMut::with_capacity(4 << 10);
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
        match response.parse(&buffer).map_err(|error| invalid(error.to_string()))? {
            httparse::Status::Complete(length) if response.code == Some(101) => {
                let _ = buffer.split_to(length);
                return Ok(buffer);
            }
            httparse::Status::Complete(_) => {
                let status = response.code.unwrap_or(0);
                return Err(invalid(format!("no pipe was opened: status {status}")));
            }
            httparse::Status::Partial if buffer.len() > HEAD_MAX => {
                return Err(invalid("a head over the limit".into()));
            }
            httparse::Status::Partial => {}
        }
    }
}

async fn reader(shared: Arc<Shared>, mut stream: OwnedReadHalf, mut buffer: BytesMut) {
    let mut answers = Vec::new();
    loop {
        let mut sound = true;
        loop {
            match Answer::take(&mut buffer) {
                Ok(Some(answer)) => answers.push(answer),
                Ok(None) => break,
                // Nothing behind it can be believed.
                Err(_) => {
                    sound = false;
                    break;
                }
            }
        }
        deliver(&shared, &mut answers);
        if !sound || !matches!(stream.read_buf(&mut buffer).await, Ok(1..)) {
            return shared.close();
        }
    }
}

/// Hands answers to their callers, with one look at who waits.
fn deliver(shared: &Shared, answers: &mut Vec<Answer>) {
    let mut state = shared.state();
    let found: Vec<_> = answers
        .drain(..)
        .filter_map(|answer| state.waiting.remove(&answer.number).map(|caller| (caller, answer)))
        .collect();
    drop(state);
    for (caller, answer) in found {
        // One that has given up in this moment is no loss.
        let _ = caller.send(answer);
    }
}

async fn writer(shared: Arc<Shared>, mut stream: OwnedWriteHalf) {
    let mut frames = Vec::new();
    loop {
        shared.wake.notified().await;
        // Callers that were woken together call again together: let them, before the write.
        tokio::task::yield_now().await;
        {
            let mut state = shared.state();
            if state.closed {
                return;
            }
            std::mem::swap(&mut state.out, &mut frames);
        }
        if !frames.is_empty() && stream.write_all(&frames).await.is_err() {
            return shared.close();
        }
        frames.clear();
        frames.shrink_to(BUFFER_KEPT);
    }
}
