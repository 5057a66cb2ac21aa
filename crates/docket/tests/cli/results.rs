//! Results and documents of jobs: saved, shown and checked.

use serde_json::{Value, json};

use crate::fake_service::signed;
use crate::setup::Setup;

/// Serves a file of job `j1`: the answer of the route for as often as it is asked, and the file once.
fn serve(setup: &Setup, what: &str, content: &str, view: &Value) {
    let mut answer = json!({
        "request": signed("GET", format!("{}/files/j1", setup.service.address())),
        "name": "Lease.json", "content_type": "application/json", "bytes": content.len(),
    });
    for (key, value) in view.as_object().unwrap() {
        answer[key] = value.clone();
    }
    for _ in 0..2 {
        let route = format!("GET /jobs/j1/{what}");
        setup.service.respond_once(&route, 200, &answer);
    }
    setup
        .service
        .respond_once("GET /files/j1", 200, &json!(content));
}

#[test]
fn result_that_says_it_is_json_and_is_not_is_saved_with_a_warning() {
    for (text, is_json) in [
        ("{\"a\": NaN}", false),
        ("{\"a\": 1", false),
        ("<html>502</html>", false),
        ("{\"a\": [1, \"b\"]}", true),
    ] {
        let setup = Setup::signed_in();
        serve(&setup, "result", text, &json!({}));
        let output = setup.run(["jobs", "result", "j1"]);
        assert_eq!(output.code, Some(0), "{output:?}");
        let saved = std::fs::read_to_string(setup.home.join("Lease.json")).unwrap();
        assert_eq!(saved, text, "as it came");
        let warned = output.stderr.contains("is JSON, but it is not");
        assert_eq!(warned, !is_json, "{output:?}");
    }
}

