//! What an upload makes: bursts, uploads after an erasure, and versions that are gone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use jobs::error::IfUnusable;
use jobs::expected_work::BaseWork;
use jobs::id::{JobId, Timestamp};
use jobs::job::Job;
use jobs::ports::Record;
use jobs::state::State;
use jobs::submit::{Delivery, IfDenied, UploadEvent, submit};
use jobs::window::{KnownWindow, Window};
use testkit::conformance::one_in_every_state;
use testkit::memory::Memory;

use common::{BUCKET, TOML, in_run};

const NOW: Timestamp = Timestamp(1_767_608_042_118);
const KEY: &str = "inbound/acme/nda.pdf";
const PDF: &[u8] = b"%PDF-1.7";

/// Processes the event of an upload. Returns the jobs with pending effects.
fn submitted(memory: &Memory, key: &str, version: &str) -> Vec<Job> {
    let upload = UploadEvent {
        bucket: BUCKET.to_owned(),
        key: key.to_owned(),
        version: Some(version.to_owned()),
        bytes: PDF.len() as u64,
        etag: format!("etag.{version}"),
        trace_id: None,
    };
    let delivery = Delivery {
        if_denied: IfDenied::Redeliver,
        if_empty: IfUnusable::Redeliver,
    };
    in_run(TOML, NOW, async |run| {
        submit(memory, run, &upload, delivery).await
    })
    .unwrap()
}

/// Function `capacity` looks every 30 seconds, and a burst fills the window sooner.
#[test]
fn burst_asks_for_a_release_at_its_fourth_upload_and_each_time_it_has_doubled() {
    let memory = Memory::at(NOW);
    let run = Duration::from_secs(45);
    let known = KnownWindow {
        pipeline: "legal-review".to_owned(),
        until: NOW.plus(Duration::from_secs(180)),
        window: Window::new(1, 1, 1, run, run),
        is_full: false,
        base: BaseWork::default(),
    };
    let record = Record {
        body: known.to_line(),
        revision: 1,
        expires_at: None,
    };
    memory.state().records.put("pauses", "now", &record);
    let mut asked_at = Vec::new();
    for number in 1..=20 {
        let key = format!("inbound/acme/{number}.pdf");
        let version = memory.put(BUCKET, &key, PDF);
        submitted(&memory, &key, &version);
        let asked = std::mem::take(&mut memory.state().release_requests);
        asked_at.extend(asked.iter().map(|_| number));
    }
    assert_eq!(asked_at, [4, 8, 16]);
}

/// The job of the first version at the key, in a state.
fn with_job_of_first_version(memory: &Memory, state: &str) -> Job {
    let mut all = one_in_every_state(BUCKET, "acme").into_iter();
    let mut job = all.rfind(|job| job.state.name() == state).unwrap();
    job.id = JobId::of_key(BUCKET, KEY);
    job.input.version = "first".to_owned();
    if state != "Erased" {
        job.input.key = KEY.to_owned();
    }
    memory.state().jobs.insert(job.id, job.clone());
    job
}

#[test]
fn upload_after_the_erasure_of_its_keys_first_document_has_a_job() {
    let memory = Memory::at(NOW);
    let erased = with_job_of_first_version(&memory, "Erased");
    let version = memory.put(BUCKET, KEY, PDF);
    let pending = submitted(&memory, KEY, &version);
    assert_eq!(pending[0].input.version, version);
    assert_eq!(pending[0].state.name(), "InProgress");
    let state = memory.state();
    assert_eq!((state.jobs.len(), &state.jobs[&erased.id]), (2, &erased));
}

/// A row has the key, which may name the document. So there is none if the document was probably deleted with another's data.
#[test]
fn version_that_is_gone_has_a_failed_job_unless_its_keys_first_document_was_erased() {
    for (state, jobs) in [("Ready", 2), ("Erased", 1)] {
        let memory = Memory::at(NOW);
        let first = with_job_of_first_version(&memory, state);
        submitted(&memory, KEY, "second");
        let found = memory.state().jobs.clone();
        assert_eq!((found.len(), &found[&first.id]), (jobs, &first), "{state}");
        let second = found.values().find(|job| job.id != first.id);
        if let Some(second) = second {
            assert_eq!(second.input.version, "second");
            assert!(matches!(second.state, State::Failed { .. }));
        }
    }
}

#[test]
fn redelivered_upload_event_makes_no_second_job() {
    for uploads in [1, 2] {
        let memory = Memory::at(NOW);
        for _ in 0..uploads {
            let version = memory.put(BUCKET, KEY, PDF);
            for _ in 0..2 {
                submitted(&memory, KEY, &version);
            }
        }
        let state = memory.state();
        assert_eq!(
            (state.jobs.len(), state.invocations.len()),
            (uploads, uploads)
        );
    }
}
