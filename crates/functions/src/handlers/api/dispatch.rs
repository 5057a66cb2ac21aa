//! Calls the use case of a route: decodes the request, and encodes the response.

use api::downloads::{self, Downloadable};
use api::ports::{
    JobList, MarksStore, ObjectDigest, ObjectTransfers, QuarantineStore, ReceiptSigner,
};
use api::types::{
    AuditQuery, BatchQuery, CallerView, ClientConfiguration, JobCommandRequest, JobQuery,
    MarksChange, NewPause, NewRetryPlan, NewTenant, NewTicket, NewUpload, PageQuery, PipelineView,
    QuarantineCommandRequest, ResultQuery, ResumeRequest, RetryPlanJobsQuery, SignPartsRequest,
    SummaryQuery, TenantRetentionChange,
};
use api::{
    ApiError, Permission, Principal, audit, batches, commands, data_deletion, data_export,
    job_detail, job_list, marks, pauses, quarantine, receipts, retry_plans, search, summary,
    tenants, tickets, uploads,
};
use jobs::apply::RunContext;
use jobs::id::Timestamp;
use jobs::pipeline::{Pipeline, Pipelines};
use jobs::ports::{
    CheckQueue, Clock, Connections, DeadLetters, JobIndex, JobStore, KeyValueStore, ObjectDeletion,
    ObjectStore, Pusher, RetryCommandQueue, Tickets,
};
use jobs::state::Cause;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::claims;
use super::cursor::CursorSigner;
use super::http::HttpEvent;
use super::problem::HttpError;
use super::routes::{Operation, find_route};
use crate::traces;

macro_rules! api_ports {
    ($($port:path),*) => {
        /// All ports of the HTTP API.
        pub trait ApiPorts: Clock $(+ $port)* {}
        impl<P: Clock $(+ $port)*> ApiPorts for P {}
    };
}

api_ports!(
    JobStore,
    JobIndex,
    JobList,
    MarksStore,
    ObjectStore,
    ObjectDeletion,
    ObjectTransfers,
    ObjectDigest,
    ReceiptSigner,
    KeyValueStore,
    Tickets,
    QuarantineStore,
    DeadLetters,
    CheckQueue,
    RetryCommandQueue,
    Connections,
    Pusher
);

/// A request, and what is needed to handle it.
pub(super) struct ApiRequest<'a, P> {
    pub(super) ports: &'a P,
    pub(super) bucket: &'a str,
    pub(super) configuration: &'a ClientConfiguration,
    pub(super) cursor_signer: &'a CursorSigner,
    pub(super) run: &'a RunContext<'a>,
    pub(super) push_until: Timestamp,
    pub(super) event: &'a HttpEvent,
}

#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    /// JSON; empty if the response has no body.
    pub(super) body: String,
}

