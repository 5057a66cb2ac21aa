//! What every adapter of [`JobIndex`], [`Inventory`] and [`DeadLetters`] must do.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test suite: it panics when an expectation does not hold"
)]

use std::collections::BTreeMap;

use super::{TestEnvironment, full_job};
use crate::fixture::AdvanceJob as _;
use jobs::id::{JobId, Timestamp};
use jobs::lane::Lane;
use jobs::ports::{
    DeadLetters, Inventory, JobIndex, JobInput, JobStore, Listing, ListingCursor, Queue, QueuedJob,
    ScheduledCheck,
};
use jobs::save_request::SaveRequest;
use jobs::state::State;
use jobs::transition::Event;

/// [`JobIndex`]: open jobs by next check, and jobs by id.
pub async fn job_index<P: JobIndex + JobStore, E: TestEnvironment>(
    ports: &P,
    environment: &E,
    unique: &str,
) {
    let bucket = environment.bucket();
    let mut jobs = Vec::new();
    for number in 0..12 {
        let mut job = full_job(&bucket, unique, number);
        job.input.version = format!("v{number}");
        if number == 2 {
            job.input.labels.lane = Lane::Bulk;
        }
        ports.create(&job).await.unwrap();
        jobs.push(job);
    }
    let next_check_at = |at: usize| jobs[at].next_check_at().unwrap();
    // The open jobs of this suite that are due by a time, read shard by shard in pages of two.
    let due_by = async |by: Timestamp| {
        let mut found = Vec::new();
        for shard in 0..JobId::SHARDS {
            let mut after = None;
            loop {
                let page = ports.due_by(shard, by, after, 2).await.unwrap();
                assert!(
                    page.len() <= 2,
                    "a page must have no more entries than the limit"
                );
                assert!(
                    page.is_sorted(),
                    "entries must be sorted earliest first: {page:?}"
                );
                let Some(last) = page.last() else { break };
                assert!(
                    after < Some(*last),
                    "a page must continue after the one before"
                );
                after = Some(*last);
                found.extend(page);
            }
        }
        let own = |due: &ScheduledCheck| jobs.iter().any(|job| job.id == due.job);
        let mut found: Vec<ScheduledCheck> = found.into_iter().filter(own).collect();
        found.sort();
        found
    };
    let all: Vec<ScheduledCheck> = jobs
        .iter()
        .map(|job| ScheduledCheck {
            next_check_at: job.next_check_at().unwrap(),
            job: job.id,
        })
        .collect();
    assert_eq!(
        due_by(next_check_at(11)).await,
        all,
        "every open job must be listed once, in its shard"
    );
    assert_eq!(
        due_by(next_check_at(3)).await,
        all[..4],
        "the given time must be included"
    );

    // Lists all open jobs once with any page size. A shared store may hold other jobs as well.
    let open_jobs = async |limit: u16| {
        let mut found = Vec::new();
        for shard in 0..JobId::SHARDS {
            let mut after = None;
            loop {
                let Listing { items: page, next } =
                    ports.open_jobs(shard, after, limit).await.unwrap();
                assert!(page.len() <= usize::from(limit));
                found.extend(
                    page.iter()
                        .map(|job| (job.created_at, job.pipeline.clone())),
                );
                after = next;
                if after.is_none() {
                    break;
                }
            }
        }
        found.sort();
        found
    };
    let found = open_jobs(2).await;
    assert_eq!(found, open_jobs(1000).await);
    for job in &jobs {
        let own = (job.created_at, job.pipeline.clone());
        assert!(found.contains(&own), "{own:?} is not among {found:?}");
    }

    let later = Timestamp(next_check_at(11).0 + 5);
    ports.postpone(all[0], later).await.unwrap();
    assert_eq!(
        due_by(next_check_at(11)).await,
        all[1..],
        "a postponed job must not be due"
    );
    ports
        .postpone(all[0], Timestamp(later.0 + 5))
        .await
        .expect("postponing a job whose entry has changed must succeed without effect");
    let moved = ScheduledCheck {
        next_check_at: later,
        job: jobs[0].id,
    };
    assert!(
        due_by(later).await.contains(&moved),
        "a postponed job must be due at the new time"
    );
    assert_eq!(
        ports.load(jobs[0].id).await.unwrap().as_ref(),
        Some(&jobs[0]),
        "postponing must not change the row"
    );
    let next = jobs[0].advanced(
        &Event::Uploaded,
        jobs[0].state.clone(),
        Timestamp(jobs[0].updated_at.0 + 1),
    );
    ports
        .save(SaveRequest::for_tests(&next))
        .await
        .expect("saving a postponed job must succeed");
    assert_eq!(
        due_by(next_check_at(11)).await,
        all,
        "a save must move the entry to the state's next check"
    );
    let unknown = ScheduledCheck {
        next_check_at: Timestamp(1),
        job: JobId::of_key(&bucket, "unknown"),
    };
    ports
        .postpone(unknown, Timestamp(2))
        .await
        .expect("postponing a job without a row must succeed");
    assert!(
        ports.load(unknown.job).await.unwrap().is_none(),
        "postponing must not create a row"
    );

    let mut ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    ids.push(unknown.job);
    // More ids than one request takes.
    ids.extend((0..150).map(|number| JobId::of_key(&bucket, &format!("nothing {number}"))));
    let known = ports.inputs_of(&ids).await.unwrap();
    let expected: BTreeMap<JobId, JobInput> = [&next]
        .into_iter()
        .chain(&jobs[1..])
        .map(|job| (job.id, JobInput::from(job)))
        .collect();
    assert_eq!(
        known, expected,
        "inputs_of must return the input of every existing job"
    );
    assert!(ports.inputs_of(&[]).await.unwrap().is_empty());

    // Three jobs are queued, the latest first, one of them urgent. They leave the index of open jobs.
    let own = |id: JobId| jobs.iter().any(|job| job.id == id);
    let queued_from = async |from: u64, limit: u16| {
        let mut found = Vec::new();
        for shard in 0..JobId::SHARDS {
            let mut after = None;
            loop {
                let page = ports.queued_jobs(shard, from, after, limit).await.unwrap();
                assert!(page.items.len() <= usize::from(limit));
                assert!(page.items.is_sorted_by_key(|queued| queued.position));
                found.extend(page.items);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        found.retain(|queued| own(queued.position.job));
        found.sort_by_key(|queued| queued.position);
        found
    };
    let queued_jobs = async |limit: u16| queued_from(0, limit).await;
    assert_eq!(queued_jobs(1).await, []);
    let mut expected = Vec::new();
    for (at, job) in [(30, &jobs[3]), (20, &jobs[1]), (10, &jobs[2])] {
        let State::Submitting {
            attempt, budget, ..
        } = job.state
        else {
            unreachable!()
        };
        let since = Timestamp(job.created_at.0 + at);
        let state = State::Queued {
            next: attempt,
            since,
            start_by: None,
            urgent: at == 30,
            budget,
        };
        let queued = job.advanced(&Event::Uploaded, state, since);
        ports.save(SaveRequest::for_tests(&queued)).await.unwrap();
        expected.push(QueuedJob::of(&queued).unwrap());
    }
    expected.sort_by_key(|queued| queued.position);
    assert!(expected[0].is_urgent(), "{expected:?}");
    assert_eq!(queued_jobs(1).await, expected);
    assert_eq!(queued_jobs(1000).await, expected);
    let second = expected[1].position.position;
    assert_eq!(queued_from(second, 1000).await, expected[1..]);
    assert_eq!(queued_from(second + 1, 1000).await, expected[2..]);
    let due = due_by(next_check_at(11)).await;
    assert!(
        expected
            .iter()
            .all(|it| due.iter().all(|due| due.job != it.position.job)),
        "a queued job must not be due"
    );
    let cancelled = State::Cancelled {
        attempt: jobs[1].state.attempt(),
    };
    let queued = ports.load(jobs[1].id).await.unwrap().unwrap();
    let at = Timestamp(queued.updated_at.0 + 1);
    let cancelled = queued.advanced(&Event::Overwritten, cancelled, at);
    ports
        .save(SaveRequest::for_tests(&cancelled))
        .await
        .unwrap();
    expected.retain(|it| it.position.job != jobs[1].id);
    assert_eq!(
        queued_jobs(1000).await,
        expected,
        "a job that is no longer queued must leave the index"
    );
}

/// [`Inventory`]: the current objects of the bucket.
pub async fn inventory<P: Inventory, E: TestEnvironment>(ports: &P, environment: &E, unique: &str) {
    let bucket = environment.bucket();
    let prefix = format!("elsewhere/{unique}/");
    let names = ["a b", "a+b", "gone", "twice", "Verträge %41 {x}", "z"];
    let mut current = BTreeMap::new();
    for name in names {
        let key = format!("{prefix}{name}.pdf");
        let mut version = environment.upload(&key, b"first").await;
        if name == "twice" {
            version = environment.upload(&key, b"second").await;
        }
        if name == "gone" {
            environment.delete(&key).await;
        } else {
            current.insert(key, version);
        }
    }
    environment
        .upload(&format!("elsewhere/{unique}-other/x.pdf"), b"x")
        .await;
    for limit in [1, 2, 3, 1000] {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let Listing { items: page, next } = ports
                .page(&bucket, &prefix, after.as_ref(), limit)
                .await
                .unwrap();
            assert!(page.len() <= usize::from(limit));
            found.extend(page);
            after = next;
            if after.is_none() {
                break;
            }
        }
        let keys: Vec<(&str, &str)> = found
            .iter()
            .map(|object| (object.key.as_str(), object.version.as_str()))
            .collect();
        let expected: Vec<(&str, &str)> = current
            .iter()
            .map(|(key, version)| (key.as_str(), version.as_str()))
            .collect();
        assert_eq!(
            keys, expected,
            "each current object must be listed once, sorted by key, in pages of {limit}"
        );
        for object in &found {
            let bytes = if object.key.contains("twice") { 6 } else { 5 };
            assert_eq!(object.bytes, bytes, "an object must have its size");
            assert!(
                object.put_at > Timestamp(1_700_000_000_000),
                "an object must have the time of its upload"
            );
            assert!(
                !object.etag.is_empty() && !object.etag.contains('"'),
                "an object must have its entity tag, without quotes"
            );
        }
    }
}

/// [`Inventory`]: the folders under a prefix, and a listing that starts in the middle of one.
pub async fn folders<P: Inventory, E: TestEnvironment>(ports: &P, environment: &E, unique: &str) {
    let bucket = environment.bucket();
    let prefix = format!("elsewhere/{unique}/");
    let folders = ["acme-2", "acme", "b c", "globex", "z"].map(|name| format!("{prefix}{name}/"));
    for folder in &folders {
        for name in ["0", "1", "2/3"] {
            environment.upload(&format!("{folder}{name}"), b"x").await;
        }
    }
    environment.upload(&format!("{prefix}loose"), b"x").await;
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let Listing { items, next } = ports
            .folders(&bucket, &prefix, after.as_ref())
            .await
            .unwrap();
        found.extend(items);
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, folders, "each folder must be listed once, in order");
    // The scan continues after the last key of a folder: `0` comes after `/`.
    let end = ListingCursor {
        key: format!("{prefix}acme0"),
        version: None,
    };
    let rest = ports.folders(&bucket, &prefix, Some(&end)).await.unwrap();
    assert_eq!(
        rest.items.first(),
        Some(&folders[2]),
        "folders must continue after a key that does not exist"
    );
    let middle = ListingCursor {
        key: format!("{}00", folders[3]),
        version: None,
    };
    let page = ports.page(&bucket, &folders[3], Some(&middle), 10).await;
    let keys = page.unwrap().items.into_iter().map(|object| object.key);
    assert_eq!(
        keys.collect::<Vec<_>>(),
        ["1", "2/3"].map(|name| format!("{}{name}", folders[3])),
        "a listing must start after a key that does not exist"
    );
}

