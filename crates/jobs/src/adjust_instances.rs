//! Carries the decisions of [`crate::capacity`] out: reads the open jobs and the endpoint of each pipeline whose scaling is
//! `docket`, decides, and asks the endpoint for the number of instances.
//!
//! It is level-triggered: a run depends on what it reads, not on what an earlier run did, so runs may be lost, repeated or
//! concurrent. What earlier runs observed (`observations`) only makes a decision more accurate, with two exceptions that
//! are on the safe side: without it instances stay longer, and a run that another one overtook asks for nothing.
//!
//! A number never falls while a job of the pipeline is open, whatever the decision says, except to one instance for jobs
//! presumed lost (`presumed_lost`). It falls only on a complete and fresh reading. A job whose upload arrives
//! between that reading and the endpoint's change can still lose its instance: SageMaker has no conditional change. Then
//! its request waits for the next instance.

mod observations;
mod open_work;
mod presumed_lost;
mod queued_work;

use std::time::Duration;

use tracing::{info, warn};

use crate::capacity::{
    CapacityDecision, CapacityInput, InstanceLimits, Instances, OpenWork, decide, expected_run,
};
use crate::id::Timestamp;
use crate::instance_history::{self, InstanceCounts};
use crate::open_jobs::count_open_jobs;
use crate::pipeline::{Pipeline, Pipelines, Scaling};
use crate::ports::{
    CheckQueue, Clock, EndpointInstances, InstanceControl, InstancesResponse, JobIndex, JobStore,
    KeyValueStore, Unavailable,
};
use crate::ready_by::{self, QueueSnapshot};
use crate::window::Window;
use observations::{StoredObservations, begins_to_wait};
use open_work::{OpenJobsReading, PipelineOpenJobs, read_open_jobs};
use queued_work::QueuedWork;

pub use open_work::{MAX_ENTRIES_PER_SHARD, record_open_jobs};

/// While jobs are queued, the next evaluation comes after this time: their release may have been missed.
const QUEUED_INTERVAL: Duration = Duration::from_secs(10);
/// A number does not fall on an older reading of the open jobs.
pub const MAX_READING_AGE: Duration = Duration::from_secs(5);

/// What was decided for a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineInstances {
    pub pipeline: String,
    pub open: u32,
    pub in_service: u32,
    pub starting: u32,
    /// The number that the endpoint has been asked for, after this run.
    pub desired: u32,
    /// Why, as a sentence for people.
    pub reason: String,
    /// This run asked for another number, and the endpoint accepted it.
    pub changed: bool,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdjustReport {
    pub pipelines: Vec<PipelineInstances>,
    /// A service was unavailable, so not every pipeline was decided.
    pub incomplete: bool,
    /// When to decide again, if a decision says so.
    pub check_again_in: Option<Duration>,
}

/// Decides the number of instances of every pipeline whose scaling is `docket`, and asks for it. Stops at `until`.
pub async fn adjust_instances<P>(ports: &P, pipelines: &Pipelines, until: Timestamp) -> AdjustReport
where
    P: JobIndex + JobStore + KeyValueStore + CheckQueue + InstanceControl + Clock,
{
    let mut report = AdjustReport::default();
    let managed = pipelines.iter().filter(|it| it.scaling == Scaling::Docket);
    let managed: Vec<&Pipeline> = managed.collect();
    if managed.is_empty() {
        return report;
    }
    let reading = match read_open_jobs(ports).await {
        Ok(reading) => reading,
        Err(error) => {
            warn!(error = %error, "the open jobs were not read");
            report.incomplete = true;
            return report;
        }
    };
    for pipeline in managed {
        if ports.now() >= until {
            report.incomplete = true;
            break;
        }
        let run = PipelineRun {
            ports,
            pipelines,
            pipeline,
            reading: &reading,
            until,
        };
        match run.adjust().await {
            Ok(Some((done, again))) => {
                log(&done);
                let earlier = report.check_again_in.into_iter().chain(again).min();
                report.check_again_in = earlier;
                report.pipelines.push(done);
            }
            Ok(None) => {}
            Err(error) => {
                warn!(pipeline = pipeline.name, error = %error, "the number of instances was not decided");
                report.incomplete = true;
            }
        }
    }
    report
}

