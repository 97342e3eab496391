//! What tests of real clusters share.

use std::net::TcpListener;

/// A port with room for five nodes of `dev`: HTTP from there, peers 100 above, etcd's clients 200.
pub fn free_ports() -> u16 {
    let free = |base: u16| {
        (0..5).all(|i| {
            let ports = [base + i, base + 100 + i, base + 200 + i];
            ports.iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        })
    };
    let candidate = |_| {
        let listener = TcpListener::bind("127.0.0.1:0").ok()?;
        Some(listener.local_addr().ok()?.port()).filter(|port| *port < 65_000)
    };
    (0..100).filter_map(candidate).find(|port| free(*port)).expect("free ports")
}
