//! SageMaker's notifications: suppressed, or published by a test.

use async_endpoint::{FaultRate, Faults};
use devstack::Stack;
use serde_json::Value;

use super::{TestTenant, row, text, until};

pub(crate) const DOC_UNDERSTANDING: &str = "docket-doc-understanding";
pub(crate) const LEGAL_REVIEW: &str = "docket-legal-review";

/// Faults of an endpoint, until this is dropped.
pub(crate) struct EndpointFaults {
    stack: &'static Stack,
    endpoint: &'static str,
}

impl EndpointFaults {
    pub(crate) fn set(stack: &'static Stack, endpoint: &'static str, faults: Faults) -> Self {
        stack.endpoints.set_faults(endpoint, faults).unwrap();
        Self { stack, endpoint }
    }

    /// The endpoint publishes no notification.
    pub(crate) fn lose_notifications(stack: &'static Stack, endpoint: &'static str) -> Self {
        let faults = Faults {
            lose_notification: FaultRate::ALWAYS,
            ..Faults::default()
        };
        Self::set(stack, endpoint, faults)
    }
}

impl Drop for EndpointFaults {
    fn drop(&mut self) {
        let Self { stack, endpoint } = self;
        stack
            .endpoints
            .set_faults(endpoint, Faults::default())
            .unwrap();
    }
}

/// A job in state `InProgress` whose run has ended without a notification.
pub(crate) struct UnreportedJob {
    pub(crate) key: String,
    pub(crate) id: String,
    /// Key of the object that the first attempt wrote.
    pub(crate) result: String,
}

/// What a run writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RunResult {
    Output,
    Failure,
}

impl UnreportedJob {
    /// Uploads a document to pipeline `doc-understanding`, whose endpoint must lose its notifications, and waits until
    /// the run has written its result.
    pub(crate) async fn create(
        tenant: &mut TestTenant,
        name: &str,
        bytes: Vec<u8>,
        result: RunResult,
    ) -> Self {
        let key = tenant.upload("inbound-documents/", name, bytes).await;
        let id = tenant.job(&key);
        tenant.wait_for_status(&id, "InProgress").await;
        let row = row(tenant.stack, &id).await;
        let attempt = row["attempts"].as_l().unwrap()[0].as_m().unwrap();
        let result = match result {
            // Of an open attempt, the row has the key after the prefix of the job's outputs.
            RunResult::Output => {
                format!(
                    "outbound/doc-understanding/{id}/{}",
                    text(attempt, &["key"])
                )
            }
            RunResult::Failure => text(attempt, &["failure"]).to_owned(),
        };
        let s3 = &tenant.stack.cloud.s3;
        until("the result of the run", async || {
            let head = s3.head_object().bucket(tenant.bucket()).key(&result);
            head.send().await.ok()
        })
        .await;
        Self { key, id, result }
    }

    /// Publishes the success notification of the first attempt, with the location of its output.
    pub(crate) async fn publish_success(&self, stack: &Stack) {
        let output = format!("s3://{}/{}", stack.outputs.jobs_bucket_name, self.result);
        let notification = success_notification(&format!("{}.a1", self.id), &output);
        publish_success(stack, &notification).await;
    }

    /// Publishes an error notification of the first attempt.
    pub(crate) async fn publish_error(&self, stack: &Stack) {
        let mut notification = example("inference-error/server-error.json");
        notification["inferenceId"] = format!("{}.a1", self.id).into();
        let topic = &stack.outputs.inference_error_topic_arn;
        publish(stack, topic, &notification).await;
    }
}

/// A success notification as the endpoint publishes it.
pub(crate) fn success_notification(inference_id: &str, output: &str) -> Value {
    let mut notification = example("inference-success/completed.json");
    notification["inferenceId"] = inference_id.into();
    notification["responseParameters"]["outputLocation"] = output.into();
    notification
}

fn example(name: &str) -> Value {
    let text = std::fs::read(devstack::repo_file("events").join(name)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// Publishes a message to the success topic.
pub(crate) async fn publish_success(stack: &Stack, message: &Value) {
    publish(stack, &stack.outputs.inference_success_topic_arn, message).await;
}

async fn publish(stack: &Stack, topic: &str, message: &Value) {
    let sns = aws_sdk_sns::Client::new(stack.cloud.config());
    let publish = sns.publish().topic_arn(topic).message(message.to_string());
    publish.send().await.unwrap();
}