fn log(done: &PipelineInstances) {
    info!(
        pipeline = done.pipeline,
        open = done.open,
        in_service = done.in_service,
        starting = done.starting,
        desired = done.desired,
        changed = done.changed,
        reason = done.reason,
        "instances decided"
    );
}

struct PipelineRun<'a, P> {
    ports: &'a P,
    pipelines: &'a Pipelines,
    pipeline: &'a Pipeline,
    reading: &'a OpenJobsReading,
    until: Timestamp,
}

impl<P> PipelineRun<'_, P>
where
    P: JobIndex + JobStore + KeyValueStore + CheckQueue + InstanceControl + Clock,
{
    /// `None` if nothing can be decided: there is no endpoint, or its limits do not fit.
    async fn adjust(&self) -> Result<Option<(PipelineInstances, Option<Duration>)>, Unavailable> {
        let name = &self.pipeline.name;
        let endpoint = &self.pipeline.endpoint;
        let Some(found) = self.ports.instances(endpoint).await? else {
            // An environment need not have an endpoint for every pipeline; without open jobs it needs none.
            if self.reading.of(name).open > 0 {
                warn!(
                    pipeline = name,
                    endpoint, "there is no such endpoint, or it has no scalable target"
                );
            }
            return Ok(None);
        };
        let limits = match InstanceLimits::new(found.min, found.max, 0) {
            Ok(limits) => limits,
            Err(error) => {
                warn!(pipeline = name, endpoint, error = %error, "the limits of the endpoint do not fit");
                return Ok(None);
            }
        };
        let mut stored = StoredObservations::read(self.ports, name).await?;
        let jobs = self.reading.of(name);
        let now = self.ports.now();
        let timeout = Duration::from_secs(self.pipeline.invocation_timeout_seconds.into());
        stored
            .observations
            .observe(now, &jobs, &found, limits, timeout);
        let queued = QueuedWork::read(self.ports, name, jobs.jobs).await?;
        let oldest = jobs.oldest.into_iter().chain(queued.times()).min();
        let newest = jobs.newest.into_iter().chain(queued.times()).max();
        self.record_instances(now, &found, &mut stored).await;
        let mut open = OpenWork {
            alive: jobs.open.saturating_add(queued.count()),
            presumed_lost: 0,
            oldest_age: oldest.map(|at| now.since(at)).unwrap_or_default(),
        };
        let known = &stored.observations;
        if jobs.complete
            && queued.count() == 0
            && presumed_lost::are_all_presumed_lost(self.ports, jobs.jobs, known, &found, timeout)
                .await?
        {
            open = OpenWork {
                alive: 0,
                presumed_lost: jobs.open,
                oldest_age: Duration::ZERO,
            };
        }
        let input = CapacityInput {
            open,
            instances: Instances {
                in_service: found.in_service,
                starting: found.starting(),
                concurrent_runs: found.concurrent_runs,
                updating: found.updating,
            },
            limits,
            objective: self.pipeline.objective(),
            runs: known.runs(),
            cold_starts: known.cold_starts(),
            typical_run: Duration::from_secs(self.pipeline.typical_run_seconds.into()),
            since_last_upload: newest.map(|at| now.since(at)),
            since_last_open: known.last_open_at().map(|at| now.since(at)),
        };
        let decision = decide(&input);
        let starting_since = known.starting_since();
        let changed = self.carry_out(&input, &decision, &found, stored).await?;
        self.describe_queue(now, &jobs, &queued, &input, starting_since)
            .await;
        let asked_for = if changed { decision.instances } else { 0 };
        let (run, _) = expected_run(&input);
        let instances = &input.instances;
        let window = Window::new(
            instances.count().max(asked_for),
            instances.in_service,
            instances.concurrent_runs,
            run,
            timeout,
        );
        let at_endpoint = window.count(jobs.jobs, now);
        let updated = queued.update_window(self.ports, name, window, at_endpoint, jobs.complete);
        updated.await?;
        let again = decision.check_again_in.into_iter();
        let again = again
            .chain(queued.has_turn(name).then_some(QUEUED_INTERVAL))
            .min();
        let done = PipelineInstances {
            pipeline: name.clone(),
            open: jobs.open.saturating_add(queued.count()),
            in_service: found.in_service,
            starting: found.starting(),
            desired: if changed {
                decision.instances
            } else {
                found.desired
            },
            reason: decision.reason,
            changed,
        };
        Ok(Some((done, again)))
    }

    /// Adds changed numbers to the history, from which usage is computed. A store that does not answer costs only accuracy: the
    /// next run adds them.
    async fn record_instances(
        &self,
        now: Timestamp,
        found: &EndpointInstances,
        stored: &mut StoredObservations,
    ) {
        let counts = InstanceCounts {
            in_service: found.in_service,
            starting: found.starting(),
            concurrent_runs: found.concurrent_runs,
        };
        if !stored.observations.is_new(counts) {
            return;
        }
        let name = &self.pipeline.name;
        match instance_history::add(self.ports, name, now, counts).await {
            Ok(()) => stored.observations.recorded(counts),
            Err(error) => warn!(pipeline = name, error = %error, "instances were not recorded"),
        }
    }

    /// Stores what estimates of when a job is ready start from ([`ready_by`]). A partial reading gives none: the reconciler then
    /// stores its own. A store that does not answer costs only estimates.
    async fn describe_queue(
        &self,
        now: Timestamp,
        jobs: &PipelineOpenJobs<'_>,
        queued: &QueuedWork,
        input: &CapacityInput,
        starting_since: Option<Timestamp>,
    ) {
        if !jobs.complete || input.open.alive == 0 && jobs.jobs.is_empty() {
            return;
        }
        let name = &self.pipeline.name;
        let sent_at = jobs.jobs.iter().map(begins_to_wait);
        let sent_at = sent_at.chain(queued.times()).collect();
        let stored = async {
            let earlier = ready_by::load(self.ports, name).await?;
            let earlier =
                earlier.filter(|earlier| now.since(earlier.at) <= ready_by::MAX_SNAPSHOT_AGE);
            let snapshot = QueueSnapshot::of_capacity(now, input, sent_at, starting_since);
            ready_by::store(self.ports, name, &snapshot.after(earlier.as_ref())).await
        };
        if let Err(error) = stored.await {
            warn!(pipeline = name, error = %error, "the description of the queue was not stored");
        }
    }

    /// Returns whether the endpoint accepted another number.
    async fn carry_out(
        &self,
        input: &CapacityInput,
        decision: &CapacityDecision,
        found: &EndpointInstances,
        mut stored: StoredObservations,
    ) -> Result<bool, Unavailable> {
        let has = input.instances.count();
        let falls = decision.instances < has;
        let mut read_at = self.reading.read_at;
        let mut asks = decision.instances != has && !found.updating;
        if asks && falls {
            // The limits may demand it: Application Auto Scaling enforces a lowered maximum, not this function.
            asks = input.open.alive == 0;
            if asks && !self.reading.complete {
                // Other pipelines have too many open jobs for a complete reading.
                read_at = self.ports.now();
                let counted = count_open_jobs(self.ports, self.pipelines, self.until).await?;
                let open = counted.and_then(|all| all.get(&self.pipeline.name).map(|it| it.open));
                asks = open == Some(0);
            }
        }
        if asks {
            stored.observations.asked(
                self.ports.now(),
                self.ports.random(),
                decision.instances,
                falls,
            );
        }
        // Under the revision that was read: of two concurrent runs, only one goes on.
        if !stored.write(self.ports, &self.pipeline.name).await? || !asks {
            return Ok(false);
        }
        if falls && self.ports.now().since(read_at) > MAX_READING_AGE {
            info!(
                pipeline = self.pipeline.name,
                "the reading of the open jobs is too old to stop instances"
            );
            return Ok(false);
        }
        let endpoint = &self.pipeline.endpoint;
        let response = self.ports.set_instances(endpoint, decision.instances);
        match response.await? {
            InstancesResponse::Accepted => Ok(true),
            InstancesResponse::Refused(problem) => {
                info!(
                    pipeline = self.pipeline.name,
                    endpoint, problem, "the endpoint refused another number of instances"
                );
                Ok(false)
            }
        }
    }
}
