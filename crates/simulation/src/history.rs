//! One history: everything that follows from one seed.

use std::cell::RefCell;
use std::rc::Rc;

use async_endpoint::Rng;
use jobs::pipeline::{ConfigError, Pipelines};

use crate::check::PROMISE_2;
use crate::fault::Fault;
use crate::fault::{Plan, Struck};
use crate::lambda::{Lambda, Task};
use crate::mistake::Mistake;
use crate::world::{Event, HOUR, MINUTE, SECOND, Timing, Trace, World};

/// What is deployed: the file that ships.
pub(crate) const PIPELINES: &str = include_str!("../../../infra/pipelines.toml");

/// How often the schedule calls the reconciler, in milliseconds of virtual time.
const EVERY: u64 = 5 * MINUTE;
/// More events than that, for each upload, and a history counts as endless.
const MOST_STEPS: u64 = 40_000;
/// The most virtual time of a history.
pub(crate) const LONGEST: u64 = 21 * 24 * HOUR;

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything follows from it.
    pub seed: u64,
    /// How many objects are uploaded; overwriting one makes a job more.
    pub uploads: u32,
    /// A mistake that is planted.
    pub mistake: Option<Mistake>,
    /// The faults, instead of those that the seed draws.
    pub plan: Option<Plan>,
    /// What to do with the trace.
    pub trace: Tracing,
}

/// What to do with the trace of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracing {
    /// Nothing.
    Off,
    /// Keep its lines for the report.
    Keep,
    /// Print each line to standard error as it is written.
    Print,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Jobs made.
    pub jobs: u64,
    /// How many became ready, failed, and were cancelled.
    pub ended: [u64; 3],
    /// Requests that endpoints accepted.
    pub runs: u64,
    /// Those of them that repeated an attempt.
    pub repeated: u64,
    /// Messages in quarantine.
    pub quarantined: u64,
    /// Faults by kind.
    pub struck: Struck,
    /// Virtual time, in milliseconds.
    pub time: u64,
    /// Events handled.
    pub steps: u64,
    /// Promises that were broken, at most a few.
    pub violations: Vec<String>,
    /// The trace, if it was kept.
    pub trace: Vec<String>,
}

/// Runs a history.
///
/// # Errors
/// If the shipped `pipelines.toml` is wrong.
pub fn run(options: &Options) -> Result<Report, ConfigError> {
    let pipelines = Pipelines::parse(PIPELINES)?;
    let mut rng = Rng::from_seed(options.seed ^ 0x00D0_C4E7);
    let drawn = Plan::draw(&mut rng);
    let plan = options.plan.clone().unwrap_or(drawn);
    let seconds = [5, 10, 30, 60][usize::try_from(rng.up_to(3)).unwrap_or(0)];
    let timing = Timing {
        function: seconds * SECOND,
        visibility: 6 * seconds * SECOND,
    };
    let trace = match options.trace {
        Tracing::Off => Trace::Off,
        Tracing::Keep => Trace::Keep(Vec::new()),
        Tracing::Print => Trace::Print,
    };
    let mut world = World::new(rng, plan, pipelines, timing, trace);
    world.mistake = options.mistake;
    world.make_endpoints();
    world.plan_history(options.uploads);
    let most_steps = MOST_STEPS * u64::from(options.uploads.max(10));

    let world = Rc::new(RefCell::new(world));
    let mut lambda = Lambda::new(Rc::clone(&world));
    let mut phase = Phase::Stormy;
    while phase != Phase::Over {
        let next = world.borrow_mut().next();
        let Some(event) = next else {
            break;
        };
        let ticked = matches!(event, Event::Tick);
        handle(&world, &mut lambda, event);
        let mut world = world.borrow_mut();
        if world.steps > most_steps || world.now > LONGEST {
            let left = world.queues.left();
            world.broken(PROMISE_2, || format!("the history does not end; {left}"));
            world.check_at_rest();
            break;
        }
        if !world.violations.is_empty() {
            break;
        }
        if ticked {
            phase = phase.next(&mut world, &lambda);
        }
    }
    drop(lambda);
    let mut world = world.borrow_mut();
    Ok(report(&mut world))
}

