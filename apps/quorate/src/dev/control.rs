//! The socket between `dev` and whoever gives it orders: consoles of nodes, and the command line.
//!
//! One line in, one line out, as JSON: an [`Order`] is answered with `"ok"` or the reason why not;
//! `"scene"` with a [`Scene`].

use std::{path::PathBuf, pin::Pin};

use console::{Order, Scene, Stage};
use kernel::Duration;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};

use super::Director;
use crate::ambient;

/// How long either side may take to say its line.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest line, in bytes.
const LINE_MAX: u64 = 1 << 20;

/// What may be asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Ask {
    /// What goes on?
    Scene,
    /// Do this.
    #[serde(untagged)]
    Order(Order),
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// It was done.
    Ok,
    /// It was not, for this reason.
    Failed(String),
    /// What goes on.
    Scene(Scene),
}

/// Reads one line of somebody, does what it says, answers.
pub async fn obey(director: &mut Director, stream: UnixStream) {
    let mut stream = BufReader::new(stream.take(LINE_MAX));
    let mut line = String::new();
    let read = ambient::within(Duration::from_secs(1), stream.read_line(&mut line)).await;
    if !matches!(read, Some(Ok(_))) {
        return;
    }
    let answer = match serde_json::from_str(&line) {
        Ok(Ask::Scene) => Answer::Scene(director.scene()),
        Ok(Ask::Order(order)) => match director.obey(order) {
            Ok(()) => Answer::Ok,
            Err(failure) => Answer::Failed(failure.to_string()),
        },
        Err(error) => Answer::Failed(format!("no order: {error}")),
    };
    let text = serde_json::to_string(&answer).unwrap_or_default();
    let mut stream = stream.into_inner().into_inner();
    let _ = ambient::within(PATIENCE, stream.write_all(format!("{text}\n").as_bytes())).await;
}

/// Gives an order to the `dev` whose socket this is.
///
/// # Errors
/// Why it was not carried out, for people.
pub async fn ask(path: &std::path::Path, order: Order) -> Result<(), String> {
    match exchange(path, &Ask::Order(order)).await? {
        Answer::Ok => Ok(()),
        Answer::Failed(reason) => Err(reason),
        Answer::Scene(_) => Err("quorate dev answered something else".into()),
    }
}

async fn exchange(path: &std::path::Path, ask: &Ask) -> Result<Answer, String> {
    let said = async {
        let mut stream = UnixStream::connect(path).await?;
        let line = serde_json::to_string(ask).unwrap_or_default();
        stream.write_all(format!("{line}\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.take(LINE_MAX).read_to_string(&mut answer).await?;
        Ok::<String, std::io::Error>(answer)
    };
    let gone =
        |error: String| format!("{}: {error}: is `quorate dev` running there?", path.display());
    match ambient::within(PATIENCE, said).await {
        Some(Ok(answer)) => serde_json::from_str(&answer).map_err(|error| gone(error.to_string())),
        Some(Err(error)) => Err(gone(error.to_string())),
        None => Err(gone(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

/// The stage of a console: the `dev` on the other side of the socket.
#[derive(Clone, Debug)]
pub struct Remote {
    path: PathBuf,
}

impl Remote {
    /// Whoever listens at this path.
    pub fn new(path: PathBuf) -> Remote {
        Remote { path }
    }
}

impl Stage for Remote {
    fn order(&self, order: Order) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(ask(&self.path, order))
    }

    fn scene(&self) -> Pin<Box<dyn Future<Output = Result<Scene, String>> + Send + '_>> {
        Box::pin(async {
            match exchange(&self.path, &Ask::Scene).await? {
                Answer::Scene(scene) => Ok(scene),
                Answer::Failed(reason) => Err(reason),
                Answer::Ok => Err("quorate dev answered something else".into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_order_or_a_question() {
        let read = |line: &str| serde_json::from_str::<Ask>(line);
        assert!(matches!(read("\"scene\""), Ok(Ask::Scene)));
        let Ok(Ask::Order(order)) = read(r#"{"order":"kill","node":"n2"}"#) else {
            panic!("an order");
        };
        assert_eq!(order, Order::Kill { node: "n2".into() });
        for wrong in ["", "restart n2", "{}", r#"{"order":"fire"}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_said_with_the_path() {
        let failed = ask(std::path::Path::new("/nonexistent/control"), Order::Begin).await;
        assert!(failed.is_err_and(|text| text.contains("/nonexistent/control")));
    }
}
