//! Output for people and for programs.

use std::process::Command;

use serde_json::{Value, json};

use crate::fake_service::{detail, job, me};
use crate::setup::Setup;

#[test]
fn json_output_is_the_unchanged_answer_of_the_api() {
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
    for (request_line, answer, arguments) in answers {
        setup.service.respond_once(request_line, 200, &answer);
        let output = setup.run(arguments.iter().chain(&["--json"]));
        assert_eq!(
            (output.code, output.stderr.as_str()),
            (Some(0), ""),
            "{output:?}"
        );
        assert_eq!(output.json::<Value>(), answer);
    }
}

#[test]
fn explain_prints_the_explanation_of_the_job() {
    let setup = Setup::signed_in();
    setup
        .service
        .respond_once("GET /jobs/j1", 200, &detail("j1", "InProgress"));
    let explanation: api::explain::Explanation =
        setup.run(["jobs", "explain", "j1", "--json"]).json();
    assert_eq!(explanation.summary, "it is InProgress");
}

#[test]
fn show_prints_the_status_of_the_container() {
    let setup = Setup::signed_in();
    let failure = json!({"cause": "ModelError", "detail": "no memory", "container_status": 424});
    let mut whole = detail("j1", "Failed");
    whole["job"]["failure"] = failure.clone();
    whole["attempts"][0]["failure"] = failure;
    setup.service.respond_once("GET /jobs/j1", 200, &whole);
    let shown = setup.run(["jobs", "show", "j1"]).stdout;
    let words = "ModelError, HTTP 424: no memory";
    assert_eq!(shown.matches(words).count(), 2, "{shown}");
}

#[test]
fn control_characters_in_names_and_failures_are_escaped() {
    let setup = Setup::signed_in();
    let mut evil = job("j1", 1, "Failed");
    evil["name"] = json!("a\u{1b}]0;owned\u{7}\u{202e}fdp.exe\nsecond line");
    evil["failure"] = json!({"cause": "ModelError", "detail": "\u{9b}31m\rhidden"});
    let mut whole = detail("j1", "Failed");
    whole["job"] = evil.clone();
    setup
        .service
        .respond_once("GET /jobs?limit=50", 200, &json!({"jobs": [evil]}));
    setup.service.respond_once("GET /jobs/j1", 200, &whole);
    for arguments in [&["jobs", "list"][..], &["jobs", "show", "j1"]] {
        let output = setup.run(arguments);
        assert_eq!(output.code, Some(0));
        let acting = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!output.stdout.contains(acting), "{output:?}");
        assert!(
            output.stdout.contains("fdp.exe\\nsecond line"),
            "{output:?}"
        );
    }
}

