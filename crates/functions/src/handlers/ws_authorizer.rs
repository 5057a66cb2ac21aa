//! Function `ws-authorizer`: authorizes WebSocket connections.

use std::collections::BTreeMap;

use aws_lambda_events::apigw::{
    ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayCustomAuthorizerResponse,
};
use aws_lambda_events::iam::{IamPolicyEffect, IamPolicyStatement};
use jobs::ports::Tickets;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::json;
use tracing::{info, warn};

use crate::bootstrap::App;
use crate::config::{Has, variable};
use crate::environment;

environment! {
    pub struct Environment {
        records_table: RecordsTable,
        page_origin: PageOrigin,
    }
}

/// Allows one connection per ticket.
///
/// - **Input**: `$connect` with `?ticket=…`. Browsers cannot send an `Authorization` header with a WebSocket.
/// - **On bad input**: denied; so is a page of another origin.
/// - **On failure**: an error; API Gateway responds with 500, and the page requests another ticket.
///
/// # Errors
/// If the ticket could not be redeemed.
pub async fn handle<P, E>(
    app: &App<P, E>,
    event: LambdaEvent<ApiGatewayCustomAuthorizerRequestTypeRequest>,
) -> Result<ApiGatewayCustomAuthorizerResponse, Error>
where
    P: Tickets,
    E: Has<variable::PageOrigin>,
{
    let page_origin = Has::<variable::PageOrigin>::value(&*app.environment);
    let event = event.payload;
    let method_arn = event.method_arn.ok_or("the event has no methodArn")?;
    let origin = event.headers.get("origin");
    // Programs send no origin. Browsers always do, and a page of another site must not be able to use a ticket.
    if let Some(origin) = origin
        && page_origin != "*"
        && origin != page_origin
    {
        warn!("a page of another origin was denied");
        return Ok(deny(method_arn));
    }
    let Some(secret) = event.query_string_parameters.first("ticket") else {
        info!("a connection without a ticket was denied");
        return Ok(deny(method_arn));
    };
    let Some(ticket) = app.ports.redeem(secret).await? else {
        info!("a connection with a used, expired or unknown ticket was denied");
        return Ok(deny(method_arn));
    };
    let mut context = Context::from([
        ("watches", ticket.subscription),
        ("actor", ticket.actor.clone()),
        ("token_expires_at", ticket.token_expires_at.0.to_string()),
    ]);
    if let Some(uploader) = ticket.uploader {
        context.insert("uploader", uploader);
    }
    if ticket.hides_contents {
        context.insert("hides_contents", "true".to_owned());
    }
    let allow = IamPolicyEffect::Allow;
    Ok(policy(method_arn, allow, ticket.actor, context))
}

/// The context that API Gateway passes to the functions of the connection. All values are strings.
type Context = BTreeMap<&'static str, String>;

fn deny(method_arn: String) -> ApiGatewayCustomAuthorizerResponse {
    let deny = IamPolicyEffect::Deny;
    policy(method_arn, deny, "anonymous".to_owned(), Context::new())
}

fn policy(
    method_arn: String,
    effect: IamPolicyEffect,
    principal_id: String,
    context: Context,
) -> ApiGatewayCustomAuthorizerResponse {
    let mut statement = IamPolicyStatement::default();
    statement.action = vec!["execute-api:Invoke".to_owned()];
    statement.effect = effect;
    statement.resource = vec![method_arn];
    let mut response = ApiGatewayCustomAuthorizerResponse::default();
    response.principal_id = Some(principal_id);
    response.policy_document.version = Some("2012-10-17".to_owned());
    response.policy_document.statement = vec![statement];
    response.context = json!(context);
    response
}
