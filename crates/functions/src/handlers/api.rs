//! The HTTP API for customers, reviewers and support.

mod claims;
mod cursor;
mod http;
pub mod routes;

use api::ApiError;
use jobs::apply::RunContext;
use jobs::id::Timestamp;
use jobs::pipeline::Pipelines;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use tracing::field::Empty;
use tracing::{Instrument, info, info_span};

use crate::bootstrap::App;
use crate::config::Var;
use cursor::Sealer;
pub use http::{HttpEvent, HttpReply};
use routes::{Answer, Asked, Desk, answer, path_of};

/// What it needs.
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

/// How long after the function's own end its claims may be taken over: clocks differ a little.
const LEASE_MARGIN_MS: u64 = 5_000;

/// The API, for as long as this instance of the function lives.
#[derive(Debug)]
pub struct Api<P> {
    app: App<P>,
    sealer: Sealer,
}

impl<P> Api<P> {
    /// The API over an app.
    pub const fn new(app: App<P>) -> Self {
        Self {
            app,
            sealer: Sealer::new(),
        }
    }

    /// What it stands on.
    pub const fn app(&self) -> &App<P> {
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
pub async fn handle<P: Desk>(
    api: &Api<P>,
    event: LambdaEvent<HttpEvent>,
) -> Result<HttpReply, Error> {
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
        let asked = Asked {
            api: app,
            sealer: &api.sealer,
            run: &run,
            push_until: Timestamp(now.0 + deadline.saturating_sub(now.0) / 3),
            request: &request,
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
