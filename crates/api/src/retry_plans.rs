//! Retry plans: failed jobs that are run again together.
//!
//! A plan is made first and shows what it would do; applying it releases its jobs at a rate. The jobs and their versions
//! are frozen when it is made, so that whoever applies it gets what was shown, and a job that has moved on is left alone.
//! Releasing is sending orders through the queue of wake-ups: the API sends the first ones, the reconciler the rest.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::job_list::{Source, look_through};
use super::summary::by;
use super::{ApiError, Principal, audit};
use crate::ports::{JobList, TimeRange};
use crate::types::{Count, NewPlan, PlanFilter, PlanOutcome, PlanView, Plans};
use jobs::commands::{MAX_REASON, POISON, equal_failures, may_be_resubmitted};
use jobs::id::{JobId, Tenant, Timestamp};
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore, Record, RetryCommand, RetryCommandQueue, Unavailable};
use jobs::state::State;

/// The most failed jobs that are looked at for one plan.
const MOST_ROWS: usize = 2_000;
/// How many jobs one document holds, and one request reads.
const CHUNK: usize = 100;
/// How many jobs are started in a minute if it is not said, and at most.
const PER_MINUTE: (u16, u16) = (20, 600);
/// How far ahead orders are sent, in milliseconds: until the reconciler's next run is over. Their delays spread them.
const AHEAD_MS: u64 = 7 * 60_000;
/// How long plans are kept, in milliseconds.
const KEEP_MS: u64 = 90 * 86_400_000;
/// How many plans a list shows.
const LISTED: u16 = 50;
/// The most plans that are released at a time.
const ACTIVE: u16 = 20;

/// How long an order may take from its time on: its message may be throttled and come back a few times.
const REFUSED_AFTER: Duration = Duration::from_secs(30 * 60);
/// How long a plan that was never applied may bear the sign of one that is: whoever began to apply it died.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

const PLANS: &str = "plan";
const ACTIVE_PLANS: &str = "plan-active";

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Plan {
    id: String,
    created_at: Timestamp,
    applied_at: Option<Timestamp>,
    actor: String,
    /// Who applied it: the jobs' histories name this person.
    applied_by: Option<String>,
    reason: String,
    filter: PlanFilter,
    per_minute: u16,
    force: bool,
    jobs: u32,
    by_cause: Vec<Count>,
    by_pipeline: Vec<Count>,
    poisoned: u32,
    truncated: bool,
    gpu_minutes: u32,
    released: u32,
}

impl Plan {
    fn view(&self) -> PlanView {
        let status = match self.applied_at {
            None => "planned",
            Some(_) if self.released < self.jobs => "releasing",
            Some(_) => "released",
        };
        PlanView {
            id: self.id.clone(),
            status: status.to_owned(),
            created_at: self.created_at.0,
            applied_at: self.applied_at.map(|at| at.0),
            actor: self.actor.clone(),
            reason: self.reason.clone(),
            filter: self.filter.clone(),
            per_minute: self.per_minute,
            jobs: self.jobs,
            by_cause: self.by_cause.clone(),
            by_pipeline: self.by_pipeline.clone(),
            poisoned: self.poisoned,
            truncated: self.truncated,
            gpu_minutes: self.gpu_minutes,
            released: self.released,
            outcome: None,
        }
    }

    fn document(&self, revision: u64) -> Record {
        Record {
            text: serde_json::to_string(self).unwrap_or_default(),
            revision,
            expires_at: Some(Timestamp(self.created_at.0 + KEEP_MS)),
        }
    }

    /// When a job is due, by its place in the plan.
    fn due(&self, applied_at: Timestamp, place: u32) -> Timestamp {
        let minute = 60_000 / u64::from(self.per_minute.max(1));
        Timestamp(applied_at.0 + u64::from(place) * minute)
    }

    /// What a job's history says: with the plan's id, by which its progress is told.
    fn reason(&self) -> String {
        format!("{} [{}]", self.reason, self.id)
    }
}

/// A job of a plan, and the version that was failed when the plan was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frozen {
    job: JobId,
    version: u64,
}

fn chunk_folder(plan: &str) -> String {
    format!("plan#{plan}")
}

fn thaw(text: &str) -> Vec<Frozen> {
    let frozen = |line: &str| {
        let (job, version) = line.split_once(' ')?;
        Some(Frozen {
            job: job.parse().ok()?,
            version: version.parse().ok()?,
        })
    };
    text.lines().filter_map(frozen).collect()
}

