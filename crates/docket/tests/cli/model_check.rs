//! `docket model check`, against containers that misbehave in one way each.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::container::{
    ContainerRequest, Reply, TestContainer, is_fine, json_reply, reply, well_behaved,
};
use crate::setup::{CommandOutput, Setup};

/// One check's finding: status, outcome, cause, what was seen, what to change.
#[derive(Debug)]
struct Finding {
    status: String,
    outcome: Option<String>,
    cause: Option<String>,
    seen: String,
    change: String,
}

struct Report {
    output: CommandOutput,
    json: Value,
}

impl Report {
    fn finding(&self, check: &str) -> Finding {
        let findings = self.json["findings"].as_array().unwrap();
        let found = findings
            .iter()
            .find(|finding| finding["check"] == check)
            .unwrap_or_else(|| panic!("no finding `{check}`: {:?}", self.output));
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Finding {
            status: text(&found["status"]).unwrap(),
            outcome: text(&found["job"]["outcome"]),
            cause: text(&found["job"]["cause"]),
            seen: text(&found["seen"]).unwrap(),
            change: text(&found["change"]).unwrap_or_default(),
        }
    }

    /// Asserts that a check failed with this outcome, and the command with it.
    fn assert_fails(&self, check: &str, outcome: &str, cause: &str) -> Finding {
        let finding = self.assert_finding(check, "fail", outcome, cause);
        assert_eq!(self.output.code, Some(1), "{:?}", self.output);
        assert_eq!(self.json["passed"], false);
        assert!(!finding.change.is_empty(), "{finding:?}");
        finding
    }

    fn assert_finding(&self, check: &str, status: &str, outcome: &str, cause: &str) -> Finding {
        let finding = self.finding(check);
        assert_eq!(
            (
                finding.status.as_str(),
                finding.outcome.as_deref(),
                finding.cause.as_deref()
            ),
            (status, Some(outcome), Some(cause)),
            "{:?}",
            self.output
        );
        finding
    }

    fn assert_passes(&self) {
        assert_eq!(self.output.code, Some(0), "{:?}", self.output);
        assert_eq!(self.json["passed"], true);
    }
}

/// Small, so that the tests are fast.
const MAX_BYTES: &str = "400000";

fn check(url: &str, arguments: &[&str]) -> Report {
    let setup = Setup::new();
    let mut all = vec!["--json", "model", "check", url, "--max-bytes", MAX_BYTES];
    all.extend(arguments);
    let output = setup.run(&all);
    let json = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    Report { output, json }
}

/// Checks a container that answers fine documents like this.
fn check_answer(answer: impl Fn(&ContainerRequest) -> Reply + Send + Sync + 'static) -> Report {
    let container = TestContainer::start(move |request| {
        if is_fine(request) {
            answer(request)
        } else {
            well_behaved(request)
        }
    });
    check(&container.url(), &[])
}

#[test]
fn well_behaved_container_passes() {
    let container = TestContainer::start(well_behaved);
    let report = check(&container.url(), &["--concurrency", "4"]);
    report.assert_passes();
    let findings = report.json["findings"].as_array().unwrap();
    let states: Vec<_> = findings
        .iter()
        .map(|finding| {
            let text = |name: &str| finding[name].as_str().unwrap();
            (text("check"), text("status"))
        })
        .collect();
    let ok = |check| (check, "ok");
    assert_eq!(
        states,
        [
            ok("ping"),
            ok("a document"),
            ok("Content-Length"),
            ok("size of the headers"),
            ok("type of the result"),
            ok("request headers"),
            ok("a broken document"),
            ok("an empty document"),
            ok("another content type"),
            ok("a closed connection"),
            ok("two at once"),
            ok("concurrency"),
            ok("the largest document"),
            ("a long run", "not_tried"),
            // Its runs are too short.
            ("ping during a run", "not_tried"),
            ("SIGTERM", "not_tried"),
        ]
    );
    assert_eq!(report.json["endpoint"], "docket-legal-review");
    report.assert_finding("a broken document", "ok", "failed", "ModelRejected");
    report.assert_finding("an empty document", "ok", "failed", "InvalidInput");
    let document = report.finding("a document");
    assert_eq!(document.outcome.as_deref(), Some("ready"));
}

