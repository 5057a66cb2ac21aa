//! Counts by status, the profile of a caller, and what an open job says of when it will be ready.

use api::types::{CallerView, JobDetail, JobPage, JobSummary, TicketView};
use functions::config::HasPipelines as _;
use jobs::id::{Attempt, Timestamp};
use jobs::state::{Cause, State};

use super::super::fixtures::{BUCKET, NOW, run};
use super::{TestApi, counts};

#[test]
fn summary_counts_failed_jobs_by_the_time_they_failed() {
    let api = TestApi::new();
    api.failed_job("inbound/acme/a.pdf", 3 * 86_400_000, Cause::ModelError);
    let job = api.failed_job("inbound/acme/b.pdf", 3 * 86_400_000, Cause::ModelError);
    api.ports()
        .state()
        .jobs
        .get_mut(&job.id)
        .unwrap()
        .updated_at
        .0 = NOW.0 - 60_000;
    let own: JobSummary = api.reviewer().get("/summary");
    let all: JobSummary = api.support().get("/summary");
    assert_eq!((own.failed, all.failed), (1, 1));
}

#[test]
fn since_in_the_future_lists_nothing() {
    let api = TestApi::new();
    api.failed_job("inbound/acme/a.pdf", 10, Cause::ModelError);
    for since in [(1 << 53) - 1, NOW.0 + 1] {
        let page: JobPage = api.reviewer().get(&format!("/jobs?since={since}"));
        assert!(page.jobs.is_empty());
        let page: JobPage = api
            .support()
            .get(&format!("/jobs?status=failed&since={since}"));
        assert!(page.jobs.is_empty());
    }
}

#[test]
fn summary_counts_only_jobs_that_the_caller_may_see() {
    let api = TestApi::new();
    api.job("inbound/acme/late.pdf", 86_400_000 * 3, |job| {
        job.state = State::InProgress {
            attempt: Attempt(1),
            deadline: Timestamp(NOW.0 - 3_600_000),
            budget: jobs::state::RetryBudget {
                last_attempt: Attempt(3),
                expires_at: NOW,
                earlier_result: Attempt::NONE,
            },
        };
    });
    api.failed_job("inbound/acme/a.pdf", 10, Cause::ModelError);
    api.failed_job("inbound/acme/b.pdf", 20, Cause::ModelError);
    api.failed_job("inbound/acme/c.pdf", 30, Cause::TimedOut);
    api.failed_job("inbound/acme/old.pdf", 2 * 86_400_000, Cause::TimedOut);
    let all: JobSummary = api.support().get("/summary");
    assert_eq!(
        (all.open, all.stalled, all.failed, all.quarantined),
        (1, Some(1), 3, Some(0))
    );
    assert_eq!(
        counts(&all.failed_by_cause),
        [("ModelError", 2), ("TimedOut", 1)].into()
    );
    let own: JobSummary = api.reviewer().get("/summary");
    assert_eq!(
        (own.open, own.stalled, own.failed, own.quarantined),
        (1, None, 3, None)
    );
    let others: JobSummary = api.other_tenant().get("/summary");
    assert_eq!((others.open, others.failed), (0, 0));
    for (number, uploader) in [
        "carla@acme.example",
        "carl@acme.example",
        "carl@acme.example",
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("inbound/acme/of-{number}.pdf");
        api.job(&key, 10, |job| {
            super::fail(job, Cause::Expired);
            job.input.uploaded_by = Some(uploader.to_owned());
        });
        let key = format!("inbound/acme/open-of-{number}.pdf");
        api.job(&key, 10, |job| {
            job.input.uploaded_by = Some(uploader.to_owned())
        });
    }
    let customer: JobSummary = api.customer().get("/summary");
    assert_eq!(
        counts(&customer.failed_by_cause).get("Expired"),
        Some(&1),
        "a customer must not learn of others' uploads"
    );
    assert_eq!(
        (customer.open, customer.failed),
        (own.open + 1, own.failed + 1)
    );
    assert_eq!(
        api.other_tenant()
            .problem_code("GET", "/summary?tenant=acme", None),
        "forbidden"
    );
}

