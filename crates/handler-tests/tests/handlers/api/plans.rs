//! Retry plans: creating, applying, releasing and showing them.

use api::types::{RetryPlanJobs, RetryPlanList, RetryPlanOutcome, RetryPlanView};
use functions::handlers::{reconciler, retry};
use jobs::event::{Event, EventKind};
use jobs::id::{Attempt, Timestamp};
use jobs::job::HistoryEntry;
use jobs::state::{Cause, State};
use serde_json::{Value, json};

use testkit::fixture::AdvanceJob as _;

use super::super::fixtures::{NOW, advance, batch, event, failures, find, run};
use super::{TestApi, audit_log, counts};

/// Takes the retry commands that were sent so far, each as the text of its message and its delay in seconds.
pub(super) fn take_commands(api: &TestApi) -> Vec<(String, u32)> {
    let sent = std::mem::take(&mut api.ports().state().retry_commands);
    let text = |command: &jobs::ports::RetryCommand| {
        let message = retry::RetryCommandMessage::from(command);
        serde_json::to_string(&message).unwrap()
    };
    sent.iter()
        .map(|delayed| (text(&delayed.message), delayed.delay_seconds))
        .collect()
}

pub(super) fn receive(api: &TestApi, bodies: &[String], received: u32) {
    for chunk in bodies.chunks(10) {
        let batch = batch(api.handler.app(), chunk, received);
        let response = run(retry::handle(api.handler.app(), batch)).unwrap();
        assert!(failures(&response).is_empty());
    }
}

pub(super) fn reconcile(api: &TestApi) {
    run(reconciler::handle(
        api.handler.app(),
        event(api.handler.app(), json!({})),
    ))
    .unwrap();
}

pub(super) fn plan(api: &TestApi, body: Value) -> RetryPlanView {
    api.support().post("/retry-plans", body)
}

#[test]
fn jobs_of_a_plan_are_listed_with_their_outcomes_which_add_up_to_its_counts() {
    let api = TestApi::new();
    for number in 0..103_u64 {
        let key = format!("inbound/acme/{number}.pdf");
        api.failed_job(&key, number * 1000, Cause::ModelError);
    }
    let made = plan(
        &api,
        json!({"reason": "the model was fixed", "per_minute": 600}),
    );
    let support = api.support();
    let applied: RetryPlanView =
        support.post(&format!("/retry-plans/{}/apply", made.id), json!({}));
    let bodies: Vec<String> = take_commands(&api)
        .into_iter()
        .map(|(text, _)| text)
        .collect();
    receive(&api, &bodies[..2], 1);
    let jobs = |page: u16| -> RetryPlanJobs {
        support.get(&format!("/retry-plans/{}/jobs?page={page}", applied.id))
    };
    let (first, second, none) = (jobs(0), jobs(1), jobs(2));
    assert_eq!(
        (first.jobs.len(), second.jobs.len(), none.jobs.len()),
        (100, 3, 0)
    );
    assert_eq!(first.pages, 2);
    assert!(
        first
            .jobs
            .iter()
            .all(|one| one.job.as_ref().unwrap().id == one.job_id)
    );
    let shown: RetryPlanView = support.get(&format!("/retry-plans/{}", applied.id));
    let outcome = shown.outcome.unwrap();
    let all = first.jobs.iter().chain(&second.jobs);
    let count = |name: &str| u32::try_from(all.clone().filter(|one| one.outcome == name).count());
    assert_eq!(count("open").unwrap(), outcome.open);
    assert_eq!(count("waiting").unwrap(), outcome.waiting);
    assert_eq!(outcome.open, 2);
    let (code, _) =
        api.reviewer()
            .problem("GET", &format!("/retry-plans/{}/jobs", applied.id), None);
    assert_eq!(code, "forbidden");
}

