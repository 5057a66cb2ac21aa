//! What the ports of the desk must do.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test suite: it panics when a sentence does not hold"
)]

use super::full_job;
use crate::fixture::AdvanceJob as _;
use api::ports::{JobList, JobListEntry, JobListKey, QuarantineStore, TimeRange};
use jobs::id::{Attempt, JobId, Tenant, Timestamp};
use jobs::job::Job;
use jobs::ports::{JobStore, KeyValueStore, Quarantine, QuarantinedMessage, Record};
use jobs::save_request::SaveRequest;
use jobs::state::{Cause, Failure, State, StatusGroup};
use jobs::transition::Event;

/// Documents.
pub async fn documents<P: KeyValueStore>(ports: &P, unique: &str) {
    let folder = format!("state#{unique}");
    let document = |text: &str, revision: u64| Record {
        text: text.to_owned(),
        revision,
        expires_at: (revision > 1).then_some(Timestamp(1_900_000_000_000)),
    };
    let read = async |name: &str| ports.read(&folder, name).await.unwrap();
    let write =
        async |name: &str, document: &Record| ports.write(&folder, name, document).await.unwrap();
    assert_eq!(read("a").await, None, "what was never written is not there");
    let first = document("{\"at\":\"Müller/Söhne\"}", 1);
    assert!(write("a", &first).await);
    assert_eq!(read("a").await, Some(first.clone()));
    assert!(write("a", &first).await, "a repeated write succeeds");
    let second = document("2", 2);
    assert!(write("a", &second).await);
    assert!(
        !write("a", &document("late", 2)).await,
        "the second writer is refused"
    );
    assert!(
        !write("a", &document("first", 1)).await,
        "it is there already"
    );
    assert!(
        !write("b", &document("early", 2)).await,
        "it is not there yet"
    );
    assert_eq!(read("a").await, Some(second.clone()));

    for name in ["b", "c", "d"] {
        assert!(write(name, &first).await);
    }
    let names = async |before: Option<&str>, limit: u16| -> Vec<String> {
        let found = ports.last(&folder, before, limit).await.unwrap();
        found.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(None, 9).await, ["d", "c", "b", "a"], "the last first");
    assert_eq!(
        names(Some("d"), 2).await,
        ["c", "b"],
        "a page goes on before a name"
    );
    let found = ports.last(&folder, Some("b"), 1).await.unwrap();
    assert_eq!(found, [("a".to_owned(), second)]);
    ports.remove(&folder, "c").await.unwrap();
    ports.remove(&folder, "c").await.unwrap();
    assert_eq!(
        names(None, 9).await,
        ["d", "b", "a"],
        "what was removed is gone"
    );
    assert!(
        ports.last(unique, None, 9).await.unwrap().is_empty(),
        "another folder has none of them"
    );
}

/// Lists of jobs.
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
    assert_eq!(
        ports.places(&open, TimeRange::ALL, 9).await.unwrap(),
        (expected.clone(), false),
        "newest first"
    );
    assert_eq!(
        ports.places(&open, TimeRange::ALL, 2).await.unwrap(),
        (expected[..2].to_vec(), true),
        "no more than were asked for"
    );
    let span = TimeRange {
        from: expected[4].at,
        to: expected[2].at,
    };
    assert_eq!(
        ports.places(&open, span, 9).await.unwrap(),
        (expected[2..=4].to_vec(), false),
        "both ends of a span belong to it"
    );

    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    let unknown = JobId::of_key(bucket, "nobody's");
    let mut rows = ports.rows(&[&ids[..], &[unknown]].concat()).await.unwrap();
    rows.sort_by_key(|job| job.created_at);
    assert_eq!(rows, jobs, "rows are whole; what there is not is left out");
    assert!(ports.rows(&[]).await.unwrap().is_empty());

    // One in the index of what must be looked at, then in that of the failed.
    let job = &jobs[0];
    let has = async |list: &JobListKey| {
        let (places, _) = ports.places(list, TimeRange::ALL, 1000).await.unwrap();
        places.into_iter().find(|place| place.job == job.id)
    };
    let in_open = has(&JobListKey::Open(job.id.shard())).await.unwrap();
    assert_eq!(
        Some(in_open.at),
        job.next_check_at(),
        "an open job stands by when to look"
    );
    assert_eq!(has(&JobListKey::Failed(job.id.shard())).await, None);
    let failed = State::Failed {
        attempt: Attempt(1),
        failure: Failure::new(Cause::ModelError, "it broke"),
    };
    let failed = job.advanced(&Event::Overwritten, failed, Timestamp(job.created_at.0 + 5));
    ports.save(SaveRequest::for_tests(&failed)).await.unwrap();
    assert_eq!(
        has(&JobListKey::Open(job.id.shard())).await,
        None,
        "it is not open any more"
    );
    let in_failed = has(&JobListKey::Failed(job.id.shard())).await.unwrap();
    assert_eq!(
        in_failed.at, failed.updated_at,
        "a failed job stands by when it failed"
    );
}

