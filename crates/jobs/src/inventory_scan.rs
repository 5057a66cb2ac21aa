//! Scans the bucket for objects without a job, whose S3 event was lost, and re-sends their upload events.
//!
//! Two scans run side by side, over as many runs of the reconciler as they take; a checkpoint records their progress.
//!
//! - The **recent scan** ([`recent`]) lists only keys that the API issued lately. What it costs depends on the number of
//!   tenants and of recent uploads, not on the number of objects.
//! - The **complete scan** lists all objects of all pipelines, page by page, since the keys of S3 clients carry no time.
//!   Listing is cheap (a thousand objects per request) but looking up jobs is not. So an ordinary scan looks up only objects
//!   uploaded since the previous scan began, and once a day a full scan looks up all of them.

mod checkpoint;
mod recent;

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::info;

use crate::id::{CLOCK_SKEW, JobId, Timestamp, TraceId};
use crate::input::is_folder_marker;
use crate::pipeline::Pipelines;
use crate::ports::{
    Clock, Inventory, JobIndex, KeyValueStore, ListedObject, Unavailable, UploadQueue,
};
use crate::submit::UploadEvent;
use checkpoint::{ScanPosition, StoredCheckpoint};

/// Minimum time between the starts of two scans.
const SCAN_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// Minimum time between the starts of two full scans.
const FULL_SCAN_INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// Younger objects are skipped: S3's own event takes seconds, and the queue of uploads some minutes.
const MIN_OBJECT_AGE: Duration = Duration::from_secs(10 * 60);
/// Versions listed per request: the maximum of S3. A page is either completed or repeated; a page whose objects all lack a
/// job takes some forty calls in a row.
const PAGE: u16 = 1000;
/// Pages of the complete scan in one run, so that a run costs the same however many objects there are. Together with the
/// reconciler's interval this is the speed of the complete scan: 250,000 versions in five minutes.
pub const MAX_PAGES_PER_RUN: u64 = 250;
/// With fewer, the complete scan is late: half of the maximum, since S3 may be slow and other work comes first.
const MIN_PAGES_PER_RUN: u64 = MAX_PAGES_PER_RUN / 2;
/// Which objects to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanScope {
    /// Those that may have been missed, if a scan is due.
    Due,
    /// All objects, starting now: an operator knows that events were lost.
    Everything,
}

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Objects whose upload event was sent again.
    pub resent: u64,
    /// Time since the latest complete scan began: every event lost before that was re-sent. While no scan has completed,
    /// the time since the first one began.
    pub age: Duration,
    /// By how much the scans are later than the number of objects explains.
    pub delay: Duration,
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
    let mut resent = recent::scan(ports, target, &mut stored, &mut checkpoint, until).await?;
    let mut pages = 0;
    while let Some(position) = &checkpoint.position {
        if pages == MAX_PAGES_PER_RUN || ports.now() >= until {
            info!(prefix = position.prefix, "the next run continues");
            break;
        }
        let page = ports
            .page(bucket, &position.prefix, position.after.as_ref(), PAGE)
            .await?;
        pages += 1;
        let now = ports.now();
        let is_covered =
            |object: &ListedObject| checkpoint.covers(object, pipelines.upload_expiry(), now);
        resent += resend_missing(ports, bucket, &page.items, is_covered).await?;
        checkpoint.advance(page.next, pipelines);
        if !stored.write(ports, &checkpoint).await? {
            break;
        }
    }
    Ok(checkpoint.report(resent, pipelines, ports.now()))
}

/// What is scanned.
#[derive(Clone, Copy, Debug)]
struct Target<'a> {
    bucket: &'a str,
    pipelines: &'a Pipelines,
}

/// Whether an object was uploaded since a scan that began at `since` looked for it, with what its date leaves uncertain.
fn may_be_newer(object: &ListedObject, since: Timestamp, upload_expiry: Duration) -> bool {
    // S3 dates an object uploaded in parts by when its upload began, at most `upload_expiry` ago.
    // The entity tag of a multipart upload ends in a hyphen and its number of parts.
    let is_multipart = object.etag.contains('-');
    let uncertainty = if is_multipart {
        MIN_OBJECT_AGE + CLOCK_SKEW + upload_expiry
    } else {
        MIN_OBJECT_AGE + CLOCK_SKEW
    };
    object.put_at.plus(uncertainty) >= since
}

/// The start of the first prefix after `prefix`.
fn first_after(pipelines: &Pipelines, prefix: &str) -> Option<ScanPosition> {
    let prefixes = pipelines.iter().map(|pipeline| pipeline.prefix.as_str());
    let next = prefixes.filter(|known| *known > prefix).min()?;
    Some(ScanPosition {
        prefix: next.to_owned(),
        after: None,
    })
}

/// Re-sends the upload events of the covered objects that have no job. Returns how many.
async fn resend_missing<P>(
    ports: &P,
    bucket: &str,
    objects: &[ListedObject],
    is_covered: impl Fn(&ListedObject) -> bool,
) -> Result<u64, Unavailable>
where
    P: JobIndex + UploadQueue,
{
    let mut missing: Vec<&ListedObject> = objects
        .iter()
        .filter(|object| !is_folder_marker(&object.key, object.bytes))
        .filter(|object| is_covered(object))
        .collect();
    // Nearly all objects have the job id of their key; later versions at a key have an id of their own.
    let of_key = |object: &ListedObject| JobId::of_key(bucket, &object.key);
    let of_version =
        |object: &ListedObject| JobId::of_version(bucket, &object.key, &object.version);
    drop_known(ports, &mut missing, of_key).await?;
    drop_known(ports, &mut missing, of_version).await?;
    if missing.is_empty() {
        return Ok(0);
    }
    let uploads: Vec<UploadEvent> = missing
        .iter()
        .map(|object| UploadEvent {
            bucket: bucket.to_owned(),
            key: object.key.clone(),
            version: Some(object.version.clone()),
            bytes: object.bytes,
            etag: object.etag.clone(),
            trace_id: None,
        })
        .collect();
    for upload in &uploads {
        // The key may contain personal data, so log the job id that it will have, or has if it was overwritten.
        let id = JobId::of_key(bucket, &upload.key);
        info!(job.id = %id, trace.id = %TraceId::of_job(id), upload.version, "upload event re-sent for an object without a job");
    }
    let failed = ports.enqueue(&uploads).await;
    if failed.is_empty() {
        Ok(uploads.len() as u64)
    } else {
        Err(Unavailable {
            what: "the queue of uploads",
            source: format!(
                "{} of {} messages were not accepted",
                failed.len(),
                uploads.len()
            )
            .into(),
        })
    }
}

async fn drop_known<P: JobIndex>(
    ports: &P,
    objects: &mut Vec<&ListedObject>,
    id_of: impl Fn(&ListedObject) -> JobId,
) -> Result<(), Unavailable> {
    if objects.is_empty() {
        return Ok(());
    }
    let ids: Vec<JobId> = objects.iter().map(|object| id_of(object)).collect();
    let known: BTreeMap<JobId, String> = ports.versions_of(&ids).await?;
    objects.retain(|object| known.get(&id_of(object)) != Some(&object.version));
    Ok(())
}
