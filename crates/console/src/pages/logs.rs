//! The replicas of a shard with their logs, drawn to one scale.

use crate::{
    draw,
    picture::{Picture, Replica, Shard},
    say,
};

/// The least number of entries that a scale shows.
const SPAN_MIN: u64 = 128;

/// A shard, ready to be shown.
#[derive(Clone, Debug)]
pub struct Logs {
    /// Its id.
    pub id: String,
    /// Who leads.
    pub leader: Option<String>,
    /// The newest term.
    pub term: u64,
    /// The greatest commit index.
    pub commit: String,
    /// How large it is.
    pub size: String,
    /// Where the scale begins.
    pub from: String,
    /// Where the scale ends.
    pub to: String,
    /// Its replicas.
    pub rows: Vec<Row>,
}

/// A replica, ready to be shown.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where.
    pub node: String,
    /// What it does, in words.
    pub role: String,
    /// Of its badge.
    pub tone: &'static str,
    /// Whether this is what was last heard of it.
    pub hearsay: bool,
    /// The log, drawn; `None` if it did not tell.
    pub bar: Option<String>,
    /// Indices: first, applied, commit, last.
    pub figures: Option<[String; 4]>,
    /// How far it has applied.
    pub applied: String,
    /// Entries that are committed and not applied here.
    pub behind: String,
    /// How fresh it is.
    pub lag: String,
    /// What goes on with snapshots.
    pub snapshot: &'static str,
}

impl Logs {
    /// Makes a shard ready.
    pub fn of(shard: &Shard, picture: &Picture) -> Logs {
        let (from, to) = scale(shard);
        Logs {
            id: shard.id.clone(),
            leader: shard.leader.clone(),
            term: shard.term,
            commit: say::count(shard.commit),
            size: say::bytes(shard.bytes),
            from: from.to_string(),
            to: to.to_string(),
            rows: shard
                .replicas
                .iter()
                .map(|replica| row(replica, shard, picture, from, to))
                .collect(),
        }
    }
}

fn row(replica: &Replica, shard: &Shard, picture: &Picture, from: u64, to: u64) -> Row {
    let answers = picture.node(&replica.node).is_some_and(|node| node.state.answers());
    let (role, tone) = match replica.role.as_str() {
        _ if !answers => (format!("was {}", word(&replica.role)), "bad"),
        "leader" if replica.past => ("leader of a past term".into(), "warn"),
        "leader" => ("leader".into(), "lead"),
        "follower" => ("follower".into(), "none"),
        "" => ("not known".into(), "none"),
        other => (other.to_owned(), "warn"),
    };
    let log = replica.log.as_ref();
    let bar = log.map(|log| {
        let label = format!(
            "Log of {}: first {}, applied {}, commit {}, last {}",
            replica.node, log.first_index, replica.applied, log.commit_index, log.last_index
        );
        draw::log(&label, log, replica.applied, from, to)
    });
    let figures = log.map(|log| {
        [log.first_index, replica.applied, log.commit_index, log.last_index].map(|n| n.to_string())
    });
    let stale = if answers { "0" } else { "?" };
    Row {
        node: replica.node.clone(),
        role,
        tone,
        hearsay: !replica.certain,
        bar,
        figures,
        applied: replica.applied.to_string(),
        behind: match replica.behind(shard) {
            0 => stale.into(),
            some => say::count(some),
        },
        lag: match replica.lag_ms {
            Some(lag) if answers => say::millis(lag),
            _ => "not known".into(),
        },
        snapshot: if replica.fetching {
            "is being sent one"
        } else if log.is_some_and(|log| log.first_index > 1) {
            "log begins after one"
        } else {
            "none needed"
        },
    }
}

fn word(role: &str) -> &str {
    if role.is_empty() { "not heard of" } else { role }
}

/// The end of the log that is drawn: as much as the replica that is furthest behind needs.
fn scale(shard: &Shard) -> (u64, u64) {
    let logs = || shard.replicas.iter().filter_map(|replica| replica.log.as_ref());
    let end = logs().map(|log| log.last_index).max().unwrap_or(0).max(shard.commit);
    let certain = shard.replicas.iter().filter(|replica| replica.certain);
    let least = certain.map(|replica| replica.applied).min().unwrap_or(end);
    let spread = end.saturating_sub(least);
    let span = spread.saturating_mul(2).next_power_of_two().max(SPAN_MIN);
    (end.saturating_sub(span), end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::document::ReplicaLog;

    fn replica(node: &str, applied: u64, last: u64) -> Replica {
        let log = ReplicaLog { term: 1, first_index: 1, commit_index: applied, last_index: last };
        let (node, role) = (node.into(), "follower".into());
        Replica { node, role, certain: true, applied, log: Some(log), ..Replica::default() }
    }

    #[test]
    fn the_scale_shows_who_is_behind() {
        let shard = |least| Shard {
            commit: 10_000,
            replicas: vec![replica("n1", 10_000, 10_010), replica("n2", least, least)],
            ..Shard::default()
        };
        assert_eq!(scale(&shard(10_000)), (10_010 - 128, 10_010));
        assert_eq!(scale(&shard(9_000)), (10_010 - 2_048, 10_010));
        assert_eq!(scale(&shard(0)), (0, 10_010));
        assert_eq!(scale(&Shard::default()), (0, 0));
    }

    #[test]
    fn a_replica_that_does_not_answer_is_told_as_the_past() {
        let shard = Shard { replicas: vec![replica("n1", 5, 5)], ..Shard::default() };
        let logs = Logs::of(&shard, &Picture::default());
        let row = &logs.rows[0];
        assert_eq!(
            (row.role.as_str(), row.tone, row.behind.as_str()),
            ("was follower", "bad", "?")
        );
    }
}
