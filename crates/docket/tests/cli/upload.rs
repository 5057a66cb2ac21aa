//! Uploads: in one piece, in parts, broken off and resumed, waited for, saved.

use std::path::Path;

use serde_json::{Value, json};

use crate::server::{detail, signed};
use crate::setup::{Ran, Setup, interrupt};

/// Bytes of which no two stretches are alike.
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

fn upload(setup: &Setup, file: &Path, more: &[&str]) -> Ran {
    let file = file.to_str().unwrap();
    setup.run(["upload", file].iter().chain(more))
}

#[test]
fn a_small_file_goes_in_one_piece() {
    let setup = Setup::signed_in();
    let bytes = document(300_000);
    let file = setup.file("contract.pdf", &bytes);
    let ran = upload(&setup, &file, &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out.contains("contract.pdf  uploaded, job job-1"),
        "{ran:?}"
    );
    assert_eq!(setup.remembered(), 0);
    let world = setup.server.world();
    assert_eq!(world.upload().object.as_deref(), Some(&bytes[..]));
    let put = world
        .asked
        .iter()
        .find(|asked| asked.line.starts_with("PUT"))
        .unwrap();
    // S3 wants the length, and must not see the sign-in.
    assert_eq!(put.length, Some(300_000));
    assert_eq!(put.authorization, None);
}

