//! Uploads: with one request, in parts, resumed, and with results saved.

use std::path::Path;

use serde_json::{Value, json};

use crate::fake_service::{detail, signed};
use crate::setup::{CommandOutput, Setup, interrupt};

/// A PDF header and bytes that differ from range to range, so that a misplaced part is noticed.
fn document(bytes: usize) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut number: u32 = 1;
    while out.len() < bytes {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        out.extend(number.to_be_bytes());
    }
    out.truncate(bytes);
    out
}

fn upload(setup: &Setup, file: &Path, more: &[&str]) -> CommandOutput {
    let file = file.to_str().unwrap();
    setup.run(["upload", file].iter().chain(more))
}

#[test]
fn small_file_is_uploaded_with_one_request() {
    let setup = Setup::signed_in();
    let bytes = document(300_000);
    let file = setup.file("contract.pdf", &bytes);
    let output = upload(&setup, &file, &[]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output.stdout.contains("contract.pdf  uploaded, job job-1"),
        "{output:?}"
    );
    assert_eq!(setup.unfinished_uploads(), 0);
    let state = setup.service.state();
    assert_eq!(state.upload().object.as_deref(), Some(&bytes[..]));
    let put = state
        .requests
        .iter()
        .find(|request| request.request_line.starts_with("PUT"))
        .unwrap();
    // S3 requires the length and must not get the token.
    assert_eq!(put.length, Some(300_000));
    assert_eq!(put.authorization, None);
}

/// A repeated request has the same key; another file has another one.
#[test]
fn upload_is_created_with_labels_and_an_idempotency_key() {
    let setup = Setup::signed_in();
    let (first, second) = (
        setup.file("a.pdf", &document(9)),
        setup.file("b.pdf", &document(19)),
    );
    setup.service.respond_once("POST /uploads", 503, &json!({}));
    let second = second.to_str().unwrap();
    let words = [
        "--reference",
        " INV 4711 ",
        "--batch",
        "May",
        "--tag",
        "matter=47=11",
        "--tag",
        "a=b",
    ];
    let output = upload(&setup, &first, &[&[second][..], &words].concat());
    assert_eq!(output.code, Some(0), "{output:?}");
    let state = setup.service.state();
    let created = state
        .requests
        .iter()
        .filter(|request| request.request_line == "POST /uploads");
    let mut keys = Vec::new();
    for request in created {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["reference"], "INV 4711");
        assert_eq!(body["batch"], "May");
        assert_eq!(body["tags"], json!({"matter": "47=11", "a": "b"}));
        keys.push((
            body["name"].clone(),
            request.idempotency_key.clone().unwrap(),
        ));
    }
    assert_eq!(keys.len(), 3, "{keys:?}");
    let of = |name: &str| {
        let keys = keys.iter().filter(|(known, _)| known == name);
        keys.map(|(_, key)| key.as_str())
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!((of("a.pdf").len(), of("b.pdf").len()), (1, 1));
    assert_ne!(of("a.pdf"), of("b.pdf"));
}

#[test]
fn tags_that_the_service_refuses_are_refused_before_anything_is_sent() {
    let setup = Setup::signed_in();
    let file = setup.file("a.pdf", &document(9));
    let nine: Vec<String> = (0..9).map(|number| format!("t{number}=v")).collect();
    let nine: Vec<&str> = nine
        .iter()
        .flat_map(|tag| ["--tag", tag.as_str()])
        .collect();
    for words in [
        &nine[..],
        &["--tag", "a b=v"],
        &["--tag", "a="],
        &["--tag", "a=1", "--tag", "a=2"],
    ] {
        assert_eq!(upload(&setup, &file, words).code, Some(2), "{words:?}");
    }
    assert!(setup.service.state().requests.is_empty());
}

