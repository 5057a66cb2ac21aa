//! Retry plans: made, applied, released, told about.

use api::types::{PlanOutcome, PlanView, Plans};
use functions::handlers::{reconciler, retry};
use jobs::event::EventKind;
use jobs::id::{Attempt, Timestamp};
use jobs::job::HistoryEntry;
use jobs::state::{Cause, State};
use serde_json::{Value, json};

use super::super::world::{NOW, advance, batch, event, failures, find, run};
use super::{Office, audited, counts};

/// What was ordered so far, as messages.
fn orders(office: &Office) -> Vec<(String, u32)> {
    let sent = std::mem::take(&mut office.ports().world().orders);
    let text = |order: &jobs::ports::RetryCommand| {
        let wire = retry::RetryCommandMessage::from(order);
        serde_json::to_string(&wire).unwrap()
    };
    sent.iter()
        .map(|(order, delay)| (text(order), *delay))
        .collect()
}

fn run_effects(office: &Office, bodies: &[String], received: u32) {
    for chunk in bodies.chunks(10) {
        let batch = batch(office.api.app(), chunk, received);
        let response = run(retry::handle(office.api.app(), batch)).unwrap();
        assert!(failures(&response).is_empty());
    }
}

fn reconcile(office: &Office) {
    run(reconciler::handle(
        office.api.app(),
        event(office.api.app(), json!({})),
    ))
    .unwrap();
}

fn plan(office: &Office, body: Value) -> PlanView {
    office.support().post("/retry-plans", body)
}

#[test]
fn a_plan_says_what_it_would_do_and_does_nothing() {
    let office = Office::open();
    for number in 0..12_u64 {
        let cause = if number < 9 {
            Cause::ModelError
        } else {
            Cause::TimedOut
        };
        office.failed(&format!("inbound/acme/{number}.pdf"), number * 1000, cause);
    }
    office.job("inbound/acme/open.pdf", 10, |_| {});
    let all = plan(&office, json!({"reason": "the model was mended"}));
    assert_eq!(
        (all.status.as_str(), all.jobs, all.released, all.truncated),
        ("planned", 12, 0, false)
    );
    assert_eq!(
        counts(&all.by_cause),
        [("ModelError", 9), ("TimedOut", 3)].into()
    );
    assert_eq!(counts(&all.by_pipeline), [("legal-review", 12)].into());
    assert_eq!(all.gpu_minutes, 9, "twelve runs of 45 s");
    let some = plan(
        &office,
        json!({"reason": "x", "filter": {"cause": "ModelError", "since": NOW.0 - 3500, "tenant": "acme"}}),
    );
    assert_eq!(some.jobs, 4);
    let none = plan(
        &office,
        json!({"reason": "x", "filter": {"pipeline": "ocr-batch"}}),
    );
    assert_eq!(none.jobs, 0);
    let listed: Plans = office.support().get("/retry-plans");
    assert_eq!(listed.plans.len(), 3);
    assert_eq!(office.ports().world().orders.len(), 0);
    assert_eq!(
        office
            .reviewer()
            .word("POST", "/retry-plans", Some(json!({"reason": "x"}))),
        "forbidden"
    );
    for body in [
        json!({"reason": ""}),
        json!({"reason": "x", "per_minute": 0}),
        json!({"reason": "x", "jobs": []}),
        json!({"reason": "x", "filter": {"status": "open"}}),
    ] {
        assert_eq!(
            office.support().word("POST", "/retry-plans", Some(body)),
            "bad-request"
        );
    }
}

