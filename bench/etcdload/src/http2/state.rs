//! A connection without its socket: bytes in, bytes out, and the calls that wait.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    task::{Context, Poll, Waker},
};

use bytes::{Buf as _, Bytes, BytesMut};

use super::{
    answers::{Answers, Said},
    asks::{Asks, TABLE_BYTES},
    frame::{FRAME_BYTES, Frame, PREFACE, WINDOW_BYTES, flag, kind, pair, put, setting},
};

/// What answers may hold before they are read, in bytes: more than any run receives in a while.
const OUR_WINDOW: u32 = 1 << 30;
/// How much is received before the server is told that it may send more, in bytes.
const GIVE_BACK: u32 = 1 << 28;
/// Ends a call that nobody waits for (RFC 9113, section 7).
const CANCEL: u32 = 8;

/// What a call that has ended says, or not yet.
type Ended<T> = Poll<Result<T, String>>;

/// The state of a connection.
pub struct State {
    out: Vec<u8>,
    held: VecDeque<Data>,
    calls: HashMap<u32, Exchange>,
    next: u32,
    asks: Asks,
    answers: Answers,
    /// A head that goes on in the next frame: of which call, whether it is the last, what came.
    block: Option<(u32, bool, Vec<u8>)>,
    /// How much we may send: on the connection, on a new call.
    window: i64,
    call_window: i64,
    calls_max: usize,
    /// How much came since the server was last told that it may send more.
    received: u32,
    /// Why no call can begin.
    refuses: Option<String>,
    closed: bool,
}

/// A part of a message that waits for its turn.
struct Data {
    id: u32,
    bytes: Bytes,
    last: bool,
}

/// A call.
struct Exchange {
    came: BytesMut,
    window: i64,
    received: u32,
    said: Said,
    ended: Option<Result<(), String>>,
    /// Who waits, and whether for the end or for anything.
    waits: Option<(Waker, bool)>,
}

impl Exchange {
    fn wake(&mut self) {
        if let Some((waker, _)) = self.waits.take() {
            waker.wake();
        }
    }

    fn end(&mut self, how: Result<(), String>) {
        self.ended.get_or_insert(how);
        self.wake();
    }

    /// How it ended, by what its last head said.
    fn verdict(&self) -> Result<(), String> {
        match (self.said.status.as_deref(), &self.said.message) {
            (Some("0"), _) => Ok(()),
            (Some(code), message) => {
                Err(format!("{code:?}: {}", message.as_deref().unwrap_or_default()))
            }
            (None, _) => Err(format!("no status, HTTP status {:?}", self.said.http)),
        }
    }
}

impl State {
    pub fn new(authority: &str) -> State {
        let mut out = PREFACE.to_vec();
        let settings = [(setting::ENABLE_PUSH, 0), (setting::INITIAL_WINDOW_SIZE, OUR_WINDOW)];
        put(&mut out, kind::SETTINGS, 0, 0, settings.map(pair).as_flattened());
        let more = OUR_WINDOW - WINDOW_BYTES as u32;
        put(&mut out, kind::WINDOW_UPDATE, 0, 0, &more.to_be_bytes());
        State {
            out,
            held: VecDeque::new(),
            calls: HashMap::new(),
            next: 1,
            asks: Asks::new(authority),
            answers: Answers::new(),
            block: None,
            window: WINDOW_BYTES,
            call_window: WINDOW_BYTES,
            calls_max: usize::MAX,
            received: 0,
            refuses: None,
            closed: false,
        }
    }

    /// Whether calls can begin.
    pub fn serves(&self) -> bool {
        self.refuses.is_none()
    }

    /// Whether there is nothing to read or write any more.
    pub fn closed(&self) -> bool {
        self.closed
    }

    /// Ends the connection and every call.
    pub fn close(&mut self, reason: &str) {
        self.closed = true;
        self.refuse(reason, 0);
    }

    /// Lets no call begin, and ends those behind the last that the server still answers.
    fn refuse(&mut self, reason: &str, last: u32) {
        self.refuses.get_or_insert_with(|| reason.into());
        let unanswered = self.calls.iter_mut().filter(|(id, _)| **id > last);
        unanswered.for_each(|(_, call)| call.end(Err(reason.into())));
    }

    /// Moves what is to be written into an empty buffer.
    pub fn take(&mut self, output: &mut Vec<u8>) {
        mem::swap(&mut self.out, output);
    }

