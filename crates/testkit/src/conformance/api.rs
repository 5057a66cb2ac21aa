//! What every adapter of [`KeyValueStore`] and [`JobList`] must do.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test suite: it panics when an expectation does not hold"
)]

use super::full_job;
use crate::fixture::AdvanceJob as _;
use api::ports::{JobList, JobListEntry, JobListKey, MarksStore, Page, TimeRange};
use jobs::id::{Attempt, JobId, Tenant, Timestamp};
use jobs::job::Job;
use jobs::labels::{Labels, Tags};
use jobs::lane::Lane;
use jobs::marks::{Marks, Reviewed};
use jobs::ports::{JobStore, KeyValueStore, Record};
use jobs::save_request::SaveRequest;
use jobs::state::{Cause, Failure, State, StatusGroup};
use jobs::transition::Event;

/// [`MarksStore`]: marks and saves of the protocol leave each other alone, and a deletion of data removes marks.
pub async fn marks_store<P: MarksStore + JobStore>(ports: &P, bucket: &str, unique: &str) {
    let job = full_job(bucket, unique, 4100);
    let marks = |note: &str, revision: u64| Marks {
        revision,
        note: Some(note.to_owned()),
        reviewed: Some(Reviewed {
            by: "Müller".to_owned(),
            at: 1,
            attempt: 1,
        }),
        ..Marks::default()
    };
    let save = async |marks: &Marks| ports.save_marks(job.id, marks).await.unwrap();
    let stored = async || ports.load(job.id).await.unwrap().unwrap().marks;
    assert!(
        !save(&marks("too early", 1)).await,
        "marks must not create a row"
    );
    assert_eq!(ports.load(job.id).await.unwrap(), None);
    ports.create(&job).await.unwrap();
    let first = marks("first", 1);
    assert!(save(&first).await);
    assert_eq!(stored().await.as_deref(), Some(&first));
    assert!(
        save(&first).await,
        "repeating a write must succeed: the first response may have been lost"
    );
    for (revision, note) in [(1, "another"), (3, "skipping")] {
        assert!(!save(&marks(note, revision)).await, "{note}");
    }
    // The protocol saves a job that it loaded before the marks were written.
    let next = job.advanced(&Event::Uploaded, job.state.clone(), job.created_at);
    ports.save(SaveRequest::for_tests(&next)).await.unwrap();
    assert_eq!(
        stored().await.as_deref(),
        Some(&first),
        "a save must not overwrite marks"
    );
    ports
        .save(SaveRequest::for_tests(&next))
        .await
        .unwrap_or_else(|error| panic!("repeating a save must succeed beside marks: {error}"));
    let erased = next.advanced(
        &Event::Uploaded,
        State::Erased {
            attempt: Attempt(1),
        },
        job.created_at,
    );
    ports.save(SaveRequest::for_tests(&erased)).await.unwrap();
    assert_eq!(stored().await, None, "erasing must remove marks");
    assert!(
        !save(&marks("late", 2)).await && !save(&marks("late", 1)).await,
        "an erased row takes no marks"
    );
}

