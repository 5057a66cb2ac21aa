//! What becomes of uploads: the real handler over in-memory ports.

mod unprocessable;

use crate::fixtures::{BUCKET, PDF, app, batch, failures, find, job, run, upload_event};
use functions::handlers::{retry, upload_trigger};
use jobs::id::{Attempt, JobId};
use jobs::ports::Connection;
use jobs::state::{Cause, State};
use testkit::memory::Object;

fn upload(app: &crate::fixtures::TestApp, bodies: &[String]) -> Vec<String> {
    let response = run(upload_trigger::handle(app, batch(app, bodies, 1))).unwrap();
    failures(&response).into_iter().map(str::to_owned).collect()
}

#[test]
fn pdf_is_submitted_once() {
    let app = app();
    app.ports.state().connections.push(Connection {
        uploader: None,
        hides_contents: false,
        subscription: "acme".into(),
        connection_id: "c".into(),
        registered_at: crate::fixtures::NOW,
        token_expires_at: jobs::id::Timestamp(u64::MAX),
    });
    let version = app.ports.put(BUCKET, "inbound/acme/nda.pdf", PDF);
    assert!(upload(&app, &[upload_event("inbound/acme/nda.pdf", &version)]).is_empty());
    let job = job(&app, "inbound/acme/nda.pdf");
    assert!(
        matches!(
            job.state,
            State::InProgress {
                attempt: Attempt::FIRST,
                ..
            }
        ),
        "{:?}",
        job.state
    );
    let state = app.ports.state();
    let invocation = &state.invocations[0];
    assert_eq!(invocation.endpoint, "docket-legal-review");
    assert_eq!(
        invocation.input.to_string(),
        "s3://docket-jobs/inbound/acme/nda.pdf"
    );
    assert_eq!(
        (invocation.content_type.as_str(), invocation.accept),
        ("application/pdf", "application/json")
    );
    assert_eq!(
        (
            invocation.queue_ttl_seconds,
            invocation.invocation_timeout_seconds
        ),
        (21_600, 120)
    );
    assert_eq!(
        invocation.trace_id.to_string(),
        "1-67891233-abcdef012345678912345678"
    );
    assert!(
        state.frames[0].1.contains("\"status\":\"InProgress\""),
        "{:?}",
        state.frames
    );
}

/// Guarantee 5: a duplicate event costs no second GPU run.
#[test]
fn duplicate_upload_event_starts_no_second_run() {
    let app = app();
    let version = app.ports.put(BUCKET, "inbound/acme/nda.pdf", PDF);
    let body = upload_event("inbound/acme/nda.pdf", &version);
    for bodies in [vec![body.clone(), body.clone(), body.clone()], vec![body]] {
        let come_back = upload(&app, &bodies);
        // Of concurrent deliveries all but one may find the lease taken; they are redelivered and find the work done.
        assert!(come_back.len() < bodies.len());
    }
    assert_eq!(app.ports.state().invocations.len(), 1);
    assert_eq!(app.ports.state().jobs.len(), 1);
}

#[test]
fn object_with_an_unusual_key_is_copied_and_succeeds() {
    let long = format!("inbound/acme/{}.pdf", "x".repeat(1007));
    assert_eq!(long.len(), 1024);
    for key in [
        "inbound/acme/a b.pdf",
        "inbound/acme/a+b.pdf",
        "inbound/acme/Müller & Söhne 契約.pdf",
        &long,
    ] {
        let app = app();
        let version = app.ports.put(BUCKET, key, PDF);
        assert!(upload(&app, &[upload_event(key, &version)]).is_empty());
        let job = job(&app, key);
        assert!(
            matches!(job.state, State::InProgress { .. }),
            "{key}: {:?}",
            job.state
        );
        let input = app.ports.state().invocations[0].input.clone();
        assert_eq!(input.key, format!("work/{}", job.id), "{key}");
        assert!(input.to_string().len() <= 1024);
    }
}

#[test]
fn file_named_after_another_tenants_job_id_is_a_separate_job() {
    let app = app();
    let name = "6f1c1b9e-9e7e-4d0e-8a53-6d1a7a0e7c11.pdf";
    for tenant in ["acme", "globex"] {
        let key = format!("inbound/{tenant}/{name}");
        let version = app.ports.put(BUCKET, &key, PDF);
        upload(&app, &[upload_event(&key, &version)]);
    }
    let state = app.ports.state();
    let mut tenants: Vec<_> = state
        .jobs
        .values()
        .map(|job| job.tenant.to_string())
        .collect();
    tenants.sort();
    assert_eq!(tenants, ["acme", "globex"]);
}

