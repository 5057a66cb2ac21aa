//! `docket watch` and `docket doctor`.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::fake_service::job;
use crate::setup::{Setup, interrupt};

/// Serves WebSocket connections one after the other. Each answers `sync` with its frames; all but the last are then closed.
fn serve_web_sockets(connections: Vec<Vec<Value>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("ws://{}/?ticket=t", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let last = connections.len() - 1;
            for (at, frames) in connections.into_iter().enumerate() {
                let (stream, _) = listener.accept().await.unwrap();
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                let request = socket.next().await.unwrap().unwrap();
                assert_eq!(request, Message::text(r#"{"action":"sync"}"#));
                for frame in frames {
                    socket.send(Message::text(frame.to_string())).await.unwrap();
                }
                if at < last {
                    socket.close(None).await.unwrap();
                }
                // Wait until the client has closed the connection.
                while let Some(Ok(_)) = socket.next().await {}
            }
        });
    });
    url
}

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
    let seen: Vec<(Value, Value)> = (0..4)
        .map(|_| {
            let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
            assert_eq!(line["type"], "job.changed");
            (line["job"]["id"].clone(), line["job"]["version"].clone())
        })
        .collect();
    assert_eq!(
        seen,
        [("j1", 3), ("j2", 9), ("j1", 4), ("j3", 1)]
            .map(|(id, version)| (json!(id), json!(version)))
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

#[test]
fn doctor_passes_every_check_of_a_working_setup() {
    let setup = Setup::signed_in();
    setup.service.state().web_socket = serve_web_sockets(vec![vec![
        json!({"type": "snapshot", "jobs": [], "more": false}),
    ]]);
    let output = setup.run(["doctor", "--json"]);
    let report: Value = output.json();
    let checks = report["checks"].as_array().unwrap();
    let states: Vec<_> = checks
        .iter()
        .map(|check| {
            (
                check["name"].as_str().unwrap(),
                check["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            // The test creates the file without restricting its mode.
            ("configuration", "warn"),
            ("service", "ok"),
            ("clock", "ok"),
            ("sign-in", "ok"),
            ("signed in", "ok"),
            ("roles", "ok"),
            ("web socket", "ok"),
            ("uploads", "ok"),
        ],
        "{output:?}"
    );
    assert_eq!(output.code, Some(0));
    // The upload was deleted.
    assert!(setup.service.state().uploads.is_empty());
}

#[test]
fn doctor_prints_failed_checks_with_hints() {
    let setup = Setup::new();
    let output = setup.run(["--api", &setup.service.address(), "doctor"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(output.stdout.contains("fail  signed in"), "{output:?}");
    assert!(output.stdout.contains("→ run `docket login`"), "{output:?}");
    let setup = Setup::signed_in();
    let date = vec![("date", "Mon, 01 Jan 2024 00:00:00 GMT".to_owned())];
    let answer = json!({"sign_in_url": format!("{}/sign-in", setup.service.address()), "client_id": "c", "web_socket_url": "ws://x"});
    setup
        .service
        .respond_once_with_headers("GET /configuration", 200, date, &answer);
    setup.service.respond_once(
        "GET /me",
        200,
        &json!({
            "actor": "ann", "roles": [], "tenants": [], "expires_at": 1, "pipelines": []
        }),
    );
    let output = setup.run(["doctor"]);
    assert!(output.stdout.contains("fail  clock"), "{output:?}");
    assert!(output.stdout.contains("fail  roles"), "{output:?}");
    assert_eq!(output.code, Some(1));
}
