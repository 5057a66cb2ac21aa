//! Uploads that wait and save their results.

use serde_json::json;

use crate::fake_service::{detail, signed};
use crate::setup::{CommandOutput, Setup, interrupt};
use crate::upload::{document, upload};

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
    // Before the upload's event has arrived, the service knows no job.
    let mut without_job = detail("job-1", "InProgress");
    without_job["job"] = json!(null);
    setup
        .service
        .respond_once("GET /jobs/job-1", 200, &without_job);
    for status in ["InProgress", "Ready"] {
        setup
            .service
            .respond_once("GET /jobs/job-1", 200, &detail("job-1", status));
    }
    serve_result(&setup, "job-1", "{\"risk\": \"none\"}");
    let output = upload(&setup, &file, &["--wait"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output.stderr.contains("its job starts in a few seconds"),
        "{output:?}"
    );
    assert!(
        output
            .stderr
            .contains("the review is waiting for its turn or running"),
        "{output:?}"
    );
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
fn program_learns_where_the_result_was_written() {
    let setup = Setup::signed_in();
    let file = setup.file("contract.pdf", &document(1000));
    setup
        .service
        .respond_once("GET /jobs/job-1", 200, &detail("job-1", "Ready"));
    serve_result(&setup, "job-1", "{}");
    let output = upload(&setup, &file, &["--wait", "--json"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let line: serde_json::Value = output.json();
    assert_eq!(line["job"]["status"], "Ready");
    let path = setup.home.join(line["path"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(path).unwrap(), "{}");
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

/// As root, the rename would replace `/dev/null`.
#[cfg(unix)]
#[test]
fn result_with_force_replaces_only_a_regular_file() {
    use std::os::unix::fs::FileTypeExt;

    let setup = Setup::signed_in();
    let socket = setup.file("socket", b"").with_extension("there");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let view = json!({
        "request": signed("GET", format!("{}/results/j1", setup.service.address())),
        "name": "contract.json", "content_type": "application/json", "bytes": 6
    });
    setup
        .service
        .respond_once("GET /jobs/j1/result", 200, &view);
    let path = socket.to_str().unwrap();
    let output = setup.run(["jobs", "result", "j1", "--force", "-o", path]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output.stderr.contains("is not a regular file"),
        "{output:?}"
    );
    assert!(socket.metadata().unwrap().file_type().is_socket());
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

/// Of two files of one name, only the first result was saved before.
#[test]
fn interrupted_wait_for_two_files_with_one_name_saves_the_second_result_beside_the_first() {
    for force in [&[][..], &["--force"]] {
        let setup = Setup::signed_in();
        for folder in ["a", "b"] {
            std::fs::create_dir_all(setup.home.join(folder)).unwrap();
            setup.file(&format!("{folder}/contract.pdf"), &document(1000));
        }
        let files = ["a/contract.pdf", "b/contract.pdf"];
        let arguments = ["upload", files[0], files[1], "--wait", "--save", "."];
        // Which of the two has which job depends on their order at the service.
        setup
            .service
            .respond_once("GET /jobs/job-1", 200, &detail("job-1", "Ready"));
        for _ in 0..3 {
            setup
                .service
                .respond_once("GET /jobs/job-2", 200, &detail("job-2", "InProgress"));
        }
        serve_result(&setup, "job-1", "\"first\"");
        let child = setup.command(arguments).spawn().unwrap();
        setup.service.wait_until(|state| {
            state.count("GET /results/job-1") == 1 && state.count("GET /jobs/job-2") > 0
        });
        let is_saved = || {
            let mut names = ["contract.json", "contract.2.json"].iter();
            names.any(|name| setup.home.join(name).exists())
        };
        while !is_saved() {
            std::thread::yield_now();
        }
        interrupt(&child);
        let output: CommandOutput = child.wait_with_output().unwrap().into();
        assert_eq!(output.code, Some(130), "{output:?}");
        let is_first = setup.home.join("contract.json").exists();
        for _ in 0..2 {
            setup
                .service
                .respond_once("GET /jobs/job-2", 200, &detail("job-2", "Ready"));
        }
        serve_result(&setup, "job-2", "\"second\"");
        // The first file is uploaded again with --force, and refused by the service as it has the same content.
        setup
            .service
            .fail_once("POST /uploads", 409, "identical", "uploaded before");
        let output = setup.run(arguments.iter().chain(force));
        assert_ne!(output.code, Some(0), "{output:?}");
        let read = |name: &str| std::fs::read_to_string(setup.home.join(name)).unwrap();
        let saved = [read("contract.json"), read("contract.2.json")];
        let expected = if is_first {
            ["\"first\"", "\"second\""]
        } else {
            ["\"second\"", "\"first\""]
        };
        assert_eq!(saved, expected);
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
