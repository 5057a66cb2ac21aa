//! Requests of people to the HTTP API, carried out by the product's use cases.

use std::rc::Rc;

use api::types::{
    JobCommandRequest, NewRetryPlan, NewUpload, RetryPlanView, SignPartsRequest, SignedParts,
    UploadView,
};
use api::{ApiError, Principal, commands, data_deletion, retry_plans, uploads};
use functions::bootstrap::App;
use jobs::apply::RunContext;
use jobs::id::{JobId, Timestamp};
use jobs::ports::Clock;

use crate::bucket::BUCKET;
use crate::ports::Ports;
use crate::settings::FunctionSettings;
use crate::time::SECOND;

/// The user who retries, cancels and deletes.
pub(crate) const SUPPORT: &str = "support";
/// The user who uploads, for all tenants.
pub(crate) const CUSTOMER: &str = "customer";
/// How long the function takes for pushes after a command.
const COMMAND_EFFECTS: u64 = 3 * SECOND;

/// A request. Those about an upload carry the index of its [`ClientUpload`](crate::people::ClientUpload).
#[derive(Clone, Debug)]
pub(crate) enum ApiRequest {
    Retry(JobId, String),
    Cancel(JobId, String),
    DeleteData(JobId, String),
    CreatePlan(Rc<NewRetryPlan>),
    ApplyPlan(String),
    ShowPlan(String),
    CreateUpload(usize, Rc<NewUpload>),
    SignParts(usize, String, Vec<u32>),
    CompleteUpload(usize, String),
    AbortUpload(usize, String),
}

#[derive(Debug)]
pub(crate) enum ApiAnswer {
    Done,
    Plan(Box<RetryPlanView>),
    Upload(Box<UploadView>),
    Parts(SignedParts),
    Refused(ApiError),
}

/// Carries out a request. `None`: a dependency did not answer, so the request may be repeated.
pub(crate) async fn answer(
    app: &App<Ports, FunctionSettings>,
    request: ApiRequest,
    deadline: u64,
) -> Option<ApiAnswer> {
    match carry_out(app, request, deadline).await {
        Ok(answer) => Some(answer),
        Err(ApiError::Unavailable(_)) => None,
        Err(error) => Some(ApiAnswer::Refused(error)),
    }
}

async fn carry_out(
    app: &App<Ports, FunctionSettings>,
    request: ApiRequest,
    deadline: u64,
) -> Result<ApiAnswer, ApiError> {
    let ports = &app.ports;
    let pipelines = &app.environment.pipelines;
    let run = RunContext {
        pipelines,
        bucket: BUCKET,
        lease_expires_at: Timestamp(deadline),
        on_job_found: |_| {},
    };
    let tomorrow = Timestamp(ports.now().0 + 86_400 * SECOND);
    let support = Principal::of_groups(SUPPORT, ["support"], tomorrow);
    let tenants = ["customer", "tenant:acme", "tenant:globex", "tenant:initech"];
    let customer = Principal::of_groups(CUSTOMER, tenants, tomorrow);
    let push_until = Timestamp(ports.now().0 + COMMAND_EFFECTS);
    let command = |reason: String| JobCommandRequest {
        expected_version: None,
        reason,
        force: false,
    };
    let upload = |view| ApiAnswer::Upload(Box::new(view));
    let plan = |view| ApiAnswer::Plan(Box::new(view));
    Ok(match request {
        ApiRequest::Retry(job, reason) => {
            let (id, body) = (job.to_string(), command(reason));
            commands::retry(ports, &run, &support, &id, &body, push_until).await?;
            ApiAnswer::Done
        }
        ApiRequest::Cancel(job, reason) => {
            let (id, body) = (job.to_string(), command(reason));
            commands::cancel(ports, &run, &support, &id, &body, push_until).await?;
            ApiAnswer::Done
        }
        ApiRequest::DeleteData(job, reason) => {
            let (id, body) = (job.to_string(), command(reason));
            data_deletion::delete_data(ports, &run, &support, &id, &body, push_until).await?;
            ApiAnswer::Done
        }
        ApiRequest::CreatePlan(new) => {
            plan(retry_plans::create(ports, pipelines, &support, &new).await?)
        }
        ApiRequest::ApplyPlan(id) => {
            plan(retry_plans::apply(ports, pipelines, &support, &id).await?)
        }
        ApiRequest::ShowPlan(id) => plan(retry_plans::show(ports, &support, &id).await?),
        ApiRequest::CreateUpload(_, new) => {
            upload(uploads::create(ports, pipelines, BUCKET, &customer, &new, None).await?)
        }
        ApiRequest::SignParts(_, id, part_numbers) => {
            let parts = SignPartsRequest { part_numbers };
            ApiAnswer::Parts(uploads::sign_parts(ports, &customer, &id, &parts).await?)
        }
        ApiRequest::CompleteUpload(_, id) => {
            upload(uploads::complete(ports, &customer, &id).await?)
        }
        ApiRequest::AbortUpload(_, id) => {
            uploads::abort(ports, &customer, &id).await?;
            ApiAnswer::Done
        }
    })
}
