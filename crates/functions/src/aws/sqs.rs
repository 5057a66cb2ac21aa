//! Queues: `CheckQueue`, `RetryCommandQueue`, `UploadQueue` and `DeadLetters`.

use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName, SendMessageBatchRequestEntry,
};
use futures_util::{StreamExt, stream};
use jobs::id::Timestamp;
use jobs::id::TraceId;
use jobs::ports::{
    CheckQueue, CheckRequest, DeadLetter, DeadLetters, DelayedMessage, FailedEntries, Queue,
    RetryCommand, RetryCommandQueue, Unavailable, UploadQueue,
};
use jobs::submit::UploadEvent;

use super::{Aws, broken, client, retries, timeouts, unavailable};
use crate::config::{Environment, Has, QueueUrls, variable};
use crate::handlers::retry::{CheckMessage, ReleaseMessage, RetryCommandMessage};
use crate::handlers::s3_event::event_body;
use crate::handlers::sqs_message::{FIRST_MESSAGE_ID, TRACE_ID};

/// Maximum number of messages of `SendMessageBatch` (API reference).
const MAX_BATCH_MESSAGES: usize = 10;
/// How many batches are sent concurrently.
const CONCURRENT_BATCHES: usize = 5;
/// The message attribute with the time of a dead letter's first redrive, in milliseconds since 1970 UTC.
const DEAD_SINCE: &str = "dead-since";
/// Dead letters that were received but not deleted become visible again after this many seconds, which is longer than a
/// function runs.
const VISIBILITY_TIMEOUT_SECONDS: i32 = 180;

impl<E: Environment> Aws<E> {
    fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| {
            client!(
                self,
                aws_sdk_sqs,
                self.endpoint("SQS"),
                timeouts(),
                retries()
            )
        })
    }

    pub(super) async fn send_all(
        &self,
        queue_url: &str,
        bodies: &[DelayedMessage<String>],
    ) -> FailedEntries {
        let batches = bodies
            .chunks(MAX_BATCH_MESSAGES)
            .zip((0..).step_by(MAX_BATCH_MESSAGES));
        let failed: Vec<Vec<usize>> = stream::iter(batches)
            .map(async |(chunk, start)| self.send_batch(queue_url, chunk, start).await)
            .buffered(CONCURRENT_BATCHES)
            .collect()
            .await;
        failed.into_iter().flatten().collect()
    }

    async fn send_batch(
        &self,
        queue_url: &str,
        bodies: &[DelayedMessage<String>],
        start: usize,
    ) -> Vec<usize> {
        let entries = bodies.iter().enumerate().filter_map(|(i, delayed)| {
            SendMessageBatchRequestEntry::builder()
                .id(i.to_string())
                .message_body(&delayed.message)
                .delay_seconds(i32::try_from(delayed.delay_seconds).ok()?)
                .build()
                .ok()
        });
        let request = self
            .sqs()
            .send_message_batch()
            .queue_url(queue_url)
            .set_entries(Some(entries.collect()));
        match request.send().await {
            Ok(response) => {
                let sent: Vec<&str> = response
                    .successful()
                    .iter()
                    .map(aws_sdk_sqs::types::SendMessageBatchResultEntry::id)
                    .collect();
                (0..bodies.len())
                    .filter(|i| !sent.contains(&i.to_string().as_str()))
                    .map(|i| start + i)
                    .collect()
            }
            Err(error) => {
                let _ = unavailable("SQS SendMessageBatch", error);
                (start..start + bodies.len()).collect()
            }
        }
    }
}

impl<E: Has<variable::ChecksQueueUrl>> CheckQueue for Aws<E> {
    async fn send_checks(&self, checks: &[DelayedMessage<CheckRequest>]) -> FailedEntries {
        let bodies = delayed_bodies(checks, |check| CheckMessage::from(check));
        self.send_all(self.name::<variable::ChecksQueueUrl>(), &bodies)
            .await
    }

    async fn request_releases(&self, pipelines: &[DelayedMessage<String>]) -> FailedEntries {
        let bodies = delayed_bodies(pipelines, |pipeline| ReleaseMessage::from(pipeline));
        self.send_all(self.name::<variable::ChecksQueueUrl>(), &bodies)
            .await
    }
}

impl<E: Has<variable::ChecksQueueUrl>> RetryCommandQueue for Aws<E> {
    async fn send_commands(&self, commands: &[DelayedMessage<RetryCommand>]) -> FailedEntries {
        let bodies = delayed_bodies(commands, |command| RetryCommandMessage::from(command));
        self.send_all(self.name::<variable::ChecksQueueUrl>(), &bodies)
            .await
    }
}

