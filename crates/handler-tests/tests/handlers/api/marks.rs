//! Marks: who reviewed a contract, who is to, notes, who has opened it, and counted findings.

use api::types::{AuditPage, CallerView, JobCommandResult, JobDetail, JobPage};
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::ports::Connection;
use serde_json::{Value, json};

use super::super::fixtures::NOW;
use super::{Client, TestApi};

const KEY: &str = "inbound/acme/nda.pdf";

fn mark(client: &Client<'_>, job: &Job, change: Value) -> JobCommandResult {
    client.post(&format!("/jobs/{}/marks", job.id), change)
}

fn refusal(client: &Client<'_>, job: &Job, change: Value) -> (String, String) {
    client.problem("POST", &format!("/jobs/{}/marks", job.id), Some(change))
}

fn listed(client: &Client<'_>, filter: &str) -> Vec<String> {
    let page: JobPage = client.get(&format!("/jobs?status=ready&{filter}"));
    page.jobs.into_iter().map(|job| job.name).collect()
}

#[test]
fn marks_of_a_reviewer_are_in_every_view_and_pushed_and_leave_the_jobs_version() {
    let api = TestApi::new();
    let job = api.ready_job(KEY, 1000, "outbound/legal-review/1.out");
    api.ports().state().connections.push(Connection {
        uploader: None,
        hides_contents: false,
        subscription: "acme".to_owned(),
        connection_id: "page".to_owned(),
        registered_at: NOW,
        token_expires_at: Timestamp(u64::MAX),
    });
    let rita = api.reviewer();
    let change =
        json!({"reviewed": true, "assigned_to": "rita@acme.example", "note": " ask about § 7 "});
    let answer = mark(&rita, &job, change.clone());
    assert_eq!(answer.job.version, job.version);
    let detail: JobDetail = rita.get(&format!("/jobs/{}", job.id));
    for view in [answer.job, detail.job.unwrap()] {
        let marks = view.marks.unwrap();
        let reviewed = marks.reviewed.unwrap();
        assert_eq!(reviewed.by, "rita@acme.example");
        assert_eq!((reviewed.at, reviewed.attempt), (NOW.0, 1));
        assert_eq!(marks.note.as_deref(), Some("ask about § 7"));
        assert_eq!(marks.assigned_to.as_deref(), Some("rita@acme.example"));
        assert_eq!(marks.revision, 1);
    }
    let frames = api.ports().state().frames.clone();
    assert_eq!(frames.len(), 1);
    let frame = &frames[0].1;
    assert!(frame.contains("ask about"), "{frame}");
    // The same again changes nothing, also not who reviewed it first.
    let again = mark(&rita, &job, change);
    assert_eq!(again.job.marks.unwrap().revision, 1);
    let removed = mark(
        &rita,
        &job,
        json!({"reviewed": false, "assigned_to": "", "note": ""}),
    );
    let marks = removed.job.marks.unwrap();
    assert_eq!(
        (marks.reviewed, marks.assigned_to, marks.note),
        (None, None, None)
    );
    assert_eq!(marks.revision, 2);
}

#[test]
fn result_is_new_to_a_reader_until_that_reader_opens_it_and_again_after_another_run() {
    let api = TestApi::new();
    let job = api.ready_job(KEY, 1000, "outbound/legal-review/1.out");
    let rita = api.reviewer();
    let me: CallerView = rita.get("/me");
    let carla: CallerView = api.customer().get("/me");
    assert_ne!(me.reader_id, carla.reader_id);
    let first = mark(&rita, &job, json!({"opened": true}));
    let both = mark(&api.customer(), &job, json!({"opened": true}));
    let same = mark(&rita, &job, json!({"opened": true}));
    let readers = |answer: JobCommandResult| answer.job.marks.unwrap().opened.unwrap();
    assert_eq!(readers(first).by, std::slice::from_ref(&me.reader_id));
    assert_eq!(readers(both).by, [me.reader_id.clone(), carla.reader_id]);
    assert_eq!(same.job.marks.unwrap().revision, 2);
    let mut state = api.ports().state();
    let row = state.jobs.get_mut(&job.id).unwrap();
    row.state = jobs::state::State::Ready {
        attempt: jobs::id::Attempt(2),
    };
    drop(state);
    let newer = readers(mark(&rita, &job, json!({"opened": true})));
    assert_eq!((newer.attempt, newer.by), (2, vec![me.reader_id]));
}

#[test]
fn result_remembers_fifty_readers() {
    let api = TestApi::new();
    let job = api.ready_job(KEY, 1000, "outbound/legal-review/1.out");
    for number in 0..51 {
        let reader = api.client(&format!("r{number}@acme.example"), "[reviewer tenant:acme]");
        mark(&reader, &job, json!({"opened": true}));
    }
    let detail: JobDetail = api.reviewer().get(&format!("/jobs/{}", job.id));
    let opened = detail.job.unwrap().marks.unwrap().opened.unwrap();
    assert_eq!(opened.by.len(), 50);
    let newest: CallerView = api
        .client("r50@acme.example", "[reviewer tenant:acme]")
        .get("/me");
    assert_eq!(opened.by.last(), Some(&newest.reader_id));
}

#[test]
fn customers_may_open_and_count_but_not_judge_and_other_tenants_see_nothing() {
    let api = TestApi::new();
    let job = api.ready_job(KEY, 1000, "outbound/legal-review/1.out");
    let carla = api.customer();
    let findings = json!({"attempt": 1, "serious": 3, "other": 8});
    let counted = mark(&carla, &job, json!({"opened": true, "findings": findings}));
    assert_eq!(counted.job.marks.unwrap().findings.unwrap().serious, 3);
    for change in [
        json!({"reviewed": true}),
        json!({"assigned_to": "x"}),
        json!({"note": "x"}),
    ] {
        assert_eq!(refusal(&carla, &job, change.clone()).0, "forbidden");
        assert_eq!(refusal(&api.other_tenant(), &job, change).0, "not-found");
    }
}

