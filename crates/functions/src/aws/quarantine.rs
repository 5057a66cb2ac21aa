//! The quarantine in the records table: `Quarantine` and `QuarantineStore`.

use std::collections::HashMap;

use api::ports::{Page, QuarantineStore, StoredMessage};
use aws_sdk_dynamodb::types::AttributeValue;
use jobs::id::Timestamp;
use jobs::ports::{Quarantine, QuarantinedMessage, Unavailable};

use super::row::{BadRow, Item, Reader, n, s};
use super::{Aws, broken, done_or, unavailable};
use crate::config::{Has, variable};

/// Maximum length of a message body that is stored on the row; a longer one is stored in S3. DynamoDB reads whole rows for
/// a list, and nearly all messages are shorter than this.
const MAX_INLINE_BODY_BYTES: usize = 4 * 1024;
/// While a message is being replayed, no other call can replay or discard it for this long, in milliseconds.
const REPLAY_LOCK_MS: u64 = 60_000;
/// How long a quarantined message is kept, in days.
const RETENTION_DAYS: u64 = 90;
const PARTITION: &str = "quarantine";
/// Maximum number of query pages per list: a page has 1 MB, and rows of earlier releases up to 64 KB each.
const MAX_QUERY_PAGES: usize = 40;

fn key(source: &str, message_id: &str) -> Item {
    HashMap::from([
        ("pk".to_owned(), s(PARTITION)),
        (
            "sk".to_owned(),
            AttributeValue::S(format!("{source}#{message_id}")),
        ),
    ])
}

fn decode(item: &Item) -> Result<StoredMessage, BadRow> {
    let row = Reader { item, path: "" };
    // Lists do not read the body.
    let body = if item.contains_key("body") {
        row.text("body")?.to_owned()
    } else {
        String::new()
    };
    Ok(StoredMessage {
        message: QuarantinedMessage {
            source: row.text("source")?.to_owned(),
            message_id: row.text("message_id")?.to_owned(),
            cause: row.text("cause")?.to_owned().into(),
            problem: row.text("problem")?.to_owned(),
            body,
            at: row.time("quarantined_at")?,
        },
        body_bytes: row.number("body_bytes")?,
        replayed_at: match item.get("replayed_at") {
            Some(_) => Some(row.time("replayed_at")?),
            None => None,
        },
    })
}

impl<E: Has<variable::RecordsTable> + Has<variable::Bucket>> Quarantine for Aws<E> {
    async fn keep(&self, entry: &QuarantinedMessage) -> Result<(), Unavailable> {
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
            // An existing entry was delivered before. If it was replayed since, it has failed again.
            .condition_expression("attribute_not_exists(pk) OR attribute_exists(replayed_at)");
        if cut < entry.body.len() {
            let key = format!("quarantine/{}/{}", entry.source, entry.message_id);
            let body = aws_sdk_s3::primitives::ByteStream::from(entry.body.clone().into_bytes());
            let put = self
                .s3()
                .put_object()
                .bucket(self.name::<variable::Bucket>())
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

impl<E: Has<variable::RecordsTable> + Has<variable::Bucket>> QuarantineStore for Aws<E> {
    async fn list_messages(
        &self,
        after: Option<(&str, &str)>,
        limit: u16,
    ) -> Result<Page<StoredMessage>, Unavailable> {
        let mut found = Vec::new();
        let mut start = after.map(|(source, id)| key(source, id));
        for _ in 0..MAX_QUERY_PAGES {
            let left = usize::from(limit).saturating_sub(found.len());
            let response = self
                .dynamodb()
                .query()
                .table_name(self.name::<variable::RecordsTable>())
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", s(PARTITION))
                .projection_expression(
                    "#source, message_id, cause, problem, body_bytes, quarantined_at, replayed_at",
                )
                .expression_attribute_names("#source", "source")
                .set_exclusive_start_key(start)
                .limit(i32::try_from(left).unwrap_or(i32::MAX))
                .send()
                .await
                .map_err(|error| unavailable("DynamoDB Query", error))?;
            found.extend(response.items().iter().filter_map(|item| {
                decode(item)
                    .inspect_err(|bad| tracing::error!(problem = ?bad, "a message in quarantine cannot be read"))
                    .ok()
            }));
            start = response.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() || found.len() >= usize::from(limit) {
                break;
            }
        }
        Ok(Page {
            items: found,
            more: start.is_some(),
        })
    }

    async fn get_message(
        &self,
        source: &str,
        message_id: &str,
    ) -> Result<Option<StoredMessage>, Unavailable> {
        let response = self
            .dynamodb()
            .get_item()
            .table_name(self.name::<variable::RecordsTable>())
            .set_key(Some(key(source, message_id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB GetItem", error))?;
        let Some(item) = response.item else {
            return Ok(None);
        };
        let mut found =
            decode(&item).map_err(|bad| broken("a message in quarantine", format!("{bad:?}")))?;
        if let Some(AttributeValue::S(key)) = item.get("body_key") {
            let object = self
                .s3()
                .get_object()
                .bucket(self.name::<variable::Bucket>())
                .key(key)
                .send()
                .await
                .map_err(|error| unavailable("S3 GetObject", error))?;
            let body = object.body.collect().await;
            let body = body.map_err(|error| broken("S3 GetObject", error))?;
            found.message.body = String::from_utf8_lossy(&body.into_bytes()).into_owned();
        }
        Ok(Some(found))
    }

    async fn mark_replayed(
        &self,
        source: &str,
        message_id: &str,
        at: Timestamp,
    ) -> Result<bool, Unavailable> {
        let response = self
            .dynamodb()
            .update_item()
            .table_name(self.name::<variable::RecordsTable>())
            .set_key(Some(key(source, message_id)))
            .update_expression("SET replayed_at = :at")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(replayed_at) OR replayed_at < :before)",
            )
            .expression_attribute_values(":at", n(at.0))
            .expression_attribute_values(":before", n(at.0.saturating_sub(REPLAY_LOCK_MS)))
            .send()
            .await;
        let marked = done_or("DynamoDB UpdateItem", response, |refused| {
            refused.is_conditional_check_failed_exception()
        })?;
        Ok(marked.is_some())
    }

    async fn remove_message(
        &self,
        source: &str,
        message_id: &str,
        replayed_at: Option<Timestamp>,
    ) -> Result<(), Unavailable> {
        let mut request = self
            .dynamodb()
            .delete_item()
            .table_name(self.name::<variable::RecordsTable>())
            .set_key(Some(key(source, message_id)));
        if let Some(at) = replayed_at {
            request = request
                .condition_expression("replayed_at = :at")
                .expression_attribute_values(":at", n(at.0));
        }
        // The bucket's lifecycle rule deletes the body in S3.
        done_or("DynamoDB DeleteItem", request.send().await, |refused| {
            refused.is_conditional_check_failed_exception()
        })
        .map(drop)
    }
}
