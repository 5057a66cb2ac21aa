//! Counts the open jobs of each pipeline: how many there are, how old the oldest is, and how many are close to their SLO.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::id::{JobId, Timestamp};
use crate::pipeline::Pipelines;
use crate::ready_by::Estimate;
use crate::ports::{Clock, JobIndex, Unavailable};

/// Index entries read per query.
const PAGE: u16 = 1000;

/// The open jobs of a pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenJobs {
    pub open: u64,
    /// Age of the oldest open job; 0 if there is none.
    pub oldest_age_seconds: u64,
    /// Jobs that have used up at least three quarters of their pipeline's `slo_seconds`.
    pub at_risk: u64,
}

pub type OpenJobsByPipeline = BTreeMap<String, OpenJobs>;

/// Counts all open jobs by pipeline. Pipelines without open jobs are included.
///
/// Returns `None` if `until` passes before the count is complete. A partial count would be wrong, and endpoints scale in
/// by this number.
///
/// # Errors
/// If the index is unavailable.
pub async fn count_open_jobs<P>(
    ports: &P,
    pipelines: &Pipelines,
    until: Timestamp,
) -> Result<Option<OpenJobsByPipeline>, Unavailable>
where
    P: JobIndex + Clock,
{
    let mut backlogs: OpenJobsByPipeline = pipelines
        .iter()
        .map(|pipeline| (pipeline.name.clone(), OpenJobs::default()))
        .collect();
    for shard in 0..JobId::SHARDS {
        let mut after = None;
        loop {
            let now = ports.now();
            if now >= until {
                return Ok(None);
            }
            let page = ports.open_jobs(shard, after, PAGE).await?;
            for job in page.items {
                let age = now.since(job.created_at);
                let slo = pipelines.get(&job.pipeline).map(|its| Duration::from_secs(its.slo_seconds.into()));
                let backlog = backlogs.entry(job.pipeline).or_default();
                backlog.open += 1;
                backlog.oldest_age_seconds = backlog.oldest_age_seconds.max(age.as_secs());
                backlog.at_risk +=
                    u64::from(slo.is_some_and(|slo| is_at_risk(job.created_at, slo, None, now)));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(Some(backlogs))
}

/// Whether a job will probably be ready later than its SLO: the estimate's latest time is later, or three quarters of the
/// SLO are over, which is early enough for an operator to still help.
pub fn is_at_risk(
    submitted_at: Timestamp,
    slo: Duration,
    estimate: Option<&Estimate>,
    now: Timestamp,
) -> bool {
    let is_late = estimate.is_some_and(|estimate| estimate.latest > submitted_at.plus(slo));
    is_late || now.since(submitted_at) >= slo * 3 / 4
}
