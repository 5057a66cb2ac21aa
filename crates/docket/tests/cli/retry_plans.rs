//! `docket retry-plan` and `docket jobs run-again`: plans as they are created, shown and applied.

use serde_json::json;

use crate::fake_service::job;
use crate::setup::Setup;

#[test]
fn retry_plan_create_shows_the_plan_and_starts_nothing() {
    let setup = Setup::signed_in();
    let plan = json!({
        "id": "p1", "status": "planned", "created_at": 1, "actor": "sue", "reason": "model is fixed",
        "filter": {"cause": "ModelError"}, "per_minute": 20, "jobs": 41, "by_cause": [{"name": "ModelError", "count": 41}],
        "by_pipeline": [{"name": "legal-review", "count": 41}], "poisoned": 2, "truncated": false, "gpu_minutes": 31,
        "released": 0
    });
    setup.service.respond_once("POST /retry-plans", 201, &plan);
    let output = setup.run([
        "retry-plan",
        "create",
        "--cause",
        "ModelError",
        "--reason",
        "model is fixed",
    ]);
    assert_eq!(output.code, Some(0), "{output:?}");
    for words in [
        "41 ModelError",
        "about 31 min",
        "all start within 3 min",
        "2 that failed in the same way",
    ] {
        assert!(output.stdout.contains(words), "{output:?}");
    }
    assert!(
        output.stderr.contains("docket retry-plan apply p1"),
        "{output:?}"
    );
    assert_eq!(setup.service.state().count("POST /retry-plans/p1/apply"), 0);
    setup
        .service
        .respond_once("POST /retry-plans/p1/apply", 200, &plan);
    assert_eq!(
        setup.run(["retry-plan", "apply", "p1", "--yes"]).code,
        Some(0)
    );
}

#[test]
fn plan_is_shown_with_its_first_contracts_and_what_became_of_them() {
    let setup = Setup::signed_in();
    let plan = json!({
        "id": "p1", "status": "released", "created_at": 1, "applied_at": 2, "actor": "sue", "reason": "model is fixed",
        "filter": {}, "per_minute": 20, "jobs": 123, "by_cause": [], "by_pipeline": [], "poisoned": 0, "truncated": false,
        "gpu_minutes": 31, "released": 123
    });
    let planned = |number: u32| {
        let id = format!("j{number}");
        let gone = number == 1;
        let outcome = if gone { "missing" } else { "ready" };
        let job = (!gone).then(|| job(&id, 1, "Ready"));
        json!({"job_id": id, "outcome": outcome, "job": job})
    };
    let page = json!({"jobs": (0..100).map(planned).collect::<Vec<_>>(), "pages": 2});
    let service = &setup.service;
    service.respond_once("GET /retry-plans/p1", 200, &plan);
    service.respond_once("GET /retry-plans/p1/jobs", 200, &page);
    let output = setup.run(["retry-plan", "show", "p1"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let lines: Vec<&str> = output.stdout.lines().collect();
    let row = |id: &str| lines.iter().find(|line| line.ends_with(&format!(" {id}")));
    let first = row("j0").unwrap();
    assert!(first.contains("Ready") && first.contains("acme"), "{first}");
    assert!(row("j1").unwrap().contains("missing"), "{output:?}");
    assert!(row("j19").is_some() && row("j20").is_none(), "{output:?}");
    assert_eq!(lines.last(), Some(&"… and 103 more"));
}

#[test]
fn run_again_says_that_the_result_stays_and_its_plan_shows_models_and_gpu_time() {
    let setup = Setup::signed_in();
    let answer = json!({"job": job("j1", 4, "RetryScheduled")});
    setup
        .service
        .respond_once("POST /jobs/j1/run-again", 202, &answer);
    let output = setup.run(["jobs", "run-again", "j1", "--reason", "a newer model"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output.stdout.contains("the present result stays"),
        "{output:?}"
    );

    let plan = json!({
        "id": "p1", "status": "planned", "created_at": 1, "actor": "sue", "reason": "a newer model", "run_again": true,
        "filter": {"tenant": "acme", "model": "Legal-1"}, "per_minute": 20, "jobs": 41, "by_cause": [],
        "by_model": [{"name": "Legal-1@0f3c5a6b7d8e", "count": 41}], "by_pipeline": [{"name": "legal-review", "count": 41}],
        "poisoned": 0, "truncated": false, "gpu_minutes": 31, "released": 0
    });
    setup.service.respond_once("POST /retry-plans", 201, &plan);
    let create = ["retry-plan", "create", "--reason", "a newer model"];
    let again = ["--run-again", "--tenant", "acme", "--model", "Legal-1"];
    let output = setup.run(create.iter().chain(&again));
    assert_eq!(output.code, Some(0), "{output:?}");
    for words in [
        "ready jobs, to run them again, of tenant acme, by model Legal-1",
        "41 Legal-1@0f3c5a6b7d8e",
        "about 31 min",
    ] {
        assert!(output.stdout.contains(words), "{words}: {output:?}");
    }
    for wrong in [
        &["--run-again"][..],
        &["--model", "Legal-1"],
        &["--run-again", "--tenant", "acme", "--cause", "Lost"],
    ] {
        let output = setup.run(create.iter().chain(wrong));
        assert_eq!(output.code, Some(2), "{wrong:?}: {output:?}");
    }
    assert_eq!(setup.service.state().count("POST /retry-plans"), 1);
}
