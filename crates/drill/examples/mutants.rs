//! Hunts every planted bug and prints the page for `docs/mutants.md`:
//! `cargo run --release -p drill --features mutants --example mutants -- [BUDGET] [NAME…]`.

#[cfg(feature = "mutants")]
fn main() {
    use kernel::bug::Bug;
    let mut args = std::env::args().skip(1);
    let budget = args.next().and_then(|text| text.parse().ok()).unwrap_or(500);
    let names: Vec<String> = args.collect();
    let mut rows = Vec::new();
    for (bug, what) in Bug::ALL {
        if names.is_empty() || names.contains(&format!("{bug:?}")) {
            let caught = drill::mutants::hunt(bug, &[1, 10_001, 20_001], budget);
            eprintln!("{bug:?}: {caught:?}");
            rows.push((bug, what, caught));
        }
    }
    print!("{}", drill::mutants::page(&rows, budget));
}

#[cfg(not(feature = "mutants"))]
fn main() {
    eprintln!("build with --features mutants");
}
