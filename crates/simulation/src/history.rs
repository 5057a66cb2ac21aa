//! A history: everything that follows from one seed.

use async_endpoint::Rng;
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::pipeline::{ConfigError, Pipelines};
use jobs::state::StatusGroup;

use crate::checks::guarantees::GUARANTEE_2;
use crate::driver::{Driver, DriverStep};
use crate::environment::{SimulationEnvironment, Timing, Trace};
use crate::fault::{FaultCounts, FaultProfile};
use crate::mistake::Mistake;
use crate::simulation::Simulation;
use crate::time::SECOND;

/// The file that ships.
const PIPELINES: &str = include_str!("../../../infra/pipelines.toml");
/// Limits that some uploads of a history reach.
const LIMITS: &str = "\n[tenant_limits]\nopen_jobs = 4\ngpu_minutes_a_day = 200\n";
/// Function `capacity` makes about a hundred events a minute.
const DOCKET_EVENTS_FACTOR: u64 = 10;
/// More events than this per upload, and a history counts as endless.
const MAX_EVENTS_PER_UPLOAD: u64 = 40_000;

#[derive(Clone, Debug)]
pub struct HistoryOptions {
    pub seed: u64,
    /// How many objects are uploaded. Overwriting one makes another job.
    pub uploads: u32,
    pub mistake: Option<Mistake>,
    /// The rates of the faults, instead of those that the seed draws.
    pub faults: Option<FaultProfile>,
    pub trace: Tracing,
    /// Function `capacity` sets the number of instances of every endpoint.
    pub docket_scaling: bool,
}

/// The destination of a history's trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracing {
    Off,
    /// Keep the lines for the report.
    Keep,
    /// Print each line to standard error.
    Print,
}

/// The result of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryReport {
    pub jobs: u64,
    pub ready: u64,
    pub failed: u64,
    /// Failed jobs of a pipeline in which another document failed, too, since the first failure of this one.
    pub failed_beside_others: u64,
    pub cancelled: u64,
    /// Jobs that were cancelled before a request for them was sent.
    pub cancelled_without_run: u64,
    pub erased: u64,
    /// Requests that endpoints accepted.
    pub requests: u64,
    /// Accepted requests whose attempt already had one.
    pub repeated: u64,
    /// Messages in quarantine.
    pub quarantined: u64,
    pub faults: FaultCounts,
    /// Virtual time.
    pub time_ms: u64,
    pub events: u64,
    /// Violated guarantees, at most a few.
    pub violations: Vec<String>,
    /// The trace, if it was kept.
    pub trace: Vec<String>,
}

/// Runs a history.
///
/// # Errors
/// The shipped `pipelines.toml` is wrong.
pub fn run(options: &HistoryOptions) -> Result<HistoryReport, ConfigError> {
    let docket = options.docket_scaling || options.mistake.is_some_and(Mistake::is_of_capacity);
    let pipelines = Pipelines::parse(&pipelines_file(docket))?;
    let mut rng = Rng::from_seed(options.seed ^ 0x00D0_C4E7);
    let drawn = FaultProfile::draw(&mut rng);
    let faults = options.faults.clone().unwrap_or(drawn);
    let timeout = [5, 10, 30, 60][usize::try_from(rng.up_to(3)).unwrap_or(0)] * SECOND;
    let timing = Timing {
        function: timeout,
        visibility: 6 * timeout,
    };
    let trace = match options.trace {
        Tracing::Off => Trace::Off,
        Tracing::Keep => Trace::Keep(Vec::new()),
        Tracing::Print => Trace::Print,
    };
    let mut env = SimulationEnvironment::new(rng, faults, timing, trace);
    env.mistake = options.mistake;
    let mut simulation = Simulation::new(env, pipelines);
    simulation.plan_history(options.uploads);
    let mut max_events = MAX_EVENTS_PER_UPLOAD * u64::from(options.uploads.max(10));
    if docket {
        max_events *= DOCKET_EVENTS_FACTOR;
    }
    let mut driver = Driver::new(simulation, max_events);
    run_phases(&mut driver);
    let mut simulation = driver.simulation.borrow_mut();
    Ok(report(&mut simulation))
}

/// The file that ships, with one kind of scaling for all pipelines, and with Docket's also limits of tenants.
fn pipelines_file(docket: bool) -> String {
    let scaling = if docket { "docket" } else { "aws" };
    let mut text = String::new();
    for line in PIPELINES.lines().filter(|it| !it.starts_with("scaling = ")) {
        text.push_str(line);
        text.push('\n');
        if line.starts_with('[') {
            text.push_str(&format!("scaling = \"{scaling}\"\n"));
        }
    }
    if docket {
        text.push_str(LIMITS);
    }
    text
}

