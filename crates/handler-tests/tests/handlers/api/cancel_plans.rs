//! Plans that cancel open jobs, and plans that are stopped.

use std::collections::{BTreeMap, BTreeSet};

use api::types::{RetryPlanJobs, RetryPlanView};
use jobs::id::Attempt;
use jobs::state::{Cause, State};
use serde_json::json;

use super::super::fixtures::find;
use super::plans::{plan, receive, reconcile, take_commands};
use super::{TestApi, audit_log, counts};

#[test]
fn plan_cancels_open_jobs_of_a_tenant_and_says_what_never_ran() {
    let api = TestApi::new();
    let waiting = |api: &TestApi, key: &str| {
        api.job(key, 1000, |job| {
            let budget = *job.state.budget().unwrap();
            job.attempts.clear();
            job.tenant = key.split('/').nth(1).unwrap().parse().unwrap();
            job.state = State::Queued {
                next: Attempt(1),
                since: job.created_at,
                start_by: None,
                budget,
                urgent: false,
            };
        })
    };
    let own = [1, 2, 3].map(|number| waiting(&api, &format!("inbound/acme/{number}.pdf")));
    let running = api.job("inbound/acme/running.pdf", 1000, |_| {});
    let other = waiting(&api, "inbound/globex/1.pdf");
    let ready = api.job("inbound/acme/ready.pdf", 1000, |job| {
        job.state = State::Ready {
            attempt: Attempt(1),
        };
    });

    for refused in [
        json!({"reason": "wrong folder", "cancel": true}),
        json!({"reason": "wrong folder", "cancel": true, "filter": {}}),
        json!({"reason": "wrong folder", "cancel": true, "run_again": true, "filter": {"tenant": "acme"}}),
        json!({"reason": "wrong folder", "cancel": true, "filter": {"cause": "ModelError", "tenant": "acme"}}),
    ] {
        let code = api
            .support()
            .problem_code("POST", "/retry-plans", Some(refused));
        assert_eq!(code, "bad-request");
    }
    let planned = plan(
        &api,
        json!({"reason": "wrong folder", "cancel": true, "filter": {"tenant": "acme"}}),
    );
    assert_eq!(
        (planned.jobs, planned.per_minute, planned.cancel),
        (4, 600, true)
    );
    assert_eq!(take_commands(&api), []);
    assert_eq!(
        counts(&planned.by_state),
        BTreeMap::from([("Queued", 3), ("Submitting", 1)])
    );
    let path = format!("/retry-plans/{}", planned.id);
    let _: RetryPlanView = api.support().post(&format!("{path}/apply"), json!({}));
    let commands = take_commands(&api);
    assert_eq!(commands.len(), 4);
    let bodies: Vec<String> = commands.into_iter().map(|(body, _)| body).collect();
    // Delivered twice.
    receive(&api, &bodies, 1);
    receive(&api, &bodies, 2);
    for job in own {
        let job = find(api.handler.app(), job.id).unwrap();
        assert!(job.is_cancelled_without_run());
        assert_eq!(
            job.history.last().unwrap().reason.as_deref(),
            Some(format!("wrong folder [{}]", planned.id).as_str())
        );
    }
    for job in [other, ready] {
        assert_eq!(find(api.handler.app(), job.id).unwrap().state, job.state);
    }
    let shown: RetryPlanView = api.support().get(&path);
    let outcome = shown.outcome.unwrap();
    assert_eq!((outcome.cancelled, outcome.cancelled_without_run), (4, 3));
    let listed: RetryPlanJobs = api.support().get(&format!("{path}/jobs"));
    assert!(listed.jobs.iter().all(|job| job.outcome == "cancelled"));
    assert!(matches!(
        find(api.handler.app(), running.id).unwrap().state,
        State::Cancelled { .. }
    ));
}