pub(super) async fn dispatch<P: ApiPorts>(
    api_request: &ApiRequest<'_, P>,
    principal: Option<&Principal>,
) -> Result<Response, HttpError> {
    let (route, path) = find_route(api_request.event)?;
    // Some programs copy UUIDs in capitals.
    let id = path.find("job_id").map(|id| id.to_lowercase().parse());
    if let Some(Ok(id)) = id {
        traces::about_id(id);
    }
    let (ports, request, run) = (api_request.ports, api_request.event, api_request.run);
    let pipelines = run.pipelines;
    let response = |body: String| Response {
        status: route.status,
        body,
    };
    if route.operation == Operation::GetConfiguration {
        return Ok(response(to_json(api_request.configuration)));
    }
    let principal = principal.ok_or_else(claims::unidentified)?;
    claims::check(request, principal, ports.now())?;
    if let Some(permission) = route.permission {
        principal.must(permission)?;
    }
    let job_id = || path.get("job_id");
    let plan_id = || path.get("plan_id");
    let entry_id = || path.get("entry_id");
    Ok(response(match route.operation {
        Operation::GetConfiguration => String::new(),
        Operation::ListReceiptKeys => to_json(&receipts::keys(ports).await?),
        Operation::GetMe => to_json(&me(principal, pipelines)),
        Operation::GetMyData => {
            let PageQuery { cursor } = request.query()?;
            let query_id = query_id(principal, "data", "");
            let from = api_request.verify_cursor(&query_id, cursor).await?;
            // Those whom a company signs in have no digests, and so nothing that is stored by account.
            let account = claims::account(request).ok();
            let (mut page, next) =
                data_export::page(ports, run, principal, account.as_ref(), from).await?;
            page.cursor = api_request.sign_cursor(&query_id, next.as_ref()).await?;
            to_json(&page)
        }
        Operation::CreateUpload => {
            let upload: NewUpload = request.json()?;
            let key = request.idempotency_key();
            let bucket = api_request.bucket;
            to_json(&uploads::create(ports, pipelines, bucket, principal, &upload, key).await?)
        }
        Operation::GetUpload => to_json(&uploads::show(ports, principal, job_id()).await?),
        Operation::SignUploadParts => {
            let parts: SignPartsRequest = request.json()?;
            to_json(&uploads::sign_parts(ports, principal, job_id(), &parts).await?)
        }
        Operation::CompleteUpload => to_json(&uploads::complete(ports, principal, job_id()).await?),
        Operation::AbortUpload => {
            uploads::abort(ports, principal, job_id()).await?;
            String::new()
        }
        Operation::ListJobs => list_jobs(api_request, principal).await?,
        Operation::GetJob => to_json(&job_detail::show(ports, run, principal, job_id()).await?),
        Operation::GetResult => {
            let query: ResultQuery = request.query()?;
            let what = Downloadable::Result(query.attempt);
            to_json(&downloads::sign(ports, run, principal, job_id(), what).await?)
        }
        Operation::GetDocument => to_json(
            &downloads::sign(ports, run, principal, job_id(), Downloadable::Document).await?,
        ),
        Operation::GetReceipt => {
            let ResultQuery { attempt } = request.query()?;
            to_json(&receipts::issue(ports, run, principal, job_id(), attempt).await?)
        }
        Operation::RetryJob => {
            let command: JobCommandRequest = request.json()?;
            let until = api_request.push_until;
            to_json(&commands::retry(ports, run, principal, job_id(), &command, until).await?)
        }
        Operation::RunJobAgain => {
            let command: JobCommandRequest = request.json()?;
            let until = api_request.push_until;
            to_json(&commands::run_again(ports, run, principal, job_id(), &command, until).await?)
        }
        Operation::MakeJobUrgent => {
            let command: JobCommandRequest = request.json()?;
            let until = api_request.push_until;
            to_json(&commands::urgent(ports, run, principal, job_id(), &command, until).await?)
        }
        Operation::CancelJob => {
            let command: JobCommandRequest = request.json()?;
            let until = api_request.push_until;
            to_json(&commands::cancel(ports, run, principal, job_id(), &command, until).await?)
        }
        Operation::MarkJob => {
            let change: MarksChange = request.json()?;
            let until = api_request.push_until;
            to_json(&marks::change(ports, run, principal, job_id(), &change, until).await?)
        }
        Operation::DeleteJobData => {
            let command: JobCommandRequest = request.json()?;
            let until = api_request.push_until;
            to_json(
                &data_deletion::delete_data(ports, run, principal, job_id(), &command, until)
                    .await?,
            )
        }
        Operation::CreateRetryPlan => {
            let plan: NewRetryPlan = request.json()?;
            let filter = &plan.filter;
            check_names(
                pipelines,
                filter.pipeline.as_deref(),
                filter.cause.as_deref(),
            )?;
            to_json(&retry_plans::create(ports, pipelines, principal, &plan).await?)
        }
        Operation::ListRetryPlans => to_json(&retry_plans::list(ports, principal).await?),
        Operation::GetRetryPlan => to_json(&retry_plans::show(ports, principal, plan_id()).await?),
        Operation::ListRetryPlanJobs => {
            let RetryPlanJobsQuery { page } = request.query()?;
            to_json(&retry_plans::list_jobs(ports, principal, plan_id(), page).await?)
        }
        Operation::ApplyRetryPlan => {
            to_json(&retry_plans::apply(ports, pipelines, principal, plan_id()).await?)
        }
        Operation::StopRetryPlan => {
            to_json(&retry_plans::stop(ports, pipelines, principal, plan_id()).await?)
        }
        Operation::ListPauses => to_json(&pauses::list(ports, principal).await?),
        Operation::CreatePause => {
            let pause: NewPause = request.json()?;
            to_json(&pauses::create(ports, pipelines, principal, &pause).await?)
        }
        Operation::ResumePause => {
            let resume: ResumeRequest = request.json()?;
            let until = api_request.push_until;
            to_json(&pauses::resume(ports, pipelines, principal, &resume, until).await?)
        }
        Operation::ListQuarantine => {
            let (query_id, after) = api_request.page_position(principal, "quarantine").await?;
            let (mut page, next) = quarantine::list(ports, principal, after.as_deref()).await?;
            page.cursor = api_request.sign_cursor(&query_id, next.as_ref()).await?;
            to_json(&page)
        }
        Operation::GetQuarantineEntry => {
            to_json(&quarantine::show(ports, principal, entry_id()).await?)
        }
        Operation::RedriveQuarantineEntry => {
            let QuarantineCommandRequest { reason } = request.json()?;
            to_json(&quarantine::redrive(ports, pipelines, principal, entry_id(), &reason).await?)
        }
        Operation::DiscardQuarantineEntry => {
            let QuarantineCommandRequest { reason } = request.json()?;
            quarantine::discard(ports, pipelines, principal, entry_id(), &reason).await?;
            String::new()
        }
        Operation::ListAudit => {
            let mut query: AuditQuery = request.query()?;
            let cursor = query.cursor.take();
            let query_id = query_id(principal, "audit", &to_json(&query));
            let before: Option<String> = api_request.verify_cursor(&query_id, cursor).await?;
            let before = before.as_deref();
            let (mut page, next) = audit::list(ports, pipelines, principal, &query, before).await?;
            page.cursor = api_request.sign_cursor(&query_id, next.as_ref()).await?;
            to_json(&page)
        }
        Operation::GetBatch => {
            let BatchQuery { tenant } = request.query()?;
            let batch = path.get("batch");
            to_json(&batches::show(ports, principal, batch, tenant.as_deref()).await?)
        }
        Operation::GetSummary => {
            let SummaryQuery { tenant } = request.query()?;
            let summary = summary::summary(ports, principal, tenant.as_deref()).await?;
            if summary.open == 0 && summary.failed == 0 {
                tenants::must_be_known(ports, principal, tenant.as_deref()).await?;
            }
            to_json(&summary)
        }
        Operation::ListTenants => to_json(&tenants::list(ports, principal).await?),
        Operation::CreateTenant => {
            let new: NewTenant = request.json()?;
            to_json(&tenants::create(ports, pipelines, principal, &new).await?)
        }
        Operation::ChangeTenantRetention => {
            let change: TenantRetentionChange = request.json()?;
            let tenant = path.get("tenant");
            to_json(&tenants::change_retention(ports, pipelines, principal, tenant, &change).await?)
        }
        // Function `events-api` serves these.
        Operation::ListEvents
        | Operation::ListWebhooks
        | Operation::CreateWebhook
        | Operation::GetWebhook
        | Operation::ChangeWebhook
        | Operation::DeleteWebhook
        | Operation::RotateWebhookSecret
        | Operation::SendTestEvent
        | Operation::RedeliverEvents
        | Operation::ListDeliveries
        | Operation::EndMySessions
        | Operation::GetMyDigests
        | Operation::ChangeMyDigests
        | Operation::ChangeTenantDigests
        | Operation::ShowUnsubscribe
        | Operation::Unsubscribe
        | Operation::GetUsage => {
            return Err(ApiError::NotFound("another function serves this path".to_owned()).into());
        }
        Operation::CreateTicket => {
            let ticket: NewTicket = request.json()?;
            tenants::must_be_known(ports, principal, ticket.tenant.as_deref()).await?;
            let url = &api_request.configuration.web_socket_url;
            to_json(&tickets::issue(ports, principal, url, &ticket).await?)
        }
    }))
}

