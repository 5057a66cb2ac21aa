//! Function `ws-default`: responds to messages of a page.

use api::ports::JobList;
use api::snapshot::{Known, KnownJob, sync};
use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use jobs::ports::{Clock, Connections, JobStore, PushError, Pusher};
use jobs::view::PushMessage;
use lambda_runtime::{Error, LambdaEvent};
use serde::Deserialize;
use tracing::info;

use super::json;
use super::ws::{connection, ok};
use crate::bootstrap::App;
use crate::environment;

environment! {
    pub struct Environment {
        connections_table: ConnectionsTable,
        jobs_table: JobsTable,
        websocket_url: WebsocketManagementUrl,
    }
}

#[derive(Deserialize)]
struct PageMessage {
    /// `sync`: register the connection and send a snapshot, or what differs from what the page knows.
    action: String,
    // The fields of `Known`: a flattened struct would be read from a copy of the whole message.
    #[serde(default)]
    mark: Option<String>,
    #[serde(default)]
    known: Vec<KnownJob>,
}

/// Answers a page.
///
/// - **Input**: `{"action":"sync"}`. The page sends it when it connects and about every minute, which keeps the
///   connection alive and makes up for lost pushes. With `mark`, the mark of the last snapshot, and `known`, the page's
///   jobs as `[id, version, status group]`, it gets only what changed.
/// - **On bad input**: an error message that lists the valid messages.
/// - **On failure**: an error; the page syncs again within a minute.
///
/// # Errors
/// If the connection could not be registered or the table not be read.
pub async fn handle<P, E>(
    app: &App<P, E>,
    event: LambdaEvent<ApiGatewayWebsocketProxyRequest>,
) -> Result<ApiGatewayProxyResponse, Error>
where
    P: JobStore + JobList + Connections + Pusher + Clock,
{
    let event = event.payload;
    let now = app.ports.now();
    let connection = connection(&event, now)?;
    let body = event.body.as_deref().unwrap_or_default();
    let known = json::from_slice(body.as_bytes())
        .ok()
        .filter(|message: &PageMessage| message.action == "sync")
        .map(|PageMessage { mark, known, .. }| Known { mark, known });
    let frame = if connection.token_expires_at <= now {
        PushMessage::Error {
            message: "the sign-in has expired; connect with a new ticket".to_owned(),
        }
    } else if let Some(known) = known {
        sync(&app.ports, &connection, &known).await?
    } else {
        PushMessage::Error {
            message: r#"not understood; say {"action":"sync"}"#.to_owned(),
        }
    };
    match app
        .ports
        .push(&connection.connection_id, &frame.to_json())
        .await
    {
        Ok(()) | Err(PushError::Gone) => {}
        Err(PushError::Dropped(error)) => {
            info!(connection.id = %connection.connection_id, error = %error, "a response was dropped")
        }
    }
    Ok(ok())
}
