//! The queue as the API shows it: lanes, urgent jobs, places and times, and the limits of tenants.

use std::time::Duration;

use api::types::{AuditEntry, JobCommandResult, JobDetail, JobPage, UploadView};
use functions::handlers::upload_trigger;
use jobs::expected_work::BaseWork;
use jobs::id::{Attempt, JobId, Timestamp};
use jobs::job::Job;
use jobs::labels::LabelMetadata;
use jobs::lane::Lane;
use jobs::ports::Record;
use jobs::ready_by::{Expected, KnownInstances, OpenSince, QueueSnapshot};
use jobs::state::{RetryBudget, State};
use jobs::window::{KnownWindow, Window};
use serde_json::{Value, json};
use testkit::memory::Object;

use super::super::fixtures::{BUCKET, NOW, PDF, advance, batch, job, run, upload_event};
use super::{TestApi, audit_log};

const HOUR: u64 = 3_600_000;
const RUN: Duration = Duration::from_secs(45);

fn new_upload() -> Value {
    json!({"pipeline": "legal-review", "name": "nda.pdf", "bytes": PDF.len(), "content_type": "application/pdf"})
}

/// Puts an object as an S3 client does, and returns its job.
fn put(api: &TestApi, key: &str, lane: Option<&str>) -> Job {
    let object = Object {
        content: PDF.to_vec(),
        bytes: PDF.len() as u64,
        labels: LabelMetadata {
            lane: lane.map(str::to_owned),
            ..LabelMetadata::default()
        },
        ..Object::default()
    };
    let version = api.ports().put_object(BUCKET, key, Some(object));
    let app = api.handler.app();
    let events = batch(app, &[upload_event(key, &version)], 1);
    let response = run(upload_trigger::handle(app, events)).unwrap();
    assert!(response.batch_item_failures.is_empty());
    job(app, key)
}

/// The window of the pipeline is full, with an instance in service: uploads are queued.
fn fill_window(api: &TestApi) {
    let known = KnownWindow {
        pipeline: "legal-review".to_owned(),
        until: Timestamp(NOW.0 + 2 * HOUR),
        window: Window::new(1, 1, 1, RUN, Duration::from_secs(120)),
        is_full: true,
        base: BaseWork::default(),
    };
    let record = Record {
        body: known.to_line(),
        revision: 1,
        expires_at: None,
    };
    api.ports().state().records.put("pauses", "now", &record);
}

/// What function `capacity` has seen: an instance, and four attempts at the endpoint.
fn describe_queue(api: &TestApi) {
    let at = api.ports().state().now;
    let expected = |duration: Duration| Expected {
        ms: duration.as_millis() as u64,
        deviation_percent: 10,
        is_measured: true,
    };
    let snapshot = QueueSnapshot {
        at,
        open: 4,
        open_since: OpenSince::new(at, vec![at; 4]),
        instances: KnownInstances {
            in_service: 1,
            concurrent_runs: 1,
            is_counted: true,
            ..KnownInstances::default()
        },
        run: expected(RUN),
        cold_start: expected(Duration::from_secs(640)),
        ended_up_to: None,
        running: vec![(at, at)],
    };
    run(jobs::ready_by::store(
        api.ports(),
        "legal-review",
        &snapshot,
    ))
    .unwrap();
}

fn detail(api: &TestApi, id: JobId) -> JobDetail {
    api.support().get(&format!("/jobs/{id}"))
}

fn turn(api: &TestApi, id: JobId) -> String {
    let waiting = detail(api, id).explanation.waiting.unwrap();
    waiting.turn.unwrap_or_default()
}

fn make_urgent(api: &TestApi, id: JobId) -> JobCommandResult {
    let body = json!({"reason": "the customer signs at noon"});
    api.support().post(&format!("/jobs/{id}/urgent"), body)
}

