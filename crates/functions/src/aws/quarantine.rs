//! The quarantine in the records table: `Quarantine`. `quarantine_store` has what support does with it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jobs::ports::{Quarantine, QuarantinedMessage, Unavailable};

use super::row::{Item, n, s};
use super::{Aws, done_or, unavailable};
use crate::config::{Has, variable};

/// The part of a quarantined message that stays on the row; one that is longer lies in S3 as a whole. Lists read whole
/// rows, whatever they ask for, and nearly all messages are shorter than this.
const MAX_INLINE_BODY_BYTES: usize = 4 * 1024;
/// How long a quarantined message is kept, in days: as long as its row.
const RETENTION_DAYS: u64 = 90;
pub(super) const PARTITION: &str = "quarantine";

pub(super) fn key(source: &str, message_id: &str) -> Item {
    HashMap::from([
        ("pk".to_owned(), s(PARTITION)),
        (
            "sk".to_owned(),
            AttributeValue::S(format!("{source}#{message_id}")),
        ),
    ])
}

/// The key of the object with the text of a message that is too long for its row.
pub(super) fn body_key(source: &str, message_id: &str) -> String {
    format!("quarantine/{source}/{message_id}")
}

impl<E: Has<variable::RecordsTable> + Has<variable::Bucket>> Quarantine for Aws<E> {
    async fn quarantine(&self, entry: &QuarantinedMessage) -> Result<(), Unavailable> {
        let cut = entry.body.floor_char_boundary(MAX_INLINE_BODY_BYTES);
        let mut request = self
            .dynamodb()
            .put_item()
            .table_name(self.name::<variable::RecordsTable>())
            .set_item(Some(key(&entry.source, &entry.message_id)))
            .item("source", s(&entry.source))
            .item("message_id", s(&entry.message_id))
            .item("cause", s(entry.cause.as_ref()))
            .item("problem", s(&entry.problem))
            .item("body", s(&entry.body[..cut]))
            .item("body_bytes", n(entry.body.len()))
            .item("quarantined_at", n(entry.at.0))
            .item("expires_at", n(entry.at.0 / 1000 + RETENTION_DAYS * 86_400))
            // One that is there was delivered before, unless it was sent again: then it has failed anew.
            .condition_expression("attribute_not_exists(pk) OR attribute_exists(redriven_at)");
        if cut < entry.body.len() {
            let key = body_key(&entry.source, &entry.message_id);
            let body = aws_sdk_s3::primitives::ByteStream::from(entry.body.clone().into_bytes());
            let put = self
                .s3()
                .put_object()
                .bucket(self.name::<variable::Bucket>())
                .set_expected_bucket_owner(self.bucket_owner())
                .key(&key)
                .body(body);
            put.content_type("text/plain; charset=utf-8")
                .send()
                .await
                .map_err(|error| unavailable("S3 PutObject", error))?;
            request = request.item("body_key", AttributeValue::S(key));
        }
        done_or("DynamoDB PutItem", request.send().await, |refused| {
            refused.is_conditional_check_failed_exception()
        })
        .map(drop)
    }
}
