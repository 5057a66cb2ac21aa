//! What runs have observed of a pipeline, as stored between them: one small record per pipeline, which is written only when
//! it changes. While no job is open and no instance runs, it does not.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::open_work::PipelineOpenJobs;
use crate::capacity::{InstanceLimits, Measured};
use crate::id::Timestamp;
use crate::instance_history::InstanceCounts;
use crate::ports::{EndpointInstances, KeyValueStore, OpenJob, Record, Unavailable};

const COLLECTION: &str = "capacity";
/// `last_open_at` is not written more often than this.
const LAST_OPEN_PRECISION: Duration = Duration::from_secs(15);
/// Two readings further apart say nothing about the duration of a run.
const MAX_READING_INTERVAL: Duration = Duration::from_secs(300);
/// Averages follow the newest measurements: beyond this number the earlier ones count half.
const MAX_MEASURED: u32 = 200;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Observations {
    /// When a job was last seen open, or no longer.
    last_open_at: Option<Timestamp>,
    /// Since when at least one instance has been in service.
    serving_since: Option<Timestamp>,
    /// The last reading, if it was complete and a job was open.
    seen: Option<SeenReading>,
    /// When a job that was open in one reading was last missing in the next.
    last_ended_at: Option<Timestamp>,
    /// Time of busy instances since a job was last seen to end, times their concurrent runs.
    busy_ms: u64,
    runs: Sum,
    /// Of instances that were asked for and are not in service yet.
    start: Option<Start>,
    cold_starts: Sum,
    /// When another number was last asked for.
    asked_at: Option<Timestamp>,
    /// A random number of the run that asked, so that no two runs write the same record.
    asked_by: u64,
    /// The numbers of instances that the history of instances has last.
    recorded: Option<InstanceCounts>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SeenReading {
    at: Timestamp,
    open: u32,
    /// When the newest of them was sent to the endpoint, or made if it is not there.
    newest: Timestamp,
    /// Runs that the instances in service do at the same time.
    slots: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Start {
    asked_at: Timestamp,
    instances: u32,
    /// The last reading in which the endpoint was updating.
    last_updating_at: Timestamp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sum {
    count: u32,
    total_ms: u64,
}

impl Sum {
    fn add(&mut self, count: u32, ms: u64) {
        self.count = self.count.saturating_add(count);
        self.total_ms = self.total_ms.saturating_add(ms);
        if self.count > MAX_MEASURED {
            self.count /= 2;
            self.total_ms /= 2;
        }
    }

    fn measured(self) -> Measured {
        Measured {
            count: self.count,
            mean: Duration::from_millis(self.total_ms / u64::from(self.count.max(1))),
        }
    }
}

impl Observations {
    pub(super) fn runs(&self) -> Measured {
        self.runs.measured()
    }

    pub(super) fn cold_starts(&self) -> Measured {
        self.cold_starts.measured()
    }

    /// When the instances were asked for that are not in service yet.
    pub(super) fn starting_since(&self) -> Option<Timestamp> {
        self.start.map(|start| start.asked_at)
    }

    pub(super) const fn last_open_at(&self) -> Option<Timestamp> {
        self.last_open_at
    }

    /// Since when at least one instance has been in service and no job was seen to end.
    pub(super) fn unchanged_since(&self) -> Option<Timestamp> {
        let serving_since = self.serving_since?;
        Some(serving_since.max(self.last_ended_at.unwrap_or(serving_since)))
    }

    /// Whether the history of instances has other numbers, or none.
    pub(super) fn is_new(&self, counts: InstanceCounts) -> bool {
        self.recorded != Some(counts)
    }

    pub(super) const fn recorded(&mut self, counts: InstanceCounts) {
        self.recorded = Some(counts);
    }

    /// Adds what a run sees.
    pub(super) fn observe(
        &mut self,
        now: Timestamp,
        jobs: &PipelineOpenJobs<'_>,
        endpoint: &EndpointInstances,
        limits: InstanceLimits,
        timeout: Duration,
    ) {
        let keeps_instances = endpoint.desired.max(endpoint.in_service) > limits.min();
        let is_stale = |at: Timestamp| now.since(at) > LAST_OPEN_PRECISION;
        let just_ended = self.seen.is_some() && jobs.complete && jobs.open == 0;
        // Instances that no reading has seen at work stay for the idle time, too.
        if just_ended
            || jobs.open > 0 && self.last_open_at.is_none_or(is_stale)
            || self.last_open_at.is_none() && keeps_instances
        {
            self.last_open_at = Some(now);
        }
        if endpoint.in_service == 0 {
            self.serving_since = None;
        } else {
            self.serving_since.get_or_insert(now);
        }
        self.observe_ends(now, jobs, endpoint, timeout);
        self.observe_start(now, endpoint);
    }

    /// Compares a reading with the one before: whether jobs have ended, and how long a run takes. That is the time of
    /// instances that all had work, by the jobs that ended in it. It needs no reads of its own, and it includes what a run
    /// adds to the time of others on the same instance.
    fn observe_ends(
        &mut self,
        now: Timestamp,
        jobs: &PipelineOpenJobs<'_>,
        endpoint: &EndpointInstances,
        timeout: Duration,
    ) {
        let slots = endpoint.in_service.saturating_mul(endpoint.concurrent_runs);
        let before = self.seen.take();
        if !jobs.complete {
            self.busy_ms = 0;
            return;
        }
        let newest = jobs.jobs.iter().map(begins_to_wait).max();
        self.seen = newest.map(|newest| SeenReading {
            at: now,
            open: jobs.open,
            newest,
            slots,
        });
        let Some(before) = before else {
            self.busy_ms = 0;
            return;
        };
        let made_before = jobs
            .jobs
            .iter()
            .filter(|job| begins_to_wait(job) <= before.newest);
        let left = u32::try_from(made_before.count()).unwrap_or(u32::MAX);
        let ended = before.open.saturating_sub(left);
        if ended > 0 {
            self.last_ended_at = Some(now);
        }
        let was_busy = slots > 0
            && slots == before.slots
            && slots <= before.open.min(jobs.open)
            && now.since(before.at) <= MAX_READING_INTERVAL;
        if !was_busy {
            self.busy_ms = 0;
            return;
        }
        self.busy_ms += millis(now.since(before.at)) * u64::from(slots);
        if ended > 0 {
            // A run that never ends must not count for more than its time limit.
            let most = millis(timeout).saturating_mul(ended.into());
            self.runs.add(ended, self.busy_ms.min(most));
            self.busy_ms = 0;
        }
    }

    /// A cold start lasts from the request to the middle between the last reading that found the endpoint updating and the
    /// first that found it in service.
    fn observe_start(&mut self, now: Timestamp, endpoint: &EndpointInstances) {
        let Some(start) = &mut self.start else {
            return;
        };
        if endpoint.updating {
            start.last_updating_at = now;
            return;
        }
        if endpoint.in_service >= start.instances {
            let last = millis(start.last_updating_at.since(start.asked_at));
            let first = millis(now.since(start.asked_at));
            self.cold_starts.add(1, u64::midpoint(last, first));
        }
        // Otherwise the request was refused or lost.
        self.start = None;
    }

    /// Another number is about to be asked for.
    pub(super) fn asked(&mut self, now: Timestamp, run: u64, instances: u32, falls: bool) {
        self.asked_at = Some(now);
        self.asked_by = run;
        self.start = (!falls).then_some(Start {
            asked_at: now,
            instances,
            last_updating_at: now,
        });
    }
}

/// A job that was queued was made long before it came to the endpoint.
pub(super) fn begins_to_wait(job: &OpenJob) -> Timestamp {
    job.sent_at.unwrap_or(job.created_at)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The observations of a pipeline with the revision of their record.
pub(super) struct StoredObservations {
    pub(super) observations: Observations,
    stored: Observations,
    revision: u64,
}

impl StoredObservations {
    pub(super) async fn read<P: KeyValueStore>(
        ports: &P,
        pipeline: &str,
    ) -> Result<Self, Unavailable> {
        let record = ports.get(COLLECTION, pipeline).await?;
        let revision = record.as_ref().map_or(0, |it| it.revision);
        // A record that another release wrote differently starts anew: that costs accuracy only.
        let stored: Observations = record
            .and_then(|it| serde_json::from_str(&it.body).ok())
            .unwrap_or_default();
        Ok(Self {
            observations: stored.clone(),
            stored,
            revision,
        })
    }

    /// Writes them if they have changed. Returns false if another run wrote first.
    pub(super) async fn write<P: KeyValueStore>(
        self,
        ports: &P,
        pipeline: &str,
    ) -> Result<bool, Unavailable> {
        if self.observations == self.stored {
            return Ok(true);
        }
        let record = Record {
            body: serde_json::to_string(&self.observations).unwrap_or_default(),
            revision: self.revision + 1,
            expires_at: None,
        };
        ports.put(COLLECTION, pipeline, &record).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::JobId;

    const START: Timestamp = Timestamp(1_767_608_042_118);

    const fn after(seconds: u64) -> Timestamp {
        Timestamp(START.0 + seconds * 1000)
    }

    fn endpoint(instances: u32) -> EndpointInstances {
        EndpointInstances {
            in_service: instances,
            desired: instances,
            min: 0,
            max: 5,
            concurrent_runs: 1,
            updating: false,
        }
    }

    /// A reading at a time that finds `open` jobs, each sent so many seconds after the start.
    fn observe(
        observations: &mut Observations,
        now: Timestamp,
        open: &[u64],
        endpoint: &EndpointInstances,
    ) {
        let open = open.iter().map(|seconds| OpenJob {
            id: JobId::of_bits(1),
            pipeline: "p".to_owned(),
            created_at: START,
            sent_at: Some(after(*seconds)),
        });
        let jobs: Vec<OpenJob> = open.collect();
        let jobs = PipelineOpenJobs {
            open: u32::try_from(jobs.len()).unwrap_or(0),
            complete: true,
            jobs: &jobs,
            ..PipelineOpenJobs::default()
        };
        let limits = InstanceLimits::new(endpoint.min, endpoint.max, 0);
        let timeout = Duration::from_secs(200);
        observations.observe(now, &jobs, endpoint, limits.unwrap(), timeout);
    }

    #[test]
    fn idle_time_counts_from_the_last_open_job_with_a_precision_of_fifteen_seconds() {
        let mut observations = Observations::default();
        let readings: [(Timestamp, &[u64], Option<Timestamp>); 6] = [
            (after(1), &[], None),
            (after(2), &[0], Some(after(2))),
            (after(17), &[0], Some(after(2))),
            (
                Timestamp(after(17).0 + 1),
                &[0],
                Some(Timestamp(after(17).0 + 1)),
            ),
            (after(18), &[], Some(after(18))),
            (after(60), &[], Some(after(18))),
        ];
        for (now, open, last_open_at) in readings {
            observe(&mut observations, now, open, &endpoint(0));
            assert_eq!(observations.last_open_at(), last_open_at, "{now:?}");
        }
    }

    #[test]
    fn instances_above_the_minimum_stay_for_the_idle_time_before_their_first_job() {
        for (min, in_service, desired, stay) in [
            (0, 0, 0, false),
            (1, 0, 1, false),
            (1, 1, 1, false),
            (0, 0, 1, true),
            (1, 2, 0, true),
        ] {
            let mut observations = Observations::default();
            let endpoint = EndpointInstances {
                min,
                in_service,
                desired,
                ..endpoint(0)
            };
            observe(&mut observations, START, &[], &endpoint);
            let since = observations.last_open_at();
            assert_eq!(since.is_some(), stay, "{endpoint:?}");
        }
    }

    /// What two readings teach: the number of runs that ended, and their mean time in seconds.
    #[test]
    fn runs_are_measured_between_two_readings_in_which_all_instances_had_work() {
        type Case<'a> = ([u32; 2], [&'a [u64]; 2], u64, (u32, u64), &'a str);
        let (one, two) = ([0; 1], [0; 2]);
        let cases: [Case<'_>; 10] = [
            ([1, 1], [&two, &one], 60, (1, 60), "one ended in a minute"),
            ([2, 2], [&[0; 4], &two], 60, (2, 60), "two on two instances"),
            ([1, 1], [&two, &[0, 30]], 60, (1, 60), "another came since"),
            (
                [1, 1],
                [&two, &one],
                300,
                (1, 200),
                "no longer than its limit",
            ),
            (
                [1, 1],
                [&two, &one],
                301,
                (0, 0),
                "the readings are too far apart",
            ),
            ([1, 1], [&two, &two], 60, (0, 0), "none ended"),
            ([0, 0], [&two, &one], 60, (0, 0), "no instance"),
            (
                [1, 2],
                [&[0; 4], &[0; 3]],
                60,
                (0, 0),
                "another number of instances",
            ),
            (
                [2, 2],
                [&[0; 3], &one],
                60,
                (0, 0),
                "one had no work at the end",
            ),
            (
                [2, 2],
                [&one, &[30, 40]],
                60,
                (0, 0),
                "one had no work at first",
            ),
        ];
        for (instances, open, seconds, expected, why) in cases {
            let mut observations = Observations::default();
            for (at, now) in [(0, START), (1, after(seconds))] {
                observe(&mut observations, now, open[at], &endpoint(instances[at]));
            }
            let runs = observations.runs();
            assert_eq!((runs.count, runs.mean.as_secs()), expected, "{why}");
        }
    }

    #[test]
    fn busy_time_in_which_no_run_ended_counts_for_the_next_that_ends() {
        let mut observations = Observations::default();
        let readings: [(u64, &[u64]); 3] = [(0, &[0; 3]), (60, &[0; 3]), (120, &[0; 2])];
        for (seconds, open) in readings {
            observe(&mut observations, after(seconds), open, &endpoint(1));
        }
        assert_eq!(observations.runs().mean, Duration::from_secs(120));
    }

    #[test]
    fn mean_follows_newer_measurements_after_200() {
        let mut sum = Sum::default();
        sum.add(MAX_MEASURED, u64::from(MAX_MEASURED) * 1000);
        assert_eq!((sum.count, sum.total_ms), (200, 200_000));
        sum.add(2, 8000);
        assert_eq!((sum.count, sum.total_ms), (101, 104_000));
        assert_eq!(sum.measured().mean, Duration::from_millis(1029));
    }
}
