//! Function `event-feed`, and what programs read of the feed through `events-api`.

use api::feed::{self, EventType, FIRST_HASH, NewEvent};
use api::types::{EventPage, EventView};
use functions::bootstrap::App;
use functions::handlers::api::events::{self, EventsApi};
use functions::handlers::api::{HttpEvent, HttpResponse};
use functions::handlers::event_feed::handle;
use jobs::id::{JobId, Timestamp};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use testkit::memory::Memory;

use super::api::claims;
use super::fixtures::{Environment, NOW, TestApp, app, batch, failures, run};

fn bus_event(tenant: &str, number: u64, version: u64, detail_type: &str) -> String {
    let job = JobId::of_key("bucket", &number.to_string());
    let detail = json!({"job": {"id": job.to_string(), "version": version, "tenant": tenant}});
    json!({"version": "0", "detail-type": detail_type, "source": "docket", "detail": detail})
        .to_string()
}

fn record(app: &TestApp, bodies: &[String]) -> Vec<String> {
    let response = run(handle(app, batch(app, bodies, 1))).unwrap();
    failures(&response).into_iter().map(str::to_owned).collect()
}

/// Records so many events of tenant acme, one per message.
fn record_events(app: &TestApp, numbers: std::ops::Range<u64>) {
    for number in numbers {
        assert!(record(app, &[bus_event("acme", number, 3, "JobReady")]).is_empty());
    }
}

struct Programs {
    api: EventsApi<Memory, Environment>,
}

impl Programs {
    fn new(app: TestApp) -> Self {
        Self {
            api: EventsApi::new(app),
        }
    }

    fn app(&self) -> &App<Memory, Environment> {
        &self.api.app
    }

    fn send(&self, groups: &str, method: &str, query: &str) -> HttpResponse {
        run(self.request(groups, method, query))
    }

    async fn request(&self, groups: &str, method: &str, query: &str) -> HttpResponse {
        let now = self.api.app.ports.state().now.0;
        let mut claims = claims("p@acme.example", groups);
        claims["exp"] = json!((now / 1000 + 3600).to_string());
        let event = json!({
            "version": "2.0", "rawPath": "/events", "rawQueryString": query, "headers": {}, "isBase64Encoded": false,
            "requestContext": {"http": {"method": method, "path": "/events"}, "requestId": "r1", "stage": "$default",
                "authorizer": {"jwt": {"claims": claims}}},
        });
        let event: HttpEvent = serde_json::from_value(event).unwrap();
        let mut context = Context::default();
        context.deadline = NOW.0 + 29_000;
        let event = LambdaEvent::new(event, context);
        events::handle(&self.api, event).await.unwrap()
    }

    fn page(&self, query: &str) -> EventPage {
        let response = self.send("[reviewer tenant:acme]", "GET", query);
        assert_eq!(response.status_code, 200, "{}", response.body);
        serde_json::from_str(&response.body).unwrap()
    }

    fn problem(&self, groups: &str, query: &str) -> String {
        let response = self.send(groups, "GET", query);
        let problem: Value = serde_json::from_str(&response.body).unwrap();
        let kind = problem["type"].as_str().unwrap();
        kind.strip_prefix("urn:docket:problem:").unwrap().to_owned()
    }

    /// All pages, as a program reads them.
    fn whole(&self, limit: u16) -> Vec<EventPage> {
        let mut pages = vec![self.page(&format!("limit={limit}"))];
        while pages[pages.len() - 1].count > 0 {
            let cursor = &pages[pages.len() - 1].cursor;
            pages.push(self.page(&format!("limit={limit}&since={cursor}")));
        }
        pages
    }
}

/// What the documentation tells a program to compute.
fn computed_hash(previous: &str, events: &[EventView]) -> String {
    events.iter().fold(previous.to_owned(), |hash, event| {
        let new = NewEvent {
            job: event.job_id.parse().unwrap(),
            version: event.version,
            event_type: event.event_type,
        };
        feed::next_hash(&hash, event.sequence, &new, Timestamp(event.recorded_at))
    })
}

#[test]
fn events_are_numbered_and_a_program_that_has_them_all_computes_the_same_hash() {
    let app = app();
    record_events(&app, 0..37);
    let programs = Programs::new(app);
    for limit in [1, 3, 10, 100] {
        let pages = programs.whole(limit);
        let events: Vec<EventView> = pages.iter().flat_map(|page| page.events.clone()).collect();
        let numbers: Vec<u64> = events.iter().map(|event| event.sequence).collect();
        assert_eq!(numbers, (1..=37).collect::<Vec<u64>>());
        let hash = computed_hash(FIRST_HASH, &events);
        for page in &pages {
            assert_eq!(computed_hash(&page.previous_hash, &page.events), page.hash);
            assert_eq!((page.end_sequence, &page.end_hash), (37, &hash));
            assert_eq!(usize::from(page.count), page.events.len());
        }
        // One event that the program lost, or that was changed on the way.
        for lost in [0, 17, 36] {
            let mut fewer = events.clone();
            fewer.remove(lost);
            assert_ne!(computed_hash(FIRST_HASH, &fewer), hash);
            let mut changed = events.clone();
            changed[lost].event_type = EventType::JobFailed;
            assert_ne!(computed_hash(FIRST_HASH, &changed), hash);
        }
    }
}

