//! What every adapter of the storage ports must do, as a suite: the in-memory ports and the AWS ones pass the same.
//!
//! Each function panics with the sentence that does not hold. `unique` keeps runs on a shared store apart.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    async_fn_in_trait,
    reason = "a test suite: it panics when a sentence does not hold"
)]

use std::time::Duration;

use jobs::id::{Attempt, JobId, LeaseToken, Location, Tenant, Timestamp};
use jobs::input::Input;
use jobs::job::{Job, NewJob};
use jobs::ports::{
    Connection, Connections, JobStore, LoadError, NewestJobs, ObjectStore, Quarantine,
    QuarantinedMessage, Queue, SaveError, Tickets,
};
use jobs::save_request::SaveRequest;
use jobs::state::{Cause, Failure, RetryBudget, State, StatusGroup};
use jobs::transition::{Event, Evidence, Policy};

use crate::fixture::AdvanceJob as _;

mod api;
mod reconcile;

pub use api::{documents, job_list, quarantine_desk};
pub use reconcile::{dead_letters, inventory, job_index};

/// What a suite needs beside the ports: the outside world's half.
pub trait Outside {
    /// The bucket to work in.
    fn bucket(&self) -> String;
    /// Puts an object as a customer would; answers its version id.
    async fn upload(&self, key: &str, content: &[u8]) -> String;
    /// Deletes an object as a customer would.
    async fn delete(&self, key: &str);
    /// Issues a ticket with this secret.
    async fn issue(&self, secret: &str, subscription: &str, expires_at: Timestamp);
    /// Puts a text into a queue's dead letters, as SQS does with one that was never worked off.
    async fn bury(&self, queue: Queue, body: &str);
    /// Whatever was sent back to a queue becomes a dead letter again.
    async fn die_again(&self, queue: Queue);
    /// Writes a row as a newer release would.
    async fn save_as_newer_release(&self, job: &Job);
}

/// A job with every field filled, in a tenant of its own.
pub fn full_job(bucket: &str, unique: &str, number: u64) -> Job {
    let key = format!("inbound/{unique}/Mietvertrag Müller + Söhne {number}.pdf");
    let policy = Policy {
        attempts: 3,
        backoff_seconds: vec![30, 300, 1800],
        attempt_seconds: 23_520,
        job_deadline_seconds: 82_800,
    };
    let input = Input {
        bucket: bucket.to_owned(),
        key: key.clone(),
        version: "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY".to_owned(),
        etag: "9b2cf535f27731c974343645a3985328".to_owned(),
        bytes: 3_141_592,
        content_type: "application/pdf".to_owned(),
        name: Some("Mietvertrag Müller + Söhne.pdf".to_owned()),
        uploaded_by: Some("b1946ac9-2492-4e1f-8d3b-0a1c2d3e4f50".to_owned()),
    };
    let now = Timestamp(1_767_607_442_118 + number * 1000);
    let budget = RetryBudget {
        last_attempt: Attempt(3),
        expires_at: now.plus(Duration::from_secs(82_800)),
    };
    let deadline = now.plus(Duration::from_secs(23_520));
    let state = State::Submitting {
        attempt: Attempt(1),
        lease_token: LeaseToken(u64::MAX - number),
        lease_expires_at: now.plus(Duration::from_secs(65)),
        deadline,
        budget,
    };
    let tenant = unique.parse().unwrap_or_else(|_| Tenant::fallback());
    Job::new(NewJob {
        id: JobId::of_key(bucket, &key),
        tenant,
        pipeline: "legal-review".to_owned(),
        row_ttl_days: 180,
        policy,
        input,
        trace_id: "1-5759e988-bd862e3fe1be46a994272793".parse().ok(),
        state,
        created_at: now,
    })
}

