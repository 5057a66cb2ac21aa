//! Tickets in the records table: `Tickets`.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jobs::id::hex;
use jobs::ports::{Clock, Ticket, Tickets, Unavailable};
use sha2::{Digest, Sha256};

use super::row::reader::Reader;
use super::{Aws, unavailable};
use crate::config::{Has, variable};

/// The table contains only the hash of a ticket, so read access to the table is not enough to use one.
fn ticket_key(secret: &str) -> String {
    format!("ticket#{}", hex(&Sha256::digest(secret.as_bytes())))
}

impl<E: Has<variable::RecordsTable>> Tickets for Aws<E> {
    async fn issue(&self, secret: &str, ticket: &Ticket) -> Result<(), Unavailable> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let number = |number: u64| AttributeValue::N(number.to_string());
        let mut request = self
            .dynamodb()
            .put_item()
            .table_name(self.name::<variable::RecordsTable>())
            .item("pk", AttributeValue::S(ticket_key(secret)))
            .item("sk", text("-"))
            .item("watches", text(&ticket.subscription))
            .item("actor", text(&ticket.actor))
            .item("expires_ms", number(ticket.expires_at.0))
            .item("token_expires_ms", number(ticket.token_expires_at.0))
            .item("expires_at", number(ticket.expires_at.0.div_ceil(1000)));
        if let Some(uploader) = &ticket.uploader {
            request = request.item("uploader", text(uploader));
        }
        if ticket.hides_contents {
            request = request.item("hides_contents", AttributeValue::Bool(true));
        }
        request
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB PutItem", error))?;
        Ok(())
    }

    async fn redeem(&self, secret: &str) -> Result<Option<Ticket>, Unavailable> {
        let request = self
            .dynamodb()
            .delete_item()
            .table_name(self.name::<variable::RecordsTable>())
            .key("pk", AttributeValue::S(ticket_key(secret)))
            .key("sk", AttributeValue::S("-".to_owned()))
            .return_values(ReturnValue::AllOld);
        // The delete makes it single-use: only one of two callers gets the old row. If the SDK repeats the call because
        // the first response was lost, it finds nothing, and the page requests another ticket.
        let response = request
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB DeleteItem", error))?;
        let Some(item) = &response.attributes else {
            return Ok(None);
        };
        let row = Reader { item, path: "" };
        let ticket = || -> Result<Ticket, super::row::reader::BadRow> {
            Ok(Ticket {
                subscription: row.text("watches")?.to_owned(),
                uploader: row.optional_text("uploader")?,
                hides_contents: item.contains_key("hides_contents"),
                actor: row.text("actor")?.to_owned(),
                expires_at: row.time("expires_ms")?,
                token_expires_at: row.time("token_expires_ms")?,
            })
        };
        match ticket() {
            Ok(ticket) => Ok(Some(ticket).filter(|ticket| ticket.expires_at > self.now())),
            Err(bad) => {
                tracing::error!(problem = ?bad, "a ticket cannot be read");
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticket_is_stored_under_its_hash() {
        // The SHA-256 of "abc" (FIPS 180-2, appendix B.1).
        assert_eq!(
            ticket_key("abc"),
            "ticket#ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