#[test]
fn lane_is_the_uploaders_or_else_the_pipelines() {
    let api = TestApi::new();
    let mut body = new_upload();
    body["lane"] = json!("bulk");
    let view: UploadView = api.customer().post("/uploads", body);
    assert_eq!(view.lane, Lane::Bulk);
    let key = view.put.unwrap().url;
    let key = key.strip_prefix(&format!("memory:s3://{BUCKET}/")).unwrap();
    let key = key.split('?').next().unwrap();
    // What the object's metadata says does not count beside the upload session.
    assert_eq!(
        put(&api, key, Some("standard")).input.labels.lane,
        Lane::Bulk
    );
    let shown = detail(&api, view.job_id.parse().unwrap()).job.unwrap();
    assert_eq!(shown.lane, Lane::Bulk);
    let list: JobPage = api.customer().get("/jobs");
    assert_eq!(list.jobs[0].lane, Lane::Bulk);

    let by_default = |api: &TestApi, name: &str, lane| {
        put(api, &format!("inbound/acme/{name}.pdf"), lane)
            .input
            .labels
    };
    assert_eq!(by_default(&api, "a", None).lane, Lane::Standard);
    assert_eq!(by_default(&api, "b", Some("bulk")).lane, Lane::Bulk);
    let bulk = TestApi::with_legal_review("lane = \"bulk\"");
    assert_eq!(by_default(&bulk, "a", None).lane, Lane::Bulk);
    assert_eq!(
        by_default(&bulk, "b", Some("standard")).lane,
        Lane::Standard
    );
    let invalid = by_default(&bulk, "c", Some("express"));
    assert_eq!(invalid.lane, Lane::Bulk);
    assert_eq!(invalid.invalid, "lane:unknown-lane");
}

#[test]
fn lane_costs_no_call_and_a_repeated_request_keeps_it() {
    let api = TestApi::new();
    let calls = |lane: Option<&str>| {
        api.ports().state().calls.clear();
        let name = lane.unwrap_or("none");
        put(&api, &format!("inbound/acme/{name}.pdf"), lane);
        api.ports().state().calls.clone()
    };
    assert_eq!(calls(None), calls(Some("bulk")));
    let send = |lane: Value| {
        let mut body = new_upload();
        body["lane"] = lane;
        let headers = json!({"authorization": "Bearer eyJ", "idempotency-key": "k"});
        let text = body.to_string();
        let customer = api.customer();
        let response = customer.send_with_headers("POST", "/uploads", Some(&text), &headers);
        response.status_code
    };
    assert_eq!(send(json!("bulk")), 201);
    assert_eq!(send(json!("bulk")), 201);
    assert_eq!(send(json!("standard")), 422);
}

#[test]
fn urgent_job_is_before_the_others_and_in_the_audit_log() {
    let api = TestApi::new();
    fill_window(&api);
    let app = api.handler.app();
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(put(&api, &format!("inbound/acme/{number}.pdf"), None).id);
        advance(app, 1);
    }
    assert_eq!(turn(&api, ids[3]), "4th of 5 in its organization's turn");
    api.ports().state().release_requests.clear();
    let result = make_urgent(&api, ids[3]);
    assert!(result.job.urgent);
    assert_eq!(api.ports().state().release_requests.len(), 1);
    assert_eq!(turn(&api, ids[3]), "1st of 1 in urgent documents");
    assert_eq!(turn(&api, ids[4]), "4th of 4 in its organization's turn");
    let AuditEntry {
        action,
        target,
        actor,
        reason,
        ..
    } = audit_log(&api).swap_remove(0);
    let expected = ("urgent", "sam@docket.example", "the customer signs at noon");
    assert_eq!((&*action, &*actor, &*reason), expected);
    assert_eq!(target, ids[3].to_string());
    let timeline = detail(&api, ids[3]).explanation.timeline;
    let reasons: Vec<_> = timeline.iter().filter_map(|it| it.reason.clone()).collect();
    assert_eq!(reasons, ["the customer signs at noon"]);
}

