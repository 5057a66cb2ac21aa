//! Runs of ready jobs with another model: one job, and many with a plan. The earlier result stays readable.

use api::types::{JobCommandResult, JobDetail, ResultView, RetryPlanOutcome, RetryPlanView};
use functions::handlers::{capacity, inference_error, inference_success, retry, upload_trigger};
use jobs::id::JobId;
use jobs::job::Job;
use jobs::model_version::{DescribedModel, ModelVersion};
use jobs::state::State;
use serde_json::{Value, json};

use super::super::fixtures::{
    BUCKET, PDF, advance, batch, event, failed, failures, find, run, succeeded, upload_event,
    write_output,
};
use super::{TestApi, audit_log, counts};

const MINUTE: u64 = 60_000;

/// An API, and the functions behind queues over the same ports.
struct World {
    api: TestApi,
}

impl World {
    /// With a document whose result is by `Legal-1`; the endpoint serves `Legal-2` by now.
    fn new(keys: &[&str]) -> Self {
        let world = Self {
            api: TestApi::new(),
        };
        world.serves("Legal-1");
        for key in keys {
            world.upload(key);
            world.succeed(key);
        }
        advance(world.api.handler.app(), MINUTE);
        world.serves("Legal-2");
        advance(world.api.handler.app(), MINUTE);
        world
    }

    fn serves(&self, config: &str) {
        let model = DescribedModel {
            version: ModelVersion::new(config, None),
            being_replaced: false,
        };
        let name = "docket-legal-review".to_owned();
        self.api.ports().state().served_models.insert(name, model);
        let app = self.api.handler.app();
        run(capacity::handle(app, event(app, json!({})))).unwrap();
    }

    fn job(&self, key: &str) -> Job {
        find(self.api.handler.app(), JobId::of_key(BUCKET, key)).unwrap()
    }

    fn path(&self, key: &str, rest: &str) -> String {
        format!("/jobs/{}{rest}", self.job(key).id)
    }

    fn upload(&self, key: &str) {
        let app = self.api.handler.app();
        let version = app.ports.put(BUCKET, key, PDF);
        let body = upload_event(key, &version);
        let response = run(upload_trigger::handle(app, batch(app, &[body], 1))).unwrap();
        assert!(failures(&response).is_empty());
    }

    fn success_of(&self, before: &Job, output: &str) {
        let app = self.api.handler.app();
        let body = succeeded(before, output);
        let response = run(inference_success::handle(app, batch(app, &[body], 1))).unwrap();
        assert!(failures(&response).is_empty());
    }

    fn succeed(&self, key: &str) {
        let before = self.job(key);
        let output = write_output(self.api.handler.app(), &before);
        self.success_of(&before, &output);
    }

    fn reject(&self, key: &str) {
        let app = self.api.handler.app();
        let reason = "ClientError: Received client error (400) from model.";
        let body = failed(&self.job(key), reason);
        let response = run(inference_error::handle(app, batch(app, &[body], 1))).unwrap();
        assert!(failures(&response).is_empty());
    }

    fn run_again(&self, key: &str) -> JobCommandResult {
        let body = json!({"reason": "the new model knows annexes"});
        let answer = self.api.support().post(&self.path(key, "/run-again"), body);
        self.receive_checks();
        answer
    }

    fn receive(&self, bodies: &[String]) {
        let app = self.api.handler.app();
        let response = run(retry::handle(app, batch(app, bodies, 1))).unwrap();
        assert!(failures(&response).is_empty());
    }

    fn receive_checks(&self) {
        let checks = std::mem::take(&mut self.api.ports().state().checks);
        for check in checks {
            let check = check.message;
            let body = json!({"job_id": check.job.to_string(), "attempt": check.attempt.0, "due": check.due.map(|due| due.0)});
            self.receive(&[body.to_string()]);
        }
    }

    fn result(&self, key: &str, query: &str) -> String {
        let view: ResultView = self
            .api
            .reviewer()
            .get(&self.path(key, &format!("/result{query}")));
        view.request.url
    }

    fn detail(&self, key: &str) -> JobDetail {
        self.api.reviewer().get(&self.path(key, ""))
    }
}

const A: &str = "inbound/acme/a.pdf";

