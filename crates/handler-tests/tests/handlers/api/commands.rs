//! Commands about one job: retry, cancel, data deletion. And the download of its result.

use api::types::{JobCommandResult, JobDetail, ResultView};
use jobs::event::EventKind;
use jobs::id::{Attempt, Location, Timestamp};
use jobs::job::{AttemptRecord, HistoryEntry};
use jobs::state::{Cause, State};
use serde_json::json;

use super::super::fixtures::{BUCKET, NOW, find};
use super::{TestApi, audit_log};

fn reason() -> Option<serde_json::Value> {
    Some(json!({"reason": "the model was fixed"}))
}

#[test]
fn retry_schedules_an_attempt_and_records_actor_and_reason() {
    let api = TestApi::new();
    let job = api.failed_job("inbound/acme/a.pdf", 5000, Cause::ModelRejected);
    let path = format!("/jobs/{}/retry", job.id);
    let command = json!({"expected_version": job.version, "reason": " the model was fixed "});
    let answer: JobCommandResult = api.reviewer().post(&path, command.clone());
    assert_eq!(
        (answer.job.status.as_ref(), answer.result_recovered),
        ("RetryScheduled", false)
    );
    assert_eq!(
        api.ports().state().checks.len(),
        1,
        "a message must start the attempt"
    );
    let detail: JobDetail = api.reviewer().get(&format!("/jobs/{}", job.id));
    let requested = detail.explanation.timeline.last().unwrap();
    assert_eq!(
        (requested.actor.as_deref(), requested.reason.as_deref()),
        (Some("rita@acme.example"), Some("the model was fixed"))
    );
    let log = audit_log(&api);
    assert_eq!(log.len(), 1);
    assert_eq!(
        (
            log[0].actor.as_str(),
            log[0].action.as_str(),
            log[0].detail.as_deref()
        ),
        ("rita@acme.example", "retry", Some("attempt 2 is scheduled"))
    );
    let (code, detail) = api.reviewer().problem("POST", &path, Some(command));
    assert_eq!(code, "changed");
    assert!(detail.contains("reload it first"), "{detail}");
    assert_eq!(
        api.reviewer().problem_code("POST", &path, reason()),
        "refused",
        "the job is no longer failed"
    );
    assert_eq!(api.ports().state().checks.len(), 1);
}

#[test]
fn retry_of_a_job_whose_result_exists_schedules_a_check_and_no_attempt() {
    let api = TestApi::new();
    let job = api.failed_job("inbound/acme/a.pdf", 5000, Cause::Lost);
    api.ports().put(
        BUCKET,
        &format!("outbound/legal-review/{}/a1/x.out", job.id),
        b"{}",
    );
    let answer: JobCommandResult = api
        .reviewer()
        .post(&format!("/jobs/{}/retry", job.id), reason().unwrap());
    assert!(answer.result_recovered);
    let state = api.ports().state();
    assert_eq!(
        (state.checks.len(), state.checks[0].message.due),
        (1, None),
        "a check must be sent"
    );
    assert_eq!(state.invocations.len(), 0);
}

#[test]
fn retry_of_a_job_that_repeats_the_same_failure_must_be_forced_by_support() {
    let api = TestApi::new();
    let job = api.failed_job("inbound/acme/a.pdf", 5000, Cause::ModelError);
    let failure = job.failure().cloned();
    let mut poisoned = job.clone();
    poisoned.attempts.clear();
    for round in 0..3_u64 {
        let at = |minute: u64| Timestamp(NOW.0 - 100_000 + round * 10_000 + minute * 1000);
        poisoned.attempts.push(AttemptRecord {
            attempt: Attempt(u8::try_from(round).unwrap() + 1),
            started_at: at(1),
            may_run_twice: false,
            output: None,
            failure_object: None,
            closed_at: Some(at(2)),
            failure: failure.clone(),
            unexpected_content_type: None,
            pages: None,
            model_tag: None,
            model: None,
        });
        if round < 2 {
            poisoned.history.push(HistoryEntry {
                at: at(3),
                event: EventKind::Retry,
                actor: Some("rita@acme.example".to_owned()),
                reason: Some("again".to_owned()),
            });
        }
    }
    poisoned.state = State::Failed {
        attempt: Attempt(3),
        failure: failure.unwrap(),
    };
    api.ports().state().jobs.insert(job.id, poisoned);
    let path = format!("/jobs/{}/retry", job.id);
    let (code, detail) = api.support().problem("POST", &path, reason());
    assert_eq!(code, "poisoned");
    assert!(
        detail.contains("3 times") && detail.contains("ModelError"),
        "{detail}"
    );
    let force = json!({"reason": "the model was fixed", "force": true});
    assert_eq!(
        api.reviewer()
            .problem_code("POST", &path, Some(force.clone())),
        "forbidden",
        "only support may force a retry"
    );
    let answer: JobCommandResult = api.support().post(&path, force);
    assert_eq!(answer.job.status, "RetryScheduled");
}

