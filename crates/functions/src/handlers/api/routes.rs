//! Every request that the API takes: one table, from which requests are dispatched and `docs/api.md` is written.

use api::ports::{JobList, ObjectTransfers, QuarantineStore};
use api::types::{
    Configuration, JobCommandRequest, JobQuery, Me, NewPlan, NewTicket, NewUpload, PartsWanted,
    PipelineView, Reason,
};
use api::{
    ApiError, Principal, audit, commands, job_detail, job_list, quarantine, retry_plans, search,
    summary, tickets, uploads,
};
use jobs::apply::RunContext;
use jobs::id::Timestamp;
use jobs::pipeline::{Pipeline, Pipelines};
use jobs::ports::{
    CheckQueue, Clock, Connections, DeadLetters, JobStore, KeyValueStore, ObjectStore, Pusher,
    RetryCommandQueue, Tickets,
};
use jobs::state::Cause;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::cursor::Sealer;
use super::http::HttpEvent;

/// All that the API needs of the outside world.
pub trait ApiPorts:
    Clock
    + JobStore
    + JobList
    + ObjectStore
    + ObjectTransfers
    + KeyValueStore
    + Tickets
    + QuarantineStore
    + DeadLetters
    + CheckQueue
    + RetryCommandQueue
    + Connections
    + Pusher
{
}

impl<P> ApiPorts for P where
    P: Clock
        + JobStore
        + JobList
        + ObjectStore
        + ObjectTransfers
        + KeyValueStore
        + Tickets
        + QuarantineStore
        + DeadLetters
        + CheckQueue
        + RetryCommandQueue
        + Connections
        + Pusher
{
}

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// What it is.
    pub what: What,
    /// Its method.
    pub method: &'static str,
    /// Its path; segments in braces may be anything.
    pub path: &'static str,
    /// What it does, in a sentence.
    pub does: &'static str,
    /// Who may ask.
    pub who: &'static str,
    /// What it takes, a type of [`api::types`]: in the query of a GET, else in the body.
    pub takes: Option<&'static str>,
    /// The status and the type of its answer.
    pub answers: (u16, Option<&'static str>),
}

macro_rules! routes {
    ($($what:ident $method:literal $path:literal $who:literal $takes:expr => $status:literal $answers:expr, $does:literal;)*) => {
        /// What a request is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum What {
            $(#[doc = $does] $what,)*
        }

        /// Every route.
        pub const ROUTES: &[Route] = &[
            $(Route {
                what: What::$what,
                method: $method,
                path: $path,
                does: $does,
                who: $who,
                takes: $takes,
                answers: ($status, $answers),
            },)*
        ];
    };
}

