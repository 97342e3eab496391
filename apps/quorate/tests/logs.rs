//! A log that cannot be written stops nobody.
#![allow(clippy::disallowed_methods, reason = "a test may wait")]

use std::{
    fs::File,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    thread::park_timeout,
    time::Duration,
};

fn is_ready(http: &str) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(http)?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: q\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

#[test]
fn a_node_whose_log_finds_no_room_goes_on() {
    let Ok(full) = File::options().write(true).open("/dev/full") else { return };
    let dir = tempfile::tempdir().unwrap();
    let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [http, peer] = held.each_ref().map(|held| held.local_addr().unwrap().to_string());
    drop(held);
    let members = format!("[{{ node = 1, peer = \"{peer}\", http = \"{http}\" }}]");
    let mut server = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["server", "--node", "1", "--cluster", "0123456789abcdef0123456789abcdef"])
        .args(["--boot", "bootstrap", "--http", &http, "--peer", &peer, "--members", &members])
        .args(["--data", &dir.path().join("n1").display().to_string()])
        .stdout(Stdio::null())
        .stderr(full)
        .spawn()
        .unwrap();
    let ready = (0..300).any(|_| {
        park_timeout(Duration::from_millis(100));
        is_ready(&http)
    });
    let ended = server.try_wait().unwrap();
    let _ = server.kill();
    let _ = server.wait();
    assert!(ready, "not ready; ended: {ended:?}");
}