/// One job in every state, each a step on from the first.
pub fn one_in_every_state(bucket: &str, unique: &str) -> Vec<Job> {
    let job = full_job(bucket, unique, 0);
    let State::Submitting {
        attempt,
        deadline,
        budget,
        ..
    } = job.state
    else {
        return vec![];
    };
    let output = Location {
        bucket: bucket.to_owned(),
        key: format!("outbound/legal-review/{}/a1/0c6b1f9679f3.out", job.id),
    };
    let elsewhere = Location {
        bucket: "another-bucket".to_owned(),
        key: "failure/legal-review/0c6b-error.out".to_owned(),
    };
    let at = |ms| job.created_at.plus(Duration::from_millis(ms));
    let failure = Failure::new(
        Cause::ModelError,
        "ClientError: Received server error (500) from model.",
    );
    let accepted = Event::Accepted {
        attempt,
        output: Some(output.clone()),
        failure: Some(elsewhere),
    };
    let running = job.advanced(
        &accepted,
        State::InProgress {
            attempt,
            deadline,
            budget,
        },
        at(180),
    );
    let failed = Event::AttemptFailed {
        attempt,
        failure: failure.clone(),
    };
    let retry = State::RetryScheduled {
        next: attempt.next(),
        due: at(90_000),
        budget,
    };
    let principal = |cancel: bool| {
        let (actor, reason) = (
            "ops@example.com".to_owned(),
            "the client sent the wrong file; \"again\"\n".to_owned(),
        );
        if cancel {
            Event::Cancel { actor, reason }
        } else {
            Event::Resubmit { actor, reason }
        }
    };
    let found = Event::CheckDue {
        attempt,
        due: None,
        evidence: Evidence::Output {
            attempt,
            output: output.clone(),
        },
    };
    vec![
        job.clone(),
        running.clone(),
        running.advanced(&failed, retry.clone(), at(60_000)),
        running.advanced(
            &Event::Succeeded { attempt, output },
            State::Ready { attempt },
            at(45_000),
        ),
        running.advanced(&found, State::Ready { attempt }, at(46_000)),
        running.advanced(&failed, State::Failed { attempt, failure }, at(60_000)),
        running.advanced(&principal(true), State::Cancelled { attempt }, at(61_000)),
        running.advanced(&failed, retry, at(60_000)).advanced(
            &principal(false),
            State::RetryScheduled {
                next: attempt.next(),
                due: at(62_000),
                budget,
            },
            at(62_000),
        ),
    ]
}

/// The job table.
pub async fn job_store<P: JobStore, O: Outside>(ports: &P, outside: &O, unique: &str) {
    let bucket = outside.bucket();
    let job = full_job(&bucket, unique, 0);
    assert!(
        matches!(ports.load(job.id).await, Ok(None)),
        "a job that was never saved is not there"
    );

    ports.create(&job).await.expect("a first version is saved");
    assert_eq!(
        ports.load(job.id).await.unwrap(),
        Some(job.clone()),
        "a row reads back as it was saved"
    );
    ports
        .create(&job)
        .await
        .expect("the same create again succeeds: its first answer may have been lost");
    let mut other = job.clone();
    other.input.version = "another".to_owned();
    match ports.create(&other).await {
        Err(SaveError::Conflict(Some(there))) => assert_eq!(
            *there, job,
            "a conflicting create brings the row that is there"
        ),
        other => panic!("a second job under the same id is a conflict, not {other:?}"),
    }

    let states = one_in_every_state(&bucket, unique);
    ports
        .save(SaveRequest::for_tests(&states[1]))
        .await
        .expect("the next version is saved");
    ports
        .save(SaveRequest::for_tests(&states[1]))
        .await
        .expect("the same save again succeeds: its first answer may have been lost");
    for stale in [&states[2], &states[3]] {
        let mut stale = stale.clone();
        stale.version = 2;
        assert!(
            matches!(
                ports.save(SaveRequest::for_tests(&stale)).await,
                Err(SaveError::Conflict(_))
            ),
            "a save of a version that is there already, but differs, is a conflict"
        );
    }
    let mut early = states[7].clone();
    early.version = 4;
    assert!(
        matches!(
            ports.save(SaveRequest::for_tests(&early)).await,
            Err(SaveError::Conflict(_))
        ),
        "a save that skips a version is a conflict"
    );
    let never = full_job(&bucket, unique, 77);
    let never = never.advanced(&Event::Uploaded, never.state.clone(), never.created_at);
    assert!(
        matches!(
            ports.save(SaveRequest::for_tests(&never)).await,
            Err(SaveError::Conflict(None))
        ),
        "a save of a row that is not there is a conflict"
    );

    for (number, state) in (1000..).zip(states) {
        let mut job = state;
        job.id = full_job(&bucket, unique, number).id;
        let version = job.version;
        job.version = 1;
        ports.create(&job).await.unwrap();
        job.version = version;
        job.version = 2;
        ports.save(SaveRequest::for_tests(&job)).await.unwrap();
        assert_eq!(
            ports.load(job.id).await.unwrap(),
            Some(job.clone()),
            "a row in state {} reads back as it was saved",
            job.state.name()
        );
    }

    let newer = full_job(&bucket, unique, 500);
    outside.save_as_newer_release(&newer).await;
    assert!(
        matches!(ports.load(newer.id).await, Err(LoadError::NewerSchema(id)) if id == newer.id),
        "a row of a newer release is not touched"
    );
}