#[test]
fn command_without_a_reason_or_without_an_audit_entry_is_refused() {
    let api = TestApi::new();
    let job = api.failed_job("inbound/acme/a.pdf", 5000, Cause::ModelError);
    let path = format!("/jobs/{}/retry", job.id);
    for body in [
        json!({}),
        json!({"reason": " "}),
        json!({"reason": "x".repeat(501)}),
        json!({"reason": "x", "actor": "y"}),
    ] {
        assert_eq!(
            api.reviewer().problem_code("POST", &path, Some(body)),
            "bad-request"
        );
    }
    assert_eq!(
        api.reviewer().problem_code("POST", &path, None),
        "bad-request"
    );
    api.ports().state().fail_before.insert("put_record", 1);
    assert_eq!(
        api.reviewer().problem_code("POST", &path, reason()),
        "unavailable"
    );
    let after = find(api.handler.app(), job.id).unwrap();
    assert_eq!(
        after.version, job.version,
        "nothing may change without an audit entry"
    );
}

#[test]
fn cancel_ends_an_open_job_and_is_refused_for_a_final_one() {
    let api = TestApi::new();
    let job = api.job("inbound/acme/a.pdf", 5000, |_| {});
    let path = format!("/jobs/{}/cancel", job.id);
    let answer: JobCommandResult = api.reviewer().post(&path, reason().unwrap());
    assert_eq!(answer.job.status, "Cancelled");
    assert_eq!(
        api.reviewer().problem_code("POST", &path, reason()),
        "refused"
    );
    assert_eq!(
        audit_log(&api).len(),
        2,
        "the audit log must contain refused commands"
    );
}

#[test]
fn result_can_be_downloaded_only_by_callers_who_can_see_the_job() {
    let api = TestApi::new();
    let output = format!("outbound/legal-review/opaque/{}", "x.out");
    let job = api.ready_job("inbound/acme/Vertrag Müller.pdf", 5000, &output);
    let path = format!("/jobs/{}/result", job.id);
    assert_eq!(
        api.reviewer().problem_code("GET", &path, None),
        "gone",
        "the output was deleted"
    );
    api.ports().put(BUCKET, &output, b"{\"clauses\":[]}");
    let view: ResultView = api.reviewer().get(&path);
    assert_eq!(
        (view.name.as_str(), view.content_type.as_str(), view.bytes),
        ("Vertrag Müller.json", "application/json", 14)
    );
    assert_eq!(view.request.method, "GET");
    assert_eq!(
        api.other_tenant().problem_code("GET", &path, None),
        "not-found"
    );
    let open = api.job("inbound/acme/b.pdf", 5000, |_| {});
    assert_eq!(
        api.reviewer()
            .problem_code("GET", &format!("/jobs/{}/result", open.id), None),
        "not-ready"
    );
}

#[test]
fn data_deletion_removes_all_objects_of_the_job_and_records_the_actor() {
    let api = TestApi::new();
    let failure_object = Location {
        bucket: BUCKET.to_owned(),
        key: "failure/legal-review/f.out".to_owned(),
    };
    let job = api.job("inbound/acme/geheim.pdf", 5000, |job| {
        super::fail(job, Cause::ModelError);
        job.attempts[0].failure_object = Some(failure_object.clone());
    });
    api.ports().put(BUCKET, &failure_object.key, b"x");
    let orphan = format!("outbound/legal-review/{}/a1/x.out", job.id);
    api.ports().put(BUCKET, &orphan, b"{}");
    api.ports().put(BUCKET, &orphan, b"{}");
    let newer = api
        .ports()
        .put(BUCKET, "inbound/acme/geheim.pdf", b"%PDF-1.7 newer");
    let path = format!("/jobs/{}/data-deletion", job.id);
    assert_eq!(
        api.reviewer().problem_code("POST", &path, reason()),
        "forbidden"
    );
    let answer: JobCommandResult = api.support().request("POST", &path, reason());
    assert_eq!(answer.job.version, job.version + 1);
    {
        let state = api.ports().state();
        let left: Vec<_> = state
            .objects
            .values()
            .flatten()
            .map(|(version, _)| version)
            .collect();
        assert_eq!(
            left,
            [&newer],
            "a newer version belongs to another job and must stay"
        );
    }
    let detail: JobDetail = api.support().get(&format!("/jobs/{}", job.id));
    let last = detail.explanation.timeline.last().unwrap();
    assert_eq!(
        (last.what.as_str(), last.actor.as_deref()),
        ("the job's data was deleted", Some("sam@docket.example"))
    );
    assert!(
        audit_log(&api)[0]
            .detail
            .as_deref()
            .unwrap()
            .starts_with("4 object versions")
    );
    let again: JobCommandResult = api.support().request("POST", &path, reason());
    assert_eq!(
        again.job.version, answer.job.version,
        "repeating the deletion must succeed"
    );
    assert_eq!(
        answer.job.updated_at, job.updated_at.0,
        "the deletion must not change when the job ended"
    );
    let code = api
        .support()
        .problem_code("POST", &format!("/jobs/{}/retry", job.id), reason());
    assert_eq!(code, "refused", "a job without data cannot be retried");
    assert!(
        detail
            .explanation
            .help
            .iter()
            .all(|help| help.action != api::explain::JobAction::Retry)
    );
    let open = api.job("inbound/acme/open.pdf", 5, |_| {});
    assert_eq!(
        api.support().problem_code(
            "POST",
            &format!("/jobs/{}/data-deletion", open.id),
            reason()
        ),
        "refused"
    );
}

