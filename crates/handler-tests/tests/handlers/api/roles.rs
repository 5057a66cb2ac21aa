//! What each role may do and see: every route for every set of roles, compared with the table of permissions.

use std::collections::BTreeSet;

use api::types::{AuditPage, CallerView, JobDetail, JobPage, QuarantineEntry, TicketView};
use api::{Permission, Role};
use functions::handlers::api::events::{self, EventsApi};
use functions::handlers::api::routes::{ROUTES, Route};
use functions::handlers::api::{HttpEvent, HttpResponse};
use jobs::effects::push_update;
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::labels::{Labels, Tags};
use jobs::marks::{FindingCounts, Marks};
use jobs::ports::{Connection, Quarantine, QuarantinedMessage};
use jobs::state::Cause;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};

use super::super::fixtures::{Environment, NOW, app, run};
use super::{TestApi, claims, fail};

/// A word that occurs in all contents and nowhere else.
const WORD: &str = "Meteorit";

/// Both functions that serve the routes, over the same state.
struct Service {
    api: TestApi,
    events: EventsApi<testkit::memory::Memory, Environment>,
    job: Job,
}

impl Service {
    fn new() -> Self {
        let api = TestApi::new();
        let job = api.job(&format!("inbound/acme/{WORD}.pdf"), 1000, |job| {
            fail(job, Cause::ModelError);
            let failure = jobs::state::Failure::new(Cause::ModelError, WORD);
            job.attempts[0].failure = Some(failure.clone());
            job.state = jobs::state::State::Failed {
                attempt: job.attempts[0].attempt,
                failure,
            };
            job.attempts.truncate(1);
            job.input.labels = Labels {
                reference: Some(WORD.to_owned()),
                batch: Some(WORD.to_owned()),
                tags: Tags::from_lines(format!("{WORD}={WORD}")),
                ..Labels::default()
            };
            job.marks = Some(Box::new(Marks {
                revision: 1,
                note: Some(WORD.to_owned()),
                findings: Some(FindingCounts {
                    attempt: 1,
                    serious: 4711,
                    other: 0,
                }),
                ..Marks::default()
            }));
        });
        let message = QuarantinedMessage {
            source: "uploads".to_owned(),
            message_id: "m1".to_owned(),
            cause: "Malformed".into(),
            problem: format!("the key {WORD} is not understood"),
            body: format!("{{\"key\":\"{WORD}\"}}"),
            at: NOW,
        };
        run(api.ports().quarantine(&message)).unwrap();
        Self {
            api,
            events: EventsApi::new(app()),
            job,
        }
    }

