//! Whether the document or the endpoint caused a failure.

use std::collections::BTreeSet;

use tracing::{error, info, warn};

use super::evidence::{QUICK_SEARCH, THOROUGH_SEARCH, readable, result_at, worked_since};
use super::{Breaker, FailureKind, MAX_CONFLICTS, OpenBreaker, RecentFailure};
use crate::container_error::NO_READABLE_REASON;
use crate::id::{Attempt, JobId, Timestamp};
use crate::job::Job;
use crate::pause::{self, COLLECTION, KEY, Pauses};
use crate::pipeline::{Pipeline, RepeatedFailures};
use crate::ports::{Clock, JobStore, KeyValueStore, RecentJobs, Unavailable};
use crate::random::fnv_1a;
use crate::state::{Cause, Failure};

/// Where the detail of a failure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DetailSource {
    /// The model's error message, from the failure object.
    Model,
    /// SageMaker's general sentence, or none.
    General,
}

impl DetailSource {
    /// Of a failure that was read from the failure object.
    pub fn of(failure: &Failure) -> Self {
        if failure.detail.is_empty() || failure.detail == NO_READABLE_REASON {
            Self::General
        } else {
            Self::Model
        }
    }
}

/// An attempt that ran and failed.
#[derive(Clone, Debug)]
pub struct FailedAttempt {
    pub attempt: Attempt,
    pub failure: Failure,
    pub detail_source: DetailSource,
    /// Without a judgement the job would end now.
    pub ends_job: bool,
}

/// The failure of an attempt that ran, with the cause that the failures of other documents suggest.
///
/// # Errors
/// If the store does not answer.
pub async fn judge_failure<P>(
    ports: &P,
    pipeline: Option<&Pipeline>,
    job: &Job,
    failed: FailedAttempt,
) -> Result<Failure, Unavailable>
where
    P: JobStore + KeyValueStore + RecentJobs + Clock,
{
    let counts = match failed.failure.cause {
        Cause::ModelError | Cause::TimedOut | Cause::Unknown => true,
        Cause::InvalidInput
        | Cause::Superseded
        | Cause::ModelRejected
        | Cause::Expired
        | Cause::Lost
        | Cause::PipelineGone
        | Cause::Refused
        | Cause::Unprocessable
        | Cause::EndpointDown => false,
    };
    let Some(pipeline) =
        pipeline.filter(|it| counts && (has_breaker(it) || may_be_unprocessable(it)))
    else {
        return Ok(failed.failure);
    };
    let detail_hash = match failed.detail_source {
        DetailSource::Model => hash(&failed.failure.detail),
        DetailSource::General => 0,
    };
    let new = RecentFailure {
        at: ports.now(),
        job: job.id,
        attempt: failed.attempt,
        kind: FailureKind::FailedRun,
        detail_hash,
    };
    let verdict = match judge(ports, pipeline, job, new, &failed).await {
        // It ends in any case. Its message must not come back until the rows of others can be read.
        Err(error) if is_at_its_end(job, new.at) => {
            warn!(job.id = %job.id, error = %error, "the last failure of a job was not counted");
            Verdict::Unknown
        }
        judged => judged?,
    };
    Ok(match verdict {
        Verdict::Endpoint => Failure {
            cause: Cause::EndpointDown,
            ..failed.failure
        },
        Verdict::Document if failed.failure.cause == Cause::TimedOut => Failure::new(
            Cause::Unprocessable,
            format!(
                "two runs of {} s, the time limit, without an answer",
                pipeline.invocation_timeout_seconds
            ),
        ),
        Verdict::Document => Failure {
            cause: Cause::Unprocessable,
            ..failed.failure
        },
        Verdict::Unknown => failed.failure,
    })
}

/// The failure of a call that the endpoint refused.
///
/// # Errors
/// If the store does not answer.
pub async fn judge_refusal<P>(
    ports: &P,
    pipeline: &Pipeline,
    job: &Job,
    why: String,
) -> Result<Failure, Unavailable>
where
    P: JobStore + KeyValueStore + RecentJobs + Clock,
{
    let attempt = job.state.attempt();
    let refused = FailedAttempt {
        attempt,
        failure: Failure::new(Cause::Refused, why),
        detail_source: DetailSource::General,
        ends_job: false,
    };
    if !has_breaker(pipeline) {
        return Ok(refused.failure);
    }
    let new = RecentFailure {
        at: ports.now(),
        job: job.id,
        attempt,
        kind: FailureKind::RefusedCall,
        detail_hash: 0,
    };
    Ok(match judge(ports, pipeline, job, new, &refused).await? {
        Verdict::Endpoint => Failure::new(Cause::EndpointDown, refused.failure.detail),
        Verdict::Document | Verdict::Unknown => refused.failure,
    })
}

