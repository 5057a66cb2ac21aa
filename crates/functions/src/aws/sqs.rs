//! Wake-ups: `WakeUpQueue`.

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use jobs::ports::{WakeUp, WakeUpQueue};

use super::{Aws, client, retries, timeouts, unavailable};
use crate::config::Var;
use crate::handlers::retry::WakeUpMessage;

/// The most messages of one `SendMessageBatch` (API reference).
const BATCH: usize = 10;

impl Aws {
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
}

impl WakeUpQueue for Aws {
    async fn send(&self, messages: &[(WakeUp, u32)]) -> Vec<usize> {
        let mut failed = Vec::new();
        for (chunk, start) in messages.chunks(BATCH).zip((0..).step_by(BATCH)) {
            let entries = chunk
                .iter()
                .enumerate()
                .filter_map(|(i, (wake_up, delay))| {
                    let body = serde_json::to_string(&WakeUpMessage::from(wake_up)).ok()?;
                    let delay = i32::try_from(*delay).ok()?;
                    SendMessageBatchRequestEntry::builder()
                        .id(i.to_string())
                        .message_body(body)
                        .delay_seconds(delay)
                        .build()
                        .ok()
                });
            let request = self
                .sqs()
                .send_message_batch()
                .queue_url(self.name(Var::WakeupsQueueUrl))
                .set_entries(Some(entries.collect()));
            match request.send().await {
                Ok(answer) => {
                    let sent: Vec<&str> = answer
                        .successful()
                        .iter()
                        .map(aws_sdk_sqs::types::SendMessageBatchResultEntry::id)
                        .collect();
                    failed.extend(
                        (0..chunk.len())
                            .filter(|i| !sent.contains(&i.to_string().as_str()))
                            .map(|i| start + i),
                    );
                }
                Err(error) => {
                    let _ = unavailable("SQS SendMessageBatch", error);
                    failed.extend(start..start + chunk.len());
                }
            }
        }
        failed
    }
}
