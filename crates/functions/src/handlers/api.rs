//! The HTTP API for customers, reviewers and support.

mod claims;
mod cursor;
mod dispatch;
pub mod events;
mod http;
pub mod problem;
mod query;
pub mod routes;
mod sessions;
mod unsubscribe;

use api::ApiError;
use api::types::{ClientConfiguration, CompanySignIn};
use jobs::apply::RunContext;
use jobs::id::Timestamp;
use jobs::model_version::ServedModels;
use jobs::ports::Queue;
use lambda_runtime::{Error, LambdaEvent};
use tracing::field::Empty;
use tracing::{Instrument, Span, error, info, info_span};

use super::lease_expiry;
use crate::bootstrap::App;
use crate::config::{self, Has, HasPipelines, QueueUrls, variable};
use crate::environment;
use crate::traces;
use cursor::CursorSigner;
pub use dispatch::ApiPorts;
use dispatch::{ApiRequest, Response, dispatch};
pub use http::{HttpEvent, HttpResponse};
use problem::HttpError;
use sessions::KnownSessions;

environment! {
    /// The configuration of the function `support-api`.
    pub struct Environment with pipelines {
        jobs_table: JobsTable,
        connections_table: ConnectionsTable,
        records_table: RecordsTable,
        bucket: Bucket,
        uploads_queue_url: UploadsQueueUrl,
        inference_success_queue_url: InferenceSuccessQueueUrl,
        inference_error_queue_url: InferenceErrorQueueUrl,
        checks_queue_url: ChecksQueueUrl,
        events_queue_url: EventsQueueUrl,
        webhooks_queue_url: WebhooksQueueUrl,
        digests_queue_url: DigestsQueueUrl,
        websocket_url: WebsocketManagementUrl,
        websocket_connect_url: WebsocketConnectUrl,
        user_pool_client_id: UserPoolClientId,
        sign_in_url: SignInUrl,
        company_sign_in: CompanySignIn,
        receipt_key_id: ReceiptKeyId,
        page_origin: PageOrigin,
    }
}

impl QueueUrls for Environment {
    fn queue_url(&self, queue: Queue) -> &str {
        match queue {
            Queue::Uploads => &self.uploads_queue_url,
            Queue::InferenceSuccess => &self.inference_success_queue_url,
            Queue::InferenceError => &self.inference_error_queue_url,
            Queue::Checks => &self.checks_queue_url,
            Queue::Events => &self.events_queue_url,
            Queue::Webhooks => &self.webhooks_queue_url,
            Queue::Digests => &self.digests_queue_url,
        }
    }

    /// Quarantined messages are sent to their queues; dead letters are the reconciler's.
    fn dead_letters_url(&self, _: Queue) -> Option<&str> {
        None
    }
}

/// The settings that requests need.
pub trait ApiSettings:
    HasPipelines
    + Has<variable::Bucket>
    + Has<variable::CompanySignIn>
    + Has<variable::PageOrigin>
    + Has<variable::SignInUrl>
    + Has<variable::UserPoolClientId>
    + Has<variable::WebsocketConnectUrl>
{
}

impl<E> ApiSettings for E where
    E: HasPipelines
        + Has<variable::Bucket>
        + Has<variable::CompanySignIn>
        + Has<variable::PageOrigin>
        + Has<variable::SignInUrl>
        + Has<variable::UserPoolClientId>
        + Has<variable::WebsocketConnectUrl>
{
}

/// State of one instance of the function.
#[derive(Debug)]
pub struct Api<P, E> {
    app: App<P, E>,
    configuration: ClientConfiguration,
    cursor_signer: CursorSigner,
    sessions: KnownSessions,
}