#[test]
fn table_names_the_outcome_and_the_change() {
    let container = TestContainer::start(|request| match is_fine(request) {
        true => json_reply(424, r#"{"error":"prediction failed"}"#),
        false => well_behaved(request),
    });
    let setup = Setup::new();
    let output = setup.run(["model", "check", &container.url()]);
    assert_eq!(output.code, Some(1));
    let line = output
        .stdout
        .lines()
        .find(|line| line.contains("a document"))
        .unwrap();
    assert!(line.starts_with("fail"), "{line}");
    assert!(
        line.contains("retried, fails after 3 attempts (ModelError)"),
        "{line}"
    );
    assert!(line.contains("prediction failed"), "{line}");
    assert!(output.stdout.contains("What to change"), "{output:?}");
    assert!(output.stdout.contains("checks failed"), "{output:?}");
}

#[test]
fn requests_have_the_headers_of_sagemaker_and_the_documents_type() {
    let container = TestContainer::start(|request| {
        let is_complete = [
            "x-amzn-sagemaker-inference-id",
            "x-amzn-sagemaker-custom-attributes",
        ]
        .iter()
        .all(|name| !request.header(name).is_empty())
            && request.header("accept") == "application/pdf"
            && request.header("host").starts_with("127.0.0.1:");
        if is_fine(request) && !is_complete {
            return json_reply(500, r#"{"error":"a header is missing"}"#);
        }
        match is_fine(request) {
            true => reply(200, "application/pdf", "%PDF-1.7"),
            false => well_behaved(request),
        }
    });
    let report = check(&container.url(), &["--pipeline", "ocr-batch"]);
    report.assert_passes();
    assert_eq!(report.finding("type of the result").status, "ok");
}

#[test]
fn answer_without_a_length_is_retried_once_and_fails() {
    for (answer, how) in [
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            "chunked",
        ),
        ("HTTP/1.0 200 OK\r\n\r\n{}", "closing the connection"),
    ] {
        let report = check_answer(|_| Reply::Bytes(answer.into()));
        let finding = report.assert_fails("Content-Length", "retried", "Unknown");
        assert!(finding.seen.contains(how), "{finding:?}");
        assert_eq!(report.finding("the largest document").status, "not_tried");
    }
}

#[test]
fn error_status_for_a_fine_document_has_the_outcome_of_the_service() {
    for (status, outcome, cause, change) in [
        (302, "retried", "ModelError", "redirect"),
        (400, "failed", "ModelRejected", "--input"),
        (404, "failed", "ModelRejected", "POST /invocations"),
        (413, "failed", "ModelRejected", "size"),
        (415, "failed", "ModelRejected", "content type"),
        (422, "failed", "ModelRejected", "--input"),
        (424, "retried", "ModelError", "--input"),
        (500, "retried", "ModelError", "--input"),
    ] {
        let report = check_answer(move |_| json_reply(status, r#"{"detail":"words"}"#));
        let finding = report.assert_fails("a document", outcome, cause);
        assert!(finding.change.contains(change), "{finding:?}");
        assert!(finding.seen.contains("words"), "{finding:?}");
    }
}

#[test]
fn pipelines_own_rejection_statuses_decide() {
    let setup = Setup::new();
    let pipelines = include_str!("../../../../infra/pipelines.toml").replacen(
        "[legal-review]",
        "[legal-review]\nrejection_statuses = [500]",
        1,
    );
    let file = setup.file("pipelines.toml", pipelines.as_bytes());
    let container = TestContainer::start(|request| match request {
        broken if broken.is_invocation() && !is_fine(broken) => json_reply(500, r#"{"error":"x"}"#),
        request => well_behaved(request),
    });
    let report = check(&container.url(), &["--pipelines", file.to_str().unwrap()]);
    report.assert_passes();
    report.assert_finding("a broken document", "ok", "failed", "ModelRejected");
}

#[test]
fn answer_with_nothing_and_no_answer_are_retried() {
    let report = check_answer(|_| json_reply(200, ""));
    report.assert_fails("a document", "retried", "ModelError");
    let report = check_answer(|_| Reply::Close);
    let finding = report.assert_fails("a document", "retried", "ModelError");
    assert!(finding.seen.contains("no answer"), "{finding:?}");
    // The body ends before its length.
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}";
    let report = check_answer(move |_| Reply::Bytes(cut.into()));
    report.assert_fails("a document", "retried", "ModelError");
    let report = check_answer(|_| Reply::Bytes(b"SSH-2.0-x\r\n".to_vec()));
    let finding = report.assert_fails("a document", "retried", "ModelError");
    assert!(finding.seen.contains("not an HTTP answer"), "{finding:?}");
}

#[test]
fn answer_that_takes_too_long_times_out() {
    let container = TestContainer::start(|request| match is_fine(request) {
        true => Reply::Hang,
        false => well_behaved(request),
    });
    let report = check(&container.url(), &["--timeout", "1"]);
    report.assert_fails("a document", "retried", "TimedOut");
    assert_eq!(report.finding("two at once").status, "not_tried");
}

#[test]
fn headers_above_the_limit_are_refused_by_sagemaker() {
    let report = check_answer(|_| {
        let trace = "x".repeat(5_000);
        let answer =
            format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Trace: {trace}\r\n\r\n{{}}");
        Reply::Bytes(answer.into())
    });
    report.assert_fails("size of the headers", "retried", "Unknown");
}

#[test]
fn result_of_another_type_is_a_warning() {
    for (head, seen) in [
        ("Content-Type: text/html", "text/html"),
        ("X: y", "no Content-Type"),
        (
            "Content-Type: application/json\r\nContent-Encoding: gzip",
            "gzip",
        ),
    ] {
        let report = check_answer(move |_| {
            let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\nContent-Length: 2\r\n\r\n{{}}");
            Reply::Bytes(answer.into())
        });
        report.assert_passes();
        let finding = report.finding("type of the result");
        assert_eq!(finding.status, "warn", "{finding:?}");
        assert!(finding.seen.contains(seen), "{finding:?}");
    }
}

#[test]
fn broken_document_that_is_retried_or_accepted_is_a_warning() {
    let broken = |answer: fn() -> Reply| {
        let container = TestContainer::start(move |request| {
            let is_broken = request.is_invocation()
                && request.length > 0
                && !request.is_complete
                && request.header("content-type") == "application/pdf";
            if is_broken {
                answer()
            } else {
                well_behaved(request)
            }
        });
        check(&container.url(), &[])
    };
    let report = broken(|| json_reply(500, r#"{"error":"PdfReadError"}"#));
    report.assert_passes();
    let finding = report.assert_finding("a broken document", "warn", "retried", "ModelError");
    assert!(
        finding.change.contains("add 500 to rejection_statuses"),
        "{finding:?}"
    );
    let report = broken(|| Reply::Close);
    report.assert_finding("a broken document", "warn", "retried", "ModelError");
    let report = broken(|| json_reply(200, "{}"));
    let finding = report.finding("a broken document");
    assert_eq!(
        (finding.status.as_str(), finding.outcome.as_deref()),
        ("warn", Some("ready"))
    );
    // Without a reason, the customer does not know what to do.
    let report = broken(|| json_reply(422, ""));
    let finding = report.assert_finding("a broken document", "warn", "failed", "ModelRejected");
    assert!(finding.change.contains("reason"), "{finding:?}");
}

#[test]
fn container_that_a_broken_document_stops_loses_others() {
    // The first ping is that of the start; the second one follows the broken document.
    let container = TestContainer::start(|request| match request {
        ping if ping.is_ping() && ping.number == 2 => Reply::Close,
        request => well_behaved(request),
    });
    let report = check(&container.url(), &[]);
    let finding = report.assert_fails("a broken document", "lost", "Lost");
    assert!(finding.seen.contains("then ping"), "{finding:?}");
}

#[test]
fn content_type_that_is_answered_with_500_is_a_warning() {
    let container = TestContainer::start(|request| match request.header("content-type") {
        "text/x-unknown" => json_reply(500, r#"{"error":"UnsupportedFormatError"}"#),
        _ => well_behaved(request),
    });
    let report = check(&container.url(), &[]);
    report.assert_passes();
    report.assert_finding("another content type", "warn", "retried", "ModelError");
}

#[test]
fn ping_that_is_not_200_keeps_the_instance_out_of_service() {
    for status in [204, 307, 404, 503] {
        let container = TestContainer::start(move |request| match request.is_ping() {
            true => json_reply(status, ""),
            false => well_behaved(request),
        });
        let report = check(&container.url(), &[]);
        report.assert_fails("ping", "retried", "Expired");
    }
    let container = TestContainer::start(|request| match request.is_ping() {
        true => Reply::Hang,
        false => well_behaved(request),
    });
    let report = check(&container.url(), &[]);
    let finding = report.assert_fails("ping", "retried", "Expired");
    assert!(
        finding.seen.contains("no answer within 2.0 s"),
        "{finding:?}"
    );
}

#[test]
fn wait_waits_for_the_first_ping() {
    let container = TestContainer::start(|request| match request {
        ping if ping.is_ping() && ping.number <= 2 => json_reply(503, ""),
        request => well_behaved(request),
    });
    let report = check(&container.url(), &["--wait", "60"]);
    report.assert_passes();
    assert!(report.finding("ping").seen.contains("before: 503"));
}

#[test]
fn container_that_is_ready_too_early_loses_an_attempt() {
    let container = TestContainer::start(|request| match request {
        early if early.is_invocation() && early.number == 1 => {
            json_reply(503, r#"{"error":"loading"}"#)
        }
        request => well_behaved(request),
    });
    let report = check(&container.url(), &[]);
    report.assert_passes();
    report.assert_finding("ready when it says so", "warn", "retried", "ModelError");
    assert_eq!(report.finding("a document").status, "ok");
}

/// Longer than the shortest wait of a ping that counts as waiting for a run.
const RUN: Duration = Duration::from_millis(700);

fn slow(request: &ContainerRequest) -> Reply {
    match is_fine(request) {
        true => Reply::After(RUN, Box::new(well_behaved(request))),
        false => well_behaved(request),
    }
}

#[test]
fn pings_are_answered_during_runs() {
    let container = TestContainer::start(slow);
    let report = check(&container.url(), &[]);
    report.assert_passes();
    assert_eq!(report.finding("ping during a run").status, "ok");
}

#[test]
fn ping_that_waits_for_the_run_loses_the_instance() {
    let container = TestContainer::single_threaded(slow);
    let report = check(&container.url(), &[]);
    let finding = report.assert_fails("ping during a run", "lost", "Lost");
    assert!(finding.seen.contains("waits for the run"), "{finding:?}");
}

#[test]
fn ping_that_fails_during_a_run_loses_the_instance() {
    let container = TestContainer::start(|request| match request {
        // The one of the start is the first.
        ping if ping.is_ping() && ping.number == 2 => json_reply(503, ""),
        request => slow(request),
    });
    let report = check(&container.url(), &[]);
    report.assert_fails("ping during a run", "lost", "Lost");
}

#[test]
fn two_at_once_matter_if_the_endpoint_sends_two() {
    let behaviour = |request: &ContainerRequest| match is_fine(request) {
        true if request.running > 1 => json_reply(503, r#"{"error":"busy"}"#),
        // Long enough to meet.
        true => Reply::After(RUN, Box::new(well_behaved(request))),
        false => well_behaved(request),
    };
    let container = TestContainer::start(behaviour);
    let report = check(&container.url(), &[]);
    report.assert_passes();
    let finding = report.assert_finding("two at once", "warn", "retried", "ModelError");
    assert!(finding.seen.starts_with("1 of 2"), "{finding:?}");
    let report = check(&container.url(), &["--concurrency", "4"]);
    report.assert_fails("two at once", "retried", "ModelError");
    report.assert_fails("concurrency", "retried", "ModelError");
}

#[test]
fn limit_of_the_size_is_found() {
    for answer in [
        (|| json_reply(413, r#"{"error":"too large"}"#)) as fn() -> Reply,
        || Reply::Close,
    ] {
        let container = TestContainer::start(move |request| match request.length {
            150_000.. => answer(),
            _ => well_behaved(request),
        });
        let report = check(&container.url(), &[]);
        let finding = report.finding("the largest document");
        assert_eq!(
            (finding.status.as_str(), report.output.code),
            ("fail", Some(1))
        );
        assert!(finding.seen.starts_with("400 KB"), "{finding:?}");
        assert!(finding.seen.ends_with("100 KB has a result"), "{finding:?}");
    }
}

#[test]
fn container_with_another_idea_of_the_generated_document_is_not_blamed() {
    let container = TestContainer::start(|request| match request.length {
        // The sample's size.
        14_343 => well_behaved(request),
        _ if is_fine(request) => json_reply(422, r#"{"reason":"no such clause"}"#),
        _ => well_behaved(request),
    });
    let report = check(&container.url(), &[]);
    report.assert_passes();
    assert_eq!(report.finding("the largest document").status, "not_tried");
}

#[test]
fn long_run_that_the_server_ends_fails() {
    let setup = Setup::new();
    let mut long =
        include_bytes!("../../../../samples/contracts/consulting-agreement.pdf").to_vec();
    long.extend_from_slice(b"\n%long\n%%EOF\n");
    let long_length = long.len();
    let long = setup.file("long.pdf", &long);
    let long = long.to_str().unwrap();
    let run = |answer: fn() -> Reply, arguments: &[&str]| {
        let container = TestContainer::start(move |request| {
            if request.length == long_length {
                answer()
            } else {
                well_behaved(request)
            }
        });
        let mut all = vec!["--long-input", long];
        all.extend(arguments);
        check(&container.url(), &all)
    };
    let report = run(|| Reply::After(RUN, Box::new(Reply::Close)), &[]);
    let finding = report.assert_fails("a long run", "retried", "ModelError");
    assert!(finding.change.contains("gunicorn"), "{finding:?}");
    let report = run(|| Reply::After(RUN, Box::new(json_reply(504, ""))), &[]);
    let finding = report.assert_fails("a long run", "retried", "ModelError");
    assert!(finding.change.contains("timeout"), "{finding:?}");
    let report = run(|| Reply::Hang, &["--timeout", "1"]);
    report.assert_fails("a long run", "retried", "TimedOut");
    let report = run(|| Reply::After(RUN, Box::new(json_reply(200, "{}"))), &[]);
    report.assert_passes();
    assert_eq!(report.finding("a long run").status, "ok");
    assert_eq!(report.finding("ping during a run").status, "ok");
}

/// A process that stands for the container's.
fn process(script: &str) -> Child {
    Command::new("sh").args(["-c", script]).spawn().unwrap()
}

/// Ends some seconds after SIGTERM.
const ENDS_LATER: &str = "trap 'sleep 3; exit 0' TERM; sleep 300 & wait";

#[test]
fn container_that_answers_before_it_ends_passes_sigterm() {
    let container = TestContainer::start(slow);
    let mut main = process(ENDS_LATER);
    let report = check(&container.url(), &["--pid", &main.id().to_string()]);
    main.wait().unwrap();
    report.assert_passes();
    assert_eq!(report.finding("SIGTERM").status, "ok");
}

/// The answer comes from another process, which a container would end together with its main process.
#[test]
fn main_process_that_ends_before_the_answer_cuts_the_document_off() {
    let container = TestContainer::start(slow);
    let mut main = process("exec sleep 300");
    let report = check(&container.url(), &["--pid", &main.id().to_string()]);
    main.wait().unwrap();
    report.assert_passes();
    let finding = report.assert_finding("SIGTERM", "warn", "retried", "ModelError");
    assert!(finding.seen.contains("main process"), "{finding:?}");
}

#[test]
fn document_that_sigterm_cuts_off_is_retried() {
    let main = Arc::new(Mutex::new(process("exec sleep 300")));
    let pid = main.lock().unwrap().id().to_string();
    let seen_by_container = Arc::clone(&main);
    let container = TestContainer::start(move |request| {
        if !is_fine(request) {
            return well_behaved(request);
        }
        std::thread::sleep(RUN);
        match seen_by_container.lock().unwrap().try_wait().unwrap() {
            Some(_) => Reply::Close,
            None => well_behaved(request),
        }
    });
    let report = check(&container.url(), &["--pid", &pid]);
    report.assert_passes();
    report.assert_finding("SIGTERM", "warn", "retried", "ModelError");
}

#[test]
fn wrong_command_lines_are_refused_with_a_reason() {
    let setup = Setup::new();
    let missing = setup.home.join("missing.pdf");
    let text = setup.file("text.pdf", b"no document");
    let empty = setup.file("empty.pdf", b"");
    let url = "http://127.0.0.1:9";
    let (missing, text, empty) = (
        missing.to_str().unwrap(),
        text.to_str().unwrap(),
        empty.to_str().unwrap(),
    );
    for (arguments, words) in [
        (&[] as &[&str], "<URL>"),
        (&["127.0.0.1:8080"], "http://"),
        (&["https://127.0.0.1"], "plain http"),
        (
            &[url, "--pipeline", "none"],
            "doc-understanding, legal-review",
        ),
        (&[url, "--pipelines", missing], "cannot read"),
        (&[url, "--pipelines", text], "pipelines.toml"),
        (&[url, "--input", missing], "cannot read"),
        (&[url, "--input", text], "not a PDF"),
        (&[url, "--long-input", empty], "empty"),
        (&[url, "--concurrency", "0"], "1..=1000"),
        (&[url, "--timeout", "4000"], "3600"),
        (&[url, "--pid", "4194305"], "no such process"),
    ] {
        let output = setup.run(["model", "check"].iter().chain(arguments));
        assert_eq!(output.code, Some(2), "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(words), "{arguments:?}: {output:?}");
    }
}

#[test]
fn address_without_a_container_is_an_error() {
    let setup = Setup::new();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let output = setup.run(["model", "check", &refused]);
    assert_eq!(output.code, Some(5), "{output:?}");
    assert!(output.stderr.contains("cannot reach"), "{output:?}");
    let output = setup.run(["model", "check", "http://host.invalid"]);
    assert_eq!(output.code, Some(5), "{output:?}");
    for (greeting, words) in [
        ("SSH-2.0-OpenSSH_9.7\r\n", "does not speak HTTP"),
        // The alert of a server that expects TLS.
        ("\u{15}\u{3}\u{1}\0\u{2}\u{2}\n", "does not speak HTTP"),
        ("", "answers nothing"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(greeting.as_bytes()).unwrap();
        });
        let output = setup.run(["model", "check", &url]);
        server.join().unwrap();
        assert_eq!(output.code, Some(5), "{greeting:?}: {output:?}");
        assert!(output.stderr.contains(words), "{greeting:?}: {output:?}");
    }
}
