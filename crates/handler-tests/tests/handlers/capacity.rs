//! The real function `capacity` over in-memory ports: when it evaluates within a run.

use std::sync::Arc;

use crate::fixtures::{BUCKET, NOW, PDF, TestApp, app, batch, event, run, upload_event};
use functions::handlers::capacity::{self, Adjusted};
use functions::handlers::{reconciler, upload_trigger};
use jobs::id::Timestamp;
use jobs::pipeline::Pipelines;
use jobs::ports::EndpointInstances;
use serde_json::json;

const SECOND: u64 = 1000;
/// A run ends ten seconds before the next one begins.
const LAST_EVALUATION: Timestamp = Timestamp(NOW.0 + 50 * SECOND);

/// With Docket's scaling for legal-review, and an endpoint without instances.
fn docket_app() -> TestApp {
    let mut app = app();
    let text = include_str!("../../../../infra/pipelines.toml");
    let text = text.replacen(
        "[legal-review]\n",
        "[legal-review]\nscaling = \"docket\"\n",
        1,
    );
    let environment = Arc::get_mut(&mut app.environment).unwrap();
    environment.pipelines = Pipelines::parse(&text).unwrap();
    let endpoint = EndpointInstances {
        max: 5,
        concurrent_runs: 1,
        ..EndpointInstances::default()
    };
    let name = "docket-legal-review".to_owned();
    app.ports.state().instances.insert(name, endpoint);
    app
}

fn adjust(app: &TestApp) -> Adjusted {
    run(capacity::handle(app, event(app, json!({})))).unwrap()
}

fn upload(app: &TestApp, key: &str) {
    let version = app.ports.put(BUCKET, key, PDF);
    let body = upload_event(key, &version);
    let response = run(upload_trigger::handle(app, batch(app, &[body], 1))).unwrap();
    assert!(response.batch_item_failures.is_empty());
}

fn now(app: &TestApp) -> Timestamp {
    app.ports.state().now
}

#[test]
fn run_without_pipelines_to_scale_evaluates_once() {
    let app = app();
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
    for (app, recorded) in [(app(), false), (docket_app(), true)] {
        upload(&app, "inbound/acme/nda.pdf");
        run(reconciler::handle(&app, event(&app, json!({})))).unwrap();
        let record = app.ports.state().records.get("capacity", ".open-jobs");
        assert_eq!(record.is_some(), recorded);
    }
}
