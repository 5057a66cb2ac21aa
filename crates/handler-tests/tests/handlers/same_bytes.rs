//! The same bytes are uploaded again at the same key: the real handlers over in-memory ports.

use std::collections::BTreeSet;

use functions::handlers::reconciler;
use functions::handlers::{inference_error, inference_success, upload_trigger};
use jobs::job::Job;
use jobs::ports::Checksum;
use jobs::state::{Cause, State};
use serde_json::json;
use testkit::memory::Object;

use crate::fixtures::{
    BUCKET, PDF, TestApp, advance, app, batch, event, failed, find, job, run, succeeded,
    upload_event_of, write_output,
};
use jobs::apply::apply;
use jobs::id::JobId;
use jobs::transition::Event;

const KEY: &str = "inbound/acme/nda.pdf";
/// The endpoint reads a copy of it.
const COPIED_KEY: &str = "inbound/acme/n d a.pdf";
const SECOND: u64 = 1000;
const DAY: u64 = 86_400 * SECOND;
const CLIENT_ERROR: &str = "Received client error (400) from model with message \"no\"";

/// Versions that are put one second after the other: equal letters are equal bytes, a dot deletes the object. Their ids.
fn put(app: &TestApp, key: &str, history: &str) -> Vec<String> {
    let put = |letter: char| {
        advance(app, SECOND);
        let object = (letter != '.').then(|| Object {
            content: PDF.to_vec(),
            bytes: PDF.len() as u64,
            etag: format!("etag.of.{letter}"),
            ..Object::default()
        });
        app.ports.put_object(BUCKET, key, object)
    };
    history.chars().map(put).collect()
}

fn deliver(app: &TestApp, key: &str, version: &str) {
    let bodies = [upload_event_of(app, key, version)];
    let response = run(upload_trigger::handle(app, batch(app, &bodies, 1))).unwrap();
    assert!(response.batch_item_failures.is_empty());
}

fn report(app: &TestApp, job: &Job, reason: Option<&str>) {
    let response = match reason {
        None => {
            let body = succeeded(job, &write_output(app, job));
            run(inference_success::handle(app, batch(app, &[body], 1)))
        }
        Some(reason) => {
            let body = failed(job, reason);
            run(inference_error::handle(app, batch(app, &[body], 1)))
        }
    };
    assert!(response.unwrap().batch_item_failures.is_empty());
}

/// Jobs and runs.
fn counts(app: &TestApp) -> (usize, usize) {
    let state = app.ports.state();
    (state.jobs.len(), state.invocations.len())
}

fn resent_by_the_scan(app: &TestApp) -> Vec<String> {
    advance(app, DAY + 3600 * SECOND);
    run(reconciler::handle(app, event(app, json!({})))).unwrap();
    let resent = std::mem::take(&mut app.ports.state().upload_events);
    resent
        .into_iter()
        .filter_map(|upload| upload.version)
        .collect()
}

#[test]
fn same_bytes_are_one_job_and_one_run_in_every_order_of_the_events() {
    for key in [KEY, COPIED_KEY] {
        for order in [
            &[0, 1, 2][..],
            &[0, 2, 1],
            &[1, 0, 2],
            &[1, 2, 0],
            &[2, 0, 1],
            &[2, 1, 0],
            &[0, 0, 1, 1, 2, 2],
            &[2, 2, 1, 1, 0, 0],
            &[0],
            &[1],
        ] {
            let app = app();
            let versions = put(&app, key, "AAA");
            for index in order {
                deliver(&app, key, &versions[*index]);
                // The lease of the first delivery.
                advance(&app, 70 * SECOND);
            }
            assert_eq!(counts(&app), (1, 1), "{key} {order:?}");
            report(&app, &job(&app, key), None);
            let ready = job(&app, key).state;
            assert!(
                matches!(ready, State::Ready { .. }),
                "{key} {order:?}: {ready:?}"
            );
            for version in &versions {
                deliver(&app, key, version);
            }
            assert_eq!(resent_by_the_scan(&app), [""; 0], "{key} {order:?}");
            assert_eq!(counts(&app), (1, 1), "{key} {order:?}");
            // A repeated event has the id of the first.
            let events: BTreeSet<_> = app
                .ports
                .state()
                .events
                .iter()
                .map(|(name, job)| (*name, job.id, job.version))
                .collect();
            assert_eq!(events.len(), 1, "{key} {order:?}");
        }
    }
}

/// The schedule copies the same document to the same key every day.
#[test]
fn every_probe_is_a_job_and_a_run() {
    let key = "inbound/probe/scheduled.pdf";
    let app = app();
    let first = put(&app, key, "A");
    deliver(&app, key, &first[0]);
    report(&app, &job(&app, key), None);
    let second = put(&app, key, "A");
    assert_eq!(resent_by_the_scan(&app), second, "its event was lost");
    deliver(&app, key, &second[0]);
    assert_eq!(counts(&app), (2, 2));
}