/// [`KeyValueStore`]: revisions and listing.
pub async fn key_value_store<P: KeyValueStore>(ports: &P, unique: &str) {
    let collection = format!("conformance#{unique}");
    let record = |text: &str, revision: u64| Record {
        body: text.to_owned(),
        revision,
        expires_at: (revision > 1).then_some(Timestamp(1_900_000_000_000)),
    };
    let read = async |key: &str| ports.get(&collection, key).await.unwrap();
    let write =
        async |key: &str, record: &Record| ports.put(&collection, key, record).await.unwrap();
    assert_eq!(
        read("a").await,
        None,
        "read returns nothing for a key that was never written"
    );
    let first = record("{\"at\":\"Müller/Söhne\"}", 1);
    assert!(write("a", &first).await);
    assert_eq!(read("a").await, Some(first.clone()));
    assert!(
        write("a", &first).await,
        "repeating a write must succeed: the first response may have been lost"
    );
    let second = record("2", 2);
    assert!(write("a", &second).await);
    assert!(
        !write("a", &record("late", 2)).await,
        "writing different content under a stored revision must be refused"
    );
    assert!(
        !write("a", &record("first", 1)).await,
        "writing revision 1 of an existing key must be refused"
    );
    assert!(
        !write("b", &record("early", 2)).await,
        "writing revision 2 of a new key must be refused"
    );
    assert_eq!(read("a").await, Some(second.clone()));

    for key in ["b", "c", "d"] {
        assert!(write(key, &first).await);
    }
    let keys = async |before: Option<&str>, limit: u16| -> Vec<String> {
        let found = ports
            .list_descending(&collection, before, limit)
            .await
            .unwrap();
        found.into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(
        keys(None, 9).await,
        ["d", "c", "b", "a"],
        "records must be sorted by key, descending"
    );
    assert_eq!(
        keys(Some("d"), 2).await,
        ["c", "b"],
        "a page must continue before the given key"
    );
    let found = ports
        .list_descending(&collection, Some("b"), 1)
        .await
        .unwrap();
    assert_eq!(found, [("a".to_owned(), second)]);
    ports.delete(&collection, "c").await.unwrap();
    ports.delete(&collection, "c").await.unwrap();
    assert_eq!(
        keys(None, 9).await,
        ["d", "b", "a"],
        "a removed record must not be listed"
    );
    assert!(
        ports
            .list_descending(unique, None, 9)
            .await
            .unwrap()
            .is_empty(),
        "a collection must not contain records of another"
    );
    large_records(ports, unique).await;
}

/// More than DynamoDB returns at once, which is a megabyte (API reference, `Query`).
async fn large_records<P: KeyValueStore>(ports: &P, unique: &str) {
    let collection = format!("conformance-large#{unique}");
    let record = Record {
        body: "x".repeat(300_000),
        revision: 1,
        expires_at: None,
    };
    for key in ["a", "b", "c", "d", "e", "f"] {
        assert!(ports.put(&collection, key, &record).await.unwrap());
    }
    for (before, limit, expected) in [
        (None, 9, "fedcba"),
        (None, 6, "fedcba"),
        (None, 5, "fedcb"),
        (Some("f"), 9, "edcba"),
    ] {
        let found = ports.list_descending(&collection, before, limit).await;
        let keys: String = found.unwrap().into_iter().map(|(key, _)| key).collect();
        assert_eq!(
            keys, expected,
            "a page must have all records up to its limit"
        );
    }
}

/// Jobs are listed by reference and by batch, until their data is deleted.
async fn labelled_jobs<P: JobList + JobStore>(ports: &P, bucket: &str, tenant: &Tenant) {
    let mut job = full_job(bucket, tenant.as_str(), 100);
    job.input.labels = Labels {
        reference: Some("INV#4711 ü".to_owned()),
        batch: Some("May".to_owned()),
        tags: Tags::from_lines("client=ACME\nmatter=47-11".to_owned()),
        lane: Lane::Bulk,
        invalid: "tags:format".to_owned(),
    };
    ports.create(&job).await.unwrap();
    assert_eq!(ports.load(job.id).await.unwrap().as_ref(), Some(&job));
    let other: Tenant = format!("{tenant}-2").parse().unwrap();
    let count = async |list: JobListKey| {
        let found = ports.list_entries(&list, TimeRange::ALL, 9).await.unwrap();
        assert!(found.items.iter().all(|entry| entry.job == job.id));
        found.items.len()
    };
    let counts = async || {
        let reference = || "INV#4711 ü".to_owned();
        (
            count(JobListKey::OfReference(tenant.clone(), reference())).await,
            count(JobListKey::OfBatch(tenant.clone(), "May".to_owned())).await,
            count(JobListKey::OfReference(other.clone(), reference())).await,
            count(JobListKey::OfBatch(tenant.clone(), "June".to_owned())).await,
        )
    };
    assert_eq!(
        counts().await,
        (1, 1, 0, 0),
        "a job must be listed by its labels"
    );
    let cancel = Event::Cancel {
        actor: "a".to_owned(),
        reason: "b".to_owned(),
    };
    let attempt = Attempt(1);
    let at = |ms: u64| Timestamp(job.created_at.0 + ms);
    let cancelled = job.advanced(&cancel, State::Cancelled { attempt }, at(1));
    ports
        .save(SaveRequest::for_tests(&cancelled))
        .await
        .unwrap();
    let erase = Event::Erase {
        actor: "a".to_owned(),
        reason: "b".to_owned(),
    };
    let erased = cancelled.advanced(&erase, State::Erased { attempt }, at(2));
    ports.save(SaveRequest::for_tests(&erased)).await.unwrap();
    assert_eq!(
        counts().await,
        (0, 0, 0, 0),
        "an erased job must not be listed by its labels"
    );
    let stored = ports.load(job.id).await.unwrap().unwrap();
    assert_eq!(stored.input.labels, Labels::default());
}

/// [`JobList`]: entries and rows.
pub async fn job_list<P: JobList + JobStore>(ports: &P, bucket: &str, unique: &str) {
    let tenant: Tenant = unique.parse().unwrap();
    let mut jobs: Vec<Job> = Vec::new();
    for number in 0..6 {
        let job = full_job(bucket, unique, number);
        ports.create(&job).await.unwrap();
        jobs.push(job);
    }
    let open = JobListKey::OfTenant(tenant.clone(), StatusGroup::Open);
    let mut expected: Vec<JobListEntry> = jobs
        .iter()
        .map(|job| JobListEntry {
            at: job.created_at,
            job: job.id,
        })
        .collect();
    expected.sort();
    expected.reverse();
    let page = |entries: &[JobListEntry], more: bool| Page {
        items: entries.to_vec(),
        more,
    };
    assert_eq!(
        ports.list_entries(&open, TimeRange::ALL, 9).await.unwrap(),
        page(&expected, false),
        "entries must be sorted newest first"
    );
    assert_eq!(
        ports.list_entries(&open, TimeRange::ALL, 2).await.unwrap(),
        page(&expected[..2], true),
        "a page must have no more entries than the limit"
    );
    let range = TimeRange {
        from: expected[4].at,
        to: expected[2].at,
    };
    assert_eq!(
        ports.list_entries(&open, range, 9).await.unwrap(),
        page(&expected[2..=4], false),
        "a range must include both of its ends"
    );

    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let unknown = JobId::of_key(bucket, "unknown");
    let mut rows = ports
        .get_jobs(&[&ids[..], &[unknown]].concat())
        .await
        .unwrap();
    rows.sort_by_key(|job| job.created_at);
    assert_eq!(
        rows, jobs,
        "rows must be complete, and ids without a row must be left out"
    );
    assert!(ports.get_jobs(&[]).await.unwrap().is_empty());

    let shard = jobs[0].id.shard();
    let mut of_shard: Vec<JobListEntry> = expected.clone();
    of_shard.retain(|entry| entry.job.shard() == shard);
    let created = async |list: JobListKey| {
        let found = ports.list_entries(&list, TimeRange::ALL, 1000).await;
        let mut entries = found.unwrap().items;
        entries.retain(|entry| ids.contains(&entry.job));
        entries
    };
    assert_eq!(
        created(JobListKey::Created(shard)).await,
        of_shard,
        "jobs of all tenants must be sorted newest first"
    );
    of_shard.reverse();
    assert_eq!(
        created(JobListKey::CreatedOldestFirst(shard)).await,
        of_shard,
        "jobs of all tenants must be sorted oldest first"
    );

    labelled_jobs(ports, bucket, &tenant).await;

    // A job that is first in the list of open jobs, then in that of failed jobs.
    let job = &jobs[0];
    let find = async |list: &JobListKey| {
        let found = ports
            .list_entries(list, TimeRange::ALL, 1000)
            .await
            .unwrap();
        found.items.into_iter().find(|entry| entry.job == job.id)
    };
    let in_open = find(&JobListKey::Open(job.id.shard())).await.unwrap();
    assert_eq!(
        Some(in_open.at),
        job.next_check_at(),
        "an open job must be listed by the time of its next check"
    );
    assert_eq!(find(&JobListKey::Failed(job.id.shard())).await, None);
    let failed = State::Failed {
        attempt: Attempt(1),
        failure: Failure::new(Cause::ModelError, "it broke"),
    };
    let failed = job.advanced(&Event::Overwritten, failed, Timestamp(job.created_at.0 + 5));
    ports.save(SaveRequest::for_tests(&failed)).await.unwrap();
    assert_eq!(
        find(&JobListKey::Open(job.id.shard())).await,
        None,
        "a failed job must not be listed as open"
    );
    let in_failed = find(&JobListKey::Failed(job.id.shard())).await.unwrap();
    assert_eq!(
        in_failed.at, failed.updated_at,
        "a failed job must be listed by the time it failed"
    );
}