async fn chunk<P: KeyValueStore>(
    ports: &P,
    plan: &str,
    number: usize,
) -> Result<Vec<Frozen>, Unavailable> {
    let found = ports
        .read(&chunk_folder(plan), &format!("{number:04}"))
        .await?;
    Ok(found.map_or_else(Vec::new, |document| thaw(&document.text)))
}

async fn read<P: KeyValueStore>(ports: &P, id: &str) -> Result<Option<(Plan, u64)>, Unavailable> {
    let Some(document) = ports.read(PLANS, id).await? else {
        return Ok(None);
    };
    let plan = serde_json::from_str(&document.text).map_err(|error| Unavailable {
        what: "the plan",
        source: error.into(),
    })?;
    Ok(Some((plan, document.revision)))
}

/// Makes a plan of the failed jobs that a filter asks for. Starts none.
///
/// # Errors
/// For all but support, and if the filter makes no sense.
pub async fn create<P>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    asked: &NewPlan,
) -> Result<PlanView, ApiError>
where
    P: JobList + KeyValueStore + Clock,
{
    principal.must_be_support()?;
    let (usual, most) = PER_MINUTE;
    let per_minute = asked.per_minute.unwrap_or(usual);
    if !(1..=most).contains(&per_minute) {
        return Err(ApiError::BadRequest(format!("per_minute is 1 to {most}")));
    }
    if asked.reason.trim().chars().count() > MAX_REASON - 100 {
        return Err(ApiError::BadRequest(format!(
            "give a reason of at most {} characters",
            MAX_REASON - 100
        )));
    }
    let filter = &asked.filter;
    if filter.since.unwrap_or(0) >= filter.until.unwrap_or(u64::MAX) {
        return Err(ApiError::BadRequest(
            "the filter's since must be before its until".to_owned(),
        ));
    }
    let tenant = filter.tenant.as_deref();
    let tenant: Option<Tenant> = tenant
        .map(|name| principal.tenant(Some(name)))
        .transpose()?;
    let now = ports.now();
    let id = format!("p{:012x}{:04x}", now.0, ports.random() & 0xffff);
    let of = (tenant.as_ref(), filter.pipeline.as_deref());
    let line = audit::begin(ports, pipelines, principal, "plan", &id, of, &asked.reason).await?;

    let span = TimeRange {
        // A tenant's list is ordered by when jobs were made, which is before they failed.
        from: Timestamp(filter.since.filter(|_| tenant.is_none()).unwrap_or(0)),
        to: filter.until.map_or(TimeRange::ALL.to, Timestamp),
    };
    let source = Source::failed(tenant.as_ref(), span);
    let wanted = |job: &Job| fits(job, filter);
    let found = look_through(ports, &source, None, usize::MAX, MOST_ROWS, wanted).await?;
    let (jobs, poisoned): (Vec<Job>, Vec<Job>) = found
        .jobs
        .into_iter()
        .partition(|job| asked.force || equal_failures(job) < POISON);
    let run_seconds: u64 = jobs
        .iter()
        .filter_map(|job| pipelines.get(&job.pipeline))
        .map(|pipeline| u64::from(pipeline.typical_run_seconds))
        .sum();
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let plan = Plan {
        id,
        created_at: now,
        applied_at: None,
        actor: principal.actor.clone(),
        applied_by: None,
        reason: asked.reason.trim().to_owned(),
        filter: filter.clone(),
        per_minute,
        force: asked.force,
        jobs: number(jobs.len()),
        by_cause: by(&jobs, |job| cause(job).to_owned()),
        by_pipeline: by(&jobs, |job| job.pipeline.clone()),
        poisoned: number(poisoned.len()),
        truncated: found.next.is_some(),
        gpu_minutes: u32::try_from(run_seconds.div_ceil(60)).unwrap_or(u32::MAX),
        released: 0,
    };
    for (number, chunk) in jobs.chunks(CHUNK).enumerate() {
        let lines: Vec<String> = chunk
            .iter()
            .map(|job| format!("{} {}", job.id, job.version))
            .collect();
        let document = Record {
            text: lines.join("\n"),
            ..plan.document(1)
        };
        let folder = chunk_folder(&plan.id);
        ports
            .write(&folder, &format!("{number:04}"), &document)
            .await?;
    }
    ports.write(PLANS, &plan.id, &plan.document(1)).await?;
    line.end(ports, format!("{} jobs", plan.jobs)).await;
    Ok(plan.view())
}

