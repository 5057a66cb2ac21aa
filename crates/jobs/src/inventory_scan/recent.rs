//! The recent scan: keys that the API issued lately.
//!
//! These keys are `<prefix><tenant>/<uuid>.pdf` with a UUID of version 7, which begins with the time. S3 lists keys in
//! order and from any key on, so the recent ones of a tenant are one request, however many older ones there are.

use std::collections::BTreeSet;
use std::time::Duration;

use super::checkpoint::{
    MIN_OBJECT_AGE, ScanCheckpoint, ScanPosition, StoredCheckpoint, first_after, may_be_newer,
};
use super::missing::{PAGE_SIZE, Target, resend_missing};
use crate::id::{CLOCK_SKEW, Tenant, Timestamp};
use crate::ports::{
    Clock, Inventory, JobIndex, KeyValueStore, ListedObject, ListingCursor, Unavailable,
    UploadQueue,
};
use crate::tenants;
use crate::upload_session::name_start;

/// An upload that takes longer than this from the request for its key is left to the complete scan. A signed request is
/// valid for 15 minutes.
const MAX_UPLOAD_TIME: Duration = Duration::from_secs(2 * 3600);

/// Continues the recent scan, if one has begun. Returns how many upload events were re-sent.
///
/// # Errors
/// If a service is unavailable.
pub(super) async fn scan<P>(
    ports: &P,
    target: Target<'_>,
    stored: &mut StoredCheckpoint,
    checkpoint: &mut ScanCheckpoint,
    until: Timestamp,
) -> Result<u64, Unavailable>
where
    P: Inventory + JobIndex + UploadQueue + KeyValueStore + Clock,
{
    let mut resent = 0;
    if checkpoint.recent.position.is_none() {
        return Ok(0);
    }
    let known = tenants::list(ports).await?;
    let mut known: BTreeSet<Tenant> = known.into_iter().map(|(tenant, _)| tenant).collect();
    while let Some(position) = checkpoint.recent.position.clone() {
        let folders = ports
            .folders(target.bucket, &position.prefix, position.after.as_ref())
            .await?;
        for folder in &folders.items {
            if ports.now() >= until {
                stored.write(ports, checkpoint).await?;
                return Ok(resent);
            }
            if let Some(tenant) = tenant_of(folder, &position.prefix) {
                if !tenant.is_probe() && known.insert(tenant.clone()) {
                    tenants::record_found(ports, &tenant).await?;
                }
                resent += scan_folder(ports, target, checkpoint, folder).await?;
            }
            checkpoint.recent.position = Some(ScanPosition {
                prefix: position.prefix.clone(),
                after: Some(end_of(folder)),
            });
        }
        checkpoint.recent.position = match folders.next {
            Some(cursor) => Some(ScanPosition {
                prefix: position.prefix,
                after: Some(cursor),
            }),
            None => first_after(target.pipelines, &position.prefix),
        };
        if checkpoint.recent.position.is_none() {
            checkpoint.recent.last_complete = Some(checkpoint.recent.started_at);
        }
        if !stored.write(ports, checkpoint).await? {
            // Another run continues with both scans.
            checkpoint.position = None;
            break;
        }
    }
    Ok(resent)
}

/// The API issues keys only in the folders of tenants.
fn tenant_of(folder: &str, prefix: &str) -> Option<Tenant> {
    folder.strip_prefix(prefix)?.strip_suffix('/')?.parse().ok()
}

/// The position after all keys of a folder: `0` is the character after `/`.
fn end_of(folder: &str) -> ListingCursor {
    let name = folder.strip_suffix('/').unwrap_or(folder);
    ListingCursor {
        key: format!("{name}0"),
        version: None,
    }
}

async fn scan_folder<P>(
    ports: &P,
    target: Target<'_>,
    checkpoint: &ScanCheckpoint,
    folder: &str,
) -> Result<u64, Unavailable>
where
    P: Inventory + JobIndex + UploadQueue + Clock,
{
    let recent = &checkpoint.recent;
    let now = ports.now();
    let since = recent.last_complete.unwrap_or(recent.started_at);
    let oldest = MAX_UPLOAD_TIME + MIN_OBJECT_AGE + CLOCK_SKEW;
    let oldest = Timestamp(since.0.saturating_sub(oldest.as_millis() as u64));
    let newest = format!("{folder}{}", name_start(now.plus(CLOCK_SKEW)));
    let upload_expiry = target.pipelines.upload_expiry();
    let is_covered = |object: &ListedObject| {
        let is_old_enough = now.since(object.put_at) >= MIN_OBJECT_AGE;
        let is_new = recent
            .last_complete
            .is_none_or(|since| may_be_newer(object, since, upload_expiry));
        object.key < newest && is_old_enough && is_new
    };
    let mut resent = 0;
    let mut after = Some(ListingCursor {
        key: format!("{folder}{}", name_start(oldest)),
        version: None,
    });
    while after.as_ref().is_some_and(|after| after.key < newest) {
        let page = ports
            .page(target.bucket, folder, after.as_ref(), PAGE_SIZE)
            .await?;
        resent += resend_missing(ports, target, &page.items, is_covered).await?;
        after = page.next;
    }
    Ok(resent)
}