#[test]
fn new_events_appear_only_after_the_cursor() {
    let app = app();
    record_events(&app, 0..9);
    let programs = Programs::new(app);
    let mut cursor = programs.page("").cursor;
    let mut last = 9;
    for number in 9..45 {
        record_events(programs.app(), number..number + 1);
        let page = programs.page(&format!("since={cursor}"));
        let numbers: Vec<u64> = page.events.iter().map(|event| event.sequence).collect();
        assert_eq!(numbers, [last + 1]);
        (cursor, last) = (page.cursor, last + 1);
    }
    assert_eq!(programs.page(&format!("since={cursor}")).count, 0);
}

#[test]
fn event_that_is_delivered_again_at_once_is_recorded_once_and_later_with_the_same_id() {
    let app = app();
    let first = bus_event("acme", 1, 3, "JobReady");
    record(&app, &[first.clone(), first.clone()]);
    record(&app, std::slice::from_ref(&first));
    record_events(&app, 2..40);
    record(&app, &[first]);
    let pages = Programs::new(app).whole(100);
    let ids: Vec<&String> = pages[0].events.iter().map(|event| &event.id).collect();
    assert_eq!((ids.len(), ids[0]), (40, ids[39]));
}

#[test]
fn failed_write_brings_the_messages_back_and_loses_no_event() {
    for after_the_write in [false, true] {
        for operation in ["get_record", "put_record"] {
            let app = app();
            record_events(&app, 0..12);
            let bodies: Vec<String> = (12..20)
                .map(|number| bus_event("acme", number, 3, "JobFailed"))
                .collect();
            let mut state = app.ports.state();
            let failures = if after_the_write {
                &mut state.fail_after
            } else {
                &mut state.fail_before
            };
            failures.insert(operation, 1);
            drop(state);
            let back = record(&app, &bodies);
            assert_eq!(back.len(), 8, "{operation}");
            assert!(record(&app, &bodies).is_empty());
            let pages = Programs::new(app).whole(100);
            assert_eq!(pages[0].end_sequence, 20, "{operation} {after_the_write}");
        }
    }
}

#[test]
fn what_is_no_event_of_a_job_is_quarantined() {
    let app = app();
    let bodies = [
        "no JSON".to_owned(),
        json!({"detail-type": "JobReady"}).to_string(),
        bus_event("acme", 1, 3, "JobStarted"),
        bus_event("ACME", 1, 3, "JobReady"),
        bus_event("acme", 1, 3, "JobReady").replace("\"version\":3", "\"version\":-3"),
        bus_event("acme", 1, 3, "JobReady"),
    ];
    assert!(record(&app, &bodies).is_empty());
    assert_eq!(app.ports.state().quarantine.len(), 5);
    assert_eq!(Programs::new(app).page("").end_sequence, 1);
}

#[test]
fn example_event_is_recorded() {
    let app = app();
    let body = include_str!("../../../../events/event-feed/job-ready.json");
    assert!(record(&app, &[body.to_owned()]).is_empty());
    let page = Programs::new(app).page("");
    assert_eq!(page.events[0].id, "6d0ad460-5c6b-5e5f-9a0b-6f0b0c0d0e0f:3");
}

#[test]
fn feed_is_for_those_who_see_all_jobs_of_the_tenant() {
    let app = app();
    record_events(&app, 0..3);
    record(&app, &[bus_event("globex", 7, 3, "JobReady")]);
    let programs = Programs::new(app);
    assert_eq!(programs.page("").end_sequence, 3);
    for (groups, query, code) in [
        ("[customer tenant:acme]", "", "forbidden"),
        ("[customer tenant:acme]", "tenant=acme", "forbidden"),
        ("[reviewer tenant:acme]", "tenant=globex", "forbidden"),
        ("[reviewer tenant:globex]", "tenant=acme", "forbidden"),
        ("[reviewer]", "tenant=acme", "forbidden"),
        ("[support]", "", "bad-request"),
        ("[support]", "tenant=globx", "not-found"),
        ("[reviewer tenant:acme]", "limit=0", "bad-request"),
        ("[reviewer tenant:acme]", "limit=101", "bad-request"),
        ("[reviewer tenant:acme]", "colour=red", "bad-request"),
    ] {
        assert_eq!(programs.problem(groups, query), code, "{groups} {query}");
    }
    let support = programs.send("[support]", "GET", "tenant=globex");
    assert_eq!(support.status_code, 200);
    let method = programs.send("[reviewer tenant:acme]", "POST", "");
    assert_eq!(method.status_code, 405);
}

