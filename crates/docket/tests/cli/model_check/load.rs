//! Pings, several documents at once, large ones, long runs, and SIGTERM.

use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

use super::{RUN, check, slow};
use crate::container::{ContainerRequest, Reply, TestContainer, is_fine, json_reply, well_behaved};
use crate::setup::Setup;

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
    let checked = report.assert_fails("ping", "retried", "Expired");
    assert!(
        checked.seen.contains("no answer within 2.0 s"),
        "{checked:?}"
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
    assert!(report.check_result("ping").seen.contains("before: 503"));
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
    report.assert_check("ready when it says so", "warn", "retried", "ModelError");
    assert_eq!(report.check_result("a document").status, "ok");
}

#[test]
fn pings_are_answered_during_runs() {
    let container = TestContainer::start(slow);
    let report = check(&container.url(), &[]);
    report.assert_passes();
    assert_eq!(report.check_result("ping during a run").status, "ok");
}

#[test]
fn ping_that_waits_for_the_run_loses_the_instance() {
    let container = TestContainer::single_threaded(slow);
    let report = check(&container.url(), &[]);
    let checked = report.assert_fails("ping during a run", "lost", "Lost");
    assert!(checked.seen.contains("waits for the run"), "{checked:?}");
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
    let checked = report.assert_check("two at once", "warn", "retried", "ModelError");
    assert!(checked.seen.starts_with("1 of 2"), "{checked:?}");
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
        let checked = report.check_result("the largest document");
        assert_eq!(
            (checked.status.as_str(), report.output.code),
            ("fail", Some(1))
        );
        assert!(checked.seen.starts_with("391 KB"), "{checked:?}");
        assert!(checked.seen.ends_with("98 KB has a result"), "{checked:?}");
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
    assert_eq!(
        report.check_result("the largest document").status,
        "not_tried"
    );
}

#[test]
fn long_run_that_the_server_ends_fails() {
    let setup = Setup::new();
    let mut long =
        include_bytes!("../../../../../samples/contracts/consulting-agreement.pdf").to_vec();
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
    let checked = report.assert_fails("a long run", "retried", "ModelError");
    assert!(checked.change.contains("gunicorn"), "{checked:?}");
    let report = run(|| Reply::After(RUN, Box::new(json_reply(504, ""))), &[]);
    let checked = report.assert_fails("a long run", "retried", "ModelError");
    assert!(checked.change.contains("timeout"), "{checked:?}");
    let report = run(|| Reply::Hang, &["--timeout", "1"]);
    report.assert_fails("a long run", "retried", "TimedOut");
    let report = run(|| Reply::After(RUN, Box::new(json_reply(200, "{}"))), &[]);
    report.assert_passes();
    assert_eq!(report.check_result("a long run").status, "ok");
    assert_eq!(report.check_result("ping during a run").status, "ok");
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
    assert_eq!(report.check_result("SIGTERM").status, "ok");
}

/// The answer comes from another process, which a container would end together with its main process.
#[test]
fn main_process_that_ends_before_the_answer_cuts_the_document_off() {
    let container = TestContainer::start(slow);
    let mut main = process("exec sleep 300");
    let report = check(&container.url(), &["--pid", &main.id().to_string()]);
    main.wait().unwrap();
    report.assert_passes();
    let checked = report.assert_check("SIGTERM", "warn", "retried", "ModelError");
    assert!(checked.seen.contains("main process"), "{checked:?}");
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
    report.assert_check("SIGTERM", "warn", "retried", "ModelError");
}
