//! A page says something.

use api::snapshot::sync;
use jobs::ports::{Clock, Connections, JobStore, PushError, Pusher};
use jobs::view::Frame;
use lambda_runtime::{Error, LambdaEvent};
use serde::Deserialize;
use tracing::info;

use super::ws::{Reply, WebSocketEvent};
use crate::bootstrap::App;
use crate::environment;

environment! {
    /// What the function is told.
    pub struct Environment {
        connections_table: ConnectionsTable,
        jobs_table: JobsTable,
        websocket_url: WebsocketManagementUrl,
    }
}

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
enum Said {
    /// "Register me, and tell me what the table says."
    Sync,
}

/// Answers a page.
///
/// - **Input**: `{"action":"sync"}`. The page sends it when it connects and every minute, which keeps the connection
///   alive and brings what a lost push did not.
/// - **On bad input**: a frame that says what is understood.
/// - **On failure**: an error; the page asks again within a minute.
///
/// # Errors
/// If the page could not be registered or the table not be read.
pub async fn handle<P, E>(
    app: &App<P, E>,
    event: LambdaEvent<WebSocketEvent>,
) -> Result<Reply, Error>
where
    P: JobStore + Connections + Pusher + Clock,
{
    let event = event.payload;
    let now = app.ports.now();
    let connection = event.connection(now)?;
    let said: Result<Said, _> = serde_json::from_str(event.body.as_deref().unwrap_or_default());
    let frame = match said {
        _ if connection.token_expires_at <= now => Frame::Error {
            message: "the sign-in has expired; connect with a new ticket".to_owned(),
        },
        Ok(Said::Sync) => sync(&app.ports, &connection).await?,
        Err(_) => Frame::Error {
            message: r#"not understood; say {"action":"sync"}"#.to_owned(),
        },
    };
    match app
        .ports
        .push(&connection.connection_id, &frame.to_json())
        .await
    {
        Ok(()) | Err(PushError::Gone) => {}
        Err(PushError::Dropped(error)) => {
            info!(connection.id = %connection.connection_id, error = %error, "an answer was dropped")
        }
    }
    Ok(Reply::OK)
}