#[test]
fn stopped_plan_starts_nothing_more_although_its_commands_are_on_their_way() {
    let api = TestApi::new();
    for number in 0..4_u64 {
        let key = format!("inbound/acme/{number}.pdf");
        api.failed_job(&key, number * 1000, Cause::ModelError);
    }
    let planned = plan(
        &api,
        json!({"reason": "the model was fixed", "per_minute": 1}),
    );
    let path = format!("/retry-plans/{}", planned.id);
    let _: RetryPlanView = api.support().post(&format!("{path}/apply"), json!({}));
    let bodies: Vec<String> = take_commands(&api)
        .into_iter()
        .map(|(body, _)| body)
        .collect();
    assert!(bodies.len() >= 2);
    receive(&api, &bodies[..1], 1);
    let stopped: RetryPlanView = api.support().post(&format!("{path}/stop"), json!({}));
    assert_eq!(stopped.status, "stopped");
    receive(&api, &bodies[1..], 1);
    reconcile(&api);
    assert_eq!(take_commands(&api), []);
    let state = api.ports().state();
    let retried = state
        .jobs
        .values()
        .filter(|job| !matches!(job.state, State::Failed { .. }));
    assert_eq!(retried.count(), 1);
    drop(state);
    let actions: BTreeSet<String> = audit_log(&api)
        .into_iter()
        .map(|entry| entry.action)
        .collect();
    assert_eq!(
        actions,
        ["apply-plan", "plan", "stop-plan"]
            .map(str::to_owned)
            .into()
    );
    let shown: RetryPlanView = api.support().get(&path);
    let outcome = shown.outcome.unwrap();
    assert_eq!((outcome.open, outcome.skipped, outcome.waiting), (1, 3, 0));
    assert!(shown.stopped_at.is_some());
    // Stopped again, by the same or another person: nothing changes.
    let again: RetryPlanView = api.support().post(&format!("{path}/stop"), json!({}));
    assert_eq!(again.stopped_at, shown.stopped_at);
    assert_eq!(audit_log(&api).len(), 3);
}

#[test]
fn plan_that_was_stopped_before_it_was_applied_cannot_be_applied() {
    let api = TestApi::new();
    api.failed_job("inbound/acme/1.pdf", 1000, Cause::ModelError);
    let planned = plan(&api, json!({"reason": "the model was fixed"}));
    let path = format!("/retry-plans/{}", planned.id);
    for other in [api.customer(), api.reviewer()] {
        let code = other.problem_code("POST", &format!("{path}/stop"), Some(json!({})));
        assert_eq!(code, "forbidden");
    }
    let _: RetryPlanView = api.support().post(&format!("{path}/stop"), json!({}));
    let (code, detail) = api
        .support()
        .problem("POST", &format!("{path}/apply"), Some(json!({})));
    assert_eq!(code, "refused");
    assert!(detail.contains("stopped"), "{detail}");
    assert_eq!(take_commands(&api), []);
}

#[test]
fn plan_whose_jobs_were_all_started_cannot_be_stopped() {
    let api = TestApi::new();
    for number in 0..2_u64 {
        let key = format!("inbound/acme/{number}.pdf");
        api.failed_job(&key, number * 1000, Cause::ModelError);
    }
    let planned = plan(&api, json!({"reason": "the model was fixed"}));
    let path = format!("/retry-plans/{}", planned.id);
    let applied: RetryPlanView = api.support().post(&format!("{path}/apply"), json!({}));
    assert_eq!(applied.status, "released");
    let commands = take_commands(&api).into_iter();
    let bodies: Vec<String> = commands.map(|(body, _)| body).collect();
    receive(&api, &bodies, 1);
    let support = api.support();
    let (code, detail) = support.problem("POST", &format!("{path}/stop"), Some(json!({})));
    assert_eq!(code, "refused");
    assert!(detail.contains("all were started"), "{detail}");
    let shown: RetryPlanView = api.support().get(&path);
    assert_eq!(
        (shown.status.as_str(), shown.stopped_at),
        ("released", None)
    );
}

#[test]
fn empty_plan_cannot_be_applied() {
    let api = TestApi::new();
    let planned = plan(&api, json!({"reason": "the model was fixed"}));
    assert_eq!(planned.jobs, 0);
    let path = format!("/retry-plans/{}/apply", planned.id);
    let (code, detail) = api.support().problem("POST", &path, Some(json!({})));
    assert_eq!(code, "refused");
    assert!(detail.contains("empty"), "{detail}");
}

#[test]
fn cancellation_of_a_job_that_ended_meanwhile_changes_nothing() {
    let api = TestApi::new();
    let job = api.job("inbound/acme/1.pdf", 1000, |_| {});
    let planned = plan(
        &api,
        json!({"reason": "wrong folder", "cancel": true, "filter": {"tenant": "acme"}}),
    );
    let path = format!("/retry-plans/{}", planned.id);
    let _: RetryPlanView = api.support().post(&format!("{path}/apply"), json!({}));
    let ready = State::Ready {
        attempt: job.state.attempt(),
    };
    api.ports().state().jobs.get_mut(&job.id).unwrap().state = ready.clone();
    let bodies: Vec<String> = take_commands(&api)
        .into_iter()
        .map(|(body, _)| body)
        .collect();
    receive(&api, &bodies, 1);
    assert_eq!(find(api.handler.app(), job.id).unwrap().state, ready);
    let shown: RetryPlanView = api.support().get(&path);
    let outcome = shown.outcome.unwrap();
    assert_eq!((outcome.skipped, outcome.cancelled), (1, 0));
}
