//! How much work is open, how old it is, and which promises are in danger: one count of the index of open jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::id::{JobId, Timestamp};
use crate::pipeline::Pipelines;
use crate::ports::{Clock, JobIndex, Unavailable};

/// How many jobs are read from the index at once.
const PAGE: u16 = 1000;

/// The open jobs of a pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Backlog {
    /// How many there are.
    pub open: u64,
    /// Seconds since the oldest was made; 0 if there is none.
    pub oldest_age_seconds: u64,
    /// How many have used up three quarters of their pipeline's `slo_seconds`, or all of it.
    pub at_risk: u64,
}

/// By pipeline.
pub type Backlogs = BTreeMap<String, Backlog>;

/// Counts all open jobs, by pipeline; those without any are there too. None if `until` came first: part of a count
/// would be a wrong one, and the number decides when instances may go.
///
/// # Errors
/// If the index does not answer.
pub async fn count_open_jobs<P>(
    ports: &P,
    pipelines: &Pipelines,
    until: Timestamp,
) -> Result<Option<Backlogs>, Unavailable>
where
    P: JobIndex + Clock,
{
    let mut backlogs: Backlogs = pipelines
        .iter()
        .map(|pipeline| (pipeline.name.clone(), Backlog::default()))
        .collect();
    for shard in 0..JobId::SHARDS {
        let mut after = None;
        loop {
            let now = ports.now();
            if now >= until {
                return Ok(None);
            }
            let (jobs, next) = ports.open_jobs(shard, after, PAGE).await?;
            for job in jobs {
                let age = now.since(job.created_at);
                let promise = pipelines.get(&job.pipeline).map(|its| its.slo_seconds);
                let tally = backlogs.entry(job.pipeline).or_default();
                tally.open += 1;
                tally.oldest_age_seconds = tally.oldest_age_seconds.max(age.as_secs());
                tally.at_risk += u64::from(promise.is_some_and(|seconds| is_at_risk(age, seconds)));
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(Some(backlogs))
}

/// Late enough to be looked at by a person, and early enough for that to help.
fn is_at_risk(age: Duration, slo_seconds: u32) -> bool {
    age.as_secs() >= u64::from(slo_seconds) * 3 / 4
}
