//! When open jobs will be ready: the estimates of [`jobs::ready_by`] in the views of the API.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jobs::id::{JobId, Timestamp};
use jobs::job::Job;
use jobs::pause::Pauses;
use jobs::ports::{Clock, JobIndex, KeyValueStore, Unavailable};
use jobs::ready_by::{
    Basis, Estimate, NoEstimate, QueueSnapshot, QueuedEstimate, estimate, estimate_turn, load,
};
use jobs::release_window::{TurnLimits, next_released};
use jobs::state::StatusGroup;
use jobs::view::{JobView, ReadyByView};

use crate::explain::is_stalled;

/// Adds to the view of each open job when it will be ready. Reads one record per pipeline of these jobs, and if some of them wait
/// for their turn, the pauses and the heads of the queues. If something cannot be read, its jobs have no estimate: a list must
/// not fail for it.
pub(crate) async fn add_estimates<P: JobIndex + KeyValueStore + Clock>(
    ports: &P,
    jobs: &[Job],
    views: &mut [JobView],
) {
    let is_open = |job: &&Job| job.state.status_group() == StatusGroup::Open;
    let mut pipelines: BTreeMap<&str, KnownPipeline> = jobs
        .iter()
        .filter(is_open)
        .map(|job| (job.pipeline.as_str(), KnownPipeline::default()))
        .collect();
    let reads = pipelines.iter_mut().map(async |(pipeline, known)| {
        known.snapshot = load(ports, pipeline).await.unwrap_or_else(|error| {
            tracing::warn!(error = %error, pipeline, "a queue's snapshot was not read");
            None
        });
    });
    join_all(reads).await;
    let pauses = add_turns(ports, jobs, &mut pipelines).await;
    let pauses = pauses.unwrap_or_else(|error| {
        tracing::warn!(error = %error, "the turns of queued jobs were not read");
        Pauses::default()
    });
    let now = ports.now();
    let unknown = KnownPipeline::default();
    for (job, view) in jobs.iter().zip(views) {
        let known = pipelines.get(job.pipeline.as_str()).unwrap_or(&unknown);
        view.ready_by = ready_by(job, known, &pauses, now);
    }
}

/// What is known of a pipeline's queue.
#[derive(Debug, Default)]
struct KnownPipeline {
    snapshot: Option<QueueSnapshot>,
    turns: Option<KnownTurns>,
}

/// The turns of the queued jobs that nothing holds but those before them.
#[derive(Debug)]
struct KnownTurns {
    next_released: Vec<JobId>,
    /// Attempts that may be at the endpoint at once.
    places: u32,
}

impl KnownPipeline {
    /// Of a job that waits for its turn; `None` if it does not, or if its turn is not known.
    fn estimate_turn(&self, job: &Job, now: Timestamp) -> Option<QueuedEstimate> {
        let turns = self.turns.as_ref()?;
        let before = turns.next_released.iter().position(|id| *id == job.id)?;
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        estimate_turn(before, turns.places, self.snapshot.as_ref(), now).ok()
    }
}

/// Reads whose turn it is in the pipelines of which some of the jobs are queued. Returns what is paused.
async fn add_turns<P: JobIndex + KeyValueStore + Clock>(
    ports: &P,
    jobs: &[Job],
    pipelines: &mut BTreeMap<&str, KnownPipeline>,
) -> Result<Pauses, Unavailable> {
    let is_queued = |job: &&Job| job.queued_at().is_some();
    let queued: Vec<&Job> = jobs.iter().filter(is_queued).collect();
    if queued.is_empty() {
        return Ok(Pauses::default());
    }
    let pauses = Pauses::load(ports, ports.now()).await?;
    for (name, known) in pipelines {
        if queued.iter().any(|job| job.pipeline == *name) {
            known.turns = turns(ports, name, &pauses).await?;
        }
    }
    Ok(pauses)
}

