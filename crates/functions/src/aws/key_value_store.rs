//! The records table: `KeyValueStore`.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jobs::id::Timestamp;
use jobs::ports::{KeyValueStore, Record, Unavailable};

use super::row::reader::{BadRow, Reader};
use super::row::{Item, n, s};
use super::{Aws, broken, unavailable};
use crate::config::{Has, variable};

fn record(item: &Item) -> Result<(String, Record), BadRow> {
    let row = Reader { item, path: "" };
    let expires_at = match item.get("expires_at") {
        Some(_) => Some(Timestamp(row.number::<u64>("expires_at")? * 1000)),
        None => None,
    };
    let record = Record {
        body: row.text("body")?.to_owned(),
        revision: row.number("revision")?,
        expires_at,
    };
    Ok((row.text("sk")?.to_owned(), record))
}

fn readable(item: &Item) -> Result<(String, Record), Unavailable> {
    record(item).map_err(|bad| broken("a record", format!("{bad:?}")))
}

impl<E: Has<variable::RecordsTable>> KeyValueStore for Aws<E> {
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Record>, Unavailable> {
        let response = self
            .dynamodb()
            .get_item()
            .table_name(self.name::<variable::RecordsTable>())
            .key("pk", s(collection))
            .key("sk", s(key))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB GetItem", error))?;
        let found = response.item.as_ref().map(readable).transpose()?;
        Ok(found.map(|(_, record)| record))
    }

    async fn put(&self, collection: &str, key: &str, record: &Record) -> Result<bool, Unavailable> {
        let mut request = self
            .dynamodb()
            .put_item()
            .table_name(self.name::<variable::RecordsTable>())
            .item("pk", s(collection))
            .item("sk", s(key))
            .item("body", s(&record.body))
            .item("revision", n(record.revision))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(at) = record.expires_at {
            // DynamoDB's time to live counts seconds (developer guide, "Using time to live").
            request = request.item("expires_at", n(at.0.div_ceil(1000)));
        }
        request = if record.revision == 1 {
            request.condition_expression("attribute_not_exists(pk)")
        } else {
            request
                .condition_expression("revision = :before")
                .expression_attribute_values(":before", n(record.revision - 1))
        };
        let Err(error) = request.send().await else {
            return Ok(true);
        };
        match error.as_service_error() {
            // An equal record means that an earlier try succeeded and its response was lost.
            Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(failed
                .item
                .as_ref()
                .and_then(|item| self::record(item).ok())
                .is_some_and(|(_, stored)| {
                    stored.revision == record.revision && stored.body == record.body
                })),
            _ => Err(unavailable("DynamoDB PutItem", error)),
        }
    }

    async fn delete(&self, collection: &str, key: &str) -> Result<(), Unavailable> {
        self.dynamodb()
            .delete_item()
            .table_name(self.name::<variable::RecordsTable>())
            .key("pk", s(collection))
            .key("sk", s(key))
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB DeleteItem", error))?;
        Ok(())
    }

    async fn list_descending(
        &self,
        collection: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Vec<(String, Record)>, Unavailable> {
        let condition = if before.is_some() {
            "pk = :collection AND sk < :before"
        } else {
            "pk = :collection"
        };
        let mut values = HashMap::from([(":collection".to_owned(), s(collection))]);
        values.extend(before.map(|before| (":before".to_owned(), s(before))));
        let mut found = Vec::new();
        let mut start = None;
        // A response has 1 MB at most, and fewer records than asked for mean that there are no more.
        loop {
            let left = usize::from(limit).saturating_sub(found.len());
            let response = self
                .dynamodb()
                .query()
                .table_name(self.name::<variable::RecordsTable>())
                .key_condition_expression(condition)
                .set_expression_attribute_values(Some(values.clone()))
                .scan_index_forward(false)
                .limit(i32::try_from(left).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| unavailable("DynamoDB Query", error))?;
            for item in response.items() {
                found.push(readable(item)?);
            }
            start = response.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() || found.len() >= usize::from(limit) {
                return Ok(found);
            }
        }
    }
}
