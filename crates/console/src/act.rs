//! Orders of the Chaos page, carried out: faults inside a node are asked of that node, what concerns
//! its process of the stage. Whatever was done, the stage writes it down.

use client::document::{Chaos, Direction};

use crate::{
    console::Inside,
    form::Form,
    stage::{Order, Stage},
    watch,
};

/// The longest delay that is injected, in milliseconds: beyond, a heal would come late.
const DELAY_MS_MAX: u64 = 10_000;
/// The farthest that a clock is shifted, in milliseconds: a day.
const SKEW_MS_MAX: i64 = 86_400_000;

/// Something that a form orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Of the stage.
    Stage(Order),
    /// A fault at a node.
    Fault(String, Chaos),
    /// No faults at all nodes.
    Heal,
}

/// What a form orders.
///
/// # Errors
/// What is wrong with it, for the person who sent it.
pub fn read(form: &Form) -> Result<Deed, String> {
    let node = || match form.get("node") {
        "" => Err("name a node".to_owned()),
        node => Ok(node.to_owned()),
    };
    let nodes: Vec<String> =
        form.all("with").filter(|name| !name.is_empty()).map(Into::into).collect();
    Ok(match form.get("do") {
        "kill" => Deed::Stage(Order::Kill { node: node()? }),
        "pause" => Deed::Stage(Order::Pause { node: node()? }),
        "resume" => Deed::Stage(Order::Resume { node: node()? }),
        "restart" => Deed::Stage(Order::Restart { node: node()? }),
        "begin" => Deed::Stage(Order::Begin),
        "end" => Deed::Stage(Order::End),
        "heal" => Deed::Heal,
        "cut" => {
            let direction = match form.get("direction") {
                "outgoing" => Direction::Outgoing,
                "incoming" => Direction::Incoming,
                _ => Direction::Both,
            };
            Deed::Fault(node()?, Chaos::Partition { nodes, direction })
        }
        "slow" => Deed::Fault(node()?, Chaos::Slow { nodes, delay_ms: delay(form)? }),
        "slow-disk" => Deed::Fault(node()?, Chaos::SlowDisk { delay_ms: delay(form)? }),
        "full-disk" => Deed::Fault(node()?, Chaos::FullDisk),
        "stuck-apply" => Deed::Fault(node()?, Chaos::StuckApply { keyspace: keyspace(form)? }),
        "lost-snapshots" => Deed::Fault(node()?, Chaos::LostSnapshots),
        "skew" => Deed::Fault(node()?, Chaos::Skew { by_ms: skew(form)? }),
        other => return Err(format!("'{other}' is nothing that can be done")),
    })
}

fn keyspace(form: &Form) -> Result<String, String> {
    match form.get("keyspace") {
        "" => Err("name a keyspace".to_owned()),
        keyspace => Ok(keyspace.to_owned()),
    }
}

fn delay(form: &Form) -> Result<u64, String> {
    let wrong = || format!("a delay is 0 to {DELAY_MS_MAX} ms");
    form.get("ms").parse().ok().filter(|ms| *ms <= DELAY_MS_MAX).ok_or_else(wrong)
}

fn skew(form: &Form) -> Result<i64, String> {
    let wrong = || format!("a skew is −{SKEW_MS_MAX} to {SKEW_MS_MAX} ms");
    let ms: Option<i64> = form.get("ms").parse().ok();
    ms.filter(|ms| ms.abs() <= SKEW_MS_MAX).ok_or_else(wrong)
}

/// A fault in words, with its kind; no words if it ends one.
pub fn words(fault: &Chaos) -> (&'static str, String) {
    let of =
        |nodes: &[String]| if nodes.is_empty() { "all others".into() } else { nodes.join(" ") };
    match fault {
        Chaos::Partition { nodes, direction } => {
            let way = match direction {
                Direction::Both => "cut off from",
                Direction::Outgoing => "sends nothing to",
                Direction::Incoming => "hears nothing from",
            };
            ("cut", format!("{way} {}", of(nodes)))
        }
        Chaos::Slow { delay_ms: 0, .. } => ("slow", String::new()),
        Chaos::Slow { nodes, delay_ms } => {
            ("slow", format!("hears {} {delay_ms} ms late", of(nodes)))
        }
        Chaos::SlowDisk { delay_ms: 0 } => ("slow-disk", String::new()),
        Chaos::SlowDisk { delay_ms } => ("slow-disk", format!("each sync waits {delay_ms} ms")),
        Chaos::FullDisk => ("full-disk", "the disk is full".into()),
        Chaos::StuckApply { keyspace } => ("stuck-apply", format!("applies nothing of {keyspace}")),
        Chaos::LostSnapshots => ("lost-snapshots", "throws snapshots away".into()),
        Chaos::Skew { by_ms: 0 } => ("skew", String::new()),
        Chaos::Skew { by_ms } => ("skew", format!("clock off by {by_ms} ms")),
        Chaos::Heal => ("heal", String::new()),
    }
}

