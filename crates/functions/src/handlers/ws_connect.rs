//! A page connects.

use jobs::ports::{Clock, Connections};
use lambda_runtime::{Error, LambdaEvent};

use super::ws::{Reply, WebSocketEvent};
use crate::bootstrap::App;
use crate::environment;

environment! {
    /// What the function is told.
    pub struct Environment {
        connections_table: ConnectionsTable,
    }
}

/// Registers the page, so that changes are pushed to it from its first moment.
///
/// - **Input**: `$connect`, after the authorizer let it in.
/// - **On bad input**, **On failure**: an error, with which API Gateway refuses the connection; the page tries again.
///
/// # Errors
/// If the page could not be registered.
pub async fn handle<P: Connections + Clock, E>(
    app: &App<P, E>,
    event: LambdaEvent<WebSocketEvent>,
) -> Result<Reply, Error> {
    let connection = event.payload.connection(app.ports.now())?;
    app.ports.register(&connection).await?;
    Ok(Reply::OK)
}
