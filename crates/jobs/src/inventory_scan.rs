//! Scans the bucket for objects without a job, whose S3 event was lost, and re-sends their upload events.
//!
//! Two scans run side by side, over as many runs of the reconciler as they take; a checkpoint records their progress.
//!
//! - The **recent scan** (`recent`) lists only keys that the API issued lately. What it costs depends on the number of
//!   tenants and of recent uploads, not on the number of objects.
//! - The **complete scan** lists all objects of all pipelines, page by page, since the keys of S3 clients carry no time.
//!   Listing is cheap (a thousand objects per request) but looking up jobs is not. So an ordinary scan looks up only objects
//!   uploaded since the previous scan began, and once a day a full scan looks up all of them.

mod checkpoint;
mod missing;
mod recent;

use tracing::info;

use crate::id::Timestamp;
use crate::pipeline::Pipelines;
use crate::ports::{
    Clock, Inventory, JobIndex, KeyValueStore, ListedObject, Unavailable, UploadQueue,
};
use checkpoint::StoredCheckpoint;
pub use checkpoint::{MAX_PAGES_PER_RUN, ScanReport};
use missing::{PAGE_SIZE, Target, resend_missing};

/// Which objects to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanScope {
    /// Those that may have been missed, if a scan is due.
    Due,
    /// All objects, starting now: an operator knows that events were lost.
    Everything,
}

/// Continues the current scan, or begins a new one if it is due. Stops at `until`.
///
/// # Errors
/// If a service is unavailable. The next run continues after the last completed page.
pub async fn scan<P>(
    ports: &P,
    pipelines: &Pipelines,
    bucket: &str,
    scope: ScanScope,
    until: Timestamp,
) -> Result<ScanReport, Unavailable>
where
    P: Inventory + JobIndex + UploadQueue + KeyValueStore + Clock,
{
    let mut stored = StoredCheckpoint::read(ports).await?;
    let mut checkpoint = stored.checkpoint();
    let immediate = scope == ScanScope::Everything;
    if checkpoint.begin_what_is_due(ports.now(), pipelines, immediate)
        && !stored.write(ports, &checkpoint).await?
    {
        return Ok(checkpoint.report(0, pipelines, ports.now()));
    }
    let target = Target { bucket, pipelines };
    // Half of the time at most: with very many tenants the recent scan must not stop the complete one.
    let now = ports.now();
    let recent_until = now.plus(until.since(now) / 2);
    let mut resent =
        recent::scan(ports, target, &mut stored, &mut checkpoint, recent_until).await?;
    let mut pages = 0;
    while let Some(position) = &checkpoint.position {
        if pages == MAX_PAGES_PER_RUN || ports.now() >= until {
            info!(prefix = position.prefix, "the next run continues");
            break;
        }
        let page = ports
            .page(bucket, &position.prefix, position.after.as_ref(), PAGE_SIZE)
            .await?;
        pages += 1;
        let now = ports.now();
        let is_covered =
            |object: &ListedObject| checkpoint.covers(object, pipelines.upload_expiry(), now);
        resent += resend_missing(ports, target, &page.items, is_covered).await?;
        checkpoint.advance(page.next, pipelines);
        if !stored.write(ports, &checkpoint).await? {
            break;
        }
    }
    Ok(checkpoint.report(resent, pipelines, ports.now()))
}