routes! {
    Configure "GET" "/configuration" "anyone" None => 200 Some("Configuration"), "Says what a program must know before anyone has signed in. Needs no token.";
    ShowMe "GET" "/me" "all" None => 200 Some("Me"), "Says who the caller is and may do, and what can be uploaded.";
    Announce "POST" "/uploads" "all" Some("NewUpload") => 201 Some("UploadView"), "Announces an upload and answers its job's id and the signed requests that send it. Above 100 MB it goes in parts.";
    ShowUpload "GET" "/uploads/{job_id}" "whoever announced it" None => 200 Some("UploadView"), "Says how to go on with an upload: which parts have arrived, and a request signed anew.";
    SignParts "POST" "/uploads/{job_id}/parts" "whoever announced it" Some("PartsWanted") => 200 Some("SignedParts"), "Signs the sending of some parts.";
    Complete "POST" "/uploads/{job_id}/complete" "whoever announced it" None => 200 Some("UploadView"), "Makes the object of the parts that have arrived. Refused as `parts-missing` if some have not.";
    Abort "DELETE" "/uploads/{job_id}" "whoever announced it" None => 204 None, "Gives an upload up.";
    ListJobs "GET" "/jobs" "all" Some("JobQuery") => 200 Some("JobPage"), "Lists jobs, newest first, or finds them by any id. Looks at no more than 500 rows for one answer.";
    ShowJob "GET" "/jobs/{job_id}" "whoever sees the job" None => 200 Some("JobDetail"), "Tells all about a job in plain words; also of one whose file has not arrived.";
    FetchResult "GET" "/jobs/{job_id}/result" "whoever sees the job" None => 200 Some("ResultView"), "Signs the download of a result. Refused as `not-ready` if there is none, `gone` if it was deleted.";
    Retry "POST" "/jobs/{job_id}/retry" "whoever sees the job" Some("JobCommandRequest") => 202 Some("JobCommandResult"), "Has a failed job run again. Refused as `changed`, `refused` or `poisoned`.";
    Cancel "POST" "/jobs/{job_id}/cancel" "whoever sees the job" Some("JobCommandRequest") => 200 Some("JobCommandResult"), "Gives an open job up. SageMaker cannot cancel: a result that still comes is dropped.";
    DeleteData "DELETE" "/jobs/{job_id}/data" "support" Some("JobCommandRequest") => 200 Some("JobCommandResult"), "Deletes the uploaded file, its copies and its results for good. The record of the job stays.";
    MakePlan "POST" "/retry-plans" "support" Some("NewPlan") => 201 Some("PlanView"), "Names failed jobs to run again together, with counts and an estimate. Starts none.";
    ListPlans "GET" "/retry-plans" "support" None => 200 Some("Plans"), "Lists the newest 50 plans.";
    ShowPlan "GET" "/retry-plans/{plan_id}" "support" None => 200 Some("PlanView"), "Shows a plan and what became of its jobs.";
    ApplyPlan "POST" "/retry-plans/{plan_id}/apply" "support" None => 200 Some("PlanView"), "Begins to release a plan's jobs at its rate. A second time changes nothing.";
    ListQuarantine "GET" "/quarantine" "support" Some("Page") => 200 Some("QuarantinePage"), "Lists the messages that could not be understood, by queue.";
    ShowQuarantined "GET" "/quarantine/{entry_id}" "support" None => 200 Some("QuarantineEntry"), "Shows such a message with its text.";
    Replay "POST" "/quarantine/{entry_id}/replay" "support" Some("Reason") => 202 Some("QuarantineEntry"), "Sends a message to its queue again. It comes back if it fails again.";
    Discard "POST" "/quarantine/{entry_id}/discard" "support" Some("Reason") => 204 None, "Throws a message away; the audit log keeps what it was.";
    ListAudit "GET" "/audit" "support" Some("Page") => 200 Some("AuditPage"), "Lists who did what and why, newest first.";
    Summarize "GET" "/summary" "all" Some("Of") => 200 Some("Summary"), "Says how things stand in a few numbers.";
    IssueTicket "POST" "/ws-tickets" "all" Some("NewTicket") => 201 Some("TicketView"), "Issues a ticket that opens one WebSocket within a minute.";
}

/// Where a list goes on, as query parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Page {
    cursor: Option<String>,
}

/// Of which tenant, as query parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Of {
    tenant: Option<String>,
}

/// A request and all that it takes to answer it.
pub(super) struct ApiRequest<'a, P> {
    pub(super) ports: &'a P,
    pub(super) bucket: &'a str,
    pub(super) configuration: &'a Configuration,
    pub(super) sealer: &'a Sealer,
    pub(super) run: &'a RunContext<'a>,
    pub(super) push_until: Timestamp,
    pub(super) event: &'a HttpEvent,
}

/// What is answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

/// The path of the route of a request, for the log: it holds no ids.
pub(super) fn path_of(request: &HttpEvent) -> &'static str {
    route(request).map_or("unknown", |(route, _)| route.path)
}

/// The longest id in a path, in bytes.
const MAX_ID: usize = 200;

/// The route of a request, and what stands for its path's braces.
fn route(request: &HttpEvent) -> Result<(&'static Route, String), ApiError> {
    let none = || ApiError::NotFound("there is no such address; see docs/api.md".to_owned());
    let segments = request.segments().ok_or_else(none)?;
    let fits = |route: &&Route| {
        let path: Vec<&str> = route.path.trim_start_matches('/').split('/').collect();
        path.len() == segments.len()
            && path
                .iter()
                .zip(&segments)
                .all(|(want, have)| want.starts_with('{') || want == have)
    };
    let mut there = ROUTES.iter().filter(fits).peekable();
    if there.peek().is_none() {
        return Err(none());
    }
    let method = request.method();
    let route = there.find(|route| route.method == method).ok_or_else(|| {
        ApiError::MethodNotAllowed(format!("{method} makes no sense here; see docs/api.md"))
    })?;
    let id = segments.get(1).cloned().unwrap_or_default();
    let is_no_id = id.is_empty() || id.len() > MAX_ID || id.chars().any(char::is_control);
    if segments.len() > 1 && is_no_id {
        return Err(none());
    }
    Ok((route, id))
}

