//! Plays `scripts/*.txt`: commands after `> `, and below each everything that came of it. The
//! whole text is the expectation; `REWRITE=1` writes it anew, to be reviewed as a diff.

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use kernel::{NodeId, Ticket, limit::Bytes};
use raft::{Change, Config, Membership};

use crate::{show, stage::Stage};

/// The commands, with an example of each.
///
/// ```text
/// founders 3 [pre-vote] [lease] [small]   three voters; options are off unless named, small is
///                                 one entry per append
/// log 2 1 1 4                     before the start: node 2 has entries of these terms
/// term 2 4 3                      before the start: node 2 is in term 4 and voted for 3
/// start                           all nodes that are down
/// campaign 1 | heartbeat 1        the patience of node 1 ends, by its clock | its next round
/// propose 1 a b | read 1 | transfer 1 2 | change 1 voters 1 2 4 learners 3 | compact 1 5
/// deliver [1 2] [2] | settle      (messages from 1 to 2, at most 2) | everything until quiet
/// drop [1 2] | cut 1 2 | heal     messages on the way are lost | both ways | no cuts
/// hold 1 | write 1 | fail 1 | free 1   the disk of node 1: writes wait, succeed, fail
/// crash 1 | wipe 1 | forget 1 2 | restart 1 | join 4     (its disk loses the last 2 entries)
/// advance 300 | status            milliseconds pass | everybody in a line
/// ```
struct Player {
    stage: Stage,
    reads: u64,
}

impl Player {
    fn play(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
        let node = |at: usize| NodeId(number(at).unwrap_or_default());
        let rest: Vec<u64> = words.iter().skip(2).filter_map(|word| word.parse().ok()).collect();
        let stage = &mut self.stage;
        match words[0] {
            "founders" => *stage = Stage::new(number(1).unwrap_or(3), options(line)),
            "log" => stage.give_log(node(1), &rest),
            "term" => stage.give_term(node(1), rest[0], NodeId(rest[1])),
            "start" => stage.start_all(),
            "campaign" => stage.campaign(node(1)),
            "heartbeat" => stage.heartbeat(node(1)),
            "propose" => {
                let data = words[2..].iter().map(|word| bytes::Bytes::from(word.to_string()));
                let propose = |raft: &mut raft::Raft, now| {
                    data.map(|data| raft.propose(now, data)).collect::<Vec<_>>()
                };
                let answers = stage.call(node(1), |raft, now, _| propose(raft, now));
                stage.lines.push(format!("{answers:?}"));
            }
            "read" => self.read(node(1)),
            "transfer" => {
                let to = number(2).map(NodeId);
                let answer = stage.call(node(1), |raft, now, out| raft.transfer(now, to, out));
                stage.lines.push(format!("{answer:?}"));
            }
            "change" => {
                let change = change(&words[2..]);
                let answer = stage.call(node(1), |raft, now, _| raft.change(now, change));
                stage.lines.push(format!("{answer:?}"));
            }
            "compact" => stage.call(node(1), |raft, _, out| raft.compact(rest[0], out)),
            "status" => self.status(),
            _ => self.world(&words, number, node),
        }
    }

    /// What happens to nodes rather than what they are asked.
    fn world(
        &mut self,
        words: &[&str],
        number: impl Fn(usize) -> Option<u64>,
        node: impl Fn(usize) -> NodeId,
    ) {
        let stage = &mut self.stage;
        let link = number(2).map(|to| (node(1), NodeId(to)));
        let wanted = |from, to| link.is_none_or(|link| link == (from, to));
        match words[0] {
            "deliver" => {
                let most = number(3).unwrap_or(stage.wire.len() as u64);
                (0..most).take_while(|_| stage.deliver_one(wanted)).for_each(drop);
            }
            "settle" => stage.settle(),
            "drop" => stage.wire.retain(|(from, to, _)| !wanted(*from, *to)),
            "cut" => stage.cuts.extend([(node(1), node(2)), (node(2), node(1))]),
            "heal" => stage.cuts.clear(),
            "hold" => drop(stage.held.insert(node(1))),
            "write" => stage.write(node(1), true),
            "fail" => stage.write(node(1), false),
            "free" => drop(stage.held.remove(&node(1))),
            "crash" => stage.crash(node(1)),
            "wipe" => {
                stage.crash(node(1));
                stage.nodes.entry(node(1)).and_modify(crate::node::Node::wipe);
            }
            "forget" => {
                stage.crash(node(1));
                let lost = number(2).unwrap_or(1) as usize;
                stage.nodes.entry(node(1)).and_modify(|node| node.forget(lost));
            }
            "rot" => {
                stage.crash(node(1));
                for index in words[2..].iter().filter_map(|word| word.parse().ok()) {
                    stage.nodes.entry(node(1)).and_modify(|node| assert!(node.rot(index)));
                }
            }
            "restart" => stage.start(node(1)),
            "join" => {
                stage.add(node(1), &Membership::default());
                stage.start(node(1));
            }
            "advance" => stage.advance(Duration::from_millis(number(1).unwrap_or_default())),
            other => panic!("no such command: {other}"),
        }
    }

    fn read(&mut self, id: NodeId) {
        self.reads += 1;
        let ticket = Ticket(self.reads);
        let answer = self.stage.call(id, |raft, now, out| raft.read_index(now, ticket, out));
        if let Err(refusal) = answer {
            self.stage.lines.push(format!("{refusal:?}"));
        }
    }

    fn status(&mut self) {
        for (id, node) in &self.stage.nodes {
            let text = node.raft.as_ref().map_or("down".into(), show::state);
            self.stage.lines.push(format!("{id} {text}"));
        }
    }
}

fn options(line: &str) -> impl Fn(&mut Config) + 'static {
    let named = |word: &str| line.split_whitespace().any(|other| other == word);
    let (pre_vote, lease, small) = (named("pre-vote"), named("lease"), named("small"));
    move |config: &mut Config| {
        (config.pre_vote, config.lease) = (pre_vote, lease);
        config.snapshot_retry = Duration::from_millis(100);
        if small {
            config.append_bytes_max = Bytes(1);
        }
    }
}

fn change(words: &[&str]) -> Change {
    let mut change = Change { voters: Vec::new(), learners: Vec::new() };
    let mut learners = false;
    for word in words {
        match word.parse() {
            Ok(id) if learners => change.learners.push(NodeId(id)),
            Ok(id) => change.voters.push(NodeId(id)),
            Err(_) => learners = *word == "learners",
        }
    }
    change
}

/// The script with its output as it is now.
fn perform(script: &str) -> String {
    let mut player = Player { stage: Stage::new(3, options("")), reads: 0 };
    let mut text = String::new();
    for line in script.lines().filter(|line| !line.starts_with("  ")) {
        let _ = writeln!(text, "{line}");
        let Some(command) = line.strip_prefix("> ") else { continue };
        player.play(command);
        for happened in player.stage.lines.drain(..) {
            let _ = writeln!(text, "  {happened}");
        }
    }
    text
}

#[test]
fn every_script_plays_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("there are scripts")
        .map(|file| file.expect("it is there").path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 12);
    for path in paths {
        let written = fs::read_to_string(&path).expect("it is text");
        let played = perform(&written);
        if std::env::var_os("REWRITE").is_some() {
            fs::write(&path, played).expect("it can be written");
        } else {
            assert_eq!(written, played, "{} (REWRITE=1 writes it anew)", path.display());
        }
    }
}
