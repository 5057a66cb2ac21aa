//! Which versions of an uploaded object are deleted with the data of a job.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use jobs::erase_objects::delete_input;
use jobs::id::{JobId, Location, Timestamp};
use jobs::job::Job;
use testkit::conformance::job_in_state;
use testkit::memory::{Memory, Object};

const KEY: &str = "inbound/acme/nda.pdf";
const BUCKET: &str = "docket-jobs";

/// Four uploads of the same bytes, oldest first.
fn uploads(memory: &Memory) -> [String; 4] {
    let same = || Object {
        etag: "same".to_owned(),
        ..Object::default()
    };
    [(); 4].map(|()| memory.put_object(BUCKET, KEY, Some(same())))
}

fn ready_job(memory: &Memory, id: JobId, version: &str) -> Job {
    let mut job = job_in_state("Ready");
    job.id = id;
    job.input.key = KEY.to_owned();
    job.input.version = version.to_owned();
    job.input.etag = "same".to_owned();
    memory.state().jobs.insert(id, job.clone());
    job
}

fn deleted(memory: &Memory, job: &Job) -> Vec<String> {
    let input = Location {
        bucket: BUCKET.to_owned(),
        key: KEY.to_owned(),
    };
    let work = delete_input(memory, job, &input);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut versions = runtime.block_on(work).unwrap();
    versions.sort();
    versions
}

#[test]
fn uploads_of_the_same_bytes_are_deleted_with_a_job_up_to_those_of_another_job() {
    let memory = Memory::at(Timestamp(1));
    let [oldest, second, third, newest] = uploads(&memory);
    let first_job = ready_job(&memory, JobId::of_key(BUCKET, KEY), &second);
    let later_job = ready_job(&memory, JobId::of_version(BUCKET, KEY, &newest), &newest);
    // The third upload made no job. Before it is the input of the key's first job.
    assert_eq!(
        deleted(&memory, &later_job),
        [third.clone(), newest.clone()]
    );
    assert_eq!(deleted(&memory, &first_job), [oldest, second]);
}

#[test]
fn uploads_after_the_end_of_the_job_stay() {
    let memory = Memory::at(Timestamp(1));
    let [oldest, second, third, _newest] = uploads(&memory);
    let job = ready_job(&memory, JobId::of_key(BUCKET, KEY), &third);
    let ended = job.ended_or_erased_at();
    // S3 dates a version by the second.
    let mut state = memory.state();
    let versions = state
        .objects
        .get_mut(&(BUCKET.to_owned(), KEY.to_owned()))
        .unwrap();
    versions[3].1.as_mut().unwrap().put_at = ended.plus(Duration::from_secs(1));
    drop(state);
    assert_eq!(deleted(&memory, &job), [oldest, second, third]);
}
