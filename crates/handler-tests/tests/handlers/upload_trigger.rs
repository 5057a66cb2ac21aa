//! What becomes of uploads: the real handler over in-memory ports.

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
fn invalid_document_fails_with_a_reason_and_without_invocation() {
    for (key, content, bytes, want) in [
        ("inbound/acme/empty.pdf", &b""[..], 0, "empty"),
        ("inbound/acme/text.pdf", b"hello", 5, "not a PDF"),
        (
            "inbound-batches/acme/huge.pdf",
            PDF,
            (1 << 30) + 1,
            "1073741825 bytes",
        ),
        ("inbound/acme/../other/x.pdf", PDF, 30, "'..'"),
        ("inbound/acme/a\r\nb.pdf", PDF, 30, "control character"),
        ("inbound/ACME Corp/x.pdf", PDF, 30, "not a tenant"),
        ("inbound/acme/", PDF, 30, "no file name"),
    ] {
        let app = app();
        let version = app.ports.put_object(
            BUCKET,
            key,
            Some(Object {
                content: content.to_vec(),
                bytes,
                ..Object::default()
            }),
        );
        assert!(
            upload(&app, &[upload_event(key, &version)]).is_empty(),
            "{key:?}"
        );
        let job = job(&app, key);
        let State::Failed {
            attempt: Attempt::NONE,
            failure,
        } = &job.state
        else {
            panic!("{key:?}: {:?}", job.state)
        };
        assert_eq!(failure.cause, Cause::InvalidInput, "{key:?}");
        assert!(failure.detail.contains(want), "{key:?}: {}", failure.detail);
        assert!(app.ports.state().invocations.is_empty(), "{key:?}");
        assert_eq!(app.ports.state().events[0].0, "JobFailed", "{key:?}");
    }
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
    app.ports.state().fail_before.insert("versions", 1);
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

#[test]
fn deleted_object_fails_with_a_reason() {
    let app = app();
    let key = "inbound/acme/gone.pdf";
    let version = app.ports.put(BUCKET, key, PDF);
    app.ports.put_object(BUCKET, key, None);
    assert!(upload(&app, &[upload_event(key, &version)]).is_empty());
    assert!(
        matches!(&job(&app, key).state, State::Failed { failure, .. } if failure.detail.contains("deleted"))
    );
}

#[test]
fn s3_test_event_is_ignored() {
    let app = app();
    assert!(
        upload(
            &app,
            &[include_str!("../../../../events/upload-trigger/test-event.json").to_owned()]
        )
        .is_empty()
    );
    let state = app.ports.state();
    assert!(state.jobs.is_empty() && state.quarantine.is_empty());
}

/// Guarantee 6: no message is dropped with a 200. What cannot be understood is quarantined.
#[test]
fn malformed_message_does_not_block_the_rest_of_its_batch() {
    let app = app();
    let mut bodies: Vec<String> = (0..9)
        .map(|i| {
            let key = format!("inbound/acme/{i}.pdf");
            let version = app.ports.put(BUCKET, &key, PDF);
            upload_event(&key, &version)
        })
        .collect();
    bodies.insert(4, "{\"Records\":[{\"oops\"".to_owned());
    assert!(upload(&app, &bodies).is_empty());
    let state = app.ports.state();
    assert_eq!(state.invocations.len(), 9);
    assert_eq!(
        (
            state.quarantine.len(),
            state.quarantine[0].cause.as_ref(),
            state.quarantine[0].message_id.as_str()
        ),
        (1, "Malformed", "m4")
    );
    assert_eq!(state.quarantine[0].body, bodies[4]);
}

#[test]
fn upload_event_for_a_key_of_no_pipeline_is_quarantined() {
    let app = app();
    let version = app.ports.put(BUCKET, "elsewhere/x.pdf", PDF);
    assert!(upload(&app, &[upload_event("elsewhere/x.pdf", &version)]).is_empty());
    assert_eq!(app.ports.state().quarantine[0].cause, "NotOurs");
}

#[test]
fn message_is_redelivered_while_the_quarantine_is_unavailable() {
    let app = app();
    app.ports.state().fail_before.insert("quarantine", 1);
    assert_eq!(upload(&app, &["nonsense".to_owned()]), ["m0"]);
    assert!(upload(&app, &["nonsense".to_owned()]).is_empty());
    assert_eq!(app.ports.state().quarantine.len(), 1);
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
fn unreadable_object_fails_with_a_reason() {
    let app = app();
    let key = "inbound/acme/archived.pdf";
    let version = app.ports.put(BUCKET, key, PDF);
    app.ports.state().unreadable.push(key.to_owned());
    assert!(upload(&app, &[upload_event(key, &version)]).is_empty());
    assert!(
        matches!(&job(&app, key).state, State::Failed { failure, .. } if failure.detail.contains("InvalidObjectState"))
    );
}

/// The policy or the key may be changed meanwhile; after a few deliveries the customer is told.
#[test]
fn object_that_a_policy_denies_fails_after_a_few_deliveries() {
    for (code, key) in [
        ("AccessDenied", "inbound/acme/denied.pdf"),
        ("KMS.DisabledException", "inbound/acme/disabled key.pdf"),
    ] {
        let app = app();
        let version = app.ports.put(BUCKET, key, PDF);
        app.ports.state().denied.insert(key.to_owned(), code);
        let receive = |count| {
            let event = batch(&app, &[upload_event(key, &version)], count);
            let response = run(upload_trigger::handle(&app, event)).unwrap();
            response.batch_item_failures.len()
        };
        for count in 1..=3 {
            assert_eq!(receive(count), 1, "{code}");
        }
        assert!(app.ports.state().jobs.is_empty());
        assert_eq!(receive(4), 0);
        let failed = job(&app, key);
        let State::Failed { failure, .. } = &failed.state else {
            panic!("{:?}", failed.state)
        };
        assert_eq!(failure.cause, Cause::InvalidInput);
        let reason = format!("the file cannot be read ({code})");
        assert!(failure.detail.starts_with(&reason), "{}", failure.detail);
        assert!(app.ports.state().quarantine.is_empty());
        assert!(app.ports.state().invocations.is_empty());
    }
}

#[test]
fn object_whose_denial_ends_is_processed() {
    let app = app();
    let key = "inbound/acme/denied.pdf";
    let version = app.ports.put(BUCKET, key, PDF);
    app.ports
        .state()
        .denied
        .insert(key.to_owned(), "AccessDenied");
    assert_eq!(upload(&app, &[upload_event(key, &version)]).len(), 1);
    app.ports.state().denied.clear();
    assert!(upload(&app, &[upload_event(key, &version)]).is_empty());
    assert!(matches!(job(&app, key).state, State::InProgress { .. }));
}

#[test]
fn malformed_record_does_not_block_the_other_records_of_its_message() {
    let app = app();
    let version = app.ports.put(BUCKET, "inbound/acme/good.pdf", PDF);
    let good: serde_json::Value =
        serde_json::from_str(&upload_event("inbound/acme/good.pdf", &version)).unwrap();
    let bad: serde_json::Value =
        serde_json::from_str(&upload_event("elsewhere/x.pdf", "v")).unwrap();
    let body = serde_json::json!({"Records": [bad["Records"][0], good["Records"][0]]}).to_string();
    assert!(upload(&app, &[body]).is_empty());
    assert!(matches!(
        job(&app, "inbound/acme/good.pdf").state,
        State::InProgress { .. }
    ));
    assert_eq!(app.ports.state().quarantine.len(), 1);
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
    crate::fixtures::advance(&app, 70_000_000);
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

#[test]
fn upload_event_about_another_bucket_is_quarantined_at_once() {
    let app = app();
    let key = "inbound/acme/nda.pdf";
    for bucket in ["other-bucket", "docket-jobs-2", "Docket-jobs", ""] {
        app.ports.put(bucket, key, PDF);
        let own = format!("\"name\":\"{BUCKET}\"");
        let body = upload_event(key, "v1");
        assert!(body.contains(&own));
        let body = body.replace(&own, &format!("\"name\":\"{bucket}\""));
        assert!(upload(&app, &[body]).is_empty(), "{bucket}: redelivered");
        let mut state = app.ports.state();
        let quarantined = state.quarantine.pop().expect("it must be quarantined");
        assert_eq!(quarantined.cause, "NotOurs", "{bucket}");
        assert!(
            state.jobs.is_empty() && state.invocations.is_empty(),
            "{bucket}"
        );
    }
}

#[test]
fn folder_marker_makes_no_job() {
    let app = app();
    let typed = |content_type: &str| Object {
        content_type: content_type.to_owned(),
        ..Object::default()
    };
    for (key, object) in [
        ("inbound/", typed("")),
        (
            "inbound/acme/",
            typed("application/x-directory; charset=UTF-8"),
        ),
        ("inbound/acme/2026/", typed("binary/octet-stream")),
        ("inbound/acme/2026_$folder$", typed("")),
        ("inbound/acme/.keep", typed("")),
        ("inbound/acme/2026", typed("application/x-directory")),
        ("inbound/acme/2027", typed("httpd/unix-directory")),
    ] {
        let version = app.ports.put_object(BUCKET, key, Some(object));
        let body = upload_event(key, &version).replace("\"size\":7", "\"size\":0");
        assert!(upload(&app, &[body]).is_empty(), "{key}");
        let state = app.ports.state();
        assert!(state.jobs.is_empty(), "{key} became a job");
        assert!(state.quarantine.is_empty(), "{key} was quarantined");
    }
    // An empty document is a mistake of its uploader, who must see it.
    let version = app.ports.put(BUCKET, "inbound/acme/empty.pdf", b"");
    let body = upload_event("inbound/acme/empty.pdf", &version).replace("\"size\":7", "\"size\":0");
    upload(&app, &[body]);
    assert_eq!(app.ports.state().jobs.len(), 1);
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
