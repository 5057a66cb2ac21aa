//! Usage: what function `reconciler` counts, and who reads it through `events-api`.

use api::types::UsageView;
use functions::handlers::api::events::{self, EventsApi};
use functions::handlers::api::{HttpEvent, HttpResponse};
use functions::handlers::{capacity, reconciler};
use jobs::event::EventKind;
use jobs::expected_work::BaseWork;
use jobs::id::{Attempt, JobId, Location, Timestamp};
use jobs::job::{AttemptRecord, HistoryEntry, Job};
use jobs::pause::Pauses;
use jobs::ports::{Clock, EndpointInstances};
use jobs::state::{Cause, Failure, RetryBudget, State};
use jobs::transition::{Advance, AttemptChange, Event};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::json;
use testkit::memory::Memory;

use super::api::claims;
use super::fixtures::{BUCKET, Environment, NOW, app, run};

const SUPPORT: &str = "[support]";
const REVIEWER: &str = "[reviewer tenant:acme]";
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const PIPELINE: &str = "legal-review";
const ENDPOINT: &str = "docket-legal-review";

struct Service {
    api: EventsApi<Memory, Environment>,
}

impl Service {
    /// The reconciler has run once, so that it counts from the hour before on.
    fn new() -> Self {
        let service = Self {
            api: EventsApi::new(app()),
        };
        service.reconcile();
        service
    }

    fn ports(&self) -> &Memory {
        &self.api.app.ports
    }

    fn advance(&self, ms: u64) {
        self.ports().state().now.0 += ms;
    }

    /// Returns how many hours were counted.
    fn reconcile(&self) -> u64 {
        let mut context = Context::default();
        context.deadline = self.ports().state().now.0 + 5 * MINUTE;
        let event = LambdaEvent::new(reconciler::ReconcileEvent::default(), context);
        let done = run(reconciler::handle(&self.api.app, event)).unwrap();
        done.hours_counted
    }

    /// Function `capacity` reads the endpoint with so many instances.
    fn read_instances(&self, desired: u32, in_service: u32) {
        let instances = EndpointInstances {
            max: 5,
            desired,
            in_service,
            concurrent_runs: 1,
            ..EndpointInstances::default()
        };
        let mut state = self.ports().state();
        state.instances.insert(ENDPOINT.to_owned(), instances);
        let mut context = Context::default();
        // Only one evaluation.
        context.deadline = state.now.0 + 20_000;
        drop(state);
        let event = LambdaEvent::new(capacity::CapacityEvent::default(), context);
        run(capacity::handle(&self.api.app, event)).unwrap();
    }

    /// A job that is created now, changed by the test.
    fn job(&self, tenant: &str, key: &str, change: impl FnOnce(&mut Job)) -> JobId {
        let mut job = testkit::conformance::full_job(BUCKET, tenant, 0);
        let at = self.ports().state().now;
        job.id = JobId::of_key(BUCKET, key);
        job.pipeline = PIPELINE.to_owned();
        job.input.key = key.to_owned();
        job.input.bytes = 1000;
        job.input.labels.batch = None;
        job.created_at = at;
        job.updated_at = at;
        job.history.clear();
        job.attempts.clear();
        job.state = State::Ready {
            attempt: Attempt(1),
        };
        change(&mut job);
        let id = job.id;
        self.ports().state().jobs.insert(id, job);
        id
    }

    fn send(&self, groups: &str, query: &str) -> HttpResponse {
        let now = self.ports().state().now.0;
        let mut claims = claims("p@acme.example", groups);
        claims["exp"] = json!((now / 1000 + 3600).to_string());
        let event = json!({
            "version": "2.0", "rawPath": "/usage", "rawQueryString": query, "headers": {}, "isBase64Encoded": false,
            "requestContext": {"http": {"method": "GET", "path": "/usage"}, "requestId": "r1", "stage": "$default",
                "authorizer": {"jwt": {"claims": claims}}},
        });
        let event: HttpEvent = serde_json::from_value(event).unwrap();
        let mut context = Context::default();
        context.deadline = now + 29_000;
        run(events::handle(&self.api, LambdaEvent::new(event, context))).unwrap()
    }

