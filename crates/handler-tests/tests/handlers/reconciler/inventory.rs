//! Objects without a job, found by the inventory scan.

use super::*;

/// Guarantee 1: every current object version has exactly one job, whatever S3 events are lost, duplicated or reordered.
#[test]
fn lost_upload_event_is_sent_again_once() {
    let app = app();
    upload(&app, "inbound/acme/known.pdf");
    let keys = [
        "inbound/acme/Müller + Söhne 100%.pdf",
        "inbound-batches/acme/scan.pdf",
    ];
    let mut lost: Vec<(&str, String)> = Vec::new();
    for key in keys {
        lost.push((key, app.ports.put(BUCKET, key, PDF)));
    }
    // Not ours, deleted, and too young for long.
    app.ports.put(BUCKET, "elsewhere/x.pdf", PDF);
    app.ports.put(BUCKET, "inbound/acme/gone.pdf", PDF);
    app.ports.put_object(BUCKET, "inbound/acme/gone.pdf", None);
    assert_eq!(
        reconcile(&app).upload_events_reenqueued,
        0,
        "S3 is given its time"
    );

    let mut all = Vec::new();
    for _ in 0..12 {
        advance(&app, 5 * MINUTE);
        let done = reconcile(&app);
        let re_sent = std::mem::take(&mut app.ports.state().upload_events);
        assert_eq!(done.upload_events_reenqueued, re_sent.len() as u64);
        for upload in re_sent {
            deliver_upload_event(&app, &upload.key, upload.version.as_deref().unwrap());
            all.push((upload.key, upload.version.unwrap()));
        }
    }
    all.sort();
    let mut expected: Vec<(String, String)> = lost
        .into_iter()
        .map(|(key, version)| (key.to_owned(), version))
        .collect();
    expected.sort();
    assert_eq!(all, expected);
    for key in keys {
        assert!(job(&app, key).state.is_open());
    }
}

#[test]
fn lost_upload_event_of_a_newer_version_is_sent_again() {
    let app = app();
    upload(&app, KEY);
    advance(&app, MINUTE);
    let second = app.ports.put(BUCKET, KEY, PDF);
    advance(&app, HOUR);
    assert_eq!(reconcile(&app).upload_events_reenqueued, 1);
    let upload = app.ports.state().upload_events[0].clone();
    assert_eq!(upload.version.as_deref(), Some(second.as_str()));
    deliver_upload_event(&app, &upload.key, &second);
    advance(&app, 25 * HOUR);
    assert_eq!(
        reconcile(&app).upload_events_reenqueued,
        0,
        "its job has an id of its own"
    );
}

#[test]
fn multipart_upload_dated_by_its_start_is_found_by_the_inventory_scan() {
    let app = app();
    assert_eq!(reconcile(&app).upload_events_reenqueued, 0);
    advance(&app, HOUR);
    reconcile(&app);
    let began_at = app.ports.state().now;
    // After a day and many complete scans the age is that of the latest one.
    let days = 25;
    for _ in 0..(days * 2) {
        advance(&app, HOUR / 2);
        reconcile(&app);
    }
    for (key, multipart) in [
        ("inbound-batches/acme/parts.pdf", true),
        ("inbound/acme/whole.pdf", false),
    ] {
        let object = Object {
            content: PDF.to_vec(),
            bytes: 1 << 30,
            multipart,
            ..Object::default()
        };
        app.ports.put_object(BUCKET, key, Some(object));
        let mut state = app.ports.state();
        let versions = state
            .objects
            .get_mut(&(BUCKET.to_owned(), key.to_owned()))
            .unwrap();
        versions[0].1.as_mut().unwrap().put_at = began_at;
    }
    advance(&app, HOUR / 2);
    assert_eq!(
        reconcile(&app).upload_events_reenqueued,
        1,
        "the one in parts"
    );
    let re_sent = app.ports.state().upload_events[0].clone();
    assert_eq!(re_sent.key, "inbound-batches/acme/parts.pdf");
    advance(&app, 24 * HOUR);
    assert_eq!(
        reconcile(&app).upload_events_reenqueued,
        2,
        "once a day all are asked about"
    );
}

/// A listing has no media types, so the scan cannot tell such a folder from an empty document.
#[test]
fn folder_known_by_its_media_type_is_not_re_sent_for_ever() {
    let app = app();
    reconcile(&app);
    let folder = Object {
        content_type: "application/x-directory".to_owned(),
        ..Object::default()
    };
    app.ports
        .put_object(BUCKET, "inbound/acme/2026", Some(folder));
    app.ports.put(BUCKET, "inbound/acme/empty.pdf", b"");
    let mut re_sent_by_day = Vec::new();
    for _ in 0..8 {
        let mut re_sent = 0;
        for _ in 0..48 {
            advance(&app, HOUR / 2);
            reconcile(&app);
            let events = std::mem::take(&mut app.ports.state().upload_events);
            for upload in events {
                re_sent += 1;
                deliver_upload_event(&app, &upload.key, upload.version.as_deref().unwrap());
            }
        }
        re_sent_by_day.push(re_sent);
    }
    assert!(re_sent_by_day[0] > 0, "{re_sent_by_day:?}");
    assert_eq!(re_sent_by_day[4..], [0; 4], "{re_sent_by_day:?}");
    let names: Vec<String> = app
        .ports
        .state()
        .jobs
        .values()
        .map(|job| job.display_name().into_owned())
        .collect();
    assert_eq!(names, ["empty.pdf"]);
}

#[test]
fn inventory_scan_continues_at_its_checkpoint() {
    let app = app();
    for number in 0..2500 {
        app.ports
            .put(BUCKET, &format!("inbound/acme/{number:04}.pdf"), PDF);
    }
    advance(&app, HOUR);
    // The answer about the first page of three is lost.
    app.ports.state().fail_after.insert("enqueue", 1);
    let first = reconcile(&app);
    assert!(first.incomplete, "{first:?}");
    assert_eq!(app.ports.state().upload_events.len(), 1000);
    let rest = reconcile(&app);
    assert!(!rest.incomplete);
    assert_eq!(
        rest.upload_events_reenqueued, 2500,
        "the page after the checkpoint is scanned again"
    );
    let age = rest.inventory_scan_age_seconds.unwrap();
    assert_eq!(age, 0);
    // The queue is not consumed, and still no event is re-sent twice a quarter of an hour later.
    advance(&app, 16 * MINUTE);
    assert_eq!(reconcile(&app).upload_events_reenqueued, 0);
}

#[test]
fn full_reconciliation_on_request_re_sends_lost_events_at_once() {
    let app = app();
    reconcile(&app);
    app.ports.put(BUCKET, KEY, PDF);
    assert_eq!(reconcile(&app).upload_events_reenqueued, 0);
    let everything = event(&app, json!({"everything": true}));
    let done = run(reconciler::handle(&app, everything)).unwrap();
    assert_eq!(done.upload_events_reenqueued, 1);
    advance(&app, 10 * MINUTE);
    assert_eq!(
        reconcile(&app).upload_events_reenqueued,
        0,
        "and the schedule goes on as before"
    );
}

#[test]
fn unreadable_checkpoint_causes_a_full_inventory_scan() {
    let app = app();
    app.ports.put(BUCKET, KEY, PDF);
    let checkpoint = Record {
        body: "{\"began_at\":\"soon\"}".to_owned(),
        revision: 1,
        expires_at: None,
    };
    app.ports
        .state()
        .records
        .put("state", "inventory-scan", &checkpoint);
    advance(&app, HOUR);
    assert_eq!(reconcile(&app).upload_events_reenqueued, 1);
}
