use std::fs;

use super::{spacetime::Span, *};
use crate::{
    audit::State,
    fault::{Between, Fault},
    nemesis,
    options::Options,
    plan::Strike,
    toy::{Add, Counters},
    world::World,
};
use kernel::{Duration, Instant, Rng};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A short run with one fault of each kind that the diagram shows.
fn eventful() -> (Plan, World<Counters>) {
    let [a, b, c, d] = [1, 2, 3, 4].map(NodeId);
    let faults = [
        (60, Fault::Cut { links: Between::both(&[a], &[b, c]), lasts: ms(60) }),
        (110, Fault::Crash { node: d, restart_after: Some(ms(120)) }),
        (160, Fault::Pause { node: b, lasts: ms(60) }),
        (210, Fault::LostWrite { node: c, pick: 1 }),
    ];
    let strike = |(at, fault)| Strike { at: Instant::ZERO + ms(at), fault };
    let mut plan = Plan::calm(11, Options::calm(5));
    plan.options.network.duplicate_ppm = 50_000;
    plan.schedule = faults.into_iter().map(strike).collect();
    let mut world = World::of_plan(&plan, Counters { nodes: 5 });
    world.record(10_000);
    let mut rng = Rng::new(1);
    world.run_until(Instant::ZERO);
    world.role(a, || "leader term 1".to_owned());
    let facts = || vec![("term", "1".to_owned()), ("commit", "7".to_owned())];
    world.state(a, || State { of: "s1".into(), facts: facts() });
    while world.now() < Instant::ZERO + ms(260) {
        world.request(a, Add(1));
        world.run_for(rng.duration(ms(5), ms(40)));
    }
    world.mark(c, || "stale read".to_owned());
    (plan, world)
}

fn report<'a>(plan: &'a Plan, recorder: &'a Recorder) -> Report<'a> {
    Report {
        kind: "failure",
        time: 1_767_323_045,
        outcome: Ending::Failed,
        plan,
        verdict: "Read 17 returned 3 after 4 had been acknowledged.",
        command: "quorate sim replay --seed 11",
        history: b"{\"op\":1}\n",
        recorder,
        diagram: spacetime::Diagram { rows: 1_000, ..Default::default() },
    }
}

#[test]
fn the_folder_tells_the_whole_story() {
    let (plan, world) = eventful();
    let folder = tempfile::tempdir().unwrap();
    report(&plan, world.log().unwrap()).write(folder.path()).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("seed.txt"), "11\n");
    assert_eq!(Plan::from_json(&read("plan.json")), Ok(plan));
    assert_eq!(read("history.jsonl"), "{\"op\":1}\n");
    let readme = read("README.md");
    assert!(readme.contains("quorate sim replay --seed 11"), "{readme}");
    assert!(readme.contains("- 0.060000s cut n1 <-> n2,n3 for 60ms"), "{readme}");
    let log = read("n4.log");
    assert!(log.contains("0.110000s CRASH    power lost"), "{log}");
    assert!(log.contains("0.230000s BOOT     1"), "{log}");
    assert!(!read("n5.log").contains("CRASH"));
    let html = read("report.html");
    assert!(html.contains(r#"["term","1"],["commit","7"]"#), "states are known at the cursor");
    assert!(html.contains("n4  CRASH    power lost"), "so is what happens");
    assert!(html.contains(r#""found":["#) && html.contains("addEventListener"));
    let manifest = Manifest::from_json(&read("run.json")).unwrap();
    assert_eq!((manifest.verdict.as_str(), manifest.seed), ("failed", 11));
    for file in &manifest.files {
        assert_eq!(fs::metadata(folder.path().join(&file.name)).unwrap().len(), file.bytes);
    }
    let svg = read("spacetime.svg");
    for expected in ["leader term 1", "stale read", "cut n1 &lt;-&gt; n2,n3", "class=\"down\""] {
        assert!(svg.contains(expected), "{expected}");
    }
}

#[test]
fn the_diagram_is_the_same_every_time_and_bounded() {
    let draw = || {
        let (_, world) = eventful();
        let until = Instant::ZERO + ms(219);
        let diagram = spacetime::Diagram { rows: 20, until, ..Default::default() };
        diagram.draw(5, world.log().unwrap()).file()
    };
    let svg = draw();
    assert_eq!(svg, draw());
    assert_eq!(svg.matches("class=\"row\"").count(), 20);
    assert!(svg.contains(">still: pause n2 for 60ms<"), "what began before the window is named");
}

#[test]
fn operations_of_clients_have_a_lane_and_bad_ones_stand_out() {
    let (_, world) = eventful();
    let at = |n| Instant::ZERO + ms(n);
    let span = |from, to, bad| Span { from: at(from), to: at(to), text: "read 2".into(), bad };
    let spans = [span(100, 150, false), span(160, 200, true)];
    let diagram = spacetime::Diagram { rows: 1_000, spans: &spans, ..Default::default() };
    let svg = diagram.draw(5, world.log().unwrap()).file();
    assert_eq!(
        ["span", "span-bad"].map(|c| svg.matches(&format!("<rect class=\"{c}\"")).count()),
        [1, 1]
    );
    assert_eq!(svg.matches("class=\"found\"").count(), 3, "both ends, and the mark");
    assert!(svg.contains(">clients<"));
}

#[test]
fn any_run_can_be_drawn() {
    for seed in 0..20 {
        let plan = nemesis::swarm(seed);
        let nodes = plan.options.nodes;
        let mut world = World::of_plan(&plan, Counters { nodes });
        world.record(300);
        world.run_for(ms(2_000));
        let svg = spacetime::Diagram::default().draw(nodes, world.log().unwrap()).file();
        assert!(svg.ends_with("</svg>\n"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "seed {seed}");
    }
    let empty = spacetime::Diagram::default().draw(3, &Recorder::new(1)).file();
    assert!(empty.ends_with("</svg>\n"));
}
