//! Limits of the use cases `submit`, `record_outcome` and `retry`, over in-memory ports.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use jobs::error::{IfUnusable, MessageError};
use jobs::evidence::find_output;
use jobs::id::{Attempt, InferenceId, JobId, Location, Tenant, Timestamp};
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use jobs::ports::{
    Accepted, CheckQueue, CheckRequest, Checksum, Clock, CopyError, DelayedMessage, FailedEntries,
    FirstBytes, HeadError, InferenceEndpoint, Invocation, InvokeError, JobStore, KeyValueStore,
    ListedVersion, LoadError, NewestJobs, ObjectHead, ObjectStore, Queue, RecentJobs, Record,
    SaveError, Unavailable,
};
use jobs::record_outcome::{AttemptOutcome, record_outcome};
use jobs::retry::retry;
use jobs::save_request::SaveRequest;
use jobs::state::{Cause, State, StatusGroup};
use jobs::submit::{Delivery, IfDenied, UploadEvent, submit};
use jobs::transition::Event;
use testkit::conformance::job_in_state;
use testkit::fixture::AdvanceJob as _;
use testkit::memory::Memory;

use common::{BUCKET, TOML, in_run};

const NOW: Timestamp = Timestamp(1_767_608_042_118);
const KEY: &str = "inbound/acme/nda.pdf";
const PDF: &[u8] = b"%PDF-1.7";

fn table(job: &Job) -> Memory {
    let memory = Memory::at(NOW);
    memory.state().jobs.insert(job.id, job.clone());
    memory
}

fn upload_event(key: &str, version: Option<&str>) -> UploadEvent {
    UploadEvent {
        bucket: BUCKET.to_owned(),
        key: key.to_owned(),
        version: version.map(str::to_owned),
        bytes: 7,
        etag: "event-etag".to_owned(),
        trace_id: None,
    }
}

fn submit_event(memory: &Memory, upload: &UploadEvent) -> Job {
    let pending = in_run(TOML, NOW, async |run| {
        submit(memory, run, upload, FIRST_DELIVERY).await
    })
    .unwrap();
    pending[0].clone()
}

const FIRST_DELIVERY: Delivery = Delivery {
    if_denied: IfDenied::Redeliver,
    if_empty: IfUnusable::Redeliver,
};

#[test]
fn upload_to_a_retired_pipeline_fails() {
    let memory = Memory::at(NOW);
    let version = memory.put(BUCKET, KEY, PDF);
    let upload = upload_event(KEY, Some(&version));
    let retired = TOML.replacen("[legal-review]", "[legal-review]\nretired = true", 1);
    let pending = in_run(&retired, NOW, async |run| {
        submit(&memory, run, &upload, FIRST_DELIVERY).await
    })
    .unwrap();
    let State::Failed { failure, .. } = &pending[0].state else {
        panic!("{:?}", pending[0].state)
    };
    assert_eq!(failure.cause, Cause::PipelineGone);
    assert!(memory.state().invocations.is_empty());
}

#[test]
fn upload_event_without_a_version_is_about_the_current_version() {
    let memory = Memory::at(NOW);
    let version = memory.put(BUCKET, KEY, PDF);
    let job = submit_event(&memory, &upload_event(KEY, None));
    assert!(
        matches!(job.state, State::InProgress { .. }),
        "{:?}",
        job.state
    );
    assert_eq!(job.input.version, version);
}

#[test]
fn row_records_s3_metadata_if_the_version_is_current_and_the_event_otherwise() {
    let memory = Memory::at(NOW);
    let old = memory.put(BUCKET, KEY, PDF);
    let new = memory.put(BUCKET, KEY, PDF);
    let recorded = |version: &str| {
        let input = submit_event(&memory, &upload_event(KEY, Some(version))).input;
        (input.bytes, input.etag, input.content_type)
    };
    let of_s3 = (8, format!("etag.{new}"), "application/pdf".to_owned());
    assert_eq!(recorded(&new), of_s3);
    let of_event = (7, "event-etag".to_owned(), String::new());
    assert_eq!(recorded(&old), of_event);
}