/// Lists of the job table.
pub async fn lists<P: JobStore, O: Outside>(ports: &P, outside: &O, unique: &str) {
    let bucket = outside.bucket();
    let tenant: Tenant = unique.parse().expect("unique is a tenant name");
    for number in 0..5 {
        ports
            .create(&full_job(&bucket, unique, number))
            .await
            .unwrap();
    }
    let NewestJobs { jobs: page, more } =
        ports.newest(&tenant, StatusGroup::Open, 3).await.unwrap();
    let created: Vec<_> = page.iter().map(|job| job.created_at).collect();
    assert_eq!(page.len(), 3, "a list has as many as were asked for");
    assert!(
        created.is_sorted_by(|a, b| a >= b),
        "newest first: {created:?}"
    );
    assert!(more, "there are more");
    let NewestJobs { jobs: page, more } =
        ports.newest(&tenant, StatusGroup::Open, 5).await.unwrap();
    assert_eq!((page.len(), more), (5, false), "and then there are no more");

    let job = full_job(&bucket, unique, 0);
    ports
        .save(SaveRequest::for_tests(&job.advanced(
            &Event::Overwritten,
            State::Cancelled {
                attempt: Attempt(1),
            },
            job.created_at,
        )))
        .await
        .unwrap();
    let NewestJobs { jobs: open, .. } = ports.newest(&tenant, StatusGroup::Open, 9).await.unwrap();
    let NewestJobs {
        jobs: cancelled, ..
    } = ports
        .newest(&tenant, StatusGroup::Cancelled, 9)
        .await
        .unwrap();
    assert_eq!(
        (open.len(), cancelled.len()),
        (4, 1),
        "a job stands in the list of its class alone"
    );
    let stranger: Tenant = "stranger".parse().expect("a tenant name");
    assert!(
        ports
            .newest(&stranger, StatusGroup::Open, 9)
            .await
            .unwrap()
            .jobs
            .iter()
            .all(|job| job.tenant == stranger),
        "another tenant's list has none of them"
    );
}

/// The object store.
pub async fn object_store<P: ObjectStore, O: Outside>(ports: &P, outside: &O, unique: &str) {
    let bucket = outside.bucket();
    let key = format!("elsewhere/{unique}/Q1 + Q2/Verträge %41 {{x}}.pdf");
    let at = |key: &str| Location {
        bucket: bucket.clone(),
        key: key.to_owned(),
    };
    assert!(
        ports.peek(&bucket, &key).await.unwrap().is_none(),
        "an object that was never put is not there"
    );
    assert!(ports.head(&at(&key)).await.unwrap().is_none());
    assert!(ports.read(&at(&key), 9).await.unwrap().is_none());

    let v1 = outside.upload(&key, &[b'x'; 3000]).await;
    let head = ports
        .peek(&bucket, &key)
        .await
        .unwrap()
        .expect("it is there");
    assert_eq!(
        (head.bytes, head.first_bytes.len(), head.version.as_str()),
        (3000, 1024, v1.as_str()),
        "a peek has size, version and the first 1,024 bytes"
    );
    let v2 = outside.upload(&key, b"").await;
    let head = ports
        .peek(&bucket, &key)
        .await
        .unwrap()
        .expect("an empty object is there too");
    assert_eq!(
        (head.bytes, head.first_bytes.len(), head.version.as_str()),
        (0, 0, v2.as_str()),
        "a peek sees the current version, also if it is empty"
    );
    let v3 = outside.upload(&key, b"short").await;
    let head = ports.peek(&bucket, &key).await.unwrap().unwrap();
    assert_eq!(
        (head.bytes, head.first_bytes.as_slice()),
        (5, b"short".as_slice())
    );
    assert_eq!(ports.head(&at(&key)).await.unwrap().unwrap().version, v3);
    assert_eq!(
        ports.read(&at(&key), 3).await.unwrap().unwrap(),
        b"sho",
        "no more is read than was asked for"
    );
    assert_eq!(
        ports.versions(&bucket, &key).await.unwrap(),
        [v3.clone(), v2, v1.clone()],
        "versions come newest first"
    );

    let copy = at(&format!("elsewhere/{unique}/copy"));
    ports
        .copy(&bucket, &key, &v1, &copy)
        .await
        .expect("an old version can be copied");
    assert_eq!(ports.head(&copy).await.unwrap().unwrap().bytes, 3000);
    outside.delete(&key).await;
    assert!(
        ports.peek(&bucket, &key).await.unwrap().is_none(),
        "a deleted object is not there"
    );
    assert_eq!(
        ports.versions(&bucket, &key).await.unwrap().len(),
        3,
        "its versions are"
    );
    outside.upload(&format!("{key}x"), b"longer key").await;
    assert_eq!(
        ports.versions(&bucket, &key).await.unwrap().len(),
        3,
        "a longer key with the same beginning is another key"
    );

    let prefix = format!("elsewhere/{unique}/outputs/");
    outside.upload(&format!("{prefix}a1/x.out"), b"1").await;
    outside.upload(&format!("{prefix}a2/y z.out"), b"2").await;
    assert_eq!(
        ports.list(&bucket, &prefix).await.unwrap(),
        [format!("{prefix}a1/x.out"), format!("{prefix}a2/y z.out")],
        "keys under a prefix are listed as they are"
    );
    assert!(
        ports
            .list(&bucket, &format!("{prefix}a3/"))
            .await
            .unwrap()
            .is_empty()
    );
}

