//! The API's use cases, which carry the requests of people out.

use api::types::{JobCommandRequest, RedeliverRequest, SignPartsRequest, WebhookChange};
use api::webhooks::address::AllowedReceivers;
use api::{ApiError, Principal, commands, data_deletion, pauses, retry_plans, uploads, webhooks};
use jobs::apply::RunContext;
use jobs::id::Timestamp;
use jobs::model_version::ServedModels;
use jobs::pipeline::Pipelines;
use jobs::ports::Clock;

use crate::api_request::{ApiAnswer, CUSTOMER, ClientRequest, SUPPORT};
use crate::bucket::BUCKET;
use crate::ports::Ports;
use crate::receiver::webhook_id;
use crate::time::SECOND;

/// How long the function takes for pushes after a command.
const COMMAND_EFFECTS: u64 = 3 * SECOND;

/// Carries out a request. `None`: a dependency did not answer, so the request may be repeated.
pub(crate) async fn answer(
    ports: &Ports,
    pipelines: &Pipelines,
    request: ClientRequest,
    deadline: u64,
) -> Option<ApiAnswer> {
    match carry_out(ports, pipelines, request, deadline).await {
        Ok(answer) => Some(answer),
        Err(ApiError::Unavailable(_)) => None,
        Err(error) => Some(ApiAnswer::Refused(error)),
    }
}

async fn carry_out(
    ports: &Ports,
    pipelines: &Pipelines,
    request: ClientRequest,
    deadline: u64,
) -> Result<ApiAnswer, ApiError> {
    let run = RunContext {
        pipelines,
        bucket: BUCKET,
        lease_expires_at: Timestamp(deadline),
        on_job_found: |_| {},
        models: &ServedModels::default(),
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
        ClientRequest::Retry(job, reason) => {
            let (id, body) = (job.to_string(), command(reason));
            commands::retry(ports, &run, &support, &id, &body, push_until).await?;
            ApiAnswer::Done
        }
        ClientRequest::RunAgain(job, reason) => {
            let (id, body) = (job.to_string(), command(reason));
            commands::run_again(ports, &run, &support, &id, &body, push_until).await?;
            ApiAnswer::Done
        }
        ClientRequest::Urgent(job, reason) => {
            let (id, body) = (job.to_string(), command(reason));
            commands::urgent(ports, &run, &support, &id, &body, push_until).await?;
            ApiAnswer::Done
        }
        ClientRequest::Cancel(job, reason) => {
            let (id, body) = (job.to_string(), command(reason));
            commands::cancel(ports, &run, &support, &id, &body, push_until).await?;
            ApiAnswer::Done
        }
        ClientRequest::DeleteData(job, reason) => {
            let (id, body) = (job.to_string(), command(reason));
            data_deletion::delete_data(ports, &run, &support, &id, &body, push_until).await?;
            ApiAnswer::Done
        }
        ClientRequest::CreatePlan(new) => {
            plan(retry_plans::create(ports, pipelines, &support, &new).await?)
        }
        ClientRequest::ApplyPlan(id) => {
            plan(retry_plans::apply(ports, pipelines, &support, &id).await?)
        }
        ClientRequest::ShowPlan(id) => plan(retry_plans::show(ports, &support, &id).await?),
        ClientRequest::Pause(new) => {
            pauses::create(ports, pipelines, &support, &new).await?;
            ApiAnswer::Done
        }
        ClientRequest::Resume(resume) => {
            pauses::resume(ports, pipelines, &support, &resume, push_until).await?;
            ApiAnswer::Done
        }
        ClientRequest::CreateUpload(_, new) => {
            upload(uploads::create(ports, pipelines, BUCKET, &customer, &new, None).await?)
        }
        ClientRequest::SignParts(_, id, part_numbers) => {
            let parts = SignPartsRequest { part_numbers };
            ApiAnswer::Parts(uploads::sign_parts(ports, &customer, &id, &parts).await?)
        }
        ClientRequest::CompleteUpload(_, id) => {
            upload(uploads::complete(ports, &customer, &id).await?)
        }
        ClientRequest::AbortUpload(_, id) => {
            uploads::abort(ports, &customer, &id).await?;
            ApiAnswer::Done
        }
        ClientRequest::EnableWebhook(tenant) => {
            let change = WebhookChange {
                enabled: Some(true),
                ..WebhookChange::default()
            };
            let (id, allowed) = (webhook_id(&tenant), AllowedReceivers::Loopback);
            webhooks::change(ports, pipelines, &support, &id, change, allowed).await?;
            ApiAnswer::Done
        }
        ClientRequest::Redeliver(tenant, from) => {
            let request = RedeliverRequest {
                sequence: None,
                from: Some(from),
            };
            let id = webhook_id(&tenant);
            webhooks::redeliver(ports, pipelines, &support, &id, request).await?;
            ApiAnswer::Done
        }
        ClientRequest::RotateSecret(tenant) => {
            let id = webhook_id(&tenant);
            let view = webhooks::rotate_secret(ports, pipelines, &support, &id).await?;
            ApiAnswer::Secret(view.secret.unwrap_or_default())
        }
    })
}