/// Directly to text: through a `Value` the binary would have a second serializer of each type.
pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    // Cannot fail: the types of the API consist of strings, integers, lists and structs.
    serde_json::to_string(value).unwrap_or_default()
}

fn me(principal: &Principal, pipelines: &Pipelines) -> CallerView {
    let pipeline_view = |pipeline: &Pipeline| PipelineView {
        name: pipeline.name.clone(),
        display_name: pipeline.display_name.clone(),
        content_types: pipeline.content_types.clone(),
        max_bytes: pipeline.max_bytes,
        result_type: pipeline.output.content_type().to_owned(),
        slo_seconds: pipeline.slo_seconds,
        typical_run_seconds: pipeline.typical_run_seconds,
        customers_may_delete: pipeline.customers_may_delete,
    };
    CallerView {
        actor: principal.actor.clone(),
        reader_id: marks::reader_id(&principal.actor),
        roles: principal
            .roles
            .iter()
            .map(|role| role.name().to_owned())
            .collect(),
        permissions: Permission::ALL
            .iter()
            .filter(|permission| principal.has(**permission))
            .map(|permission| permission.name().to_owned())
            .collect(),
        all_tenants: principal.has_for_all_tenants(Permission::SeeJobs),
        tenants: principal
            .tenants
            .iter()
            .map(|tenant| tenant.as_str().to_owned())
            .collect(),
        expires_at: principal.expires_at.0,
        pipelines: pipelines
            .iter()
            .filter(|pipeline| !pipeline.retired)
            .map(pipeline_view)
            .collect(),
    }
}

