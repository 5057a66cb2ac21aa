//! The HTTP API for customers, reviewers and support.

mod claims;
mod cursor;
mod http;
pub mod routes;

use api::ApiError;
use api::types::Configuration;
use jobs::apply::RunContext;
use jobs::id::Timestamp;
use jobs::ports::Queue;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use tracing::field::Empty;
use tracing::{Instrument, info, info_span};

use crate::bootstrap::App;
use crate::config::{Has, HasPipelines, QueueUrls, variable};
use crate::environment;
use cursor::Sealer;
pub use http::{HttpEvent, HttpReply};
use routes::{Answer, ApiPorts, ApiRequest, answer, path_of};

environment! {
    /// What the function is told.
    pub struct Environment with pipelines {
        jobs_table: JobsTable,
        connections_table: ConnectionsTable,
        records_table: RecordsTable,
        bucket: Bucket,
        uploads_queue_url: UploadsQueueUrl,
        inference_success_queue_url: InferenceSuccessQueueUrl,
        inference_error_queue_url: InferenceErrorQueueUrl,
        checks_queue_url: ChecksQueueUrl,
        websocket_url: WebsocketManagementUrl,
        websocket_connect_url: WebsocketConnectUrl,
        user_pool_client_id: UserPoolClientId,
        sign_in_url: SignInUrl,
    }
}

impl QueueUrls for Environment {
    fn queue_url(&self, queue: Queue) -> &str {
        match queue {
            Queue::Uploads => &self.uploads_queue_url,
            Queue::InferenceSuccess => &self.inference_success_queue_url,
            Queue::InferenceError => &self.inference_error_queue_url,
            Queue::Checks => &self.checks_queue_url,
        }
    }

    /// Quarantined messages are sent to their queues; dead letters are the reconciler's.
    fn dead_letters_url(&self, _: Queue) -> Option<&str> {
        None
    }
}

/// The settings that requests are answered with.
pub trait Settings:
    HasPipelines
    + Has<variable::Bucket>
    + Has<variable::SignInUrl>
    + Has<variable::UserPoolClientId>
    + Has<variable::WebsocketConnectUrl>
{
}

impl<E> Settings for E where
    E: HasPipelines
        + Has<variable::Bucket>
        + Has<variable::SignInUrl>
        + Has<variable::UserPoolClientId>
        + Has<variable::WebsocketConnectUrl>
{
}

/// How long after the function's own end its claims may be taken over: clocks differ a little.
const LEASE_MARGIN_MS: u64 = 5_000;

/// The API, for as long as this instance of the function lives.
#[derive(Debug)]
pub struct Api<P, E> {
    app: App<P, E>,
    configuration: Configuration,
    sealer: Sealer,
}

impl<P, E: Settings> Api<P, E> {
    pub fn new(app: App<P, E>) -> Self {
        let environment = &*app.environment;
        let configuration = Configuration {
            sign_in_url: Has::<variable::SignInUrl>::value(environment).to_owned(),
            client_id: Has::<variable::UserPoolClientId>::value(environment).to_owned(),
            web_socket_url: Has::<variable::WebsocketConnectUrl>::value(environment).to_owned(),
        };
        Self {
            app,
            configuration,
            sealer: Sealer::new(),
        }
    }

    pub const fn app(&self) -> &App<P, E> {
        &self.app
    }
}

/// Answers a request.
///
/// - **Input**: an HTTP request, whose token API Gateway has checked. Who asks is known from the token alone.
/// - **On bad input**: a problem (RFC 9457) that says what to do.
/// - **On failure**: 503; whoever asked tries again. What was begun is on the job's row, and is finished without him.
///
/// # Errors
/// None: what went wrong is in the answer.
pub async fn handle<P: ApiPorts, E: Settings>(
    api: &Api<P, E>,
    event: LambdaEvent<HttpEvent>,
) -> Result<HttpReply, Error> {
    let request = event.payload;
    let app = &api.app;
    let now = app.ports.now();
    let deadline = event.context.deadline;
    let run = RunContext {
        pipelines: app.environment.pipelines(),
        lease_expires_at: Timestamp(deadline + LEASE_MARGIN_MS),
    };
    let span = info_span!(
        "request",
        http.request.id = request.request_id(),
        job.id = Empty,
        trace.id = Empty
    );
    let work = async {
        let principal = claims::principal(&request, now);
        let asked = ApiRequest {
            ports: &app.ports,
            bucket: Has::<variable::Bucket>::value(&*app.environment),
            configuration: &api.configuration,
            sealer: &api.sealer,
            run: &run,
            push_until: Timestamp(now.0 + deadline.saturating_sub(now.0) / 3),
            event: &request,
        };
        let answered = answer(&asked, principal.as_ref()).await;
        let reply = match answered {
            Ok(answer) => reply(answer),
            Err(refusal) => refused(&refusal),
        };
        info!(
            http.method = request.method(),
            http.route = path_of(&request),
            http.status = reply.status_code,
            actor = principal.as_ref().map(|principal| principal.actor.as_str()),
            "answered"
        );
        reply
    };
    Ok(work.instrument(span).await)
}

fn reply(answer: Answer) -> HttpReply {
    match answer.body {
        Value::Null => HttpReply::empty(answer.status),
        body => HttpReply::json(answer.status, "application/json", &body),
    }
}

fn refused(refusal: &ApiError) -> HttpReply {
    let problem = refusal.problem();
    let body = serde_json::to_value(&problem).unwrap_or_default();
    let mut reply = HttpReply::json(problem.status, "application/problem+json", &body);
    if problem.status == 503 {
        reply = reply.with("retry-after", "2");
    }
    reply
}