/// Guarantee 1: every current object version has exactly one job, whatever S3 events are lost, duplicated or reordered.
#[test]
fn every_current_version_has_one_job_in_any_order_of_events() {
    let key = "inbound/acme/nda.pdf";
    for order in [[0, 1, 0, 1], [1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1]] {
        let app = app();
        let versions = [
            app.ports.put(BUCKET, key, PDF),
            app.ports.put(BUCKET, key, PDF),
        ];
        for i in order {
            assert!(upload(&app, &[upload_event(key, &versions[i])]).is_empty());
        }
        let state = app.ports.state();
        assert_eq!(state.jobs.len(), 2, "{order:?}");
        for job in state.jobs.values() {
            let current = job.input.version == versions[1];
            match &job.state {
                State::InProgress { .. } => assert!(current, "{order:?}"),
                State::Failed { failure, .. } => {
                    assert!(!current && failure.cause == Cause::Superseded, "{order:?}")
                }
                other => panic!("{order:?}: {other:?}"),
            }
        }
        assert_eq!(state.invocations.len(), 1, "{order:?}");
    }
}

#[test]
fn newer_version_supersedes_the_open_job_of_an_older_one() {
    let app = app();
    let key = "inbound/acme/nda.pdf";
    let first = app.ports.put(BUCKET, key, PDF);
    upload(&app, &[upload_event(key, &first)]);
    crate::fixtures::advance(&app, 120_000);
    let second = app.ports.put(BUCKET, key, PDF);
    upload(&app, &[upload_event(key, &second)]);
    crate::fixtures::advance(&app, 120_000);
    let third = app.ports.put(BUCKET, key, PDF);
    upload(&app, &[upload_event(key, &third)]);
    assert!(
        matches!(&job(&app, key).state, State::Failed { failure, .. } if failure.cause == Cause::Superseded)
    );
    let of = |version: &str| {
        find(&app, JobId::of_version(BUCKET, key, version))
            .unwrap()
            .state
    };
    assert!(
        matches!(of(&second), State::Failed { failure, .. } if failure.cause == Cause::Superseded)
    );
    assert!(matches!(of(&third), State::InProgress { .. }));
    let published: Vec<_> = app
        .ports
        .state()
        .events
        .iter()
        .map(|(kind, job)| (*kind, job.input.version.clone()))
        .collect();
    assert_eq!(published, [("JobFailed", first), ("JobFailed", second)]);
}

/// Guarantee 10: every effect of a state (invoke, retry message, push, event) runs at least once.
#[test]
fn end_of_a_superseded_job_is_published_although_the_writing_clock_was_behind() {
    let app = app();
    let key = "inbound/acme/nda.pdf";
    let first = app.ports.put(BUCKET, key, PDF);
    upload(&app, &[upload_event(key, &first)]);
    let second = app.ports.put(BUCKET, key, PDF);
    // One function makes the new job and dies before it closes the old one.
    app.ports.state().fail_before.insert("load", 1);
    assert_eq!(upload(&app, &[upload_event(key, &second)]).len(), 1);
    // A function whose clock is a second behind closes it and cannot publish that.
    app.ports.state().now.0 -= 1000;
    app.ports.state().fail_before.insert("publish", 1);
    assert_eq!(upload(&app, &[upload_event(key, &second)]).len(), 1);
    crate::fixtures::advance(&app, 180_000);
    assert!(upload(&app, &[upload_event(key, &second)]).is_empty());
    let published: Vec<_> = app
        .ports
        .state()
        .events
        .iter()
        .map(|(kind, job)| (*kind, job.input.version.clone()))
        .collect();
    assert_eq!(published, [("JobFailed", first)]);
}

/// While the lease is valid, the message is redelivered. After it expires, the next delivery takes over and invokes.
#[test]
fn submission_that_crashed_is_taken_over_when_its_lease_expires() {
    let app = app();
    let key = "inbound/acme/nda.pdf";
    let version = app.ports.put(BUCKET, key, PDF);
    let body = upload_event(key, &version);
    app.ports.state().fail_before.insert("invoke", 1);
    assert_eq!(
        upload(&app, std::slice::from_ref(&body)),
        ["m0"],
        "an unanswered call comes back"
    );
    assert!(matches!(job(&app, key).state, State::Submitting { .. }));
    assert_eq!(
        upload(&app, std::slice::from_ref(&body)),
        ["m0"],
        "while the lease is valid, no other function invokes the endpoint"
    );
    assert!(app.ports.state().invocations.is_empty());
    crate::fixtures::advance(&app, 66_000);
    assert!(upload(&app, &[body]).is_empty());
    assert!(matches!(
        job(&app, key).state,
        State::InProgress {
            attempt: Attempt::FIRST,
            ..
        }
    ));
    assert_eq!(app.ports.state().invocations.len(), 1);
}