/// What caused a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The breaker is open now: by this failure, or before it.
    Endpoint,
    Document,
    /// The job is tried again as its pipeline says.
    Unknown,
}

const fn has_breaker(pipeline: &Pipeline) -> bool {
    pipeline.breaker.failures > 0
}

fn may_be_unprocessable(pipeline: &Pipeline) -> bool {
    pipeline.repeated_failures == RepeatedFailures::Permanent
}

/// Whether no further attempt can end by the job's deadline.
fn is_at_its_end(job: &Job, now: Timestamp) -> bool {
    let budget = job.state.budget();
    budget.is_some_and(|budget| now > job.policy.start_by(*budget))
}

/// A hash that is never 0. Two texts with the same hash only make the service more careful.
fn hash(text: &str) -> u32 {
    fnv_1a(text) | 1
}

/// Remembers a failure, and judges it.
async fn judge<P>(
    ports: &P,
    pipeline: &Pipeline,
    job: &Job,
    new: RecentFailure,
    failed: &FailedAttempt,
) -> Result<Verdict, Unavailable>
where
    P: JobStore + KeyValueStore + RecentJobs + Clock,
{
    for _ in 0..MAX_CONFLICTS {
        let now = ports.now();
        let (all, revision) = pause::read(ports, now).await?;
        let known = all.breaker(&pipeline.name).cloned();
        let mut breaker = known.unwrap_or_else(|| Breaker::new(pipeline.name.clone()));
        let mut verdict = Verdict::Unknown;
        let open = breaker.open.as_mut().filter(|_| has_breaker(pipeline));
        if let Some(open) = open {
            // The failure of a run that began before says nothing new.
            if open.probe != Some(job.id) {
                return Ok(Verdict::Endpoint);
            }
            open.probe = None;
            open.probe_at = open.next_probe_at(pipeline, now);
            verdict = Verdict::Endpoint;
            info!(pipeline = pipeline.name, job.id = %job.id, next_probe_at = open.probe_at.0, "the probe failed");
        } else {
            breaker.remember(new);
            if is_of_document(ports, pipeline, job, &breaker, &new, failed).await? {
                verdict = Verdict::Document;
            } else if let Some(since) = breaker.first_in_a_row(new.kind, pipeline, failed.ends_job)
            {
                match worked_since(ports, job, new.kind, since, THOROUGH_SEARCH).await? {
                    Some(worked_at) => breaker.counted_since = worked_at,
                    None => {
                        let counted_since = breaker.counted_since;
                        breaker.failures.retain(|known| known.at > counted_since);
                        let open = opened(&breaker, pipeline, &new, failed, now);
                        breaker.open = Some(open);
                        verdict = Verdict::Endpoint;
                    }
                }
            }
        }
        if put(ports, all, revision, breaker, now).await? {
            return Ok(verdict);
        }
    }
    warn!(pipeline = pipeline.name, job.id = %job.id, "a failure was not counted, others changed the record at the same moment");
    Ok(Verdict::Unknown)
}

/// Whether the document is the cause: the model failed on it twice in the same way, and others succeeded in between.
///
/// A message that the model also gave for another document says nothing about this one, unless that one is unprocessable as
/// well. Two runs at the full time limit need no success of others, unless others failed as well: they cost the most.
async fn is_of_document<P>(
    ports: &P,
    pipeline: &Pipeline,
    job: &Job,
    breaker: &Breaker,
    new: &RecentFailure,
    failed: &FailedAttempt,
) -> Result<bool, Unavailable>
where
    P: JobStore + RecentJobs,
{
    if !may_be_unprocessable(pipeline) {
        return Ok(false);
    }
    let Some(before) = same_failure_before(job, failed) else {
        return Ok(false);
    };
    let timed_out = failed.failure.cause == Cause::TimedOut;
    let mut others = breaker.failures.iter().filter(|it| it.job != job.id);
    if !timed_out {
        let same = |other: &&RecentFailure| other.detail_hash == new.detail_hash;
        let said_of: BTreeSet<JobId> = others.clone().filter(same).map(|it| it.job).collect();
        if !are_unprocessable_alike(ports, said_of, &failed.failure.detail).await? {
            return Ok(false);
        }
    }
    if worked_since(ports, job, FailureKind::FailedRun, before, QUICK_SEARCH)
        .await?
        .is_some()
    {
        return Ok(true);
    }
    let failed_since =
        |other: &RecentFailure| other.kind == FailureKind::FailedRun && other.at > before;
    Ok(timed_out && !others.any(failed_since))
}

