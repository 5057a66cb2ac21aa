//! Problems, repeats, and what the shell is told.

use serde_json::json;

use crate::server::{detail, job};
use crate::setup::Setup;

#[test]
fn problems_become_words_and_exit_codes() {
    for (status, word, code) in [
        (400, "bad-request", 2),
        (403, "forbidden", 3),
        (404, "not-found", 4),
        (409, "not-ready", 1),
        (410, "gone", 1),
    ] {
        let setup = Setup::signed_in();
        setup
            .server
            .problem("GET /jobs/j1", status, word, "these are the words");
        let ran = setup.run(["jobs", "show", "j1"]);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(
            ran.err.starts_with("docket: these are the words\n"),
            "{ran:?}"
        );
        assert_eq!(ran.out, "");
    }
}

#[test]
fn programs_are_told_the_problem_as_it_is() {
    let setup = Setup::signed_in();
    setup
        .server
        .problem("GET /jobs/j1", 404, "not-found", "there is no such job");
    let ran = setup.run(["jobs", "explain", "j1", "--json"]);
    assert_eq!(ran.code, Some(4));
    let problem: api::types::Problem = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(problem.kind, "urn:docket:problem:not-found");
    assert_eq!(problem.detail, "there is no such job");
}

#[test]
fn a_service_that_cannot_answer_is_asked_again() {
    let setup = Setup::signed_in();
    for _ in 0..2 {
        setup
            .server
            .problem("GET /jobs/j1", 503, "unavailable", "later");
    }
    setup
        .server
        .script("GET /jobs/j1", 200, &detail("j1", "Ready"));
    let ran = setup.run(["jobs", "show", "j1"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(setup.server.world().count("GET /jobs/j1"), 3);
}

#[test]
fn a_service_that_never_answers_is_said_plainly() {
    let setup = Setup::signed_in();
    for _ in 0..5 {
        setup.server.problem(
            "GET /summary",
            503,
            "unavailable",
            "the table does not answer",
        );
    }
    let ran = setup.run(["summary"]);
    assert_eq!(ran.code, Some(5));
    assert!(
        ran.err
            .contains("the table does not answer (asked 5 times)"),
        "{ran:?}"
    );
}

#[test]
fn an_order_that_may_have_been_carried_out_is_not_sent_again() {
    let setup = Setup::signed_in();
    setup
        .server
        .problem("POST /jobs/j1/retry", 503, "unavailable", "who knows");
    let ran = setup.run(["jobs", "retry", "j1", "--reason", "r"]);
    assert_eq!(ran.code, Some(5));
    assert_eq!(setup.server.world().count("POST /jobs/j1/retry"), 1);
}

#[test]
fn an_order_that_was_throttled_is_sent_again() {
    let setup = Setup::signed_in();
    let line = "POST /jobs/j1/cancel";
    setup
        .server
        .script(line, 429, &json!({"message": "Too Many Requests"}));
    setup
        .server
        .script(line, 200, &json!({"job": job("j1", 4, "Cancelled")}));
    let ran = setup.run([
        "jobs",
        "cancel",
        "j1",
        "--reason",
        "not needed",
        "--seen",
        "3",
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let world = setup.server.world();
    assert_eq!(world.count(line), 2);
    let sent: serde_json::Value = serde_json::from_slice(&world.asked[1].body).unwrap();
    assert_eq!(sent, json!({"expected_version": 3, "reason": "not needed"}));
}

#[test]
fn nobody_there_is_named() {
    let setup = Setup::signed_in();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let api = format!("http://127.0.0.1:{port}");
    let ran = setup.run(["--api", &api, "login", "--email", "a@example.com"]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert!(ran.err.contains(&api), "{ran:?}");
    assert!(ran.err.contains("refused"), "{ran:?}");
}

#[test]
fn one_refusal_does_not_keep_the_others_from_being_asked_for() {
    let setup = Setup::signed_in();
    setup
        .server
        .problem("POST /jobs/j1/retry", 409, "refused", "it is not failed");
    setup.server.script(
        "POST /jobs/j2/retry",
        202,
        &json!({"job": job("j2", 4, "Submitting")}),
    );
    setup.server.script(
        "POST /jobs/j3/retry",
        202,
        &json!({"job": job("j3", 4, "Failed"), "result_recovered": true}),
    );
    let ran = setup.run([
        "jobs",
        "retry",
        "j1",
        "j2",
        "j3",
        "--reason",
        "model is mended",
    ]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("j1: it is not failed"), "{ran:?}");
    assert!(ran.out.contains("j2  another run is under way"), "{ran:?}");
    assert!(ran.out.contains("j3  no run was needed"), "{ran:?}");
}

#[test]
fn what_is_not_found_by_any_id_is_said() {
    let setup = Setup::signed_in();
    setup
        .server
        .script("GET /jobs?find=s3%3A%2F%2Fb%2Fk", 200, &json!({"jobs": []}));
    let ran = setup.run(["jobs", "find", "s3://b/k"]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
}

#[test]
fn a_list_turns_the_pages() {
    let setup = Setup::signed_in();
    let jobs = |from: u64, to: u64| -> Vec<_> {
        (from..to)
            .map(|at| job(&format!("j{at}"), 1, "Failed"))
            .collect()
    };
    setup.server.script(
        "GET /jobs?limit=100&q=con&status=failed",
        200,
        &json!({"jobs": jobs(0, 100), "cursor": "c/1"}),
    );
    setup.server.script(
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
fn the_command_line_is_wrong() {
    let setup = Setup::signed_in();
    for arguments in [
        &["jobs", "retry", "j1"][..],
        &["nonsense"],
        &["jobs", "list", "--since", "soon"],
        &["upload", "no-such-file.pdf"],
        &["--api", "http://example.com", "whoami"],
    ] {
        let ran = setup.run(arguments);
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
    assert!(setup.server.world().uploads.is_empty());
}
