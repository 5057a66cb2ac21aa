//! What SES reports about a mail.

use jobs::id::Tenant;
use jobs::ports::{KeyValueStore, Unavailable};
use tracing::{info, warn};

use super::{Feedback, Recipient, recipient_collection};
use crate::webhooks::records::{read, write};

/// Switches a recipient off whose mail came back for good or was reported as spam. Returns whether it was on.
///
/// # Errors
/// If a dependency does not answer, or the record changed at the same time: the message must be redelivered.
pub async fn record_feedback<P: KeyValueStore>(
    ports: &P,
    feedback: &Feedback,
) -> Result<bool, Unavailable> {
    let (tenant, key) = (&feedback.tenant, &feedback.recipient);
    let found = read::<_, Recipient>(ports, &recipient_collection(tenant), key).await?;
    let Some((recipient, revision)) = found else {
        return Ok(false);
    };
    // The user may have another address by now.
    let is_theirs = |address: &String| address.eq_ignore_ascii_case(&recipient.address);
    if !recipient.enabled || !feedback.addresses.iter().any(is_theirs) {
        return Ok(false);
    }
    if !switch_off(ports, tenant, key, recipient, revision, feedback.reason).await? {
        return Err(Unavailable {
            what: "a recipient",
            source: "it changed at the same time".into(),
        });
    }
    Ok(true)
}

/// Switches a recipient off. Returns whether it was written.
pub(super) async fn switch_off<P: KeyValueStore>(
    ports: &P,
    tenant: &Tenant,
    key: &str,
    mut recipient: Recipient,
    revision: u64,
    reason: &str,
) -> Result<bool, Unavailable> {
    recipient.enabled = false;
    recipient.off_reason = Some(reason.to_owned());
    let collection = recipient_collection(tenant);
    let is_written = write(ports, &collection, key, &recipient, revision + 1).await?;
    if is_written {
        info!(tenant = %tenant, recipient = key, reason, "digests were switched off");
    } else {
        warn!(tenant = %tenant, recipient = key, "a recipient changed at the same time");
    }
    Ok(is_written)
}
