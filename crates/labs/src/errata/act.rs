//! What may happen to a small group, in steps as coarse as an explanation: an election, a write, one
//! exchange between a leader and a follower, a late copy of an earlier message, a crash, a read.

use std::fmt;

/// One step of a schedule. Nodes are numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// A node's patience ends, as often as it takes to reach a term that is new to these others (a set
    /// of bits); its requests for votes, and the answers, pass between it and them.
    Elect {
        /// Who stands.
        node: u8,
        /// Who hears of it.
        voters: u8,
    },
    /// A client writes to a node that believes to lead.
    Write {
        /// Which.
        node: u8,
    },
    /// A leader sends what a follower lacks, and hears the answer.
    Replicate {
        /// Who sends.
        from: u8,
        /// Who is sent to.
        to: u8,
    },
    /// A leader sends an empty message, and hears the answer.
    Beat {
        /// Who sends.
        from: u8,
        /// Who is sent to.
        to: u8,
    },
    /// A message that was sent before arrives (again), late; its answer is lost.
    Late {
        /// Which, counted from 0.
        message: u8,
    },
    /// A node loses its memory and starts again from its disk.
    Crash {
        /// Which.
        node: u8,
    },
    /// A client reads at a node that believes to lead; these others can answer it (a set of bits).
    Read {
        /// Which.
        node: u8,
        /// Who can be asked.
        reach: u8,
    },
    /// A leader has waited too long for its newest entry, and tells the client so.
    GiveUp {
        /// Which.
        node: u8,
    },
}

/// The nodes of a set of bits.
pub fn members(bits: u8) -> impl Iterator<Item = u8> {
    (1..=8).filter(move |node| bits & bit(*node) != 0)
}

/// The bit of a node.
#[must_use]
pub fn bit(node: u8) -> u8 {
    1 << (node - 1)
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |bits: u8| match bits {
            0 => "nobody".to_owned(),
            bits => members(bits).map(|node| format!("n{node}")).collect::<Vec<_>>().join(", "),
        };
        match self {
            Action::Elect { node, voters } => {
                write!(f, "n{node} stands for election; its requests reach {}", list(*voters))
            }
            Action::Write { node } => write!(f, "a client writes at n{node}"),
            Action::Replicate { from, to } => write!(f, "n{from} replicates to n{to}"),
            Action::Beat { from, to } => write!(f, "n{from} sends an empty AppendEntries to n{to}"),
            Action::Late { message } => {
                write!(f, "a late copy of AppendEntries number {} arrives", message + 1)
            }
            Action::Crash { node } => write!(f, "n{node} crashes and starts again"),
            Action::Read { node, reach } => {
                write!(f, "a client reads at n{node}, which can reach {}", list(*reach))
            }
            Action::GiveUp { node } => write!(f, "n{node} gives up waiting for its newest entry"),
        }
    }
}

/// A message of a step, for the diagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Who said it.
    pub from: u8,
    /// To whom.
    pub to: u8,
    /// What.
    pub text: String,
}

/// What a client was told in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// This many entries were visible.
    Read(usize),
    /// This entry (term, place) was said not to have happened.
    Failed((u64, usize)),
}

/// A replica as everybody sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Its term.
    pub term: u64,
    /// Whether it believes to lead.
    pub leads: bool,
    /// Whether it stands for election.
    pub stands: bool,
    /// The term of every entry, and what tells entries of one term apart.
    pub log: Vec<(u64, u64)>,
    /// How many entries it knows to be committed.
    pub commit: usize,
}

/// Something that schedules are played on.
pub trait Subject {
    /// Takes a step; none if it cannot be taken now. Says what passed between nodes.
    fn act(&mut self, action: Action, said: &mut Vec<Said>) -> Option<Option<Told>>;

    /// All replicas, in order.
    fn views(&self) -> Vec<View>;
}
