use std::{fs, time::Duration};

use super::*;

const FILE: &str = r#"
node = 1
cluster = "0123456789abcdef0123456789abcdef"
data = "/tmp/quorate"
boot = "bootstrap"
labels = { zone = "a" }
threads = 3

[[members]]
node = 2
peer = "h2:7170"
http = "h2:7070"

[[members]]
node = "n1"
peer = "h1:7170"
http = "h1:7070"

[limits]
cache = "16MiB"

[timing]
heartbeat = "20ms"
"#;

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

fn refused(text: &str) -> String {
    Config::parse(text).unwrap_err().to_string()
}

#[test]
fn a_file_with_defaults_around_it() {
    let config = Config::parse(FILE).unwrap();
    assert_eq!((config.node, config.boot), (NodeId(1), BootMode::Bootstrap));
    assert_eq!(config.members.iter().map(|m| m.node.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(config.limits.cache, 16 << 20);
    assert_eq!(config.limits.journal, HostLimits::default().journal);
    assert_eq!(config.settings.heartbeat, Duration::from_millis(20));
    assert_eq!(config.watch_progress, Duration::from_secs(600));
    assert_eq!(config.me.labels, [pair("zone", "a")]);
    assert_eq!(config.peer, "127.0.0.1:7170");
    assert_eq!((config.etcd.as_str(), config.me.etcd.as_str()), ("", ""));
    assert_eq!(config.me.peer, "h1:7170", "others are told what the list of members says");
    let config = Config::parse(&format!("advertise-peer = \"x:1\"\n{FILE}")).unwrap();
    assert_eq!((config.me.peer.as_str(), config.me.http.as_str()), ("x:1", "h1:7070"));
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("quorate.toml");
    fs::write(&path, FILE).unwrap();
    let variables = [
        pair("QUORATE_THREADS", "4"),
        pair("QUORATE_LIMITS__CACHE", "32MiB"),
        pair("QUORATE_LABELS", "rack=7"),
        pair("HOME", "/root"),
    ];
    let flags = [pair("limits.cache", "48MiB"), pair("chaos", "true")];
    let config = Config::load(Some(&path), variables, flags).unwrap();
    assert_eq!(config.threads, 4, "variable over file");
    assert_eq!(config.limits.cache, 48 << 20, "flag over variable");
    assert_eq!(config.me.labels, [pair("rack", "7")], "labels are replaced whole");
    assert!(config.chaos);
    assert_eq!(config.settings.heartbeat, Duration::from_millis(20), "the file is still there");
}

#[test]
fn members_fit_into_a_variable() {
    let flags = [
        pair("node", "n3"),
        pair("cluster", "11111111111111111111111111111111"),
        pair("data", "d"),
        pair("members", r#"[{ node = 3, peer = "h3:1", http = "h3:2" }]"#),
    ];
    let config = Config::load(None, [], flags).unwrap();
    assert_eq!(config.members[0].peer, "h3:1");
    assert_eq!(config.cluster, ClusterId(0x1111_1111_1111_1111_1111_1111_1111_1111));
}

#[test]
fn errors_name_the_place_and_the_key() {
    let text = FILE.replace("16MiB", "16MB");
    let error = refused(&text);
    assert!(error.contains("configuration:20 (cache)") && error.contains("64MiB"), "{error}");
    let error = refused(&FILE.replace("threads", "treads"));
    assert!(error.contains("configuration:7 (treads)") && error.contains("unknown"), "{error}");
    let variables = [pair("QUORATE_CHAOS", "perhaps")];
    let error = Config::load(None, variables, []).unwrap_err().to_string();
    assert!(error.contains("QUORATE_CHAOS (chaos)"), "{error}");
    let error = Config::load(None, [], [pair("nonsense", "1")]).unwrap_err().to_string();
    assert!(error.contains("--nonsense"), "{error}");
    let error = Config::load(None, [], [pair("node", "1")]).unwrap_err().to_string();
    assert!(error.contains("QUORATE_CLUSTER") && error.contains("--cluster"), "{error}");
    let error = Config::load(Some(Path::new("/no/such/file")), [], []).unwrap_err().to_string();
    assert!(error.contains("/no/such/file"), "{error}");
}

#[test]
fn contradictions_are_refused() {
    assert!(refused(&FILE.replace("node = \"n1\"", "node = 2")).contains("twice"));
    assert!(refused(&FILE.replace("node = \"n1\"", "node = 3")).contains("not in members"));
    assert!(refused(&FILE.replace("20ms", "200ms")).contains("heartbeat"));
    assert!(refused(&FILE.replace("threads = 3", "threads = 0")).contains("threads"));
    assert!(
        refused(&format!("advertise-peer = \"0.0.0.0:7170\"\n{FILE}")).contains("advertise-peer")
    );
    assert!(refused(&format!("http = \"nowhere\"\n{FILE}")).contains("host:port"));
    let error = refused(&FILE.replace("heartbeat = \"20ms\"", "watch-progress = \"99ms\""));
    assert!(error.contains("watch-progress is 100ms or more"), "{error}");
    let error = refused(&FILE.replace("cache = \"16MiB\"", "journal = \"1MiB\""));
    assert!(error.contains("segment"), "{error}");
}

#[test]
fn amounts_beyond_all_sense_are_refused_before_they_overflow() {
    let error = refused(&FILE.replace("20ms", "18446744073709551615s"));
    assert!(error.contains("heartbeat") && error.contains("at most a year"), "{error}");
    let limit = "journal-segment = \"10000000000GiB\"";
    let error = refused(&FILE.replace("cache = \"16MiB\"", limit));
    assert!(error.contains("segment"), "{error}");
}