    fn send(&self, groups: &str, route: &Route, path: &str, body: Option<Value>) -> HttpResponse {
        let name = "u@docket.example";
        if !is_of_events_api(route) {
            let client = self.api.client(name, groups);
            return client.send(route.method, path, body.as_ref());
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let event = json!({
            "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": {}, "isBase64Encoded": false,
            "body": body.map(|body| body.to_string()),
            "requestContext": {"http": {"method": route.method, "path": path}, "requestId": "r1", "stage": "$default",
                "authorizer": {"jwt": {"claims": claims(name, groups)}}},
        });
        let event: HttpEvent = serde_json::from_value(event).unwrap();
        let mut context = Context::default();
        context.deadline = NOW.0 + 29_000;
        run(events::handle(
            &self.events,
            LambdaEvent::new(event, context),
        ))
        .unwrap()
    }

    /// The path of a route with ids that exist where they can.
    fn path(&self, route: &Route) -> String {
        route
            .path
            .replace("{job_id}", &self.job.id.to_string())
            .replace("{plan_id}", "p1")
            .replace("{entry_id}", "uploads:m1")
            .replace("{webhook_id}", "acme.0123456789abcdef")
            .replace("{batch}", WORD)
            .replace("{tenant}", "acme")
            .replace("{link}", "x")
    }
}

fn is_of_events_api(route: &Route) -> bool {
    let first = route.path.split('/').nth(1).unwrap_or_default();
    ["events", "webhooks", "usage", "unsubscribe"].contains(&first)
        || route.path.ends_with("/digests")
}

/// All sets of roles, the empty one too.
fn role_sets() -> Vec<BTreeSet<Role>> {
    let sets = 0..1_usize << Role::ALL.len();
    let members = |set: usize| {
        let all = Role::ALL.into_iter().enumerate();
        all.filter(move |(at, _)| set >> at & 1 == 1)
    };
    sets.map(|set| members(set).map(|(_, role)| role).collect())
        .collect()
}

fn groups(roles: &BTreeSet<Role>, more: &[&str]) -> String {
    let names = roles.iter().map(|role| role.name());
    let names: Vec<&str> = names.chain(more.iter().copied()).collect();
    format!("[{}]", names.join(" "))
}

#[test]
fn route_is_refused_exactly_for_roles_without_its_permission() {
    let service = Service::new();
    for roles in role_sets() {
        for route in ROUTES {
            // Commands lack their bodies: a caller who may send them is told so, and nothing changes between two requests.
            let path = service.path(route);
            let is_allowed = route
                .permission
                .is_none_or(|permission| roles.iter().any(|role| permission.is_of(*role)));
            let response = service.send(&groups(&roles, &["tenant:acme"]), route, &path, None);
            assert_eq!(
                response.status_code != 403,
                is_allowed,
                "{roles:?} {} {path}: {} {}",
                route.method,
                response.status_code,
                response.body
            );
        }
    }
}

#[test]
fn table_says_what_roles_are_for() {
    let of = |role: Role| -> Vec<&Permission> {
        let all = Permission::ALL.iter();
        all.filter(|permission| permission.is_of(role)).collect()
    };
    assert_eq!(
        of(Role::Support),
        Permission::ALL.iter().collect::<Vec<_>>()
    );
    for role in [Role::Operator, Role::Auditor] {
        for contents in [
            Permission::ReadContents,
            Permission::ReadMessages,
            Permission::UploadDocuments,
            Permission::MarkJobs,
            Permission::JudgeContracts,
            Permission::ReceiveDigests,
            // A webhook with details would bring names to its owner.
            Permission::ChangeWebhooks,
            Permission::ChangeTenants,
            Permission::DeleteData,
        ] {
            assert!(!contents.is_of(role), "{role:?} {contents:?}");
        }
    }
    let writes = ROUTES.iter().filter(|route| route.method != "GET");
    let of_auditor = writes.filter(|route| {
        route
            .permission
            .is_some_and(|permission| permission.is_of(Role::Auditor))
    });
    let paths: Vec<&str> = of_auditor.map(|route| route.path).collect();
    assert_eq!(
        paths,
        ["/me/sessions", "/ws-tickets"],
        "an auditor changes nothing"
    );
}

#[test]
fn answers_to_operators_and_auditors_have_no_contents() {
    let service = Service::new();
    let plan: Value = serde_json::from_str(
        &service
            .api
            .support()
            .send(
                "POST",
                "/retry-plans",
                Some(&json!({"filter": {"tenant": "acme", "batch": WORD}, "reason": "again"})),
            )
            .body,
    )
    .unwrap();
    let plan = plan["id"].as_str().unwrap();
    let id = service.job.id;
    let support = service.api.support();
    let seen = |client: &super::Client<'_>, path: &str| client.send("GET", path, None).body;
    let job = format!("/jobs/{id}");
    let plan_jobs = format!("/retry-plans/{plan}/jobs");
    let with_contents = [
        job.as_str(),
        "/jobs?status=failed&tenant=acme",
        &format!("/jobs?find={id}"),
        &format!("/jobs?search={id}"),
        "/retry-plans",
        &plan_jobs,
        "/quarantine",
        "/quarantine/uploads:m1",
        &format!("/jobs?find=inbound/acme/{WORD}.pdf"),
        &format!("/jobs?find={WORD}&tenant=acme"),
    ];
    for path in with_contents {
        assert!(seen(&support, path).contains(WORD), "{path}");
    }
    for groups in [
        "[operator]",
        "[auditor tenant:acme]",
        "[auditor tenant:*]",
        "[operator auditor tenant:acme]",
    ] {
        let client = service.api.client("o@docket.example", groups);
        for path in with_contents
            .into_iter()
            .chain(["/audit", "/summary", "/tenants"])
        {
            let body = seen(&client, path);
            assert!(!body.contains(WORD), "{groups} {path}: {body}");
            assert!(!body.contains("4711"), "{groups} {path}: {body}");
        }
        let detail: JobDetail = client.get(&job);
        let view = detail.job.unwrap();
        assert!(view.contents_hidden);
        assert_eq!(view.name, "(name hidden)");
        assert_eq!(view.id, id.to_string());
        assert_eq!(view.failure.unwrap().cause, "ModelError");
        let found: JobPage = client.get(&format!("/jobs?search={id}"));
        assert_eq!(found.jobs.len(), 1, "{groups}");
        for path in [
            format!("/jobs?find=inbound/acme/{WORD}.pdf"),
            format!("/jobs?find={WORD}&tenant=acme"),
            format!("/jobs?search={WORD}"),
        ] {
            let found: JobPage = client.get(&path);
            assert_eq!(found.jobs, [], "{groups} {path} tells a name");
        }
        for filter in ["q=M", "reference=x", "batch=x", "found=serious"] {
            let (code, detail) =
                client.problem("GET", &format!("/jobs?tenant=acme&{filter}"), None);
            assert_eq!(code, "forbidden", "{groups} {filter}");
            assert!(detail.contains("read contents"), "{detail}");
        }
        for part in ["document", "result"] {
            assert_eq!(
                client.problem_code("GET", &format!("{job}/{part}"), None),
                "forbidden"
            );
        }
    }
}

#[test]
fn operator_repairs_without_contents() {
    let service = Service::new();
    let operator = service.api.client("o@docket.example", "[operator]");
    let me: CallerView = operator.get("/me");
    assert!(me.all_tenants);
    assert!(!me.permissions.contains(&"read-contents".to_owned()));
    let entry: QuarantineEntry = operator.get("/quarantine/uploads:m1");
    assert_eq!((entry.body, entry.problem.as_str()), (None, ""));
    let _: QuarantineEntry = operator.post(
        "/quarantine/uploads:m1/redrive",
        json!({"reason": "repaired"}),
    );
    let retry = format!("/jobs/{}/retry", service.job.id);
    let result: api::types::JobCommandResult = operator.post(&retry, json!({"reason": "again"}));
    assert_eq!(result.job.status, "RetryScheduled");
    assert!(result.job.contents_hidden);
    let row = service.api.ports().state().jobs[&service.job.id].clone();
    assert_eq!(
        (row.display_name().into_owned(), row.marks.is_some()),
        (format!("{WORD}.pdf"), true),
        "only views are without contents"
    );
    let with_batch = json!({"filter": {"tenant": "acme", "batch": WORD}, "reason": "again"});
    assert_eq!(
        operator.problem_code("POST", "/retry-plans", Some(with_batch)),
        "forbidden"
    );
}

#[test]
fn roles_add_up_job_by_job() {
    let service = Service::new();
    let key = "inbound/globex/other.pdf";
    let other = service.api.job(key, 1000, |job| {
        job.tenant = "globex".parse().unwrap();
    });
    let own = service.job.id;
    let both = service
        .api
        .client("b@acme.example", "[reviewer operator tenant:acme]");
    let hidden = |client: &super::Client<'_>, id: jobs::id::JobId| {
        let detail: JobDetail = client.get(&format!("/jobs/{id}"));
        detail.job.unwrap().contents_hidden
    };
    assert!(!hidden(&both, own));
    assert!(hidden(&both, other.id));
    assert_eq!(
        both.problem_code("GET", &format!("/jobs/{}/document", other.id), None),
        "forbidden",
        "the reviewer's permission is for acme"
    );
    let note = json!({"note": "x"});
    assert_eq!(
        both.problem_code("POST", &format!("/jobs/{}/marks", other.id), Some(note)),
        "forbidden"
    );
    // A batch is a name, so a plan by it needs the contents of the whole tenant.
    let plan = |tenant: &str| json!({"filter": {"tenant": tenant, "batch": WORD}, "reason": "x"});
    let created = both.send("POST", "/retry-plans", Some(&plan("acme")));
    assert_eq!(created.status_code, 201, "{}", created.body);
    for (client, tenant) in [
        (&both, "globex"),
        (
            &service
                .api
                .client("c@acme.example", "[customer operator tenant:acme]"),
            "acme",
        ),
    ] {
        let code = client.problem_code("POST", "/retry-plans", Some(plan(tenant)));
        assert_eq!(code, "forbidden");
    }
    // An auditor who is a customer reads the contents of own uploads only.
    let of_other = service.api.job("inbound/acme/of-other.pdf", 1000, |job| {
        job.input.uploaded_by = Some("x@acme.example".to_owned());
    });
    let auditor = service
        .api
        .client("a@acme.example", "[auditor customer tenant:acme]");
    assert!(!hidden(&auditor, own));
    assert!(hidden(&auditor, of_other.id));
    let cancel = format!("/jobs/{}/cancel", of_other.id);
    assert_eq!(
        auditor.problem_code("POST", &cancel, Some(json!({"reason": "x"}))),
        "forbidden"
    );
}