    /// Begins a call and returns its number.
    pub fn begin(
        &mut self,
        path: &'static str,
        message: Option<Bytes>,
        last: bool,
    ) -> Result<u32, String> {
        if let Some(reason) = &self.refuses {
            return Err(reason.clone());
        }
        if self.calls.len() >= self.calls_max {
            return Err(format!("the server takes {} calls on a connection", self.calls_max));
        }
        let id = self.next;
        self.next = id.checked_add(2).filter(|id| *id < 1 << 31).ok_or("no number is left")?;
        put(&mut self.out, kind::HEADERS, flag::END_HEADERS, id, &[]);
        let start = self.out.len();
        self.asks.put(path, &mut self.out);
        let length = ((self.out.len() - start) as u32).to_be_bytes();
        self.out[start - 9..start - 6].copy_from_slice(&length[1..]);
        let call = Exchange {
            came: BytesMut::new(),
            window: self.call_window,
            received: 0,
            said: Said::default(),
            ended: None,
            waits: None,
        };
        self.calls.insert(id, call);
        if let Some(bytes) = message {
            self.held.push_back(Data { id, bytes, last });
            self.release();
        }
        Ok(id)
    }

    /// Sends one more message of a call.
    pub fn send(&mut self, id: u32, bytes: Bytes) -> Result<(), String> {
        if let Some(Err(reason)) = self.calls.get(&id).and_then(|call| call.ended.as_ref()) {
            return Err(reason.clone());
        }
        self.held.push_back(Data { id, bytes, last: false });
        self.release();
        Ok(())
    }

    /// Writes what the windows let through, in order.
    fn release(&mut self) {
        while let Some(data) = self.held.front_mut() {
            let Some(call) = self.calls.get_mut(&data.id) else {
                self.held.pop_front();
                continue;
            };
            let room = self.window.min(call.window).clamp(0, FRAME_BYTES as i64) as usize;
            if room == 0 && !data.bytes.is_empty() {
                return;
            }
            let part = data.bytes.split_to(room.min(data.bytes.len()));
            let whole = data.bytes.is_empty();
            let flags = if whole && data.last { flag::END_STREAM } else { 0 };
            self.window -= part.len() as i64;
            call.window -= part.len() as i64;
            put(&mut self.out, kind::DATA, flags, data.id, &part);
            if whole {
                self.held.pop_front();
            }
        }
    }

    /// Whether a call has ended; then everything that came.
    pub fn poll_whole(&mut self, id: u32, cx: &mut Context) -> Ended<BytesMut> {
        let Some(call) = self.calls.get_mut(&id) else { return Poll::Ready(Ok(BytesMut::new())) };
        match call.ended.clone() {
            Some(how) => Poll::Ready(how.map(|()| mem::take(&mut call.came))),
            None => {
                call.waits = Some((cx.waker().clone(), true));
                Poll::Pending
            }
        }
    }

    /// Whether something came or the call has ended.
    pub fn poll_more(&mut self, id: u32, buffer: &mut BytesMut, cx: &mut Context) -> Ended<bool> {
        let Some(call) = self.calls.get_mut(&id) else { return Poll::Ready(Ok(false)) };
        if !call.came.is_empty() {
            buffer.unsplit(mem::take(&mut call.came));
            return Poll::Ready(Ok(true));
        }
        match call.ended.clone() {
            Some(how) => Poll::Ready(how.map(|()| false)),
            None => {
                call.waits = Some((cx.waker().clone(), false));
                Poll::Pending
            }
        }
    }

    /// Forgets a call; whether the server must be told.
    pub fn forget(&mut self, id: u32) -> bool {
        let open = self.calls.remove(&id).is_some_and(|call| call.ended.is_none());
        if open {
            put(&mut self.out, kind::RST_STREAM, 0, id, &CANCEL.to_be_bytes());
        }
        open
    }

    /// Takes every whole frame of what was read.
    pub fn take_in(&mut self, input: &mut BytesMut) -> Result<(), String> {
        let mut rest = &input[..];
        while let Some(frame) = Frame::next(&mut rest)? {
            self.frame(&frame)?;
        }
        let taken = input.len() - rest.len();
        input.advance(taken);
        Ok(())
    }

    fn frame(&mut self, frame: &Frame) -> Result<(), String> {
        match frame.kind {
            kind::DATA => self.data(frame),
            kind::HEADERS => {
                self.block = Some((frame.stream, frame.has(flag::END_STREAM), Vec::new()));
                self.head(frame, frame.content()?)
            }
            kind::CONTINUATION => self.head(frame, frame.body),
            kind::RST_STREAM => {
                let code = frame.number(0)?;
                if let Some(call) = self.calls.get_mut(&frame.stream) {
                    call.end(Err(format!("the server ended the call with code {code}")));
                }
                Ok(())
            }
            kind::SETTINGS if !frame.has(flag::ACK) => self.settings(frame),
            kind::PING if !frame.has(flag::ACK) => {
                put(&mut self.out, kind::PING, flag::ACK, 0, frame.body);
                Ok(())
            }
            kind::GOAWAY => {
                let why = String::from_utf8_lossy(frame.body.get(8..).unwrap_or_default());
                self.refuse(&format!("the server goes away: {why}"), frame.number(0)?);
                Ok(())
            }
            kind::WINDOW_UPDATE => self.wider(frame),
            _ => Ok(()),
        }
    }

