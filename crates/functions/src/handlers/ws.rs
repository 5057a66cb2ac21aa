//! WebSocket events of API Gateway (developer guide, "Set up a WebSocket API integration request").

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use jobs::id::Timestamp;
use jobs::ports::Connection;
use serde_json::Value;

/// The event lacks the authorizer's context.
#[derive(Debug, thiserror::Error)]
#[error(
    "the connection has no {0} from its authorizer; is $connect protected in infra/service.yaml?"
)]
pub struct NotAuthorized(&'static str);

/// The connection of an event, from the context that the authorizer returned.
///
/// # Errors
/// If the context lacks what the authorizer always returns.
pub(super) fn connection(
    event: &ApiGatewayWebsocketProxyRequest,
    now: Timestamp,
) -> Result<Connection, NotAuthorized> {
    let request = &event.request_context;
    // All values arrive as text.
    let field = |name: &'static str| match request.authorizer.fields.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(NotAuthorized(name)),
    };
    let expires = field("token_expires_at")?
        .parse()
        .map_err(|_| NotAuthorized("token_expires_at"))?;
    let id = request.connection_id.clone();
    Ok(Connection {
        subscription: field("watches")?,
        uploader: field("uploader").ok(),
        hides_contents: field("hides_contents").is_ok(),
        connection_id: id.ok_or(NotAuthorized("connection id"))?,
        registered_at: now,
        token_expires_at: Timestamp(expires),
    })
}

/// The response to an event. For `$connect` it opens the connection.
pub(super) fn ok() -> ApiGatewayProxyResponse {
    let mut response = ApiGatewayProxyResponse::default();
    response.status_code = 200;
    response
}
