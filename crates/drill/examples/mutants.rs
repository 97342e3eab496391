//! Hunts every planted bug in whole clusters under swarm faults.
//!
//! ```sh
//! cargo run --release -p drill --features mutants --example mutants -- [--budget SEEDS] [NAME…]
//! cargo run --release -p drill --features mutants --example mutants -- --write
//! cargo run --release -p drill --features mutants --example mutants -- --known
//! ```
//!
//! The first prints the page for `docs/mutants.md`; `--write` writes it, and the known seeds. The
//! last runs the known seeds alone, in seconds, and fails if one shows its bug no more.

#[cfg(feature = "mutants")]
fn main() -> std::io::Result<std::process::ExitCode> {
    hunt::main()
}

#[cfg(not(feature = "mutants"))]
fn main() {
    eprintln!("build with --features mutants");
}

#[cfg(feature = "mutants")]
mod hunt {
    use std::{fs, io, path::Path, process::ExitCode, sync::Mutex, thread};

    use drill::mutants::{self, Hunt, Row, known};
    use kernel::bug::Bug;

    /// Where hunts start.
    const STARTS: [u64; 3] = [1, 10_001, 20_001];
    /// How many seeds a hunt runs at most.
    const BUDGET: u64 = 500;

    pub fn main() -> io::Result<ExitCode> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let number = |at: usize| args.get(at).and_then(|text| text.parse().ok());
        match args.first().map(String::as_str) {
            Some("--child") => {
                if let (Some(bug), Some(from), Some(to)) =
                    (args.get(1).and_then(|name| mutants::named(name)), number(2), number(3))
                {
                    mutants::child(bug, from..to);
                }
                Ok(ExitCode::SUCCESS)
            }
            Some("--known") => {
                let wrong = known::check()?;
                wrong.iter().for_each(|line| eprintln!("{line}"));
                Ok(ExitCode::from(u8::from(!wrong.is_empty())))
            }
            Some("--write") => write(&all(&[], BUDGET)?),
            Some("--budget") => show(&all(&args[2..], number(1).unwrap_or(BUDGET))?),
            _ => show(&all(&args, BUDGET)?),
        }
    }

    fn show(rows: &[Row]) -> io::Result<ExitCode> {
        print!("{}", mutants::page(rows, &STARTS));
        Ok(ExitCode::from(u8::from(!rows.iter().all(Row::caught))))
    }

    fn write(rows: &[Row]) -> io::Result<ExitCode> {
        let drill = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::write(drill.join("../../docs/mutants.md"), mutants::page(rows, &STARTS))?;
        fs::write(drill.join("src/mutants/known.txt"), known::file(rows))?;
        show(rows)
    }

    /// Hunts the bugs of these names, or all, on every processor.
    fn all(names: &[String], budget: u64) -> io::Result<Vec<Row>> {
        let wanted = |bug: &Bug| names.is_empty() || names.contains(&format!("{bug:?}"));
        let bugs = Bug::ALL.into_iter().filter(|(bug, _)| wanted(bug));
        let rows: Vec<Row> = bugs.map(|(bug, what)| Row { bug, what, hunts: Vec::new() }).collect();
        let mut hunts: Vec<(usize, u64)> = Vec::new();
        for row in (0..rows.len()).rev() {
            hunts.extend(STARTS.iter().rev().map(|start| (row, *start)));
        }
        let (hunts, rows) = (Mutex::new(hunts), Mutex::new(rows));
        let next = || hunts.lock().ok()?.pop();
        let work = || -> io::Result<()> {
            while let Some((row, start)) = next() {
                let bug = rows.lock().map(|rows| rows[row].bug).map_err(poisoned)?;
                let find = mutants::hunt(bug, start..start + budget)?;
                eprintln!("{bug:?} from {start}: {find:?}");
                let seeds = find.as_ref().map_or(budget, |find| find.seed - start + 1);
                let hunt = Hunt { start, seeds, find };
                rows.lock().map_err(poisoned)?[row].hunts.push(hunt);
            }
            Ok(())
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| -> io::Result<()> {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| {
                worker.join().unwrap_or_else(|_| Err(io::Error::other("a hunt died")))
            })
        })?;
        let mut rows = rows.into_inner().map_err(poisoned)?;
        rows.iter_mut().for_each(|row| row.hunts.sort_by_key(|hunt| hunt.start));
        Ok(rows)
    }

    fn poisoned<T>(_: T) -> io::Error {
        io::Error::other("a hunt died")
    }
}
