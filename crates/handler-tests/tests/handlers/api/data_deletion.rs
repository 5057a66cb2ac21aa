//! Deletion is final and complete: whatever a job went through, after the deletion of its data nothing in the service names
//! the document or repeats the model's words, and no late message changes that.

mod retention;
mod story;
mod told;

use api::search_index::build::index_jobs;
use api::types::{JobCommandResult, JobDetail, JobPage, UploadView};
use functions::handlers::{inference_error, inference_success, retry, upload_trigger};
use jobs::id::{Attempt, JobId, Location};
use jobs::job::Job;
use jobs::ports::{Connection, JobStore, ObjectDeletion, QuarantinedMessage, RetryCommand};
use jobs::state::{Cause, State};
use serde_json::json;
use testkit::memory::{Memory, Object};

use super::super::fixtures::{
    BUCKET, NOW, PDF, TestApp, advance, batch, failed, find, run, succeeded, upload_event,
    upload_event_of,
};
use super::TestApi;
use story::{ARRIVALS, Arrival, EIGHT_HOURS_MS, LIVES, Life, Story};

/// A part of every name and key of the document.
const NAME: &str = "geheim";
/// A part of everything that the model says.
const WORDS: &str = "Klausel-Neun";
/// A part of every reason that a user gives, except that of the deletion.
const REASON: &str = "Grund-Sieben";

#[test]
fn nothing_of_a_document_is_left_after_its_data_is_deleted_and_no_late_message_brings_it_back() {
    for arrival in ARRIVALS {
        for life in LIVES {
            let story = Story::new(arrival, life);
            let when = format!("{arrival:?} {life:?}");
            assert!(
                story.everything().contains(NAME),
                "{when}: the test has lost its document"
            );
            story.quarantine_messages();
            advance(story.app(), EIGHT_HOURS_MS);
            story.count_usage();
            story.forget_what_was_sent();
            story.build_search_index();
            assert_eq!(story.found("geh%C3%ABim"), 1, "{when}: the index");
            let before = story.job();
            assert!(!before.state.is_open(), "{when}: {before:?}");
            let answer = story.command("data-deletion", "the client asked");
            assert_eq!(answer.job.status, "Erased", "{when}");
            assert_eq!(story.found("geheim"), 0, "{when}");
            assert_eq!(answer.job.name, "(name deleted)", "{when}");
            assert_eq!(answer.job.failure, None, "{when}");
            story.assert_nothing_is_left(&when);
            let erased = story.job();
            assert_eq!(
                erased.updated_at, before.updated_at,
                "{when}: when it ended"
            );
            assert_eq!(
                erased.expires_at, before.expires_at,
                "{when}: when the row goes"
            );
            assert_eq!(
                story.api.ports().state().frames.len(),
                1,
                "{when}: pages must forget the name"
            );

            for received in [1, 4] {
                let newest = before.newest_attempt().max(before.state.attempt());
                for attempt in 1..=newest.0 {
                    story.success(Attempt(attempt), received);
                    story.assert_nothing_is_left(&format!(
                        "{when}, late success of attempt {attempt}"
                    ));
                    story.check(Attempt(attempt), None);
                    story.check(Attempt(attempt), Some(before.updated_at.0));
                    story.assert_nothing_is_left(&format!(
                        "{when}, late check of attempt {attempt}"
                    ));
                }
                if before.state.attempt() > Attempt::NONE {
                    story.failure("client error (400)");
                    story.failure("server error (500)");
                    story.assert_nothing_is_left(&format!("{when}, late failure"));
                }
                story.upload_event();
                story.assert_nothing_is_left(&format!("{when}, late upload event"));
            }
            let command = retry::RetryCommandMessage::from(&RetryCommand {
                job: story.id,
                expected_version: erased.version,
                actor: "sam@docket.example".to_owned(),
                reason: "of a plan".to_owned(),
                force: true,
                run_again: false,
                cancel: false,
                plan: None,
            });
            let body = serde_json::to_string(&command).unwrap();
            let app = story.app();
            let response = run(retry::handle(app, batch(app, &[body], 1)));
            assert!(response.unwrap().batch_item_failures.is_empty(), "{when}");
            for action in ["retry", "cancel"] {
                let mut support = story.api.support();
                let now = story.api.ports().state().now.0;
                support.claims["exp"] = json!((now / 1000 + 3600).to_string());
                let path = format!("/jobs/{}/{action}", story.id);
                let (code, detail) = support.problem("POST", &path, Some(json!({"reason": "x"})));
                assert_eq!(code, "refused", "{when}");
                assert!(detail.contains("deleted"), "{detail}");
            }
            let path = format!("/jobs/{}/marks", story.id);
            let late = json!({"note": "geheim", "opened": true, "reason": "x"});
            let (code, _) = story.support().problem("POST", &path, Some(late));
            assert_eq!(code, "refused", "{when}");
            story.assert_nothing_is_left(&format!("{when}, commands"));
            assert_eq!(story.job(), erased, "{when}: an erased job changed");
        }
    }
}