/// Answers a request.
pub(super) async fn answer<P: ApiPorts>(
    asked: &ApiRequest<'_, P>,
    principal: Option<&Principal>,
) -> Result<Answer, ApiError> {
    let (route, id) = route(asked.event)?;
    let (ports, request) = (asked.ports, asked.event);
    let pipelines = asked.run.pipelines;
    let done = |body: Value| Answer {
        status: route.answers.0,
        body,
    };
    if route.what == What::Configure {
        return Ok(done(json(asked.configuration)));
    }
    let principal = principal.ok_or_else(|| {
        ApiError::Forbidden(
            "the token does not say who you are; send the ID token of your sign-in".to_owned(),
        )
    })?;
    principal.check(ports.now())?;
    let id = id.as_str();
    Ok(done(match route.what {
        What::Configure => Value::Null,
        What::ShowMe => json(&me(principal, pipelines)),
        What::Announce => {
            let upload: NewUpload = request.json()?;
            json(&uploads::create(ports, pipelines, asked.bucket, principal, &upload).await?)
        }
        What::ShowUpload => json(&uploads::show(ports, principal, id).await?),
        What::SignParts => {
            let wanted: PartsWanted = request.json()?;
            json(&uploads::parts(ports, principal, id, &wanted).await?)
        }
        What::Complete => json(&uploads::complete(ports, principal, id).await?),
        What::Abort => {
            uploads::abort(ports, principal, id).await?;
            Value::Null
        }
        What::ListJobs => list_jobs(asked, principal).await?,
        What::ShowJob => json(&job_detail::show(ports, principal, id).await?),
        What::FetchResult => json(&job_detail::result(ports, pipelines, principal, id).await?),
        What::Retry => {
            let order: JobCommandRequest = request.json()?;
            let until = asked.push_until;
            json(&commands::retry(ports, asked.run, principal, id, &order, until).await?)
        }
        What::Cancel => {
            let order: JobCommandRequest = request.json()?;
            let until = asked.push_until;
            json(&commands::cancel(ports, asked.run, principal, id, &order, until).await?)
        }
        What::DeleteData => {
            let order: JobCommandRequest = request.json()?;
            let until = asked.push_until;
            json(&commands::delete_data(ports, asked.run, principal, id, &order, until).await?)
        }
        What::MakePlan => {
            let plan: NewPlan = request.json()?;
            let filter = &plan.filter;
            check_names(
                pipelines,
                filter.pipeline.as_deref(),
                filter.cause.as_deref(),
            )?;
            json(&retry_plans::create(ports, pipelines, principal, &plan).await?)
        }
        What::ListPlans => json(&retry_plans::list(ports, principal).await?),
        What::ShowPlan => json(&retry_plans::show(ports, principal, id).await?),
        What::ApplyPlan => json(&retry_plans::apply(ports, pipelines, principal, id).await?),
        What::ListQuarantine => {
            let (question, from) = asked.from::<String>(principal, "quarantine").await?;
            let (mut page, next) = quarantine::list(ports, principal, from.as_deref()).await?;
            page.cursor = asked.cursor(&question, next.as_ref()).await?;
            json(&page)
        }
        What::ShowQuarantined => json(&quarantine::show(ports, principal, id).await?),
        What::Replay => {
            let Reason { reason } = request.json()?;
            json(&quarantine::replay(ports, pipelines, principal, id, &reason).await?)
        }
        What::Discard => {
            let Reason { reason } = request.json()?;
            quarantine::discard(ports, pipelines, principal, id, &reason).await?;
            Value::Null
        }
        What::ListAudit => {
            let (question, from) = asked.from::<String>(principal, "audit").await?;
            let (mut page, next) = audit::list(ports, principal, from.as_deref()).await?;
            page.cursor = asked.cursor(&question, next.as_ref()).await?;
            json(&page)
        }
        What::Summarize => {
            let Of { tenant } = request.query()?;
            json(&summary::summary(ports, principal, tenant.as_deref()).await?)
        }
        What::IssueTicket => {
            let ticket: NewTicket = request.json()?;
            let url = &asked.configuration.web_socket_url;
            json(&tickets::issue(ports, principal, url, &ticket).await?)
        }
    }))
}

