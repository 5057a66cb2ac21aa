//! Files whose content was uploaded before.

use serde_json::{Value, json};

use crate::fake_service::job;
use crate::setup::Setup;
use crate::upload::{document, upload};

/// SHA-256 of `document(9)`, as `sha256sum` prints it.
const SHA256: &str = "0716f9264c9fe19f5d7455276107f3ddcc1d3497f63d60689a73558ae8a1bf5e";

fn problem() -> Value {
    json!({"type": "urn:docket:problem:identical", "title": "The same content was uploaded before", "status": 409,
        "detail": "the same content was uploaded before, as \"lease.pdf\": job j1 is Ready. Use that job, or set run_anyway to process the file once more", "identical": [job("j1", 3, "Ready")]})
}

fn bodies(setup: &Setup) -> Vec<Value> {
    let state = setup.service.state();
    let created = state
        .requests
        .iter()
        .filter(|request| request.request_line == "POST /uploads");
    created
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect()
}

#[test]
fn file_that_was_uploaded_before_is_refused_with_its_job_and_an_exit_code_of_its_own() {
    let setup = Setup::signed_in();
    let file = setup.file("a.pdf", &document(9));
    setup.service.respond_once("POST /uploads", 409, &problem());
    let output = upload(&setup, &file, &[]);
    assert_eq!(output.code, Some(6), "{output:?}");
    assert!(output.stderr.contains("lease.pdf"), "{output:?}");
    assert!(
        output.stderr.contains("docket jobs result j1"),
        "{output:?}"
    );
    assert!(output.stderr.contains("--run-anyway"), "{output:?}");
    assert!(!output.stderr.contains("run_anyway"), "{output:?}");
    assert_eq!(setup.unfinished_uploads(), 0);
    let bodies = bodies(&setup);
    assert_eq!((bodies.len(), &bodies[0]["sha256"]), (1, &json!(SHA256)));

    setup.service.respond_once("POST /uploads", 409, &problem());
    let output = upload(&setup, &file, &["--json"]);
    let printed: Value = serde_json::from_str(&output.stderr).unwrap();
    assert_eq!(printed["identical"][0]["id"], "j1", "{output:?}");
}

#[test]
fn run_anyway_is_passed_on() {
    let setup = Setup::signed_in();
    let file = setup.file("a.pdf", &document(9));
    let output = upload(&setup, &file, &["--run-anyway"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let bodies = bodies(&setup);
    assert_eq!(bodies[0]["run_anyway"], true);
    assert_eq!(bodies[0]["sha256"], SHA256);
}