/// Whether each of these documents is as unprocessable as this one: the model failed on it twice with these words, and it has
/// no result. A document on which it failed once may yet become ready, and then the words are about the model.
async fn are_unprocessable_alike<P: JobStore>(
    ports: &P,
    jobs: BTreeSet<JobId>,
    words: &str,
) -> Result<bool, Unavailable> {
    for id in jobs {
        let Some(other) = readable(ports.load(id).await)?.flatten() else {
            return Ok(false);
        };
        let failures = other.attempts.iter().filter_map(|it| it.failure.as_ref());
        let same = failures.filter(|failure| failure.detail == words).count();
        if same < 2 || result_at(&other).is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// When an earlier attempt failed in the same way, since the upload or the last retry by a user.
fn same_failure_before(job: &Job, failed: &FailedAttempt) -> Option<Timestamp> {
    let submitted_at = job.submitted_at();
    let is_same = |failure: &Failure| {
        failure.cause == failed.failure.cause
            && (failure.cause == Cause::TimedOut
                || failed.detail_source == DetailSource::Model
                    && failure.detail == failed.failure.detail)
    };
    let earlier = job.attempts.iter().filter(|record| {
        record.attempt < failed.attempt
            && record.started_at >= submitted_at
            && record.failure.as_ref().is_some_and(is_same)
    });
    earlier.filter_map(|record| record.closed_at).max()
}

pub(super) async fn put<P: KeyValueStore>(
    ports: &P,
    all: Pauses,
    revision: u64,
    breaker: Breaker,
    now: Timestamp,
) -> Result<bool, Unavailable> {
    let pipeline = breaker.pipeline.clone();
    let record = all.with_breaker(&pipeline, Some(breaker));
    let record = record.to_record(revision, now);
    ports.put(COLLECTION, KEY, &record).await
}

impl Breaker {
    /// The time of the first of the failures in a row, if they are enough to open the breaker.
    ///
    /// Runs of at least two documents must have failed, since one document can be the cause itself. Two failures are enough if
    /// the job would end otherwise: a late result is better than none. A refused call says nothing about its document.
    fn first_in_a_row(
        &self,
        kind: FailureKind,
        pipeline: &Pipeline,
        ends_job: bool,
    ) -> Option<Timestamp> {
        let first = self.in_a_row(kind).next()?;
        let is_of_other = |failure: &RecentFailure| failure.job != first.job;
        let are_several = self.in_a_row(kind).any(is_of_other);
        let are_enough =
            ends_job || self.in_a_row(kind).count() >= usize::from(pipeline.breaker.failures);
        let is_open = has_breaker(pipeline)
            && match kind {
                FailureKind::FailedRun => are_enough && are_several,
                FailureKind::RefusedCall => are_enough,
            };
        is_open.then_some(first.at)
    }
}

/// The reason is read by the customers of the pipeline, and outlives the documents: the model's message about one of them stays in
/// the row of its job.
fn opened(
    breaker: &Breaker,
    pipeline: &Pipeline,
    new: &RecentFailure,
    failed: &FailedAttempt,
    now: Timestamp,
) -> OpenBreaker {
    let count = breaker.in_a_row(new.kind).count();
    let what = match new.kind {
        FailureKind::RefusedCall => format!("the endpoint refused {count} calls in a row"),
        FailureKind::FailedRun => format!("{count} runs failed in a row, of several documents"),
    };
    let detail = failed.failure.detail.as_str();
    let last = match (failed.detail_source, detail) {
        (DetailSource::Model, _) => format!("; the last was job {}", new.job),
        (DetailSource::General, "") => String::new(),
        (DetailSource::General, _) => format!("; the last: {detail}"),
    };
    error!(pipeline = pipeline.name, failures = count, job.id = %new.job, detail, "circuit breaker opened");
    OpenBreaker {
        since: now,
        probe_at: now.plus(pipeline.breaker.probe_interval()),
        probe: None,
        kind: new.kind,
        reason: format!("{what}{last}"),
    }
}
