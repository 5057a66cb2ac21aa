//! Running a job again, giving it up, deleting its data.

use api::types::{JobCommandResult, JobDetail, ResultView};
use jobs::event::EventKind;
use jobs::id::{Attempt, Location, Timestamp};
use jobs::job::{AttemptRecord, HistoryEntry};
use jobs::state::{Cause, State};
use serde_json::json;

use super::super::world::{BUCKET, NOW, find};
use super::{Office, audited};

fn reason() -> Option<serde_json::Value> {
    Some(json!({"reason": "the model was mended"}))
}

#[test]
fn a_failed_job_is_run_again_with_a_name_and_a_reason() {
    let office = Office::open();
    let job = office.failed("inbound/acme/a.pdf", 5000, Cause::ModelRejected);
    let path = format!("/jobs/{}/retry", job.id);
    let order = json!({"seen": job.version, "reason": " the model was mended "});
    let answer: JobCommandResult = office.reviewer().post(&path, order.clone());
    assert_eq!(
        (answer.job.status.as_ref(), answer.result_found),
        ("RetryScheduled", false)
    );
    assert_eq!(
        office.ports().world().checks.len(),
        1,
        "the attempt has its message"
    );
    let detail: JobDetail = office.reviewer().get(&format!("/jobs/{}", job.id));
    let asked = detail.explanation.timeline.last().unwrap();
    assert_eq!(
        (asked.actor.as_deref(), asked.reason.as_deref()),
        (Some("rita@acme.example"), Some("the model was mended"))
    );
    assert_eq!(
        audited(&office),
        [(
            "rita@acme.example".to_owned(),
            "retry".to_owned(),
            Some("attempt 2 is scheduled".to_owned())
        )]
    );
    let (word, detail) = office.reviewer().refused("POST", &path, Some(order));
    assert_eq!(word, "changed");
    assert!(detail.contains("look at it again"), "{detail}");
    assert_eq!(
        office.reviewer().word("POST", &path, reason()),
        "refused",
        "it is not failed any more"
    );
    assert_eq!(office.ports().world().checks.len(), 1);
}

#[test]
fn a_result_that_came_after_all_saves_the_run() {
    let office = Office::open();
    let job = office.failed("inbound/acme/a.pdf", 5000, Cause::Lost);
    office.ports().put(
        BUCKET,
        &format!("outbound/legal-review/{}/a1/x.out", job.id),
        b"{}",
    );
    let answer: JobCommandResult = office
        .reviewer()
        .post(&format!("/jobs/{}/retry", job.id), reason().unwrap());
    assert!(answer.result_found);
    let world = office.ports().world();
    assert_eq!(
        (world.checks.len(), world.checks[0].0.due),
        (1, None),
        "somebody is told to look"
    );
    assert_eq!(world.invocations.len(), 0);
}

#[test]
fn a_job_that_fails_the_same_way_again_and_again_needs_somebody_who_insists() {
    let office = Office::open();
    let job = office.failed("inbound/acme/a.pdf", 5000, Cause::ModelError);
    let failure = job.failure().cloned();
    let mut poisoned = job.clone();
    poisoned.attempts.clear();
    for round in 0..3_u64 {
        let at = |minute: u64| Timestamp(NOW.0 - 100_000 + round * 10_000 + minute * 1000);
        poisoned.attempts.push(AttemptRecord {
            attempt: Attempt(u8::try_from(round).unwrap() + 1),
            started_at: at(1),
            output: None,
            failure_object: None,
            closed_at: Some(at(2)),
            failure: failure.clone(),
        });
        if round < 2 {
            poisoned.history.push(HistoryEntry {
                at: at(3),
                event: EventKind::Resubmit,
                actor: Some("rita@acme.example".to_owned()),
                reason: Some("again".to_owned()),
            });
        }
    }
    poisoned.state = State::Failed {
        attempt: Attempt(3),
        failure: failure.unwrap(),
    };
    office.ports().world().jobs.insert(job.id, poisoned);
    let path = format!("/jobs/{}/retry", job.id);
    let (word, detail) = office.support().refused("POST", &path, reason());
    assert_eq!(word, "poisoned");
    assert!(
        detail.contains("3 times") && detail.contains("ModelError"),
        "{detail}"
    );
    let force = json!({"reason": "the model was mended", "force": true});
    assert_eq!(
        office.reviewer().word("POST", &path, Some(force.clone())),
        "forbidden",
        "support insists"
    );
    let answer: JobCommandResult = office.support().post(&path, force);
    assert_eq!(answer.job.status, "RetryScheduled");
}