/// [`DeadLetters`]: receiving, redriving and discarding.
pub async fn dead_letters<P: DeadLetters, E: TestEnvironment>(ports: &P, environment: &E) {
    let queue = Queue::InferenceSuccess;
    assert!(ports.receive(queue).await.unwrap().is_empty());
    let body = "{\"text\":\"Müller & Söhne\"}";
    environment.add_dead_letter(queue, body).await;
    let letter = first(ports, queue).await;
    assert_eq!(
        (letter.body.as_str(), letter.dead_since),
        (body, None),
        "a dead letter must have the body that was sent"
    );
    assert!(!letter.first_id.is_empty());

    let since = Timestamp(1_767_607_442_118);
    ports.redrive_letter(queue, &letter, since).await.unwrap();
    ports.discard(queue, &letter).await.unwrap();
    ports
        .discard(queue, &letter)
        .await
        .expect("discarding twice must succeed");
    environment.fail_redriven(queue).await;
    let again = first(ports, queue).await;
    assert_eq!(
        (again.body.as_str(), again.dead_since, &again.first_id),
        (body, Some(since), &letter.first_id),
        "a redriven dead letter that fails again must keep its first id and the time of its first redrive"
    );
    ports.redrive_letter(queue, &again, since).await.unwrap();
    ports.discard(queue, &again).await.unwrap();
    environment.fail_redriven(queue).await;
    let third = first(ports, queue).await;
    assert_eq!(
        (third.dead_since, &third.first_id),
        (Some(since), &letter.first_id)
    );
    ports.discard(queue, &third).await.unwrap();
    assert!(
        ports.receive(queue).await.unwrap().is_empty(),
        "a discarded dead letter must not be received"
    );
}

/// Receives until the queue returns its message: one receive may return none (SQS developer guide, "Amazon SQS short
/// and long polling").
async fn first<P: DeadLetters>(ports: &P, queue: Queue) -> jobs::ports::DeadLetter {
    for _ in 0..20 {
        if let Some(letter) = ports.receive(queue).await.unwrap().pop() {
            return letter;
        }
    }
    panic!("no dead letter was received")
}
