//! One day of a pipeline in virtual time: what is uploaded when, how long each document waits, what the GPUs cost.
//!
//! The day goes through the product's own handlers and the model of the endpoint, with the numbers that the endpoint is
//! deployed with. No faults: this is about capacity. The same [`Options`] give the same [`Day`].
//!
//! Not here: how AWS differs from the model. Alarms look once a minute without delay, a cold start always takes equally
//! long, and an instance is always to be had.

mod bursts;
mod cli;
mod compare;
mod figures;
mod outcome;
mod picture;
mod plan;
mod report;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use async_endpoint::{EndpointParameters, InstanceStatus, ParameterError, Rng};
use jobs::pipeline::{ConfigError, Pipelines};

use crate::fault::Plan;
use crate::history::{LONGEST, PIPELINES, at_rest, handle};
use crate::lambda::Lambda;
use crate::scenario::Deed;
use crate::world::{Event, HOUR, MINUTE, Timing, Trace, World};

pub use bursts::{Burst, Excerpt, Forecast, Upload, bursts, forecast};
pub use cli::{price_of, run};
pub use compare::{Variant, table, variants};
pub use figures::{Figures, Spread};
pub use picture::picture;
pub use plan::Scenario;
pub use report::{report, span};

/// What is measured, at least: GPUs that are kept cost at night as well.
const DAY: u64 = 24 * HOUR;
/// More events than that for each document, and the day counts as endless.
const MOST_STEPS: u64 = 5_000;
/// `FunctionTimeoutSeconds` of `infra/service.yaml`, and the visibility timeout that follows from it.
const TIMING: Timing = Timing {
    function: MINUTE,
    visibility: 6 * MINUTE,
};

/// What to replay.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The kind of day.
    pub scenario: Scenario,
    /// When exactly what is uploaded and how long the model takes for it follows from it.
    pub seed: u64,
    /// How many documents are uploaded.
    pub documents: u32,
    /// What a run takes in the middle, in seconds.
    pub run_seconds: u32,
    /// The endpoint, as its parameter file says.
    pub endpoint: EndpointParameters,
    /// Only a part of the day.
    pub excerpt: Option<Excerpt>,
}

impl Options {
    /// The day with the documents, runs and parameters that it has by default, and seed 1.
    ///
    /// # Errors
    /// The parameter file that ships is wrong.
    pub fn new(scenario: Scenario) -> Result<Self, ParameterError> {
        Ok(Self {
            scenario,
            seed: 1,
            documents: scenario.shape().documents,
            run_seconds: scenario.shape().run_seconds,
            endpoint: EndpointParameters::parse(scenario.parameters())?,
            excerpt: None,
        })
    }
}

/// What became of a day. All times are milliseconds of virtual time since midnight.
#[derive(Clone, Debug, PartialEq)]
pub struct Day {
    /// What was replayed.
    pub options: Options,
    /// What customers are told: "ready within", in milliseconds.
    pub promise: u64,
    /// Every document, in the order of the uploads.
    pub documents: Vec<Document>,
    /// The endpoint whenever something about it changed, from midnight on.
    pub moments: Vec<DecisionContext>,
    /// The end of what is measured: midnight, or when the last document ended.
    pub until: u64,
    /// How many instances were started.
    pub started: u32,
    /// Promises of the service that were broken; none, or the figures mean nothing.
    pub violations: Vec<String>,
}

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Those that came together have one number, from 1 on.
    pub burst: u32,
    /// Its key in the bucket.
    pub key: String,
    /// When its upload was complete.
    pub uploaded: u64,
    /// How long a run of the model on it takes.
    pub takes: u64,
    /// When its job ended.
    pub ended: Option<u64>,
    /// The waiting, if it became ready.
    pub wait: Option<Wait>,
    /// Why it failed, if it did.
    pub failure: Option<&'static str>,
    /// How often the endpoint took a request for it.
    pub requests: u32,
}

/// Where the time from an upload to its result went, in milliseconds. The parts add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// In the endpoint's queue while no instance was in service.
    pub cold: u64,
    /// In the endpoint's queue behind others; of a document that was tried again, also its earlier attempts.
    pub queue: u64,
    /// The run of the model that made the result.
    pub run: u64,
    /// The rest: from the upload to the endpoint, and from the model's answer to the ready job.
    pub docket: u64,
}

impl Wait {
    /// All of it.
    pub const fn total(self) -> u64 {
        self.cold + self.queue + self.run + self.docket
    }
}

/// The endpoint from a moment on, until the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecisionContext {
    /// When.
    pub at: u64,
    /// Requests in the queue.
    pub waiting: u32,
    /// Instances in their cold start.
    pub starting: u32,
    /// Instances that take work.
    pub in_service: u32,
    /// Those of them that have some.
    pub busy: u32,
}