#[test]
fn shown_result_has_its_findings_and_everything_else() {
    let setup = Setup::signed_in();
    let rows: Vec<Value> = (0..100).map(|row| json!({"row": row})).collect();
    let text = json!({
        "out": {"hits": [{"says": "liability is uncapped", "at": 1, "confidence": 0.64, "remedy": "cap it"}, "signed twice"]},
        "facts": {"law": "Norway"},
        "clauses": [{"type": "term", "text": "two years"}],
        "model": {"name": "Legal-2", "disclaimer": "by rules"},
        "rows": rows,
    });
    let paths = json!({"findings": "/out/hits", "finding_text": "/says", "finding_page_index": "/at", "new_path": "/x"});
    serve(
        &setup,
        "result",
        &text.to_string(),
        &json!({"paths": paths}),
    );
    let output = setup.run(["jobs", "result", "j1", "--show"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    for text in [
        "findings",
        "2  liability is uncapped: confidence 64 %: {\"remedy\":\"cap it\"}",
        "signed twice",
        "\"law\": \"Norway\"",
        "\"text\": \"two years\"",
        "\"disclaimer\": \"by rules\"",
        "Also in this result",
        "\"row\": 0",
        "more lines",
    ] {
        assert!(output.stdout.contains(text), "{text}: {}", output.stdout);
    }
    assert!(!setup.home.join("Lease.json").exists());
}

#[test]
fn result_that_is_not_understood_is_shown_whole_and_a_large_one_is_not() {
    let setup = Setup::signed_in();
    serve(
        &setup,
        "result",
        "{\"verdict\": {\"text\": \"sign\"}}",
        &json!({}),
    );
    let output = setup.run(["jobs", "result", "j1", "--show"]);
    assert!(output.stdout.contains("\"text\": \"sign\""), "{output:?}");
    assert!(!output.stdout.contains("finding"), "{output:?}");

    for view in [
        json!({"bytes": 50_000_000}),
        json!({"content_type": "application/pdf"}),
    ] {
        let setup = Setup::signed_in();
        serve(&setup, "result", "{}", &view);
        let output = setup.run(["jobs", "result", "j1", "--show"]);
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains("save it"), "{output:?}");
    }
}

#[test]
fn shown_result_says_that_a_name_is_there_twice() {
    for (text, is_twice) in [
        (
            r#"{"flags": [{"severity": "high", "reason": "uncapped"}], "flags": []}"#,
            true,
        ),
        (
            r#"{"flags": [{"text": "a"}, {"text": "b"}], "text": null}"#,
            false,
        ),
    ] {
        let setup = Setup::signed_in();
        serve(&setup, "result", text, &json!({}));
        let output = setup.run(["jobs", "result", "j1", "--show"]);
        let said = output.stdout.contains("the name `flags` twice");
        assert_eq!((output.code, said), (Some(0), is_twice), "{output:?}");
    }
}

#[test]
fn document_is_saved_under_its_name() {
    let setup = Setup::signed_in();
    let view = json!({"name": "../Lease.pdf", "content_type": "application/pdf"});
    serve(&setup, "document", "%PDF-1.7", &view);
    let output = setup.run(["jobs", "document", "j1"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let saved = std::fs::read_to_string(setup.home.join("Lease.pdf")).unwrap();
    assert_eq!(saved, "%PDF-1.7");
    let detail = "the document was deleted: its retention time is over, or a user deleted it";
    setup
        .service
        .fail_once("GET /jobs/j2/document", 410, "gone", detail);
    let output = setup.run(["jobs", "document", "j2"]);
    assert_ne!(output.code, Some(0));
    assert!(output.stderr.contains(detail), "{output:?}");
}

#[test]
fn check_says_what_readers_understand_and_what_they_miss() {
    let setup = Setup::new();
    let check = |name: &str, text: &str, more: &[&str]| {
        let path = setup.file(name, text.as_bytes());
        let mut arguments = vec!["result", "check", path.to_str().unwrap()];
        arguments.extend(more);
        setup.run(arguments)
    };
    let fine = check(
        "fine.json",
        r#"{"flags": [{"severity": "high", "reason": "uncapped", "page": 1}]}"#,
        &[],
    );
    assert_eq!((fine.code, fine.stderr.as_str()), (Some(0), ""), "{fine:?}");
    assert!(fine.stdout.contains("uncapped"), "{fine:?}");
    for (text, remark) in [
        ("{\"verdict\": 1}", "fail  nothing is understood"),
        ("{\"summary\": \"s\"}", "fail  no list of findings"),
        (
            "{\"flags\": [{\"headline\": \"x\"}]}",
            "fail  finding 1: it has neither",
        ),
        (
            "{\"flags\": [], \"schema\": \"docket-result/2\"}",
            "fail  the schema is docket-result/2",
        ),
        (
            "\u{feff}{\"flags\": [{\"level\": \"high\", \"text\": \"t\"}], \"flags\": []}",
            "fail  an object has the name `flags` twice",
        ),
        (
            "{\"flags\": [{\"level\": \"low\", \"text\": \"t\", \"level\": \"high\"}]}",
            "fail  an object has the name `level` twice",
        ),
    ] {
        let output = check("bad.json", text, &[]);
        assert_eq!(output.code, Some(1), "{output:?}");
        assert!(output.stdout.contains(remark), "{output:?}");
    }
    for (text, remark) in [
        (
            "{\"flags\": [\"uncapped\"]}",
            "warn  finding 1: it has no level",
        ),
        (
            "{\"flags\": [{\"level\": \"terrible\", \"text\": \"t\"}]}",
            "warn  finding 1: the level \"terrible\"",
        ),
        (
            "{\"flags\": [{\"level\": \"low\", \"text\": \"t\", \"page\": \"iv\"}]}",
            "`page` is not a number of a page",
        ),
        (
            "{\"flags\": [{\"level\": \"low\", \"text\": \"t\", \"box\": [10, 10, 20, 20]}]}",
            "`box` is not a place",
        ),
        (
            "{\"flags\": [], \"document\": {\"pages\": 2.5}}",
            "do not say how many pages",
        ),
    ] {
        let output = check("better.json", text, &[]);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(output.stdout.contains(remark), "{output:?}");
    }
    let pages = check(
        "pages.json",
        r#"{"flags": [], "document": {"pages": 3}}"#,
        &["--json"],
    );
    assert_eq!(pages.json::<Value>()["pages"], 3, "{pages:?}");
    assert_eq!(pages.json::<Value>()["remarks"], json!([]), "{pages:?}");
    let broken = check("broken.json", "{\"flags\": [NaN]}", &[]);
    assert_eq!(broken.code, Some(1), "{broken:?}");
    assert!(broken.stderr.contains("is not JSON"), "{broken:?}");
    let pdf = check("pdf.json", "{}", &["--pipeline", "ocr-batch"]);
    assert_eq!(pdf.code, Some(2), "{pdf:?}");

    let own = include_str!("../../../../infra/pipelines.toml").replacen(
        "[legal-review]\n",
        "[legal-review]\nresult_paths = [\"findings=/out/hits\"]\n",
        1,
    );
    let own = setup.file("own.toml", own.as_bytes());
    let more = ["--pipelines", own.to_str().unwrap(), "--json"];
    let output = check("own.json", r#"{"out": {"hits": ["f"], "n": 1}}"#, &more);
    assert_eq!(output.code, Some(0), "{output:?}");
    let found: Value = output.json();
    assert_eq!(
        (&found["findings"], &found["not_understood"]),
        (&json!(1), &json!({"out": {"n": 1}}))
    );
    let output = check("own.json", r#"{"flags": ["f"]}"#, &more);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output.stdout.contains("the result has nothing there"),
        "{output:?}"
    );
}

const ID: &str = "9e70cad0-2ef0-5cc5-a05e-6f9c5a981541";

fn job(id: &str) -> Value {
    json!({"id": id, "version": 3, "status": "Ready", "pipeline": "legal-review", "tenant": "acme", "name": "Lease.pdf",
        "bytes": 1, "attempt": 1, "created_at": 1, "updated_at": 1})
}

fn serve_of(setup: &Setup, id: &str, content: &str) {
    serve_named(setup, id, "Lease.json", content);
}

fn serve_named(setup: &Setup, id: &str, name: &str, content: &str) {
    let answer = json!({
        "request": signed("GET", format!("{}/files/{id}", setup.service.address())),
        "name": name, "content_type": "application/json", "bytes": content.len(),
    });
    for _ in 0..2 {
        setup
            .service
            .respond_once(&format!("GET /jobs/{id}/result"), 200, &answer);
    }
    setup
        .service
        .respond_once(&format!("GET /files/{id}"), 200, &json!(content));
}

#[test]
fn empty_id_is_refused_with_the_reason() {
    let setup = Setup::signed_in();
    for command in [
        "show", "explain", "result", "document", "retry", "cancel", "mark",
    ] {
        let output = setup.run(["jobs", command, "", "--reason", "x"]);
        assert_eq!(output.code, Some(2), "{command}: {output:?}");
        let output = setup.run(["jobs", command, ""]);
        assert!(
            output.stderr.contains("must not be empty"),
            "{command}: {output:?}"
        );
    }
    assert_eq!(setup.service.state().count("GET /jobs"), 0);
}

#[test]
fn start_of_an_id_is_enough_if_only_one_job_has_it() {
    const SEARCH: &str = "GET /jobs?search=9e70cad0";
    let setup = Setup::signed_in();
    let other = "9e70cad0-ffff-5cc5-a05e-6f9c5a981541";
    let found = |ids: &[&str]| json!({"jobs": ids.iter().map(|id| job(id)).collect::<Vec<_>>()});
    setup.service.respond_once(SEARCH, 200, &found(&[ID]));
    serve_of(&setup, ID, "{}");
    let output = setup.run(["jobs", "result", "9E70CAD0"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(setup.home.join("Lease.json").exists());
    setup
        .service
        .respond_once(SEARCH, 200, &found(&[ID, other]));
    let output = setup.run(["jobs", "result", "9e70cad0"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(
        output.stderr.contains(ID) && output.stderr.contains(other),
        "{output:?}"
    );
    setup
        .service
        .respond_once("GET /jobs?search=9e70cad1", 200, &found(&[]));
    assert_eq!(setup.run(["jobs", "show", "9e70cad1"]).code, Some(4));
}

/// The service cannot search for so few characters, and a start is only unambiguous among all jobs.
#[test]
fn shorter_start_of_an_id_is_enough_if_all_jobs_can_be_listed() {
    const LIST: &str = "GET /jobs?limit=100";
    let other = "11111111-2ef0-5cc5-a05e-6f9c5a981541";
    let alike = "9e711111-2ef0-5cc5-a05e-6f9c5a981541";
    let page = |ids: &[&str], cursor: Option<&str>| {
        let jobs: Vec<Value> = ids.iter().map(|id| job(id)).collect();
        json!({"jobs": jobs, "cursor": cursor})
    };
    let setup = Setup::signed_in();
    setup
        .service
        .respond_once(LIST, 200, &page(&[other], Some("c1")));
    let next = "GET /jobs?cursor=c1&limit=100";
    setup.service.respond_once(next, 200, &page(&[ID], None));
    serve_of(&setup, ID, "{}");
    let output = setup.run(["jobs", "result", "9e7"]);
    assert_eq!(output.code, Some(0), "{output:?}");

    setup
        .service
        .respond_once(LIST, 200, &page(&[ID, alike], None));
    let output = setup.run(["jobs", "result", "9e7"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains(alike), "{output:?}");

    // Too many jobs, and a caller who has to name a tenant.
    setup
        .service
        .respond_once(LIST, 200, &page(&[ID], Some("c1")));
    for _ in 0..9 {
        setup
            .service
            .respond_once(next, 200, &page(&[other], Some("c1")));
    }
    let output = setup.run(["jobs", "result", "9e7"]);
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("first 8"), "{output:?}");
    setup
        .service
        .fail_once(LIST, 400, "bad-request", "name a tenant");
    let output = setup.run(["jobs", "result", "9e7"]);
    assert!(output.stderr.contains("first 8"), "{output:?}");
}

#[test]
fn results_of_all_ready_jobs_are_saved_in_a_directory_each_under_a_name_of_its_own() {
    let setup = Setup::signed_in();
    std::fs::create_dir(setup.home.join("out")).unwrap();
    let other = "11111111-2ef0-5cc5-a05e-6f9c5a981541";
    let page = json!({"jobs": [job(ID), job(other)]});
    setup
        .service
        .respond_once("GET /jobs?batch=room&limit=100&status=ready", 200, &page);
    serve_of(&setup, ID, "1");
    serve_of(&setup, other, "2");
    let output = setup.run(["jobs", "result", "--batch", "room", "--output", "out"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let read = |name: &str| std::fs::read_to_string(setup.home.join("out").join(name)).unwrap();
    assert_eq!(read("Lease.json"), "1");
    assert_eq!(read(&format!("{other} Lease.json")), "2");
}

#[test]
fn result_of_a_batch_that_does_not_exist_is_told_from_one_that_is_not_ready() {
    let setup = Setup::signed_in();
    let arguments = ["jobs", "result", "--batch", "room"];
    let none = || {
        let list = "GET /jobs?batch=room&limit=100&status=ready";
        setup.service.respond_once(list, 200, &json!({"jobs": []}));
    };
    none();
    let problem = "there is no batch \"room\"";
    let service = &setup.service;
    service.fail_once("GET /batches/room", 404, "not-found", problem);
    let output = setup.run(arguments);
    assert_eq!(output.code, Some(4), "{output:?}");
    assert!(output.stderr.contains("there is no batch"), "{output:?}");
    none();
    let batch = json!({"name": "room", "at": 1, "jobs": 2, "more": false, "open": 2, "ready": 0, "failed": 0,
        "cancelled": 0, "failed_by_cause": []});
    service.respond_once("GET /batches/room", 200, &batch);
    let output = setup.run(arguments);
    assert_eq!(output.code, Some(4), "{output:?}");
    let words = "no job of this batch is ready: 0 of 2 ready, 2 open";
    assert!(output.stderr.contains(words), "{output:?}");
}

/// The names of two documents that are as long as names can be differ from each other in nothing.
#[test]
fn results_with_one_long_name_are_both_saved_and_programs_learn_where() {
    for (name, force) in [
        ("a".repeat(250), &[][..]),
        ("ä".repeat(130), &["--force"][..]),
    ] {
        let setup = Setup::signed_in();
        std::fs::create_dir(setup.home.join("out")).unwrap();
        let other = "11111111-2ef0-5cc5-a05e-6f9c5a981541";
        let page = json!({"jobs": [job(ID), job(other)]});
        let list = "GET /jobs?batch=room&limit=100&status=ready";
        setup.service.respond_once(list, 200, &page);
        for (id, content) in [(ID, "1"), (other, "2")] {
            serve_named(&setup, id, &format!("{name}.json"), content);
        }
        let arguments = [
            "jobs", "result", "--batch", "room", "--output", "out", "--json",
        ];
        let output = setup.run(arguments.iter().chain(force));
        assert_eq!(output.code, Some(0), "{output:?}");
        let lines = output.stdout.lines();
        let saved: Vec<(String, String)> = lines
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                let path = setup.home.join(line["path"].as_str().unwrap());
                let content = std::fs::read_to_string(path).unwrap();
                (line["job_id"].as_str().unwrap().to_owned(), content)
            })
            .collect();
        let expected = [(ID, "1"), (other, "2")];
        assert_eq!(
            saved,
            expected.map(|(id, text)| (id.to_owned(), text.to_owned()))
        );
    }
}