fn cause(job: &Job) -> &'static str {
    job.failure().map_or("", |failure| failure.cause.name())
}

fn fits(job: &Job, filter: &PlanFilter) -> bool {
    let is = |asked: &Option<String>, has: &str| asked.as_deref().is_none_or(|asked| asked == has);
    may_be_resubmitted(job)
        && is(&filter.pipeline, &job.pipeline)
        && is(&filter.cause, cause(job))
        && filter.since.is_none_or(|since| job.updated_at.0 >= since)
        && filter.until.is_none_or(|until| job.updated_at.0 < until)
}

/// The newest plans.
///
/// # Errors
/// For all but support.
pub async fn list<P: KeyValueStore>(ports: &P, principal: &Principal) -> Result<Plans, ApiError> {
    principal.must_be_support()?;
    let found = ports.last(PLANS, None, LISTED).await?;
    let plans = found
        .iter()
        .filter_map(|(_, document)| serde_json::from_str::<Plan>(&document.text).ok());
    Ok(Plans {
        plans: plans.map(|plan| plan.view()).collect(),
    })
}

async fn known<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<(Plan, u64), ApiError> {
    principal.must_be_support()?;
    let found = read(ports, id).await?;
    found.ok_or_else(|| {
        let id: String = id.chars().take(80).collect();
        ApiError::NotFound(format!("there is no plan {id:?}"))
    })
}

/// A plan, and what became of its jobs.
///
/// # Errors
/// For all but support, and if there is no such plan.
pub async fn show<P: KeyValueStore + JobList + Clock>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<PlanView, ApiError> {
    let (plan, _) = known(ports, principal, id).await?;
    let mut view = plan.view();
    if plan.applied_at.is_some() {
        view.outcome = Some(outcome(ports, &plan).await?);
    }
    Ok(view)
}

async fn outcome<P: KeyValueStore + JobList + Clock>(
    ports: &P,
    plan: &Plan,
) -> Result<PlanOutcome, ApiError> {
    let mut outcome = PlanOutcome::default();
    let jobs = usize::try_from(plan.jobs).unwrap_or(0);
    let mark = format!("[{}]", plan.id);
    let now = ports.now();
    // What was handed on and due this long ago, and is as it was, will not be started: it was refused.
    let is_over = |place: u32| {
        let due = plan.due(plan.applied_at.unwrap_or(now), place);
        place < plan.released && now.since(due) > REFUSED_AFTER
    };
    let mut places = 0_u32..;
    for number in 0..jobs.div_ceil(CHUNK) {
        let frozen = chunk(ports, &plan.id, number).await?;
        let ids: Vec<JobId> = frozen.iter().map(|frozen| frozen.job).collect();
        let rows = ports.rows(&ids).await?;
        for (frozen, place) in frozen.into_iter().zip(places.by_ref()) {
            let row = rows.iter().find(|row| row.id == frozen.job);
            let started = row.is_some_and(|row| {
                let reasons = row.history.iter().filter_map(|entry| entry.reason.as_ref());
                reasons.into_iter().any(|reason| reason.ends_with(&mark))
            });
            let kind = match row {
                Some(row) if started => match row.state {
                    State::Ready { .. } => &mut outcome.ready,
                    State::Failed { .. } | State::Cancelled { .. } => &mut outcome.failed,
                    State::Submitting { .. }
                    | State::InProgress { .. }
                    | State::RetryScheduled { .. } => &mut outcome.open,
                },
                // Its result had come after all: no run was needed.
                Some(row) if matches!(row.state, State::Ready { .. }) => &mut outcome.ready,
                Some(row) if row.version == frozen.version && !is_over(place) => {
                    &mut outcome.waiting
                }
                Some(_) | None => &mut outcome.skipped,
            };
            *kind += 1;
        }
    }
    Ok(outcome)
}

