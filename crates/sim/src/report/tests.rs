use super::*;
use crate::{
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
    while world.now() < Instant::ZERO + ms(260) {
        world.request(a, Add(1));
        world.run_for(rng.duration(ms(5), ms(40)));
    }
    world.mark(c, || "stale read".to_owned());
    (plan, world)
}

fn report<'a>(plan: &'a Plan, recorder: &'a Recorder) -> Report<'a> {
    Report {
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
        diagram.draw(5, world.log().unwrap())
    };
    let svg = draw();
    assert_eq!(svg, draw());
    assert_eq!(svg.matches("class=\"row\"").count(), 20);
    assert!(svg.contains(">still: pause n2 for 60ms<"), "what began before the window is named");
}

#[test]
fn any_run_can_be_drawn() {
    for seed in 0..20 {
        let plan = nemesis::swarm(seed);
        let nodes = plan.options.nodes;
        let mut world = World::of_plan(&plan, Counters { nodes });
        world.record(300);
        world.run_for(ms(2_000));
        let svg = spacetime::Diagram::default().draw(nodes, world.log().unwrap());
        assert!(svg.ends_with("</svg>\n"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "seed {seed}");
    }
    let empty = spacetime::Diagram::default().draw(3, &Recorder::new(1));
    assert!(empty.ends_with("</svg>\n"));
}