#[test]
fn auditor_reads_only_the_tenants_of_its_groups() {
    let service = Service::new();
    let id = service.job.id;
    let reason = json!({"reason": "checked"});
    let cancel = format!("/jobs/{id}/retry");
    let retried = service.api.reviewer().send("POST", &cancel, Some(&reason));
    assert_eq!(retried.status_code, 202);
    let of_globex = service
        .api
        .client("a@globex.example", "[auditor tenant:globex]");
    let of_acme = service
        .api
        .client("a@acme.example", "[auditor tenant:acme]");
    let of_all = service.api.client("a@docket.example", "[auditor tenant:*]");
    let log = |client: &super::Client<'_>| client.get::<AuditPage>("/audit").entries.len();
    assert_eq!((log(&of_globex), log(&of_acme), log(&of_all)), (0, 1, 1));
    assert_eq!(
        of_globex.problem_code("GET", &format!("/jobs/{id}"), None),
        "not-found"
    );
    let _: JobDetail = of_all.get(&format!("/jobs/{id}"));
    let everywhere = service.api.client("r@acme.example", "[reviewer tenant:*]");
    assert_eq!(
        everywhere.problem_code("GET", "/jobs?status=failed", None),
        "forbidden",
        "the group tenant:* counts for auditors only"
    );
    let no_tenant = service.api.client("a@docket.example", "[auditor]");
    assert_eq!(no_tenant.problem_code("GET", "/audit", None), "forbidden");
}