/// Carries a deed out; says what was done.
///
/// # Errors
/// Why it was not, for the person who ordered it.
pub async fn carry_out(inside: &Inside, deed: Deed) -> Result<String, String> {
    let stage = inside.stage();
    match deed {
        Deed::Stage(order) => {
            let stage = stage.ok_or("only `quorate dev` can do this: it holds the processes")?;
            let text = done(&order);
            stage.order(order).await.map(|()| text)
        }
        Deed::Fault(node, fault) => {
            inject(inside, &node, &fault).await?;
            let (kind, text) = words(&fault);
            let done = if text.is_empty() { "no longer: this fault has ended" } else { &text };
            let done = format!("{node}: {done}.");
            tell(stage, Order::Fault { node, kind: kind.to_owned(), text }).await;
            Ok(done)
        }
        Deed::Heal => {
            let mut silent = Vec::new();
            for node in inside.watch().addresses().into_keys() {
                // A node that does not run has no fault either.
                if inject(inside, &node, &Chaos::Heal).await.is_err() {
                    silent.push(node);
                }
            }
            tell(stage, Order::Healed).await;
            let but = match silent.as_slice() {
                [] => String::new(),
                some => format!(" Not answered: {}.", some.join(" ")),
            };
            Ok(format!("All injected faults have ended.{but}"))
        }
    }
}

async fn inject(inside: &Inside, node: &str, fault: &Chaos) -> Result<(), String> {
    let address = inside.watch().address(node).ok_or_else(|| format!("there is no node {node}"))?;
    let client = watch::client_of(&address);
    client.control().chaos(fault).await.map_err(|error| watch::reason(&error))
}

/// Tells the stage what was done; where there is none, nobody keeps a log.
async fn tell(stage: Option<&dyn Stage>, order: Order) {
    if let Some(stage) = stage {
        let _ = stage.order(order).await;
    }
}

fn done(order: &Order) -> String {
    match order {
        Order::Kill { node } => format!("{node} is killed."),
        Order::Pause { node } => format!("{node} is paused."),
        Order::Resume { node } => format!("{node} goes on."),
        Order::Restart { node } => format!("{node} starts."),
        Order::Begin => "The workload runs.".into(),
        Order::End => "The workload has ended; everything acknowledged is looked for.".into(),
        Order::Fault { .. } | Order::Healed => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Deed, String> {
        read(&Form::read(text))
    }

    #[test]
    fn forms_are_orders() {
        assert_eq!(of("do=kill&node=n2"), Ok(Deed::Stage(Order::Kill { node: "n2".into() })));
        let nodes = vec!["n2".to_owned()];
        let cut = Chaos::Partition { nodes: nodes.clone(), direction: Direction::Incoming };
        let asked = of("do=cut&node=n1&with=n2&with=&direction=incoming");
        assert_eq!(asked, Ok(Deed::Fault("n1".into(), cut)));
        let slow = Chaos::Slow { nodes: vec![], delay_ms: 50 };
        assert_eq!(of("do=slow&node=n1&ms=50"), Ok(Deed::Fault("n1".into(), slow)));
        let skew = Chaos::Skew { by_ms: -5 };
        assert_eq!(of("do=skew&node=n1&ms=-5"), Ok(Deed::Fault("n1".into(), skew)));
        assert_eq!(of("do=full-disk&node=n1"), Ok(Deed::Fault("n1".into(), Chaos::FullDisk)));
        let stuck = Chaos::StuckApply { keyspace: "carts".into() };
        let asked = of("do=stuck-apply&node=n1&keyspace=carts");
        assert_eq!(asked, Ok(Deed::Fault("n1".into(), stuck)));
        let lost = Chaos::LostSnapshots;
        assert_eq!(of("do=lost-snapshots&node=n3"), Ok(Deed::Fault("n3".into(), lost)));
        for wrong in [
            "",
            "do=full-disk",
            "do=stuck-apply&node=n1&keyspace=",
            "do=kill",
            "do=slow&node=n1&ms=x",
            "do=slow-disk&node=n1&ms=10001",
            "do=skew&node=n1&ms=99999999999999999999",
            "do=drop&node=n1",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_fault_that_ends_has_no_words() {
        assert_eq!(words(&Chaos::SlowDisk { delay_ms: 0 }), ("slow-disk", String::new()));
        let cut = Chaos::Partition { nodes: vec![], direction: Direction::Outgoing };
        assert_eq!(words(&cut), ("cut", "sends nothing to all others".into()));
    }
}