#[test]
fn support_marks_with_a_reason_which_is_audited() {
    let api = TestApi::new();
    let job = api.ready_job(KEY, 1000, "outbound/legal-review/1.out");
    let sam = api.support();
    assert_eq!(
        refusal(&sam, &job, json!({"reviewed": true})).0,
        "bad-request"
    );
    mark(
        &sam,
        &job,
        json!({"reviewed": true, "reason": "Rita called"}),
    );
    let audit: AuditPage = sam.get("/audit");
    let entry = &audit.entries[0];
    assert_eq!(
        (entry.action.as_str(), entry.reason.as_str()),
        ("mark", "Rita called")
    );
    assert_eq!(entry.detail.as_deref(), Some("marked"));
}

#[test]
fn failed_job_names_the_upload_of_its_corrected_version() {
    let api = TestApi::new();
    let failed = api.failed_job(KEY, 1000, jobs::state::Cause::ModelRejected);
    let ready = api.ready_job("inbound/acme/b.pdf", 1000, "outbound/legal-review/1.out");
    let carla = api.customer();
    let change = json!({"corrected_by": ready.id.to_string().to_uppercase()});
    let marks = mark(&carla, &failed, change.clone()).job.marks.unwrap();
    assert_eq!(marks.corrected_by, Some(ready.id.to_string()));
    assert_eq!(refusal(&carla, &ready, change).0, "refused");
    assert_eq!(
        refusal(&carla, &failed, json!({"corrected_by": "x"})).0,
        "bad-request"
    );
}

#[test]
fn marks_that_cannot_be_are_refused() {
    let api = TestApi::new();
    let ready = api.ready_job(KEY, 1000, "outbound/legal-review/1.out");
    let open = api.job("inbound/acme/open.pdf", 1000, |_| {});
    let rita = api.reviewer();
    assert_eq!(
        refusal(&rita, &open, json!({"reviewed": true})).0,
        "refused"
    );
    let stale = json!({"findings": {"attempt": 2, "serious": 0, "other": 0}});
    assert_eq!(refusal(&rita, &ready, stale).0, "refused");
    for note in ["two\nlines", "\u{200b}", &"x".repeat(201)] {
        assert_eq!(
            refusal(&rita, &ready, json!({"note": note})).0,
            "bad-request"
        );
    }
    // An open contract can be assigned, and noted.
    let marked = mark(
        &rita,
        &open,
        json!({"assigned_to": "Rita", "note": "urgent"}),
    );
    assert_eq!(marked.job.marks.unwrap().note.as_deref(), Some("urgent"));
}

#[test]
fn lists_filter_by_findings_review_assignment_and_uploader() {
    let api = TestApi::new();
    let rita = api.reviewer();
    let ready = |name: &str, age: u64| {
        let key = format!("inbound/acme/{name}");
        api.ready_job(&key, age, &format!("outbound/legal-review/{name}.out"))
    };
    let serious = ready("serious.pdf", 1000);
    let clean = ready("clean.pdf", 2000);
    ready("uncounted.pdf", 3000);
    let unclear = ready("unclear.pdf", 4000);
    let counts = |serious: u16, other: u16| json!({"findings": {"attempt": 1, "serious": serious, "other": other}});
    mark(&rita, &serious, counts(3, 8));
    mark(&rita, &clean, counts(0, 0));
    mark(
        &rita,
        &clean,
        json!({"reviewed": true, "assigned_to": "rita@acme.example"}),
    );
    api.ports()
        .state()
        .jobs
        .get_mut(&serious.id)
        .unwrap()
        .input
        .uploaded_by = Some("rita@acme.example".to_owned());
    let path = format!("/jobs/{}/marks", unclear.id);
    let too_many =
        json!({"findings": {"attempt": 1, "serious": 0, "other": 2}, "unclear_findings": 3});
    for bad in [too_many, json!({"unclear_findings": 1})] {
        assert_eq!(rita.problem("POST", &path, Some(bad)).0, "bad-request");
    }
    let mut counted = counts(0, 2);
    counted["unclear_findings"] = json!(1);
    mark(&rita, &unclear, counted);
    // A level that the page does not understand may be a serious one.
    let found = ["serious.pdf", "unclear.pdf"];
    assert_eq!(listed(&rita, "found=serious"), found);
    assert_eq!(listed(&rita, "found=any"), found);
    let without_unclear = counts(0, 0);
    mark(&rita, &unclear, without_unclear);
    assert_eq!(listed(&rita, "found=serious"), ["serious.pdf"]);
    let unclear_key = unclear.id;
    api.ports().state().jobs.remove(&unclear_key);
    assert_eq!(listed(&rita, "found=none"), ["clean.pdf"]);
    assert_eq!(listed(&rita, "reviewed=true"), ["clean.pdf"]);
    assert_eq!(
        listed(&rita, "reviewed=false"),
        ["serious.pdf", "uncounted.pdf"]
    );
    assert_eq!(
        listed(&rita, "assigned_to=rita@acme.example"),
        ["clean.pdf"]
    );
    assert_eq!(
        listed(&rita, "assigned_to="),
        ["serious.pdf", "uncounted.pdf"]
    );
    assert_eq!(
        listed(&rita, "uploaded_by=rita@acme.example"),
        ["serious.pdf"]
    );
    let (code, detail) = rita.problem("GET", "/jobs?found=x", None);
    assert_eq!(code, "bad-request");
    assert!(detail.contains("serious, any, none"), "{detail}");
}
