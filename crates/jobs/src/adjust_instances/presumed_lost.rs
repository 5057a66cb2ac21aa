//! Whether all open jobs of a pipeline are presumed lost: no result or failure of them can be expected.

use std::time::Duration;

use super::observations::Observations;
use crate::capacity::is_presumed_lost;
use crate::id::Timestamp;
use crate::ports::{Clock, EndpointInstances, JobStore, LoadError, OpenJob, Unavailable};
use crate::state::State;

/// With more open jobs than this, no row is read, and all count as alive.
const MAX_LOADED_JOBS: usize = 100;
/// Added to the time limit of a run: for the request's way to an instance, and for its notification.
const MARGIN: Duration = Duration::from_secs(120);

/// Whether no result can be expected of any of these jobs.
///
/// While at least one instance is in service, a run ends within its time limit, and then the next begins. If no job was seen
/// to end, each of these jobs may have run without a notification. So the last of them must have started after as many
/// rounds of the time limit as one instance needs for all of them. Rows are read only after that time, and only up to the
/// first job that is alive.
pub(super) async fn are_all_presumed_lost<P>(
    ports: &P,
    jobs: &[OpenJob],
    observations: &Observations,
    endpoint: &EndpointInstances,
    timeout: Duration,
) -> Result<bool, Unavailable>
where
    P: JobStore + Clock,
{
    let unchanged_since = observations.unchanged_since();
    let (Some(unchanged_since), 1..=MAX_LOADED_JOBS) = (unchanged_since, jobs.len()) else {
        return Ok(false);
    };
    let count = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
    let rounds = count.div_ceil(endpoint.concurrent_runs.max(1));
    let until_started = timeout.saturating_mul(rounds);
    let is_past = |accepted_by: Timestamp| {
        let started_by = accepted_by.max(unchanged_since).plus(until_started);
        is_presumed_lost(ports.now().since(started_by), timeout, MARGIN)
    };
    if !jobs.iter().all(|job| is_past(job.created_at)) {
        return Ok(false);
    }
    for job in jobs {
        let loaded = match ports.load(job.id).await {
            Ok(loaded) => loaded,
            Err(LoadError::Unavailable(error)) => return Err(error),
            // It counts as alive.
            Err(LoadError::NewerSchema(_) | LoadError::Unreadable { .. }) => return Ok(false),
        };
        // The index is behind, and the row is gone.
        let Some(row) = loaded else { continue };
        match row.state {
            State::InProgress { .. } => {
                let attempt = row.attempts.last();
                if !attempt.is_some_and(|it| is_past(it.started_at)) {
                    return Ok(false);
                }
            }
            State::Submitting { .. }
            | State::RetryScheduled { .. }
            // The circuit breaker holds it until the endpoint works again.
            | State::Queued {
                start_by: Some(_), ..
            } => return Ok(false),
            // It ended, or was queued, meanwhile.
            State::Queued { .. }
            | State::Ready { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Erased { .. } => {}
        }
    }
    Ok(true)
}
