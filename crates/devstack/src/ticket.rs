//! Tickets that open the WebSocket, for those who watch without signing in. People get theirs from the HTTP API; the
//! devstack writes them itself, in the form in which the function `ws-authorizer` reads them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest, Sha256};

/// How long a ticket waits to be used.
const TICKET_LIFE: Duration = Duration::from_secs(60);
/// How long the page may then be served: the life of a sign-in.
const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// Writes a ticket for whoever wants to watch a tenant (`*`: every tenant) and answers its secret.
/// It opens one connection, within 60 s.
pub(crate) async fn issue(
    client: &aws_sdk_dynamodb::Client,
    table: &str,
    subscription: &str,
) -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("the system has no randomness")?;
    let secret = hex(&bytes);
    let now = now_ms();
    let expires = now + TICKET_LIFE.as_millis();
    let number = |n: u128| AttributeValue::N(n.to_string());
    client
        .put_item()
        .table_name(table)
        // Only the hash is kept: who reads the table cannot connect with it.
        .item(
            "pk",
            AttributeValue::S(format!("ticket#{}", hex(&Sha256::digest(&secret)))),
        )
        .item("sk", AttributeValue::S("-".to_owned()))
        .item("watches", AttributeValue::S(subscription.to_owned()))
        .item("actor", AttributeValue::S("devstack".to_owned()))
        .item("expires_at", number(expires / 1000)) // DynamoDB's time to live counts in seconds
        .item("expires_ms", number(expires))
        .item("token_expires_ms", number(now + TOKEN_LIFE.as_millis()))
        .send()
        .await
        .context("the ticket cannot be written")?;
    Ok(secret)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program for people has no other clock"
)]
fn now_ms() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis())
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
