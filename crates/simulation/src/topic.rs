//! SNS: what an endpoint publishes, on its way to the queues.

use std::rc::Rc;

use async_endpoint::{InvocationStatus, ResultNotification};

use crate::endpoint::{Hosted, Req};
use crate::fault::Fault;
use crate::queue::{Kind, Message};
use crate::world::{BUCKET, HOUR, MINUTE, World};
use jobs::ports::Queue;

impl World {
    pub(crate) fn publish_notice(&mut self, at: usize, notice: &ResultNotification<Rc<Req>>) {
        let req = &notice.request;
        req.ended.set(Some(notice.status));
        let copies = if self.strikes(Fault::NotificationLost) {
            self.log(|| {
                format!(
                    "SNS        loses the notification of {}",
                    Self::short(req.inference)
                )
            });
            0
        } else if self.strikes(Fault::NotificationDoubled) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let mut delay = self.between(20, 500);
            if self.strikes(Fault::NotificationLate) {
                delay += self.between(MINUTE, 2 * HOUR);
            }
            let body = notification(&self.endpoints[at], req, notice.status);
            match notice.status {
                InvocationStatus::Completed => {
                    let kind = Kind::Success(req.inference, req.output.clone());
                    self.send(Queue::InferenceSuccess, delay, Message::new(body, kind));
                }
                InvocationStatus::Failed(_) => {
                    self.send(
                        Queue::InferenceError,
                        delay,
                        Message::new(body, Kind::Failure(req.inference)),
                    );
                }
            }
        }
    }
}

/// The message as the endpoint publishes it, in SNS's envelope or raw.
fn notification(hosted: &Hosted, req: &Req, outcome: InvocationStatus) -> String {
    let result = match outcome {
        InvocationStatus::Completed => format!(
            r#""invocationStatus":"Completed","responseParameters":{{"contentType":"application/json","outputLocation":"s3://{BUCKET}/{}"}}"#,
            req.output
        ),
        InvocationStatus::Failed(failure) => {
            format!(r#""invocationStatus":"Failed","failureReason":"{failure}""#)
        }
    };
    let text = format!(
        r#"{{"awsRegion":"eu-central-1",{result},"requestParameters":{{"endpointName":"{}"}},"inferenceId":"{}","eventVersion":"1.0","eventSource":"aws:sagemaker","eventName":"InferenceResult"}}"#,
        hosted.name, req.inference
    );
    if hosted.enveloped {
        let quoted = serde_json::Value::String(text);
        format!(r#"{{"Type":"Notification","MessageId":"m","TopicArn":"t","Message":{quoted}}}"#)
    } else {
        text
    }
}