/// A history is stormy until nothing is under way any more, then the weather clears, and what is said then must be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Stormy,
    /// Faults have stopped; so many more calls of the reconciler, then pages come for the last time.
    Clearing(u8),
    /// Pages look for the last time.
    Looking(u8),
    Over,
}

impl Phase {
    fn next(self, world: &mut World, lambda: &Lambda) -> Self {
        let at_rest = at_rest(world, lambda);
        match self {
            Self::Stormy if at_rest => {
                world.log(|| "the weather clears".to_owned());
                world.plan = Plan::CALM;
                world.replay_dead_letters();
                // A lost announcement is made up for after 10 minutes, 15 more to the next look, and one run.
                Self::Clearing(7)
            }
            Self::Stormy => Self::Stormy,
            Self::Clearing(0) if at_rest => {
                world.last_visit();
                Self::Looking(1)
            }
            Self::Clearing(left) => Self::Clearing(left.saturating_sub(1)),
            Self::Looking(0) => {
                world.check_at_rest();
                Self::Over
            }
            Self::Looking(left) => Self::Looking(left - 1),
            Self::Over => Self::Over,
        }
    }
}

pub(crate) fn handle(world: &Rc<RefCell<World>>, lambda: &mut Lambda, event: Event) {
    match event {
        Event::Call(id) => lambda.call_moves(id),
        Event::Deadline(id) => lambda.deadline(id),
        Event::Start(task) => lambda.start(*task),
        Event::Poll(queue) => world.borrow_mut().poll(queue),
        Event::Arrive(queue, message) => world.borrow_mut().arrive(queue, *message),
        Event::Endpoint(at) => world.borrow_mut().endpoint_wakes(at),
        Event::Answer(at, run, outcome) => world.borrow_mut().model_answers(at, run, outcome),
        Event::Stored(at, run, req, failed) => world.borrow_mut().store(at, run, &req, failed),
        Event::InService(at, there) => world.borrow_mut().set_in_service(at, there),
        Event::Capacity(at, there) => world.borrow_mut().set_capacity(at, there),
        Event::Deed(deed) => world.borrow_mut().perform_deed(*deed),
        Event::Page(at, step) => world.borrow_mut().page_steps(at, step),
        Event::Released => world.borrow_mut().released = true,
        Event::Tick => tick(&mut world.borrow_mut()),
    }
}

/// Nothing is under way any more.
pub(crate) fn at_rest(world: &World, lambda: &Lambda) -> bool {
    world.deeds_left == 0
        && world.released
        && lambda.is_idle()
        && world.queues.are_empty()
        && world.table.wake.is_empty()
}

fn tick(world: &mut World) {
    let copies = if world.strikes(Fault::TwoReconcilers) {
        2
    } else {
        1
    };
    for _ in 0..copies {
        let delay = world.between(1, SECOND);
        world.after(delay, Event::Start(Box::new(Task::Reconcile)));
    }
    world.after(EVERY, Event::Tick);
}

fn report(world: &mut World) -> Report {
    let mut report = Report {
        jobs: world.table.rows.len() as u64,
        runs: world.ledger.accepted,
        repeated: world.ledger.repeated,
        quarantined: world.quarantine.len() as u64,
        struck: world.struck.clone(),
        time: world.now,
        steps: world.steps,
        violations: std::mem::take(&mut world.violations),
        ..Report::default()
    };
    for row in world.table.rows.values() {
        match row.job.state.status_group() {
            jobs::state::StatusGroup::Ready => report.ended[0] += 1,
            jobs::state::StatusGroup::Failed => report.ended[1] += 1,
            jobs::state::StatusGroup::Cancelled => report.ended[2] += 1,
            jobs::state::StatusGroup::Open => {}
        }
    }
    if let Trace::Keep(lines) = &mut world.trace {
        report.trace = std::mem::take(lines);
    }
    report
}
