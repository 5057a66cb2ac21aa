//! The desk table: `Tickets`, `Quarantine` and `Notebook`.

use std::fmt::Write;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jobs::ports::{Clock, Notebook, Quarantine, Quarantined, Ticket, Tickets, Unavailable};
use sha2::{Digest, Sha256};

use super::row::Reader;
use super::{Aws, unavailable};
use crate::config::Var;

/// The part of a quarantined message that stays on the row; more of it lies in S3. An item has 400 KB at most.
const BODY_BYTES: usize = 64 * 1024;
/// How long a quarantined message is kept, in days: as long as its row would be useful to anyone.
const KEEP_DAYS: u64 = 90;

/// The table knows a ticket by its hash: whoever reads the table cannot use it.
fn ticket_key(secret: &str) -> String {
    let digest = Sha256::digest(secret.as_bytes());
    digest.iter().fold("ticket#".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Tickets for Aws {
    async fn redeem(&self, secret: &str) -> Result<Option<Ticket>, Unavailable> {
        let request = self
            .dynamodb()
            .delete_item()
            .table_name(self.name(Var::DeskTable))
            .key("pk", AttributeValue::S(ticket_key(secret)))
            .key("sk", AttributeValue::S("-".to_owned()))
            .return_values(ReturnValue::AllOld);
        // Deleting is what makes it single-use: of two callers one gets the old row. A repeated try by the SDK
        // whose first answer was lost finds nothing, and the page asks for another ticket.
        let answer = request
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB DeleteItem", error))?;
        let Some(item) = &answer.attributes else {
            return Ok(None);
        };
        let row = Reader { item, path: "" };
        let ticket = || -> Result<Ticket, super::row::BadRow> {
            Ok(Ticket {
                watches: row.text("watches")?.to_owned(),
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

impl Quarantine for Aws {
    async fn keep(&self, entry: &Quarantined) -> Result<(), Unavailable> {
        let cut = entry.body.floor_char_boundary(BODY_BYTES);
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let mut request = self
            .dynamodb()
            .put_item()
            .table_name(self.name(Var::DeskTable))
            .item("pk", text("quarantine"))
            .item(
                "sk",
                AttributeValue::S(format!("{}#{}", entry.source, entry.message_id)),
            )
            .item("source", text(&entry.source))
            .item("message_id", text(&entry.message_id))
            .item("cause", text(entry.cause))
            .item("problem", text(&entry.problem))
            .item("body", text(&entry.body[..cut]))
            .item(
                "body_bytes",
                AttributeValue::N(entry.body.len().to_string()),
            )
            .item("quarantined_at", AttributeValue::N(entry.at.0.to_string()))
            .item(
                "expires_at",
                AttributeValue::N((entry.at.0 / 1000 + KEEP_DAYS * 86_400).to_string()),
            )
            .condition_expression("attribute_not_exists(pk)");
        if cut < entry.body.len() {
            let key = format!("quarantine/{}/{}", entry.source, entry.message_id);
            let body = aws_sdk_s3::primitives::ByteStream::from(entry.body.clone().into_bytes());
            let put = self
                .s3()
                .put_object()
                .bucket(self.name(Var::Bucket))
                .key(&key)
                .body(body);
            put.content_type("text/plain; charset=utf-8")
                .send()
                .await
                .map_err(|error| unavailable("S3 PutObject", error))?;
            request = request.item("body_key", AttributeValue::S(key));
        }
        match request.send().await {
            Ok(_) => Ok(()),
            // It is there already: this message was delivered before.
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|refused| refused.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(unavailable("DynamoDB PutItem", error)),
        }
    }
}

impl Notebook for Aws {
    async fn recall(&self, name: &str) -> Result<Option<String>, Unavailable> {
        let answer = self
            .dynamodb()
            .get_item()
            .table_name(self.name(Var::DeskTable))
            .key("pk", AttributeValue::S("note".to_owned()))
            .key("sk", AttributeValue::S(name.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB GetItem", error))?;
        let text = answer.item.and_then(|mut item| item.remove("text"));
        Ok(text.and_then(|text| text.as_s().cloned().ok()))
    }

    async fn note(&self, name: &str, text: &str) -> Result<(), Unavailable> {
        self.dynamodb()
            .put_item()
            .table_name(self.name(Var::DeskTable))
            .item("pk", AttributeValue::S("note".to_owned()))
            .item("sk", AttributeValue::S(name.to_owned()))
            .item("text", AttributeValue::S(text.to_owned()))
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB PutItem", error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_known_by_its_hash() {
        // The SHA-256 of "abc" (FIPS 180-2, appendix B.1).
        assert_eq!(
            ticket_key("abc"),
            "ticket#ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
