//! SNS: the endpoint's notifications on their way to the queues.

use async_endpoint::InvocationStatus;
use jobs::ports::Queue;

use crate::bucket::BUCKET;
use crate::environment::SimulationEnvironment;
use crate::fault::FaultKind;
use crate::ids::short_request;
use crate::message::{MessageKind, OutgoingMessage, QueueMessage, send};
use crate::request::InferenceRequest;
use crate::time::{HOUR, MINUTE};
use crate::timeline::After;

pub(crate) struct Topic {
    pub(crate) endpoint: String,
    /// Without raw message delivery, SNS wraps each message in an envelope.
    pub(crate) enveloped: bool,
}

impl Topic {
    pub(crate) fn publish(
        &self,
        env: &mut SimulationEnvironment,
        request: &InferenceRequest,
        outcome: InvocationStatus,
    ) -> Vec<After<OutgoingMessage>> {
        let inference = request.inference;
        let copies = if env.strikes(FaultKind::NotificationLost) {
            env.log(|| {
                format!(
                    "SNS        loses the notification of {}",
                    short_request(inference)
                )
            });
            0
        } else if env.strikes(FaultKind::NotificationDuplicated) {
            2
        } else {
            1
        };
        let mut messages = Vec::new();
        for _ in 0..copies {
            let mut delay = env.between(20, 500);
            if env.strikes(FaultKind::NotificationLate) {
                delay += env.between(MINUTE, 2 * HOUR);
            }
            let body = self.notification(request, outcome);
            let (queue, kind) = match outcome {
                InvocationStatus::Completed => (
                    Queue::InferenceSuccess,
                    MessageKind::Success(inference, request.output.clone()),
                ),
                InvocationStatus::Failed(_) => {
                    (Queue::InferenceError, MessageKind::Failure(inference))
                }
            };
            messages.push(send(queue, delay, QueueMessage::new(body, kind)));
        }
        messages
    }

    /// SageMaker's `TestNotification`, to both queues.
    pub(crate) fn test() -> impl Iterator<Item = After<OutgoingMessage>> {
        let body = r#"{"eventVersion":"1.0","eventSource":"aws:sagemaker","eventName":"TestNotification"}"#;
        [Queue::InferenceSuccess, Queue::InferenceError]
            .into_iter()
            .map(|queue| {
                send(
                    queue,
                    50,
                    QueueMessage::new(body.to_owned(), MessageKind::Test),
                )
            })
    }

    /// The message as the endpoint publishes it.
    fn notification(&self, request: &InferenceRequest, outcome: InvocationStatus) -> String {
        let result = match outcome {
            InvocationStatus::Completed => format!(
                r#""invocationStatus":"Completed","responseParameters":{{"contentType":"application/json","outputLocation":"s3://{BUCKET}/{}"}}"#,
                request.output
            ),
            InvocationStatus::Failed(failure) => {
                format!(r#""invocationStatus":"Failed","failureReason":"{failure}""#)
            }
        };
        let text = format!(
            r#"{{"awsRegion":"eu-central-1",{result},"requestParameters":{{"endpointName":"{}"}},"inferenceId":"{}","eventVersion":"1.0","eventSource":"aws:sagemaker","eventName":"InferenceResult"}}"#,
            self.endpoint, request.inference
        );
        if self.enveloped {
            let quoted = serde_json::Value::String(text);
            format!(
                r#"{{"Type":"Notification","MessageId":"m","TopicArn":"t","Message":{quoted}}}"#
            )
        } else {
            text
        }
    }
}
