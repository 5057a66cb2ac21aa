//! The product's handlers as futures.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;

use aws_lambda_events::sqs::SqsEvent;
use functions::bootstrap::App;
use functions::handlers::{
    capacity, digests, event_feed, inference_error, inference_success, reconciler, retry,
    upload_trigger, webhooks, ws_authorizer, ws_connect, ws_default, ws_disconnect,
};
use jobs::open_jobs::OpenJobs;
use jobs::ports::Queue;
use lambda_runtime::LambdaEvent;
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
pub(crate) fn begin(
    app: Rc<App<Ports, FunctionSettings>>,
    task: Task,
    deadline: u64,
) -> RunningHandler {
    let mut context = lambda_runtime::Context::default();
    context.deadline = deadline;
    Box::pin(async move {
        match task {
            Task::Batch(batch) => process(&app, batch, context).await,
            Task::Authorize { ticket, .. } => {
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
            Task::Page { step, event, .. } => {
                let event = LambdaEvent::new(*event, context);
                let answer = match step {
                    PageStep::Visit | PageStep::Opened => ws_connect::handle(&app, event).await,
                    PageStep::Sync => ws_default::handle(&app, event).await,
                    PageStep::Leave => ws_disconnect::handle(&app, event).await,
                };
                answer.map_or(HandlerOutcome::Failed, |_| HandlerOutcome::Done)
            }
            Task::Reconcile => {
                let event = LambdaEvent::new(reconciler::ReconcileEvent::default(), context);
                let report = reconciler::handle(&app, event).await;
                report.map_or(HandlerOutcome::Failed, |report| {
                    HandlerOutcome::Reconciled(report.open)
                })
            }
            Task::Capacity => {
                let event = LambdaEvent::new(capacity::CapacityEvent::default(), context);
                let done = capacity::handle(&app, event).await;
                done.map_or(HandlerOutcome::Failed, |done| {
                    if done.incomplete {
                        HandlerOutcome::Failed
                    } else {
                        HandlerOutcome::CapacityEvaluated
                    }
                })
            }
            Task::Api(request) => HandlerOutcome::Answered(
                answer(&app.ports, &app.environment.pipelines, request, deadline).await,
            ),
        }
    })
}

async fn process(
    app: &App<Ports, FunctionSettings>,
    batch: MessageBatch,
    context: lambda_runtime::Context,
) -> HandlerOutcome {
    let MessageBatch { queue, records } = batch;
    let mut event = SqsEvent::default();
    event.records = records;
    let event = LambdaEvent::new(event, context);
    let answer = match queue {
        Queue::Uploads => upload_trigger::handle(app, event).await,
        Queue::InferenceSuccess => inference_success::handle(app, event).await,
        Queue::InferenceError => inference_error::handle(app, event).await,
        Queue::Checks => retry::handle(app, event).await,
        Queue::Events => event_feed::handle(app, event).await,
        Queue::Webhooks => webhooks::handle(app, event).await,
        Queue::Digests => digests::handle(app, event).await,
    };
    answer.map_or(HandlerOutcome::Failed, |answer| {
        let failures = answer.batch_item_failures.into_iter();
        HandlerOutcome::Batch(failures.map(|failure| failure.item_identifier).collect())
    })
}