#[test]
fn urgent_is_for_support_for_queued_jobs_and_for_few() {
    let api = TestApi::new();
    let running = put(&api, "inbound/acme/running.pdf", None);
    fill_window(&api);
    let queued = put(&api, "inbound/acme/queued.pdf", None);
    let body = || Some(json!({"reason": "the customer signs at noon"}));
    let path = |job: &Job| format!("/jobs/{}/urgent", job.id);
    for client in [api.customer(), api.reviewer()] {
        let code = client.problem_code("POST", &path(&queued), body());
        assert_eq!(code, "forbidden");
    }
    let support = api.support();
    let refused = |job: &Job| support.problem("POST", &path(job), body());
    let (code, why) = refused(&running);
    assert_eq!(code, "refused");
    assert!(why.contains("only a job that waits in the queue"), "{why}");
    make_urgent(&api, queued.id);
    assert!(refused(&queued).1.contains("urgent already"));
    for number in 1..20 {
        let job = put(&api, &format!("inbound/acme/{number}.pdf"), None);
        make_urgent(&api, job.id);
    }
    let last = put(&api, "inbound/acme/last.pdf", None);
    assert!(refused(&last).1.contains("20 jobs of this pipeline"));
    let without_reason = Some(json!({"reason": " "}));
    let code = support.problem_code("POST", &path(&last), without_reason);
    assert_eq!(code, "bad-request");
}

/// One instance works on one document at a time, 45 s each, and four are there.
#[test]
fn queued_job_has_a_place_a_time_and_an_estimate() {
    let api = TestApi::new();
    fill_window(&api);
    let app = api.handler.app();
    let mut ids = Vec::new();
    for number in 0..10 {
        ids.push(put(&api, &format!("inbound/acme/{number}.pdf"), None).id);
        advance(app, 1);
    }
    assert_eq!(turn(&api, ids[0]), "1st of 10 in its organization's turn");
    describe_queue(&api);
    let first = "1st of 10 in its organization's turn, next release in about 50 s";
    assert_eq!(turn(&api, ids[0]), first);
    let shown = |id| detail(&api, id).job.unwrap().ready_by.unwrap();
    let now = api.ports().state().now.0;
    let minutes = |id| {
        let ready = shown(id);
        let about = ready.about.unwrap();
        assert!(ready.earliest.unwrap() <= about && about <= ready.latest.unwrap());
        (about - now) / 60_000
    };
    // Four documents of 45 s before it, and its own; ten more before the last.
    assert_eq!((minutes(ids[0]), minutes(ids[9])), (3, 10));
    let list: JobPage = api.customer().get("/jobs");
    assert!(list.jobs.iter().all(|job| {
        let ready = job.ready_by.as_ref();
        ready.is_some_and(|ready| ready.about.is_some())
    }));
    // Another tenant's document takes its turn before the ninth of this one.
    let other = put(&api, "inbound/globex/a.pdf", None).id;
    assert!(minutes(other) <= 5, "{}", minutes(other));
    // A document of lane bulk gives way, and starves not.
    let bulk = put(&api, "inbound/initech/a.pdf", Some("bulk")).id;
    assert!(minutes(bulk) <= 6, "{}", minutes(bulk));
    let place = "1st of 1 in its organization's turn, lane bulk, next release in about";
    assert!(turn(&api, bulk).starts_with(place), "{}", turn(&api, bulk));
}

/// A tenant uploads a thousand documents and more.
#[test]
fn queued_job_far_behind_has_a_place_a_time_and_an_estimate() {
    let api = TestApi::new();
    fill_window(&api);
    describe_queue(&api);
    let mut ids = Vec::new();
    for number in 0..1200 {
        ids.push(put(&api, &format!("inbound/acme/{number}.pdf"), None).id);
        advance(api.handler.app(), 1);
    }
    let place = "1201st of 1201 in its organization's turn, next release in about 50 s";
    let last = put(&api, "inbound/acme/last.pdf", None).id;
    assert_eq!(turn(&api, last), place);
    let place = "700th of 1201 in its organization's turn, next release in about 50 s";
    assert_eq!(turn(&api, ids[699]), place);
    let ready = detail(&api, last).job.unwrap().ready_by.unwrap();
    let now = api.ports().state().now.0;
    // 1,205 documents of 45 s.
    let hours = (ready.about.unwrap() - now) / 3_600_000;
    assert_eq!(hours, 15);
}

fn limited(limits: &str) -> TestApi {
    let shipped = include_str!("../../../../../infra/pipelines.toml");
    let api = TestApi::with_pipelines(&format!("{shipped}\n[tenant_limits]\n{limits}"));
    for tenant in ["acme", "globex"] {
        let tenant = tenant.parse().unwrap();
        run(jobs::tenants::create(
            api.ports(),
            &tenant,
            "sam@docket.example",
        ))
        .unwrap();
    }
    api
}

