//! Standard output that its reader has closed, as in `docket … | head`.

use serde_json::{Value, json};

use crate::fake_service::{detail, job};
use crate::setup::{CommandOutput, Setup};
use crate::upload::document;
use crate::web_sockets::serve_web_sockets;

const FIRST: &str = "0190a5c1-0000-7000-8000-000000000001";
const SECOND: &str = "0190a5c1-0000-7000-8000-000000000002";

/// Runs the program with a standard output that is not read.
fn run(setup: &Setup, arguments: &[&str]) -> CommandOutput {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = setup.command(arguments).stdout(writer).output();
    output.unwrap().into()
}

#[test]
fn upload_goes_on_to_its_end() {
    let setup = Setup::signed_in();
    let names: Vec<String> = (0..6).map(|at| format!("file-{at}.pdf")).collect();
    for name in &names {
        setup.file(name, &document(1000 + name.len()));
    }
    let mut arguments = vec!["upload"];
    arguments.extend(names.iter().map(String::as_str));
    let output = run(&setup, &arguments);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output.stderr.contains("standard output was closed"),
        "{output:?}"
    );
    let state = setup.service.state();
    assert_eq!(state.uploads.len(), 6);
    assert!(state.uploads.values().all(|upload| upload.object.is_some()));
}

#[test]
fn upload_that_fails_says_so_with_its_exit_code() {
    let setup = Setup::signed_in();
    for name in ["a.pdf", "b.pdf"] {
        setup.file(name, &document(1000));
    }
    setup
        .service
        .respond_once("GET /jobs/job-1", 200, &detail("job-1", "Failed"));
    setup
        .service
        .respond_once("GET /jobs/job-2", 200, &detail("job-2", "Failed"));
    let output = run(&setup, &["upload", "a.pdf", "b.pdf", "--wait"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert_eq!(setup.service.state().uploads.len(), 2);
}

#[test]
fn command_for_several_jobs_is_sent_for_each() {
    let setup = Setup::signed_in();
    for id in [FIRST, SECOND] {
        let answer = json!({"job": job(id, 4, "Cancelled")});
        let request_line = format!("POST /jobs/{id}/cancel");
        setup.service.respond_once(&request_line, 200, &answer);
    }
    let output = run(&setup, &["jobs", "cancel", "--reason", "r", FIRST, SECOND]);
    assert_eq!(output.code, Some(0), "{output:?}");
    for id in [FIRST, SECOND] {
        let line = format!("POST /jobs/{id}/cancel");
        assert_eq!(setup.service.state().count(&line), 1, "{id}");
    }
}

/// Two pages, the second of which is not needed.
fn serve_events(setup: &Setup) {
    let event = |sequence: u64| {
        json!({"sequence": sequence, "id": format!("e{sequence}"), "type": "job.ready", "job_id": FIRST,
               "version": 3, "recorded_at": 1000, "hash": "00"})
    };
    for (path, sequence, cursor) in [("GET /events", 1, "c1"), ("GET /events?since=c1", 2, "c2")] {
        let page: Value = json!({
            "tenant": "acme", "events": [event(sequence)], "count": 1, "sequence": sequence, "hash": "00",
            "previous_hash": "00", "end_sequence": 2, "end_hash": "00", "cursor": cursor
        });
        setup.service.respond_once(path, 200, &page);
    }
}

#[test]
fn commands_that_only_show_things_end_quietly() {
    let setup = Setup::signed_in();
    serve_events(&setup);
    let output = run(&setup, &["events"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert_eq!(setup.service.state().count("GET /events?since=c1"), 0);

    setup.service.state().web_socket = serve_web_sockets(vec![vec![
        json!({"type": "snapshot", "jobs": [job("j1", 3, "InProgress")], "more": false}),
    ]]);
    let output = run(&setup, &["watch", "--json"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));

    let jobs = json!({"jobs": [job("j1", 1, "Failed")]});
    setup.service.respond_once("GET /jobs?limit=50", 200, &jobs);
    let output = run(&setup, &["jobs", "list"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
}

#[test]
fn check_of_the_events_is_not_cut_short() {
    let setup = Setup::signed_in();
    serve_events(&setup);
    let output = run(&setup, &["events", "--verify"]);
    // The hashes are wrong.
    assert_eq!(output.code, Some(1), "{output:?}");
}
