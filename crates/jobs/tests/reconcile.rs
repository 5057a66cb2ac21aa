//! The reconciler's checks of overdue jobs and its inventory scan: intervals, limits and counts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jobs::id::{JobId, Tenant, Timestamp};
use jobs::inventory_scan::{ScanScope, scan};
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use jobs::ports::{
    CheckQueue, CheckRequest, Clock, DelayedMessage, FailedEntries, JobIndex, JobInput, JobStore,
    Listing, LoadError, NewestJobs, OpenJob, QueuePosition, QueuedJob, SaveError, ScheduledCheck,
    Unavailable,
};
use jobs::reconcile::{CheckReport, check_overdue, lookahead};
use jobs::save_request::SaveRequest;
use jobs::state::{State, StatusGroup};
use testkit::conformance::job_in_state;
use testkit::memory::Memory;

const NOW: Timestamp = Timestamp(1_767_608_042_118);
const INTERVAL: Duration = Duration::from_secs(300);
const LATER: Timestamp = Timestamp(NOW.0 + 1_000_000_000);

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

/// A running job long past its deadline in each shard of the index.
fn one_overdue_in_every_shard() -> Memory {
    let memory = Memory::at(LATER);
    let mut shards = BTreeSet::new();
    for number in 0.. {
        let id = JobId::of_key("docket-jobs", &format!("inbound/acme/{number}.pdf"));
        if shards.insert(id.to_string().pop()) {
            let job = Job {
                id,
                ..job_in_state("InProgress")
            };
            memory.state().jobs.insert(id, job);
        }
        if shards.len() == 16 {
            break;
        }
    }
    memory
}

#[test]
fn every_run_queries_all_shards_starting_at_a_random_one() {
    let mut first = BTreeSet::new();
    for seed in 0..64 {
        let memory = one_overdue_in_every_shard();
        memory.state().seed = seed;
        let done = wait(check_overdue(&memory, INTERVAL, Timestamp(LATER.0 + 1)));
        assert_eq!(done.checks_sent, 16, "seed {seed}");
        first.insert(memory.state().checks[0].message.job);
    }
    assert!(first.len() >= 12, "{} of 16", first.len());
}

/// No message can have such a long delay, so none is on its way and the reconciler sends one in time.
#[test]
fn reconciler_starts_a_retry_whose_delay_exceeds_the_maximum_of_a_message() {
    for (minutes, is_ours) in [(15, false), (16, true)] {
        let mut job = job_in_state("RetryScheduled");
        let at = Timestamp(job.updated_at.0 + minutes * 60_000);
        if let State::RetryScheduled { due, .. } = &mut job.state {
            *due = at;
        }
        let now = Timestamp(at.0 - 60_000);
        let memory = Memory::at(now);
        memory.state().jobs.insert(job.id, job.clone());
        wait(check_overdue(&memory, INTERVAL, LATER));
        let expected = CheckRequest {
            job: job.id,
            attempt: job.state.attempt(),
            due: Some(at),
        };
        let sent = memory.state().checks.clone();
        let ours = [DelayedMessage {
            message: expected,
            delay_seconds: 62,
        }];
        assert_eq!(sent, if is_ours { &ours[..] } else { &[] }, "{minutes} min");
    }
}

#[test]
fn retry_whose_message_is_lost_is_started_two_minutes_after_its_time() {
    let mut job = job_in_state("RetryScheduled");
    let at = Timestamp(job.updated_at.0 + 60_000);
    if let State::RetryScheduled { due, .. } = &mut job.state {
        *due = at;
    }
    for (late_ms, delays) in [(119_999, &[][..]), (120_000, &[0])] {
        let memory = Memory::at(Timestamp(at.0 + late_ms));
        memory.state().jobs.insert(job.id, job.clone());
        wait(check_overdue(&memory, INTERVAL, LATER));
        let sent = memory.state().checks.clone();
        let found: Vec<u32> = sent.iter().map(|check| check.delay_seconds).collect();
        assert_eq!(found, delays, "{late_ms} ms late");
    }
}

