//! A page wants to connect.

use std::collections::BTreeMap;

use jobs::ports::Tickets;
use lambda_runtime::{Error, LambdaEvent};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::bootstrap::App;
use crate::config::{Has, variable};
use crate::environment;

environment! {
    /// What the function is told.
    pub struct Environment {
        records_table: RecordsTable,
        page_origin: PageOrigin,
    }
}

/// A request authorizer's event (API Gateway developer guide, "Lambda authorizers for WebSocket APIs").
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerEvent {
    method_arn: String,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    query_string_parameters: Option<BTreeMap<String, String>>,
}

/// Lets a page in that holds a ticket, once.
///
/// - **Input**: `$connect` with `?ticket=…`. Browsers cannot send an `Authorization` header with a WebSocket.
/// - **On bad input**: denied; so is a page of another origin.
/// - **On failure**: an error, which API Gateway answers with 500; the page asks for another ticket.
///
/// # Errors
/// If the ticket could not be looked up.
pub async fn handle<P, E>(
    app: &App<P, E>,
    event: LambdaEvent<AuthorizerEvent>,
) -> Result<Value, Error>
where
    P: Tickets,
    E: Has<variable::PageOrigin>,
{
    let page_origin = Has::<variable::PageOrigin>::value(&*app.environment);
    let event = event.payload;
    let header = |name: &str| {
        event
            .headers
            .iter()
            .flatten()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    // Programs send no origin; a browser always does, and another site's page must not ride on a ticket.
    if let Some(origin) = header("origin")
        && page_origin != "*"
        && origin != page_origin
    {
        warn!("a page of another origin was denied");
        return Ok(policy(&event.method_arn, None));
    }
    let Some(secret) = event
        .query_string_parameters
        .iter()
        .flatten()
        .find(|(name, _)| *name == "ticket")
        .map(|(_, value)| value)
    else {
        info!("a connection without a ticket was denied");
        return Ok(policy(&event.method_arn, None));
    };
    let ticket = app.ports.redeem(secret).await?;
    if ticket.is_none() {
        info!("a connection with a used, expired or unknown ticket was denied");
    }
    let context = ticket.map(|ticket| {
        let mut context = json!({"watches": ticket.subscription, "actor": ticket.actor, "token_expires_at": ticket.token_expires_at.0.to_string()});
        if let Some(uploader) = ticket.uploader {
            context["uploader"] = uploader.into();
        }
        context
    });
    Ok(policy(&event.method_arn, context))
}

fn policy(method_arn: &str, context: Option<Value>) -> Value {
    let effect = if context.is_some() { "Allow" } else { "Deny" };
    let actor = context
        .as_ref()
        .and_then(|context| context["actor"].as_str())
        .unwrap_or("nobody")
        .to_owned();
    json!({
        "principalId": actor,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": method_arn}],
        },
        "context": context.unwrap_or_else(|| json!({})),
    })
}
