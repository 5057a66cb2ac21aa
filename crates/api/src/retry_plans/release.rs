//! Sends the retry commands of applied plans, at each plan's rate.

use std::time::Duration;

use tracing::{info, warn};

use super::record::{
    ACTIVE_PLANS, JOBS_PER_RECORD, PLANS, PlanRecord, PlannedJob, read, read_jobs,
};
use jobs::id::Timestamp;
use jobs::pipeline::Pipelines;
use jobs::ports::{
    Clock, DelayedMessage, KeyValueStore, RetryCommand, RetryCommandQueue, Unavailable,
};
use jobs::reconcile::lookahead;

const MAX_ACTIVE_PLANS: u16 = 20;
/// A plan that is active but not applied for this long never will be: the function that applied it died.
const UNAPPLIED_TIMEOUT: Duration = Duration::from_secs(3600);

/// Sends the retry commands that are due soon, for all active plans, and returns how many it sent.
///
/// # Errors
/// If a dependency does not answer. The next run continues; a job whose command is sent twice is started once.
pub async fn release<P>(
    ports: &P,
    pipelines: &Pipelines,
    until: Timestamp,
) -> Result<u64, Unavailable>
where
    P: KeyValueStore + RetryCommandQueue + Clock,
{
    let mut released = 0;
    let mut failed = None;
    for (id, _) in ports
        .list_descending(ACTIVE_PLANS, None, MAX_ACTIVE_PLANS)
        .await?
    {
        if ports.now() >= until {
            break;
        }
        // A plan that cannot be read or released must not hold up the others.
        match release_plan(ports, pipelines, &id).await {
            Ok(number) => released += number,
            Err(error) => {
                warn!(plan = id, error = %error, "a retry plan was not released");
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(released), Err)
}

pub(super) async fn release_plan<P>(
    ports: &P,
    pipelines: &Pipelines,
    id: &str,
) -> Result<u64, Unavailable>
where
    P: KeyValueStore + RetryCommandQueue + Clock,
{
    let Some((mut plan, revision)) = read(ports, id).await? else {
        ports.delete(ACTIVE_PLANS, id).await?;
        return Ok(0);
    };
    if plan.stopped_at.is_some() {
        ports.delete(ACTIVE_PLANS, id).await?;
        return Ok(0);
    }
    let now = ports.now();
    let Some(applied_at) = plan.applied_at else {
        if now.since(plan.created_at) > UNAPPLIED_TIMEOUT {
            ports.delete(ACTIVE_PLANS, id).await?;
        }
        return Ok(0);
    };
    let first = plan.released;
    let commands = due_commands(ports, pipelines, &plan, applied_at, now).await?;
    let failed = ports.send_commands(&commands).await;
    // Only up to the first that the queue did not take, so that the next run sends that one again.
    let sent = failed.first().unwrap_or(commands.len());
    plan.released = first + u32::try_from(sent).unwrap_or(0);
    if plan.released > first && !ports.put(PLANS, id, &plan.to_record(revision + 1)).await? {
        info!(plan = id, "another run is releasing this retry plan");
        return Ok(0);
    }
    if plan.released >= plan.jobs {
        ports.delete(ACTIVE_PLANS, id).await?;
    }
    Ok(u64::from(plan.released - first))
}

/// The commands that are due before the reconciler's next run has ended.
async fn due_commands<P: KeyValueStore>(
    ports: &P,
    pipelines: &Pipelines,
    plan: &PlanRecord,
    applied_at: Timestamp,
    now: Timestamp,
) -> Result<Vec<DelayedMessage<RetryCommand>>, Unavailable> {
    let horizon = now.plus(lookahead(pipelines.reconcile_interval()));
    let indexes =
        (plan.released..plan.jobs).take_while(|index| plan.due_at(applied_at, *index) <= horizon);
    let mut commands = Vec::new();
    let mut loaded: Option<(usize, Vec<PlannedJob>)> = None;
    for index in indexes {
        let position = usize::try_from(index).unwrap_or(0);
        let number = position / JOBS_PER_RECORD;
        let planned = match &loaded {
            Some((known, planned)) if *known == number => planned,
            Some(_) | None => {
                let planned = read_jobs(ports, &plan.id, number).await?;
                &loaded.insert((number, planned)).1
            }
        };
        let Some(planned) = planned.get(position % JOBS_PER_RECORD) else {
            return Err(Unavailable {
                what: "the retry plan",
                source: format!("jobs of plan {} are missing", plan.id).into(),
            });
        };
        let delay = plan.due_at(applied_at, index).since(now).as_secs();
        let actor = plan.applied_by.as_ref().unwrap_or(&plan.actor);
        commands.push(DelayedMessage {
            message: RetryCommand {
                job: planned.job,
                expected_version: planned.version,
                actor: actor.clone(),
                reason: plan.job_reason(),
                force: plan.force,
                run_again: plan.run_again,
                cancel: plan.cancel,
                plan: Some(plan.id.clone()),
            },
            delay_seconds: u32::try_from(delay).unwrap_or(0),
        });
    }
    Ok(commands)
}
