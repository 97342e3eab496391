//! What a node finds on its machine: its configuration, its data directory.

use std::{cell::RefCell, fmt::Write, fs};

use kernel::{ClusterId, NodeId, Rng, Wall};
use node::{Config, data_dir::DataDir};
use tempfile::TempDir;

use crate::{Fed, Memory, Target, draw, target::as_it_is};

const MEMORY: Memory = Memory { base: 128 << 10, per_byte: 512 };

pub const TARGETS: [Target; 2] = [
    Target {
        name: "config",
        sample: config,
        mend: as_it_is,
        words: &[
            "\"",
            "=",
            "\n",
            "[[members]]\n",
            "[limits]\n",
            "18446744073709551615",
            "GiB",
            "s",
            "'''",
            "{",
            "}",
            "-1",
            "0",
            "[otlp]\n",
        ],
        feed: feed_config,
        memory: MEMORY,
    },
    Target {
        name: "data-dir",
        sample: format,
        mend: as_it_is,
        words: &["\"", "=", "\n", "18446744073709551616", "-1", "[", "]", "version"],
        feed: feed_format,
        memory: MEMORY,
    },
];

fn config(rng: &mut Rng) -> Vec<u8> {
    let mut text = String::from(
        "node = 1\ncluster = \"0123456789abcdef0123456789abcdef\"\ndata = \"d\"\n\
         peer = \"127.0.0.1:7170\"\nlabels = { zone = \"a\" }\n",
    );
    let mut line = |line: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{line}");
    };
    line(format_args!("threads = {}", rng.range(1, 8)));
    line(format_args!(
        "{}",
        draw::word(rng, &["boot = \"join\"", "chaos = true", "log = \"json\""])
    ));
    for node in 1..=rng.below(4) {
        line(format_args!(
            "[[members]]\nnode = {node}\npeer = \"h{node}:1\"\nhttp = \"h{node}:2\""
        ));
    }
    line(format_args!("[limits]"));
    for key in
        ["cache", "journal-segment", "journal", "peer-queue", "request-bytes", "outcome-bytes"]
    {
        if rng.below(4) == 0 {
            let unit = draw::word(rng, &["", "B", "KiB", "MiB", "GiB"]);
            line(format_args!("{key} = \"{}{unit}\"", draw::number(rng, 512)));
        }
    }
    line(format_args!("[timing]"));
    for key in ["heartbeat", "election-timeout", "flush-period", "report-period", "timeout"] {
        if rng.below(4) == 0 {
            let unit = draw::word(rng, &["ms", "s", "m"]);
            line(format_args!("{key} = \"{}{unit}\"", draw::number(rng, 999)));
        }
    }
    text.into_bytes()
}

/// A refusal begins with its code in brackets.
fn coded(text: &str) -> Result<(), String> {
    let code = text.strip_prefix('[').and_then(|text| text.split_once(']'));
    if code.is_some_and(|(code, _)| !code.is_empty()) {
        return Ok(());
    }
    Err(format!("a refusal without a code: {text}"))
}

fn feed_config(bytes: &[u8]) -> Fed {
    match Config::parse(&String::from_utf8_lossy(bytes)) {
        Ok(_) => Ok(true),
        Err(error) => coded(&error.to_string()).map(|()| false),
    }
}

thread_local! {
    /// A directory for all inputs of a thread; made when the first comes.
    static DIRECTORY: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

fn format(rng: &mut Rng) -> Vec<u8> {
    let began = draw::word(rng, &["", "began = \"bootstrap\"\n", "began = \"join\"\n"]);
    format!(
        "version = {}\ncluster = \"{}\"\nnode = {}\nincarnation = {}\ncreated_ms = {}\n\
         journal = {}\n{began}",
        if rng.below(8) == 0 { draw::extreme(rng) } else { 2 },
        ClusterId(if rng.below(8) == 0 { rng.bits128() } else { 7 }),
        if rng.below(8) == 0 { draw::extreme(rng) } else { 1 },
        draw::number(rng, 3) >> 1,
        draw::number(rng, 1 << 40) >> 1,
        rng.bits() >> 1,
    )
    .into_bytes()
}

fn feed_format(bytes: &[u8]) -> Fed {
    DIRECTORY.with_borrow_mut(|directory| {
        let made = match directory.take() {
            Some(directory) => directory,
            None => tempfile::tempdir().map_err(|error| error.to_string())?,
        };
        let path = made.path().to_owned();
        *directory = Some(made);
        fs::write(path.join("format"), bytes).map_err(|error| error.to_string())?;
        match DataDir::open(&path, ClusterId(7), NodeId(1), None, Wall(5), 8) {
            Ok(opened) => {
                let _ = (opened.incarnation(), opened.journal_id(), opened.began());
                Ok(true)
            }
            Err(error) => coded(&error.to_string()).map(|()| false),
        }
    })
}
