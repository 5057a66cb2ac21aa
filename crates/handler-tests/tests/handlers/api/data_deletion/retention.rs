//! A tenant's retention deletes what a person deletes, when it ends, and nothing before.

use api::types::{AuditPage, DataExportPage, TenantList, TenantView};
use functions::handlers::retention;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;

use super::*;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const PATH: &str = "/tenants/acme/retention";

fn set(api: &TestApi, days: Option<u16>) -> TenantView {
    support_at(api).post(PATH, body(days))
}

fn body(days: Option<u16>) -> Value {
    match days {
        Some(days) => json!({"days": days, "reason": "as agreed"}),
        None => json!({"reason": "as agreed"}),
    }
}

/// Support, with a token that is valid at the present time of the test.
fn support_at(api: &TestApi) -> super::super::Client<'_> {
    let mut support = api.support();
    let now = api.ports().state().now.0;
    support.claims["exp"] = json!((now / 1000 + 3600).to_string());
    support
}

fn run_for(api: &TestApi, ms: u64) -> retention::Deleted {
    let mut context = Context::default();
    context.deadline = api.ports().state().now.0 + ms;
    let event = LambdaEvent::new(retention::RetentionEvent::default(), context);
    run(retention::handle(api.handler.app(), event)).unwrap()
}

fn apply(api: &TestApi) -> retention::Deleted {
    run_for(api, 600_000)
}

fn now(api: &TestApi) -> u64 {
    api.ports().state().now.0
}

fn advance_to(api: &TestApi, at: u64) {
    advance(api.handler.app(), at - now(api));
}

fn detail(api: &TestApi, id: JobId) -> JobDetail {
    support_at(api).get(&format!("/jobs/{id}"))
}

fn erased(api: &TestApi) -> usize {
    let state = api.ports().state();
    state.jobs.values().filter(|job| job.is_erased()).count()
}

#[test]
fn nothing_of_a_document_is_left_after_the_retention_and_no_late_message_brings_it_back() {
    for arrival in ARRIVALS {
        for life in LIVES {
            let story = Story::new(arrival, life);
            let when = format!("{arrival:?} {life:?}");
            let api = &story.api;
            story.quarantine_messages();
            advance(story.app(), EIGHT_HOURS_MS);
            story.count_usage();
            story.forget_what_was_sent();
            story.build_search_index();
            set(api, Some(1));
            let at = detail(api, story.id).document_kept_until.unwrap();
            advance_to(api, at - 1);
            assert_eq!(apply(api).deleted, 0, "{when}: too early");
            assert!(story.everything().contains(NAME), "{when}");
            let invocations = api.ports().state().invocations.len();
            advance_to(api, at);
            let done = apply(api);
            assert!(done.deleted > 0 && !done.incomplete, "{when}: {done:?}");
            story.assert_nothing_is_left(&when);
            assert_eq!(apply(api), retention::Deleted::default(), "{when}: again");
            let entry = story.job().history.last().cloned().unwrap();
            assert_eq!(entry.actor.as_deref(), Some("retention"), "{when}");

            let newest = story.job().newest_attempt();
            for attempt in 1..=newest.0 {
                story.success(Attempt(attempt), 1);
                story.check(Attempt(attempt), None);
            }
            story.upload_event();
            story.assert_nothing_is_left(&format!("{when}, late messages"));
            let after = api.ports().state().invocations.len();
            assert_eq!(after, invocations, "{when}: a run of a deleted document");
        }
    }
}

#[test]
fn deletion_that_is_interrupted_at_any_step_is_completed_by_the_next_run() {
    for operation in [
        "put_record",
        "delete_version",
        "list",
        "versions",
        "list_records",
        "list_messages",
        "get_message",
        "remove_message",
        "delete_record",
        "load",
        "save",
    ] {
        for after in [false, true] {
            let story = Story::new(Arrival::Session, Life::UploadedAgain);
            let when = format!("{operation} failed, carried out: {after}");
            story.quarantine_messages();
            advance(story.app(), EIGHT_HOURS_MS);
            story.build_search_index();
            story.forget_what_was_sent();
            set(&story.api, Some(1));
            advance(story.app(), 3 * DAY_MS);
            {
                let mut state = story.api.ports().state();
                let faults = if after {
                    &mut state.fail_after
                } else {
                    &mut state.fail_before
                };
                faults.insert(operation, 1);
            }
            apply(&story.api);
            {
                let mut state = story.api.ports().state();
                state.fail_before.clear();
                state.fail_after.clear();
            }
            let done = apply(&story.api);
            assert!(!done.incomplete, "{when}: {done:?}");
            story.assert_nothing_is_left(&when);
            assert!(story.job().is_erased(), "{when}");
        }
    }
}

