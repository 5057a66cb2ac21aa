//! Which model answered: what function `capacity` stores, and what the other functions record on a job.

use crate::fixtures::{
    BUCKET, PDF, TestApp, advance, app, batch, event, failed, job, run, succeeded, upload_event,
    write_output,
};
use functions::handlers::{capacity, inference_error, inference_success, upload_trigger};
use jobs::model_version::{COLLECTION, DescribedModel, KEY, ModelVersion};
use jobs::observe_models;
use jobs::ports::KeyValueStore;
use jobs::state::State;
use jobs::view::{JobView, ModelView};
use serde_json::json;

const INPUT: &str = "inbound/acme/nda.pdf";
const ENDPOINT: &str = "docket-legal-review";
const MINUTE: u64 = 60_000;
const IMAGE: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/legal@sha256:0f3c5a6b7d8e9f00112233445566778899aabbccddeeff001122334455667788";

/// An endpoint now serves this configuration, and function `capacity` has seen it.
fn serves(app: &TestApp, config: &str, image: Option<&str>, being_replaced: bool) {
    let model = DescribedModel {
        version: ModelVersion::new(config, image),
        being_replaced,
    };
    let name = ENDPOINT.to_owned();
    app.ports.state().served_models.insert(name, model);
    observe(app);
}

fn observe(app: &TestApp) {
    let done = run(capacity::handle(app, event(app, json!({})))).unwrap();
    assert!(!done.incomplete);
}

fn submit(app: &TestApp) {
    let version = app.ports.put(BUCKET, INPUT, PDF);
    let body = upload_event(INPUT, &version);
    let response = run(upload_trigger::handle(app, batch(app, &[body], 1))).unwrap();
    assert!(response.batch_item_failures.is_empty());
}

fn succeed(app: &TestApp) {
    let before = job(app, INPUT);
    let output = write_output(app, &before);
    let body = succeeded(&before, &output);
    let response = run(inference_success::handle(app, batch(app, &[body], 1))).unwrap();
    assert!(response.batch_item_failures.is_empty());
}

fn model(app: &TestApp) -> Option<ModelView> {
    JobView::from(&job(app, INPUT)).model
}

/// The model that views name while the attempt is open.
fn model_now(app: &TestApp) -> Option<ModelView> {
    let mut open = job(app, INPUT);
    let models = run(observe_models::load(&app.ports)).unwrap();
    open.name_models(&models, app.ports.state().now);
    JobView::from(&open).model
}

fn view(version: &str, uncertain: bool, other: Option<&str>) -> Option<ModelView> {
    Some(ModelView {
        version: version.to_owned(),
        uncertain,
        other: other.map(str::to_owned),
    })
}

#[test]
fn job_names_the_endpoint_configuration_and_the_image() {
    let app = app();
    serves(&app, "Legal-1", Some(IMAGE), false);
    submit(&app);
    assert_eq!(model_now(&app), view("Legal-1@0f3c5a6b7d8e", false, None));
    advance(&app, MINUTE);
    observe(&app);
    succeed(&app);
    assert_eq!(job(&app, INPUT).attempts[0].model_tag, None);
    assert_eq!(model(&app), view("Legal-1@0f3c5a6b7d8e", false, None));
    let published = JobView::from(&app.ports.state().events[0].1);
    assert_eq!(published.model, view("Legal-1@0f3c5a6b7d8e", false, None));
}

#[test]
fn model_that_was_replaced_while_the_attempt_was_open_is_uncertain_and_both_are_named() {
    let app = app();
    serves(&app, "Legal-1", None, false);
    submit(&app);
    advance(&app, MINUTE);
    serves(&app, "Legal-2", None, false);
    assert_eq!(model_now(&app), view("Legal-1", true, Some("Legal-2")));
    succeed(&app);
    assert_eq!(model(&app), view("Legal-1", true, Some("Legal-2")));
}

