//! `simulate`: runs many histories in parallel, or one with its trace.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people: figures go to standard output, traces and findings to standard error"
)]

use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Instant;

use mimalloc::MiMalloc;
use serde_json::{Value, json};
use simulation::fault::FaultKind;
use simulation::history::{HistoryOptions, HistoryReport, Tracing, run};
use simulation::mistake::Mistake;

/// A history allocates and frees small objects most of the time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const USAGE: &str = "\
simulate --seeds N --jobs M [--first F] [--workers W] [--mistake NAME] [--docket-scaling]
    runs N histories with M uploads each, from seed F (1) on, in W (all cores) processes
simulate --seed S --jobs M [--trace] [--mistake NAME] [--docket-scaling]
    runs one history; --trace prints what happened in it";

#[derive(Clone, Debug, Default)]
struct Arguments {
    seeds: u64,
    jobs: u32,
    first: u64,
    workers: u64,
    seed: Option<u64>,
    trace: bool,
    mistake: Option<Mistake>,
    docket_scaling: bool,
    /// This process is a worker. Its standard output is discarded, because the product's metrics go there.
    worker: bool,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("simulate: {problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if arguments.worker {
        return work(&arguments);
    }
    supervise(&arguments)
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let mut arguments = Arguments {
        seeds: 100,
        jobs: 20,
        first: 1,
        workers: cores,
        ..Arguments::default()
    };
    while let Some(word) = words.next() {
        let mut number = || {
            let text = words.next().unwrap_or_default();
            text.parse::<u64>()
                .map_err(|_| format!("{word} needs a number, not {text:?}"))
        };
        match word.as_str() {
            "--seeds" => arguments.seeds = number()?,
            "--jobs" => {
                let jobs = number()?;
                arguments.jobs =
                    u32::try_from(jobs).map_err(|_| "--jobs is too large".to_owned())?;
            }
            "--first" => arguments.first = number()?,
            "--workers" => arguments.workers = number()?.max(1),
            "--seed" => arguments.seed = Some(number()?),
            "--trace" => arguments.trace = true,
            "--worker" => arguments.worker = true,
            "--docket-scaling" => arguments.docket_scaling = true,
            "--mistake" => {
                let name = words.next().unwrap_or_default();
                let known = || {
                    Mistake::ALL
                        .iter()
                        .map(|known| format!("{known:?}"))
                        .collect::<Vec<_>>()
                        .join(", ")
                };
                let found = Mistake::from_name(&name)
                    .ok_or_else(|| format!("--mistake is one of {}", known()))?;
                arguments.mistake = Some(found);
            }
            _ => return Err(format!("{word} is not an option")),
        }
    }
    Ok(arguments)
}

/// Runs its share of the seeds. Writes violations and the sum to standard error, one JSON object per line.
fn work(arguments: &Arguments) -> ExitCode {
    if arguments.trace {
        // The product's logs belong into the trace, which has the virtual time already.
        let log = tracing_subscriber::fmt()
            .without_time()
            .with_target(false)
            .with_ansi(false)
            .compact();
        log.with_writer(std::io::stderr).init();
    }
    let mut sum = HistoryReport::default();
    for seed in arguments.first..arguments.first + arguments.seeds {
        let options = HistoryOptions {
            seed,
            uploads: arguments.jobs,
            mistake: arguments.mistake,
            docket_scaling: arguments.docket_scaling,
            faults: arguments.mistake.and_then(Mistake::fault_profile),
            trace: if arguments.trace {
                Tracing::Print
            } else {
                Tracing::Off
            },
        };
        let report = match catch_unwind(AssertUnwindSafe(|| run(&options))) {
            Ok(Ok(report)) => report,
            Ok(Err(error)) => failed(error.to_string()),
            Err(_) => failed("a function panicked".to_owned()),
        };
        for violation in &report.violations {
            eprintln!("{}", json!({"seed": seed, "violation": violation}));
        }
        add(&mut sum, &report);
    }
    eprintln!("{}", to_json(&sum, arguments.seeds));
    ExitCode::SUCCESS
}

fn failed(problem: String) -> HistoryReport {
    HistoryReport {
        violations: vec![problem],
        ..HistoryReport::default()
    }
}

fn add(sum: &mut HistoryReport, report: &HistoryReport) {
    sum.jobs += report.jobs;
    sum.ready += report.ready;
    sum.failed += report.failed;
    sum.cancelled += report.cancelled;
    sum.requests += report.requests;
    sum.repeated += report.repeated;
    sum.quarantined += report.quarantined;
    sum.faults.add(&report.faults);
    sum.time_ms += report.time_ms;
    sum.events += report.events;
}

fn to_json(sum: &HistoryReport, seeds: u64) -> Value {
    json!({
        "seeds": seeds, "jobs": sum.jobs, "ready": sum.ready, "failed": sum.failed, "cancelled": sum.cancelled,
        "requests": sum.requests, "repeated": sum.repeated, "quarantined": sum.quarantined,
        "faults": sum.faults.0.to_vec(), "time_ms": sum.time_ms, "events": sum.events,
    })
}