/// Open pages.
pub async fn connections<P: Connections>(ports: &P, unique: &str) {
    let connection = |id: &str| Connection {
        uploader: None,
        subscription: unique.to_owned(),
        connection_id: id.to_owned(),
        registered_at: Timestamp(5),
        token_expires_at: Timestamp(99_000),
    };
    assert!(ports.connected(unique).await.unwrap().is_empty());
    ports
        .register(&connection("Jm9xdcOyoAMCLxA="))
        .await
        .unwrap();
    ports.register(&connection("b")).await.unwrap();
    ports.register(&connection("b")).await.unwrap();
    assert_eq!(
        ports.connected(unique).await.unwrap().len(),
        2,
        "a page is registered once"
    );
    assert!(
        ports
            .connected(unique)
            .await
            .unwrap()
            .contains(&connection("Jm9xdcOyoAMCLxA=")),
        "and reads back as it was"
    );
    ports.forget(unique, "b").await.unwrap();
    ports
        .forget(unique, "b")
        .await
        .expect("forgetting twice is no error");
    assert_eq!(
        ports.connected(unique).await.unwrap(),
        [connection("Jm9xdcOyoAMCLxA=")]
    );
}

/// Tickets. `now` is the adapter's own time.
pub async fn tickets<P: Tickets, O: Outside>(ports: &P, outside: &O, unique: &str, now: Timestamp) {
    let live = now.plus(Duration::from_secs(60));
    outside.issue(&format!("{unique}-good"), "acme", live).await;
    let ticket = ports
        .redeem(&format!("{unique}-good"))
        .await
        .unwrap()
        .expect("a ticket is good");
    assert_eq!(ticket.subscription, "acme");
    assert!(
        ports
            .redeem(&format!("{unique}-good"))
            .await
            .unwrap()
            .is_none(),
        "once"
    );
    assert!(
        ports
            .redeem(&format!("{unique}-never"))
            .await
            .unwrap()
            .is_none(),
        "one that was never issued is not"
    );
    outside
        .issue(&format!("{unique}-old"), "acme", Timestamp(now.0 - 1))
        .await;
    assert!(
        ports
            .redeem(&format!("{unique}-old"))
            .await
            .unwrap()
            .is_none(),
        "nor is one that has expired"
    );
}

/// The quarantine.
pub async fn quarantine<P: Quarantine>(ports: &P, unique: &str) {
    let entry = QuarantinedMessage {
        source: "uploads".to_owned(),
        message_id: unique.to_owned(),
        cause: "Malformed".into(),
        problem: "it is not JSON".to_owned(),
        body: "ü".repeat(100_000),
        at: Timestamp(1),
    };
    ports.keep(&entry).await.expect("a large message is kept");
    ports
        .keep(&entry)
        .await
        .expect("keeping it again changes nothing");
}
