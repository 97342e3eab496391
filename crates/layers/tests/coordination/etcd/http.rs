//! Just enough HTTP for etcd's JSON gateway.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

pub struct Connection {
    stream: BufReader<TcpStream>,
    /// Sent with every request.
    pub token: Option<String>,
}

impl Connection {
    pub fn open(address: &str) -> Connection {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Connection { stream: BufReader::new(stream), token: None }
    }

    pub fn send(&mut self, path: &str, body: &Value) {
        let body = body.to_string();
        let token = self.token.iter().map(|token| format!("Authorization: {token}\r\n"));
        let head = format!(
            "POST /v3/{path} HTTP/1.1\r\nHost: etcd\r\n{}Content-Length: {}\r\n\r\n",
            token.collect::<String>(),
            body.len()
        );
        self.stream.get_mut().write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
    }

    /// Sends a request and reads the whole answer.
    pub fn call(&mut self, path: &str, body: &Value) -> Value {
        self.send(path, body);
        let length = self.head();
        let mut body = Vec::new();
        match length {
            Some(length) => {
                body.resize(length, 0);
                self.stream.read_exact(&mut body).unwrap();
            }
            None => {
                while let Some(chunk) = self.chunk() {
                    body.extend(chunk);
                }
            }
        }
        serde_json::from_slice(&body).unwrap()
    }

    /// Reads the head of an answer; the length of its body, if it is not in chunks.
    pub fn head(&mut self) -> Option<usize> {
        let mut length = None;
        loop {
            let line = self.line().to_lowercase();
            if line.is_empty() {
                return length;
            }
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().ok();
            }
        }
    }

    /// Reads the next chunk of a body; `None` after the last.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let length = usize::from_str_radix(&self.line(), 16).unwrap();
        let mut chunk = vec![0; length];
        self.stream.read_exact(&mut chunk).unwrap();
        self.line();
        (length > 0).then_some(chunk)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}
