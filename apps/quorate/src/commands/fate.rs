//! `quorate fate`.

use clap::Args;
use client::document::FateKind;

use crate::{cli::Global, exit::Failure};

/// What became of a mutation whose answer was lost.
#[derive(Debug, Args)]
pub struct FateOf {
    /// Its request id.
    request_id: String,
    /// Where it was sent; all keyspaces are asked otherwise.
    #[arg(long)]
    keyspace: Option<String>,
}

impl FateOf {
    pub async fn run(self, global: &Global) -> Result<(), Failure> {
        let control = global.client().control();
        let fate = control.fate(&self.request_id, self.keyspace.as_deref()).await?;
        global.show().print(&fate, || match fate.fate {
            FateKind::NotDone => "not done, and it never will be".into(),
            FateKind::UnknownYet => "nobody can say yet: ask again".into(),
            FateKind::Done => {
                let code = fate.code.as_ref().map(|code| format!(", answered {code}"));
                let receipt = fate.receipt.as_deref().unwrap_or_default();
                format!("done{}\n  {receipt}", code.unwrap_or_default())
            }
        })?;
        match fate.fate {
            FateKind::UnknownYet => Err(Failure::unavailable("")),
            _ => Ok(()),
        }
    }
}