/// Guarantee 10: every effect of a state (invoke, retry message, push, event) runs at least once.
#[test]
fn failed_effects_run_again_when_the_message_is_redelivered() {
    for lost in ["create", "save", "publish"] {
        let app = app();
        let key = "inbound/acme/text.pdf";
        let content = if lost == "save" { PDF } else { b"hello" };
        let version = app.ports.put(BUCKET, key, content);
        let body = upload_event(key, &version);
        app.ports.state().fail_after.insert(lost, 1);
        assert_eq!(upload(&app, std::slice::from_ref(&body)), ["m0"], "{lost}");
        crate::fixtures::advance(&app, 66_000);
        assert!(upload(&app, &[body]).is_empty(), "{lost}");
        let state = app.ports.state();
        if lost == "save" {
            assert_eq!(
                state.invocations.len(),
                1,
                "the call was answered and recorded, only that record's answer was lost"
            );
        } else {
            assert!(
                state.events.iter().any(|(kind, _)| *kind == "JobFailed"),
                "{lost}"
            );
        }
    }
}

#[test]
fn refused_invocation_schedules_the_same_attempt_again() {
    let app = app();
    let key = "inbound/acme/nda.pdf";
    let version = app.ports.put(BUCKET, key, PDF);
    app.ports
        .state()
        .refusals
        .push_back("ThrottlingException: slow down".to_owned());
    assert!(upload(&app, &[upload_event(key, &version)]).is_empty());
    let scheduled = job(&app, key);
    let State::RetryScheduled {
        next: Attempt::FIRST,
        ..
    } = scheduled.state
    else {
        panic!("{:?}", scheduled.state)
    };
    let delayed = app.ports.state().checks[0];
    let (check, delay) = (delayed.message, delayed.delay_seconds);
    assert_eq!((check.job, check.attempt), (scheduled.id, Attempt::FIRST));
    assert!(delay <= 30, "{delay}");
    let body = serde_json::json!({"job_id": check.job.to_string(), "attempt": check.attempt.0, "due": check.due.map(|due| due.0)})
        .to_string();
    let response = run(retry::handle(&app, batch(&app, &[body.clone(), body], 1))).unwrap();
    assert!(failures(&response).len() <= 1);
    assert!(matches!(
        job(&app, key).state,
        State::InProgress {
            attempt: Attempt::FIRST,
            ..
        }
    ));
    assert_eq!(app.ports.state().invocations.len(), 1);
}

#[test]
fn failure_to_send_a_retry_message_causes_redelivery_of_the_upload_event() {
    let app = app();
    let key = "inbound/acme/nda.pdf";
    let version = app.ports.put(BUCKET, key, PDF);
    let body = upload_event(key, &version);
    app.ports
        .state()
        .refusals
        .push_back("ServiceUnavailable: no".to_owned());
    app.ports.state().fail_before.insert("send", 1);
    assert_eq!(upload(&app, std::slice::from_ref(&body)), ["m0"]);
    assert!(upload(&app, &[body]).is_empty());
    assert_eq!(app.ports.state().checks.len(), 1);
}

/// Guarantee 10: every effect of a state (invoke, retry message, push, event) runs at least once.
#[test]
fn failure_is_published_although_the_key_was_overwritten_meanwhile() {
    let app = app();
    let key = "inbound/acme/text.pdf";
    let first = app.ports.put(BUCKET, key, b"hello");
    app.ports.state().fail_before.insert("publish", 1);
    assert_eq!(upload(&app, &[upload_event(key, &first)]), ["m0"]);
    app.ports.put(BUCKET, key, PDF);
    assert!(upload(&app, &[upload_event(key, &first)]).is_empty());
    assert_eq!(app.ports.state().events.len(), 1);
}

#[test]
fn existing_work_copy_is_not_copied_again() {
    let app = app();
    let key = "inbound/acme/a b.pdf";
    let version = app.ports.put(BUCKET, key, PDF);
    app.ports.state().fail_after.insert("copy", 1);
    assert_eq!(upload(&app, &[upload_event(key, &version)]), ["m0"]);
    crate::fixtures::advance(&app, 66_000);
    assert!(upload(&app, &[upload_event(key, &version)]).is_empty());
    let copy = format!("work/{}", job(&app, key).id);
    assert_eq!(
        app.ports.state().objects[&(BUCKET.to_owned(), copy)].len(),
        1
    );
}

/// The last second at which an attempt of `legal-review` can start and still end by its job's deadline: its deadline less the
/// time in the endpoint's queue, the run and late notifications.
const LAST_START_MS: u64 = (82_800 - 21_600 - 120 - 1800 - 1) * 1000;