async fn list_jobs<P: ApiPorts>(
    api_request: &ApiRequest<'_, P>,
    principal: &Principal,
) -> Result<String, ApiError> {
    let mut query: JobQuery = api_request.event.query()?;
    let ports = api_request.ports;
    let pipelines = api_request.run.pipelines;
    job_list::check_filters(&query)?;
    job_list::check_readable(principal, &query)?;
    check_names(pipelines, query.pipeline.as_deref(), query.cause.as_deref())?;
    if let Some(text) = &query.find {
        let tenant = query.tenant.as_deref();
        let bucket = api_request.bucket;
        return Ok(to_json(
            &search::find(ports, pipelines, bucket, principal, tenant, text).await?,
        ));
    }
    let cursor = query.cursor.take();
    let search = query.search.is_some();
    // The limit may differ from page to page; the filters may not.
    let filters = JobQuery {
        limit: None,
        ..query.clone()
    };
    let filters = serde_json::to_string(&filters).unwrap_or_default();
    let query_id = query_id(principal, "jobs", &filters);
    if search {
        let from = api_request.verify_cursor(&query_id, cursor).await?;
        let bucket = api_request.bucket;
        let (mut page, next) =
            search::search(ports, pipelines, bucket, principal, &query, from).await?;
        if page.jobs.is_empty() && next.is_none() {
            tenants::must_be_known(ports, principal, query.tenant.as_deref()).await?;
        }
        page.cursor = api_request.sign_cursor(&query_id, next.as_ref()).await?;
        return Ok(to_json(&page));
    }
    let from = api_request.verify_cursor(&query_id, cursor).await?;
    let (mut page, next) = job_list::list(ports, principal, &query, from).await?;
    if page.jobs.is_empty() && next.is_none() {
        tenants::must_be_known(ports, principal, query.tenant.as_deref()).await?;
    }
    page.cursor = api_request.sign_cursor(&query_id, next.as_ref()).await?;
    Ok(to_json(&page))
}

/// Refuses unknown names: the list would be empty, as if there were no such jobs.
fn check_names(
    pipelines: &Pipelines,
    pipeline: Option<&str>,
    cause: Option<&str>,
) -> Result<(), ApiError> {
    if let Some(name) = pipeline
        && pipelines.get(name).is_none()
    {
        let known: Vec<&str> = pipelines.iter().map(|one| one.name.as_str()).collect();
        return Err(ApiError::BadRequest(format!(
            "there is no pipeline {name:?}; choose one of {}",
            known.join(", ")
        )));
    }
    if let Some(name) = cause
        && Cause::ALL.iter().all(|cause| cause.name() != name)
    {
        let known = Cause::ALL.map(Cause::name).join(", ");
        return Err(ApiError::BadRequest(format!(
            "there is no cause {name:?}; choose one of {known}"
        )));
    }
    Ok(())
}

/// Identifies a query of a caller. A cursor is valid only for the query that it was issued for.
fn query_id(principal: &Principal, list: &str, filters: &str) -> String {
    let tenants: Vec<&str> = principal.tenants.iter().map(|one| one.as_str()).collect();
    to_json(&(
        list,
        &principal.actor,
        principal
            .roles
            .iter()
            .map(|role| role.name())
            .collect::<Vec<_>>(),
        principal.audits_all_tenants,
        tenants,
        filters,
    ))
}

impl<P: ApiPorts> ApiRequest<'_, P> {
    /// The query id of a list without filters, and the position in the request's cursor.
    async fn page_position(
        &self,
        principal: &Principal,
        list: &str,
    ) -> Result<(String, Option<String>), ApiError> {
        let PageQuery { cursor } = self.event.query()?;
        let query_id = query_id(principal, list, "");
        let position = self.verify_cursor(&query_id, cursor).await?;
        Ok((query_id, position))
    }

    async fn verify_cursor<T: DeserializeOwned>(
        &self,
        query_id: &str,
        cursor: Option<String>,
    ) -> Result<Option<T>, ApiError> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let ports = self.ports;
        let position = self.cursor_signer.verify(ports, query_id, &cursor).await?;
        Ok(Some(position))
    }

    async fn sign_cursor<T: Serialize>(
        &self,
        query_id: &str,
        next: Option<&T>,
    ) -> Result<Option<String>, ApiError> {
        let Some(next) = next else {
            return Ok(None);
        };
        let ports = self.ports;
        Ok(Some(self.cursor_signer.sign(ports, query_id, next).await?))
    }
}