#[test]
fn data_deletion_is_refused_while_an_attempt_may_still_write_a_result() {
    let api = TestApi::new();
    let job = api.job("inbound/acme/a.pdf", 5000, |_| {});
    let path = format!("/jobs/{}", job.id);
    let _: JobCommandResult = api
        .support()
        .post(&format!("{path}/cancel"), reason().unwrap());
    let (code, detail) = api
        .support()
        .problem("POST", &format!("{path}/data-deletion"), reason());
    assert_eq!(code, "refused");
    assert!(detail.contains("may still write"), "{detail}");
    super::super::fixtures::advance(api.handler.app(), 8 * 3_600_000);
    let later = api.handler.app().ports.state().now.0;
    let mut support = api.support();
    support.claims["exp"] = json!((later / 1000 + 3600).to_string());
    let answer: JobCommandResult =
        support.request("POST", &format!("{path}/data-deletion"), reason());
    assert_eq!(answer.job.status, "Erased");
}

#[test]
fn interrupted_data_deletion_can_be_repeated() {
    let api = TestApi::new();
    let job = api.failed_job("inbound/acme/a.pdf", 5000, Cause::ModelError);
    let path = format!("/jobs/{}/data-deletion", job.id);
    api.ports().state().fail_before.insert("delete_version", 1);
    assert_eq!(
        api.support().problem_code("POST", &path, reason()),
        "unavailable"
    );
    assert_eq!(
        audit_log(&api)[0].detail.as_deref(),
        Some("interrupted; repeat the deletion")
    );
    let _: JobCommandResult = api.support().request("POST", &path, reason());
    assert!(api.ports().state().objects.is_empty());
}

/// The S3 lifecycle deletes documents after the pipeline's retention time, before their rows.
#[test]
fn document_that_was_deleted_after_its_retention_time_is_not_tried_again() {
    const DAY: u64 = 86_400_000;
    let api = TestApi::new();
    let key = "inbound/acme/old.pdf";
    let job = api.failed_job(key, 40 * DAY, Cause::ModelError);
    let reviewer = api.reviewer();
    let path = format!("/jobs/{}", job.id);
    let detail: JobDetail = reviewer.get(&path);
    let until = detail.document_kept_until.unwrap();
    assert_eq!(until % DAY, 0, "at midnight UTC");
    assert!(
        (30 * DAY..31 * DAY).contains(&(until - job.created_at.0 + 1)),
        "{until}"
    );
    let actions: Vec<_> = detail
        .explanation
        .help
        .iter()
        .map(|help| help.action)
        .collect();
    assert!(
        !actions.contains(&api::explain::JobAction::Retry),
        "{actions:?}"
    );
    // An object that S3 has not deleted yet is tried all the same.
    api.ports()
        .state()
        .objects
        .retain(|(_, stored), _| stored != key);
    let (code, text) = reviewer.problem(
        "POST",
        &format!("{path}/retry"),
        Some(json!({"reason": "again"})),
    );
    assert_eq!(code, "refused");
    assert!(text.contains("deleted"), "{text}");
    let young = api.failed_job("inbound/acme/young.pdf", DAY, Cause::ModelError);
    let _: JobCommandResult = reviewer.post(
        &format!("/jobs/{}/retry", young.id),
        json!({"reason": "again"}),
    );
}
