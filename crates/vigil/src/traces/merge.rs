//! One request from what every node knows of it.

use alloc::vec::Vec;

use super::{Request, Stage};

/// Puts the parts that other nodes did into the request. Clocks of nodes differ by more than
/// requests take, so that a part is placed by what must be: with as much of the way before it as
/// after it, inside of its request, or what a follower made durable inside of the leader's commit.
#[must_use]
pub fn merge(mut request: Request, parts: impl IntoIterator<Item = Request>) -> Request {
    let (followers, parts): (Vec<_>, Vec<_>) = parts.into_iter().partition(Request::follows);
    let whole = (0, request.took_us);
    for part in parts {
        let took = part.took_us;
        place(&mut request, part, whole, took);
    }
    let commit = took_of(&request, "commit").unwrap_or(whole);
    for part in followers {
        // It learns of the commit, and applies, when the request may long be answered.
        let took = took_of(&part, "persist").map_or(commit.1, |(_, took)| took);
        place(&mut request, part, commit, took);
    }
    request.stages.sort_by_key(|stage| stage.start_us);
    request
}

/// Adds the stages of a part, whose first `took` lie amidst a stretch of the request.
fn place(request: &mut Request, part: Request, (start, long): (u64, u64), took: u64) {
    let shift = start + long.saturating_sub(took) / 2;
    let shifted = part.stages.into_iter();
    request.stages.extend(shifted.map(|s| Stage { start_us: s.start_us + shift, ..s }));
}

/// When a stage begins and how long it takes.
fn took_of(request: &Request, name: &str) -> Option<(u64, u64)> {
    let stage = request.stages.iter().find(|stage| stage.stage == name)?;
    Some((stage.start_us, stage.took_us))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn what_others_did_lies_inside_of_the_request() {
        let stage = |stage: &str, node: &str, start_us, took_us| Stage {
            stage: stage.into(),
            node: node.into(),
            start_us,
            took_us,
        };
        let request = Request { took_us: 1000, ..Request::default() };
        let learned = vec![stage("learn", "n3", 0, 9000), stage("persist", "n3", 5, 300)];
        let follower =
            Request { op: "part".into(), took_us: 9000, stages: learned, ..request.clone() };
        let stages = vec![stage("served", "n2", 0, 600), stage("commit", "n2", 50, 500)];
        let part = Request { op: "part".into(), took_us: 600, stages, ..Request::default() };
        let whole = merge(request, [follower, part]);
        let wanted = [
            stage("served", "n2", 200, 600),
            stage("commit", "n2", 250, 500),
            stage("learn", "n3", 350, 9000),
            stage("persist", "n3", 355, 300),
        ];
        assert_eq!(whole.stages, wanted);
    }
}