#[test]
fn erased_job_is_listed_as_such_and_found_by_its_id_but_not_by_its_key() {
    let story = Story::new(Arrival::PlainKey, Life::Rejected);
    story.command("data-deletion", "the client asked");
    let reviewer = story.api.reviewer();
    let list = |status: &str| {
        let page: JobPage = reviewer.get(&format!("/jobs?status={status}"));
        page.jobs
            .iter()
            .map(|job| job.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(list("erased"), ["(name deleted)"]);
    assert!(list("failed").is_empty());
    let found = |text: &str| {
        let page: JobPage = reviewer.get(&format!("/jobs?find={text}"));
        page.jobs.len()
    };
    assert_eq!(found(&story.id.to_string()), 1);
    assert_eq!(found("inbound%2Facme%2Fgeheim.pdf"), 0);
    assert_eq!(
        found("s3%3A%2F%2Fdocket-jobs%2Finbound%2Facme%2Fgeheim.pdf"),
        0
    );
    let detail: JobDetail = reviewer.get(&format!("/jobs/{}", story.id));
    assert_eq!(detail.input, "");
    assert!(
        detail.explanation.summary.starts_with("erased"),
        "{}",
        detail.explanation.summary
    );
    for what in ["result", "document"] {
        assert_eq!(
            reviewer.problem_code("GET", &format!("/jobs/{}/{what}", story.id), None),
            "gone"
        );
    }
}

#[test]
fn interrupted_deletion_is_completed_by_a_repetition_at_every_step() {
    for operation in [
        "get_record",
        "put_record",
        "delete_version",
        "list",
        "versions",
        "list_records",
        "list_messages",
        "get_message",
        "remove_message",
        "delete_record",
    ] {
        for (after, life) in [
            (false, Life::Rejected),
            (true, Life::Rejected),
            (false, Life::UploadedAgain),
            (true, Life::UploadedAgain),
        ] {
            let story = Story::new(Arrival::Session, life);
            advance(story.app(), 1000);
            let orphan = format!("outbound/legal-review/{}/a1/x.out", story.id);
            story.api.ports().put(BUCKET, &orphan, WORDS.as_bytes());
            story.quarantine_messages();
            advance(story.app(), EIGHT_HOURS_MS);
            story.count_usage();
            story.build_search_index();
            {
                let mut state = story.api.ports().state();
                let faults = if after {
                    &mut state.fail_after
                } else {
                    &mut state.fail_before
                };
                faults.insert(operation, 1);
            }
            let path = format!("/jobs/{}/data-deletion", story.id);
            let body = Some(json!({"reason": "the client asked"}));
            let response = story.support().send("POST", &path, body.as_ref());
            assert_eq!(
                response.status_code, 503,
                "{operation} {after}: {}",
                response.body
            );
            {
                let mut state = story.api.ports().state();
                state.fail_before.clear();
                state.fail_after.clear();
            }
            story.command("data-deletion", "the client asked");
            story.forget_what_was_sent();
            story.assert_nothing_is_left(&format!("{operation} failed, carried out: {after}"));
        }
    }
}

#[test]
fn discarded_message_leaves_nothing_of_its_body_in_the_audit_log() {
    let story = Story::new(Arrival::PlainKey, Life::Rejected);
    story.quarantine_messages();
    for id in ["uploads:m0", "inference-error:m1"] {
        let body = json!({"reason": "understood"});
        let response =
            story
                .api
                .support()
                .send("POST", &format!("/quarantine/{id}/discard"), Some(&body));
        assert!(response.status_code < 300, "{}", response.body);
    }
    story.command("data-deletion", "the client asked");
    story.forget_what_was_sent();
    story.assert_nothing_is_left("after a discard");
}

#[test]
fn every_place_with_a_name_is_in_the_world_of_these_tests() {
    let story = Story::new(Arrival::Session, Life::Rejected);
    story.quarantine_messages();
    advance(story.app(), EIGHT_HOURS_MS);
    story.count_usage();
    let state = story.api.ports().state();
    for place in ["webhook-log#acme#", "usage#", "plan", "upload#"] {
        let mut named = state.records.iter().filter(|(collection, _, record)| {
            collection.starts_with(place) && record.body.contains(NAME)
        });
        assert!(named.next().is_some(), "{place}");
    }
    assert!(!state.mails.is_empty());
    assert!(state.webhooks.iter().any(|it| it.body.contains(NAME)));
    let is_told = |words: &str| state.webhooks.iter().any(|it| it.body.contains(words));
    assert!(is_told(WORDS));
}

/// Rows of the hour may be gone, so it cannot be counted again.
#[test]
fn name_of_a_batch_leaves_the_usage_also_long_after_the_upload() {
    let story = Story::new(Arrival::Metadata, Life::Ready);
    advance(story.app(), EIGHT_HOURS_MS);
    story.count_usage();
    let documents = |batch: &str| {
        let state = story.api.ports().state();
        let days = state.records.iter().filter(|(collection, key, _)| {
            collection.starts_with("usage#") && key.starts_with("acme#")
        });
        let days = days
            .map(|(_, _, record)| serde_json::from_str::<serde_json::Value>(&record.body).unwrap());
        let sums = days.flat_map(|day| day["hours"].as_object().unwrap().clone());
        let sums = sums.flat_map(|(_, sums)| sums.as_array().unwrap().clone());
        let of_batch = sums.filter(|sum| sum["batch"].as_str().unwrap_or_default() == batch);
        of_batch
            .map(|sum| sum["documents"].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!((documents("geheim"), documents("")), (1, 0));
    advance(story.app(), 85 * 86_400_000);
    story.command("data-deletion", "the client asked");
    story.forget_batches();
    assert_eq!((documents("geheim"), documents("")), (0, 1));
}

/// A delivery that read the row before the deletion ends after it.
#[test]
fn delivery_that_ends_after_the_deletion_leaves_nothing_in_the_log() {
    let story = Story::new(Arrival::Metadata, Life::Rejected);
    advance(story.app(), EIGHT_HOURS_MS);
    let row = story.job();
    story.command("data-deletion", "the client asked");
    let erased = story.job();
    let ports = story.api.ports();
    ports.state().jobs.insert(row.id, row);
    // The request is made with the row as it was; its response arrives when the data is deleted.
    ports.state().after_webhook = Some(erased);
    story.resend(1);
    story.forget_what_was_sent();
    story.assert_nothing_is_left("after a late delivery");
}

/// Guarantee 10: every effect of a state runs at least once. S3 no longer lists the version that replaced the other.
#[test]
fn end_of_a_superseded_job_is_published_although_the_data_of_the_newer_one_was_deleted() {
    let api = TestApi::new();
    let app = api.handler.app();
    let key = "inbound/acme/lease.pdf";
    let upload = |message: &str| {
        let message = message.to_owned();
        let response = run(upload_trigger::handle(app, batch(app, &[message], 1)));
        response.unwrap().batch_item_failures.len()
    };
    let first = app.ports.put(BUCKET, key, PDF);
    assert_eq!(upload(&upload_event_of(app, key, &first)), 0);
    let second = app.ports.put(BUCKET, key, b"%PDF-1.7 a corrected lease");
    let again = upload_event_of(app, key, &second);
    app.ports.state().fail_before.insert("publish", 1);
    assert_eq!(upload(&again), 1);
    let id = JobId::of_version(BUCKET, key, &second);
    let output = format!("outbound/legal-review/{id}/a1/x.out");
    app.ports.put(BUCKET, &output, b"{}");
    let job = run(app.ports.load(id)).unwrap().unwrap();
    let message = succeeded(&job, &format!("s3://{BUCKET}/{output}"));
    run(inference_success::handle(app, batch(app, &[message], 1))).unwrap();
    let _: JobCommandResult = api.support().post(
        &format!("/jobs/{id}/data-deletion"),
        json!({"reason": "the client asked"}),
    );
    advance(app, 180_000);
    app.ports.state().events.clear();
    assert_eq!(upload(&again), 0);
    let state = app.ports.state();
    let published: Vec<_> = state
        .events
        .iter()
        .map(|(kind, job)| (*kind, &job.input.version))
        .collect();
    assert_eq!(published, [("JobFailed", &first)]);
}

/// Guarantee 10, as above. Nothing of the document is left in S3, so its message would be taken for one about the erased job.
#[test]
fn end_of_a_deleted_version_is_published_although_the_data_of_the_first_one_was_deleted() {
    let api = TestApi::new();
    let app = api.handler.app();
    let key = "inbound/acme/lease.pdf";
    let upload = |message: &str| {
        let message = message.to_owned();
        let response = run(upload_trigger::handle(app, batch(app, &[message], 1)));
        response.unwrap().batch_item_failures.len()
    };
    let first = app.ports.put(BUCKET, key, PDF);
    assert_eq!(upload(&upload_event_of(app, key, &first)), 0);
    let id = JobId::of_key(BUCKET, key);
    let output = format!("outbound/legal-review/{id}/a1/x.out");
    app.ports.put(BUCKET, &output, b"{}");
    let job = run(app.ports.load(id)).unwrap().unwrap();
    let message = succeeded(&job, &format!("s3://{BUCKET}/{output}"));
    run(inference_success::handle(app, batch(app, &[message], 1))).unwrap();
    let delete = |version: &str| {
        let place = Location {
            bucket: BUCKET.to_owned(),
            key: key.to_owned(),
        };
        run(app.ports.delete_version(&place, version)).unwrap();
    };
    let second = app.ports.put(BUCKET, key, b"%PDF-1.7 a corrected lease");
    let message = upload_event_of(app, key, &second);
    delete(&second);
    app.ports.state().fail_before.insert("publish", 1);
    assert_eq!(upload(&message), 1);
    let _: JobCommandResult = api.support().post(
        &format!("/jobs/{id}/data-deletion"),
        json!({"reason": "the client asked"}),
    );
    app.ports.state().events.clear();
    assert_eq!(upload(&message), 0);
    let ended = JobId::of_version(BUCKET, key, &second);
    let events = &app.ports.state().events;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].1.id, ended);
}
