//! The paths of the HTTP API for events, e-mail digests, usage and the end of sessions. A function of its own, `events-api`, serves them: it has none of the rights of
//! `support-api`, and none of its code.

use api::digests::ports::DigestQueue;
use api::feed::FeedPosition;
use api::ports::UserSessions;
use api::types::{DigestQuery, EventQuery, UsageQuery, WebhookQuery};
use api::webhooks::address::AllowedReceivers;
use api::webhooks::ports::{NameResolver, WebhookQueue};
use api::{ApiError, Permission, Principal, digests, events, sign_ins, tenants, usage, webhooks};
use jobs::id::Tenant;
use jobs::ports::{Clock, KeyValueStore, Sleep};
use lambda_runtime::{Error, LambdaEvent};
use tracing::field::Empty;
use tracing::{Instrument, info, info_span};

use super::cursor::{self, CursorSigner};
use super::dispatch::{Response, to_json};
use super::http::{HttpEvent, HttpResponse};
use super::problem::HttpError;
use super::routes::{self, Operation, find_route};
use super::sessions::KnownSessions;
use super::{claims, problem_response, success_response, unsubscribe};
use crate::bootstrap::App;
use crate::config::{self, Has, HasPipelines, variable};
use crate::environment;

environment! {
    /// The configuration of the function `events-api`.
    pub struct Environment with pipelines {
        records_table: RecordsTable,
        webhooks_queue_url: WebhooksQueueUrl,
        webhook_receivers: WebhookReceivers,
        digests_queue_url: DigestsQueueUrl,
        email_sender: EmailSender,
        user_pool_id: UserPoolId,
        sign_in_url: SignInUrl,
    }
}

/// The ports of these paths.
pub trait EventsApiPorts:
    Clock + KeyValueStore + NameResolver + Sleep + WebhookQueue + DigestQueue + UserSessions
{
}

impl<P> EventsApiPorts for P where
    P: Clock + KeyValueStore + NameResolver + Sleep + WebhookQueue + DigestQueue + UserSessions
{
}

/// The settings that requests need.
pub trait EventsApiSettings:
    HasPipelines + Has<variable::WebhookReceivers> + Has<variable::EmailSender>
{
}

impl<E> EventsApiSettings for E where
    E: HasPipelines + Has<variable::WebhookReceivers> + Has<variable::EmailSender>
{
}

/// State of one instance of the function.
#[derive(Debug)]
pub struct EventsApi<P, E> {
    pub app: App<P, E>,
    cursor_signer: CursorSigner,
    sessions: KnownSessions,
}

impl<P, E> EventsApi<P, E> {
    pub fn new(app: App<P, E>) -> Self {
        Self {
            app,
            cursor_signer: CursorSigner::new(cursor::EVENTS_KEY),
            sessions: KnownSessions::default(),
        }
    }
}

/// Handles an HTTP request.
///
/// - **Input**: a request whose token API Gateway has verified. The token alone identifies the caller.
/// - **On bad input**: a problem (RFC 9457) that says what to do.
/// - **On failure**: 503; the caller tries again.
///
/// # Errors
/// None: errors are in the response.
pub async fn handle<P: EventsApiPorts, E: EventsApiSettings>(
    api: &EventsApi<P, E>,
    event: LambdaEvent<HttpEvent>,
) -> Result<HttpResponse, Error> {
    let request = event.payload;
    let ports = &api.app.ports;
    let principal = claims::principal(&request, ports.now());
    let span = info_span!(
        "request",
        http.request.id = request.request_id(),
        http.method = request.method(),
        http.route = routes::path_of(&request),
        http.status = Empty
    );
    let work = async {
        let response = match unsubscribe::answer(ports, &request).await {
            Some(response) => response,
            None => match dispatch(api, &request, principal.as_ref()).await {
                Ok(response) => success_response(response),
                Err(error) => problem_response(&error),
            },
        };
        tracing::Span::current().record("http.status", i64::from(response.status_code));
        info!(
            actor = principal.as_ref().map(|principal| principal.actor.as_str()),
            "answered"
        );
        response
    };
    Ok(work.instrument(span).await)
}

