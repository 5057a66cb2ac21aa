//! Messages and objects that start no run: malformed, invalid, deleted, denied, not ours.

use super::*;

#[test]
fn invalid_document_fails_with_a_reason_and_without_invocation() {
    for (key, content, bytes, want) in [
        ("inbound/acme/text.pdf", &b"hello"[..], 5, "not a PDF"),
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

/// The version before it is current again, and is not the one that the event is about.
#[test]
fn version_that_was_deleted_by_its_id_fails_as_deleted() {
    let app = app();
    let key = "inbound/acme/gone.pdf";
    app.ports.put(BUCKET, key, b"%PDF-1.7 older");
    let version = app.ports.put(BUCKET, key, PDF);
    let object = (BUCKET.to_owned(), key.to_owned());
    let mut state = app.ports.state();
    state.objects.get_mut(&object).unwrap().pop();
    drop(state);
    assert!(upload(&app, &[upload_event(key, &version)]).is_empty());
    let after = job(&app, key);
    let failure = after.failure().unwrap();
    assert_eq!(failure.cause, Cause::InvalidInput);
    assert!(failure.detail.contains("deleted"), "{}", failure.detail);
}

#[test]
fn s3_test_event_is_ignored() {
    let app = app();
    assert!(
        upload(
            &app,
            &[include_str!("../../../../../events/upload-trigger/test-event.json").to_owned()]
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

#[test]
fn unreadable_object_fails_with_a_reason() {
    let app = app();
    let key = "inbound/acme/archived.pdf";
    let version = app.ports.put(BUCKET, key, PDF);
    app.ports
        .state()
        .refused_reads
        .insert(key.to_owned(), "InvalidObjectState");
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
        app.ports.state().refused_reads.insert(key.to_owned(), code);
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
        .refused_reads
        .insert(key.to_owned(), "AccessDenied");
    assert_eq!(upload(&app, &[upload_event(key, &version)]).len(), 1);
    app.ports.state().refused_reads.clear();
    assert!(upload(&app, &[upload_event(key, &version)]).is_empty());
    assert!(matches!(job(&app, key).state, State::InProgress { .. }));
}

#[test]
fn malformed_record_does_not_block_the_other_records_of_its_message() {
    let app_with = |version: &str| {
        let app = app();
        assert_eq!(app.ports.put(BUCKET, "inbound/acme/good.pdf", PDF), version);
        app
    };
    let version = app().ports.put(BUCKET, "inbound/acme/good.pdf", PDF);
    let good: serde_json::Value =
        serde_json::from_str(&upload_event("inbound/acme/good.pdf", &version)).unwrap();
    let bad: serde_json::Value =
        serde_json::from_str(&upload_event("elsewhere/x.pdf", "v")).unwrap();
    let mut removed = good["Records"][0].clone();
    removed["eventName"] = "ObjectRemoved:Delete".into();
    for other in [bad["Records"][0].clone(), removed, serde_json::json!({})] {
        for first in [true, false] {
            let app = app_with(&version);
            let mut records = vec![good["Records"][0].clone()];
            records.insert(usize::from(!first), other.clone());
            let body = serde_json::json!({"Records": records}).to_string();
            assert!(upload(&app, &[body]).is_empty(), "{other}");
            assert!(matches!(
                job(&app, "inbound/acme/good.pdf").state,
                State::InProgress { .. }
            ));
            assert_eq!(app.ports.state().quarantine.len(), 1, "{other}");
        }
    }
}

#[test]
fn event_without_records_is_quarantined() {
    let app = app();
    assert!(upload(&app, &["{\"Records\":[]}".to_owned()]).is_empty());
    assert_eq!(app.ports.state().quarantine[0].cause, "Malformed");
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
}

fn empty_upload(app: &crate::fixtures::TestApp, key: &str) -> String {
    let version = app.ports.put(BUCKET, key, b"");
    upload_event(key, &version).replace("\"size\":7", "\"size\":0")
}

fn receive(app: &crate::fixtures::TestApp, body: &str, count: u32) -> usize {
    let event = batch(app, &[body.to_owned()], count);
    let response = run(upload_trigger::handle(app, event)).unwrap();
    response.batch_item_failures.len()
}

/// An empty document is a mistake of its uploader, who must see it, unless the file follows.
#[test]
fn empty_document_fails_after_its_message_came_back_once() {
    let app = app();
    let key = "inbound/acme/empty.pdf";
    let body = empty_upload(&app, key);
    assert_eq!(receive(&app, &body, 1), 1);
    assert!(app.ports.state().jobs.is_empty());
    assert_eq!(receive(&app, &body, 2), 0);
    let failed = job(&app, key);
    let failure = failed.failure().unwrap();
    assert_eq!(failure.cause, Cause::InvalidInput);
    assert!(failure.detail.contains("empty"), "{}", failure.detail);
    assert_eq!(app.ports.state().events[0].0, "JobFailed");
    // As if the function had died before the effects.
    app.ports.state().events.clear();
    assert_eq!(receive(&app, &body, 1), 0);
    assert_eq!(app.ports.state().events.len(), 1);
}

/// Programs that mount a bucket as a folder write an empty object first, then the file.
#[test]
fn empty_version_that_the_file_replaced_makes_no_job() {
    for event_of_the_file_first in [false, true] {
        let app = app();
        let key = "inbound/acme/nda.pdf";
        let empty = empty_upload(&app, key);
        if !event_of_the_file_first {
            assert_eq!(receive(&app, &empty, 1), 1, "it comes back");
        }
        let version = app.ports.put(BUCKET, key, PDF);
        if event_of_the_file_first {
            assert!(upload(&app, &[upload_event(key, &version)]).is_empty());
            assert_eq!(receive(&app, &empty, 1), 0);
        } else {
            assert_eq!(receive(&app, &empty, 2), 0);
            assert!(upload(&app, &[upload_event(key, &version)]).is_empty());
        }
        assert!(matches!(job(&app, key).state, State::InProgress { .. }));
        let state = app.ports.state();
        assert_eq!(state.jobs.len(), 1);
        assert!(state.events.is_empty() && state.quarantine.is_empty());
    }
}