#[test]
fn created_plan_shows_its_jobs_and_starts_none() {
    let api = TestApi::new();
    for number in 0..12_u64 {
        let cause = if number < 9 {
            Cause::ModelError
        } else {
            Cause::TimedOut
        };
        api.failed_job(&format!("inbound/acme/{number}.pdf"), number * 1000, cause);
    }
    api.job("inbound/acme/open.pdf", 10, |_| {});
    let all = plan(&api, json!({"reason": "the model was fixed"}));
    assert_eq!(
        (all.status.as_str(), all.jobs, all.released, all.truncated),
        ("planned", 12, 0, false)
    );
    assert_eq!(
        counts(&all.by_cause),
        [("ModelError", 9), ("TimedOut", 3)].into()
    );
    assert_eq!(counts(&all.by_pipeline), [("legal-review", 12)].into());
    assert_eq!(
        all.gpu_minutes, 9,
        "the estimate must be twelve runs of 45 s"
    );
    let some = plan(
        &api,
        json!({"reason": "x", "filter": {"cause": "ModelError", "since": NOW.0 - 3500, "tenant": "acme"}}),
    );
    assert_eq!(some.jobs, 4);
    let none = plan(
        &api,
        json!({"reason": "x", "filter": {"pipeline": "ocr-batch"}}),
    );
    assert_eq!(none.jobs, 0);
    for (cause, jobs) in [("ModelError", 9), ("TimedOut", 3), ("Expired", 0)] {
        let of_cause = plan(&api, json!({"reason": "x", "filter": {"cause": cause}}));
        assert_eq!(of_cause.jobs, jobs, "{cause}");
        assert!(
            of_cause.by_cause.iter().all(|count| count.name == cause),
            "{cause}"
        );
    }
    let listed: RetryPlanList = api.support().get("/retry-plans");
    assert_eq!(listed.plans.len(), 6);
    assert_eq!(api.ports().state().retry_commands.len(), 0);
    assert_eq!(
        api.reviewer()
            .problem_code("POST", "/retry-plans", Some(json!({"reason": "x"}))),
        "forbidden"
    );
    for body in [
        json!({"reason": ""}),
        json!({"reason": "x", "per_minute": 0}),
        json!({"reason": "x", "jobs": []}),
        json!({"reason": "x", "filter": {"status": "open"}}),
    ] {
        assert_eq!(
            api.support()
                .problem_code("POST", "/retry-plans", Some(body)),
            "bad-request"
        );
    }
}

#[test]
fn applied_plan_releases_every_job_once_at_its_rate() {
    let api = TestApi::new();
    for number in 0..250_u64 {
        api.failed_job(
            &format!("inbound/acme/{number}.pdf"),
            number * 1000,
            Cause::ModelError,
        );
    }
    let made = plan(
        &api,
        json!({"reason": "the model was fixed", "per_minute": 20}),
    );
    advance(api.handler.app(), 1);
    let apply = format!("/retry-plans/{}/apply", made.id);
    assert_eq!(
        api.reviewer().problem_code("POST", &apply, Some(json!({}))),
        "forbidden"
    );
    let applied: RetryPlanView = api.support().post(&apply, json!({}));
    assert_eq!(
        (applied.status.as_str(), applied.released),
        ("releasing", 141),
        "the jobs of seven minutes must be released, and the first one"
    );
    let again: RetryPlanView = api.support().post(&apply, json!({}));
    assert_eq!(
        (again.applied_at, again.released),
        (applied.applied_at, 141),
        "applying a plan twice must have no effect"
    );
    let first = take_commands(&api);
    assert_eq!(first.len(), 141);
    assert!(
        first
            .iter()
            .zip(0_u32..)
            .all(|((_, delay), index)| *delay == index * 3),
        "one job must start every three seconds"
    );

    // One job has changed since, and one command is delivered twice.
    let skipped = made.jobs;
    let mut bodies: Vec<String> = first.into_iter().map(|(body, _)| body).collect();
    let duplicate = bodies[7].clone();
    bodies.push(duplicate);
    let moved: Value = serde_json::from_str(&bodies[3]).unwrap();
    let moved = moved["job_id"].as_str().unwrap().parse().unwrap();
    let mut job = find(api.handler.app(), moved).unwrap();
    job.version += 1;
    api.ports().state().jobs.insert(moved, job);
    receive(&api, &bodies, 1);
    assert_eq!(
        api.ports().state().checks.len(),
        140,
        "every unchanged job must be started once"
    );
    receive(&api, &bodies[7..8], 2);
    assert_eq!(
        api.ports().state().checks.len(),
        141,
        "a redelivered command must send its check again"
    );
    assert_eq!(skipped, 250);

    advance(api.handler.app(), 300_000);
    reconcile(&api);
    advance(api.handler.app(), 300_000);
    reconcile(&api);
    let rest = take_commands(&api);
    assert_eq!(
        rest.len(),
        109,
        "the reconciler must send the remaining commands"
    );
    reconcile(&api);
    assert!(
        take_commands(&api).is_empty(),
        "no command may be sent twice"
    );
    let shown: RetryPlanView = api.support().get(&format!("/retry-plans/{}", made.id));
    assert_eq!(shown.status, "released");
    assert_eq!(
        shown.outcome,
        Some(RetryPlanOutcome {
            waiting: 109,
            skipped: 1,
            missing: 0,
            open: 140,
            ready: 0,
            failed: 0,
            ..RetryPlanOutcome::default()
        })
    );
    let ids: Vec<_> = api.ports().state().jobs.keys().copied().collect();
    for id in &ids[..5] {
        let mut state = api.ports().state();
        let job = state.jobs.get_mut(id).unwrap();
        let by_plan = job.history.iter().any(|entry| {
            entry
                .reason
                .as_ref()
                .is_some_and(|reason| reason.ends_with(&format!("[{}]", made.id)))
        });
        if by_plan {
            job.state = State::Ready {
                attempt: Attempt(2),
            };
        }
    }
    let shown: RetryPlanView = api.support().get(&format!("/retry-plans/{}", made.id));
    assert!(shown.outcome.unwrap().ready > 0);
    let actions: Vec<String> = audit_log(&api)
        .into_iter()
        .map(|entry| entry.action)
        .collect();
    assert_eq!(
        actions,
        ["apply-plan", "plan"],
        "every action must be in the audit log once"
    );
}