    fn usage(&self, groups: &str, query: &str) -> UsageView {
        let response = self.send(groups, query);
        assert_eq!(response.status_code, 200, "{}", response.body);
        serde_json::from_str(&response.body).unwrap()
    }
}

fn attempt(number: u8, sent_at: Timestamp, seconds: u64) -> AttemptRecord {
    AttemptRecord {
        attempt: Attempt(number),
        started_at: sent_at,
        may_run_twice: false,
        output: Some(Location {
            bucket: BUCKET.to_owned(),
            key: format!("outbound/legal-review/a{number}.json"),
        }),
        failure_object: None,
        closed_at: Some(Timestamp(sent_at.0 + seconds * 1000)),
        failure: None,
        unexpected_content_type: None,
        pages: None,
        model_tag: None,
        model: None,
    }
}

/// Ready after one attempt of so many seconds.
fn ready(seconds: u64) -> impl FnOnce(&mut Job) {
    move |job| {
        let record = attempt(1, job.created_at, seconds);
        job.updated_at = record.closed_at.unwrap();
        job.attempts = vec![record];
    }
}

#[test]
fn hour_is_counted_once_it_is_over_and_each_tenant_reads_its_own() {
    let service = Service::new();
    service.read_instances(1, 1);
    service.advance(MINUTE);
    service.job("acme", "inbound/acme/a.pdf", ready(60));
    service.job("globex", "inbound/globex/a.pdf", ready(90));
    assert_eq!(service.reconcile(), 0, "the hour is not over");
    assert_eq!(service.usage(SUPPORT, "").sums, []);
    service.advance(70 * MINUTE);
    assert_eq!(service.reconcile(), 1);
    assert_eq!(service.reconcile(), 0);

    let own = service.usage(REVIEWER, "");
    let [sum] = own.sums.as_slice() else {
        panic!("{own:?}")
    };
    assert_eq!(
        (sum.tenant.as_str(), sum.pipeline.as_str()),
        ("acme", PIPELINE)
    );
    assert_eq!(
        (sum.documents, sum.bytes, sum.ready, sum.runs),
        (1, 1000, 1, 1)
    );
    assert_eq!((sum.run_ms, sum.assumed_runs), (60_000, 0));
    assert!(own.instances.is_empty(), "tenants share instances");
    assert_eq!(own.month, "2026-01");

    let all = service.usage(SUPPORT, "");
    let tenants: Vec<&str> = all.sums.iter().map(|sum| sum.tenant.as_str()).collect();
    assert_eq!(tenants, ["acme", "globex"]);
    // It was sent at the same time, and one instance does one run at a time.
    assert_eq!(all.sums[1].run_ms, 30_000);
    assert_eq!(service.usage(SUPPORT, "month=2025-12").sums, []);
}

#[test]
fn pages_are_those_that_results_name_and_the_documents_without_are_told_apart() {
    let service = Service::new();
    let with_pages = |pages: &'static [Option<u32>]| {
        move |job: &mut Job| {
            let attempts = (1..).zip(pages);
            let attempt = |(number, pages): (u8, &Option<u32>)| AttemptRecord {
                pages: *pages,
                ..attempt(number, job.created_at, 60)
            };
            job.attempts = attempts.map(attempt).collect();
        }
    };
    service.job("acme", "inbound/acme/a.pdf", with_pages(&[Some(12)]));
    // Run again: the newest number counts, once.
    service.job(
        "acme",
        "inbound/acme/b.pdf",
        with_pages(&[Some(4), Some(5)]),
    );
    service.job("acme", "inbound/acme/c.pdf", with_pages(&[Some(7), None]));
    service.job("acme", "inbound/acme/d.pdf", with_pages(&[None]));
    service.advance(2 * HOUR);
    service.reconcile();
    let usage = service.usage(REVIEWER, "");
    let [sum] = usage.sums.as_slice() else {
        panic!("{usage:?}")
    };
    assert_eq!((sum.documents, sum.documents_with_pages), (4, 3));
    assert_eq!(sum.pages, 12 + 5 + 7);
}

