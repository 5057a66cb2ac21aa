//! The connections table: `Connections`.

use aws_sdk_dynamodb::types::AttributeValue;
use jobs::id::Timestamp;
use jobs::ports::{Connection, Connections, Unavailable};

use super::row::reader::Reader;
use super::{Aws, unavailable};
use crate::config::{Has, variable};

/// A connection lasts two hours at most (API Gateway WebSocket quotas). If `$disconnect` did not remove its row, the row
/// expires ten minutes later.
const LIFETIME_SECONDS: u64 = 2 * 3600 + 600;

impl<E: Has<variable::ConnectionsTable>> Connections for Aws<E> {
    async fn register(&self, connection: &Connection) -> Result<(), Unavailable> {
        let number = |number: u64| AttributeValue::N(number.to_string());
        let mut request = self
            .dynamodb()
            .put_item()
            .table_name(self.name::<variable::ConnectionsTable>())
            .item("tenant", AttributeValue::S(connection.subscription.clone()))
            .item(
                "connection_id",
                AttributeValue::S(connection.connection_id.clone()),
            )
            .item("registered_at", number(connection.registered_at.0))
            .item("token_expires_at", number(connection.token_expires_at.0))
            .item(
                "expires_at",
                number(connection.registered_at.0 / 1000 + LIFETIME_SECONDS),
            );
        if let Some(uploader) = &connection.uploader {
            request = request.item("uploader", AttributeValue::S(uploader.clone()));
        }
        if connection.hides_contents {
            request = request.item("hides_contents", AttributeValue::Bool(true));
        }
        request
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB PutItem", error))?;
        Ok(())
    }

    async fn unregister(&self, subscription: &str, connection_id: &str) -> Result<(), Unavailable> {
        let request = self
            .dynamodb()
            .delete_item()
            .table_name(self.name::<variable::ConnectionsTable>())
            .key("tenant", AttributeValue::S(subscription.to_owned()))
            .key("connection_id", AttributeValue::S(connection_id.to_owned()));
        request
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB DeleteItem", error))?;
        Ok(())
    }

    async fn connected(&self, subscription: &str) -> Result<Vec<Connection>, Unavailable> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let request = self
                .dynamodb()
                .query()
                .table_name(self.name::<variable::ConnectionsTable>())
                .key_condition_expression("tenant = :watches")
                .expression_attribute_values(":watches", AttributeValue::S(subscription.to_owned()))
                // A page that registered a moment ago may show the state before this change.
                .consistent_read(true)
                .set_exclusive_start_key(start);
            let response = request
                .send()
                .await
                .map_err(|error| unavailable("DynamoDB Query", error))?;
            found.extend(response.items().iter().filter_map(|item| {
                let row = Reader { item, path: "" };
                Some(Connection {
                    subscription: subscription.to_owned(),
                    uploader: row.optional_text("uploader").ok()?,
                    hides_contents: item.contains_key("hides_contents"),
                    connection_id: row.text("connection_id").ok()?.to_owned(),
                    registered_at: row.time("registered_at").unwrap_or(Timestamp(0)),
                    token_expires_at: row.time("token_expires_at").ok()?,
                })
            }));
            match response.last_evaluated_key {
                Some(key) if !key.is_empty() => start = Some(key),
                Some(_) | None => return Ok(found),
            }
        }
    }
}
