//! What people and programs are shown.

use std::process::Command;

use serde_json::{Value, json};

use crate::server::{detail, job, me};
use crate::setup::Setup;

#[test]
fn programs_get_one_document_of_the_apis_types() {
    let setup = Setup::signed_in();
    let answers = [
        ("GET /me", me(), &["whoami"][..]),
        (
            "GET /jobs/j1",
            detail("j1", "InProgress"),
            &["jobs", "show", "j1"],
        ),
        (
            "GET /jobs?limit=50",
            json!({"jobs": [job("j1", 1, "Failed")]}),
            &["jobs", "list"],
        ),
        (
            "GET /summary?tenant=acme",
            json!({"at": 1, "open": 2, "open_more": false, "failed": 0, "failed_more": false, "failed_by_cause": []}),
            &["summary", "--tenant", "acme"],
        ),
        ("GET /audit", json!({"entries": []}), &["audit"]),
        (
            "GET /quarantine/retry%3Am1",
            json!({"id": "retry:m1", "source": "retry", "cause": "c", "problem": "p", "at": 1, "body_bytes": 2, "body": "{}"}),
            &["quarantine", "show", "retry:m1"],
        ),
        (
            "GET /retry-plans",
            json!({"plans": []}),
            &["retry-plan", "list"],
        ),
    ];
    for (line, answer, arguments) in answers {
        setup.server.script(line, 200, &answer);
        let ran = setup.run(arguments.iter().chain(&["--json"]));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
        // Nothing is added and nothing is lost.
        assert_eq!(ran.json::<Value>(), answer);
    }
}

#[test]
fn an_explanation_is_that_of_the_job() {
    let setup = Setup::signed_in();
    setup
        .server
        .script("GET /jobs/j1", 200, &detail("j1", "InProgress"));
    let explanation: api::explain::Explanation =
        setup.run(["jobs", "explain", "j1", "--json"]).json();
    assert_eq!(explanation.summary, "it is InProgress");
}

#[test]
fn text_from_people_cannot_act_on_the_terminal() {
    let setup = Setup::signed_in();
    let mut evil = job("j1", 1, "Failed");
    evil["name"] = json!("a\u{1b}]0;owned\u{7}\u{202e}fdp.exe\nsecond line");
    evil["failure"] = json!({"cause": "ModelError", "detail": "\u{9b}31m\rhidden"});
    let mut whole = detail("j1", "Failed");
    whole["job"] = evil.clone();
    setup
        .server
        .script("GET /jobs?limit=50", 200, &json!({"jobs": [evil]}));
    setup.server.script("GET /jobs/j1", 200, &whole);
    for arguments in [&["jobs", "list"][..], &["jobs", "show", "j1"]] {
        let ran = setup.run(arguments);
        assert_eq!(ran.code, Some(0));
        let acting = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!ran.out.contains(acting), "{ran:?}");
        assert!(ran.out.contains("fdp.exe\\nsecond line"), "{ran:?}");
    }
}

/// Runs a command on a terminal of 60 columns and hands back what it drew.
fn on_a_terminal(setup: &Setup, arguments: &str, no_color: bool) -> String {
    let script = format!(
        "stty cols 60 rows 24; {} {arguments}",
        env!("CARGO_BIN_EXE_docket")
    );
    let plain = setup.command([""; 0]);
    let mut command = Command::new("script");
    command
        .args(["-qec", &script, "/dev/null"])
        .env_clear()
        .env("TERM", "xterm-256color");
    for (name, value) in plain.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    if no_color {
        command.env("NO_COLOR", "1");
    }
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn colors_are_for_terminals_that_want_them() {
    let setup = Setup::signed_in();
    let page = json!({"jobs": [job("2f9c1a52-7d3b-5e10-9b1f-3a8a6f0f5d11", 1, "Failed")]});
    let show = |no_color| {
        setup.server.script("GET /jobs?limit=50", 200, &page);
        on_a_terminal(&setup, "jobs list", no_color)
    };
    let colored = show(false);
    assert!(colored.contains("\u{1b}[31mFailed\u{1b}[0m"), "{colored:?}");
    let plain = show(true);
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    assert!(plain.contains("Failed"));
    // It fits, and the id is whole.
    assert!(
        plain
            .lines()
            .all(|line| line.trim_end().chars().count() <= 60),
        "{plain}"
    );
    assert!(
        plain.contains("2f9c1a52-7d3b-5e10-9b1f-3a8a6f0f5d11"),
        "{plain}"
    );
    setup.server.script("GET /jobs?limit=50", 200, &page);
    let piped = setup.run(["jobs", "list"]);
    assert!(!piped.out.contains('\u{1b}'));
}

#[test]
fn times_are_relative_or_exact() {
    let setup = Setup::signed_in();
    let list = |arguments: &[&str]| {
        setup.server.script(
            "GET /jobs?limit=50",
            200,
            &json!({"jobs": [job("j1", 1, "Ready")]}),
        );
        setup.run(arguments).out
    };
    assert!(list(&["jobs", "list"]).contains(" d ago"));
    assert!(list(&["jobs", "list", "--utc"]).contains("1970-01-01 00:00:02Z"));
}

#[test]
fn a_plan_is_shown_before_anything_starts() {
    let setup = Setup::signed_in();
    let plan = json!({
        "id": "p1", "status": "planned", "created_at": 1, "actor": "sue", "reason": "model is mended",
        "filter": {"cause": "ModelError"}, "per_minute": 20, "jobs": 41, "by_cause": [{"name": "ModelError", "count": 41}],
        "by_pipeline": [{"name": "legal-review", "count": 41}], "poisoned": 2, "truncated": false, "gpu_minutes": 31,
        "released": 0
    });
    setup.server.script("POST /retry-plans", 201, &plan);
    let ran = setup.run([
        "retry-plan",
        "create",
        "--cause",
        "ModelError",
        "--reason",
        "model is mended",
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for words in [
        "41 ModelError",
        "about 31 min",
        "all are started within 3 min",
        "2 that failed the same way",
    ] {
        assert!(ran.out.contains(words), "{ran:?}");
    }
    assert!(ran.err.contains("docket retry-plan apply p1"), "{ran:?}");
    assert_eq!(setup.server.world().count("POST /retry-plans/p1/apply"), 0);
    setup
        .server
        .script("POST /retry-plans/p1/apply", 200, &plan);
    assert_eq!(
        setup.run(["retry-plan", "apply", "p1", "--yes"]).code,
        Some(0)
    );
}

#[test]
fn completions_need_no_service() {
    let setup = Setup::new();
    for shell in ["bash", "zsh", "fish"] {
        let ran = setup.run(["completions", shell]);
        assert_eq!(ran.code, Some(0));
        assert!(ran.out.contains("retry-plan"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let setup = Setup::signed_in();
    let many: Vec<Value> = (0..2000)
        .map(|at| job(&format!("j{at}"), 1, "Ready"))
        .collect();
    setup
        .server
        .script("GET /jobs?limit=50", 200, &json!({"jobs": many}));
    let mut child = setup.command(["jobs", "list"]).spawn().unwrap();
    drop(child.stdout.take());
    let ran: crate::setup::Ran = child.wait_with_output().unwrap().into();
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
}