/// Listing versions costs one request per upload, and S3 rejects some invalid keys.
#[test]
fn versions_are_listed_only_for_a_valid_key_that_is_written_again() {
    for (key, uploads) in [(KEY, 1), ("inbound/acme/a\nb.pdf", 2)] {
        let memory = Memory::at(NOW);
        memory.state().fail_before.insert("versions", 1);
        for _ in 0..uploads {
            let version = memory.put(BUCKET, key, PDF);
            submit_event(&memory, &upload_event(key, Some(&version)));
        }
        assert_eq!(memory.state().fail_before["versions"], 1, "{key:?}");
    }
}

#[test]
fn row_about_another_object_is_a_contradiction() {
    for (bucket, key) in [(BUCKET, "inbound/acme/other.pdf"), ("other-bucket", KEY)] {
        let mut row = job_in_state("InProgress");
        row.id = JobId::of_key(BUCKET, KEY);
        row.input.bucket = bucket.to_owned();
        row.input.key = key.to_owned();
        let memory = table(&row);
        row.input.version = memory.put(BUCKET, KEY, PDF);
        memory.state().jobs.insert(row.id, row.clone());
        let upload = upload_event(KEY, Some(&row.input.version));
        let answer = in_run(TOML, NOW, async |run| {
            submit(&memory, run, &upload, FIRST_DELIVERY).await
        });
        assert!(
            matches!(answer, Err(MessageError::Contradiction(_))),
            "{answer:?}"
        );
        assert_eq!(memory.state().jobs[&row.id], row);
    }
}

/// A recorded location is requested later, and one that the service may not read would answer 403 every time.
#[test]
fn output_location_outside_the_pipeline_is_not_recorded() {
    let memory = Memory::at(NOW);
    let version = memory.put(BUCKET, KEY, PDF);
    let upload = upload_event(KEY, Some(&version));
    // The endpoint of another pipeline: right bucket, wrong prefix.
    let other = TOML.replacen(
        "endpoint = \"docket-legal-review\"",
        "endpoint = \"docket-x\"",
        1,
    );
    let pending = in_run(&other, NOW, async |run| {
        submit(&memory, run, &upload, FIRST_DELIVERY).await
    })
    .unwrap();
    let record = &pending[0].attempts[0];
    assert_eq!((&record.output, &record.failure_object), (&None, &None));
}

/// A job with two attempts, each with the output location of its invocation.
fn second_attempt_runs() -> Job {
    let job = job_in_state("RetryScheduled");
    let State::RetryScheduled { next, due, budget } = job.state else {
        panic!("{:?}", job.state)
    };
    let running = State::InProgress {
        attempt: next,
        deadline: Timestamp(NOW.0 + 1000),
        budget,
    };
    let accepted = Event::Accepted {
        attempt: next,
        output: Some(Location {
            bucket: BUCKET.to_owned(),
            key: format!("outbound/{}/second.out", job.pipeline),
        }),
        failure: None,
    };
    job.advanced(&accepted, running, due)
}

#[test]
fn success_without_a_location_uses_the_location_of_its_own_invocation() {
    let job = second_attempt_runs();
    let memory = table(&job);
    let location = job.attempts[1].output.clone().unwrap();
    memory.put(BUCKET, &location.key, b"{}");
    memory.state().fail_before.insert("list", 1);
    let outcome = AttemptOutcome {
        inference_id: InferenceId {
            job: job.id,
            attempt: Attempt(2),
        },
        result: Ok(None),
        content_type: None,
        last_call: false,
    };
    let pending = in_run(TOML, NOW, async |run| {
        record_outcome(&memory, run, &outcome).await
    })
    .unwrap();
    assert_eq!(pending[0].output(), Some(&location));

    let first = AttemptOutcome {
        inference_id: InferenceId {
            job: job.id,
            attempt: Attempt(1),
        },
        ..outcome
    };
    memory.state().jobs.insert(job.id, job.clone());
    let answer = in_run(TOML, NOW, async |run| {
        record_outcome(&memory, run, &first).await
    });
    assert!(
        matches!(answer, Err(MessageError::OutputMissing(_))),
        "and not where another attempt's is: {answer:?}"
    );
}

