//! WebSocket events of API Gateway (developer guide, "Set up a WebSocket API integration request"):
//! only the fields that are used.

use std::collections::BTreeMap;

use jobs::id::Timestamp;
use jobs::ports::Connection;
use serde::{Deserialize, Serialize};

/// An event of an open or opening connection.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebSocketEvent {
    /// Which connection, and what its authorizer said about it.
    pub request_context: RequestContext,
    /// What the page sent.
    #[serde(default)]
    pub body: Option<String>,
}

/// Which connection, and what its authorizer said about it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestContext {
    /// API Gateway's name for the connection.
    pub connection_id: String,
    /// The context that the authorizer returned; all values arrive as text.
    #[serde(default)]
    pub authorizer: BTreeMap<String, serde_json::Value>,
}

/// The connection was not opened through our authorizer.
#[derive(Debug, thiserror::Error)]
#[error(
    "the connection has no {0} from its authorizer; is $connect protected in infra/service.yaml?"
)]
pub struct NotAuthorized(&'static str);

impl WebSocketEvent {
    /// The page behind the connection.
    ///
    /// # Errors
    /// If the authorizer's word on it is missing.
    pub fn connection(&self, now: Timestamp) -> Result<Connection, NotAuthorized> {
        let said = |name: &'static str| -> Result<String, NotAuthorized> {
            match self.request_context.authorizer.get(name) {
                Some(serde_json::Value::String(text)) => Ok(text.clone()),
                Some(serde_json::Value::Number(number)) => Ok(number.to_string()),
                _ => Err(NotAuthorized(name)),
            }
        };
        let expires = said("token_expires_at")?
            .parse()
            .map_err(|_| NotAuthorized("token_expires_at"))?;
        Ok(Connection {
            subscription: said("watches")?,
            uploader: said("uploader").ok(),
            connection_id: self.request_context.connection_id.clone(),
            registered_at: now,
            token_expires_at: Timestamp(expires),
        })
    }
}

/// The answer to an event; of `$connect` it opens the connection.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// 200, or the connection is refused.
    pub status_code: u16,
}

impl Reply {
    /// Yes.
    pub const OK: Self = Self { status_code: 200 };
}