#[test]
fn every_role_gets_its_own_profile_and_a_ticket_for_its_own_tenants() {
    let api = TestApi::new();
    let me: CallerView = api.customer().get("/me");
    assert_eq!(
        (me.actor.as_str(), me.roles, me.tenants),
        (
            "carla@acme.example",
            vec!["customer".to_owned()],
            vec!["acme".to_owned()]
        )
    );
    let offered: Vec<&str> = me.pipelines.iter().map(|one| one.name.as_str()).collect();
    assert!(offered.contains(&"legal-review"), "{offered:?}");
    let ticket = |client: super::Client<'_>, body: serde_json::Value| {
        let view: TicketView = client.post("/ws-tickets", body);
        let secret = view.url.split("ticket=").nth(1).unwrap();
        let ticket = api.ports().state().tickets[secret].clone();
        (ticket.subscription, ticket.uploader)
    };
    let none = || serde_json::json!({});
    assert_eq!(
        ticket(api.customer(), none()),
        ("acme".to_owned(), Some("carla@acme.example".to_owned()))
    );
    assert_eq!(ticket(api.reviewer(), none()), ("acme".to_owned(), None));
    assert_eq!(ticket(api.support(), none()), ("*".to_owned(), None));
    let one = serde_json::json!({"tenant": "acme"});
    assert_eq!(
        ticket(api.support(), one.clone()),
        ("acme".to_owned(), None)
    );
    assert_eq!(
        api.other_tenant()
            .problem_code("POST", "/ws-tickets", Some(one)),
        "forbidden"
    );
    let two = api.client("dana@acme.example", "[reviewer tenant:acme tenant:globex]");
    assert_eq!(
        two.problem_code("POST", "/ws-tickets", Some(none())),
        "bad-request",
        "a caller with several tenants must name one"
    );
    let page: JobPage = two.get("/jobs");
    assert!(page.jobs.is_empty());
    let detail =
        api.customer()
            .problem_code("GET", "/jobs/5b9c3e9e-8f6b-5f57-9b4e-0d6d1d1f5a2b", None);
    assert_eq!(detail, "not-found");
    let job = api.job("inbound/acme/a.pdf", 10, |_| {});
    let detail: JobDetail = api.customer().get(&format!("/jobs/{}", job.id));
    assert_eq!(detail.input, format!("s3://{BUCKET}/inbound/acme/a.pdf"));
}

#[test]
fn open_job_says_when_it_will_be_ready_or_why_that_is_not_known() {
    let api = TestApi::new();
    let id = api.job("inbound/acme/open.pdf", 3000, |_| {}).id;
    api.job("inbound/acme/ready.pdf", 1000, |job| {
        job.state = State::Ready {
            attempt: Attempt(1),
        };
    });
    let listed = |at: usize| {
        let page: JobPage = api.reviewer().get("/jobs");
        page.jobs[at].ready_by.clone()
    };
    assert_eq!(listed(0), None, "a final job");
    let unknown = listed(1).unwrap();
    assert_eq!((unknown.about, unknown.latest), (None, None));
    assert!(!unknown.explanation.is_empty());

    let app = api.handler.app();
    let (ports, pipelines) = (&app.ports, app.environment.pipelines());
    let counted = run(jobs::open_jobs::count_open_jobs(
        ports,
        pipelines,
        Timestamp(u64::MAX),
    ));
    assert_eq!(counted.unwrap().unwrap()["legal-review"].open, 1);
    let known = listed(1).unwrap();
    let (Some(earliest), Some(about), Some(latest)) = (known.earliest, known.about, known.latest)
    else {
        panic!("no estimate: {known:?}");
    };
    assert!(
        NOW.0 <= earliest && earliest <= about && about <= latest,
        "{known:?}"
    );
    let detail: JobDetail = api.reviewer().get(&format!("/jobs/{id}"));
    assert_eq!(detail.job.unwrap().ready_by.as_ref(), Some(&known));
    assert_eq!(detail.explanation.ready_by, Some(known.clone()));
    let found: JobPage = api.reviewer().get(&format!("/jobs?find={id}"));
    assert_eq!(found.jobs[0].ready_by, Some(known));
}
