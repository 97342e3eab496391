//! Writes the reports of labs: `cargo run -p labs --example lab -- FOLDER [NAME …]`.

use std::{io, path::Path};

use labs::{catalogue, judge, report, run};

fn main() -> io::Result<()> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().unwrap_or_else(|| "lab-reports".into());
    let wanted: Vec<String> = words.collect();
    for plan in catalogue::all().map_err(io::Error::other)? {
        if !wanted.is_empty() && !wanted.iter().any(|name| plan.name.starts_with(name.as_str())) {
            continue;
        }
        let began = std::time::Instant::now();
        let findings = run(&plan, 1).map_err(io::Error::other)?;
        let outcome = judge::outcome(&plan, &findings.measures, false);
        println!(
            "{:<28} {:<8} {:>6.1} s",
            plan.name,
            outcome.word(),
            began.elapsed().as_secs_f64()
        );
        for claim in judge::verdicts(&plan, &findings.measures, false) {
            if claim.holds != Some(true) {
                println!("    {:?}: {} ({})", claim.holds, claim.says, claim.because);
            }
        }
        report::save(&plan, &findings, None, false, &Path::new(&folder).join(&plan.name), 0)?;
    }
    Ok(())
}