#[test]
fn waiting_program_gets_an_event_as_soon_as_the_feed_is_read_again() {
    let app = app();
    record_events(&app, 0..3);
    let programs = Programs::new(app);
    let cursor = programs.page("").cursor;
    let body = bus_event("acme", 3, 3, "JobReady");
    let query = format!("since={cursor}&wait=20");
    let request = programs.request("[reviewer tenant:acme]", "GET", &query);
    let arrives = async {
        // While the request waits.
        let messages = batch(programs.app(), &[body], 1);
        handle(programs.app(), messages).await.unwrap()
    };
    let (response, _) = run(async { tokio::join!(request, arrives) });
    let page: EventPage = serde_json::from_str(&response.body).unwrap();
    assert_eq!((page.count, page.sequence), (1, 4));
    assert_eq!(programs.app().ports.state().now.0, NOW.0 + 5_000);
}

#[test]
fn program_that_waits_in_vain_gets_an_empty_page_for_a_few_reads() {
    let app = app();
    record_events(&app, 0..13);
    let programs = Programs::new(app);
    let cursor = programs.page("").cursor;
    let reads = || programs.app().ports.state().calls["get_record"];
    let before = reads();
    let page = programs.page(&format!("since={cursor}&wait=20"));
    assert_eq!((page.count, reads() - before), (0, 5));
    assert_eq!(programs.app().ports.state().now.0, NOW.0 + 20_000);
    assert_eq!(programs.page(&format!("since={}", page.cursor)).count, 0);
    let at_once = programs.page("limit=1&wait=20");
    assert_eq!(at_once.count, 1);
    assert_eq!(programs.app().ports.state().now.0, NOW.0 + 20_000);
    for wait in ["21", "-1", "1.5", "x"] {
        let query = format!("since={cursor}&wait={wait}");
        let groups = "[reviewer tenant:acme]";
        assert_eq!(programs.problem(groups, &query), "bad-request", "{wait}");
    }
}

#[test]
fn cursor_of_another_tenant_or_a_forged_one_is_refused() {
    let app = app();
    record_events(&app, 0..3);
    record(&app, &[bus_event("globex", 7, 3, "JobReady")]);
    let programs = Programs::new(app);
    let cursor = programs.page("").cursor;
    let both = "[reviewer tenant:acme tenant:globex]";
    for query in [
        format!("tenant=globex&since={cursor}"),
        format!("tenant=acme&since=A{cursor}"),
        "tenant=acme&since=".to_owned(),
        "tenant=acme&since=1".to_owned(),
    ] {
        assert_eq!(programs.problem(both, &query), "bad-cursor", "{query}");
    }
    // It belongs to the tenant, not to the caller.
    let other = programs.send("[reviewer tenant:acme]", "GET", &format!("since={cursor}"));
    assert_eq!(other.status_code, 200);
    let both_positions = format!("tenant=acme&since={cursor}&from=1");
    assert_eq!(programs.problem(both, &both_positions), "bad-request");
}

#[test]
fn events_from_a_time_on_are_found_and_expired_ones_are_reported() {
    const DAY: u64 = 86_400_000;
    let app = app();
    for day in 0..40_u64 {
        app.ports.state().now = Timestamp(NOW.0 + day * DAY);
        record_events(&app, day * 3..day * 3 + 3);
    }
    let programs = Programs::new(app);
    for day in [39, 35, 20, 15] {
        let from = NOW.0 + day * DAY;
        let page = programs.page(&format!("from={from}&limit=1"));
        assert_eq!(page.events[0].sequence, day * 3 + 1, "day {day}");
        let page = programs.page(&format!("from={}&limit=1", from + 1));
        let next = (day < 39).then_some(day * 3 + 4);
        assert_eq!(page.events.first().map(|event| event.sequence), next);
    }
    // Kept for 30 days, a segment at a time: the ninth day is older.
    let oldest = programs.page("limit=1");
    let first = oldest.events[0].sequence;
    assert!((25..=31).contains(&first), "{first}");
    assert_eq!(programs.page("from=1&limit=1").events[0].sequence, first);
    // A program that stopped before that has missed events, and is told so.
    programs.app().ports.state().now = NOW;
    let early = programs.page("limit=5").cursor;
    programs.app().ports.state().now = Timestamp(NOW.0 + 39 * DAY);
    let groups = "[reviewer tenant:acme]";
    assert_eq!(programs.problem(groups, &format!("since={early}")), "gone");
}

#[test]
fn cursor_of_events_that_a_restored_table_does_not_have_is_refused() {
    let app = app();
    record_events(&app, 0..12);
    let backup = app.ports.state().records.clone();
    record_events(&app, 12..15);
    let programs = Programs::new(app);
    let cursor = programs.page("").cursor;
    programs.app().ports.state().records = backup;
    let groups = "[reviewer tenant:acme]";
    let problem = || programs.problem(groups, &format!("since={cursor}"));
    assert_eq!(problem(), "gone", "the feed is shorter");
    record_events(programs.app(), 20..23);
    assert_eq!(problem(), "gone", "the feed goes on with other events");
}