impl DecisionContext {
    /// Instances that are paid for.
    pub const fn instances(&self) -> u32 {
        self.starting + self.in_service
    }
}

/// Why a day cannot be replayed.
#[derive(Debug)]
pub enum ReplayError {
    /// The shipped `pipelines.toml` is wrong.
    Pipelines(ConfigError),
    /// It has no such pipeline.
    NoPipeline(&'static str),
    /// The day does not end; what was left.
    Endless(String),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pipelines(error) => error.fmt(f),
            Self::NoPipeline(name) => write!(f, "pipelines.toml has no pipeline {name}"),
            Self::Endless(left) => write!(f, "the day does not end; in the queues: {left}"),
        }
    }
}

impl std::error::Error for ReplayError {}

/// Replays a day.
///
/// # Errors
/// The shipped `pipelines.toml` is wrong, or documents are still open after three weeks.
pub fn replay(options: &Options) -> Result<Day, ReplayError> {
    let pipelines = Pipelines::parse(PIPELINES).map_err(ReplayError::Pipelines)?;
    let name = options.scenario.pipeline();
    let Some(pipeline) = pipelines.iter().find(|known| known.name == name).cloned() else {
        return Err(ReplayError::NoPipeline(name));
    };
    // What is uploaded does not change with what the service does with it.
    let mut own = Rng::from_seed(options.seed ^ 0x00DA_1DEA);
    let mut arrivals = plan::arrivals(options, &pipeline.prefix, &mut own);
    if let Some(excerpt) = options.excerpt {
        bursts::cut(&mut arrivals, excerpt);
    }
    let mut world = World::new(own, Plan::CALM, pipelines, TIMING, Trace::Off);
    world.host(
        pipeline.endpoint.clone(),
        pipeline.name.clone(),
        options.endpoint.settings,
        true,
    );
    world.drive(0);
    for arrival in &arrivals {
        world.takes.insert(arrival.key.clone(), arrival.takes);
        let (key, bytes) = (arrival.key.clone(), arrival.bytes);
        world.deed(arrival.at, Deed::Put { key, bytes });
    }
    world.after(0, Event::Tick);
    let (world, moments, started) = pass(world, options)?;
    let mut world = world.borrow_mut();
    let documents: Vec<Document> = arrivals
        .iter()
        .map(|arrival| outcome::document(&world, arrival, &moments))
        .collect();
    let last = documents.iter().filter_map(|document| document.ended).max();
    Ok(Day {
        options: options.clone(),
        promise: u64::from(pipeline.slo_seconds) * 1000,
        until: last.unwrap_or(0).max(DAY),
        documents,
        moments,
        started: started.saturating_sub(options.endpoint.settings.min_instances),
        violations: std::mem::take(&mut world.violations),
    })
}

type Passed = (Rc<RefCell<World>>, Vec<DecisionContext>, u32);

/// Lets the day pass. Gives the world afterwards, what was seen of the endpoint, and how many instances it ever had.
fn pass(world: World, options: &Options) -> Result<Passed, ReplayError> {
    let most_steps = MOST_STEPS * u64::from(options.documents.max(100));
    let (mut moments, mut started) = (vec![look(&world)], 0);
    let world = Rc::new(RefCell::new(world));
    let mut lambda = Lambda::new(Rc::clone(&world));
    loop {
        let Some(event) = world.borrow_mut().next() else {
            break;
        };
        let ticked = matches!(event, Event::Tick);
        handle(&world, &mut lambda, event);
        let mut world = world.borrow_mut();
        let now = look(&world);
        if moments
            .last()
            .is_some_and(|last| *last != DecisionContext { at: last.at, ..now })
        {
            moments.push(now);
        }
        let newest = world.endpoints[0].model.instances().map(|known| known.id.0);
        started = newest.max().unwrap_or(0).max(started);
        if world.steps > most_steps || world.now > LONGEST {
            return Err(ReplayError::Endless(world.queues.left()));
        }
        if ticked && world.now >= DAY && at_rest(&world, &lambda) {
            world.check_at_rest();
            break;
        }
    }
    drop(lambda);
    Ok((world, moments, started))
}

fn look(world: &World) -> DecisionContext {
    let model = &world.endpoints[0].model;
    let mut context = DecisionContext {
        at: world.now,
        waiting: model.waiting(),
        ..DecisionContext::default()
    };
    for instance in model.instances() {
        if instance.status == InstanceStatus::InService {
            context.in_service += 1;
            context.busy += u32::from(instance.running > 0);
        } else {
            context.starting += 1;
        }
    }
    context
}