/// Two deployments while it was open: what it was sent to is not what the endpoint served last.
#[test]
fn model_at_the_submission_is_named_after_several_deployments() {
    let app = app();
    serves(&app, "Legal-1", None, false);
    submit(&app);
    for config in ["Legal-2", "Legal-3"] {
        advance(&app, MINUTE);
        serves(&app, config, None, false);
    }
    succeed(&app);
    assert_eq!(model(&app), view("Legal-1", true, Some("Legal-3")));
}

/// The version before is back: either may have answered.
#[test]
fn model_that_was_rolled_back_is_uncertain() {
    let app = app();
    serves(&app, "Legal-1", None, false);
    submit(&app);
    for config in ["Legal-2", "Legal-1"] {
        advance(&app, MINUTE);
        serves(&app, config, None, false);
    }
    succeed(&app);
    assert_eq!(model(&app), view("Legal-1", true, None));
}

/// What the submitting function knew was old, or the record was lost since.
#[test]
fn model_at_the_outcome_that_is_not_that_at_the_submission_is_uncertain() {
    let app = app();
    serves(&app, "Legal-1", None, false);
    submit(&app);
    app.ports.state().records.delete(COLLECTION, KEY);
    assert_eq!(model_now(&app), None);
    serves(&app, "Legal-2", None, false);
    succeed(&app);
    assert_eq!(model(&app), view("Legal-2", true, None));
}

/// Nothing says when an attempt of a cancelled job ends, so later deployments say nothing about it.
#[test]
fn cancelled_job_names_no_model_of_its_attempt() {
    let app = app();
    serves(&app, "Legal-1", None, false);
    submit(&app);
    assert_eq!(model_now(&app), view("Legal-1", false, None));
    let mut cancelled = job(&app, INPUT);
    cancelled.state = State::Cancelled {
        attempt: cancelled.state.attempt(),
    };
    assert!(cancelled.attempts[0].model_tag.is_some());
    assert!(!cancelled.has_model_tag());
    serves(&app, "Legal-2", None, false);
    let models = run(observe_models::load(&app.ports)).unwrap();
    cancelled.name_models(&models, app.ports.state().now);
    assert_eq!(JobView::from(&cancelled).model, None);
}

/// More deployments than the record names.
#[test]
fn open_attempt_names_no_model_that_is_not_known_by_name() {
    let app = app();
    for number in 1..=6 {
        serves(&app, &format!("Legal-{number}"), None, false);
        if number == 1 {
            submit(&app);
        }
        advance(&app, MINUTE);
    }
    assert_eq!(model_now(&app), None);
    succeed(&app);
    assert_eq!(model(&app), view("Legal-6", true, None));
}

/// The first of two runs may answer, which was sent to the version before.
#[test]
fn attempt_that_may_run_twice_keeps_the_model_of_its_first_run() {
    let app = app();
    serves(&app, "Legal-1", None, false);
    app.ports.state().fail_after.insert("invoke", 1);
    let version = app.ports.put(BUCKET, INPUT, PDF);
    let upload = upload_event(INPUT, &version);
    let submit_again = || {
        run(upload_trigger::handle(
            &app,
            batch(&app, std::slice::from_ref(&upload), 1),
        ))
        .unwrap()
    };
    assert_eq!(submit_again().batch_item_failures.len(), 1);
    advance(&app, 15 * MINUTE);
    serves(&app, "Legal-2", None, false);
    advance(&app, 1);
    assert!(submit_again().batch_item_failures.is_empty());
    assert!(job(&app, INPUT).attempts[0].may_run_twice);
    succeed(&app);
    assert_eq!(model(&app), view("Legal-1", true, Some("Legal-2")));
}

#[test]
fn model_of_an_attempt_that_is_submitted_during_a_deployment_is_uncertain() {
    let app = app();
    serves(&app, "Legal-1", None, true);
    submit(&app);
    advance(&app, MINUTE);
    // Rolled back: the other version may have answered meanwhile.
    serves(&app, "Legal-1", None, false);
    succeed(&app);
    assert_eq!(model(&app), view("Legal-1", true, None));
}