/// Guarantee 2: a function that dies at the call for hours delays no job past its deadline.
#[test]
fn submission_that_comes_back_too_late_is_not_taken_over_and_ends_by_its_check() {
    let app = app();
    let key = "inbound/acme/nda.pdf";
    let version = app.ports.put(BUCKET, key, PDF);
    let body = upload_event(key, &version);
    app.ports.state().fail_before.insert("invoke", 1);
    assert_eq!(upload(&app, std::slice::from_ref(&body)), ["m0"]);
    crate::fixtures::advance(&app, LAST_START_MS + 2000);
    assert!(upload(&app, &[body]).is_empty());
    assert!(app.ports.state().invocations.is_empty());
    let waiting = job(&app, key);
    assert!(matches!(waiting.state, State::Submitting { .. }));
    let check = serde_json::json!({"job_id": waiting.id.to_string(), "attempt": 1}).to_string();
    run(retry::handle(&app, batch(&app, &[check], 1))).unwrap();
    let State::Failed { failure, .. } = job(&app, key).state else {
        panic!("{:?}", job(&app, key).state)
    };
    assert_eq!(failure.cause, Cause::Lost);
}

/// Before a job fails, its outputs are checked, also if the endpoint refuses the invocation.
#[test]
fn invocation_without_a_response_may_have_taken_effect() {
    let app = app();
    let key = "inbound/acme/nda.pdf";
    let version = app.ports.put(BUCKET, key, PDF);
    let body = upload_event(key, &version);
    app.ports.state().fail_after.insert("invoke", 1);
    assert_eq!(upload(&app, std::slice::from_ref(&body)), ["m0"]);
    let id = job(&app, key).id;
    app.ports.put(
        BUCKET,
        &format!("outbound/legal-review/{id}/a1/x.out"),
        b"{}",
    );
    // Refused from now on, and so late that no further attempt could end by the job's deadline.
    crate::fixtures::advance(&app, LAST_START_MS);
    app.ports
        .state()
        .refusals
        .push_back("ServiceUnavailable: no".to_owned());
    assert!(upload(&app, &[body]).is_empty());
    assert!(
        matches!(job(&app, key).state, State::Ready { .. }),
        "{:?}",
        job(&app, key).state
    );
    assert_eq!(app.ports.state().events[0].0, "JobReady");
}

/// Guarantee 10, also if the result was found by the upload event itself.
#[test]
fn result_that_an_upload_event_found_is_published_when_the_first_publication_failed() {
    let app = app();
    let key = "inbound/acme/nda.pdf";
    let version = app.ports.put(BUCKET, key, PDF);
    let body = upload_event(key, &version);
    app.ports.state().fail_after.insert("invoke", 1);
    assert_eq!(upload(&app, std::slice::from_ref(&body)), ["m0"]);
    let id = job(&app, key).id;
    let output = format!("outbound/legal-review/{id}/a1/x.out");
    app.ports.put(BUCKET, &output, b"{}");
    // Refused, and so late that no further attempt could end by the job's deadline.
    crate::fixtures::advance(&app, LAST_START_MS);
    let mut state = app.ports.state();
    state
        .refusals
        .push_back("ServiceUnavailable: no".to_owned());
    state.fail_before.insert("publish", 1);
    drop(state);
    assert_eq!(upload(&app, std::slice::from_ref(&body)), ["m0"]);
    assert!(matches!(job(&app, key).state, State::Ready { .. }));
    assert!(app.ports.state().events.is_empty());
    assert!(upload(&app, &[body]).is_empty());
    assert_eq!(app.ports.state().events[0].0, "JobReady");
    assert_eq!(app.ports.state().invocations.len(), 1);
}

#[test]
fn name_set_in_s3_is_cleaned_before_it_is_stored() {
    for (metadata, stored) in [
        ("invoice\u{202e}fdp.exe", Some("invoicefdp.exe")),
        ("../../etc/a\r\n.pdf", Some("a.pdf")),
        ("  a  \u{200b} b.pdf ", Some("a b.pdf")),
        (" \u{200f} ", None),
        ("..", None),
    ] {
        let app = app();
        let key = "inbound/acme/1.pdf";
        let object = Object {
            content: PDF.to_vec(),
            bytes: PDF.len() as u64,
            name: Some(metadata.to_owned()),
            ..Object::default()
        };
        let version = app.ports.put_object(BUCKET, key, Some(object));
        upload(&app, &[upload_event(key, &version)]);
        let job = job(&app, key);
        assert_eq!(job.input.name.as_deref(), stored, "{metadata:?}");
        assert_eq!(
            job.display_name(),
            stored.unwrap_or("1.pdf"),
            "{metadata:?}"
        );
    }
}