/// A deletion requested by a user, interrupted, and not requested again.
#[test]
fn interrupted_deletion_of_a_person_is_completed_too() {
    let story = Story::new(Arrival::Session, Life::Ready);
    advance(story.app(), EIGHT_HOURS_MS);
    story
        .api
        .ports()
        .state()
        .fail_before
        .insert("delete_version", 1);
    let path = format!("/jobs/{}/data-deletion", story.id);
    let body = Some(json!({"reason": "the client asked"}));
    let response = story.support().send("POST", &path, body.as_ref());
    assert_eq!(response.status_code, 503);
    let done = apply(&story.api);
    assert_eq!((done.completed, done.incomplete), (1, false));
    story.forget_what_was_sent();
    story.assert_nothing_is_left("completed");
    let audit: AuditPage = support_at(&story.api).get("/audit");
    let mut entries = audit.entries.iter();
    let completed = entries.find(|entry| entry.actor == "retention").unwrap();
    assert_eq!(completed.action, "delete-data");
    let outcome = completed.detail.as_deref().unwrap();
    assert!(outcome.contains("was completed"), "{outcome}");
}

#[test]
fn open_jobs_other_tenants_and_young_jobs_are_left() {
    let api = TestApi::new();
    let old = api.ready_job("inbound/acme/old.pdf", 40 * DAY_MS, "out/old.json");
    let failed = api.failed_job("inbound/acme/failed.pdf", 40 * DAY_MS, Cause::ModelError);
    let young = api.ready_job("inbound/acme/young.pdf", DAY_MS, "out/young.json");
    let other = api.job("inbound/globex/old.pdf", 40 * DAY_MS, |job| {
        job.tenant = "globex".parse().unwrap();
        job.state = State::Ready {
            attempt: Attempt(1),
        };
    });
    set(&api, Some(20));
    advance(api.handler.app(), 2 * DAY_MS);
    // It was retried: it is open, however old its document is.
    let command = json!({"reason": "the model was fixed"});
    let _: JobCommandResult = support_at(&api).post(&format!("/jobs/{}/retry", failed.id), command);
    let done = apply(&api);
    assert_eq!((done.deleted, done.incomplete), (1, false));
    let is_erased = |job: &Job| find(api.handler.app(), job.id).unwrap().is_erased();
    assert!(is_erased(&old));
    assert!(!is_erased(&failed) && !is_erased(&young) && !is_erased(&other));
}