/// Faults happen until nothing is in progress. Then they stop, and the service must recover the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HistoryPhase {
    Faults,
    /// There are no more faults. After this number of runs of the reconciler, pages connect once more.
    Repairing(u8),
    /// Pages sync for the last time, during this number of runs of the reconciler.
    LastSync(u8),
    Over,
}

impl HistoryPhase {
    /// A lost upload event is re-sent after 10 minutes; the next run of the reconciler may be 12 minutes later.
    const REPAIRING: Self = Self::Repairing(7);
    const LAST_SYNC: Self = Self::LastSync(1);

    fn next(self, driver: &Driver) -> Self {
        let at_rest = driver.is_at_rest();
        let mut simulation = driver.simulation.borrow_mut();
        match self {
            Self::Faults if at_rest => {
                simulation.stop_faults();
                Self::REPAIRING
            }
            Self::Faults => Self::Faults,
            Self::Repairing(0) if at_rest => {
                simulation.last_visit();
                Self::LAST_SYNC
            }
            Self::Repairing(left) => Self::Repairing(left.saturating_sub(1)),
            // A notification that was very late may have made a digest wait again.
            Self::LastSync(0) if at_rest => {
                simulation.check_at_rest();
                Self::Over
            }
            Self::LastSync(left) => Self::LastSync(left.saturating_sub(1)),
            Self::Over => Self::Over,
        }
    }
}

fn run_phases(driver: &mut Driver) {
    let mut phase = HistoryPhase::Faults;
    while phase != HistoryPhase::Over {
        let step = driver.step();
        if step == DriverStep::End {
            break;
        }
        if driver.is_endless() {
            let mut simulation = driver.simulation.borrow_mut();
            let depths = simulation.queues.depths();
            let what: Vec<&str> = simulation.in_progress().collect();
            let functions = if driver.lambda.is_idle() {
                ""
            } else {
                "functions run; "
            };
            simulation.env.violation(GUARANTEE_2, || {
                format!("the history does not end: {functions}{what:?}; {depths}")
            });
            simulation.check_at_rest();
            break;
        }
        if !driver.simulation.borrow().env.violations.is_empty() {
            break;
        }
        if step == DriverStep::Tick {
            phase = phase.next(driver);
        }
    }
}

fn report(simulation: &mut Simulation) -> HistoryReport {
    let env = &mut simulation.env;
    let mut report = HistoryReport {
        jobs: simulation.table.len() as u64,
        requests: simulation.ledger.accepted,
        repeated: simulation.ledger.repeated,
        quarantined: simulation.quarantine.entries.len() as u64,
        faults: env.fault_counts.clone(),
        time_ms: env.now,
        events: simulation.timeline.taken,
        violations: std::mem::take(&mut env.violations),
        ..HistoryReport::default()
    };
    if let Trace::Keep(lines) = &mut env.trace {
        report.trace = std::mem::take(lines);
    }
    let rows: Vec<&Job> = simulation.table.rows().map(|row| &*row.job).collect();
    let beside_others = rows.iter().filter(|job| failed_beside_others(job, &rows));
    report.failed_beside_others = beside_others.count() as u64;
    for row in simulation.table.rows() {
        let is_cancelled = row.job.is_cancelled_without_run();
        report.cancelled_without_run += u64::from(is_cancelled && row.job.attempts.is_empty());
        match row.job.state.status_group() {
            StatusGroup::Ready => report.ready += 1,
            StatusGroup::Failed => report.failed += 1,
            StatusGroup::Cancelled => report.cancelled += 1,
            StatusGroup::Erased => report.erased += 1,
            StatusGroup::Open => {}
        }
    }
    report
}

/// When the runs of a job failed.
fn failed_at(job: &Job) -> impl Iterator<Item = Timestamp> {
    let failed = job
        .attempts
        .iter()
        .filter(|record| record.failure.is_some());
    failed.filter_map(|record| record.closed_at)
}

/// Whether the job failed although the runs of another document of its pipeline failed meanwhile: it was not alone with a failing
/// endpoint.
fn failed_beside_others(job: &Job, all: &[&Job]) -> bool {
    let (Some(first), Some(last)) = (failed_at(job).min(), failed_at(job).max()) else {
        return false;
    };
    let is_other = |other: &&&Job| other.pipeline == job.pipeline && other.id != job.id;
    let mut others = all
        .iter()
        .filter(is_other)
        .flat_map(|other| failed_at(other));
    job.state.status_group() == StatusGroup::Failed && others.any(|at| (first..=last).contains(&at))
}
