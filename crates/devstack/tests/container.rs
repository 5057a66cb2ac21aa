//! `devstack demo --model`: a container of the user's answers in place of the reference model.
//! `make test` runs this after making the zips that the demo deploys.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

/// What a container was asked: path, and length of the body.
type Asked = Arc<Mutex<Vec<(String, usize)>>>;

/// A container that is ready, likes every document but those of one size, and keeps what it was asked.
fn container(disliked: usize) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || serve(&stream.unwrap(), disliked, &kept));
        }
    });
    (url, asked)
}

fn serve(stream: &TcpStream, disliked: usize, asked: &Asked) {
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
    asked.lock().unwrap().push((path.clone(), length));
    let (status, kind, answer) = match path.as_str() {
        "/base/ping" => ("200 OK", "text/plain", ""),
        _ if length == disliked => (
            "400 Bad Request",
            "application/json",
            r#"{"detail": "unreadable"}"#,
        ),
        _ => (
            "200 OK",
            "application/json; charset=utf-8",
            r#"{"summary": "nothing to say"}"#,
        ),
    };
    let length = answer.len();
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{answer}"
    )
    .unwrap();
}

fn demo(arguments: &[&str]) -> (Output, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_devstack"))
        .arg("demo")
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8(done.stderr.clone()).unwrap();
    (done, said)
}

#[test]
fn documents_go_to_the_container_and_every_job_ends_ready_or_with_its_reason() {
    let good = devstack::repo_file("samples/contracts/consulting-agreement.pdf");
    let bad = devstack::repo_file("samples/bad/broken.pdf");
    let sizes = [&good, &bad].map(|path| path.metadata().unwrap().len().try_into().unwrap());
    let (url, asked) = container(sizes[1]);
    let url = format!("{url}/base/");
    let paths = [&good, &bad].map(|path| path.to_str().unwrap());

    let (done, said) = demo(&["--model", &url, paths[0], paths[1]]);

    assert!(done.status.success(), "{said}");
    let last = String::from_utf8(done.stdout).unwrap();
    assert!(
        last.starts_with(r#"{"uploaded":2,"ready":1,"failed":1,"lost":0,"#),
        "{last}"
    );
    assert!(said.contains("nothing to say"), "{said}");
    assert!(said.contains("ModelRejected: unreadable"), "{said}");
    assert!(
        !said.contains("reference model"),
        "it was started all the same:\n{said}"
    );
    let mut invoked: Vec<usize> = asked
        .lock()
        .unwrap()
        .iter()
        .filter(|(path, _)| path == "/base/invocations")
        .map(|(_, length)| *length)
        .collect();
    invoked.sort_unstable();
    let mut wanted = sizes;
    wanted.sort_unstable();
    assert_eq!(invoked, wanted);
}

#[test]
fn nothing_is_started_for_a_container_that_is_not_ready_or_a_url_that_is_none() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    for (url, status, why) in [
        (&*url, 1, "is not ready"),
        ("localhost:8080", 2, "does not begin with http://"),
    ] {
        let (done, said) = demo(&["--model", url]);
        assert_eq!(done.status.code(), Some(status), "{said}");
        assert!(
            said.contains(why) && !said.contains("starting MiniStack"),
            "{said}"
        );
    }
}