/// Hours are counted again for a month, and a retention of some days deletes data before.
#[test]
fn job_whose_data_was_deleted_counts_as_what_it_was() {
    let service = Service::new();
    let failed = |job: &mut Job| {
        job.state = State::Failed {
            attempt: Attempt(1),
            failure: Failure::new(Cause::ModelError, "no"),
        };
    };
    let cancelled = |job: &mut Job| {
        job.state = State::Cancelled {
            attempt: Attempt::NONE,
        };
        job.history.push(HistoryEntry {
            at: job.updated_at,
            event: EventKind::Cancel,
            actor: Some("p@acme.example".to_owned()),
            reason: None,
        });
    };
    service.job("acme", "inbound/acme/a.pdf", ready(60));
    service.job("acme", "inbound/acme/b.pdf", failed);
    service.job("acme", "inbound/acme/c.pdf", cancelled);
    service.advance(2 * HOUR);
    service.reconcile();
    let counted = |service: &Service| {
        let usage = service.usage(REVIEWER, "");
        let [sum] = usage.sums.as_slice() else {
            panic!("{usage:?}")
        };
        (
            sum.documents,
            sum.ready,
            sum.failed,
            sum.cancelled,
            sum.runs,
        )
    };
    let before = counted(&service);
    assert_eq!(before, (3, 1, 1, 1, 1));
    for job in service.ports().state().jobs.values_mut() {
        let attempt = Attempt(1);
        let erase = Event::Erase {
            actor: "retention".to_owned(),
            reason: "as agreed".to_owned(),
        };
        let advance = Advance {
            state: State::Erased { attempt },
            attempts: AttemptChange::Unchanged,
        };
        *job = job.next_version(&erase, advance, job.updated_at);
    }
    service.advance(2 * DAY);
    assert!(service.reconcile() > 0, "it is counted again after a day");
    assert_eq!(counted(&service), before);
}

#[test]
fn usage_of_other_tenants_and_of_others_uploads_is_refused() {
    let service = Service::new();
    let status = |groups: &str, query: &str| service.send(groups, query).status_code;
    assert_eq!(status(REVIEWER, "tenant=globex"), 403);
    assert_eq!(status("[customer tenant:acme]", ""), 403);
    assert_eq!(status("[reviewer tenant:acme tenant:globex]", ""), 400);
    assert_eq!(status(SUPPORT, "month=2026-13"), 400);
    assert_eq!(status(SUPPORT, "since=1"), 400);
    let globex = "globex".parse().unwrap();
    run(jobs::tenants::create(service.ports(), &globex, "sam")).unwrap();
    assert_eq!(status(SUPPORT, "tenant=globex"), 200);
    let mistyped = service.send(SUPPORT, "tenant=globx");
    assert_eq!(mistyped.status_code, 404);
    let problem = mistyped.body;
    assert!(problem.contains("did you mean globex?"), "{problem}");
}

#[test]
fn names_of_tenants_that_begin_alike_are_told_apart() {
    let service = Service::new();
    for tenant in ["acme", "acme-2", "acm"] {
        service.job(tenant, &format!("inbound/{tenant}/a.pdf"), ready(60));
    }
    service.advance(70 * MINUTE);
    service.reconcile();
    for tenant in ["acme", "acme-2", "acm"] {
        let view = service.usage(SUPPORT, &format!("tenant={tenant}"));
        let found: Vec<(&str, u64)> = view
            .sums
            .iter()
            .map(|sum| (sum.tenant.as_str(), sum.documents))
            .collect();
        assert_eq!(found, [(tenant, 1)]);
    }
}

#[test]
fn failed_attempts_count_and_those_that_never_ran_do_not() {
    let service = Service::new();
    service.read_instances(1, 1);
    service.advance(MINUTE);
    service.job("acme", "inbound/acme/a.pdf", |job| {
        let at = |minutes: u64| Timestamp(job.created_at.0 + minutes * MINUTE);
        let mut failed = attempt(1, at(0), 30);
        failed.failure = Some(Failure::new(Cause::ModelError, "CUDA error"));
        let mut expired = attempt(2, at(2), 60);
        expired.failure = Some(Failure::new(Cause::Expired, ""));
        let last = attempt(3, at(5), 50);
        job.updated_at = last.closed_at.unwrap();
        job.attempts = vec![failed, expired, last];
        job.state = State::Ready {
            attempt: Attempt(3),
        };
    });
    service.advance(70 * MINUTE);
    service.reconcile();
    let view = service.usage(REVIEWER, "");
    let sum = &view.sums[0];
    assert_eq!((sum.documents, sum.runs, sum.run_ms), (1, 2, 80_000));
    assert_eq!((sum.max_run_ms, sum.assumed_runs), (80_000, 0));
}

