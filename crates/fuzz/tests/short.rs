//! Every decoder, shortly. Long runs: `cargo run --release -p fuzz -- --seconds 600`.

use std::time::Duration;

use fuzz::Hunt;

/// How long each target is fed.
const EACH: Duration = Duration::from_millis(700);

/// One test, because what is allocated is counted for the whole process.
#[test]
fn every_decoder_takes_or_refuses_whatever_it_is_fed() {
    let hunt = Hunt::new(1);
    for target in fuzz::all() {
        let figures = hunt.run(&target, EACH).unwrap_or_else(|broken| panic!("{broken}"));
        assert!(figures.accepted > 0, "{}: nothing was accepted: {figures:?}", target.name);
        assert!(figures.refused > 0, "{}: nothing was refused: {figures:?}", target.name);
    }
}