async fn turns<P: JobIndex + KeyValueStore>(
    ports: &P,
    pipeline: &str,
    pauses: &Pauses,
) -> Result<Option<KnownTurns>, Unavailable> {
    let Some(known) = pauses.window(pipeline) else {
        return Ok(None);
    };
    if pauses.open_breaker(pipeline).is_some() {
        return Ok(None);
    }
    let next = next_released(ports, pipeline, pauses, TurnLimits::SHOWN).await?;
    Ok(next.map(|next_released| KnownTurns {
        next_released,
        places: known.window.attempts,
    }))
}

/// When the first of these jobs of a pipeline is sent to the endpoint, if their turns are known.
///
/// # Errors
/// If a dependency does not answer.
pub(crate) async fn next_release<P: JobIndex + KeyValueStore + Clock>(
    ports: &P,
    pipeline: &str,
    jobs: &[JobId],
    pauses: &Pauses,
) -> Result<Option<Timestamp>, Unavailable> {
    let Some(turns) = turns(ports, pipeline, pauses).await? else {
        return Ok(None);
    };
    let first = turns.next_released.iter().position(|id| jobs.contains(id));
    let Some(first) = first.and_then(|at| u32::try_from(at).ok()) else {
        return Ok(None);
    };
    let snapshot = load(ports, pipeline).await?;
    let found = estimate_turn(first, turns.places, snapshot.as_ref(), ports.now());
    Ok(found.ok().map(|found| found.released))
}

/// `None` if the job is final.
fn ready_by(
    job: &Job,
    known: &KnownPipeline,
    pauses: &Pauses,
    now: Timestamp,
) -> Option<ReadyByView> {
    let unknown = |explanation: &str| {
        Some(ReadyByView {
            explanation: explanation.to_owned(),
            ..ReadyByView::default()
        })
    };
    if is_stalled(&job.state, now) {
        return unknown("The job's check is overdue, so nothing can be said.");
    }
    if job.queued_at().is_some()
        && let Some(pause) = pauses.holding(&job.pipeline, &job.tenant)
    {
        return Some(ReadyByView {
            earliest: Some(pause.details.until.0),
            explanation: "A pause holds it; then it waits for its turn.".to_owned(),
            ..ReadyByView::default()
        });
    }
    if let Some(found) = known.estimate_turn(job, now) {
        let explanation = "From its turn among those that wait, and the instances.";
        return Some(view(&found.ready, explanation));
    }
    let found = match estimate(job, known.snapshot.as_ref(), now) {
        Ok(found) => found,
        Err(NoEstimate::Final) => return None,
        Err(NoEstimate::Queued) => {
            return unknown(
                "It has not been sent to the model yet: it waits for its turn, or for a pause to end.",
            );
        }
        Err(NoEstimate::EndpointDown) => {
            return unknown(
                "Its model does not work at the moment; it is sent as soon as it does.",
            );
        }
        Err(NoEstimate::NotCounted) => {
            return unknown("The waiting jobs have not been counted yet.");
        }
        Err(NoEstimate::Late) => {
            return unknown("It takes longer than expected; the service checks for its result.");
        }
    };
    let explanation = match found.basis {
        Basis::Measured => "From its place in the queue and the instances.",
        Basis::AssumedDurations => {
            "From its place in the queue and the instances; too few runs or cold starts were measured, so typical \
             durations are used."
        }
        Basis::InferredInstances => {
            "From its place in the queue and how fast jobs ended lately; the instances are not known."
        }
        Basis::NextCheck => {
            "It should have ended by now; the service looks for its result at its next check."
        }
    };
    Some(view(&found, explanation))
}

fn view(found: &Estimate, explanation: &str) -> ReadyByView {
    ReadyByView {
        about: Some(found.about.0),
        earliest: Some(found.earliest.0),
        latest: Some(found.latest.0),
        explanation: explanation.to_owned(),
    }
}