/// The base of turns after an hour with a document each minute, small and large ones by turns, that take so many seconds.
fn learned_base(seconds: impl Fn(u64, u64) -> u64) -> u64 {
    let service = Service::new();
    service.advance(HOUR - NOW.0 % HOUR);
    service.read_instances(1, 1);
    for minute in 0..59 {
        service.advance(MINUTE);
        let bytes = [100_000, 5_000_000][(minute % 2) as usize];
        let key = format!("inbound/acme/{minute}.pdf");
        service.job("acme", &key, |job| {
            ready(seconds(minute, bytes))(job);
            job.input.bytes = bytes;
        });
    }
    let base = || {
        let pauses = run(Pauses::load(service.ports(), service.ports().now())).unwrap();
        pauses.window(PIPELINE).unwrap().base
    };
    service.read_instances(1, 1);
    assert_eq!(base(), BaseWork::default(), "nothing is learned yet");
    service.advance(15 * MINUTE);
    assert!(service.reconcile() > 0);
    service.read_instances(1, 1);
    base().bytes()
}

#[test]
fn turns_count_documents_as_the_runs_of_counted_hours_say() {
    let random = |minute, _| 20 + minute * 7 % 31;
    assert!(learned_base(random) > 20_000_000);
    // 10 s are the time of two megabytes.
    let by_size = |_, bytes| 10 + 5 * bytes / 1_000_000;
    let base = learned_base(by_size);
    assert!((1_700_000..2_100_000).contains(&base), "{base}");
    let none = |minute, _| if minute < 20 { 30 } else { 0 };
    assert_eq!(learned_base(none), BaseWork::default().bytes(), "few runs");
}

#[test]
fn cancelled_run_counts_with_the_usual_time() {
    let service = Service::new();
    service.job("acme", "inbound/acme/a.pdf", |job| {
        let mut open = attempt(1, job.created_at, 0);
        open.closed_at = None;
        job.attempts = vec![open];
        job.updated_at = Timestamp(job.created_at.0 + 5000);
        job.state = State::Cancelled {
            attempt: Attempt(1),
        };
    });
    service.advance(70 * MINUTE);
    service.reconcile();
    let sum = &service.usage(REVIEWER, "").sums[0];
    let pipelines = &service.api.app.environment.pipelines;
    let typical = pipelines.get(PIPELINE).unwrap().typical_run_seconds;
    assert_eq!((sum.cancelled, sum.runs, sum.assumed_runs), (1, 1, 1));
    assert_eq!(sum.run_ms, u64::from(typical) * 1000);
}

#[test]
fn hour_is_counted_again_while_a_job_is_open_and_when_it_was_run_again() {
    let service = Service::new();
    let id = service.job("acme", "inbound/acme/a.pdf", |job| {
        job.state = State::RetryScheduled {
            next: Attempt(2),
            due: job.created_at,
            budget: RetryBudget {
                last_attempt: Attempt(3),
                expires_at: Timestamp(job.created_at.0 + DAY),
                earlier_result: Attempt::NONE,
            },
        };
    });
    service.advance(70 * MINUTE);
    assert_eq!(service.reconcile(), 1);
    assert_eq!(service.usage(REVIEWER, "").sums[0].open, 1);
    service.advance(HOUR);
    {
        let mut state = service.ports().state();
        let job = state.jobs.get_mut(&id).unwrap();
        job.state = State::Ready {
            attempt: Attempt(1),
        };
        ready(60)(job);
    }
    assert_eq!(service.reconcile(), 1);
    let sum = service.usage(REVIEWER, "").sums[0].clone();
    assert_eq!((sum.open, sum.ready, sum.documents, sum.runs), (0, 1, 1, 1));
    // Two days later it was run again.
    service.advance(2 * DAY);
    {
        let mut state = service.ports().state();
        let job = state.jobs.get_mut(&id).unwrap();
        job.attempts
            .push(attempt(2, Timestamp(job.created_at.0 + DAY), 40));
    }
    assert_eq!(service.reconcile(), 1);
    let sum = service.usage(REVIEWER, "").sums[0].clone();
    assert_eq!((sum.documents, sum.runs), (1, 2));
    assert_eq!(service.reconcile(), 0, "the next time is after a week");
}