#[test]
fn retry_command_that_the_queue_does_not_take_is_sent_by_the_next_run() {
    let api = TestApi::new();
    for number in 0..5_u64 {
        api.failed_job(
            &format!("inbound/acme/{number}.pdf"),
            number,
            Cause::ModelError,
        );
    }
    let made = plan(&api, json!({"reason": "x"}));
    api.ports().state().fail_before.insert("send_commands", 1);
    let applied: RetryPlanView = api
        .support()
        .post(&format!("/retry-plans/{}/apply", made.id), json!({}));
    assert_eq!(
        (applied.status.as_str(), applied.released),
        ("releasing", 0)
    );
    reconcile(&api);
    assert_eq!(take_commands(&api).len(), 5);
}

#[test]
fn plan_leaves_out_jobs_that_repeat_the_same_failure_unless_forced() {
    let api = TestApi::new();
    api.failed_job("inbound/acme/fine.pdf", 1000, Cause::ModelError);
    api.job("inbound/acme/poisoned.pdf", 1000, |job| {
        super::fail(job, Cause::ModelError);
        job.attempts[0].closed_at = Some(Timestamp(NOW.0 - 5000));
        for minute in [4000, 3000] {
            job.history.push(HistoryEntry {
                at: Timestamp(NOW.0 - minute),
                event: EventKind::Retry,
                actor: Some("x".to_owned()),
                reason: Some("y".to_owned()),
            });
        }
    });
    let careful = plan(&api, json!({"reason": "x"}));
    assert_eq!((careful.jobs, careful.poisoned), (1, 1));
    let forced = plan(&api, json!({"reason": "x", "force": true}));
    assert_eq!((forced.jobs, forced.poisoned), (2, 0));
    let _: RetryPlanView = api
        .support()
        .post(&format!("/retry-plans/{}/apply", forced.id), json!({}));
    let bodies: Vec<String> = take_commands(&api)
        .into_iter()
        .map(|(body, _)| body)
        .collect();
    receive(&api, &bodies, 1);
    assert_eq!(api.ports().state().checks.len(), 2);
}