#[test]
fn failed_part_is_sent_again_and_the_uploaded_file_is_complete() {
    let setup = Setup::signed_in();
    let bytes = document(900_001);
    let file = setup.file("large.pdf", &bytes);
    {
        let mut state = setup.service.state();
        state.part_bytes = 65_536;
        state.drop_once = [2, 9].into();
    }
    let output = upload(&setup, &file, &["--json"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let view: api::types::UploadView = output.json();
    assert_eq!(view.job_id, "job-1");
    let state = setup.service.state();
    assert_eq!(state.upload().parts.len(), 14);
    assert_eq!(state.upload().object.as_deref(), Some(&bytes[..]));
}

#[test]
fn parts_that_the_service_reports_missing_are_sent_again() {
    let setup = Setup::signed_in();
    let bytes = document(300_000);
    let file = setup.file("large.pdf", &bytes);
    {
        let mut state = setup.service.state();
        state.part_bytes = 65_536;
        state.lose_once = [3].into();
    }
    assert_eq!(upload(&setup, &file, &[]).code, Some(0));
    let state = setup.service.state();
    assert_eq!(state.upload().object.as_deref(), Some(&bytes[..]));
    assert_eq!(state.count("PUT /s3/job-1?part=3"), 2);
    assert_eq!(state.count("PUT /s3/job-1?part=1"), 1);
}

#[test]
fn interrupted_upload_resumes_with_the_missing_parts() {
    let setup = Setup::signed_in();
    let bytes = document(900_001);
    let file = setup.file("large.pdf", &bytes);
    {
        let mut state = setup.service.state();
        state.part_bytes = 65_536;
        state.hang = (6..=14).collect();
    }
    let child = setup
        .command(["upload", file.to_str().unwrap()])
        .spawn()
        .unwrap();
    setup.service.wait_until(|state| {
        state.uploads.len() == 1
            && state.upload().parts.len() == 5
            && state.count("PUT /s3/job-1?part=9") == 1
    });
    interrupt(&child);
    let output: CommandOutput = child.wait_with_output().unwrap().into();
    assert_eq!(output.code, Some(130), "{output:?}");
    assert!(
        output.stderr.contains("run the same command again"),
        "{output:?}"
    );
    assert_eq!(setup.unfinished_uploads(), 1);
    {
        let mut state = setup.service.state();
        state.hang.clear();
        state.requests.clear();
    }
    let output = upload(&setup, &file, &[]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output.stderr.contains("resuming after 328 KB"),
        "{output:?}"
    );
    assert_eq!(setup.unfinished_uploads(), 0);
    let state = setup.service.state();
    assert_eq!(state.upload().object.as_deref(), Some(&bytes[..]));
    for part in 1..=14 {
        let again = state.count(&format!("PUT /s3/job-1?part={part}"));
        assert_eq!(again, usize::from(part > 5), "part {part}");
    }
}

#[test]
fn changed_file_is_uploaded_from_the_beginning() {
    let setup = Setup::signed_in();
    let file = setup.file("large.pdf", &document(200_000));
    {
        let mut state = setup.service.state();
        state.part_bytes = 65_536;
        state.hang = [2].into();
    }
    let child = setup
        .command(["upload", file.to_str().unwrap()])
        .spawn()
        .unwrap();
    setup
        .service
        .wait_until(|state| state.count("PUT /s3/job-1?part=2") == 1);
    interrupt(&child);
    child.wait_with_output().unwrap();
    setup.service.state().hang.clear();
    let changed = document(200_001);
    std::fs::write(&file, &changed).unwrap();
    assert_eq!(upload(&setup, &file, &[]).code, Some(0));
    let state = setup.service.state();
    assert_eq!(state.uploads["job-1"].object, None);
    assert_eq!(state.uploads["job-2"].object.as_deref(), Some(&changed[..]));
}

#[test]
fn completed_upload_whose_answer_was_lost_is_not_sent_again() {
    let setup = Setup::signed_in();
    let bytes = document(200_000);
    let file = setup.file("large.pdf", &bytes);
    setup.service.state().part_bytes = 65_536;
    // The request succeeds, but its answer is an error until the command gives up.
    for _ in 0..5 {
        setup.service.fail_once(
            "POST /uploads/job-1/complete",
            503,
            "unavailable",
            "outcome unknown",
        );
    }
    assert_eq!(upload(&setup, &file, &[]).code, Some(5));
    assert_eq!(setup.unfinished_uploads(), 1);
    setup
        .service
        .state()
        .uploads
        .get_mut("job-1")
        .unwrap()
        .object = Some(bytes.into());
    setup
        .service
        .respond_once("GET /jobs/job-1", 200, &detail("job-1", "InProgress"));
    let output = upload(&setup, &file, &[]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("already uploaded"), "{output:?}");
    assert_eq!(setup.service.state().uploads.len(), 1);
    assert_eq!(setup.unfinished_uploads(), 0);
}

fn serve_result(setup: &Setup, id: &str, text: &str) {
    let view = json!({
        "request": signed("GET", format!("{}/results/{id}", setup.service.address())),
        "name": "../contract.json", "content_type": "application/json", "bytes": text.len()
    });
    // ReceivedRequest for its name, and then for its bytes.
    for _ in 0..2 {
        setup
            .service
            .respond_once(&format!("GET /jobs/{id}/result"), 200, &view);
    }
    setup
        .service
        .respond_once(&format!("GET /results/{id}"), 200, &json!(text));
}

#[test]
fn upload_with_wait_saves_the_result_next_to_the_document() {
    let setup = Setup::signed_in();
    let file = setup.file("contract.pdf", &document(1000));
    for status in ["InProgress", "Ready"] {
        setup
            .service
            .respond_once("GET /jobs/job-1", 200, &detail("job-1", status));
    }
    serve_result(&setup, "job-1", "{\"risk\": \"none\"}");
    let output = upload(&setup, &file, &["--wait"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("it is InProgress"), "{output:?}");
    assert!(output.stdout.contains("ready, saved as"), "{output:?}");
    let saved = std::fs::read_to_string(setup.home.join("contract.json")).unwrap();
    assert_eq!(saved, "{\"risk\": \"none\"}");
    assert_eq!(setup.unfinished_uploads(), 0);
    let left = std::fs::read_dir(&setup.home).unwrap();
    assert!(
        !left
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().ends_with(".part"))
    );
}

#[test]
fn existing_file_is_overwritten_only_with_force() {
    let setup = Setup::signed_in();
    let there = setup.file("contract.json", b"mine");
    let view = json!({
        "request": signed("GET", format!("{}/results/j1", setup.service.address())),
        "name": "contract.json", "content_type": "application/json", "bytes": 6
    });
    for _ in 0..3 {
        setup
            .service
            .respond_once("GET /jobs/j1/result", 200, &view);
    }
    setup
        .service
        .respond_once("GET /results/j1", 200, &json!("theirs"));
    let output = setup.run(["jobs", "result", "j1"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("--force"), "{output:?}");
    assert_eq!(std::fs::read(&there).unwrap(), b"mine");
    let output = setup.run(["jobs", "result", "j1", "--force"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(std::fs::read(&there).unwrap(), b"theirs");
}

#[test]
fn incomplete_download_is_repeated() {
    let setup = Setup::signed_in();
    let view = json!({
        "request": signed("GET", format!("{}/results/j1", setup.service.address())),
        "name": "contract.json", "content_type": "application/json", "bytes": 6
    });
    for _ in 0..3 {
        setup
            .service
            .respond_once("GET /jobs/j1/result", 200, &view);
    }
    setup
        .service
        .respond_once("GET /results/j1", 200, &json!("the"));
    setup
        .service
        .respond_once("GET /results/j1", 200, &json!("theirs"));
    let output = setup.run(["jobs", "result", "j1", "-o", "-"]);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(0), "theirs"),
        "{output:?}"
    );
}

#[test]
fn results_of_two_files_with_one_name_are_both_saved() {
    for force in [&[][..], &["--force"]] {
        let setup = Setup::signed_in();
        for (folder, text) in [("a", "\"first\""), ("b", "\"second\"")] {
            std::fs::create_dir_all(setup.home.join(folder)).unwrap();
            setup.file(&format!("{folder}/contract.pdf"), &document(1000));
            let id = if folder == "a" { "job-1" } else { "job-2" };
            setup
                .service
                .respond_once(&format!("GET /jobs/{id}"), 200, &detail(id, "Ready"));
            serve_result(&setup, id, text);
        }
        let arguments = [
            "upload",
            "a/contract.pdf",
            "b/contract.pdf",
            "--wait",
            "--save",
            ".",
        ];
        let output = setup.run(arguments.iter().chain(force));
        assert_eq!(output.code, Some(0), "{output:?}");
        let read = |name: &str| std::fs::read_to_string(setup.home.join(name)).unwrap();
        let mut saved = [read("contract.json"), read("contract.2.json")];
        saved.sort();
        assert_eq!(saved, ["\"first\"", "\"second\""]);
    }
}

#[test]
fn result_for_standard_output_is_not_written_to_a_file() {
    let setup = Setup::signed_in();
    let temporary = setup.home.join("tmp");
    serve_result(&setup, "j1", "{}");
    // The folder for temporary files does not exist, so that writing to it fails.
    let mut command = setup.command(["jobs", "result", "j1", "--output", "-"]);
    let output: CommandOutput = command.env("TMPDIR", &temporary).output().unwrap().into();
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(0), "{}"),
        "{output:?}"
    );
    assert!(!temporary.exists());
}

#[test]
fn upload_with_wait_exits_with_1_if_the_job_failed() {
    let setup = Setup::signed_in();
    let file = setup.file("contract.pdf", &document(1000));
    setup
        .service
        .respond_once("GET /jobs/job-1", 200, &detail("job-1", "Failed"));
    let output = upload(&setup, &file, &["--wait", "--json"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    let detail: api::types::JobDetail = output.json();
    assert_eq!(detail.job.unwrap().status, "Failed");
}

#[test]
fn refused_file_does_not_stop_the_upload_of_the_others() {
    let setup = Setup::signed_in();
    let names: Vec<String> = (0..7).map(|at| format!("file-{at}.pdf")).collect();
    for name in &names {
        setup.file(name, &document(1000 + name.len()));
    }
    setup
        .service
        .fail_once("POST /uploads", 413, "too-large", "it is too large");
    let output = setup.run(
        ["upload", "--json"]
            .into_iter()
            .chain(names.iter().map(String::as_str)),
    );
    assert_eq!(output.code, Some(1), "{output:?}");
    let lines: Vec<Value> = output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 6);
    let problem: api::types::Problem = serde_json::from_str(&output.stderr).unwrap();
    assert!(problem.detail.contains(".pdf: it is too large"));
    assert!(
        setup
            .service
            .state()
            .uploads
            .values()
            .all(|upload| upload.object.is_some())
    );
}

#[test]
fn interrupted_wait_continues_without_a_second_upload() {
    let setup = Setup::signed_in();
    let file = setup.file("contract.pdf", &document(1000));
    setup
        .service
        .respond_once("GET /jobs/job-1", 200, &detail("job-1", "InProgress"));
    let arguments = ["upload", file.to_str().unwrap(), "--wait"];
    let child = setup.command(arguments).spawn().unwrap();
    setup
        .service
        .wait_until(|state| state.count("GET /jobs/job-1") == 1);
    interrupt(&child);
    let output: CommandOutput = child.wait_with_output().unwrap().into();
    assert_eq!(output.code, Some(130), "{output:?}");
    assert!(output.stderr.contains("to wait for 1 result"), "{output:?}");
    for status in ["InProgress", "Ready"] {
        setup
            .service
            .respond_once("GET /jobs/job-1", 200, &detail("job-1", status));
    }
    serve_result(&setup, "job-1", "{}");
    let output = setup.run(arguments);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(setup.service.state().count("PUT /s3/job-1"), 1);
    assert_eq!(setup.service.state().uploads.len(), 1);
}

#[test]
fn existing_result_is_noticed_before_the_document_is_sent() {
    let setup = Setup::signed_in();
    let file = setup.file("contract.pdf", &document(1000));
    setup.file("contract.json", b"of the first run");
    let output = upload(&setup, &file, &["--wait"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output
            .stderr
            .contains("contract.json, which already exists"),
        "{output:?}"
    );
    assert!(output.stderr.contains("--force"), "{output:?}");
    assert!(!output.stderr.contains("\\n"), "{output:?}");
    assert_eq!(setup.service.state().uploads.len(), 0);
}

#[test]
fn folder_is_uploaded_without_the_files_that_the_service_would_refuse() {
    let setup = Setup::signed_in();
    std::fs::create_dir_all(setup.home.join("room/deep")).unwrap();
    setup.file("room/a.pdf", &document(1000));
    setup.file("room/deep/b.pdf", &document(1001));
    setup.file("room/notes.txt", b"text");
    setup.file("room/page.pdf", b"<html>");
    let refused = setup.run(["upload", "room"]);
    assert_ne!(refused.code, Some(0), "{refused:?}");
    for named in ["notes.txt", "page.pdf", "--skip-bad"] {
        assert!(refused.stderr.contains(named), "{named}: {refused:?}");
    }
    assert_eq!(setup.service.state().uploads.len(), 0);
    let output = setup.run(["upload", "room", "--skip-bad"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stderr.contains("notes.txt") && output.stderr.contains("page.pdf"));
    assert_eq!(setup.service.state().uploads.len(), 2);
}