/// Begins to release a plan's jobs. Doing it again changes nothing.
///
/// # Errors
/// For all but support, and if there is no such plan.
pub async fn apply<P>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    id: &str,
) -> Result<PlanView, ApiError>
where
    P: KeyValueStore + JobList + RetryCommandQueue + Clock,
{
    let (mut plan, revision) = known(ports, principal, id).await?;
    if plan.applied_at.is_none() {
        let of = (None, plan.filter.pipeline.as_deref());
        let reason = plan.reason.clone();
        let line = audit::begin(ports, pipelines, principal, "apply-plan", id, of, &reason).await?;
        plan.applied_at = Some(ports.now());
        plan.applied_by = Some(principal.actor.clone());
        // The sign first: a plan that was never applied and bears it is passed over.
        let sign = Record {
            text: String::new(),
            ..plan.document(1)
        };
        ports.write(ACTIVE_PLANS, id, &sign).await?;
        if !ports.write(PLANS, id, &plan.document(revision + 1)).await? {
            line.end(ports, "somebody else had just applied it").await;
            return show(ports, principal, id).await;
        }
        line.end(
            ports,
            format!("{} jobs, {} a minute", plan.jobs, plan.per_minute),
        )
        .await;
        // What is not sent now, the reconciler sends.
        if let Err(error) = release_plan(ports, id).await {
            warn!(plan = id, error = %error, "the plan's first jobs were not released");
        }
    }
    show(ports, principal, id).await
}

/// Sends the orders that are due soon, of all plans that are applied. Answers how many.
///
/// # Errors
/// If something does not answer. The next run goes on; a job that is ordered twice is started once.
pub async fn release<P>(ports: &P, until: Timestamp) -> Result<u64, Unavailable>
where
    P: KeyValueStore + RetryCommandQueue + Clock,
{
    let mut released = 0;
    let mut failed = None;
    for (id, _) in ports.last(ACTIVE_PLANS, None, ACTIVE).await? {
        if ports.now() >= until {
            break;
        }
        // One that cannot be read or released must not hold up the others.
        match release_plan(ports, &id).await {
            Ok(number) => released += number,
            Err(error) => {
                warn!(plan = id, error = %error, "a retry plan was not released");
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(released), Err)
}

async fn release_plan<P>(ports: &P, id: &str) -> Result<u64, Unavailable>
where
    P: KeyValueStore + RetryCommandQueue + Clock,
{
    let Some((mut plan, revision)) = read(ports, id).await? else {
        ports.remove(ACTIVE_PLANS, id).await?;
        return Ok(0);
    };
    let now = ports.now();
    let Some(applied_at) = plan.applied_at else {
        if now.since(plan.created_at) > FORGOTTEN_AFTER {
            ports.remove(ACTIVE_PLANS, id).await?;
        }
        return Ok(0);
    };
    let first = plan.released;
    let is_due = |place: &u32| plan.due(applied_at, *place).0 <= now.0 + AHEAD_MS;
    let places: Vec<u32> = (first..plan.jobs).take_while(is_due).collect();
    let mut orders = Vec::with_capacity(places.len());
    let mut at_hand: Option<(usize, Vec<Frozen>)> = None;
    for place in &places {
        let index = usize::try_from(*place).unwrap_or(0);
        let number = index / CHUNK;
        let frozen = match &at_hand {
            Some((known, frozen)) if *known == number => frozen,
            Some(_) | None => {
                let read = chunk(ports, id, number).await?;
                &at_hand.insert((number, read)).1
            }
        };
        let Some(frozen) = frozen.get(index % CHUNK) else {
            return Err(Unavailable {
                what: "the plan",
                source: format!("a part of plan {id} is missing").into(),
            });
        };
        let delay = plan.due(applied_at, *place).since(now).as_secs();
        orders.push((
            RetryCommand {
                job: frozen.job,
                seen: frozen.version,
                actor: plan
                    .applied_by
                    .clone()
                    .unwrap_or_else(|| plan.actor.clone()),
                reason: plan.reason(),
                force: plan.force,
            },
            u32::try_from(delay).unwrap_or(0),
        ));
    }
    let failed = ports.send_commands(&orders).await;
    // In their order, so that what was not taken is sent again next time.
    let taken = failed.first().unwrap_or(places.len());
    plan.released = first + u32::try_from(taken).unwrap_or(0);
    if plan.released > first && !ports.write(PLANS, id, &plan.document(revision + 1)).await? {
        info!(
            plan = id,
            "another run releases the plan; this one leaves it to that"
        );
        return Ok(0);
    }
    if plan.released >= plan.jobs {
        ports.remove(ACTIVE_PLANS, id).await?;
    }
    Ok(u64::from(plan.released - first))
}
