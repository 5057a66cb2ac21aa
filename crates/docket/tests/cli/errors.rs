//! Errors: problem documents, retries and exit codes.

use serde_json::json;

use crate::fake_service::{detail, job};
use crate::setup::{CommandOutput, Setup};

#[test]
fn problem_documents_are_printed_and_mapped_to_exit_codes() {
    for (status, word, code) in [
        (400, "bad-request", 2),
        (403, "forbidden", 3),
        (404, "not-found", 4),
        (409, "not-ready", 1),
        (410, "gone", 1),
    ] {
        let setup = Setup::signed_in();
        setup
            .service
            .fail_once("GET /jobs/j1", status, word, "the detail of the problem");
        let output = setup.run(["jobs", "show", "j1"]);
        assert_eq!(output.code, Some(code), "{output:?}");
        assert!(
            output
                .stderr
                .starts_with("docket: the detail of the problem\n"),
            "{output:?}"
        );
        assert_eq!(output.stdout, "");
    }
}

#[test]
fn hint_names_what_the_command_can_do() {
    let setup = Setup::signed_in();
    let who = "documents of pipeline legal-review are deleted by support only";
    for (request, status, kind, arguments, hint) in [
        (
            "GET /events?since=x",
            400,
            "bad-cursor",
            &["events", "--since", "x"][..],
            Some("start again without --cursor or --since"),
        ),
        (
            "POST /jobs/j1/data-deletion",
            403,
            "forbidden",
            &["jobs", "delete-data", "j1", "--reason", "r", "--yes"],
            None,
        ),
        (
            "GET /summary",
            403,
            "forbidden",
            &["summary"],
            Some("`docket whoami` shows what you may do"),
        ),
    ] {
        setup.service.fail_once(request, status, kind, who);
        let output = setup.run(arguments);
        assert!(output.stderr.contains(who), "{output:?}");
        match hint {
            Some(hint) => assert!(output.stderr.contains(hint), "{output:?}"),
            None => assert!(!output.stderr.contains("whoami"), "{output:?}"),
        }
    }
}

