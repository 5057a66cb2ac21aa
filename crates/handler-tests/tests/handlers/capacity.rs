//! The real function `capacity` over in-memory ports: when it evaluates within a run.

use std::sync::Arc;

use crate::fixtures::{BUCKET, NOW, PDF, TestApp, app, batch, event, run, upload_event};
use functions::handlers::capacity::{self, Adjusted};
use functions::handlers::{reconciler, upload_trigger};
use jobs::id::{JobId, Timestamp};
use jobs::pipeline::Pipelines;
use jobs::ports::EndpointInstances;
use serde_json::json;

const DOCKET: &str = "scaling = \"docket\"\n";
const SECOND: u64 = 1000;
/// `TimeoutSeconds` of the template.
const TIMEOUT: u64 = 80 * SECOND;
/// No evaluation begins in the last ten seconds.
const LAST_EVALUATION: Timestamp = Timestamp(NOW.0 + TIMEOUT - 10 * SECOND);

/// With the file that ships, and an endpoint of legal-review without instances.
fn docket_app() -> TestApp {
    let mut app = app();
    let text = include_str!("../../../../infra/pipelines.toml");
    let environment = Arc::get_mut(&mut app.environment).unwrap();
    environment.pipelines = Pipelines::parse(text).unwrap();
    let endpoint = EndpointInstances {
        max: 5,
        concurrent_runs: 1,
        ..EndpointInstances::default()
    };
    let name = "docket-legal-review".to_owned();
    app.ports.state().instances.insert(name, endpoint);
    app
}

/// With AWS's policies for all pipelines.
fn aws_app() -> TestApp {
    let mut app = app();
    let text = include_str!("../../../../infra/pipelines.toml").replace(DOCKET, "");
    let environment = Arc::get_mut(&mut app.environment).unwrap();
    environment.pipelines = Pipelines::parse(&text).unwrap();
    app
}

async fn scheduled_run(app: &TestApp) -> Adjusted {
    let mut event = event(app, json!({}));
    event.context.deadline = now(app).0 + TIMEOUT;
    capacity::handle(app, event).await.unwrap()
}

fn adjust(app: &TestApp) -> Adjusted {
    run(scheduled_run(app))
}

async fn uploaded(app: &TestApp, key: &str) {
    let version = app.ports.put(BUCKET, key, PDF);
    let body = upload_event(key, &version);
    let response = upload_trigger::handle(app, batch(app, &[body], 1));
    assert!(response.await.unwrap().batch_item_failures.is_empty());
}

fn upload(app: &TestApp, key: &str) {
    run(uploaded(app, key));
}

fn now(app: &TestApp) -> Timestamp {
    app.ports.state().now
}

#[test]
fn run_without_pipelines_to_scale_evaluates_once() {
    let app = aws_app();
    let done = adjust(&app);
    assert_eq!((done.evaluations, done.incomplete), (1, false));
    assert_eq!(now(&app), NOW);
}

#[test]
fn quiet_run_evaluates_every_half_minute() {
    let app = docket_app();
    let done = adjust(&app);
    assert_eq!((done.evaluations, done.changes), (2, 0));
    assert_eq!(now(&app), Timestamp(NOW.0 + 30 * SECOND));
}

#[test]
fn first_upload_after_a_quiet_time_is_answered_when_uploads_have_paused() {
    let app = docket_app();
    upload(&app, "inbound/acme/nda.pdf");
    let done = adjust(&app);
    // At 0, 30 and 40 seconds.
    assert_eq!((done.evaluations, done.changes), (3, 1));
    assert_eq!(now(&app), Timestamp(NOW.0 + 40 * SECOND));
    let asked = app.ports.state().instances_asked.clone();
    assert_eq!(asked, [("docket-legal-review".to_owned(), 1)]);
}

/// Uploads a document when the time has come, and says how long after it instances were asked for. Runs begin `interval`
/// milliseconds after one another, and the first of them when the endpoint has been quiet for long.
fn answered_after(app: &TestApp, at: Timestamp, interval: u64) -> u64 {
    let key = "inbound/acme/nda.pdf";
    let upload = async {
        while now(app) < at {
            tokio::task::yield_now().await;
        }
        // The clock has moved to the end of a pause. The upload was in it.
        let later = std::mem::replace(&mut app.ports.state().now, at);
        uploaded(app, key).await;
        app.ports.state().now = later;
    };
    let runs = async {
        for number in 0..4 {
            // A run may still have been at work when the next one began.
            let begins_at = now(app).max(Timestamp(NOW.0 + number * interval));
            app.ports.state().now = begins_at;
            tokio::task::yield_now().await;
            if scheduled_run(app).await.changes > 0 {
                return;
            }
        }
        panic!("the upload at {at:?} was not answered");
    };
    // The upload gets its turn whenever a run pauses.
    run(async { tokio::join!(biased; runs, upload) });
    let state = app.ports.state();
    assert_eq!(state.jobs[&JobId::of_key(BUCKET, key)].created_at, at);
    let observed = &state.records.get("capacity", "legal-review").unwrap().body;
    let observed: serde_json::Value = serde_json::from_str(observed).unwrap();
    observed["asked_at"].as_u64().unwrap() - at.0
}

#[test]
fn upload_after_a_quiet_time_is_answered_within_45_seconds_at_whatever_time_of_the_minute() {
    for interval in [60, 75] {
        for second in 1..interval {
            let at = Timestamp(NOW.0 + second * SECOND);
            let after = answered_after(&docket_app(), at, interval * SECOND);
            assert!(
                (40 * SECOND..=45 * SECOND).contains(&after),
                "{second} s after a run began, of runs every {interval} s: {after} ms"
            );
        }
    }
}

#[test]
fn run_with_failing_calls_goes_on_and_says_so() {
    let app = docket_app();
    app.ports.state().fail_before.insert("instances", 9);
    let done = adjust(&app);
    assert!(done.incomplete && done.evaluations > 1);
    assert!(now(&app) < LAST_EVALUATION);
}

/// Only where function `capacity` reads it.
#[test]
fn reconciler_records_its_count_if_a_pipeline_is_scaled_by_docket() {
    for (app, recorded) in [(aws_app(), false), (docket_app(), true)] {
        upload(&app, "inbound/acme/nda.pdf");
        run(reconciler::handle(&app, event(&app, json!({})))).unwrap();
        let record = app.ports.state().records.get("capacity", ".open-jobs");
        assert_eq!(record.is_some(), recorded);
    }
}
