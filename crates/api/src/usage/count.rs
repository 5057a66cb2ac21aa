//! Counts the hours.

use std::collections::BTreeMap;

use jobs::expected_work::{RunSums, learn};
use jobs::id::Timestamp;
use jobs::instance_history::InstanceHistory;
use jobs::pipeline::{Pipeline, Pipelines};
use jobs::ports::{Clock, KeyValueStore, Record};
use jobs::state::StatusGroup;
use tracing::{info, warn};

use super::progress::{Progress, hour_of};
use super::rows::{CountedJob, HourOfJobs, InstanceReading, shards};
use super::run_times::{EndedRequest, RunTime, run_times};
use super::{
    Amounts, DAY_MS, HOUR_MS, MAX_BATCHES_PER_DAY, Month, RETENTION_MS, StoredDay, StoredSum,
    collection, day_key,
};
use crate::ApiError;
use crate::ports::{JobList, JobListEntry, TimeRange};

/// Maximum number of writes of a day's record, if other calls write it at the same time.
const MAX_WRITES: u32 = 5;

/// Counts the hours that are due, until there are none or the time is over. Returns how many.
///
/// # Errors
/// If a dependency does not answer. The next call goes on.
pub async fn count_hours<P: JobList + KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    until: Timestamp,
) -> Result<u64, ApiError> {
    let rows_kept = rows_kept_days(pipelines);
    let now = ports.now();
    let mut progress = Progress::load(ports, now).await?;
    let mut counted = 0;
    while ports.now() < until {
        let settled = Progress::settled_until(now);
        let hour = match next_hour(ports, progress.next, settled).await? {
            Some(hour) => hour,
            None => {
                // Nothing was uploaded since.
                let is_behind = progress.next < settled;
                progress.next = progress.next.max(settled);
                match progress.due(now) {
                    Some(hour) => hour,
                    None if is_behind || progress.is_new() => {
                        progress.store(ports).await?;
                        break;
                    }
                    None => break,
                }
            }
        };
        let reading = InstanceReading { ports, until };
        let is_preliminary = match Hour::read(&reading, pipelines, hour).await? {
            Some(read) => read.store(ports).await?,
            // The next call has more time for it.
            None if counted > 0 => break,
            None => {
                warn!(hour, "an hour has too many documents to count in one call");
                true
            }
        };
        progress.counted(hour, is_preliminary, now, rows_kept);
        counted += 1;
        if !progress.store(ports).await? {
            info!("another call counts usage, too");
            break;
        }
    }
    Ok(counted)
}

/// After how many days the first of an hour's rows may be deleted.
pub(super) fn rows_kept_days(pipelines: &Pipelines) -> u64 {
    let kept = pipelines.iter().map(|it| it.retention_days.row).min();
    u64::from(kept.unwrap_or_default())
}

/// The first hour with a job from one time to another.
async fn next_hour<P: JobList>(ports: &P, from: u64, to: u64) -> Result<Option<u64>, ApiError> {
    if from >= to {
        return Ok(None);
    }
    let range = TimeRange {
        from: Timestamp(from),
        to: Timestamp(to - 1),
    };
    let mut first: Option<JobListEntry> = None;
    for list in shards() {
        let page = ports.list_entries(&list, range, 1).await?;
        first = first.into_iter().chain(page.items).min();
    }
    Ok(first.map(|entry| hour_of(entry.at)))
}

/// The sums of an hour.
pub(super) struct Hour {
    begins_at: u64,
    /// By tenant.
    sums: BTreeMap<String, Vec<StoredSum>>,
    /// By pipeline: its runs whose durations are known.
    runs: BTreeMap<String, RunSums>,
    /// Jobs are open, or their rows could not be read.
    is_preliminary: bool,
}

