//! A page left.

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

/// Forgets the page.
///
/// - **Input**: `$disconnect`, which API Gateway sends if it can.
/// - **On bad input**, **On failure**: an error in the log. A row that stays is removed by the first push that finds the
///   connection gone, or by its time to live.
///
/// # Errors
/// If the page could not be forgotten.
pub async fn handle<P: Connections + Clock, E>(
    app: &App<P, E>,
    event: LambdaEvent<WebSocketEvent>,
) -> Result<Reply, Error> {
    let connection = event.payload.connection(app.ports.now())?;
    app.ports
        .forget(&connection.subscription, &connection.connection_id)
        .await?;
    Ok(Reply::OK)
}