#[test]
fn a_part_that_breaks_is_sent_again_and_the_bytes_are_right() {
    let setup = Setup::signed_in();
    let bytes = document(900_001);
    let file = setup.file("large.pdf", &bytes);
    {
        let mut world = setup.server.world();
        world.part_bytes = 65_536;
        world.drop_once = [2, 9].into();
    }
    let ran = upload(&setup, &file, &["--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let view: api::types::UploadView = ran.json();
    assert_eq!(view.job_id, "job-1");
    let world = setup.server.world();
    assert_eq!(world.upload().parts.len(), 14);
    assert_eq!(world.upload().object.as_deref(), Some(&bytes[..]));
}

#[test]
fn parts_that_the_service_misses_are_sent_again() {
    let setup = Setup::signed_in();
    let bytes = document(300_000);
    let file = setup.file("large.pdf", &bytes);
    {
        let mut world = setup.server.world();
        world.part_bytes = 65_536;
        world.lose_once = [3].into();
    }
    assert_eq!(upload(&setup, &file, &[]).code, Some(0));
    let world = setup.server.world();
    assert_eq!(world.upload().object.as_deref(), Some(&bytes[..]));
    assert_eq!(world.count("PUT /s3/job-1?part=3"), 2);
    assert_eq!(world.count("PUT /s3/job-1?part=1"), 1);
}

#[test]
fn an_interrupted_upload_goes_on_where_it_was() {
    let setup = Setup::signed_in();
    let bytes = document(900_001);
    let file = setup.file("large.pdf", &bytes);
    {
        let mut world = setup.server.world();
        world.part_bytes = 65_536;
        world.hang = (6..=14).collect();
    }
    let child = setup
        .command(["upload", file.to_str().unwrap()])
        .spawn()
        .unwrap();
    setup.server.wait_until(|world| {
        world.uploads.len() == 1
            && world.upload().parts.len() == 5
            && world.count("PUT /s3/job-1?part=9") == 1
    });
    interrupt(&child);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(130), "{ran:?}");
    assert!(ran.err.contains("run the same command again"), "{ran:?}");
    assert_eq!(setup.remembered(), 1);
    {
        let mut world = setup.server.world();
        world.hang.clear();
        world.asked.clear();
    }
    let ran = upload(&setup, &file, &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("goes on after 328 KB"), "{ran:?}");
    assert_eq!(setup.remembered(), 0);
    let world = setup.server.world();
    assert_eq!(world.upload().object.as_deref(), Some(&bytes[..]));
    for part in 1..=14 {
        let again = world.count(&format!("PUT /s3/job-1?part={part}"));
        assert_eq!(again, usize::from(part > 5), "part {part}");
    }
}

#[test]
fn a_file_that_was_changed_is_another_upload() {
    let setup = Setup::signed_in();
    let file = setup.file("large.pdf", &document(200_000));
    {
        let mut world = setup.server.world();
        world.part_bytes = 65_536;
        world.hang = [2].into();
    }
    let child = setup
        .command(["upload", file.to_str().unwrap()])
        .spawn()
        .unwrap();
    setup
        .server
        .wait_until(|world| world.count("PUT /s3/job-1?part=2") == 1);
    interrupt(&child);
    child.wait_with_output().unwrap();
    setup.server.world().hang.clear();
    let changed = document(200_001);
    std::fs::write(&file, &changed).unwrap();
    assert_eq!(upload(&setup, &file, &[]).code, Some(0));
    let world = setup.server.world();
    assert_eq!(world.uploads["job-1"].object, None);
    assert_eq!(world.uploads["job-2"].object.as_deref(), Some(&changed[..]));
}

#[test]
fn a_command_that_missed_the_last_answer_does_not_upload_twice() {
    let setup = Setup::signed_in();
    let bytes = document(200_000);
    let file = setup.file("large.pdf", &bytes);
    setup.server.world().part_bytes = 65_536;
    // Carried out, but the answer says otherwise until the command has given up.
    for _ in 0..5 {
        setup.server.problem(
            "POST /uploads/job-1/complete",
            503,
            "unavailable",
            "who knows",
        );
    }
    assert_eq!(upload(&setup, &file, &[]).code, Some(5));
    assert_eq!(setup.remembered(), 1);
    setup
        .server
        .world()
        .uploads
        .get_mut("job-1")
        .unwrap()
        .object = Some(bytes.into());
    setup
        .server
        .script("GET /jobs/job-1", 200, &detail("job-1", "InProgress"));
    let ran = upload(&setup, &file, &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("was uploaded before"), "{ran:?}");
    assert_eq!(setup.server.world().uploads.len(), 1);
    assert_eq!(setup.remembered(), 0);
}

fn result_of(setup: &Setup, id: &str, text: &str) {
    let view = json!({
        "request": signed("GET", format!("{}/results/{id}", setup.server.address())),
        "name": "../contract.json", "content_type": "application/json", "bytes": text.len()
    });
    // Asked for its name, and then for its bytes.
    for _ in 0..2 {
        setup
            .server
            .script(&format!("GET /jobs/{id}/result"), 200, &view);
    }
    setup
        .server
        .script(&format!("GET /results/{id}"), 200, &json!(text));
}

#[test]
fn a_result_is_waited_for_and_saved_beside_its_document() {
    let setup = Setup::signed_in();
    let file = setup.file("contract.pdf", &document(1000));
    for status in ["InProgress", "Ready"] {
        setup
            .server
            .script("GET /jobs/job-1", 200, &detail("job-1", status));
    }
    result_of(&setup, "job-1", "{\"risk\": \"none\"}");
    let ran = upload(&setup, &file, &["--wait"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.err.contains("it is InProgress"), "{ran:?}");
    assert!(ran.out.contains("ready, saved as"), "{ran:?}");
    let saved = std::fs::read_to_string(setup.home.join("contract.json")).unwrap();
    assert_eq!(saved, "{\"risk\": \"none\"}");
    assert_eq!(setup.remembered(), 0);
    let left = std::fs::read_dir(&setup.home).unwrap();
    assert!(
        !left
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().ends_with(".part"))
    );
}

#[test]
fn a_file_that_is_there_is_not_overwritten_unless_that_is_said() {
    let setup = Setup::signed_in();
    let there = setup.file("contract.json", b"mine");
    let view = json!({
        "request": signed("GET", format!("{}/results/j1", setup.server.address())),
        "name": "contract.json", "content_type": "application/json", "bytes": 6
    });
    for _ in 0..3 {
        setup.server.script("GET /jobs/j1/result", 200, &view);
    }
    setup
        .server
        .script("GET /results/j1", 200, &json!("theirs"));
    let ran = setup.run(["jobs", "result", "j1"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("--force"), "{ran:?}");
    assert_eq!(std::fs::read(&there).unwrap(), b"mine");
    let ran = setup.run(["jobs", "result", "j1", "--force"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(std::fs::read(&there).unwrap(), b"theirs");
}

#[test]
fn a_result_that_breaks_off_is_fetched_again() {
    let setup = Setup::signed_in();
    let view = json!({
        "request": signed("GET", format!("{}/results/j1", setup.server.address())),
        "name": "contract.json", "content_type": "application/json", "bytes": 6
    });
    for _ in 0..3 {
        setup.server.script("GET /jobs/j1/result", 200, &view);
    }
    setup.server.script("GET /results/j1", 200, &json!("the"));
    setup
        .server
        .script("GET /results/j1", 200, &json!("theirs"));
    let ran = setup.run(["jobs", "result", "j1", "-o", "-"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "theirs"), "{ran:?}");
}

#[test]
fn a_failed_job_is_a_failed_command() {
    let setup = Setup::signed_in();
    let file = setup.file("contract.pdf", &document(1000));
    setup
        .server
        .script("GET /jobs/job-1", 200, &detail("job-1", "Failed"));
    let ran = upload(&setup, &file, &["--wait", "--json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let detail: api::types::JobDetail = ran.json();
    assert_eq!(detail.job.unwrap().status, "Failed");
}

#[test]
fn several_files_go_together_and_the_worst_does_not_stop_the_rest() {
    let setup = Setup::signed_in();
    let names: Vec<String> = (0..7).map(|at| format!("file-{at}.pdf")).collect();
    for name in &names {
        setup.file(name, &document(1000 + name.len()));
    }
    setup
        .server
        .problem("POST /uploads", 413, "too-large", "it is too large");
    let ran = setup.run(
        ["upload", "--json"]
            .into_iter()
            .chain(names.iter().map(String::as_str)),
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let lines: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 6);
    let problem: api::types::Problem = serde_json::from_str(&ran.err).unwrap();
    assert!(problem.detail.contains(".pdf: it is too large"));
    assert!(
        setup
            .server
            .world()
            .uploads
            .values()
            .all(|upload| upload.object.is_some())
    );
}

#[test]
fn a_command_interrupted_while_it_waits_goes_on_waiting() {
    let setup = Setup::signed_in();
    let file = setup.file("contract.pdf", &document(1000));
    setup
        .server
        .script("GET /jobs/job-1", 200, &detail("job-1", "InProgress"));
    let arguments = ["upload", file.to_str().unwrap(), "--wait"];
    let child = setup.command(arguments).spawn().unwrap();
    setup
        .server
        .wait_until(|world| world.count("GET /jobs/job-1") == 1);
    interrupt(&child);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(130), "{ran:?}");
    assert!(ran.err.contains("to wait for 1 result"), "{ran:?}");
    for status in ["InProgress", "Ready"] {
        setup
            .server
            .script("GET /jobs/job-1", 200, &detail("job-1", status));
    }
    result_of(&setup, "job-1", "{}");
    let ran = setup.run(arguments);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(setup.server.world().count("PUT /s3/job-1"), 1);
    assert_eq!(setup.server.world().uploads.len(), 1);
}