/// The desk's side of the quarantine.
pub async fn quarantine_desk<P: Quarantine + QuarantineStore>(ports: &P, unique: &str) {
    let entry = |id: &str, body: String| QuarantinedMessage {
        source: "uploads".to_owned(),
        message_id: format!("{unique}-{id}"),
        cause: "Malformed".into(),
        problem: "it is not JSON".to_owned(),
        body,
        at: Timestamp(1_767_607_442_118),
    };
    let long = entry("a", "ü".repeat(100_000));
    let short = entry("b", "x".to_owned());
    ports.keep(&long).await.unwrap();
    ports.keep(&short).await.unwrap();
    let own = |kept: &api::ports::QuarantineItem| kept.entry.message_id.starts_with(unique);
    let (listed, _) = ports.kept(Some(("uploads", unique)), 100).await.unwrap();
    let listed: Vec<_> = listed.into_iter().filter(own).collect();
    let sizes: Vec<u64> = listed.iter().map(|kept| kept.body_bytes).collect();
    assert_eq!(
        sizes,
        [200_000, 1],
        "by their ids, with their whole lengths"
    );
    let first = &long.message_id;
    let (after, _) = ports.kept(Some(("uploads", first)), 1).await.unwrap();
    assert_eq!(
        after[0].entry.message_id, short.message_id,
        "a page goes on after a message"
    );
    let whole = ports.entry("uploads", first).await.unwrap().unwrap();
    assert_eq!(
        (whole.entry, whole.replayed_at),
        (long.clone(), None),
        "the whole text is there"
    );
    assert!(ports.entry("checks", first).await.unwrap().is_none());

    let mark = Timestamp(1_767_607_442_200);
    assert!(ports.mark("uploads", first, mark).await.unwrap());
    assert!(!ports.mark("uploads", "nobody's", mark).await.unwrap());
    let at_once = Timestamp(mark.0 + 50);
    assert!(
        !ports.mark("uploads", first, at_once).await.unwrap(),
        "somebody else is sending it"
    );
    let again = QuarantinedMessage {
        problem: "it still is not".to_owned(),
        ..long.clone()
    };
    ports.keep(&again).await.unwrap();
    ports.take_out("uploads", first, Some(mark)).await.unwrap();
    let kept = ports.entry("uploads", first).await.unwrap().unwrap();
    assert_eq!(
        (kept.entry.problem.as_str(), kept.replayed_at),
        ("it still is not", None),
        "one that failed again while it was being sent again stays"
    );
    assert!(ports.mark("uploads", first, mark).await.unwrap());
    ports.take_out("uploads", first, Some(mark)).await.unwrap();
    assert!(
        ports.entry("uploads", first).await.unwrap().is_none(),
        "else it is taken out"
    );
    ports
        .take_out("uploads", &short.message_id, None)
        .await
        .unwrap();
    ports
        .take_out("uploads", &short.message_id, None)
        .await
        .unwrap();
    assert!(
        ports
            .entry("uploads", &short.message_id)
            .await
            .unwrap()
            .is_none()
    );
}
