//! Given uploads through the real handlers and one endpoint, in virtual time and without faults.

use std::cell::RefCell;
use std::rc::Rc;

use async_endpoint::{Phase, Rng, Settings};
use jobs::pipeline::Pipelines;
use jobs::state::State;

use crate::fault::Plan;
use crate::history::{LONGEST, at_rest, handle};
use crate::lambda::Lambda;
use crate::scenario::Deed;
use crate::world::{Event, MINUTE, Timing, Trace, World};

/// More events than this per upload, and the workload counts as endless.
const MAX_EVENTS_PER_UPLOAD: u64 = 5_000;
/// `FunctionTimeoutSeconds` in `infra/service.yaml`, and the visibility timeout that follows from it.
const TIMING: Timing = Timing {
    function: MINUTE,
    visibility: 6 * MINUTE,
};

/// What to run. Times are milliseconds of virtual time since the start.
pub struct Workload {
    pub pipelines: Pipelines,
    /// The name of the pipeline that the uploads go through.
    pub pipeline: String,
    /// The pipeline's endpoint. It is never out of service.
    pub endpoint: Settings,
    /// The earliest first, all of PDFs that the model can read.
    pub uploads: Vec<WorkloadUpload>,
    /// The endpoint is observed for at least this long.
    pub min_duration_ms: u64,
    pub rng: Rng,
}

#[derive(Clone, Debug)]
pub struct WorkloadUpload {
    pub at: u64,
    pub key: String,
    pub bytes: u64,
    /// How long a run of the model takes.
    pub model_ms: u64,
}

/// What became of a workload.
#[derive(Clone, Debug)]
pub struct WorkloadReport {
    /// In the order of the uploads.
    pub documents: Vec<DocumentResult>,
    /// The endpoint whenever something about it changed.
    pub samples: Vec<EndpointSample>,
    /// Instances that were started, those that the endpoint was created with included.
    pub instances: u32,
    /// Guarantees of the service that were violated.
    pub violations: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct DocumentResult {
    pub uploaded_at: u64,
    pub end: DocumentEnd,
    /// In the order of the attempts.
    pub requests: Vec<EndpointRequest>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentEnd {
    Open,
    Ready { at: u64 },
    Failed { at: u64, cause: &'static str },
    Cancelled { at: u64 },
}

/// A request that the endpoint accepted.
#[derive(Clone, Copy, Debug)]
pub struct EndpointRequest {
    pub accepted_at: u64,
    /// The latest run of the model on it.
    pub run: Option<ModelRun>,
}

#[derive(Clone, Copy, Debug)]
pub struct ModelRun {
    pub from: u64,
    pub until: u64,
}

/// The endpoint from a point in time on, until the next sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointSample {
    pub at: u64,
    /// Requests in the queue.
    pub waiting: u32,
    /// Instances in their cold start.
    pub starting: u32,
    pub in_service: u32,
    /// Instances in service that have work.
    pub busy: u32,
}

impl EndpointSample {
    /// Billed instances.
    pub const fn instances(&self) -> u32 {
        self.starting + self.in_service
    }
}

/// The jobs of a workload do not end. What was left in the queues.
#[derive(Debug)]
pub struct EndlessWorkload(String);

impl std::fmt::Display for EndlessWorkload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the jobs do not end; in the queues: {}", self.0)
    }
}

impl std::error::Error for EndlessWorkload {}

