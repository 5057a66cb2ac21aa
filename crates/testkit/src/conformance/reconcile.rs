//! What the ports of the reconciler must do.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test suite: it panics when a sentence does not hold"
)]

use std::collections::BTreeMap;

use super::{Outside, full_job};
use crate::fixture::AdvanceJob as _;
use jobs::id::{JobId, Timestamp};
use jobs::ports::{DeadLetters, Inventory, JobIndex, JobStore, Listing, Queue, ScheduledCheck};
use jobs::save_request::SaveRequest;
use jobs::transition::Event;

/// The indexes of the job table.
pub async fn job_index<P: JobIndex + JobStore, O: Outside>(ports: &P, outside: &O, unique: &str) {
    let bucket = outside.bucket();
    let mut jobs = Vec::new();
    for number in 0..12 {
        let mut job = full_job(&bucket, unique, number);
        job.input.version = format!("v{number}");
        ports.create(&job).await.unwrap();
        jobs.push(job);
    }
    let next_check_at = |at: usize| jobs[at].next_check_at().unwrap();
    // All open jobs of this suite that the index has by a time, shard by shard, in pages of two.
    let by = async |by: Timestamp| {
        let mut found = Vec::new();
        for shard in 0..JobId::SHARDS {
            let mut after = None;
            loop {
                let page = ports.due_by(shard, by, after, 2).await.unwrap();
                assert!(page.len() <= 2, "a page has no more than were asked for");
                assert!(page.is_sorted(), "the earliest come first: {page:?}");
                let Some(last) = page.last() else { break };
                assert!(after < Some(*last), "a page goes on after the one before");
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
        by(next_check_at(11)).await,
        all,
        "every open job is found in its shard, once"
    );
    assert_eq!(
        by(next_check_at(3)).await,
        all[..4],
        "up to and with the time asked for"
    );

    // However small the pages, all open jobs are counted once, those of others among them.
    let count = async |limit: u16| {
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
    let found = count(2).await;
    assert_eq!(found, count(1000).await);
    for job in &jobs {
        let own = (job.created_at, job.pipeline.clone());
        assert!(found.contains(&own), "{own:?} is not among {found:?}");
    }

    let later = Timestamp(next_check_at(11).0 + 5);
    ports.postpone(all[0], later).await.unwrap();
    assert_eq!(
        by(next_check_at(11)).await,
        all[1..],
        "a postponed job is not due"
    );
    ports
        .postpone(all[0], Timestamp(later.0 + 5))
        .await
        .expect("a job that has left its place stays where it is");
    let moved = ScheduledCheck {
        next_check_at: later,
        job: jobs[0].id,
    };
    assert!(
        by(later).await.contains(&moved),
        "and it is due at its new place"
    );
    assert_eq!(
        ports.load(jobs[0].id).await.unwrap().as_ref(),
        Some(&jobs[0]),
        "its row is as it was"
    );
    let next = jobs[0].advanced(
        &Event::Uploaded,
        jobs[0].state.clone(),
        Timestamp(jobs[0].updated_at.0 + 1),
    );
    ports
        .save(SaveRequest::for_tests(&next))
        .await
        .expect("and can be saved as if nothing had happened");
    assert_eq!(
        by(next_check_at(11)).await,
        all,
        "a save puts it where its state belongs"
    );
    let nobody = ScheduledCheck {
        next_check_at: Timestamp(1),
        job: JobId::of_key(&bucket, "nobody's"),
    };
    ports
        .postpone(nobody, Timestamp(2))
        .await
        .expect("a job that is gone is no error");
    assert!(
        ports.load(nobody.job).await.unwrap().is_none(),
        "and is not made by it"
    );

    let mut ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    ids.push(nobody.job);
    // More than one request takes.
    ids.extend((0..150).map(|number| JobId::of_key(&bucket, &format!("nothing {number}"))));
    let known = ports.versions_of(&ids).await.unwrap();
    let expected: BTreeMap<JobId, String> = jobs
        .iter()
        .map(|job| (job.id, job.input.version.clone()))
        .collect();
    assert_eq!(
        known, expected,
        "the jobs that there are, each with its version"
    );
    assert!(ports.versions_of(&[]).await.unwrap().is_empty());
}

/// The listing of the bucket.
pub async fn inventory<P: Inventory, O: Outside>(ports: &P, outside: &O, unique: &str) {
    let bucket = outside.bucket();
    let prefix = format!("elsewhere/{unique}/");
    let names = ["a b", "a+b", "gone", "twice", "Verträge %41 {x}", "z"];
    let mut current = BTreeMap::new();
    for name in names {
        let key = format!("{prefix}{name}.pdf");
        let mut version = outside.upload(&key, b"first").await;
        if name == "twice" {
            version = outside.upload(&key, b"second").await;
        }
        if name == "gone" {
            outside.delete(&key).await;
        } else {
            current.insert(key, version);
        }
    }
    outside
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
            "each current object once, in order, in pages of {limit}"
        );
        for object in &found {
            let bytes = if object.key.contains("twice") { 6 } else { 5 };
            assert_eq!(object.bytes, bytes, "with its size");
            assert!(object.put_at > Timestamp(1_700_000_000_000), "and its time");
            assert!(
                !object.etag.is_empty() && !object.etag.contains('"'),
                "and its entity tag without quotes"
            );
        }
    }
}

/// Dead letters.
pub async fn dead_letters<P: DeadLetters, O: Outside>(ports: &P, outside: &O) {
    let queue = Queue::InferenceSuccess;
    assert!(ports.receive(queue).await.unwrap().is_empty());
    let body = "{\"text\":\"Müller & Söhne\"}";
    outside.bury(queue, body).await;
    let letter = first(ports, queue).await;
    assert_eq!(
        (letter.body.as_str(), letter.dead_since),
        (body, None),
        "a dead letter reads as it was sent"
    );
    assert!(!letter.first_id.is_empty());

    let since = Timestamp(1_767_607_442_118);
    ports.redrive_letter(queue, &letter, since).await.unwrap();
    ports.discard(queue, &letter).await.unwrap();
    ports
        .discard(queue, &letter)
        .await
        .expect("deleting twice is no error");
    outside.die_again(queue).await;
    let again = first(ports, queue).await;
    assert_eq!(
        (again.body.as_str(), again.dead_since, &again.first_id),
        (body, Some(since), &letter.first_id),
        "one that was sent back and died again is known by its first id, and since when"
    );
    ports.redrive_letter(queue, &again, since).await.unwrap();
    ports.discard(queue, &again).await.unwrap();
    outside.die_again(queue).await;
    let third = first(ports, queue).await;
    assert_eq!(
        (third.dead_since, &third.first_id),
        (Some(since), &letter.first_id)
    );
    ports.discard(queue, &third).await.unwrap();
    assert!(
        ports.receive(queue).await.unwrap().is_empty(),
        "what was deleted is gone"
    );
}

/// A queue may be slow to show what it has (SQS developer guide, "At-least-once delivery").
async fn first<P: DeadLetters>(ports: &P, queue: Queue) -> jobs::ports::DeadLetter {
    for _ in 0..20 {
        if let Some(letter) = ports.receive(queue).await.unwrap().pop() {
            return letter;
        }
    }
    panic!("there is no dead letter")
}
