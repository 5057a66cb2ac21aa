//! Function `audit-events`: publishes the entries of the audit log on the event bus.

use api::audit::{AuditEvent, AuditEventBus};
use api::types::AuditEntry;
use aws_lambda_events::dynamodb::Event;
use lambda_runtime::{Error, LambdaEvent};
use serde::Deserialize;
use serde_dynamo::Item;
use tracing::{error, info};

use crate::bootstrap::App;
use crate::environment;

environment! {
    pub struct Environment {
        event_bus: EventBus,
    }
}

/// A row of the audit log, with the fields that are used.
#[derive(Deserialize)]
struct StoredEntry {
    sk: String,
    body: String,
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
    event: LambdaEvent<Event>,
) -> Result<(), Error> {
    let mut events: Vec<AuditEvent> = Vec::new();
    for record in event.payload.records {
        let image = record.change.new_image;
        // The row was deleted.
        if image.is_empty() {
            continue;
        }
        match stored_entry(image) {
            Ok((key, entry)) => events.push(AuditEvent::of(&key, entry)),
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

fn stored_entry(image: Item) -> Result<(String, AuditEntry), Error> {
    let stored: StoredEntry = serde_dynamo::from_item(image)?;
    Ok((stored.sk, serde_json::from_str(&stored.body)?))
}