#[test]
fn an_order_needs_a_reason_and_a_log_to_be_written_to() {
    let office = Office::open();
    let job = office.failed("inbound/acme/a.pdf", 5000, Cause::ModelError);
    let path = format!("/jobs/{}/retry", job.id);
    for body in [
        json!({}),
        json!({"reason": " "}),
        json!({"reason": "x".repeat(501)}),
        json!({"reason": "x", "actor": "y"}),
    ] {
        assert_eq!(
            office.reviewer().word("POST", &path, Some(body)),
            "bad-request"
        );
    }
    assert_eq!(office.reviewer().word("POST", &path, None), "bad-request");
    office
        .ports()
        .world()
        .fail_before
        .insert("write_document", 1);
    assert_eq!(
        office.reviewer().word("POST", &path, reason()),
        "unavailable"
    );
    let after = find(office.api.app(), job.id).unwrap();
    assert_eq!(
        after.version, job.version,
        "without a line in the log nothing is done"
    );
}

#[test]
fn an_open_job_is_given_up() {
    let office = Office::open();
    let job = office.job("inbound/acme/a.pdf", 5000, |_| {});
    let path = format!("/jobs/{}/cancel", job.id);
    let answer: JobCommandResult = office.reviewer().post(&path, reason().unwrap());
    assert_eq!(answer.job.status, "Cancelled");
    assert_eq!(office.reviewer().word("POST", &path, reason()), "refused");
    assert_eq!(
        audited(&office).len(),
        2,
        "what was refused is in the log as well"
    );
}

#[test]
fn a_result_is_fetched_by_those_who_may_see_it() {
    let office = Office::open();
    let output = format!("outbound/legal-review/opaque/{}", "x.out");
    let job = office.job("inbound/acme/Vertrag Müller.pdf", 5000, |job| {
        job.state = State::Ready {
            attempt: Attempt(1),
        };
        job.attempts.truncate(1);
        job.attempts[0].attempt = Attempt(1);
        job.attempts[0].output = Some(Location {
            bucket: BUCKET.to_owned(),
            key: output.clone(),
        });
    });
    let path = format!("/jobs/{}/result", job.id);
    assert_eq!(
        office.reviewer().word("GET", &path, None),
        "gone",
        "it was deleted"
    );
    office.ports().put(BUCKET, &output, b"{\"clauses\":[]}");
    let view: ResultView = office.reviewer().get(&path);
    assert_eq!(
        (view.name.as_str(), view.content_type.as_str(), view.bytes),
        ("Vertrag Müller.json", "application/json", 14)
    );
    assert_eq!(view.request.method, "GET");
    assert_eq!(office.stranger().word("GET", &path, None), "not-found");
    let open = office.job("inbound/acme/b.pdf", 5000, |_| {});
    assert_eq!(
        office
            .reviewer()
            .word("GET", &format!("/jobs/{}/result", open.id), None),
        "not-ready"
    );
}

