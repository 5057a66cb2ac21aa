//! The product's handlers as futures.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use functions::bootstrap::App;
use functions::handlers::{
    capacity, digests, event_feed, inference_error, inference_success, reconciler, retry,
    upload_trigger, webhooks, ws_authorizer, ws_connect, ws_default, ws_disconnect,
};
use jobs::open_jobs::OpenJobs;
use jobs::ports::Queue;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;

use crate::api_request::ApiAnswer;
use crate::api_use_cases::answer;
use crate::function::Task;
use crate::page::PageStep;
use crate::ports::Ports;
use crate::queue::MessageBatch;
use crate::settings::FunctionSettings;

#[derive(Debug)]
pub(crate) enum HandlerOutcome {
    /// It reported these messages as failed.
    Batch(Vec<String>),
    /// The authorizer's answer.
    Authorized(Value),
    Done,
    /// The reconciler's backlog of each pipeline, if it counted.
    Reconciled(Option<BTreeMap<String, OpenJobs>>),
    /// The last evaluation of function `capacity` was complete.
    CapacityEvaluated,
    /// The HTTP API's answer; `None` if a dependency did not answer.
    Answered(Option<ApiAnswer>),
    Failed,
}

pub(crate) type RunningHandler = Pin<Box<dyn Future<Output = HandlerOutcome>>>;

/// Begins a task. `deadline` is when Lambda ends the function, by the wall clock.
///
/// Each handler has a future of its own: one for all of them would be as large as the largest, and be copied for each task.
pub(crate) fn begin(
    app: Rc<App<Ports, FunctionSettings>>,
    task: Task,
    deadline: u64,
) -> RunningHandler {
    let mut context = lambda_runtime::Context::default();
    context.deadline = deadline;
    match task {
        Task::Batch(MessageBatch { queue, records }) => {
            let mut event = SqsEvent::default();
            event.records = records;
            begin_batch(app, queue, LambdaEvent::new(event, context))
        }
        Task::Authorize { ticket, .. } => Box::pin(authorize(app, ticket, context)),
        Task::Page { step, event, .. } => {
            let event = LambdaEvent::new(*event, context);
            match step {
                PageStep::Visit | PageStep::Opened => {
                    Box::pin(async move { done(ws_connect::handle(&app, event).await) })
                }
                PageStep::Sync => {
                    Box::pin(async move { done(ws_default::handle(&app, event).await) })
                }
                PageStep::Leave => {
                    Box::pin(async move { done(ws_disconnect::handle(&app, event).await) })
                }
            }
        }
        Task::Reconcile => Box::pin(async move {
            let event = LambdaEvent::new(reconciler::ReconcileEvent::default(), context);
            let report = reconciler::handle(&app, event).await;
            report.map_or(HandlerOutcome::Failed, |report| {
                HandlerOutcome::Reconciled(report.open)
            })
        }),
        Task::Capacity => Box::pin(async move {
            let event = LambdaEvent::new(capacity::CapacityEvent::default(), context);
            let done = capacity::handle(&app, event).await;
            done.map_or(HandlerOutcome::Failed, |done| {
                if done.incomplete {
                    HandlerOutcome::Failed
                } else {
                    HandlerOutcome::CapacityEvaluated
                }
            })
        }),
        Task::Api(request) => Box::pin(async move {
            let pipelines = &app.environment.pipelines;
            HandlerOutcome::Answered(answer(&app.ports, pipelines, request, deadline).await)
        }),
    }
}

async fn authorize(
    app: Rc<App<Ports, FunctionSettings>>,
    ticket: String,
    context: lambda_runtime::Context,
) -> HandlerOutcome {
    let event = serde_json::json!({"methodArn": "arn:aws:execute-api:x", "queryStringParameters": {"ticket": ticket}, "requestContext": {}});
    let Ok(event) = serde_json::from_value(event) else {
        return HandlerOutcome::Failed;
    };
    let answer = ws_authorizer::handle(&app, LambdaEvent::new(event, context)).await;
    let answer = answer
        .ok()
        .and_then(|answer| serde_json::to_value(answer).ok());
    answer.map_or(HandlerOutcome::Failed, HandlerOutcome::Authorized)
}

fn begin_batch(
    app: Rc<App<Ports, FunctionSettings>>,
    queue: Queue,
    event: LambdaEvent<SqsEvent>,
) -> RunningHandler {
    macro_rules! begin {
        ($function:ident) => {
            Box::pin(async move { batch($function::handle(&app, event).await) })
        };
    }
    match queue {
        Queue::Uploads => begin!(upload_trigger),
        Queue::InferenceSuccess => begin!(inference_success),
        Queue::InferenceError => begin!(inference_error),
        Queue::Checks => begin!(retry),
        Queue::Events => begin!(event_feed),
        Queue::Webhooks => begin!(webhooks),
        Queue::Digests => begin!(digests),
    }
}

fn done<T>(answer: Result<T, Error>) -> HandlerOutcome {
    answer.map_or(HandlerOutcome::Failed, |_| HandlerOutcome::Done)
}

fn batch(answer: Result<SqsBatchResponse, Error>) -> HandlerOutcome {
    answer.map_or(HandlerOutcome::Failed, |answer| {
        let failures = answer.batch_item_failures.into_iter();
        HandlerOutcome::Batch(failures.map(|failure| failure.item_identifier).collect())
    })
}
