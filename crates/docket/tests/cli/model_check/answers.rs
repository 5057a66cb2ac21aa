//! One document at a time.

use super::{check, check_answer};
use crate::container::{Reply, TestContainer, is_fine, json_reply, reply, well_behaved};
use crate::setup::Setup;

#[test]
fn well_behaved_container_passes() {
    let container = TestContainer::start(well_behaved);
    let report = check(&container.url(), &["--concurrency", "4"]);
    report.assert_passes();
    let checks = report.json["checks"].as_array().unwrap();
    let states: Vec<_> = checks
        .iter()
        .map(|checked| {
            let text = |name: &str| checked[name].as_str().unwrap();
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
    report.assert_check("a broken document", "ok", "failed", "ModelRejected");
    report.assert_check("an empty document", "ok", "failed", "InvalidInput");
    let document = report.check_result("a document");
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
    assert_eq!(report.check_result("type of the result").status, "ok");
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
        let checked = report.assert_fails("Content-Length", "retried", "Unknown");
        assert!(checked.seen.contains(how), "{checked:?}");
        assert_eq!(
            report.check_result("the largest document").status,
            "not_tried"
        );
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
        let checked = report.assert_fails("a document", outcome, cause);
        assert!(checked.change.contains(change), "{checked:?}");
        assert!(checked.seen.contains("words"), "{checked:?}");
    }
}

#[test]
fn pipelines_own_rejection_statuses_decide() {
    let setup = Setup::new();
    let pipelines = include_str!("../../../../../infra/pipelines.toml").replacen(
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
    report.assert_check("a broken document", "ok", "failed", "ModelRejected");
}

#[test]
fn answer_with_nothing_and_no_answer_are_retried() {
    let report = check_answer(|_| json_reply(200, ""));
    report.assert_fails("a document", "retried", "ModelError");
    let report = check_answer(|_| Reply::Close);
    let checked = report.assert_fails("a document", "retried", "ModelError");
    assert!(checked.seen.contains("no answer"), "{checked:?}");
    // The body ends before its length.
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}";
    let report = check_answer(move |_| Reply::Bytes(cut.into()));
    report.assert_fails("a document", "retried", "ModelError");
    let report = check_answer(|_| Reply::Bytes(b"SSH-2.0-x\r\n".to_vec()));
    let checked = report.assert_fails("a document", "retried", "ModelError");
    assert!(checked.seen.contains("not an HTTP answer"), "{checked:?}");
}

#[test]
fn answer_that_takes_too_long_times_out() {
    let container = TestContainer::start(|request| match is_fine(request) {
        true => Reply::Hang,
        false => well_behaved(request),
    });
    let report = check(&container.url(), &["--timeout", "1"]);
    report.assert_fails("a document", "retried", "TimedOut");
    assert_eq!(report.check_result("two at once").status, "not_tried");
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
        let checked = report.check_result("type of the result");
        assert_eq!(checked.status, "warn", "{checked:?}");
        assert!(checked.seen.contains(seen), "{checked:?}");
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
    let checked = report.assert_check("a broken document", "warn", "retried", "ModelError");
    assert!(
        checked.change.contains("add 500 to rejection_statuses"),
        "{checked:?}"
    );
    let report = broken(|| Reply::Close);
    report.assert_check("a broken document", "warn", "retried", "ModelError");
    let report = broken(|| json_reply(200, "{}"));
    let checked = report.check_result("a broken document");
    assert_eq!(
        (checked.status.as_str(), checked.outcome.as_deref()),
        ("warn", Some("ready"))
    );
    // Without a reason, the customer does not know what to do.
    let report = broken(|| json_reply(422, ""));
    let checked = report.assert_check("a broken document", "warn", "failed", "ModelRejected");
    assert!(checked.change.contains("reason"), "{checked:?}");
}

#[test]
fn container_that_a_broken_document_stops_loses_others() {
    // The first ping is that of the start; the second one follows the broken document.
    let container = TestContainer::start(|request| match request {
        ping if ping.is_ping() && ping.number == 2 => Reply::Close,
        request => well_behaved(request),
    });
    let report = check(&container.url(), &[]);
    let checked = report.assert_fails("a broken document", "lost", "Lost");
    assert!(checked.seen.contains("then ping"), "{checked:?}");
}

#[test]
fn content_type_that_is_answered_with_500_is_a_warning() {
    let container = TestContainer::start(|request| match request.header("content-type") {
        "text/x-unknown" => json_reply(500, r#"{"error":"UnsupportedFormatError"}"#),
        _ => well_behaved(request),
    });
    let report = check(&container.url(), &[]);
    report.assert_passes();
    report.assert_check("another content type", "warn", "retried", "ModelError");
}
