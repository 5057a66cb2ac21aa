//! The desk table as a drawer of small texts: `KeyValueStore`.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jobs::id::Timestamp;
use jobs::ports::{KeyValueStore, Record, Unavailable};

use super::row::{BadRow, Item, Reader, n, s};
use super::{Aws, broken, unavailable};
use crate::config::{Has, variable};

fn document(item: &Item) -> Result<(String, Record), BadRow> {
    let row = Reader { item, path: "" };
    let expires_at = match item.get("expires_at") {
        Some(_) => Some(Timestamp(row.number::<u64>("expires_at")? * 1000)),
        None => None,
    };
    let document = Record {
        text: row.text("text")?.to_owned(),
        revision: row.number("revision")?,
        expires_at,
    };
    Ok((row.text("sk")?.to_owned(), document))
}

fn readable(item: &Item) -> Result<(String, Record), Unavailable> {
    document(item).map_err(|bad| broken("a document", format!("{bad:?}")))
}

impl<E: Has<variable::RecordsTable>> KeyValueStore for Aws<E> {
    async fn read(&self, folder: &str, name: &str) -> Result<Option<Record>, Unavailable> {
        let answer = self
            .dynamodb()
            .get_item()
            .table_name(self.name::<variable::RecordsTable>())
            .key("pk", s(folder))
            .key("sk", s(name))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB GetItem", error))?;
        let found = answer.item.as_ref().map(readable).transpose()?;
        Ok(found.map(|(_, document)| document))
    }

    async fn write(
        &self,
        folder: &str,
        name: &str,
        document: &Record,
    ) -> Result<bool, Unavailable> {
        let mut request = self
            .dynamodb()
            .put_item()
            .table_name(self.name::<variable::RecordsTable>())
            .item("pk", s(folder))
            .item("sk", s(name))
            .item("text", s(&document.text))
            .item("revision", n(document.revision))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(at) = document.expires_at {
            // DynamoDB's time to live counts seconds (developer guide, "Using time to live").
            request = request.item("expires_at", n(at.0.div_ceil(1000)));
        }
        request = if document.revision == 1 {
            request.condition_expression("attribute_not_exists(pk)")
        } else {
            request
                .condition_expression("revision = :before")
                .expression_attribute_values(":before", n(document.revision - 1))
        };
        let Err(error) = request.send().await else {
            return Ok(true);
        };
        match error.as_service_error() {
            // Unless it is the very one: then an earlier try went through and its answer was lost.
            Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(failed
                .item
                .as_ref()
                .and_then(|item| self::document(item).ok())
                .is_some_and(|(_, there)| {
                    there.revision == document.revision && there.text == document.text
                })),
            _ => Err(unavailable("DynamoDB PutItem", error)),
        }
    }

    async fn remove(&self, folder: &str, name: &str) -> Result<(), Unavailable> {
        self.dynamodb()
            .delete_item()
            .table_name(self.name::<variable::RecordsTable>())
            .key("pk", s(folder))
            .key("sk", s(name))
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB DeleteItem", error))?;
        Ok(())
    }

    async fn last(
        &self,
        folder: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Vec<(String, Record)>, Unavailable> {
        let mut request = self
            .dynamodb()
            .query()
            .table_name(self.name::<variable::RecordsTable>())
            .expression_attribute_values(":folder", s(folder))
            .scan_index_forward(false)
            .limit(i32::from(limit));
        request = match before {
            None => request.key_condition_expression("pk = :folder"),
            Some(before) => request
                .key_condition_expression("pk = :folder AND sk < :before")
                .expression_attribute_values(":before", s(before)),
        };
        let answer = request
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB Query", error))?;
        answer.items().iter().map(readable).collect()
    }
}