#[test]
fn plan_leaves_out_jobs_that_cannot_be_retried() {
    let api = TestApi::new();
    api.failed_job("inbound/acme/fine.pdf", 1000, Cause::ModelError);
    api.failed_job("inbound/acme/no.pdf", 1000, Cause::InvalidInput);
    api.failed_job("inbound/acme/old.pdf", 1000, Cause::Superseded);
    api.job("inbound/acme/erased.pdf", 1000, |job| {
        super::fail(job, Cause::ModelError);
        let (actor, reason) = ("sam@docket.example".to_owned(), "asked for".to_owned());
        let attempt = job.state.attempt();
        let erase = Event::Erase { actor, reason };
        *job = job.advanced(&erase, State::Erased { attempt }, NOW);
    });
    assert_eq!(plan(&api, json!({"reason": "x"})).jobs, 1);
    let body = json!({"reason": "x", "filter": {"since": 5, "until": 5}});
    let code = api
        .support()
        .problem_code("POST", "/retry-plans", Some(body));
    assert_eq!(code, "bad-request");
    assert_eq!(
        audit_log(&api).len(),
        1,
        "an invalid request must not be in the audit log"
    );
}

#[test]
fn unreadable_plan_does_not_block_the_release_of_other_plans() {
    let api = TestApi::new();
    api.failed_job("inbound/acme/a.pdf", 1000, Cause::ModelError);
    let made = plan(&api, json!({"reason": "x"}));
    api.ports().state().fail_before.insert("send_commands", 1);
    let _: RetryPlanView = api
        .support()
        .post(&format!("/retry-plans/{}/apply", made.id), json!({}));
    let broken = jobs::ports::Record {
        body: "{".to_owned(),
        revision: 1,
        expires_at: None,
    };
    {
        let mut state = api.ports().state();
        state.records.put("plan", "p-broken", &broken);
        state.records.put("plan-active", "p-broken", &broken);
    }
    reconcile(&api);
    assert_eq!(take_commands(&api).len(), 1);
}

#[test]
fn refused_retry_command_is_counted_as_skipped() {
    let api = TestApi::new();
    let job = api.failed_job("inbound/acme/a.pdf", 1000, Cause::ModelError);
    let made = plan(&api, json!({"reason": "x"}));
    let path = format!("/retry-plans/{}", made.id);
    let shown: RetryPlanView = api.support().post(&format!("{path}/apply"), json!({}));
    assert_eq!(shown.outcome.map(|outcome| outcome.waiting), Some(1));
    advance(api.handler.app(), 31 * 60_000);
    let shown: RetryPlanView = api.support().get(&path);
    let outcome = shown.outcome.unwrap();
    assert_eq!((outcome.waiting, outcome.skipped), (0, 1));
    api.ports().state().jobs.get_mut(&job.id).unwrap().state = State::Ready {
        attempt: Attempt(1),
    };
    let shown: RetryPlanView = api.support().get(&path);
    assert_eq!(
        shown.outcome.unwrap().ready,
        1,
        "a job that became ready without a new attempt must be counted as ready"
    );
}

/// Plans are kept longer than some jobs. What is shown says that a job is gone, and still adds up.
#[test]
fn job_whose_row_has_gone_is_counted_as_missing() {
    let api = TestApi::new();
    let jobs = [0, 1, 2].map(|number| {
        let key = format!("inbound/acme/{number}.pdf");
        api.failed_job(&key, number * 1000, Cause::ModelError)
    });
    let made = plan(&api, json!({"reason": "x"}));
    api.ports().state().jobs.remove(&jobs[0].id);
    let path = format!("/retry-plans/{}", made.id);
    let shown: RetryPlanView = api.support().post(&format!("{path}/apply"), json!({}));
    let outcome = shown.outcome.unwrap();
    assert_eq!(
        (outcome.missing, outcome.skipped, outcome.waiting),
        (1, 0, 2)
    );
    let commands: Vec<String> = take_commands(&api).into_iter().map(|it| it.0).collect();
    receive(&api, &commands, 1);
    advance(api.handler.app(), 31 * 60_000);
    let shown: RetryPlanView = api.support().get(&path);
    let outcome = shown.outcome.unwrap();
    assert_eq!((outcome.missing, outcome.open, outcome.skipped), (1, 2, 0));
}