    fn data(&mut self, frame: &Frame) -> Result<(), String> {
        let length = frame.body.len() as u32;
        give_back(&mut self.out, 0, &mut self.received, length);
        let Some(call) = self.calls.get_mut(&frame.stream) else { return Ok(()) };
        call.came.extend_from_slice(frame.content()?);
        if frame.has(flag::END_STREAM) {
            call.end(call.verdict());
            return Ok(());
        }
        give_back(&mut self.out, frame.stream, &mut call.received, length);
        if call.waits.as_ref().is_some_and(|(_, whole)| !whole) {
            call.wake();
        }
        Ok(())
    }

    /// A part of the head or the end of an answer.
    fn head(&mut self, frame: &Frame, part: &[u8]) -> Result<(), String> {
        let (stream, end, mut block) = self.block.take().ok_or("a head without a start")?;
        block.extend_from_slice(part);
        if !frame.has(flag::END_HEADERS) {
            self.block = Some((stream, end, block));
            return Ok(());
        }
        // Read even if nobody waits for it: it may change the table.
        let said = self.answers.read(&block)?;
        if let Some(call) = self.calls.get_mut(&stream) {
            call.said = said;
            if end {
                call.end(call.verdict());
            }
        }
        Ok(())
    }

    /// The server takes more, on the connection or of one call.
    fn wider(&mut self, frame: &Frame) -> Result<(), String> {
        let more = i64::from(frame.number(0)?);
        match (frame.stream, self.calls.get_mut(&frame.stream)) {
            (0, _) => self.window += more,
            (_, Some(call)) => call.window += more,
            (_, None) => {}
        }
        self.release();
        Ok(())
    }

    fn settings(&mut self, frame: &Frame) -> Result<(), String> {
        for (name, value) in frame.settings() {
            match name {
                setting::INITIAL_WINDOW_SIZE => {
                    let more = i64::from(value) - self.call_window;
                    self.call_window += more;
                    self.calls.values_mut().for_each(|call| call.window += more);
                }
                setting::MAX_CONCURRENT_STREAMS => self.calls_max = value as usize,
                setting::HEADER_TABLE_SIZE if (value as usize) < TABLE_BYTES => {
                    return Err(format!("a server that remembers {value} bytes of heads"));
                }
                _ => {}
            }
        }
        put(&mut self.out, kind::SETTINGS, flag::ACK, 0, &[]);
        self.release();
        Ok(())
    }
}

