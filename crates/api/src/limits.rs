//! Limits that no schema of the OpenAPI document can say. It lists them as `x-limits`, so that the page need not repeat them.

use jobs::input::PEEK_BYTES;
use serde_json::{Value, json};

use crate::commands::MAX_URGENT;
use crate::quarantine::MAX_SHOWN_BODY_BYTES;
use crate::snapshot::{MAX_CHECKED_JOBS, MAX_KNOWN_JOBS};
use crate::uploads::MAX_NAME_BYTES;
use crate::webhooks::{MAX_WEBHOOKS, PREVIOUS_SECRET_HOURS};

/// The limits by name.
pub fn limits() -> Value {
    json!({
        "file_name_bytes": MAX_NAME_BYTES,
        "pdf_header_bytes": PEEK_BYTES,
        "previous_secret_hours": PREVIOUS_SECRET_HOURS,
        "shown_message_bytes": MAX_SHOWN_BODY_BYTES,
        "snapshot_checked_jobs": MAX_CHECKED_JOBS,
        "snapshot_known_jobs": MAX_KNOWN_JOBS,
        "urgent_jobs": MAX_URGENT,
        "webhooks": MAX_WEBHOOKS,
    })
}