impl Hour {
    /// `None` if the time does not suffice.
    pub(super) async fn read<P: JobList + KeyValueStore + Clock>(
        reading: &InstanceReading<'_, P>,
        pipelines: &Pipelines,
        begins_at: u64,
    ) -> Result<Option<Self>, ApiError> {
        let Some(HourOfJobs { jobs, is_complete }) = reading.jobs_of_hour(begins_at).await? else {
            return Ok(None);
        };
        let Some(before) = reading.requests_before(begins_at).await? else {
            return Ok(None);
        };
        let mut amounts: BTreeMap<(String, String, String), Amounts> = BTreeMap::new();
        for job in &jobs {
            let key = (job.tenant.clone(), job.pipeline.clone(), job.batch.clone());
            amounts.entry(key).or_default().add(Amounts {
                documents: 1,
                bytes: job.bytes,
                pages: job.pages.map_or(0, u64::from),
                documents_with_pages: u64::from(job.pages.is_some()),
                ready: u64::from(job.group == StatusGroup::Ready),
                failed: u64::from(job.group == StatusGroup::Failed),
                cancelled: u64::from(job.group == StatusGroup::Cancelled),
                open: u64::from(job.group == StatusGroup::Open),
                ..Amounts::default()
            });
        }
        let mut names: Vec<&str> = jobs.iter().map(|job| job.pipeline.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let mut runs: BTreeMap<String, RunSums> = BTreeMap::new();
        for name in names {
            let of_others = before.iter().filter(|(pipeline, _)| pipeline == name);
            let of_others = of_others.map(|(_, request)| (None, *request));
            let own = jobs.iter().filter(|job| job.pipeline == name);
            let own = own.flat_map(|job| job.requests.iter().map(move |it| (Some(job), *it)));
            let mut requests: Vec<(Option<&CountedJob>, EndedRequest)> =
                of_others.chain(own).collect();
            requests.sort_by_key(|(_, request)| (request.sent_at, request.ended_at));
            let times = times(reading.ports, pipelines.get(name), name, &requests).await?;
            for ((job, request), time) in requests.iter().zip(times) {
                let Some(job) = job else { continue };
                if job.is_ready_at_once() && !time.is_assumed {
                    let runs = runs.entry(name.to_owned()).or_default();
                    runs.add(job.bytes, time.ms);
                }
                let key = (job.tenant.clone(), job.pipeline.clone(), job.batch.clone());
                amounts.entry(key).or_default().add(Amounts {
                    runs: 1,
                    run_ms: time.ms,
                    max_run_ms: longest(pipelines.get(name), request).max(time.ms),
                    assumed_runs: u64::from(time.is_assumed),
                    ..Amounts::default()
                });
            }
        }
        let mut sums: BTreeMap<String, Vec<StoredSum>> = BTreeMap::new();
        for ((tenant, pipeline, batch), amounts) in amounts {
            sums.entry(tenant).or_default().push(StoredSum {
                pipeline,
                batch,
                amounts,
            });
        }
        let has_open_jobs = jobs.iter().any(|job| job.group == StatusGroup::Open);
        Ok(Some(Self {
            begins_at,
            sums,
            runs,
            is_preliminary: has_open_jobs || !is_complete,
        }))
    }

    /// Replaces what is stored of this hour, and learns from its runs. Returns whether it is preliminary.
    pub(super) async fn store<P: KeyValueStore>(self, ports: &P) -> Result<bool, ApiError> {
        let at = Timestamp(self.begins_at);
        let (month, day) = Month::of(at);
        let hour = u8::try_from(at.0 % DAY_MS / HOUR_MS).unwrap_or_default();
        for (tenant, sums) in &self.sums {
            replace(ports, month, &day_key(tenant, day), hour, sums, at).await?;
        }
        for (pipeline, runs) in &self.runs {
            learn(ports, pipeline, at, *runs).await?;
        }
        Ok(self.is_preliminary)
    }
}

async fn replace<P: KeyValueStore>(
    ports: &P,
    month: Month,
    key: &str,
    hour: u8,
    sums: &[StoredSum],
    at: Timestamp,
) -> Result<(), ApiError> {
    change_day(ports, month, key, at, |day| {
        day.hours.remove(&hour);
        let used = day.hours.values().flatten();
        let used = used.filter(|sum| !sum.batch.is_empty()).count();
        let sums = within_batches(sums, MAX_BATCHES_PER_DAY.saturating_sub(used));
        day.hours.insert(hour, sums);
    })
    .await
}

/// Changes what is stored of a tenant's day. `at` is a time of that day.
pub(super) async fn change_day<P: KeyValueStore>(
    ports: &P,
    month: Month,
    key: &str,
    at: Timestamp,
    change: impl Fn(&mut StoredDay),
) -> Result<(), ApiError> {
    let collection = collection(month);
    for _ in 0..MAX_WRITES {
        let record = ports.get(&collection, key).await?;
        let revision = record.as_ref().map_or(0, |record| record.revision);
        let stored = record.and_then(|record| serde_json::from_str::<StoredDay>(&record.body).ok());
        let before = stored.unwrap_or_default();
        let mut day = before.clone();
        change(&mut day);
        if day == before {
            return Ok(());
        }
        let record = Record {
            body: serde_json::to_string(&day).unwrap_or_default(),
            revision: revision + 1,
            expires_at: Some(Timestamp(at.0 + RETENTION_MS)),
        };
        if ports.put(&collection, key, &record).await? {
            return Ok(());
        }
    }
    Err(ApiError::Unavailable(
        "usage is counted at the same time by another call".to_owned(),
    ))
}

/// The sums with at most `max_batches` batches. Jobs of further batches count as jobs without a batch.
pub(super) fn within_batches(sums: &[StoredSum], max_batches: usize) -> Vec<StoredSum> {
    let mut left = max_batches;
    let mut kept: BTreeMap<(&str, &str), Amounts> = BTreeMap::new();
    for sum in sums {
        let mut batch = sum.batch.as_str();
        if !batch.is_empty() {
            match left.checked_sub(1) {
                Some(fewer) => left = fewer,
                None => batch = "",
            }
        }
        let key = (sum.pipeline.as_str(), batch);
        kept.entry(key).or_default().add(sum.amounts);
    }
    let sum = |((pipeline, batch), amounts): ((&str, &str), Amounts)| StoredSum {
        pipeline: pipeline.to_owned(),
        batch: batch.to_owned(),
        amounts,
    };
    kept.into_iter().map(sum).collect()
}

/// The longest time that a run can have taken.
fn longest(pipeline: Option<&Pipeline>, request: &EndedRequest) -> u64 {
    let limit = pipeline.map(|it| u64::from(it.invocation_timeout_seconds) * 1000);
    match limit {
        Some(limit) if request.is_end_known => limit.min(request.at_most_ms()),
        Some(limit) => limit,
        None => request.at_most_ms(),
    }
}

async fn times<P: KeyValueStore>(
    ports: &P,
    pipeline: Option<&Pipeline>,
    name: &str,
    requests: &[(Option<&CountedJob>, EndedRequest)],
) -> Result<Vec<RunTime>, ApiError> {
    let requests: Vec<EndedRequest> = requests.iter().map(|(_, request)| *request).collect();
    let (Some(from), Some(to)) = (
        requests.first().map(|first| first.sent_at),
        requests.iter().map(|request| request.ended_at).max(),
    ) else {
        return Ok(Vec::new());
    };
    let instances = InstanceHistory::load(ports, name, from, to).await?;
    let typical = pipeline.map_or(0, |it| u64::from(it.typical_run_seconds) * 1000);
    Ok(run_times(&requests, &instances, typical))
}
