//! Uploads: with one request, in parts, resumed.

use std::path::Path;

use serde_json::{Value, json};

use crate::fake_service::detail;
use crate::setup::{CommandOutput, Setup, interrupt};

/// A PDF header and bytes that differ from range to range, so that a misplaced part is noticed.
pub(crate) fn document(bytes: usize) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut number: u32 = 1;
    while out.len() < bytes {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        out.extend(number.to_be_bytes());
    }
    out.truncate(bytes);
    out
}

pub(crate) fn upload(setup: &Setup, file: &Path, more: &[&str]) -> CommandOutput {
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

/// A signature ends with the credentials that made it (S3 user guide, "Download and upload objects with presigned URLs").
#[test]
fn signature_whose_credentials_have_expired_is_replaced() {
    let expired = json!("<Error><Code>ExpiredToken</Code><Message>expired</Message></Error>");
    for (part_bytes, put, again) in [
        (0, "PUT /s3/job-1", "GET /uploads/job-1"),
        (65_536, "PUT /s3/job-1?part=2", "POST /uploads/job-1/parts"),
    ] {
        let setup = Setup::signed_in();
        let bytes = document(200_000);
        let file = setup.file("large.pdf", &bytes);
        setup.service.state().part_bytes = part_bytes;
        setup.service.respond_once(put, 400, &expired);
        assert_eq!(upload(&setup, &file, &[]).code, Some(0));
        let state = setup.service.state();
        assert_eq!(state.upload().object.as_deref(), Some(&bytes[..]));
        let signed = if part_bytes == 0 { 1 } else { 2 };
        assert_eq!((state.count(put), state.count(again)), (2, signed));
    }
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
        output.stderr.contains("resuming after 320 KB"),
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

/// As a folder that a cloud client synchronizes.
#[test]
fn file_that_is_gone_before_it_is_sent_is_said_to_be_gone() {
    for part_bytes in [0, 65_536] {
        let setup = Setup::signed_in();
        let file = setup.file("large.pdf", &document(200_000));
        let mut state = setup.service.state();
        state.part_bytes = part_bytes;
        state.delete_file = Some(("POST /uploads".to_owned(), file.clone()));
        drop(state);
        let output = upload(&setup, &file, &[]);
        assert_eq!(output.code, Some(1), "{output:?}");
        assert!(output.stderr.contains("moved, deleted"), "{output:?}");
        assert!(output.stderr.contains("large.pdf"), "{output:?}");
        assert!(!output.stderr.contains("S3"), "{output:?}");
    }
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
fn folder_is_uploaded_without_the_files_that_the_service_would_refuse() {
    let setup = Setup::signed_in();
    std::fs::create_dir_all(setup.home.join("room/deep")).unwrap();
    setup.file("room/a.pdf", &document(1000));
    setup.file("room/deep/b.pdf", &document(1001));
    setup.file("room/notes.txt", b"text");
    setup.file("room/deep/.DS_Store", b"x");
    setup.file("room/page.pdf", b"<html>");
    let refused = setup.run(["upload", "room"]);
    assert_ne!(refused.code, Some(0), "{refused:?}");
    for named in ["notes.txt", "page.pdf", "--skip-bad"] {
        assert!(refused.stderr.contains(named), "{named}: {refused:?}");
    }
    assert_eq!(setup.service.state().uploads.len(), 0);
    let output = setup.run(["upload", "room", "--skip-bad"]);
    assert_eq!(output.code, Some(7), "{output:?}");
    let hidden = "not uploaded: hidden: 1 file\n";
    assert!(output.stderr.contains(hidden), "{output:?}");
    let (_, summary) = output.stderr.split_once("2 of 4 files skipped:").unwrap();
    assert!(summary.contains("notes.txt") && summary.contains("page.pdf"));
    assert_eq!(setup.service.state().uploads.len(), 2);
    // A failure matters more than what was skipped.
    setup.file("room/c.pdf", &document(1002));
    setup
        .service
        .fail_once("POST /uploads", 413, "too-large", "it is too large");
    let output = setup.run(["upload", "room", "--skip-bad"]);
    assert_eq!(output.code, Some(1), "{output:?}");
}

/// As a folder of another user, which root could read.
#[cfg(target_os = "linux")]
fn folder_that_cannot_be_read(at: &Path) {
    let levels = |letter: &str, count: usize| vec![letter.repeat(250); count].join("/");
    let (deep, deeper) = (at.join(levels("x", 14)), at.join(levels("y", 3)));
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::create_dir_all(&deeper).unwrap();
    // Its path becomes longer than the system takes.
    let top = "y".repeat(250);
    std::fs::rename(at.join(&top), deep.join(&top)).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn folder_that_cannot_be_read_does_not_stop_the_upload_of_the_others() {
    let setup = Setup::signed_in();
    std::fs::create_dir_all(setup.home.join("room/z")).unwrap();
    setup.file("room/a.pdf", &document(1000));
    setup.file("room/z/b.pdf", &document(1001));
    folder_that_cannot_be_read(&setup.home.join("room"));
    let refused = setup.run(["upload", "room"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("--skip-bad"), "{refused:?}");
    assert_eq!(setup.service.state().uploads.len(), 0);
    let output = setup.run(["upload", "room", "--skip-bad"]);
    assert_eq!(output.code, Some(7), "{output:?}");
    let (_, summary) = output.stderr.split_once("1 of 3 files skipped:").unwrap();
    assert!(summary.contains("cannot read room/x"), "{output:?}");
    assert_eq!(setup.service.state().uploads.len(), 2);
}

#[cfg(unix)]
#[test]
fn link_to_a_folder_is_not_followed_and_is_named() {
    let setup = Setup::signed_in();
    for name in ["room", "archive"] {
        std::fs::create_dir(setup.home.join(name)).unwrap();
        setup.file(&format!("{name}/a.pdf"), &document(name.len() * 100));
    }
    std::os::unix::fs::symlink("../archive", setup.home.join("room/older")).unwrap();
    let output = setup.run(["upload", "room"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let left_out = "not uploaded: 1 link to a folder\n";
    assert!(output.stderr.contains(left_out), "{output:?}");
    assert_eq!(setup.service.state().uploads.len(), 1);
}