impl<P, E: ApiSettings> Api<P, E> {
    pub fn new(app: App<P, E>) -> Self {
        let environment = &*app.environment;
        let configuration = ClientConfiguration {
            sign_in_url: Has::<variable::SignInUrl>::value(environment).to_owned(),
            client_id: Has::<variable::UserPoolClientId>::value(environment).to_owned(),
            web_socket_url: Has::<variable::WebsocketConnectUrl>::value(environment).to_owned(),
            page_url: config::page_url(environment).map(str::to_owned),
            company_sign_in: config::company_sign_in(environment).and_then(parse_company_sign_in),
        };
        Self {
            app,
            configuration,
            cursor_signer: CursorSigner::new(cursor::KEY),
            sessions: KnownSessions::default(),
        }
    }

    pub const fn app(&self) -> &App<P, E> {
        &self.app
    }
}

/// `None` if the text is not what `infra/service.yaml` makes. Then users cannot sign in by their company.
fn parse_company_sign_in(setting: &str) -> Option<CompanySignIn> {
    serde_json::from_str(setting)
        .inspect_err(|error| error!(setting, error = %error, "COMPANY_SIGN_IN cannot be read"))
        .ok()
}

/// Handles an HTTP request.
///
/// - **Input**: a request whose token API Gateway has verified. The token alone identifies the caller.
/// - **On bad input**: a problem (RFC 9457) that says what to do.
/// - **On failure**: 503; the caller tries again. A command whose new state was saved is completed without the caller.
///
/// # Errors
/// None: errors are in the response.
pub async fn handle<P: ApiPorts, E: ApiSettings>(
    api: &Api<P, E>,
    event: LambdaEvent<HttpEvent>,
) -> Result<HttpResponse, Error> {
    let request = event.payload;
    let app = &api.app;
    let now = app.ports.now();
    let deadline = event.context.deadline;
    let run = RunContext {
        pipelines: app.environment.pipelines(),
        bucket: Has::<variable::Bucket>::value(&*app.environment),
        lease_expires_at: lease_expiry(deadline),
        on_job_found: traces::about_job,
        models: &ServedModels::default(), // it submits nothing
    };
    let span = info_span!(
        "request",
        http.request.id = request.request_id(),
        http.method = request.method(),
        http.route = routes::path_of(&request),
        http.status = Empty,
        job.id = Empty,
        trace.id = Empty
    );
    let work = async {
        let principal = claims::principal(&request, now);
        let api_request = ApiRequest {
            ports: &app.ports,
            bucket: Has::<variable::Bucket>::value(&*app.environment),
            configuration: &api.configuration,
            cursor_signer: &api.cursor_signer,
            run: &run,
            push_until: Timestamp(now.0 + deadline.saturating_sub(now.0) / 3),
            event: &request,
        };
        if let Some(principal) = principal.as_ref().filter(|one| one.check(now).is_ok()) {
            let session = claims::session(&request);
            let (sessions, pipelines) = (&api.sessions, run.pipelines);
            sessions
                .see(&app.ports, pipelines, principal, session)
                .await;
        }
        let response = match dispatch(&api_request, principal.as_ref()).await {
            Ok(response) => success_response(response),
            Err(error) => problem_response(&error),
        };
        // Signed: traces would get an unsigned number as text.
        Span::current().record("http.status", i64::from(response.status_code));
        info!(
            actor = principal.as_ref().map(|principal| principal.actor.as_str()),
            "answered"
        );
        response
    };
    Ok(work.instrument(span).await)
}

fn success_response(response: Response) -> HttpResponse {
    if response.body.is_empty() {
        return HttpResponse::empty(response.status);
    }
    HttpResponse::json(response.status, "application/json", response.body)
}

fn problem_response(error: &HttpError) -> HttpResponse {
    let problem = error.problem();
    let body = serde_json::to_string(&problem).unwrap_or_default();
    let mut response = HttpResponse::json(problem.status, "application/problem+json", body);
    if problem.status == 503 {
        response = response.with_header("retry-after", "2");
    }
    if let HttpError::Api(ApiError::LimitReached {
        retry_after_seconds,
        ..
    }) = error
    {
        response = response.with_header("retry-after", retry_after_seconds.to_string());
    }
    if let HttpError::MethodNotAllowed { allowed, .. } = error {
        response = response.with_header("allow", allowed.clone());
    }
    response
}
