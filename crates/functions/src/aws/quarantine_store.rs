//! What support does with quarantined messages: `QuarantineStore`.

use api::ports::{Page, QuarantineStore, StoredMessage};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::operation::get_object::GetObjectError;
use jobs::id::{Location, Timestamp};
use jobs::ports::{ObjectDeletion, ObjectStore, QuarantinedMessage, Unavailable};

use super::quarantine::{PARTITION, body_key, key};
use super::row::reader::{BadRow, Reader};
use super::row::{Item, n, s};
use super::{Aws, broken, done_or, unavailable};
use crate::config::{Has, variable};

/// For this long no other call can redrive or discard a message that is being redriven, in milliseconds.
const REDRIVE_LOCK_MS: u64 = 60_000;
/// How many pages of a query are read for one list: a page has 1 MB, and rows of earlier releases up to 64 KB each.
const MAX_QUERY_PAGES: usize = 40;

fn decode(item: &Item) -> Result<StoredMessage, BadRow> {
    let row = Reader { item, path: "" };
    // Lists do not ask for the text.
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
        redriven_at: match item.get("redriven_at") {
            Some(_) => Some(row.time("redriven_at")?),
            None => None,
        },
    })
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
            let answer = self
                .dynamodb()
                .query()
                .table_name(self.name::<variable::RecordsTable>())
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", s(PARTITION))
                .projection_expression(
                    "#source, message_id, cause, problem, body_bytes, quarantined_at, redriven_at",
                )
                .expression_attribute_names("#source", "source")
                .set_exclusive_start_key(start)
                .limit(i32::try_from(left).unwrap_or(i32::MAX))
                .send()
                .await
                .map_err(|error| unavailable("DynamoDB Query", error))?;
            found.extend(answer.items().iter().filter_map(|item| {
                decode(item)
                    .inspect_err(|bad| tracing::error!(problem = ?bad, "a message in quarantine cannot be read"))
                    .ok()
            }));
            start = answer.last_evaluated_key.filter(|key| !key.is_empty());
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
        let answer = self
            .dynamodb()
            .get_item()
            .table_name(self.name::<variable::RecordsTable>())
            .set_key(Some(key(source, message_id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB GetItem", error))?;
        let Some(item) = answer.item else {
            return Ok(None);
        };
        let mut found =
            decode(&item).map_err(|bad| broken("a message in quarantine", format!("{bad:?}")))?;
        if let Some(AttributeValue::S(key)) = item.get("body_key") {
            let object = self
                .s3()
                .get_object()
                .bucket(self.name::<variable::Bucket>())
                .set_expected_bucket_owner(self.bucket_owner())
                .key(key)
                .send()
                .await;
            // Without the object a removal has been interrupted, and the row has the beginning of the text.
            if let Some(object) = done_or("S3 GetObject", object, GetObjectError::is_no_such_key)? {
                let body = object.body.collect().await;
                let body = body.map_err(|error| broken("S3 GetObject", error))?;
                found.message.body = String::from_utf8_lossy(&body.into_bytes()).into_owned();
            }
        }
        Ok(Some(found))
    }

    async fn mark_redriven(
        &self,
        source: &str,
        message_id: &str,
        at: Timestamp,
    ) -> Result<bool, Unavailable> {
        let answer = self
            .dynamodb()
            .update_item()
            .table_name(self.name::<variable::RecordsTable>())
            .set_key(Some(key(source, message_id)))
            .update_expression("SET redriven_at = :at")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(redriven_at) OR redriven_at < :before)",
            )
            .expression_attribute_values(":at", n(at.0))
            .expression_attribute_values(":before", n(at.0.saturating_sub(REDRIVE_LOCK_MS)))
            .send()
            .await;
        let marked = done_or("DynamoDB UpdateItem", answer, |refused| {
            refused.is_conditional_check_failed_exception()
        })?;
        Ok(marked.is_some())
    }

    async fn remove_message(
        &self,
        source: &str,
        message_id: &str,
        redriven_at: Option<Timestamp>,
    ) -> Result<(), Unavailable> {
        let text = Location {
            bucket: self.name::<variable::Bucket>().to_owned(),
            key: body_key(source, message_id),
        };
        let versions = self.versions(&text.bucket, &text.key).await?;
        let delete_text = async || {
            for version in &versions {
                self.delete_version(&text, &version.version).await?;
            }
            Ok::<(), Unavailable>(())
        };
        // Before the row, since a removal that is interrupted can be repeated only with the row. After a redrive the row
        // may be a new one, with the same text.
        if redriven_at.is_none() {
            delete_text().await?;
        }
        let mut request = self
            .dynamodb()
            .delete_item()
            .table_name(self.name::<variable::RecordsTable>())
            .set_key(Some(key(source, message_id)));
        if let Some(at) = redriven_at {
            request = request
                .condition_expression("redriven_at = :at")
                .expression_attribute_values(":at", n(at.0));
        }
        let removed = done_or("DynamoDB DeleteItem", request.send().await, |refused| {
            refused.is_conditional_check_failed_exception()
        })?;
        if removed.is_some() && redriven_at.is_some() {
            delete_text().await?;
        }
        Ok(())
    }
}