/// The function whose call was refused may have died before it sent the next message. A redelivered check must do so; a
/// first delivery or a check of an older attempt must not.
#[test]
fn redelivered_check_runs_the_effects_of_a_refused_attempt() {
    let mut job = job_in_state("RetryScheduled");
    if let State::RetryScheduled { next, .. } = &mut job.state {
        *next = Attempt(3);
    }
    let memory = table(&job);
    for (attempt, redelivered, pending_jobs) in [(3, true, 1), (3, false, 0), (1, true, 0)] {
        let check = CheckRequest {
            job: job.id,
            attempt: Attempt(attempt),
            due: Some(job.created_at),
        };
        let pending = in_run(TOML, NOW, async |run| {
            retry(&memory, run, &check, redelivered).await
        });
        let case = format!("{attempt} {redelivered}");
        assert_eq!(pending.unwrap().len(), pending_jobs, "{case}");
    }
}

#[test]
fn check_that_starts_an_attempt_asks_s3_only_after_the_deadline() {
    let job = job_in_state("InProgress");
    let deadline = job.state.check_deadline().unwrap();
    let check = CheckRequest {
        job: job.id,
        attempt: Attempt(1),
        due: Some(job.created_at),
    };
    for (late, asks) in [(-1, false), (0, true)] {
        let memory = table(&job);
        memory.state().now = Timestamp(deadline.0.checked_add_signed(late).unwrap());
        memory.state().fail_before.insert("read", 1);
        let pending = in_run(TOML, NOW, async |run| {
            retry(&memory, run, &check, false).await
        });
        assert_eq!(pending.is_err(), asks, "{pending:?}");
    }
}

/// Otherwise every later check of the job would be a contradiction.
#[test]
fn object_under_an_impossible_attempt_number_is_not_an_output() {
    let job = job_in_state("InProgress");
    let memory = table(&job);
    for folder in ["a0", "a2", "b1", "a"] {
        let key = format!("outbound/{}/{}/{folder}/x.out", job.pipeline, job.id);
        memory.put(BUCKET, &key, b"{}");
    }
    let found = in_run(TOML, NOW, async |_| find_output(&memory, &job).await);
    assert_eq!(found.unwrap(), None);
}

#[test]
fn stored_names_do_not_change() {
    let classes = StatusGroup::ALL.map(StatusGroup::name);
    assert_eq!(classes, ["open", "ready", "failed", "cancelled", "erased"]);
    let queues = Queue::ALL.map(Queue::name);
    let expected = [
        "uploads",
        "inference-success",
        "inference-error",
        "checks",
        "events",
        "webhooks",
        "digests",
    ];
    assert_eq!(queues, expected);
    for cause in Cause::ALL {
        assert_eq!(Cause::from_name(cause.name()), cause);
    }
    assert_eq!(
        Cause::from_name("a name of a later release"),
        Cause::Unknown
    );
}

/// Ports whose endpoint refuses the call while the object is replaced.
struct Overwritten(Memory);

impl InferenceEndpoint for Overwritten {
    async fn invoke(&self, _: &Invocation) -> Result<Accepted, InvokeError> {
        self.0.put(BUCKET, KEY, PDF);
        Err(InvokeError::Refused("ThrottlingException".to_owned()))
    }
}

impl JobStore for Overwritten {
    async fn load(&self, id: JobId) -> Result<Option<Job>, LoadError> {
        self.0.load(id).await
    }
    async fn create(&self, job: &Job) -> Result<(), SaveError> {
        self.0.create(job).await
    }
    async fn save(&self, request: SaveRequest<'_>) -> Result<(), SaveError> {
        self.0.save(request).await
    }
    async fn newest(&self, t: &Tenant, c: StatusGroup, n: usize) -> Result<NewestJobs, LoadError> {
        self.0.newest(t, c, n).await
    }
}

