//! Function `ws-disconnect`: a page has disconnected.

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

/// Removes the connection.
///
/// - **Input**: `$disconnect`, which API Gateway sends if it can.
/// - **On bad input**, **On failure**: an error in the log. A remaining row is removed by the first push that finds the
///   connection gone, or by its time to live.
///
/// # Errors
/// If the connection could not be removed.
pub async fn handle<P: Connections + Clock, E>(
    app: &App<P, E>,
    event: LambdaEvent<ApiGatewayWebsocketProxyRequest>,
) -> Result<ApiGatewayProxyResponse, Error> {
    let connection = connection(&event.payload, app.ports.now())?;
    app.ports
        .unregister(&connection.subscription, &connection.connection_id)
        .await?;
    Ok(ok())
}