#[test]
fn same_bytes_that_come_between_two_events_are_one_job_and_one_run() {
    for key in [KEY, COPIED_KEY] {
        let app = app();
        let mut versions = Vec::new();
        for _ in 0..3 {
            versions.extend(put(&app, key, "A"));
            deliver(&app, key, versions.last().unwrap());
        }
        report(&app, &job(&app, key), None);
        versions.extend(put(&app, key, "A"));
        deliver(&app, key, &versions[3]);
        let after = job(&app, key);
        assert!(
            matches!(after.state, State::Ready { .. }),
            "{:?}",
            after.state
        );
        assert_eq!(
            (after.input.version, counts(&app)),
            (versions[0].clone(), (1, 1))
        );
    }
}

/// The endpoint may have read the other bytes.
#[test]
fn bytes_that_were_put_after_others_are_a_new_input() {
    for history in ["ABA", "A.A"] {
        let app = app();
        let first = put(&app, KEY, &history[..1]);
        deliver(&app, KEY, &first[0]);
        let later = put(&app, KEY, &history[1..]);
        report(&app, &job(&app, KEY), None);
        let state = job(&app, KEY).state;
        assert!(
            matches!(&state, State::Failed { failure, .. } if failure.cause == Cause::Superseded),
            "{history}: {state:?}"
        );
        assert_eq!(resent_by_the_scan(&app), [later[1].as_str()], "{history}");
        deliver(&app, KEY, &later[1]);
        assert_eq!(counts(&app), (2, 2), "{history}");
        let own = find(&app, JobId::of_version(BUCKET, KEY, &later[1])).unwrap();
        assert!(matches!(own.state, State::InProgress { .. }), "{history}");
    }
}

#[test]
fn bytes_of_a_ready_job_that_were_put_after_others_are_a_new_input() {
    let app = app();
    let versions = put(&app, KEY, "A");
    deliver(&app, KEY, &versions[0]);
    report(&app, &job(&app, KEY), None);
    for (history, jobs) in [("B", 2), ("A", 3), ("A", 3)] {
        let version = &put(&app, KEY, history)[0];
        if jobs > counts(&app).0 {
            assert_eq!(resent_by_the_scan(&app), [version.as_str()]);
        } else {
            assert_eq!(resent_by_the_scan(&app), [""; 0]);
        }
        deliver(&app, KEY, version);
        assert_eq!(counts(&app).0, jobs, "{history}");
    }
}

#[test]
fn same_bytes_of_a_later_version_are_one_job_that_supersedes_the_older_bytes() {
    for order in [[0, 1, 2, 3], [0, 3, 2, 1], [0, 2, 1, 3]] {
        let app = app();
        let versions = put(&app, KEY, "A");
        deliver(&app, KEY, &versions[0]);
        let later = put(&app, KEY, "BBB");
        let versions = [versions, later].concat();
        for index in order {
            deliver(&app, KEY, &versions[index]);
            advance(&app, 70 * SECOND);
        }
        assert_eq!(counts(&app), (2, 2), "{order:?}");
        let first = job(&app, KEY).state;
        assert!(
            matches!(&first, State::Failed { failure, .. } if failure.cause == Cause::Superseded),
            "{order:?}: {first:?}"
        );
        assert_eq!(resent_by_the_scan(&app), [""; 0], "{order:?}");
    }
}

fn cancel(app: &TestApp) {
    let pipelines =
        jobs::pipeline::Pipelines::parse(include_str!("../../../../infra/pipelines.toml"));
    let pipelines = pipelines.unwrap();
    let context = jobs::apply::RunContext {
        pipelines: &pipelines,
        bucket: BUCKET,
        lease_expires_at: app.ports.state().now,
        on_job_found: |_| {},
        models: &jobs::model_version::ServedModels::default(),
    };
    let event = Event::Cancel {
        actor: "support".to_owned(),
        reason: "not needed".to_owned(),
    };
    let open = job(app, KEY);
    run(apply(&app.ports, &context, open, async |_, _| {
        Ok(event.clone())
    }))
    .unwrap();
}

#[test]
fn same_bytes_after_a_job_ended_without_a_result_are_another_try_and_before_its_end_are_not() {
    let end: [fn(&TestApp); 2] = [
        |app| report(app, &job(app, KEY), Some(CLIENT_ERROR)),
        cancel,
    ];
    for end in end {
        let app = app();
        let versions = put(&app, KEY, "AA");
        deliver(&app, KEY, &versions[0]);
        advance(&app, 2 * SECOND);
        end(&app);
        deliver(&app, KEY, &versions[1]);
        assert_eq!(resent_by_the_scan(&app), [""; 0]);
        assert_eq!(counts(&app), (1, 1), "put before the end");
        let third = &put(&app, KEY, "A")[0];
        assert_eq!(resent_by_the_scan(&app), [third.as_str()]);
        for _ in 0..2 {
            deliver(&app, KEY, third);
            advance(&app, 70 * SECOND);
        }
        assert_eq!(counts(&app), (2, 2), "put after the end");
        // Its job is open.
        let fourth = &put(&app, KEY, "A")[0];
        assert_eq!(resent_by_the_scan(&app), [""; 0]);
        deliver(&app, KEY, fourth);
        assert_eq!(counts(&app), (2, 2));
    }
}