/// The JSON bodies of messages.
fn delayed_bodies<M, B: serde::Serialize>(
    messages: &[DelayedMessage<M>],
    body: impl Fn(&M) -> B,
) -> Vec<DelayedMessage<String>> {
    messages
        .iter()
        .map(|delayed| DelayedMessage {
            message: serde_json::to_string(&body(&delayed.message)).unwrap_or_default(),
            delay_seconds: delayed.delay_seconds,
        })
        .collect()
}

impl<E: Has<variable::UploadsQueueUrl>> UploadQueue for Aws<E> {
    async fn enqueue(&self, uploads: &[UploadEvent]) -> FailedEntries {
        let bodies: Vec<DelayedMessage<String>> = uploads
            .iter()
            .map(|upload| DelayedMessage {
                message: event_body(upload),
                delay_seconds: 0,
            })
            .collect();
        self.send_all(self.name::<variable::UploadsQueueUrl>(), &bodies)
            .await
    }
}

fn dead_letter(message: Message) -> Option<DeadLetter> {
    let attribute = |name: &str| {
        let value = message.message_attributes.as_ref()?.get(name)?;
        value.string_value.clone()
    };
    let header = |message: &Message| {
        let header = message.attributes.as_ref()?;
        TraceId::from_header(header.get(&MessageSystemAttributeName::AwsTraceHeader)?)
    };
    // The header of a redriven message contains the trace of the run that sent it.
    let trace_id = match attribute(FIRST_MESSAGE_ID) {
        Some(_) => attribute(TRACE_ID).and_then(|text| text.parse().ok()),
        None => header(&message),
    };
    Some(DeadLetter {
        first_id: attribute(FIRST_MESSAGE_ID).or_else(|| message.message_id.clone())?,
        dead_since: attribute(DEAD_SINCE)
            .and_then(|text| text.parse().ok())
            .map(Timestamp),
        trace_id,
        body: message.body?,
        receipt: message.receipt_handle?,
    })
}

impl<E: QueueUrls> Aws<E> {
    fn dead_letters_url(&self, what: &'static str, queue: Queue) -> Result<&str, Unavailable> {
        let url = self.environment.dead_letters_url(queue);
        url.ok_or_else(|| {
            let name = queue.name();
            broken(
                what,
                format!("this function is not given the dead letters of queue {name}"),
            )
        })
    }
}

impl<E: QueueUrls> DeadLetters for Aws<E> {
    async fn receive(&self, queue: Queue) -> Result<Vec<DeadLetter>, Unavailable> {
        let url = self.dead_letters_url("SQS ReceiveMessage", queue)?;
        let request = self
            .sqs()
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10)
            .visibility_timeout(VISIBILITY_TIMEOUT_SECONDS)
            // Short polling queries only some of the queue's servers (SQS developer guide, "short and long polling").
            .wait_time_seconds(1)
            .message_system_attribute_names(MessageSystemAttributeName::AwsTraceHeader)
            .message_attribute_names(FIRST_MESSAGE_ID)
            .message_attribute_names(DEAD_SINCE)
            .message_attribute_names(TRACE_ID);
        let response = request.send().await;
        let response = response.map_err(|error| unavailable("SQS ReceiveMessage", error))?;
        let messages = response.messages.into_iter().flatten();
        Ok(messages.filter_map(dead_letter).collect())
    }

    async fn redrive_letter(
        &self,
        queue: Queue,
        letter: &DeadLetter,
        dead_since: Timestamp,
    ) -> Result<(), Unavailable> {
        let attribute = |kind: &str, value: &str| {
            let attribute = MessageAttributeValue::builder();
            let attribute = attribute.data_type(kind).string_value(value).build();
            attribute.map_err(|error| broken("SQS SendMessage", error))
        };
        let mut request = self
            .sqs()
            .send_message()
            .queue_url(self.environment.queue_url(queue))
            .message_body(&letter.body)
            .message_attributes(FIRST_MESSAGE_ID, attribute("String", &letter.first_id)?)
            .message_attributes(DEAD_SINCE, attribute("Number", &dead_since.0.to_string())?);
        if let Some(trace_id) = letter.trace_id {
            let trace_id = attribute("String", &trace_id.to_string())?;
            request = request.message_attributes(TRACE_ID, trace_id);
        }
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(unavailable("SQS SendMessage", error)),
        }
    }

    async fn discard(&self, queue: Queue, letter: &DeadLetter) -> Result<(), Unavailable> {
        let url = self.dead_letters_url("SQS DeleteMessage", queue)?;
        let request = self
            .sqs()
            .delete_message()
            .queue_url(url)
            .receipt_handle(&letter.receipt);
        match request.send().await {
            Ok(_) => Ok(()),
            // It was deleted before. If only the receipt has expired, the message becomes visible again.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|refused| refused.is_receipt_handle_is_invalid()) =>
            {
                Ok(())
            }
            Err(error) => Err(unavailable("SQS DeleteMessage", error)),
        }
    }
}
