//! A page connects.

use jobs::ports::{Clock, Connections};
use lambda_runtime::{Error, LambdaEvent};

use super::ws::{Reply, WebSocketEvent};
use crate::bootstrap::App;
use crate::config::Var;

/// What it needs.
pub const NEEDS: &[Var] = &[Var::ConnectionsTable];

/// Registers the page, so that changes are pushed to it from its first moment.
///
/// - **Input**: `$connect`, after the authorizer let it in.
/// - **On bad input**, **On failure**: an error, with which API Gateway refuses the connection; the page tries again.
///
/// # Errors
/// If the page could not be registered.
pub async fn handle<P: Connections + Clock>(
    app: &App<P>,
    event: LambdaEvent<WebSocketEvent>,
) -> Result<Reply, Error> {
    let connection = event.payload.connection(app.ports.now())?;
    app.ports.register(&connection).await?;
    Ok(Reply::OK)
}
