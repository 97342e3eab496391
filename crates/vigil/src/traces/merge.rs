//! One request from what every node knows of it.

use super::{Request, Stage};

/// Puts the parts that other nodes did into the request. Clocks of nodes differ by more than
/// requests take, so that a part is placed by what must be: inside of its request, with as much of
/// the way before it as after it.
#[must_use]
pub fn merge(mut request: Request, parts: impl IntoIterator<Item = Request>) -> Request {
    for part in parts {
        let way = request.took_us.saturating_sub(part.took_us) / 2;
        let shifted = part.stages.into_iter();
        let shifted = shifted.map(|stage| Stage { start_us: stage.start_us + way, ..stage });
        request.stages.extend(shifted);
    }
    request.stages.sort_by_key(|stage| stage.start_us);
    request
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
        let stages = vec![stage("served", "n2", 0, 600), stage("commit", "n2", 50, 500)];
        let part = Request { op: "part".into(), took_us: 600, stages, ..Request::default() };
        let whole = merge(request, [part]);
        assert_eq!(whole.stages[0], stage("served", "n2", 200, 600));
        assert_eq!(whole.stages[1].start_us, 250);
        assert!(whole.stages.iter().all(|s| s.start_us + s.took_us <= whole.took_us));
    }
}