#[test]
fn interrupted_count_is_repeated_and_counts_nothing_twice() {
    let service = Service::new();
    for number in 0..3 {
        service.job("acme", &format!("inbound/acme/{number}.pdf"), ready(60));
        service.advance(HOUR);
    }
    service.advance(10 * MINUTE);
    for operation in ["put", "get_jobs", "list_entries", "get"] {
        for _ in 0..3 {
            service.ports().state().fail_after.insert(operation, 1);
            service.reconcile();
        }
    }
    service.reconcile();
    let view = service.usage(REVIEWER, "");
    assert_eq!((view.sums[0].documents, view.sums[0].runs), (3, 3));
    assert_eq!(view.counted_until, (NOW.0 / HOUR + 3) * HOUR);
}

#[test]
fn batches_are_listed_apart_if_they_are_asked_for() {
    let service = Service::new();
    for (number, batch) in ["spring", "spring", "autumn"].into_iter().enumerate() {
        service.job("acme", &format!("inbound/acme/{number}.pdf"), |job| {
            job.input.labels.batch = Some(batch.to_owned());
            ready(60)(job);
        });
    }
    service.job("acme", "inbound/acme/none.pdf", ready(60));
    service.advance(70 * MINUTE);
    service.reconcile();
    assert_eq!(service.usage(REVIEWER, "").sums[0].documents, 4);
    let apart = service.usage(REVIEWER, "batches=true");
    let found: Vec<(Option<&str>, u64)> = apart
        .sums
        .iter()
        .map(|sum| (sum.batch.as_deref(), sum.documents))
        .collect();
    assert_eq!(found, [(None, 1), (Some("autumn"), 1), (Some("spring"), 2)]);
}

#[test]
fn day_with_more_batches_than_a_record_holds_counts_their_documents() {
    let service = Service::new();
    for number in 0..600 {
        service.job("acme", &format!("inbound/acme/{number}.pdf"), |job| {
            job.input.labels.batch = Some(format!("{number:03} {}", "b".repeat(60)));
            ready(60)(job);
        });
    }
    service.advance(70 * MINUTE);
    service.reconcile();
    let apart = service.usage(REVIEWER, "batches=true");
    assert_eq!(apart.sums.len(), 501);
    assert_eq!(apart.sums.iter().map(|sum| sum.documents).sum::<u64>(), 600);
    let largest = service.ports().state();
    let largest = largest
        .records
        .iter()
        .map(|(_, _, record)| record.body.len());
    assert!(largest.max().unwrap() < 300_000);
}

#[test]
fn support_sees_starts_and_idle_time_of_the_instances() {
    let service = Service::new();
    service.read_instances(0, 0);
    service.advance(MINUTE);
    service.read_instances(2, 0);
    service.advance(5 * MINUTE);
    service.read_instances(2, 2);
    service.job("acme", "inbound/acme/a.pdf", ready(60));
    service.advance(4 * MINUTE);
    service.read_instances(2, 2);
    service.read_instances(0, 0);
    service.advance(70 * MINUTE);
    service.reconcile();
    let view = service.usage(SUPPORT, "");
    let [it] = view.instances.as_slice() else {
        panic!("{view:?}")
    };
    assert_eq!((it.pipeline.as_str(), it.starts), (PIPELINE, 2));
    assert_eq!(it.starting_ms, 2 * 5 * MINUTE);
    assert_eq!(it.in_service_ms, 2 * 4 * MINUTE);
    assert_eq!((it.working_ms, it.idle_ms), (60_000, 7 * MINUTE));
}
