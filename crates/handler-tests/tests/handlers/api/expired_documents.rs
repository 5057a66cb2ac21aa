//! Documents whose retention time is over: what a plan does with them, and what an explanation says.

use api::types::{JobDetail, RetryPlanView};
use jobs::state::{Cause, State};
use serde_json::json;

use super::TestApi;
use super::plans::{plan, receive, take_commands};

const DAY_MS: u64 = 86_400_000;

#[test]
fn plan_counts_jobs_whose_documents_were_deleted_and_starts_only_the_others() {
    let api = TestApi::new();
    for number in 0..3_u64 {
        let key = format!("inbound/acme/old-{number}.pdf");
        api.failed_job(&key, 40 * DAY_MS, Cause::ModelError);
    }
    api.failed_job("inbound/acme/young.pdf", DAY_MS, Cause::ModelError);
    api.ready_job("inbound/acme/ready.pdf", 40 * DAY_MS, "out/ready.json");

    let retries = plan(&api, json!({"reason": "the model was fixed"}));
    assert_eq!((retries.jobs, retries.documents_deleted), (1, 3));
    let runs = plan(
        &api,
        json!({"reason": "a new model", "run_again": true, "filter": {"tenant": "acme"}}),
    );
    assert_eq!((runs.jobs, runs.documents_deleted), (0, 1));
    let shown: RetryPlanView = api.support().get(&format!("/retry-plans/{}", runs.id));
    assert_eq!(shown.documents_deleted, 1);
}

/// The document was deleted or archived, or its key was disabled, between the creation of the plan and its job's turn.
#[test]
fn job_of_a_plan_does_not_start_when_its_document_is_gone_or_unreadable() {
    const KEY: &str = "inbound/acme/a.pdf";
    for refused in [
        None,
        Some("InvalidObjectState"),
        Some("KMS.DisabledException"),
    ] {
        let api = TestApi::new();
        let job = api.failed_job(KEY, DAY_MS, Cause::ModelError);
        let planned = plan(&api, json!({"reason": "the model was fixed"}));
        let path = format!("/retry-plans/{}/apply", planned.id);
        let _: RetryPlanView = api.support().post(&path, json!({}));
        match refused {
            None => api.ports().state().objects.clear(),
            Some(code) => {
                let mut state = api.ports().state();
                state.refused_reads.insert(KEY.to_owned(), code);
            }
        }
        let commands = take_commands(&api);
        let bodies: Vec<String> = commands.into_iter().map(|(body, _)| body).collect();
        assert_eq!(bodies.len(), 1);
        receive(&api, &bodies, 1);
        let row = api.ports().state().jobs[&job.id].clone();
        assert!(matches!(row.state, State::Failed { .. }), "{refused:?}");
        assert_eq!(row.version, job.version, "nothing is saved");
        assert_eq!(api.ports().state().invocations.len(), 0, "{refused:?}");
    }
}

#[test]
fn explanation_says_when_document_and_result_were_or_are_deleted() {
    let api = TestApi::new();
    let job = api.ready_job("inbound/acme/a.pdf", 400 * DAY_MS, "out/a.json");
    let detail: JobDetail = api.reviewer().get(&format!("/jobs/{}", job.id));
    let deleted: Vec<u64> = detail
        .explanation
        .timeline
        .iter()
        .filter(|step| step.what.contains("was deleted"))
        .map(|step| step.at)
        .collect();
    let ends = [detail.document_kept_until, detail.result_kept_until];
    assert_eq!(deleted, ends.into_iter().flatten().collect::<Vec<_>>());
    assert_eq!(deleted.len(), 2);
    let young = api.ready_job("inbound/acme/b.pdf", DAY_MS, "out/b.json");
    let detail: JobDetail = api.reviewer().get(&format!("/jobs/{}", young.id));
    let timeline = &detail.explanation.timeline;
    assert!(
        timeline
            .iter()
            .all(|step| !step.what.contains("was deleted"))
    );
    let dates = |of: &JobDetail| {
        let next = of.explanation.next.iter();
        let deletions = next.filter(|step| step.what.ends_with(" is deleted"));
        let steps: Vec<(String, u64)> = deletions.map(|it| (it.what.clone(), it.at)).collect();
        assert!(of.explanation.next.is_sorted_by_key(|step| step.at));
        steps
    };
    let document = |of: &JobDetail| {
        let at = of.document_kept_until.unwrap();
        ("the document is deleted".to_owned(), at)
    };
    let at = detail.result_kept_until.unwrap();
    let result = ("the result is deleted".to_owned(), at);
    assert_eq!(dates(&detail), [document(&detail), result]);
    let failed = api.failed_job("inbound/acme/c.pdf", DAY_MS, Cause::ModelError);
    let detail: JobDetail = api.reviewer().get(&format!("/jobs/{}", failed.id));
    assert_eq!(dates(&detail), [document(&detail)]);
    // Of an open job it says what happens until its end.
    let open = api.job("inbound/acme/d.pdf", 1000, |_| {});
    let detail: JobDetail = api.reviewer().get(&format!("/jobs/{}", open.id));
    assert_eq!(dates(&detail), []);
}
