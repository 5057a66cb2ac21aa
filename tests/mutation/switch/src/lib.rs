//! The switch of instrumented sources (`tests/mutation`).

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// More than there are mutants.
const MAX_MUTANTS: usize = 1 << 14;

static ACTIVE: OnceLock<Option<u32>> = OnceLock::new();
static REACHED: [AtomicBool; MAX_MUTANTS] = [const { AtomicBool::new(false) }; MAX_MUTANTS];

/// Whether the mutant is the one of `ACTIVE_MUTANT`. Without that variable, the mutant's number is appended to the file of
/// `REACHED_MUTANTS` when it is first asked for.
pub fn is_active(mutant: u32) -> bool {
    let active = ACTIVE.get_or_init(|| std::env::var("ACTIVE_MUTANT").ok()?.parse().ok());
    match active {
        Some(active) => *active == mutant,
        None => {
            record(mutant);
            false
        }
    }
}

#[cold]
fn open() -> Option<std::fs::File> {
    let path = std::env::var_os("REACHED_MUTANTS")?;
    OpenOptions::new().create(true).append(true).open(path).ok()
}

fn record(mutant: u32) {
    static FILE: OnceLock<Option<std::fs::File>> = OnceLock::new();
    let first = REACHED
        .get(mutant as usize)
        .is_some_and(|reached| !reached.swap(true, Ordering::Relaxed));
    if first && let Some(mut file) = FILE.get_or_init(open).as_ref() {
        let _ = file.write_all(format!("{mutant}\n").as_bytes());
    }
}
