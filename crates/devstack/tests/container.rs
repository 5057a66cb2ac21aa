//! `devstack demo --model`: the demo with a container of the user instead of the reference model.
//! `make test` runs this after `make package`, because the demo deploys the zips.
#![expect(
    clippy::unwrap_used,
    reason = "a test helper that fails fails its test"
)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

/// A request that the container received.
struct ReceivedRequest {
    path: String,
    body_bytes: usize,
}

type ReceivedRequests = Arc<Mutex<Vec<ReceivedRequest>>>;

/// Starts a container that rejects documents of one size, accepts all others, and records its requests.
fn container(rejected_bytes: usize) -> (String, ReceivedRequests) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let received = ReceivedRequests::default();
    let shared = Arc::clone(&received);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || serve(&stream.unwrap(), rejected_bytes, &shared));
        }
    });
    (url, received)
}

fn serve(stream: &TcpStream, rejected_bytes: usize, received: &ReceivedRequests) {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap().to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        lines.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    lines.read_exact(&mut body).unwrap();
    received.lock().unwrap().push(ReceivedRequest {
        path: path.clone(),
        body_bytes: length,
    });
    let (status, content_type, response) = match path.as_str() {
        "/base/ping" => ("200 OK", "text/plain", ""),
        _ if length == rejected_bytes => (
            "400 Bad Request",
            "application/json",
            r#"{"detail": "unreadable"}"#,
        ),
        _ => (
            "200 OK",
            "application/json; charset=utf-8",
            r#"{"summary": "no findings"}"#,
        ),
    };
    let length = response.len();
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{response}"
    )
    .unwrap();
}

fn demo(arguments: &[&str]) -> (Output, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_devstack"))
        .arg("demo")
        .args(arguments)
        .output()
        .unwrap();
    let stderr = String::from_utf8(done.stderr.clone()).unwrap();
    (done, stderr)
}

#[test]
fn demo_sends_documents_to_the_container_and_every_job_ends_ready_or_failed_with_a_reason() {
    let good = devstack::repo_file("samples/contracts/consulting-agreement.pdf");
    let bad = devstack::repo_file("samples/bad/broken.pdf");
    let sizes = [&good, &bad].map(|path| path.metadata().unwrap().len().try_into().unwrap());
    let (url, received) = container(sizes[1]);
    let url = format!("{url}/base/");
    let paths = [&good, &bad].map(|path| path.to_str().unwrap());

    let (done, stderr) = demo(&["--model", &url, paths[0], paths[1]]);

    assert!(done.status.success(), "{stderr}");
    let last = String::from_utf8(done.stdout).unwrap();
    assert!(
        last.starts_with(r#"{"uploaded":2,"ready":1,"failed":1,"lost":0,"#),
        "{last}"
    );
    assert!(stderr.contains("no findings"), "{stderr}");
    assert!(stderr.contains("ModelRejected: unreadable"), "{stderr}");
    assert!(
        !stderr.contains("reference model"),
        "the reference model was started:\n{stderr}"
    );
    let mut invoked: Vec<usize> = received
        .lock()
        .unwrap()
        .iter()
        .filter(|request| request.path == "/base/invocations")
        .map(|request| request.body_bytes)
        .collect();
    invoked.sort_unstable();
    let mut expected = sizes;
    expected.sort_unstable();
    assert_eq!(invoked, expected);
}

#[test]
fn demo_starts_nothing_if_the_container_is_not_ready_or_its_url_is_invalid() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    for (url, status, reason) in [
        (&*url, 1, "is not ready"),
        ("localhost:8080", 2, "does not start with http://"),
    ] {
        let (done, stderr) = demo(&["--model", url]);
        assert_eq!(done.status.code(), Some(status), "{stderr}");
        assert!(
            stderr.contains(reason) && !stderr.contains("starting MiniStack"),
            "{stderr}"
        );
    }
}
