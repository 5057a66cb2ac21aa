//! Given uploads through the real handlers and one endpoint, in virtual time.

use async_endpoint::{InstanceStatus, Rng, Settings};
use jobs::capacity::Objective;
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use jobs::state::State;

use crate::capacity::CapacityController;
pub use crate::capacity::{ReadAt, Reading};
use crate::driver::{Driver, DriverStep};
use crate::environment::{SimulationEnvironment, Timing, Trace};
use crate::event::TimelineEvent;
use crate::fault::FaultProfile;
use crate::simulation::Simulation;
use crate::time::{MINUTE, START};
use crate::timeline::After;
use crate::user_action::UserAction;

/// More events than this per upload, and the workload counts as endless.
const MAX_EVENTS_PER_UPLOAD: u64 = 5_000;
/// The index of the only endpoint.
const ENDPOINT: usize = 0;
/// `FunctionTimeoutSeconds` in `infra/service.yaml`, and the visibility timeout that follows from it.
const TIMING: Timing = Timing {
    function: MINUTE,
    visibility: 6 * MINUTE,
};

/// A workload. Times are milliseconds of virtual time since the start.
pub struct Workload {
    pub pipelines: Pipelines,
    /// The name of the pipeline that the uploads go through.
    pub pipeline: String,
    /// The pipeline's endpoint. It is never out of service.
    pub endpoint: Settings,
    /// If present, Docket's controller sets the number of instances. The scaling policies of `endpoint` stay in force.
    pub objective: Option<Objective>,
    /// Faults of the service's surroundings.
    pub faults: FaultProfile,
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

/// The result of a workload.
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
    /// The wall clock at the start.
    pub started_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct DocumentResult {
    pub uploaded_at: u64,
    pub end: DocumentEnd,
    /// In the order of the attempts.
    pub requests: Vec<EndpointRequest>,
    /// The estimates that were given while it waited, if the controller ran.
    pub readings: Vec<Reading>,
    /// Its row. The row's times are those of the wall clock ([`WorkloadReport::started_at`]).
    pub job: Option<Job>,
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
    pub waiting: u32,
    /// Instances in their cold start.
    pub starting: u32,
    pub in_service: u32,
    /// Instances in service that have work.
    pub busy: u32,
}

impl EndpointSample {
    pub const fn instances(&self) -> u32 {
        self.starting + self.in_service
    }
}

/// The jobs of a workload do not end. Contains the remaining messages of the queues.
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
/// No pipeline has the workload's name.
pub fn run(workload: Workload) -> Result<WorkloadReport, EndlessWorkload> {
    let named = |p: &&jobs::pipeline::Pipeline| p.name == workload.pipeline;
    let Some(pipeline) = workload.pipelines.iter().find(named) else {
        panic!("there is no pipeline {}", workload.pipeline);
    };
    let (endpoint, name) = (pipeline.endpoint.clone(), pipeline.name.clone());
    let controller = workload.objective.map(|objective| {
        let concurrent_runs = workload.endpoint.max_concurrent_per_instance;
        CapacityController::new(pipeline, objective, concurrent_runs)
    });
    let env = SimulationEnvironment::new(workload.rng, workload.faults, TIMING, Trace::Off);
    let mut simulation = Simulation::new(env, workload.pipelines);
    simulation.bucket.without_lanes = true;
    simulation.host_endpoint(endpoint, name, workload.endpoint);
    for upload in &workload.uploads {
        let key = upload.key.clone();
        simulation
            .endpoints
            .set_model_time(key.clone(), upload.model_ms);
        let bytes = upload.bytes;
        let action = TimelineEvent::Action(UserAction::UploadPdf { key, bytes });
        simulation.plan([After::new(upload.at, action)]);
    }
    simulation.plan([After::new(0, TimelineEvent::Tick)]);
    if controller.is_some() {
        simulation.capacity = controller;
        simulation.plan([After::new(0, TimelineEvent::CapacityCheck)]);
    }
    let mut samples = vec![sample(&simulation)];
    let mut instances = 0;
    let max_events = MAX_EVENTS_PER_UPLOAD * workload.uploads.len().max(100) as u64;
    let mut driver = Driver::new(simulation, max_events);
    loop {
        let step = driver.step();
        if step == DriverStep::End {
            break;
        }
        let at_rest = step == DriverStep::Tick && driver.is_at_rest();
        let endless = driver.is_endless();
        let mut simulation = driver.simulation.borrow_mut();
        let now = sample(&simulation);
        let last = samples.last();
        if last.is_some_and(|last| *last != EndpointSample { at: last.at, ..now }) {
            samples.push(now);
        }
        let newest = simulation.endpoints.model(ENDPOINT).instances();
        instances = newest
            .map(|known| known.id.0)
            .max()
            .unwrap_or(0)
            .max(instances);
        if endless {
            return Err(EndlessWorkload(simulation.queues.depths()));
        }
        if at_rest && simulation.env.now >= workload.min_duration_ms {
            simulation.check_at_rest();
            break;
        }
    }
    let mut simulation = driver.simulation.borrow_mut();
    let documents = workload.uploads.iter();
    Ok(WorkloadReport {
        documents: documents
            .map(|upload| document(&simulation, upload))
            .collect(),
        samples,
        instances,
        violations: std::mem::take(&mut simulation.env.violations),
        started_at: Timestamp(START),
    })
}

fn sample(simulation: &Simulation) -> EndpointSample {
    let model = simulation.endpoints.model(ENDPOINT);
    let mut sample = EndpointSample {
        at: simulation.env.now,
        waiting: model.waiting(),
        ..EndpointSample::default()
    };
    for instance in model.instances() {
        if instance.status == InstanceStatus::InService {
            sample.in_service += 1;
            sample.busy += u32::from(instance.running > 0);
        } else {
            sample.starting += 1;
        }
    }
    sample
}

fn document(simulation: &Simulation, upload: &WorkloadUpload) -> DocumentResult {
    let current = simulation.bucket.current(&upload.key);
    let found = current.and_then(|(version, _)| {
        let row = simulation.table.job_of(&upload.key, &version.id)?;
        Some((version, row))
    });
    let Some((version, row)) = found else {
        return DocumentResult {
            uploaded_at: upload.at,
            end: DocumentEnd::Open,
            requests: Vec::new(),
            readings: Vec::new(),
            job: None,
        };
    };
    let controller = simulation.capacity.as_ref();
    let readings = controller.and_then(|known| known.readings.get(&upload.key));
    let requests = simulation.ledger.all_requests(row.job.id);
    let at = row.saved_at;
    let end = match &row.job.state {
        State::Ready { .. } => DocumentEnd::Ready { at },
        State::Failed { failure, .. } => DocumentEnd::Failed {
            at,
            cause: failure.cause.name(),
        },
        State::Cancelled { .. } | State::Erased { .. } => DocumentEnd::Cancelled { at },
        State::Queued { .. }
        | State::Submitting { .. }
        | State::InProgress { .. }
        | State::RetryScheduled { .. } => DocumentEnd::Open,
    };
    DocumentResult {
        uploaded_at: version.at,
        end,
        readings: readings.cloned().unwrap_or_default(),
        job: Some((*row.job).clone()),
        requests: requests
            .map(|request| EndpointRequest {
                accepted_at: request.accepted_at,
                run: request
                    .run
                    .get()
                    .map(|(from, until)| ModelRun { from, until }),
            })
            .collect(),
    }
}