/// A check that falls due before the next run gets a delay. An earlier one only looks for a result.
#[test]
fn attempt_is_checked_at_its_deadline_if_that_is_before_the_next_run() {
    let job = job_in_state("InProgress");
    let deadline = job.state.check_deadline().unwrap();
    let ahead = (INTERVAL + Duration::from_secs(120)).as_millis() as u64;
    for (before_ms, delay) in [(ahead, 422), (ahead + 1, 0)] {
        let memory = Memory::at(Timestamp(deadline.0 - before_ms));
        memory.state().jobs.insert(job.id, job.clone());
        let done = wait(check_overdue(&memory, INTERVAL, LATER));
        assert_eq!(done.checks_sent, 1);
        assert_eq!(memory.state().checks[0].delay_seconds, delay, "{before_ms}");
    }
}

/// SQS would refuse the check, and the run would count as incomplete.
#[test]
fn check_at_a_deadline_before_the_next_run_has_a_delay_that_sqs_takes() {
    const SHIPPED: &str = include_str!("../../../infra/pipelines.toml");
    const SHIPPED_LINE: &str = "reconcile_interval_minutes = 5";
    assert!(SHIPPED.contains(SHIPPED_LINE));
    let job = job_in_state("InProgress");
    let deadline = job.state.check_deadline().unwrap();
    let mut allowed = 0;
    for minutes in 1..=60 {
        let line = format!("reconcile_interval_minutes = {minutes}");
        let Ok(pipelines) = Pipelines::parse(&SHIPPED.replace(SHIPPED_LINE, &line)) else {
            continue;
        };
        allowed = minutes;
        let interval = pipelines.reconcile_interval();
        let ahead = lookahead(interval).as_millis() as u64;
        let memory = Memory::at(Timestamp(deadline.0 - ahead));
        memory.state().jobs.insert(job.id, job.clone());
        wait(check_overdue(&memory, interval, LATER));
        let delay = memory.state().checks[0].delay_seconds;
        assert!(delay <= Memory::MAX_DELAY_SECONDS, "{minutes}: {delay} s");
    }
    assert_eq!(allowed, 12);
}

/// Messages must not pile up while a service is down, and an hour is the maximum once it is back.
#[test]
fn overdue_job_is_checked_again_at_growing_intervals() {
    let job = job_in_state("InProgress");
    let deadline = job.state.check_deadline().unwrap();
    for (late, pause) in [(0, 10), (30, 15), (40, 20), (110, 55), (300, 60)] {
        let now = Timestamp(deadline.0 + late * 60_000);
        let memory = Memory::at(now);
        memory.state().jobs.insert(job.id, job.clone());
        let done = wait(check_overdue(&memory, INTERVAL, LATER));
        assert_eq!(done.checks_sent, 1);
        let (_, again_at) = memory.state().postponed[&job.id];
        assert_eq!(again_at.since(now).as_secs() / 60, pause, "{late} min late");
    }
}

/// A store in which some rows cannot be read.
struct Damaged {
    memory: Memory,
    rows: Vec<JobId>,
}

impl JobStore for Damaged {
    async fn load(&self, id: JobId) -> Result<Option<Job>, LoadError> {
        if self.rows.contains(&id) {
            let problem = "no state".to_owned();
            return Err(LoadError::Unreadable { id, problem });
        }
        self.memory.load(id).await
    }
    async fn create(&self, job: &Job) -> Result<(), SaveError> {
        self.memory.create(job).await
    }
    async fn save(&self, request: SaveRequest<'_>) -> Result<(), SaveError> {
        self.memory.save(request).await
    }
    async fn newest(
        &self,
        tenant: &Tenant,
        group: StatusGroup,
        limit: usize,
    ) -> Result<NewestJobs, LoadError> {
        self.memory.newest(tenant, group, limit).await
    }
}