#[test]
fn run_again_has_its_own_result_and_model_and_the_earlier_result_stays_readable() {
    let world = World::new(&[A]);
    let first = world.result(A, "");
    let answer = world.run_again(A);
    assert_eq!(
        (answer.job.status.as_ref(), answer.job.earlier_result),
        ("RetryScheduled", Some(1))
    );
    let running = world.detail(A);
    let view = running.job.as_ref().unwrap();
    assert_eq!((view.status.as_ref(), view.attempt), ("InProgress", 2));
    assert_eq!(view.earlier_result, Some(1));
    let summary = &running.explanation.summary;
    assert!(summary.contains("attempt 1 can be read"), "{summary}");
    assert!(summary.contains("attempt 2, model Legal-2"), "{summary}");
    for model in [&view.model, &running.attempts[1].model] {
        let model = model.as_ref().unwrap();
        assert_eq!(
            (model.version.as_str(), model.uncertain),
            ("Legal-2", false)
        );
    }
    assert_eq!(world.result(A, ""), first, "readable while it is run again");

    world.succeed(A);
    let detail = world.detail(A);
    let models: Vec<_> = detail
        .attempts
        .iter()
        .map(|attempt| {
            let model = attempt.model.as_ref().unwrap();
            (attempt.has_result, model.version.as_str(), model.uncertain)
        })
        .collect();
    assert_eq!(models, [(true, "Legal-1", false), (true, "Legal-2", false)]);
    let view = detail.job.unwrap();
    assert_eq!((view.status.as_ref(), view.earlier_result), ("Ready", None));
    assert_eq!(view.model.unwrap().version, "Legal-2");
    let second = world.result(A, "");
    assert_ne!(second, first, "no result is overwritten");
    assert_eq!(
        world.result(A, "?attempt=2").split('?').next(),
        second.split('?').next()
    );
    assert!(world.result(A, "?attempt=1").contains("/a1/"));
    let missing = world.path(A, "/result?attempt=3");
    assert_eq!(
        world.api.reviewer().problem_code("GET", &missing, None),
        "not-ready"
    );
    let mut log = audit_log(&world.api);
    log.retain(|entry| entry.action != "download-result");
    assert_eq!(
        (log[0].action.as_str(), log[0].detail.as_deref()),
        ("run-again", Some("attempt 2 is scheduled"))
    );
    assert_eq!(log[0].reason, "the new model knows annexes");
    let entries = detail.explanation.timeline;
    assert!(
        entries
            .iter()
            .any(|step| step.reason.as_deref() == Some("the new model knows annexes"))
    );
    assert_eq!(world.api.ports().state().invocations.len(), 2);
}

#[test]
fn run_again_that_fails_leaves_the_job_ready_with_its_result_and_says_that_again() {
    let world = World::new(&[A]);
    let first = world.result(A, "");
    world.run_again(A);
    world.reject(A);
    let detail = world.detail(A);
    let view = detail.job.unwrap();
    assert_eq!(view.status, "Ready");
    assert_eq!(view.failure, None);
    assert_eq!(view.model.unwrap().version, "Legal-1");
    assert_eq!(world.result(A, ""), first);
    let results: Vec<bool> = detail.attempts.iter().map(|it| it.has_result).collect();
    assert_eq!(results, [true, false]);
    let events: Vec<_> = world
        .api
        .ports()
        .state()
        .events
        .iter()
        .map(|(kind, job)| (*kind, job.state.clone()))
        .collect();
    let ready = State::Ready {
        attempt: jobs::id::Attempt(1),
    };
    assert_eq!(
        events,
        [("JobReady", ready.clone()), ("JobReady", ready)],
        "waiting programs must learn how it ended"
    );
    // Another run has a number of its own.
    world.run_again(A);
    assert_eq!(world.job(A).state.attempt().0, 3);
    world.succeed(A);
    assert!(world.result(A, "").contains("/a3/"));
}

/// Its notification may be duplicated, and a check finds its output.
#[test]
fn result_before_the_run_again_does_not_end_it() {
    let world = World::new(&[A]);
    let before = world.job(A);
    world.run_again(A);
    let output = before.attempts[0].output.as_ref().unwrap().to_string();
    let mut first = world.job(A);
    first.state = before.state.clone();
    world.success_of(&first, &output);
    let check = json!({"job_id": before.id.to_string(), "attempt": 2});
    world.receive(&[check.to_string()]);
    assert!(matches!(world.job(A).state, State::InProgress { .. }));
    world.succeed(A);
    assert_eq!(world.job(A).state.attempt().0, 2);
}

#[test]
fn document_that_was_replaced_while_it_is_run_again_keeps_its_result() {
    let world = World::new(&[A]);
    world.run_again(A);
    let before = world.job(A);
    world.upload(A);
    assert!(matches!(world.job(A).state, State::Ready { .. }));
    let output = write_output(world.api.handler.app(), &before);
    world.success_of(&before, &output);
    assert_eq!(world.job(A).state.attempt().0, 1);
}