fn supervise(arguments: &Arguments) -> ExitCode {
    let began = Instant::now();
    let (first, seeds) = arguments
        .seed
        .map_or((arguments.first, arguments.seeds), |seed| (seed, 1));
    let workers = arguments.workers.min(seeds).max(1);
    let share = seeds.div_ceil(workers);
    let shares = (0..workers).map(|n| {
        (
            first + n * share,
            share.min(seeds.saturating_sub(n * share)),
        )
    });
    let threads: Vec<_> = shares
        .filter(|(_, count)| *count > 0)
        .map(|(first, count)| {
            let arguments = Arguments {
                first,
                seeds: count,
                ..arguments.clone()
            };
            thread::spawn(move || watch(&arguments))
        })
        .collect();
    let mut sum = HistoryReport::default();
    let (mut done, mut violated) = (0, false);
    for thread in threads {
        match thread.join() {
            Ok(Some(found)) => {
                add_json(&mut sum, &found);
                done += found["seeds"].as_u64().unwrap_or(0);
                violated |= found["violated"] == true;
            }
            Ok(None) | Err(_) => {
                eprintln!("simulate: a worker died");
                violated = true;
            }
        }
    }
    print(&sum, done, began.elapsed().as_secs_f64(), violated);
    if violated {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Starts a worker and reads its output.
fn watch(arguments: &Arguments) -> Option<Value> {
    let mut command = Command::new(std::env::current_exe().ok()?);
    let numbers = [
        ("--first", arguments.first),
        ("--seeds", arguments.seeds),
        ("--jobs", arguments.jobs.into()),
    ];
    for (name, number) in numbers {
        command.arg(name).arg(number.to_string());
    }
    if arguments.trace {
        command.arg("--trace");
    }
    if let Some(mistake) = arguments.mistake {
        command.arg("--mistake").arg(format!("{mistake:?}"));
    }
    if arguments.docket_scaling {
        command.arg("--docket-scaling");
    }
    let mut child = command
        .arg("--worker")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let mut found = None;
    let mut violated = false;
    for line in BufReader::new(child.stderr.take()?)
        .lines()
        .map_while(Result::ok)
    {
        match serde_json::from_str::<Value>(&line) {
            Ok(line) if line["violation"].is_string() => {
                violated = true;
                eprintln!(
                    "seed {}: {}",
                    line["seed"],
                    line["violation"].as_str().unwrap_or_default()
                );
            }
            Ok(line) if line["faults"].is_array() => found = Some(line),
            Ok(_) | Err(_) => eprintln!("{line}"),
        }
    }
    let _ = child.wait();
    let mut found = found?;
    found["violated"] = violated.into();
    Some(found)
}

fn add_json(sum: &mut HistoryReport, found: &Value) {
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let mut report = HistoryReport {
        jobs: number(&found["jobs"]),
        ready: number(&found["ready"]),
        failed: number(&found["failed"]),
        cancelled: number(&found["cancelled"]),
        requests: number(&found["requests"]),
        repeated: number(&found["repeated"]),
        quarantined: number(&found["quarantined"]),
        time_ms: number(&found["time_ms"]),
        events: number(&found["events"]),
        ..HistoryReport::default()
    };
    for (kind, count) in report.faults.0.iter_mut().enumerate() {
        *count = number(&found["faults"][kind]);
    }
    add(sum, &report);
}

fn print(sum: &HistoryReport, seeds: u64, seconds: f64, violated: bool) {
    let kinds: Vec<(FaultKind, u64)> = sum.faults.iter().filter(|(_, count)| *count > 0).collect();
    println!("histories   {seeds}");
    println!(
        "jobs        {}  ({} ready, {} failed, {} cancelled)",
        sum.jobs, sum.ready, sum.failed, sum.cancelled
    );
    println!(
        "GPU runs    {}  ({} repeat an attempt whose call or record was lost)",
        sum.requests, sum.repeated
    );
    println!("quarantine  {}", sum.quarantined);
    println!(
        "faults      {} of {} kinds",
        kinds.iter().map(|(_, count)| count).sum::<u64>(),
        kinds.len()
    );
    for (fault, count) in kinds {
        println!("  {:<20} {count}", format!("{fault:?}"));
    }
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let (days, speed) = (
        sum.time_ms as f64 / 86_400_000.0,
        sum.jobs as f64 / seconds.max(0.001),
    );
    println!(
        "time        {days:.1} days simulated in {seconds:.1} s, {} events, {speed:.0} jobs/s",
        sum.events
    );
    println!(
        "guarantees  {}",
        if violated {
            "VIOLATED, see the seeds above"
        } else {
            "hold"
        }
    );
}