/// The status of another upload, and the seconds of `Retry-After`.
fn upload_status(api: &TestApi) -> (u16, Option<u64>) {
    let response = api.customer().send("POST", "/uploads", Some(&new_upload()));
    let seconds = response.headers.get("retry-after");
    let seconds = seconds.map(|text| text.parse().unwrap());
    if response.status_code == 429 {
        assert!(
            response.body.contains("urn:docket:problem:limit-reached"),
            "{}",
            response.body
        );
    }
    (response.status_code, seconds)
}

#[test]
fn tenant_with_too_many_open_jobs_gets_429_and_objects_in_s3_are_processed() {
    let api = limited("open_jobs = 3");
    for number in 0..3 {
        assert_eq!(upload_status(&api), (201, None), "{number}");
        put(&api, &format!("inbound/acme/{number}.pdf"), None);
    }
    assert_eq!(upload_status(&api), (429, Some(45)));
    // The limit of one tenant is not that of another.
    let mut body = new_upload();
    body["tenant"] = json!("globex");
    let _: UploadView = api.other_tenant().post("/uploads", body);
    // Nothing that comes by S3 is refused.
    let job = put(&api, "inbound/acme/more.pdf", None);
    assert_eq!(job.state.name(), "InProgress");
    fill_window(&api);
    let job = put(&api, "inbound/acme/waiting.pdf", None);
    assert_eq!(job.state.name(), "Queued");
    // It is counted from the rows: there is room as soon as jobs have ended.
    api.ports()
        .state()
        .jobs
        .retain(|_, job| job.input.key.contains("more"));
    assert_eq!(upload_status(&api), (201, None));
}

#[test]
fn repeated_request_is_not_refused_because_of_a_limit() {
    let api = limited("open_jobs = 1");
    let headers = json!({"authorization": "Bearer eyJ", "idempotency-key": "k"});
    let body = new_upload().to_string();
    let send = || {
        let customer = api.customer();
        let response = customer.send_with_headers("POST", "/uploads", Some(&body), &headers);
        response.status_code
    };
    assert_eq!(send(), 201);
    put(&api, "inbound/acme/a.pdf", None);
    assert_eq!(send(), 201, "the session exists");
    assert_eq!(upload_status(&api).0, 429);
}

#[test]
fn tenant_that_has_used_its_gpu_minutes_gets_429_until_they_are_a_day_old() {
    // Runs of 45 s: the fourth upload has them used up.
    let api = limited("gpu_minutes_a_day = 3");
    let app = api.handler.app();
    for number in 0..3 {
        put(&api, &format!("inbound/acme/{number}.pdf"), None);
        assert_eq!(upload_status(&api), (201, None), "{number}");
        advance(app, 61_000);
    }
    put(&api, "inbound/acme/3.pdf", None);
    advance(app, 61_000);
    let (status, wait) = upload_status(&api);
    assert_eq!(status, 429);
    // Until the first one is a day old.
    let wait = wait.unwrap();
    assert_eq!(wait, 86_400 - 4 * 61);
    api.ports().state().calls.clear();
    assert_eq!(upload_status(&api).0, 429);
    let calls = api.ports().state().calls.clone();
    assert_eq!(calls.get("get_jobs"), None, "it is known: {calls:?}");
    advance(app, wait * 1000);
    let support = api.support();
    let mut body = new_upload();
    body["tenant"] = json!("acme");
    let response = support.send("POST", "/uploads", Some(&body));
    // Sign-ins have expired by then; the limit is checked before S3 signs anything.
    assert_ne!(response.status_code, 429, "{}", response.body);
}

/// Runs that never began cost nothing.
#[test]
fn refused_attempts_use_no_gpu_minutes() {
    let api = limited("gpu_minutes_a_day = 1");
    let budget = RetryBudget {
        last_attempt: Attempt(3),
        expires_at: Timestamp(u64::MAX),
        earlier_result: Attempt::NONE,
    };
    for number in 0..9 {
        api.job(&format!("inbound/acme/{number}.pdf"), 1000, |job| {
            job.attempts.clear();
            job.state = State::Queued {
                next: Attempt::FIRST,
                since: NOW,
                start_by: None,
                urgent: false,
                budget,
            };
        });
    }
    assert_eq!(upload_status(&api), (201, None));
}
