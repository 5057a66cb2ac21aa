//! `docket watch`.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use crate::fake_service::job;
use crate::setup::{Setup, interrupt};
use crate::web_sockets::serve_web_sockets;

#[test]
fn watch_prints_each_job_version_once_across_connections() {
    let setup = Setup::signed_in();
    setup.service.state().web_socket = serve_web_sockets(vec![
        vec![
            json!({"type": "snapshot", "jobs": [job("j1", 3, "InProgress"), job("j2", 9, "Ready")], "more": false}),
            json!({"type": "job.changed", "job": job("j1", 4, "Ready")}),
            json!({"type": "job.changed", "job": job("j1", 2, "Submitting")}),
            json!({"type": "of.a.later.release"}),
        ],
        vec![
            json!({"type": "snapshot", "jobs": [job("j1", 4, "Ready"), job("j3", 1, "Submitting")], "more": false}),
        ],
    ]);
    let mut child = setup.command(["watch", "--json"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen: Vec<(Value, Value, bool)> = (0..4)
        .map(|_| {
            let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            assert_eq!(line["type"], "job.changed");
            let from_snapshot = line.get("snapshot").is_some_and(|mark| *mark == true);
            (
                line["job"]["id"].clone(),
                line["job"]["version"].clone(),
                from_snapshot,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("j1", 3, true),
            ("j2", 9, true),
            ("j1", 4, false),
            ("j3", 1, true)
        ]
        .map(|(id, version, snapshot)| (json!(id), json!(version), snapshot))
    );
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn watch_lists_jobs_that_do_not_fit_into_the_snapshot() {
    let setup = Setup::signed_in();
    setup.service.state().web_socket = serve_web_sockets(vec![vec![
        json!({"type": "snapshot", "jobs": [], "more": true}),
    ]]);
    let open = json!({"jobs": [job("j1", 1, "InProgress")]});
    setup
        .service
        .respond_once("GET /jobs?limit=100&status=open", 200, &open);
    let failed = json!({"jobs": [job("j2", 1, "Failed")]});
    setup
        .service
        .respond_once("GET /jobs?limit=100&status=failed", 200, &failed);
    let mut child = setup.command(["watch"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    assert!(
        line.contains("InProgress") && line.contains("j1") && line.contains("contract.pdf"),
        "{line}"
    );
    interrupt(&child);
    let rest = child.wait_with_output().unwrap();
    assert!(
        String::from_utf8(rest.stderr)
            .unwrap()
            .contains("1 open job now; waiting for changes")
    );
}