#[test]
fn every_date_is_that_of_the_deletion_for_old_and_new_jobs() {
    let api = TestApi::new();
    let old = api.ready_job("inbound/acme/old.pdf", 15 * DAY_MS, "out/old.json");
    let new = api.ready_job("inbound/acme/new.pdf", 0, "out/new.json");
    let by_pipeline = detail(&api, new.id);
    let set_at = now(&api);
    let changed = set(&api, Some(10));
    let begins = changed.retention_begins_at.unwrap();
    assert_eq!(begins % DAY_MS, 0);
    assert!(begins >= set_at + DAY_MS && begins < set_at + 2 * DAY_MS);
    let dates = |id: JobId| {
        let detail = detail(&api, id);
        let steps = detail.explanation.next.iter();
        let erasure = steps.filter(|step| step.what.contains("retention is 10 days"));
        (
            detail.document_kept_until.unwrap(),
            detail.result_kept_until.unwrap(),
            erasure.map(|step| step.at).collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        dates(old.id),
        (begins, begins, vec![begins]),
        "is due already"
    );
    let ended = find(api.handler.app(), new.id).unwrap().updated_at.0;
    let due = (ended + 10 * DAY_MS).div_ceil(DAY_MS) * DAY_MS;
    assert_eq!(dates(new.id), (due, due, vec![due]));
    assert!(due < by_pipeline.document_kept_until.unwrap());
    let export: DataExportPage = api.reviewer().get("/me/data");
    assert!(export.records.iter().all(|record| {
        let job = record.job.as_ref();
        job.is_none_or(|job| job.document_kept_until.unwrap() <= due)
    }));
    set(&api, None);
    assert_eq!(
        detail(&api, new.id).document_kept_until,
        by_pipeline.document_kept_until
    );
    advance_to(&api, due);
    assert_eq!(apply(&api).deleted, 0, "it was taken back");
}

#[test]
fn retention_longer_than_a_pipelines_of_an_unknown_tenant_or_by_others_is_refused() {
    let api = TestApi::new();
    let support = api.support();
    // The pipeline that keeps data for the shortest time.
    for days in [0, 31, 3650] {
        let (code, detail) = support.problem("POST", PATH, Some(body(Some(days))));
        assert_eq!(code, "bad-request", "{detail}");
        assert!(
            detail.contains("ocr-batch keeps data for 30 days; give 1 to 30 days"),
            "{detail}"
        );
    }
    let (code, detail) = support.problem("POST", "/tenants/acm/retention", Some(body(Some(10))));
    assert_eq!(code, "not-found");
    assert!(detail.contains("did you mean acme?"), "{detail}");
    let reviewer = api.reviewer();
    assert_eq!(
        reviewer.problem_code("POST", PATH, Some(body(Some(10)))),
        "forbidden"
    );
    let known: TenantList = support.get("/tenants");
    assert!(known.tenants.iter().all(|it| it.retention_days.is_none()));
    set(&api, Some(30));
    let known: TenantList = support.get("/tenants");
    let acme = known.tenants.iter().find(|it| it.name == "acme").unwrap();
    assert_eq!(acme.retention_days, Some(30));
    let audit: AuditPage = support.get("/audit");
    let newest = &audit.entries[0];
    assert_eq!(
        (&*newest.action, &*newest.reason),
        ("change-retention", "as agreed")
    );
    assert_eq!(newest.detail.as_deref(), Some("30 days after a job's end"));
}

/// More than a page, and more than one run has time for.
#[test]
fn run_without_time_deletes_nothing_and_the_next_continues() {
    let api = TestApi::new();
    for number in 0..120 {
        let key = format!("inbound/acme/{number}.pdf");
        let output = format!("out/{number}.json");
        api.ready_job(&key, 40 * DAY_MS, &output);
    }
    set(&api, Some(5));
    advance(api.handler.app(), 2 * DAY_MS);
    let done = run_for(&api, 0);
    assert_eq!((done.deleted, done.incomplete), (0, true));
    let done = apply(&api);
    assert_eq!((done.deleted, done.incomplete), (120, false));
    assert_eq!(erased(&api), 120);
}

/// A service does not answer: the run ends, and the others of its jobs wait for the next.
#[test]
fn run_ends_after_some_failures_and_counts_them() {
    let api = TestApi::new();
    for number in 0..20 {
        let key = format!("inbound/acme/{number}.pdf");
        api.ready_job(&key, 40 * DAY_MS, &format!("out/{number}.json"));
    }
    set(&api, Some(5));
    advance(api.handler.app(), 2 * DAY_MS);
    api.ports().state().fail_before.insert("versions", 1000);
    let done = apply(&api);
    assert_eq!((done.deleted, done.failed, done.incomplete), (0, 5, true));
    api.ports().state().fail_before.clear();
    let done = apply(&api);
    assert_eq!(
        (done.completed, done.deleted, done.incomplete),
        (5, 15, false)
    );
}

/// The run of a service whose tenants have no retention costs two reads, and writes nothing.
#[test]
fn run_without_any_retention_writes_nothing() {
    let api = TestApi::new();
    api.ready_job("inbound/acme/old.pdf", 400 * DAY_MS, "out/old.json");
    let before = format!("{:?}", api.ports().state().records);
    assert_eq!(apply(&api), retention::Deleted::default());
    assert_eq!(format!("{:?}", api.ports().state().records), before);
    assert_eq!(erased(&api), 0);
}

/// The figures of docs/stored-data.md.
#[test]
fn calls_of_a_deletion_are_those_that_are_documented() {
    let story = Story::new(Arrival::Session, Life::Ready);
    advance(story.app(), EIGHT_HOURS_MS);
    set(&story.api, Some(1));
    advance(story.app(), 3 * DAY_MS);
    story.api.ports().state().calls.clear();
    assert_eq!(apply(&story.api).deleted, 1);
    let calls = story.api.ports().state().calls.clone();
    // Three lists of jobs, the tenants, and the interrupted deletions are read once by each run.
    let of_run = 3 + 2;
    // A record of the batch, and the entry of one delivery with the record that lists it.
    let (of_batch, of_delivery) = (1, 2);
    let of_job = calls.values().sum::<u32>() - of_run - of_batch - of_delivery;
    assert_eq!(of_job - 1, 23, "{calls:?}");
    let of = |names: &[&str]| names.iter().filter_map(|name| calls.get(name)).sum::<u32>();
    let writes = of(&["put_record", "delete_record", "save"]);
    assert_eq!(writes - of_batch - of_delivery, 6, "{calls:?}");
}
