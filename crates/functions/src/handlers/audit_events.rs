//! Function `audit-events`: publishes the entries of the audit log on the event bus.

use api::audit::{AuditEvent, AuditEventBus};
use api::types::AuditEntry;
use lambda_runtime::{Error, LambdaEvent};
use serde::Deserialize;
use tracing::{error, info};

use crate::bootstrap::App;
use crate::environment;

environment! {
    pub struct Environment {
        event_bus: EventBus,
    }
}

/// A batch of the stream of table `records`, with the fields that are used (Lambda developer guide, "Using AWS Lambda with Amazon
/// DynamoDB").
#[derive(Debug, Deserialize)]
pub struct StreamEvent {
    #[serde(rename = "Records")]
    records: Vec<StreamRecord>,
}

#[derive(Debug, Deserialize)]
struct StreamRecord {
    dynamodb: StreamChange,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamChange {
    keys: Keys,
    /// Absent if the record was deleted.
    new_image: Option<Image>,
}

#[derive(Debug, Deserialize)]
struct Keys {
    sk: StringAttribute,
}

#[derive(Debug, Deserialize)]
struct Image {
    body: StringAttribute,
}

#[derive(Debug, Deserialize)]
struct StringAttribute {
    #[serde(rename = "S")]
    text: String,
}

/// Publishes entries of the audit log, in their order.
///
/// - **Input**: a batch of the stream of table `records`. A filter leaves only entries of the audit log that were written.
/// - **On bad input**: an entry that cannot be decoded is logged as an error and passed over, since the others would wait behind
///   it for a day. The audit log has it.
/// - **On failure**: Lambda sends the batch again until the bus takes all of it, for a day.
///
/// # Errors
/// If the bus did not take every event.
pub async fn handle<P: AuditEventBus, E>(
    app: &App<P, E>,
    event: LambdaEvent<StreamEvent>,
) -> Result<(), Error> {
    let mut events: Vec<AuditEvent> = Vec::new();
    for StreamRecord { dynamodb } in &event.payload.records {
        let Some(image) = &dynamodb.new_image else {
            continue;
        };
        match serde_json::from_str::<AuditEntry>(&image.body.text) {
            Ok(entry) => events.push(AuditEvent::of(&dynamodb.keys.sk.text, entry)),
            Err(error) => {
                error!(error = %error, "an entry of the audit log cannot be decoded");
            }
        }
    }
    let failed = app.ports.publish_audit(&events).await;
    if !failed.is_empty() {
        return Err(format!(
            "{} of {} entries of the audit log were not published; the batch comes again",
            failed.len(),
            events.len()
        )
        .into());
    }
    info!(
        events = events.len(),
        "entries of the audit log were published"
    );
    Ok(())
}