/// S3 deletes a replaced version after some days, and an output after its retention.
#[test]
fn same_bytes_stay_one_job_without_the_first_version_as_long_as_the_result_is_kept() {
    let app = app();
    let versions = put(&app, KEY, "A");
    deliver(&app, KEY, &versions[0]);
    report(&app, &job(&app, KEY), None);
    put(&app, KEY, "A");
    let at = (BUCKET.to_owned(), KEY.to_owned());
    app.ports.state().objects.get_mut(&at).unwrap().remove(0);
    advance(&app, 8 * DAY);
    assert_eq!(resent_by_the_scan(&app), [""; 0]);
    let third = &put(&app, KEY, "A")[0];
    deliver(&app, KEY, third);
    assert_eq!(counts(&app), (1, 1));
    advance(&app, 90 * DAY);
    assert_eq!(resent_by_the_scan(&app), [""; 0], "put while it was kept");
    let fourth = &put(&app, KEY, "A")[0];
    assert_eq!(resent_by_the_scan(&app), [fourth.as_str()]);
    deliver(&app, KEY, fourth);
    assert_eq!(counts(&app), (2, 2));
}

/// Two files can be made whose MD5, and so their ETag, is the same.
#[test]
fn other_bytes_with_the_same_etag_and_size_are_a_new_input_if_checksums_tell_them_apart() {
    let crc = |value: &str| checksum("CRC64NVME", value);
    let sha = |value: &str| checksum("SHA256", value);
    for (checksums, jobs) in [
        ([crc("a"), crc("b"), crc("b")], 2),
        ([sha("a"), sha("b"), sha("b")], 2),
        ([crc("a"), crc("b"), crc("a")], 3),
        ([crc("a"), crc("a"), crc("a")], 1),
        ([crc("a"), sha("b"), None], 1),
        ([None, crc("b"), crc("b")], 1),
    ] {
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let app = app();
            let mut versions = Vec::new();
            for checksum in checksums.clone() {
                advance(&app, SECOND);
                let object = Object {
                    content: PDF.to_vec(),
                    bytes: PDF.len() as u64,
                    etag: "0e99ee0adc41e2f2eb2b5bc3a7a2a9f1".to_owned(),
                    checksum,
                    ..Object::default()
                };
                versions.push(app.ports.put_object(BUCKET, KEY, Some(object)));
            }
            for index in order {
                deliver(&app, KEY, &versions[index]);
                advance(&app, 70 * SECOND);
            }
            assert_eq!(counts(&app).0, jobs, "{checksums:?} {order:?}");
            if jobs == 3 {
                let state = app.ports.state();
                let mut jobs = state.jobs.values();
                let of_newest = jobs.find(|job| job.input.version == versions[2]).unwrap();
                let state = &of_newest.state;
                assert!(matches!(state, State::InProgress { .. }), "{state:?}");
            }
        }
    }
}

fn checksum(algorithm: &'static str, value: &str) -> Option<Checksum> {
    Some(Checksum {
        algorithm,
        value: value.to_owned(),
    })
}

/// Nothing that is left shows what the bytes of the row were.
#[test]
fn same_etag_and_size_as_a_version_that_is_gone_with_all_others_is_a_new_input() {
    let app = app();
    let versions = put(&app, KEY, "A");
    deliver(&app, KEY, &versions[0]);
    report(&app, &job(&app, KEY), None);
    let at = (BUCKET.to_owned(), KEY.to_owned());
    app.ports.state().objects.remove(&at);
    let again = put(&app, KEY, "A");
    deliver(&app, KEY, &again[0]);
    assert_eq!(counts(&app), (2, 2));
}

#[test]
fn checksums_are_asked_for_only_when_the_same_bytes_seem_to_be_written_again() {
    let app = app();
    let calls = || app.ports.state().calls.get("checksum").copied();
    for (history, expected) in [("A", None), ("B", None), ("B", Some(1))] {
        let version = &put(&app, KEY, history)[0];
        deliver(&app, KEY, version);
        assert_eq!(
            calls().unwrap_or_default(),
            expected.unwrap_or_default(),
            "{history}"
        );
    }
}

/// The ETags of multipart uploads with other parts, and of SSE-KMS, are no hashes of the contents.
#[test]
fn same_bytes_with_another_or_no_etag_are_a_new_input() {
    for etags in [["e-2", "e-3"], ["", ""]] {
        let app = app();
        for etag in etags {
            let object = Object {
                content: PDF.to_vec(),
                bytes: PDF.len() as u64,
                etag: etag.to_owned(),
                ..Object::default()
            };
            let version = app.ports.put_object(BUCKET, KEY, Some(object));
            deliver(&app, KEY, &version);
        }
        assert_eq!(counts(&app), (2, 2), "{etags:?}");
    }
}