#[test]
fn address_of_the_environment_is_used_and_not_shown_as_an_option_that_was_given() {
    let setup = Setup::signed_in();
    let run = |arguments: &[&str]| -> CommandOutput {
        let mut command = setup.command(arguments);
        command.env("DOCKET_API", "http://example.com");
        command.output().unwrap().into()
    };
    let output = run(&["jobs", "show"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(
        output.stderr.contains("Usage:") && !output.stderr.contains("--api"),
        "{output:?}"
    );
    let output = run(&["jobs", "list"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("http://example.com"), "{output:?}");
}

#[test]
fn object_is_left_out_where_it_is_not_told() {
    let setup = Setup::signed_in();
    for (object, is_shown) in [("s3://bucket/inbound/a.pdf", true), ("", false)] {
        let mut told = detail("j1", "Ready");
        told["input"] = object.into();
        setup.service.respond_once("GET /jobs/j1", 200, &told);
        let output = setup.run(["jobs", "show", "j1"]);
        let mut lines = output.stdout.lines();
        let has_line = lines.any(|line| line.starts_with("object"));
        assert_eq!(has_line, is_shown, "{output:?}");
    }
}

#[test]
fn json_output_of_a_failure_is_the_problem_document() {
    let setup = Setup::signed_in();
    setup
        .service
        .fail_once("GET /jobs/j1", 404, "not-found", "there is no such job");
    let output = setup.run(["jobs", "explain", "j1", "--json"]);
    assert_eq!(output.code, Some(4));
    let problem: api::types::Problem = serde_json::from_str(&output.stderr).unwrap();
    assert_eq!(problem.kind, "urn:docket:problem:not-found");
    assert_eq!(problem.detail, "there is no such job");
}

#[test]
fn get_request_is_retried_while_the_service_is_unavailable() {
    let setup = Setup::signed_in();
    for _ in 0..2 {
        setup
            .service
            .fail_once("GET /jobs/j1", 503, "unavailable", "later");
    }
    setup
        .service
        .respond_once("GET /jobs/j1", 200, &detail("j1", "Ready"));
    let output = setup.run(["jobs", "show", "j1"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(setup.service.state().count("GET /jobs/j1"), 3);
}

#[test]
fn command_fails_after_five_attempts_if_the_service_stays_unavailable() {
    let setup = Setup::signed_in();
    for _ in 0..5 {
        setup.service.fail_once(
            "GET /summary",
            503,
            "unavailable",
            "the table does not answer",
        );
    }
    let output = setup.run(["summary"]);
    assert_eq!(output.code, Some(5));
    assert!(
        output
            .stderr
            .contains("the table does not answer (tried 5 times)"),
        "{output:?}"
    );
}

#[test]
fn job_command_with_unknown_outcome_is_not_sent_again() {
    let setup = Setup::signed_in();
    setup
        .service
        .fail_once("POST /jobs/j1/retry", 503, "unavailable", "outcome unknown");
    let output = setup.run(["jobs", "retry", "j1", "--reason", "r"]);
    assert_eq!(output.code, Some(5));
    assert_eq!(setup.service.state().count("POST /jobs/j1/retry"), 1);
}

#[test]
fn throttled_job_command_is_sent_again() {
    let setup = Setup::signed_in();
    let request_line = "POST /jobs/j1/cancel";
    setup
        .service
        .respond_once(request_line, 429, &json!({"message": "Too Many Requests"}));
    setup.service.respond_once(
        request_line,
        200,
        &json!({"job": job("j1", 4, "Cancelled")}),
    );
    let output = setup.run([
        "jobs",
        "cancel",
        "j1",
        "--reason",
        "not needed",
        "--expected-version",
        "3",
    ]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let state = setup.service.state();
    assert_eq!(state.count(request_line), 2);
    let sent: serde_json::Value = serde_json::from_slice(&state.requests[1].body).unwrap();
    assert_eq!(sent, json!({"expected_version": 3, "reason": "not needed"}));
}

#[test]
fn connection_error_names_the_address() {
    let setup = Setup::signed_in();
    // A port that was free a moment ago, so no server listens on it.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let api = format!("http://127.0.0.1:{port}");
    let output = setup.run(["--api", &api, "login", "--email", "a@example.com"]);
    assert_eq!(output.code, Some(5), "{output:?}");
    assert!(output.stderr.contains(&api), "{output:?}");
    assert!(output.stderr.contains("refused"), "{output:?}");
}

#[test]
fn retry_of_several_jobs_continues_after_one_is_refused() {
    let setup = Setup::signed_in();
    setup
        .service
        .fail_once("POST /jobs/j1/retry", 409, "refused", "it is not failed");
    setup.service.respond_once(
        "POST /jobs/j2/retry",
        202,
        &json!({"job": job("j2", 4, "Submitting")}),
    );
    setup.service.respond_once(
        "POST /jobs/j3/retry",
        202,
        &json!({"job": job("j3", 4, "Failed"), "result_recovered": true}),
    );
    let output = setup.run([
        "jobs",
        "retry",
        "j1",
        "j2",
        "j3",
        "--reason",
        "model is fixed",
    ]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("j1: it is not failed"), "{output:?}");
    assert!(output.stdout.contains("j2  retry started"), "{output:?}");
    assert!(output.stdout.contains("j3  no retry needed"), "{output:?}");
}

#[test]
fn find_without_a_match_exits_with_not_found_and_says_what_else_has_the_id() {
    let setup = Setup::signed_in();
    for (text, query, hint) in [
        (
            "s3://b/k",
            "s3%3A%2F%2Fb%2Fk",
            "every job that you may see was looked at",
        ),
        (
            "p01a2063faa9f3990",
            "p01a2063faa9f3990",
            "run: docket retry-plan show p01a2063faa9f3990",
        ),
        (
            "acme.00000000000000aa",
            "acme.00000000000000aa",
            "run: docket webhooks show acme.00000000000000aa",
        ),
    ] {
        setup.service.respond_once(
            &format!("GET /jobs?search={query}"),
            200,
            &json!({"jobs": []}),
        );
        let output = setup.run(["jobs", "find", text]);
        assert_eq!(output.code, Some(4), "{output:?}");
        assert!(output.stderr.contains(hint), "{output:?}");
    }
}

#[test]
fn job_list_fetches_pages_until_the_limit() {
    let setup = Setup::signed_in();
    let jobs = |from: u64, to: u64| -> Vec<_> {
        (from..to)
            .map(|at| job(&format!("j{at}"), 1, "Failed"))
            .collect()
    };
    setup.service.respond_once(
        "GET /jobs?limit=100&q=con&status=failed",
        200,
        &json!({"jobs": jobs(0, 100), "cursor": "c/1"}),
    );
    setup.service.respond_once(
        "GET /jobs?cursor=c%2F1&limit=50&q=con&status=failed",
        200,
        &json!({"jobs": jobs(100, 150), "cursor": "c2", "searched_back_to": 5000}),
    );
    let arguments = [
        "jobs", "list", "--status", "failed", "--name", "con", "-n", "150", "--json",
    ];
    let page: api::types::JobPage = setup.run(arguments).json();
    assert_eq!(page.jobs.len(), 150);
    assert_eq!(page.cursor.as_deref(), Some("c2"));
    assert_eq!(page.searched_back_to, Some(5000));
}

#[test]
fn invalid_command_lines_exit_with_2_and_upload_nothing() {
    let setup = Setup::signed_in();
    for arguments in [
        &["jobs", "retry", "j1"][..],
        &["nonsense"],
        &["jobs", "list", "--since", "soon"],
        &["upload", "no-such-file.pdf"],
        &["--api", "http://example.com", "whoami"],
    ] {
        let output = setup.run(arguments);
        assert_eq!(output.code, Some(2), "{output:?}");
    }
    assert!(setup.service.state().uploads.is_empty());
}