#[test]
fn model_of_an_attempt_that_ends_during_a_deployment_is_uncertain() {
    let app = app();
    serves(&app, "Legal-1", None, false);
    submit(&app);
    advance(&app, MINUTE);
    serves(&app, "Legal-1", None, true);
    succeed(&app);
    assert_eq!(model(&app), view("Legal-1", true, None));
}

/// A tag may be moved to another image, and the same configuration deployed again.
#[test]
fn another_image_of_the_same_configuration_is_another_version_and_an_unknown_one_is_not() {
    let other = IMAGE.replace("0f3c", "ffff");
    for (later, expected) in [
        (
            Some(other.as_str()),
            view("Legal-1@0f3c5a6b7d8e", true, Some("Legal-1@ffff5a6b7d8e")),
        ),
        (None, view("Legal-1@0f3c5a6b7d8e", false, None)),
    ] {
        let app = app();
        serves(&app, "Legal-1", Some(IMAGE), false);
        submit(&app);
        advance(&app, MINUTE);
        serves(&app, "Legal-1", later, false);
        succeed(&app);
        assert_eq!(model(&app), expected);
    }
}

#[test]
fn failed_attempt_names_its_model() {
    let app = app();
    serves(&app, "Legal-1", None, false);
    submit(&app);
    let before = job(&app, INPUT);
    let reason = "ClientError: Received client error (400) from model.";
    run(inference_error::handle(
        &app,
        batch(&app, &[failed(&before, reason)], 1),
    ))
    .unwrap();
    assert_eq!(model(&app), view("Legal-1", false, None));
}

/// No job waits for this knowledge, and none claims what is not known.
#[test]
fn job_is_processed_without_a_model_if_nothing_or_nothing_recent_is_known() {
    let unknown = app();
    submit(&unknown);
    succeed(&unknown);
    assert_eq!(model(&unknown), None);

    let stale = app();
    serves(&stale, "Legal-1", None, false);
    advance(&stale, 16 * MINUTE);
    submit(&stale);
    succeed(&stale);
    assert_eq!(model(&stale), None);

    let stale_at_the_end = app();
    serves(&stale_at_the_end, "Legal-1", None, false);
    submit(&stale_at_the_end);
    advance(&stale_at_the_end, 16 * MINUTE);
    assert_eq!(model_now(&stale_at_the_end), view("Legal-1", true, None));
    succeed(&stale_at_the_end);
    assert_eq!(model(&stale_at_the_end), view("Legal-1", true, None));

    let seen_too_late = app();
    submit(&seen_too_late);
    advance(&seen_too_late, MINUTE);
    serves(&seen_too_late, "Legal-1", None, false);
    succeed(&seen_too_late);
    assert_eq!(model(&seen_too_late), view("Legal-1", true, None));

    let unreadable = app();
    serves(&unreadable, "Legal-1", None, false);
    submit(&unreadable);
    unreadable
        .ports
        .state()
        .fail_before
        .insert("read_models", 1);
    succeed(&unreadable);
    assert_eq!(model(&unreadable), None);
}

#[test]
fn record_of_the_models_is_written_when_they_change_and_every_five_minutes() {
    let app = app();
    let revision = || {
        let record = run(app.ports.get(COLLECTION, KEY)).unwrap();
        record.map(|record| record.revision)
    };
    serves(&app, "Legal-1", None, false);
    assert_eq!(revision(), Some(1));
    for _ in 0..4 {
        advance(&app, MINUTE);
        observe(&app);
    }
    assert_eq!(revision(), Some(1));
    advance(&app, MINUTE);
    observe(&app);
    assert_eq!(revision(), Some(2));
    serves(&app, "Legal-2", None, false);
    assert_eq!(revision(), Some(3));
}

/// Otherwise the record would look as if it was kept up to date.
#[test]
fn record_keeps_its_age_while_an_endpoint_cannot_be_described() {
    let app = app();
    serves(&app, "Legal-1", None, false);
    for _ in 0..16 {
        advance(&app, MINUTE);
        app.ports.state().fail_before.insert("served_model", 1);
        observe(&app);
    }
    submit(&app);
    succeed(&app);
    assert_eq!(model(&app), None);
}
