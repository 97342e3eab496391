//! Labs on real processes: claims are decided by what happened, and no law of the engine breaks.

mod common;

use std::process::Command;

use serde_json::Value;

/// Runs a lab and gives what it printed.
fn run(lab: &str) -> (bool, Value, String) {
    let dir = tempfile::tempdir().unwrap();
    let port = common::free_ports();
    let ran = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["--json", "lab", "run", lab, "--live", "--skip-prediction"])
        .args(["--base-port", &port.to_string(), "--report"])
        .arg(dir.path())
        .output()
        .unwrap();
    let page = std::fs::read_to_string(dir.path().join("report.md")).unwrap_or_default();
    let told = String::from_utf8_lossy(&ran.stderr).into_owned() + &page;
    (ran.status.success(), serde_json::from_slice(&ran.stdout).unwrap_or_default(), told)
}

fn judge(lab: &str, claims: usize) {
    let (went_well, told, page) = run(lab);
    // A law that is broken, or a claim that nothing decides, is an exit code.
    assert!(went_well, "{told:#}\n{page}");
    let all = told["claims"].as_array().unwrap();
    assert_eq!(all.len(), claims, "{told:#}");
    assert!(all.iter().all(|claim| claim["holds"].is_boolean()), "{told:#}");
    assert!(page.contains("What did real processes do?"), "{page}");
    println!("{told:#}");
}

#[test]
#[ignore = "starts three processes for ten seconds: cargo test -p quorate --test labs -- --ignored"]
fn a_leader_that_is_cut_off_on_real_processes() {
    judge("resilience", 4);
}

#[test]
#[ignore = "starts three processes for ten seconds: cargo test -p quorate --test labs -- --ignored"]
fn a_leader_that_is_killed_on_real_processes() {
    judge("raft-leader-failure", 5);
}

#[test]
#[ignore = "starts five processes for ten seconds: cargo test -p quorate --test labs -- --ignored"]
fn a_leader_in_the_minority_on_real_processes() {
    judge("raft-minority-leader", 7);
}

#[test]
fn a_lab_without_a_live_form_says_so() {
    let (went_well, _, told) = run("raft-elections");
    assert!(!went_well && told.contains("raft-elections runs in the simulator only"), "{told}");
}