#[test]
fn run_again_is_refused_for_others_than_support_and_for_jobs_without_result_or_document() {
    let world = World::new(&[A, "inbound/acme/b.pdf", "inbound/acme/c.pdf"]);
    let body = || Some(json!({"reason": "why not"}));
    let path = world.path(A, "/run-again");
    let code =
        |path: &str, body: Option<Value>| world.api.support().problem_code("POST", path, body);
    let reviewer = world.api.reviewer().problem_code("POST", &path, body());
    assert_eq!(reviewer, "forbidden");
    assert_eq!(code(&path, Some(json!({"reason": " "}))), "bad-request");
    let stale = json!({"reason": "x", "expected_version": 1});
    assert_eq!(code(&path, Some(stale)), "changed");

    let failed = world
        .api
        .failed_job("inbound/acme/f.pdf", 10, jobs::state::Cause::ModelError);
    let (refused, detail) =
        world
            .api
            .support()
            .problem("POST", &format!("/jobs/{}/run-again", failed.id), body());
    assert_eq!(refused, "refused");
    assert!(detail.contains("retry it if it failed"), "{detail}");

    let b = world.path("inbound/acme/b.pdf", "/run-again");
    world
        .api
        .ports()
        .put_object(BUCKET, "inbound/acme/b.pdf", None);
    assert_eq!(code(&b, body()), "refused");
    let c = world.path("inbound/acme/c.pdf", "/run-again");
    world.api.ports().put(BUCKET, "inbound/acme/c.pdf", PDF);
    assert_eq!(code(&c, body()), "refused");

    world.run_again(A);
    assert_eq!(code(&path, body()), "refused", "it is open");
    let cancel = world.path(A, "/cancel");
    let (refused, detail) = world.api.support().problem("POST", &cancel, body());
    assert_eq!(refused, "refused");
    assert!(detail.contains("keeps its earlier result"), "{detail}");
    assert_eq!(world.api.ports().state().invocations.len(), 4);
}

#[test]
fn plan_runs_the_ready_jobs_of_a_model_again_and_counts_them() {
    let keys = ["inbound/acme/a.pdf", "inbound/acme/b.pdf"];
    let world = World::new(&keys);
    world.upload("inbound/acme/new.pdf");
    world.succeed("inbound/acme/new.pdf");
    let plan = |body: Value| -> RetryPlanView { world.api.support().post("/retry-plans", body) };
    let all = plan(json!({"reason": "x", "run_again": true, "filter": {"tenant": "acme"}}));
    assert_eq!((all.jobs, all.gpu_minutes), (3, 3), "three runs of 45 s");
    let by_model = [("Legal-1", 2), ("Legal-2", 1)].into();
    assert_eq!(counts(&all.by_model), by_model);
    assert!(all.by_cause.is_empty());
    let other = json!({"reason": "x", "run_again": true, "filter": {"tenant": "globex"}});
    assert_eq!(plan(other).jobs, 0);
    for wrong in [
        json!({"reason": "x", "run_again": true}),
        json!({"reason": "x", "run_again": true, "filter": {"tenant": "acme", "cause": "Lost"}}),
        json!({"reason": "x", "filter": {"tenant": "acme", "model": "Legal-1"}}),
    ] {
        let code = world
            .api
            .support()
            .problem_code("POST", "/retry-plans", Some(wrong));
        assert_eq!(code, "bad-request");
    }

    let old = plan(
        json!({"reason": "the new model", "run_again": true, "filter": {"tenant": "acme", "model": "Legal-1"}}),
    );
    assert_eq!((old.jobs, old.run_again), (2, true));
    let path = format!("/retry-plans/{}", old.id);
    let outcome = || {
        let shown: RetryPlanView = world.api.support().get(&path);
        shown.outcome.unwrap()
    };
    let _: RetryPlanView = world
        .api
        .support()
        .post(&format!("{path}/apply"), json!({}));
    assert_eq!(outcome().waiting, 2, "ready jobs are not counted as done");
    let sent = std::mem::take(&mut world.api.ports().state().retry_commands);
    for command in &sent {
        let message = retry::RetryCommandMessage::from(&command.message);
        let body = serde_json::to_string(&message).unwrap();
        // Every message may be delivered twice.
        for _ in 0..2 {
            world.receive(std::slice::from_ref(&body));
        }
    }
    world.receive_checks();
    assert_eq!(outcome().open, 2);
    world.succeed(keys[0]);
    world.reject(keys[1]);
    let expected = RetryPlanOutcome {
        ready: 1,
        failed: 1,
        ..RetryPlanOutcome::default()
    };
    assert_eq!(outcome(), expected);
    assert_eq!(world.api.ports().state().invocations.len(), 5);
}