#[test]
fn pushes_to_operators_have_no_contents() {
    let service = Service::new();
    let ports = service.api.ports();
    let operator = service.api.client("o@docket.example", "[operator]");
    let view: TicketView = operator.post("/ws-tickets", json!({}));
    let secret = view.url.split_once("ticket=").unwrap().1;
    let ticket = run(jobs::ports::Tickets::redeem(ports, secret)).unwrap();
    let ticket = ticket.unwrap();
    assert_eq!(
        (ticket.subscription.as_str(), ticket.hides_contents),
        ("*", true)
    );
    let connection = |id: &str, hides_contents: bool| Connection {
        subscription: "*".to_owned(),
        uploader: None,
        hides_contents,
        connection_id: id.to_owned(),
        registered_at: NOW,
        token_expires_at: Timestamp(NOW.0 + 1_000_000),
    };
    ports.state().connections = vec![connection("operator", true), connection("support", false)];
    run(push_update(
        ports,
        service.job.clone(),
        Timestamp(NOW.0 + 10_000),
    ));
    let frames = ports.state().frames.clone();
    let frame = |id: &str| {
        let found = frames.iter().find(|(to, _)| to == id);
        found.unwrap().1.clone()
    };
    assert!(frame("support").contains(WORD));
    assert!(!frame("operator").contains(WORD));
    assert!(!frame("operator").contains("4711"));
    assert!(frame("operator").contains("\"contents_hidden\":true"));
}
