//! The HTTP API for customers, reviewers and support.

mod claims;
mod cursor;
mod dispatch;
mod http;
pub mod problem;
mod query;
pub mod routes;

use jobs::apply::RunContext;
use jobs::id::Timestamp;
use jobs::pipeline::Pipelines;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use tracing::field::Empty;
use tracing::{Instrument, info, info_span};

use crate::bootstrap::App;
use crate::config::Var;
use cursor::CursorSigner;
pub use dispatch::ApiPorts;
use dispatch::{RequestContext, Response, dispatch};
pub use http::{HttpEvent, HttpResponse};
use problem::HttpError;

/// The configuration of the function `support-api`.
pub const NEEDS: &[Var] = &[
    Var::JobsTable,
    Var::ConnectionsTable,
    Var::RecordsTable,
    Var::Bucket,
    Var::UploadsQueueUrl,
    Var::InferenceSuccessQueueUrl,
    Var::InferenceErrorQueueUrl,
    Var::ChecksQueueUrl,
    Var::WebsocketUrl,
    Var::WebsocketPagesUrl,
    Var::UserPoolClientId,
    Var::SignInUrl,
];

/// How long after the function's deadline its leases expire, because of clock skew.
const LEASE_MARGIN_MS: u64 = 5_000;

/// State of one instance of the function.
#[derive(Debug)]
pub struct Api<P> {
    app: App<P>,
    cursor_signer: CursorSigner,
}

impl<P> Api<P> {
    pub const fn new(app: App<P>) -> Self {
        Self {
            app,
            cursor_signer: CursorSigner::new(),
        }
    }

    pub const fn app(&self) -> &App<P> {
        &self.app
    }
}

/// Handles an HTTP request.
///
/// - **Input**: a request whose token API Gateway has verified. The token alone identifies the caller.
/// - **On bad input**: a problem (RFC 9457) that says what to do.
/// - **On failure**: 503; the caller tries again. A command whose new state was saved is completed without the caller.
///
/// # Errors
/// None: errors are in the response.
pub async fn handle<P: ApiPorts>(
    api: &Api<P>,
    event: LambdaEvent<HttpEvent>,
) -> Result<HttpResponse, Error> {
    let request = event.payload;
    let app = &api.app;
    let now = app.ports.now();
    let deadline = event.context.deadline;
    let none = Pipelines::none();
    let run = RunContext {
        pipelines: app.pipelines.as_ref().unwrap_or(&none),
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
        let context = RequestContext {
            app,
            cursor_signer: &api.cursor_signer,
            run: &run,
            push_until: Timestamp(now.0 + deadline.saturating_sub(now.0) / 3),
            request: &request,
        };
        let response = match dispatch(&context, principal.as_ref()).await {
            Ok(response) => success_response(response),
            Err(error) => problem_response(&error),
        };
        info!(
            http.method = request.method(),
            http.route = routes::path_of(&request),
            http.status = response.status_code,
            actor = principal.as_ref().map(|principal| principal.actor.as_str()),
            "answered"
        );
        response
    };
    Ok(work.instrument(span).await)
}

fn success_response(response: Response) -> HttpResponse {
    match response.body {
        Value::Null => HttpResponse::empty(response.status),
        body => HttpResponse::json(response.status, "application/json", &body),
    }
}

fn problem_response(error: &HttpError) -> HttpResponse {
    let problem = error.problem();
    let body = serde_json::to_value(&problem).unwrap_or_default();
    let mut response = HttpResponse::json(problem.status, "application/problem+json", &body);
    if problem.status == 503 {
        response = response.with_header("retry-after", "2");
    }
    response
}
