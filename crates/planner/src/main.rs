//! `planner`: replays a business day in virtual time. `planner help` lists the options.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    planner::cli::run(&arguments)
}