/// Runs a command on a terminal of 60 columns and returns its output.
fn run_on_a_terminal(setup: &Setup, arguments: &str, no_color: bool) -> String {
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
fn colors_are_used_only_on_a_terminal_without_no_color() {
    let setup = Setup::signed_in();
    let page = json!({"jobs": [job("2f9c1a52-7d3b-5e10-9b1f-3a8a6f0f5d11", 1, "Failed")]});
    let show = |no_color| {
        setup.service.respond_once("GET /jobs?limit=50", 200, &page);
        run_on_a_terminal(&setup, "jobs list", no_color)
    };
    let colored = show(false);
    assert!(colored.contains("\u{1b}[31mFailed\u{1b}[0m"), "{colored:?}");
    let plain = show(true);
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    assert!(plain.contains("Failed"));
    // The table fits the terminal, and the id is complete.
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
    setup.service.respond_once("GET /jobs?limit=50", 200, &page);
    let piped = setup.run(["jobs", "list"]);
    assert!(!piped.stdout.contains('\u{1b}'));
}

#[test]
fn times_are_relative_unless_utc_is_given() {
    let setup = Setup::signed_in();
    let list = |arguments: &[&str]| {
        setup.service.respond_once(
            "GET /jobs?limit=50",
            200,
            &json!({"jobs": [job("j1", 1, "Ready")]}),
        );
        setup.run(arguments).stdout
    };
    assert!(list(&["jobs", "list"]).contains(" d ago"));
    assert!(list(&["jobs", "list", "--utc"]).contains("1970-01-01 00:00:02Z"));
}

#[test]
fn job_shows_what_people_noted() {
    let setup = Setup::signed_in();
    let mut shown = detail("j1", "Ready");
    shown["job"]["marks"] = json!({
        "revision": 3, "reviewed": {"by": "rea@acme.example", "at": 1000, "attempt": 1},
        "assigned_to": "joe@acme.example", "note": "call\u{7} them"
    });
    setup.service.respond_once("GET /jobs/j1", 200, &shown);
    let output = setup.run(["jobs", "show", "j1"]);
    for words in [
        "reviewed     by rea@acme.example, 1970-01-01",
        "assigned to  joe@acme.example",
        "note         call",
    ] {
        assert!(output.stdout.contains(words), "{words}: {output:?}");
    }
    assert!(!output.stdout.contains('\u{7}'), "{output:?}");
}

#[test]
fn batch_names_the_command_that_retries_what_failed_if_that_can_help() {
    let setup = Setup::signed_in();
    let batch = |causes: &[&str]| {
        let causes = causes
            .iter()
            .map(|cause| json!({"name": cause, "count": 1}));
        json!({"name": "Room 7's", "at": 1, "jobs": 3, "more": false, "open": 1, "ready": 0, "failed": 2, "cancelled": 0,
            "failed_by_cause": causes.collect::<Vec<_>>(), "ready_by": 1000})
    };
    let request = "GET /batches/Room%207%27s?tenant=acme";
    let run = |causes: &[&str]| {
        setup.service.respond_once(request, 200, &batch(causes));
        setup.run(["jobs", "batch", "Room 7's", "--tenant", "acme"])
    };
    let output = run(&["ModelRejected", "ModelError"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let command = r"docket jobs batch 'Room 7'\''s' --tenant acme --retry '…'";
    assert!(output.stderr.contains(command), "{output:?}");
    for line in output.stdout.lines() {
        let (name, value) = line.split_at(12);
        assert!(name.ends_with(' ') && value.starts_with(' '), "{line}");
    }
    let output = run(&["ModelRejected", "InvalidInput"]);
    assert!(output.stdout.contains("1 ModelRejected"), "{output:?}");
    assert_eq!(output.stderr, "");
}

#[test]
fn notices_name_the_libraries_in_the_program_without_a_service() {
    let setup = Setup::new();
    let output = setup.run(["notices"]);
    assert_eq!(output.code, Some(0));
    for wanted in ["rustls ", "Apache License", "Permission is hereby granted"] {
        assert!(output.stdout.contains(wanted), "{wanted}");
    }
}

#[test]
fn audit_and_quarantine_fetch_pages_until_the_limit() {
    let setup = Setup::signed_in();
    let audit = |at: u64| json!({"at": at, "actor": "sue", "action": "retry", "target": format!("j{at}"), "reason": "r"});
    let message = |at: u64| json!({"id": format!("retry:m{at}"), "source": "retry", "cause": "c", "problem": "p", "at": at, "body_bytes": 2});
    let pages = |path: &str, entry: &dyn Fn(u64) -> Value| {
        let first = json!({"entries": [entry(1), entry(2)], "cursor": "c/1"});
        let second = json!({"entries": [entry(3), entry(4)], "cursor": "c2"});
        setup
            .service
            .respond_once(&format!("GET {path}"), 200, &first);
        setup
            .service
            .respond_once(&format!("GET {path}?cursor=c%2F1"), 200, &second);
    };
    pages("/audit", &audit);
    let output = setup.run(["audit", "--limit", "3"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("j3"), "{output:?}");
    assert!(!output.stdout.contains("j4"), "{output:?}");
    assert!(
        output.stderr.contains("3 entries shown; there are more"),
        "{output:?}"
    );
    pages("/quarantine", &message);
    let output = setup.run(["quarantine", "list", "--limit", "3", "--json"]);
    // JSON keeps whole pages, since the cursor continues behind the last one.
    let page: api::types::QuarantinePage = output.json();
    assert_eq!(page.entries.len(), 4);
    assert_eq!(page.cursor.as_deref(), Some("c2"));
}

#[test]
fn closed_standard_output_is_not_an_error() {
    let setup = Setup::signed_in();
    let many: Vec<Value> = (0..2000)
        .map(|at| job(&format!("j{at}"), 1, "Ready"))
        .collect();
    setup
        .service
        .respond_once("GET /jobs?limit=50", 200, &json!({"jobs": many}));
    let mut child = setup.command(["jobs", "list"]).spawn().unwrap();
    drop(child.stdout.take());
    let output: crate::setup::CommandOutput = child.wait_with_output().unwrap().into();
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
}

#[test]
fn urgent_says_what_happens_and_lists_show_what_decides_a_turn() {
    let setup = Setup::signed_in();
    let mut first = job("j1", 4, "Queued");
    first["urgent"] = json!(true);
    let answer = json!({"job": first.clone()});
    setup
        .service
        .respond_once("POST /jobs/j1/urgent", 200, &answer);
    let output = setup.run(["jobs", "urgent", "j1", "--reason", "it is signed at noon"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let words = "it starts before the others of its pipeline";
    assert!(output.stdout.contains(words), "{output:?}");
    let mut bulk = job("j2", 1, "Queued");
    bulk["lane"] = json!("bulk");
    let list = json!({"jobs": [first, bulk]});
    setup.service.respond_once("GET /jobs?limit=50", 200, &list);
    let output = setup.run(["jobs", "list"]);
    assert!(output.stdout.contains("Queued (urgent)"), "{output:?}");
    assert!(output.stdout.contains("Queued (bulk)"), "{output:?}");
}

#[test]
fn job_names_the_model_of_its_result_and_says_if_that_is_uncertain() {
    let setup = Setup::signed_in();
    for (model, words) in [
        (
            json!({"version": "Legal-1@0f3c5a6b7d8e"}),
            "Legal-1@0f3c5a6b7d8e\n",
        ),
        (
            json!({"version": "Legal-1", "other": "Legal-2", "uncertain": true}),
            "Legal-1 or Legal-2 (uncertain)",
        ),
    ] {
        let mut shown = detail("j1", "Ready");
        shown["job"]["model"] = model;
        setup.service.respond_once("GET /jobs/j1", 200, &shown);
        let output = setup.run(["jobs", "show", "j1"]);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(output.stdout.contains(words), "{output:?}");
    }
}

#[test]
fn whoami_names_pipelines_as_the_page_does() {
    let setup = Setup::signed_in();
    setup.service.respond_once("GET /me", 200, &me());
    let output = setup.run(["whoami"]);
    let named = "legal-review (Contract review): application/pdf up to";
    assert!(output.stdout.contains(named), "{output:?}");
}
