//! WebSocket tickets for clients that do not sign in. Users get tickets from the HTTP API; the local stack writes them
//! to the table itself, in the format that the function `ws-authorizer` reads.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use jobs::id::hex;
use sha2::{Digest, Sha256};

/// How long a ticket is valid.
const TICKET_TTL: Duration = Duration::from_secs(60);
/// How long the connection may then stay open: the lifetime of an ID token.
const TOKEN_TTL: Duration = Duration::from_secs(3600);

/// Writes a ticket for the pushes of a tenant (`*`: of all tenants) and returns its secret. It opens one connection,
/// within 60 s.
pub(crate) async fn issue(
    client: &aws_sdk_dynamodb::Client,
    table: &str,
    subscription: &str,
) -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("cannot get random bytes")?;
    let secret = hex(&bytes);
    let now = now_ms();
    let expires = now + TICKET_TTL.as_millis();
    let number = |n: u128| AttributeValue::N(n.to_string());
    client
        .put_item()
        .table_name(table)
        // Only the hash is stored, so that a reader of the table cannot connect.
        .item(
            "pk",
            AttributeValue::S(format!("ticket#{}", hex(&Sha256::digest(&secret)))),
        )
        .item("sk", AttributeValue::S("-".to_owned()))
        .item("watches", AttributeValue::S(subscription.to_owned()))
        .item("actor", AttributeValue::S("devstack".to_owned()))
        .item("expires_at", number(expires / 1000)) // DynamoDB's TTL is in seconds
        .item("expires_ms", number(expires))
        .item("token_expires_ms", number(now + TOKEN_TTL.as_millis()))
        .send()
        .await
        .context("cannot write the ticket")?;
    Ok(secret)
}

/// In milliseconds since 1970 UTC.
#[expect(clippy::disallowed_methods, reason = "the stack works in real time")]
pub(crate) fn now_ms() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis())
}