async fn dispatch<P: EventsApiPorts, E: EventsApiSettings>(
    api: &EventsApi<P, E>,
    request: &HttpEvent,
    principal: Option<&Principal>,
) -> Result<Response, HttpError> {
    let (route, path) = find_route(request)?;
    let ports = &api.app.ports;
    let principal = principal.ok_or_else(claims::unidentified)?;
    claims::check(request, principal, ports.now())?;
    let (pipelines, session) = (api.app.environment.pipelines(), claims::session(request));
    api.sessions.see(ports, pipelines, principal, session).await;
    if let Some(permission) = route.permission {
        principal.must(permission)?;
    }
    let setting = Has::<variable::WebhookReceivers>::value(&*api.app.environment);
    let allowed = AllowedReceivers::from_setting(setting);
    let pipelines = api.app.environment.pipelines();
    let sends_email = config::email_sender(&*api.app.environment).is_some();
    let id = || path.get("webhook_id");
    let body = match route.operation {
        Operation::ListEvents => list_events(api, request, principal).await?,
        Operation::ListWebhooks => {
            let WebhookQuery { tenant } = request.query()?;
            let list = webhooks::list(ports, principal, tenant.as_deref()).await?;
            if list.webhooks.is_empty() {
                tenants::must_be_known(ports, principal, tenant.as_deref()).await?;
            }
            to_json(&list)
        }
        Operation::CreateWebhook => {
            to_json(&webhooks::create(ports, pipelines, principal, request.json()?, allowed).await?)
        }
        Operation::GetWebhook => to_json(&webhooks::show(ports, principal, id()).await?),
        Operation::ChangeWebhook => {
            let change = request.json()?;
            to_json(&webhooks::change(ports, pipelines, principal, id(), change, allowed).await?)
        }
        Operation::DeleteWebhook => {
            webhooks::delete(ports, pipelines, principal, id()).await?;
            String::new()
        }
        Operation::RotateWebhookSecret => {
            to_json(&webhooks::rotate_secret(ports, pipelines, principal, id()).await?)
        }
        Operation::SendTestEvent => {
            webhooks::send_test(ports, principal, id()).await?;
            String::new()
        }
        Operation::RedeliverEvents => {
            webhooks::redeliver(ports, pipelines, principal, id(), request.json()?).await?;
            String::new()
        }
        Operation::EndMySessions => {
            let username = claims::username(request)?;
            sign_ins::end_all(ports, pipelines, principal, &username).await?;
            String::new()
        }
        Operation::GetMyDigests => {
            let DigestQuery { tenant } = request.query()?;
            let (account, tenant) = (claims::account(request)?, tenant.as_deref());
            to_json(&digests::show(ports, principal, &account, tenant, sends_email).await?)
        }
        Operation::ChangeMyDigests => {
            let (account, change) = (claims::account(request)?, request.json()?);
            to_json(&digests::change(ports, principal, &account, &change, sends_email).await?)
        }
        Operation::ChangeTenantDigests => {
            let (tenant, change) = (path.get("tenant"), request.json()?);
            to_json(&digests::change_tenant(ports, pipelines, principal, tenant, &change).await?)
        }
        Operation::ListDeliveries => to_json(&webhooks::deliveries(ports, principal, id()).await?),
        Operation::GetUsage => {
            let query: UsageQuery = request.query()?;
            let report = usage::report(ports, pipelines, principal, &query).await?;
            if report.sums.is_empty() {
                tenants::must_be_known(ports, principal, query.tenant.as_deref()).await?;
            }
            to_json(&report)
        }
        _ => {
            return Err(
                ApiError::NotFound("there is no such path; see docs/api.md".to_owned()).into(),
            );
        }
    };
    Ok(Response {
        status: route.status,
        body,
    })
}

async fn list_events<P: EventsApiPorts, E>(
    api: &EventsApi<P, E>,
    request: &HttpEvent,
    principal: &Principal,
) -> Result<String, ApiError> {
    let query: EventQuery = request.query()?;
    let tenant = events::tenant(principal, Permission::ReadEvents, query.tenant.as_deref())?;
    let (ports, signer) = (&api.app.ports, &api.cursor_signer);
    let query_id = query_id(&tenant);
    let since: Option<FeedPosition> = match &query.since {
        Some(cursor) => Some(signer.verify(ports, &query_id, cursor).await?),
        None => None,
    };
    let (mut page, last) = events::list(ports, &tenant, &query, since).await?;
    if page.end_sequence == 0 {
        tenants::must_be_known(ports, principal, query.tenant.as_deref()).await?;
    }
    page.cursor = signer.sign(ports, &query_id, &last).await?;
    Ok(to_json(&page))
}

/// A cursor of the feed belongs to the tenant: another user of the same tenant can go on with it.
fn query_id(tenant: &Tenant) -> String {
    format!("events {tenant}")
}