fn json<T: Serialize>(answer: &T) -> Value {
    // Answers are made of strings and numbers: there is nothing in them that JSON cannot say.
    serde_json::to_value(answer).unwrap_or_else(|error| json!({"error": error.to_string()}))
}

fn me(principal: &Principal, pipelines: &Pipelines) -> Me {
    let pipeline = |pipeline: &Pipeline| PipelineView {
        name: pipeline.name.clone(),
        content_types: pipeline.content_types.clone(),
        max_bytes: pipeline.max_bytes,
        result_type: pipeline.output.content_type().to_owned(),
        slo_seconds: pipeline.slo_seconds,
        typical_run_seconds: pipeline.typical_run_seconds,
    };
    Me {
        actor: principal.actor.clone(),
        roles: principal
            .roles
            .iter()
            .map(|role| role.name().to_owned())
            .collect(),
        tenants: principal
            .tenants
            .iter()
            .map(|tenant| tenant.as_str().to_owned())
            .collect(),
        expires_at: principal.expires_at.0,
        pipelines: pipelines
            .iter()
            .filter(|pipeline| !pipeline.retired)
            .map(pipeline)
            .collect(),
    }
}

async fn list_jobs<P: ApiPorts>(
    asked: &ApiRequest<'_, P>,
    principal: &Principal,
) -> Result<Value, ApiError> {
    let mut query: JobQuery = asked.event.query()?;
    let ports = asked.ports;
    if let Some(text) = &query.find {
        let tenant = query.tenant.as_deref();
        let bucket = asked.bucket;
        let pipelines = asked.run.pipelines;
        return Ok(json(
            &search::find(ports, pipelines, bucket, principal, tenant, text).await?,
        ));
    }
    check_names(
        asked.run.pipelines,
        query.pipeline.as_deref(),
        query.cause.as_deref(),
    )?;
    let cursor = query.cursor.take();
    // How many are wanted at once may change from page to page; what is asked for may not.
    let filters = JobQuery {
        limit: None,
        ..query.clone()
    };
    let filters = serde_json::to_string(&filters).unwrap_or_default();
    let question = question(principal, "jobs", &filters);
    let from = match cursor {
        Some(cursor) => Some(asked.sealer.open(ports, &question, &cursor).await?),
        None => None,
    };
    let (mut page, next) = job_list::list(ports, principal, &query, from).await?;
    page.cursor = asked.cursor(&question, next.as_ref()).await?;
    Ok(json(&page))
}

/// A name that there is not would find nothing, and look as if there were nothing.
fn check_names(
    pipelines: &Pipelines,
    pipeline: Option<&str>,
    cause: Option<&str>,
) -> Result<(), ApiError> {
    if let Some(name) = pipeline
        && pipelines.get(name).is_none()
    {
        let known: Vec<&str> = pipelines.iter().map(|one| one.name.as_str()).collect();
        let known = known.join(", ");
        return Err(ApiError::BadRequest(format!("the pipelines are {known}")));
    }
    if let Some(name) = cause
        && Cause::ALL.iter().all(|cause| cause.name() != name)
    {
        let known = Cause::ALL.map(Cause::name).join(", ");
        return Err(ApiError::BadRequest(format!("the causes are {known}")));
    }
    Ok(())
}

fn question(principal: &Principal, what: &str, filters: &str) -> String {
    let tenants: Vec<&str> = principal.tenants.iter().map(|one| one.as_str()).collect();
    json!([
        what,
        principal.actor,
        principal.is_support(),
        tenants,
        filters
    ])
    .to_string()
}

impl<P: ApiPorts> ApiRequest<'_, P> {
    /// Where a simple list goes on, and the question that its cursors belong to.
    async fn from<T: serde::de::DeserializeOwned>(
        &self,
        principal: &Principal,
        what: &str,
    ) -> Result<(String, Option<T>), ApiError> {
        let Page { cursor } = self.event.query()?;
        let question = question(principal, what, "");
        let ports = self.ports;
        let from = match cursor {
            Some(cursor) => Some(self.sealer.open(ports, &question, &cursor).await?),
            None => None,
        };
        Ok((question, from))
    }

    async fn cursor<T: Serialize>(
        &self,
        question: &str,
        next: Option<&T>,
    ) -> Result<Option<String>, ApiError> {
        match next {
            Some(next) => {
                let ports = self.ports;
                Ok(Some(self.sealer.seal(ports, question, next).await?))
            }
            None => Ok(None),
        }
    }
}
