//! Function `ws-connect`: a page connects.

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use jobs::ports::{Clock, Connections};
use lambda_runtime::{Error, LambdaEvent};

use super::ws::{connection, ok};
use crate::bootstrap::App;
use crate::environment;

environment! {
    pub struct Environment {
        connections_table: ConnectionsTable,
    }
}

/// Registers the connection, so that changes are pushed to it from the start.
///
/// - **Input**: `$connect`, after the authorizer let it in.
/// - **On bad input**, **On failure**: an error, with which API Gateway refuses the connection; the page tries again.
///
/// # Errors
/// If the connection could not be registered.
pub async fn handle<P: Connections + Clock, E>(
    app: &App<P, E>,
    event: LambdaEvent<ApiGatewayWebsocketProxyRequest>,
) -> Result<ApiGatewayProxyResponse, Error> {
    let connection = connection(&event.payload, app.ports.now())?;
    app.ports.register(&connection).await?;
    Ok(ok())
}
