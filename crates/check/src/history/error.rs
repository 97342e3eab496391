//! What can be wrong with a history file, each with a stable code and the line.

/// Why a history could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file could not be opened or read.
    #[error("cannot read the history: {0}")]
    Io(#[from] std::io::Error),
    /// The line is not JSON, or not an event.
    #[error("line {line}: not a history event: {reason}")]
    Json {
        /// Where, from 1.
        line: u64,
        /// The parser's words.
        reason: String,
    },
    /// The line is longer than the limit.
    #[error("line {line}: longer than {limit} bytes; raise the limit if this is meant")]
    LineTooLong {
        /// Where, from 1.
        line: u64,
        /// In bytes.
        limit: usize,
    },
    /// The event does not have the shape that its operation needs.
    #[error("line {line}: {reason}")]
    Shape {
        /// Where, from 1.
        line: u64,
        /// What is missing or wrong.
        reason: String,
    },
    /// A process invoked an operation before its previous one completed.
    #[error(
        "line {line}: process {process} invokes an operation while its operation of line {open} \
         is still open; a process does one thing at a time"
    )]
    DoubleInvoke {
        /// Where, from 1.
        line: u64,
        /// Who.
        process: u64,
        /// The line of the operation that is open.
        open: u64,
    },
    /// A completion without an invocation.
    #[error("line {line}: process {process} completes an operation that it never invoked")]
    Unpaired {
        /// Where, from 1.
        line: u64,
        /// Who.
        process: u64,
    },
    /// The history needs more memory than allowed.
    #[error("line {line}: the history needs more than {limit} bytes of memory")]
    TooLarge {
        /// The line that did not fit, from 1.
        line: u64,
        /// In bytes.
        limit: u64,
    },
    /// There is no operation in it.
    #[error("no operation of a client in the history; clients are processes with numbers")]
    Empty,
}

impl HistoryError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            HistoryError::Io(_) => "history-io",
            HistoryError::Json { .. } => "history-json",
            HistoryError::LineTooLong { .. } => "history-line-too-long",
            HistoryError::Shape { .. } => "history-shape",
            HistoryError::DoubleInvoke { .. } => "history-double-invoke",
            HistoryError::Unpaired { .. } => "history-unpaired",
            HistoryError::TooLarge { .. } => "history-too-large",
            HistoryError::Empty => "history-empty",
        }
    }
}