/// Runs a workload until all its jobs have ended.
///
/// # Errors
/// Jobs are still open after three weeks of virtual time.
///
/// # Panics
/// The pipelines have none of the workload's name.
pub fn run(workload: Workload) -> Result<WorkloadReport, EndlessWorkload> {
    let named = |p: &&jobs::pipeline::Pipeline| p.name == workload.pipeline;
    let Some(pipeline) = workload.pipelines.iter().find(named) else {
        panic!("there is no pipeline {}", workload.pipeline);
    };
    let (endpoint, name) = (pipeline.endpoint.clone(), pipeline.name.clone());
    let mut world = World::new(
        workload.rng,
        Plan::CALM,
        workload.pipelines,
        TIMING,
        Trace::Off,
    );
    world.host(endpoint, name, workload.endpoint, true);
    world.drive(0);
    for upload in &workload.uploads {
        world.takes.insert(upload.key.clone(), upload.model_ms);
        let (key, bytes) = (upload.key.clone(), upload.bytes);
        world.deed(upload.at, Deed::Put { key, bytes });
    }
    world.after(0, Event::Tick);
    let max_events = MAX_EVENTS_PER_UPLOAD * workload.uploads.len().max(100) as u64;
    let (mut samples, mut instances) = (vec![sample(&world)], 0);
    let world = Rc::new(RefCell::new(world));
    let mut lambda = Lambda::new(Rc::clone(&world));
    loop {
        let Some(event) = world.borrow_mut().next() else {
            break;
        };
        let ticked = matches!(event, Event::Tick);
        handle(&world, &mut lambda, event);
        let mut world = world.borrow_mut();
        let now = sample(&world);
        if samples
            .last()
            .is_some_and(|last| *last != EndpointSample { at: last.at, ..now })
        {
            samples.push(now);
        }
        let newest = world.endpoints[0].model.instances().map(|known| known.id.0);
        instances = newest.max().unwrap_or(0).max(instances);
        if world.steps > max_events || world.now > LONGEST {
            return Err(EndlessWorkload(world.queues.left()));
        }
        if ticked && world.now >= workload.min_duration_ms && at_rest(&world, &lambda) {
            world.check_at_rest();
            break;
        }
    }
    drop(lambda);
    let mut world = world.borrow_mut();
    let documents = workload
        .uploads
        .iter()
        .map(|upload| document(&world, upload));
    Ok(WorkloadReport {
        documents: documents.collect(),
        samples,
        instances,
        violations: std::mem::take(&mut world.violations),
    })
}

fn sample(world: &World) -> EndpointSample {
    let model = &world.endpoints[0].model;
    let mut sample = EndpointSample {
        at: world.now,
        waiting: model.waiting(),
        ..EndpointSample::default()
    };
    for instance in model.instances() {
        if instance.phase == Phase::InService {
            sample.in_service += 1;
            sample.busy += u32::from(instance.running > 0);
        } else {
            sample.starting += 1;
        }
    }
    sample
}

fn document(world: &World, upload: &WorkloadUpload) -> DocumentResult {
    let version = world
        .bucket
        .current(&upload.key)
        .map(|(version, _)| version);
    let Some((version, job)) =
        version.and_then(|version| Some((version, world.table.job_of(&upload.key, &version.id)?)))
    else {
        return DocumentResult {
            uploaded_at: upload.at,
            end: DocumentEnd::Open,
            requests: Vec::new(),
        };
    };
    let requests = world
        .ledger
        .runs
        .range((job.id, 0)..=(job.id, u8::MAX))
        .flat_map(|(_, requests)| requests)
        .map(|request| EndpointRequest {
            accepted_at: request.accepted,
            run: request
                .ran
                .get()
                .map(|(from, until)| ModelRun { from, until }),
        });
    let at = world.table.rows.get(&job.id).map_or(0, |row| row.saved_at);
    let end = match &job.state {
        State::Ready { .. } => DocumentEnd::Ready { at },
        State::Failed { failure, .. } => DocumentEnd::Failed {
            at,
            cause: failure.cause.name(),
        },
        State::Cancelled { .. } => DocumentEnd::Cancelled { at },
        State::Submitting { .. } | State::InProgress { .. } | State::RetryScheduled { .. } => {
            DocumentEnd::Open
        }
    };
    DocumentResult {
        uploaded_at: version.at,
        end,
        requests: requests.collect(),
    }
}