impl KeyValueStore for Overwritten {
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Record>, Unavailable> {
        self.0.get(collection, key).await
    }
    async fn put(&self, collection: &str, key: &str, record: &Record) -> Result<bool, Unavailable> {
        KeyValueStore::put(&self.0, collection, key, record).await
    }
    async fn delete(&self, collection: &str, key: &str) -> Result<(), Unavailable> {
        self.0.delete(collection, key).await
    }
    async fn list_descending(
        &self,
        collection: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Vec<(String, Record)>, Unavailable> {
        self.0.list_descending(collection, before, limit).await
    }
}

impl ObjectStore for Overwritten {
    async fn head_current(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, HeadError> {
        self.0.head_current(bucket, key).await
    }
    async fn head(&self, location: &Location) -> Result<Option<ObjectHead>, HeadError> {
        self.0.head(location).await
    }
    async fn read(
        &self,
        location: &Location,
        limit: usize,
    ) -> Result<Option<FirstBytes>, HeadError> {
        self.0.read(location, limit).await
    }
    async fn copy(&self, b: &str, k: &str, v: &str, to: &Location) -> Result<(), CopyError> {
        self.0.copy(b, k, v, to).await
    }
    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, Unavailable> {
        self.0.list(bucket, prefix).await
    }
    async fn checksum(
        &self,
        object: &Location,
        version: &str,
    ) -> Result<Option<Checksum>, Unavailable> {
        self.0.checksum(object, version).await
    }

    async fn versions(&self, bucket: &str, key: &str) -> Result<Vec<ListedVersion>, Unavailable> {
        self.0.versions(bucket, key).await
    }
}

impl CheckQueue for Overwritten {
    async fn send_checks(&self, checks: &[DelayedMessage<CheckRequest>]) -> FailedEntries {
        self.0.send_checks(checks).await
    }
    async fn request_releases(&self, pipelines: &[DelayedMessage<String>]) -> FailedEntries {
        self.0.request_releases(pipelines).await
    }
}

impl RecentJobs for Overwritten {
    async fn recently_created(&self, shard: u8, limit: u16) -> Result<Vec<JobId>, Unavailable> {
        self.0.recently_created(shard, limit).await
    }
}

impl Clock for Overwritten {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    fn random(&self) -> u64 {
        self.0.random()
    }
}

#[test]
fn result_is_not_used_if_the_input_was_replaced_during_the_call() {
    let memory = Memory::at(NOW);
    let mut job = job_in_state("Submitting");
    job.input.key = KEY.to_owned();
    job.input.version = memory.put(BUCKET, KEY, PDF);
    // The response to the first call was lost. There is time for another one now, and for none later.
    let pipelines = Pipelines::parse(TOML).unwrap();
    let pipeline = pipelines.get(&job.pipeline).unwrap();
    let attempt_seconds = pipeline.queue_ttl_seconds
        + pipeline.invocation_timeout_seconds
        + pipeline.max_notification_delay_seconds;
    if let State::Submitting {
        lease_expires_at,
        budget,
        ..
    } = &mut job.state
    {
        *lease_expires_at = NOW;
        budget.expires_at = NOW.plus(Duration::from_secs(attempt_seconds.into()));
    }
    memory.state().jobs.insert(job.id, job.clone());
    let output = format!("outbound/{}/{}/a1/x.out", job.pipeline, job.id);
    memory.put(BUCKET, &output, b"{}");
    let again = CheckRequest {
        job: job.id,
        attempt: Attempt(1),
        due: Some(job.created_at),
    };
    let ports = Overwritten(memory);
    let pending = in_run(TOML, NOW, async |run| {
        retry(&ports, run, &again, false).await
    })
    .unwrap();
    let State::Failed { failure, .. } = &pending[0].state else {
        panic!("{:?}", pending[0].state)
    };
    assert_eq!(failure.cause, Cause::Superseded);
}
