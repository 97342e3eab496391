//! The errata of Raft: which flaw, in which space it is searched for, and what is shown of it.

use sim::report::document::Block;

use super::{
    Found,
    act::{Action, Subject},
    engine::Engine,
    laws::Laws,
    pseudo::{Flaw, Pseudo},
    search::{Searched, Space, search},
    show,
};

/// The models by name.
const MODELS: [(&str, Flaw); 9] = [
    ("truncates", Flaw::Truncates),
    ("commits-its-length", Flaw::CommitsItsLength),
    ("keeps-its-term", Flaw::KeepsItsTerm),
    ("forgets", Flaw::Forgets),
    ("counts-old-terms", Flaw::CountsOldTerms),
    ("half-is-enough", Flaw::HalfIsEnough),
    ("ignores-the-log", Flaw::IgnoresTheLog),
    ("says-failed", Flaw::SaysFailed),
    ("reads-alone", Flaw::ReadsAlone),
];

/// Runs a model by its name.
///
/// # Errors
/// If there is none of this name.
pub fn run(name: &str) -> Result<Found, String> {
    let model = MODELS.iter().find(|(known, _)| *known == name);
    model.map(|(_, flaw)| of(*flaw)).ok_or_else(|| format!("there is no model '{name}'"))
}

/// An old leader that does not know yet, and a new one: what every partition leads to.
const TWO_LEADERS: [Action; 2] =
    [Action::Elect { node: 1, voters: 0b00110 }, Action::Elect { node: 3, voters: 0b11000 }];

/// Where a flaw shows itself, and no more than that.
fn space(flaw: Flaw) -> Space {
    let usual = Space::default();
    match flaw {
        Flaw::Truncates => Space { depth: 6, elections: 1, beats: true, late: true, ..usual },
        Flaw::CommitsItsLength => Space { depth: 6, beats: true, ..usual },
        Flaw::KeepsItsTerm => Space { nodes: 5, stage: &TWO_LEADERS, depth: 7, ..usual },
        Flaw::Forgets => Space { depth: 5, writes: 1, crashes: true, ..usual },
        Flaw::CountsOldTerms => Space { depth: 7, elections: 4, ..usual },
        Flaw::HalfIsEnough => Space { nodes: 4, depth: 4, alone: true, writes: 1, ..usual },
        Flaw::IgnoresTheLog => Space { depth: 6, ..usual },
        Flaw::SaysFailed => Space { depth: 6, writes: 1, gives_up: true, ..usual },
        Flaw::ReadsAlone => Space { depth: 6, writes: 1, reads: true, ..usual },
    }
}

/// Searches for the shortest schedule that breaks the flawed model, and plays it on the right one
/// and on the engine.
pub fn of(flaw: Flaw) -> Found {
    let mut found = Found::default();
    let space = space(flaw);
    let flawed = search(&Pseudo::new(space.nodes, Some(flaw)), space);
    let right = search(&Pseudo::new(space.nodes, None), space);
    let set = &mut found.measures;
    set.set("nodes", f64::from(space.nodes));
    set.set("depth", space.depth as f64);
    set.set("stage_steps", space.stage.len() as f64);
    set.set("flaw_found", f64::from(flawed.broken.is_some()));
    set.set("flawed_states", flawed.states as f64);
    set.set("right_states", right.states as f64);
    set.set("right_whole", f64::from(right.whole));
    set.set("right_broken", f64::from(right.broken.is_some()));
    let Searched { broken: Some((path, law)), .. } = flawed else { return found };
    set.set("steps", path.len() as f64);
    let (on_right, on_engine) = (
        laws_of(&mut Pseudo::new(space.nodes, None), &path),
        laws_of(&mut Engine::new(space.nodes), &path),
    );
    set.set("right_breaks_here", f64::from(on_right.broken.is_some()));
    set.set("engine_breaks_here", f64::from(on_engine.broken.is_some()));
    set.set("engine_steps_taken", on_engine.taken as f64);
    found.blocks = blocks(space, flaw, &path, &law, &on_engine);
    found
}

/// How a schedule went on some subject.
struct Went {
    /// Steps that could be taken: others make no sense there, such as a write at who does not lead.
    taken: usize,
    /// The law that was broken.
    broken: Option<String>,
}

fn laws_of(subject: &mut dyn Subject, path: &[Action]) -> Went {
    let (mut laws, mut went) = (Laws::default(), Went { taken: 0, broken: None });
    for action in path {
        let Some(told) = subject.act(*action, &mut Vec::new()) else { continue };
        went.taken += 1;
        if let Err(law) = laws.look(&subject.views(), told) {
            went.broken = Some(law);
            break;
        }
    }
    went
}

fn blocks(space: Space, flaw: Flaw, path: &[Action], law: &str, engine: &Went) -> Vec<Block> {
    let mut blocks = vec![Block::Heading("The shortest schedule that breaks it".into())];
    blocks.push(show::table(&mut Pseudo::new(space.nodes, Some(flaw)), path));
    blocks.push(Block::Note { tone: sim::report::document::Tone::Bad, text: format!("**{law}**") });
    let player = show::player("flawed", &mut Pseudo::new(space.nodes, Some(flaw)), path, Some(law));
    let caption =
        "The published version. Each step of the schedule begins a second after the one before.";
    blocks.push(Block::Run { player: Box::new(player), caption: caption.into() });
    blocks.push(Block::Heading("The same schedule, put right".into()));
    blocks.push(show::table(&mut Pseudo::new(space.nodes, None), path));
    let player = show::player("right", &mut Pseudo::new(space.nodes, None), path, None);
    let caption =
        "The corrected version under the same schedule; steps that it refuses are left out.";
    blocks.push(Block::Run { player: Box::new(player), caption: caption.into() });
    let said = match &engine.broken {
        None => "no law was broken".to_owned(),
        Some(law) => format!("**{law}**"),
    };
    blocks.push(Block::Heading("The same schedule on the real engine".into()));
    blocks.push(Block::Text(format!(
        "The crate that runs in the product took {} of the {} steps (it writes an entry of its own after each election, and \
         refuses what makes no sense to it), judged by the same laws: {said}.",
        engine.taken,
        path.len()
    )));
    blocks.push(show::table(&mut Engine::new(space.nodes), path));
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flaw_is_found_and_nothing_is_found_without_it() {
        for (name, flaw) in MODELS {
            let found = of(flaw).measures;
            let get = |name: &str| found.get(name);
            assert_eq!(get("flaw_found"), Some(1.0), "{name}");
            assert_eq!(get("right_broken"), Some(0.0), "{name}");
            assert_eq!(get("right_whole"), Some(1.0), "{name}: {:?} states", get("right_states"));
            assert_eq!(get("engine_breaks_here"), Some(0.0), "{name}");
            assert!(get("engine_steps_taken") >= Some(2.0), "{name}");
        }
    }
}