impl JobIndex for Damaged {
    async fn due_by(
        &self,
        shard: u8,
        by: Timestamp,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Vec<ScheduledCheck>, Unavailable> {
        self.memory.due_by(shard, by, after, limit).await
    }
    async fn open_jobs(
        &self,
        shard: u8,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Listing<OpenJob, ScheduledCheck>, Unavailable> {
        self.memory.open_jobs(shard, after, limit).await
    }
    async fn queued_jobs(
        &self,
        shard: u8,
        from: u64,
        after: Option<QueuePosition>,
        limit: u16,
    ) -> Result<Listing<QueuedJob, QueuePosition>, Unavailable> {
        self.memory.queued_jobs(shard, from, after, limit).await
    }
    async fn postpone(&self, due: ScheduledCheck, until: Timestamp) -> Result<(), Unavailable> {
        self.memory.postpone(due, until).await
    }
    async fn inputs_of(&self, ids: &[JobId]) -> Result<BTreeMap<JobId, JobInput>, Unavailable> {
        self.memory.inputs_of(ids).await
    }
}

impl CheckQueue for Damaged {
    async fn send_checks(&self, checks: &[DelayedMessage<CheckRequest>]) -> FailedEntries {
        self.memory.send_checks(checks).await
    }
    async fn request_releases(&self, pipelines: &[DelayedMessage<String>]) -> FailedEntries {
        self.memory.request_releases(pipelines).await
    }
}

impl Clock for Damaged {
    fn now(&self) -> Timestamp {
        self.memory.now()
    }
    fn random(&self) -> u64 {
        self.memory.random()
    }
}

#[test]
fn unreadable_rows_are_counted_and_do_not_block_other_jobs() {
    let memory = one_overdue_in_every_shard();
    let rows: Vec<JobId> = memory.state().jobs.keys().take(2).copied().collect();
    let damaged = Damaged { memory, rows };
    let done = wait(check_overdue(&damaged, INTERVAL, Timestamp(LATER.0 + 1)));
    let expected = CheckReport {
        checks_sent: 14,
        unreadable: 2,
        incomplete: false,
    };
    assert_eq!(done, expected);
}

const MINUTE: u64 = 60_000;

/// Runs the scan `minutes` after the start; returns how many upload events were re-sent.
fn scan_at(memory: &Memory, minutes: u64) -> u64 {
    let pipelines = Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap();
    memory.state().now = Timestamp(NOW.0 + minutes * MINUTE);
    let report = wait(scan(
        memory,
        &pipelines,
        "docket-jobs",
        ScanScope::Due,
        Timestamp(u64::MAX),
    ));
    report.unwrap().resent
}

/// Puts an object whose event is lost, `seconds` after the start.
fn put_without_event(memory: &Memory, seconds: u64) {
    let now = memory.state().now;
    memory.state().now = Timestamp(NOW.0 + seconds * 1000);
    let key = format!("inbound/acme/{seconds}.pdf");
    memory.put("docket-jobs", &key, b"%PDF-1.7");
    memory.state().now = now;
}

#[test]
fn scan_skips_objects_younger_than_ten_minutes() {
    let memory = Memory::at(NOW);
    put_without_event(&memory, 49 * 60);
    put_without_event(&memory, 51 * 60);
    assert_eq!(scan_at(&memory, 60), 1);
}

/// An object that is too young for one scan must not be too old for the next.
#[test]
fn consecutive_scans_miss_no_object() {
    let memory = Memory::at(NOW);
    assert_eq!(scan_at(&memory, 0), 0);
    for age in [1, 300, 570, 599] {
        put_without_event(&memory, 3600 - age);
    }
    assert_eq!(scan_at(&memory, 60), 0);
    assert_eq!(scan_at(&memory, 76), 4);
    assert_eq!(scan_at(&memory, 100), 0, "once is enough");
}

#[test]
fn full_scan_looks_up_all_objects_once_a_day() {
    let memory = Memory::at(NOW);
    assert_eq!(scan_at(&memory, 60), 0);
    assert_eq!(scan_at(&memory, 120), 0);
    put_without_event(&memory, 0);
    for hours in 3..25 {
        assert_eq!(scan_at(&memory, hours * 60), 0, "after {hours} h");
    }
    assert_eq!(scan_at(&memory, 25 * 60), 1);
}

#[test]
fn scan_skips_folder_markers() {
    let memory = Memory::at(NOW);
    for key in [
        "inbound/",
        "inbound/acme/",
        "inbound/acme/2026_$folder$",
        "inbound/acme/.keep",
    ] {
        memory.put("docket-jobs", key, b"");
    }
    assert_eq!(scan_at(&memory, 60), 0);
    assert!(memory.state().upload_events.is_empty());
    memory.put("docket-jobs", "inbound/acme/empty.pdf", b"");
    assert_eq!(scan_at(&memory, 26 * 60), 1, "an empty document is one");
}