#[test]
fn one_jobs_data_is_deleted_and_its_record_says_by_whom() {
    let office = Office::open();
    let failure_object = Location {
        bucket: BUCKET.to_owned(),
        key: "failure/legal-review/f.out".to_owned(),
    };
    let job = office.job("inbound/acme/geheim.pdf", 5000, |job| {
        super::fail(job, Cause::ModelError);
        job.attempts[0].failure_object = Some(failure_object.clone());
    });
    office.ports().put(BUCKET, &failure_object.key, b"x");
    let orphan = format!("outbound/legal-review/{}/a1/x.out", job.id);
    office.ports().put(BUCKET, &orphan, b"{}");
    office.ports().put(BUCKET, &orphan, b"{}");
    let newer = office
        .ports()
        .put(BUCKET, "inbound/acme/geheim.pdf", b"%PDF-1.7 newer");
    let path = format!("/jobs/{}/data", job.id);
    assert_eq!(
        office.reviewer().word("DELETE", &path, reason()),
        "forbidden"
    );
    let answer: JobCommandResult = office.support().ask("DELETE", &path, reason());
    assert_eq!(answer.job.version, job.version + 1);
    {
        let world = office.ports().world();
        let left: Vec<_> = world
            .objects
            .values()
            .flatten()
            .map(|(version, _)| version)
            .collect();
        assert_eq!(left, [&newer], "the newer version belongs to another job");
    }
    let detail: JobDetail = office.support().get(&format!("/jobs/{}", job.id));
    let last = detail.explanation.timeline.last().unwrap();
    assert_eq!(
        (last.what.as_str(), last.actor.as_deref()),
        ("its data was deleted", Some("sam@docket.example"))
    );
    assert!(
        audited(&office)[0]
            .2
            .as_deref()
            .unwrap()
            .starts_with("4 object versions")
    );
    let again: JobCommandResult = office.support().ask("DELETE", &path, reason());
    assert_eq!(
        again.job.version, answer.job.version,
        "it can be ordered once more"
    );
    assert_eq!(
        answer.job.updated_at, job.updated_at.0,
        "it ended when it ended"
    );
    let word = office
        .support()
        .word("POST", &format!("/jobs/{}/retry", job.id), reason());
    assert_eq!(word, "refused", "there is nothing to run");
    assert!(
        detail
            .explanation
            .help
            .iter()
            .all(|help| help.action != api::explain::Action::Retry)
    );
    let open = office.job("inbound/acme/open.pdf", 5, |_| {});
    assert_eq!(
        office
            .support()
            .word("DELETE", &format!("/jobs/{}/data", open.id), reason()),
        "refused"
    );
}

#[test]
fn data_is_not_deleted_while_an_attempt_may_still_write_a_result() {
    let office = Office::open();
    let job = office.job("inbound/acme/a.pdf", 5000, |_| {});
    let path = format!("/jobs/{}", job.id);
    let _: JobCommandResult = office
        .support()
        .post(&format!("{path}/cancel"), reason().unwrap());
    let (word, detail) = office
        .support()
        .refused("DELETE", &format!("{path}/data"), reason());
    assert_eq!(word, "refused");
    assert!(detail.contains("may still write"), "{detail}");
    super::super::world::advance(office.api.app(), 8 * 3_600_000);
    let later = office.api.app().ports.world().now.0;
    let mut support = office.support();
    support.claims["exp"] = json!((later / 1000 + 3600).to_string());
    let answer: JobCommandResult = support.ask("DELETE", &format!("{path}/data"), reason());
    assert_eq!(answer.job.status, "Cancelled");
}

#[test]
fn a_deletion_that_breaks_off_is_ordered_once_more() {
    let office = Office::open();
    let job = office.failed("inbound/acme/a.pdf", 5000, Cause::ModelError);
    let path = format!("/jobs/{}/data", job.id);
    office.ports().world().fail_before.insert("delete", 1);
    assert_eq!(
        office.support().word("DELETE", &path, reason()),
        "unavailable"
    );
    assert_eq!(
        audited(&office)[0].2.as_deref(),
        Some("broke off; to be ordered once more")
    );
    let _: JobCommandResult = office.support().ask("DELETE", &path, reason());
    assert!(office.ports().world().objects.is_empty());
}