/// Counts what came, and lets the server send as much again before it has to stop.
fn give_back(out: &mut Vec<u8>, stream: u32, received: &mut u32, length: u32) {
    *received += length;
    if *received >= GIVE_BACK {
        put(out, kind::WINDOW_UPDATE, 0, stream, &mem::take(received).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server reads of it: kind, flags, call, body.
    fn said(state: &mut State) -> Vec<(u8, u8, u32, Vec<u8>)> {
        let mut out = Vec::new();
        state.take(&mut out);
        let mut rest = out.strip_prefix(PREFACE).unwrap_or(&out);
        let mut frames = Vec::new();
        while let Some(frame) = Frame::next(&mut rest).unwrap() {
            frames.push((frame.kind, frame.flags, frame.stream, frame.body.to_vec()));
        }
        assert!(rest.is_empty());
        frames
    }

    fn hear(state: &mut State, frames: &[(u8, u8, u32, &[u8])]) {
        let mut bytes = Vec::new();
        frames.iter().for_each(|(kind, flags, id, body)| put(&mut bytes, *kind, *flags, *id, body));
        // A byte at a time: frames do not come whole.
        let mut input = BytesMut::new();
        for byte in bytes {
            input.extend_from_slice(&[byte]);
            state.take_in(&mut input).unwrap();
        }
        assert!(input.is_empty());
    }

    fn whole(state: &mut State, id: u32) -> Ended<BytesMut> {
        state.poll_whole(id, &mut Context::from_waker(Waker::noop()))
    }

    fn ask(state: &mut State, bytes: usize) -> u32 {
        state.begin("/p", Some(vec![7; bytes].into()), true).unwrap()
    }

    /// A literal field, as a server may say it without a table (RFC 7541, section 6.2.2).
    fn field(name: &str, value: &str) -> Vec<u8> {
        [&[0, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
    }

    #[test]
    fn a_message_goes_no_further_than_the_windows_let_it() {
        let mut state = State::new("host");
        said(&mut state);
        let id = ask(&mut state, 100_000);
        let sent = |state: &mut State| -> Vec<(u8, usize)> {
            let data = said(state).into_iter().filter(|(kind, ..)| *kind == kind::DATA);
            data.map(|(_, flags, _, body)| (flags, body.len())).collect()
        };
        assert_eq!(sent(&mut state), [(0, 16_384), (0, 16_384), (0, 16_384), (0, 16_383)]);
        hear(&mut state, &[(kind::WINDOW_UPDATE, 0, id, &40_000u32.to_be_bytes())]);
        assert_eq!(sent(&mut state), [], "the connection's window is shut");
        hear(&mut state, &[(kind::WINDOW_UPDATE, 0, 0, &10_000u32.to_be_bytes())]);
        assert_eq!(sent(&mut state), [(0, 10_000)]);
        hear(&mut state, &[(kind::WINDOW_UPDATE, 0, 0, &1_000_000u32.to_be_bytes())]);
        assert_eq!(sent(&mut state), [(0, 16_384), (flag::END_STREAM, 8_081)]);
    }

    #[test]
    fn an_answer_is_whole_when_its_last_head_came() {
        let mut state = State::new("host");
        let (first, second) = (ask(&mut state, 1), ask(&mut state, 1));
        hear(
            &mut state,
            &[
                (kind::HEADERS, flag::END_HEADERS, first, &[0x88]),
                (kind::DATA, flag::PADDED, first, &[2, b'a', b'b', 0, 0]),
                (kind::DATA, 0, first, b"c"),
            ],
        );
        assert!(whole(&mut state, first).is_pending());
        let (ok, bad) = (field("grpc-status", "0"), field("grpc-status", "14"));
        let (part, rest) = ok.split_at(5);
        hear(
            &mut state,
            &[
                (kind::HEADERS, flag::END_STREAM, first, part),
                (kind::CONTINUATION, flag::END_HEADERS, first, rest),
                (kind::HEADERS, flag::END_STREAM | flag::END_HEADERS, second, &bad),
            ],
        );
        assert_eq!(whole(&mut state, first), Poll::Ready(Ok(BytesMut::from("abc"))));
        assert_eq!(whole(&mut state, second), Poll::Ready(Err("\"14\": ".into())));
    }

    #[test]
    fn a_server_that_goes_away_answers_what_it_took() {
        let mut state = State::new("host");
        let (taken, late) = (ask(&mut state, 1), ask(&mut state, 1));
        let body = [&taken.to_be_bytes()[..], &[0; 4], b"bye"].concat();
        hear(&mut state, &[(kind::GOAWAY, 0, 0, &body)]);
        assert!(whole(&mut state, taken).is_pending());
        let gone = || Err("the server goes away: bye".into());
        assert_eq!(whole(&mut state, late), Poll::Ready(gone()));
        assert_eq!(state.begin("/p", None, false), gone().map(|_: BytesMut| 0));
        state.close("broken");
        assert_eq!(whole(&mut state, taken), Poll::Ready(Err("broken".into())));
    }

    #[test]
    fn a_call_that_nobody_waits_for_is_cancelled_once() {
        let mut state = State::new("host");
        let (open, reset) = (ask(&mut state, 1), ask(&mut state, 1));
        hear(&mut state, &[(kind::RST_STREAM, 0, reset, &[0, 0, 0, 2])]);
        said(&mut state);
        assert!(state.forget(open) && !state.forget(open) && !state.forget(reset));
        assert_eq!(said(&mut state), [(kind::RST_STREAM, 0, open, CANCEL.to_be_bytes().into())]);
        hear(&mut state, &[(kind::DATA, 0, open, b"late"), (kind::PING, 0, 0, b"12345678")]);
        assert_eq!(said(&mut state), [(kind::PING, flag::ACK, 0, b"12345678".into())]);
    }

    #[test]
    fn settings_are_heeded_and_answered() {
        let mut state = State::new("host");
        let id = ask(&mut state, 50_000);
        said(&mut state);
        let new = [(setting::INITIAL_WINDOW_SIZE, 1_000), (setting::MAX_CONCURRENT_STREAMS, 1)];
        hear(&mut state, &[(kind::SETTINGS, 0, 0, new.map(pair).as_flattened())]);
        assert_eq!(said(&mut state), [(kind::SETTINGS, flag::ACK, 0, vec![])]);
        assert!(state.begin("/p", None, false).is_err());
        assert!(state.forget(id));
        let id = ask(&mut state, 2_000);
        let lengths: Vec<_> = said(&mut state).iter().map(|(.., body)| body.len()).collect();
        assert_eq!((id, &lengths[2..]), (3, &[1_000][..]), "a reset, a head, what is let through");
        let few = [(setting::HEADER_TABLE_SIZE, 0)].map(pair);
        let mut bytes = Vec::new();
        put(&mut bytes, kind::SETTINGS, 0, 0, few.as_flattened());
        assert!(state.take_in(&mut BytesMut::from(&bytes[..])).is_err());
    }
}