#[test]
fn an_applied_plan_releases_its_jobs_at_its_rate_and_once() {
    let office = Office::open();
    for number in 0..250_u64 {
        office.failed(
            &format!("inbound/acme/{number}.pdf"),
            number * 1000,
            Cause::ModelError,
        );
    }
    let made = plan(
        &office,
        json!({"reason": "the model was mended", "per_minute": 20}),
    );
    advance(office.api.app(), 1);
    let apply = format!("/retry-plans/{}/apply", made.id);
    assert_eq!(
        office.reviewer().word("POST", &apply, Some(json!({}))),
        "forbidden"
    );
    let applied: PlanView = office.support().post(&apply, json!({}));
    assert_eq!(
        (applied.status.as_str(), applied.released),
        ("releasing", 141),
        "seven minutes' worth, and the first"
    );
    let again: PlanView = office.support().post(&apply, json!({}));
    assert_eq!(
        (again.applied_at, again.released),
        (applied.applied_at, 141),
        "a second time changes nothing"
    );
    let first = orders(&office);
    assert_eq!(first.len(), 141);
    assert!(
        first
            .iter()
            .zip(0_u32..)
            .all(|((_, delay), place)| *delay == place * 3),
        "one every three seconds"
    );

    // One has moved on since, one had its message twice.
    let skipped = made.jobs;
    let mut bodies: Vec<String> = first.into_iter().map(|(body, _)| body).collect();
    let doubled = bodies[7].clone();
    bodies.push(doubled);
    let moved: Value = serde_json::from_str(&bodies[3]).unwrap();
    let moved = moved["job_id"].as_str().unwrap().parse().unwrap();
    let mut job = find(office.api.app(), moved).unwrap();
    job.version += 1;
    office.ports().world().jobs.insert(moved, job);
    run_effects(&office, &bodies, 1);
    assert_eq!(
        office.ports().world().checks.len(),
        140,
        "each is started once"
    );
    run_effects(&office, &bodies[7..8], 2);
    assert_eq!(
        office.ports().world().checks.len(),
        141,
        "a redelivered order sends its message once more"
    );
    assert_eq!(skipped, 250);

    advance(office.api.app(), 300_000);
    reconcile(&office);
    advance(office.api.app(), 300_000);
    reconcile(&office);
    let rest = orders(&office);
    assert_eq!(rest.len(), 109, "the reconciler sends the rest");
    reconcile(&office);
    assert!(orders(&office).is_empty(), "and then nothing more");
    let shown: PlanView = office.support().get(&format!("/retry-plans/{}", made.id));
    assert_eq!(shown.status, "released");
    assert_eq!(
        shown.outcome,
        Some(PlanOutcome {
            waiting: 109,
            skipped: 1,
            open: 140,
            ready: 0,
            failed: 0
        })
    );
    let ids: Vec<_> = office.ports().world().jobs.keys().copied().collect();
    for id in &ids[..5] {
        let mut world = office.ports().world();
        let job = world.jobs.get_mut(id).unwrap();
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
    let shown: PlanView = office.support().get(&format!("/retry-plans/{}", made.id));
    assert!(shown.outcome.unwrap().ready > 0);
    let actions: Vec<String> = audited(&office)
        .into_iter()
        .map(|(_, action, _)| action)
        .collect();
    assert_eq!(actions, ["apply-plan", "plan"], "each once");
}

#[test]
fn orders_that_the_queue_does_not_take_are_sent_again() {
    let office = Office::open();
    for number in 0..5_u64 {
        office.failed(
            &format!("inbound/acme/{number}.pdf"),
            number,
            Cause::ModelError,
        );
    }
    let made = plan(&office, json!({"reason": "x"}));
    office.ports().world().fail_before.insert("order", 1);
    let applied: PlanView = office
        .support()
        .post(&format!("/retry-plans/{}/apply", made.id), json!({}));
    assert_eq!(
        (applied.status.as_str(), applied.released),
        ("releasing", 0)
    );
    reconcile(&office);
    assert_eq!(orders(&office).len(), 5);
}

#[test]
fn the_poisoned_are_left_out_unless_somebody_insists() {
    let office = Office::open();
    office.failed("inbound/acme/fine.pdf", 1000, Cause::ModelError);
    office.job("inbound/acme/poisoned.pdf", 1000, |job| {
        super::fail(job, Cause::ModelError);
        job.attempts[0].closed_at = Some(Timestamp(NOW.0 - 5000));
        for minute in [4000, 3000] {
            job.history.push(HistoryEntry {
                at: Timestamp(NOW.0 - minute),
                event: EventKind::Resubmit,
                actor: Some("x".to_owned()),
                reason: Some("y".to_owned()),
            });
        }
    });
    let careful = plan(&office, json!({"reason": "x"}));
    assert_eq!((careful.jobs, careful.poisoned), (1, 1));
    let forced = plan(&office, json!({"reason": "x", "force": true}));
    assert_eq!((forced.jobs, forced.poisoned), (2, 0));
    let _: PlanView = office
        .support()
        .post(&format!("/retry-plans/{}/apply", forced.id), json!({}));
    let bodies: Vec<String> = orders(&office).into_iter().map(|(body, _)| body).collect();
    run_effects(&office, &bodies, 1);
    assert_eq!(office.ports().world().checks.len(), 2);
}

#[test]
fn what_cannot_be_run_again_is_not_planned() {
    let office = Office::open();
    office.failed("inbound/acme/fine.pdf", 1000, Cause::ModelError);
    office.failed("inbound/acme/no.pdf", 1000, Cause::InvalidInput);
    office.failed("inbound/acme/old.pdf", 1000, Cause::Superseded);
    office.job("inbound/acme/erased.pdf", 1000, |job| {
        super::fail(job, Cause::ModelError);
        *job = job.erased("sam@docket.example", "asked for", NOW);
    });
    assert_eq!(plan(&office, json!({"reason": "x"})).jobs, 1);
    let body = json!({"reason": "x", "filter": {"since": 5, "until": 5}});
    let word = office.support().word("POST", "/retry-plans", Some(body));
    assert_eq!(word, "bad-request");
    assert_eq!(audited(&office).len(), 1, "nothing was about to be done");
}

#[test]
fn a_plan_that_cannot_be_read_does_not_hold_up_the_others() {
    let office = Office::open();
    office.failed("inbound/acme/a.pdf", 1000, Cause::ModelError);
    let made = plan(&office, json!({"reason": "x"}));
    office.ports().world().fail_before.insert("order", 1);
    let _: PlanView = office
        .support()
        .post(&format!("/retry-plans/{}/apply", made.id), json!({}));
    let broken = jobs::ports::Record {
        text: "{".to_owned(),
        revision: 1,
        expires_at: None,
    };
    {
        let mut world = office.ports().world();
        world.folders.write("plan", "p-broken", &broken);
        world.folders.write("plan-active", "p-broken", &broken);
    }
    reconcile(&office);
    assert_eq!(orders(&office).len(), 1);
}

#[test]
fn an_order_that_was_refused_is_told_as_skipped() {
    let office = Office::open();
    let job = office.failed("inbound/acme/a.pdf", 1000, Cause::ModelError);
    let made = plan(&office, json!({"reason": "x"}));
    let path = format!("/retry-plans/{}", made.id);
    let shown: PlanView = office.support().post(&format!("{path}/apply"), json!({}));
    assert_eq!(shown.outcome.map(|outcome| outcome.waiting), Some(1));
    advance(office.api.app(), 31 * 60_000);
    let shown: PlanView = office.support().get(&path);
    let outcome = shown.outcome.unwrap();
    assert_eq!((outcome.waiting, outcome.skipped), (0, 1));
    office.ports().world().jobs.get_mut(&job.id).unwrap().state = State::Ready {
        attempt: Attempt(1),
    };
    let shown: PlanView = office.support().get(&path);
    assert_eq!(
        shown.outcome.unwrap().ready,
        1,
        "its result had come after all"
    );
}
