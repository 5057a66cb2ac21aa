//! Scans the bucket for objects without a job, whose S3 event was lost, and re-sends their upload events.
//!
//! A scan covers the prefixes of all pipelines, page by page, over as many runs as it takes; a checkpoint records its
//! progress. Listing is cheap (a thousand objects per request) but looking up jobs is not. So an ordinary scan looks up
//! only objects uploaded since the previous scan began, and once a day a full scan looks up all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::id::{CLOCK_SKEW, JobId, Timestamp, TraceId};
use crate::input::is_folder_marker;
use crate::pipeline::Pipelines;
use crate::ports::{
    Clock, Inventory, JobIndex, KeyValueStore, ListedObject, ListingCursor, Record, Unavailable,
    UploadQueue,
};
use crate::submit::UploadEvent;

/// Minimum time between the starts of two scans.
const SCAN_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// Minimum time between the starts of two full scans.
const FULL_SCAN_INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// Younger objects are skipped: S3's own event takes seconds, and the queue of uploads some minutes.
const MIN_OBJECT_AGE: Duration = Duration::from_secs(10 * 60);
/// Versions listed per request. S3 allows 1,000, but a page is either completed or repeated, and a page whose objects all
/// lack a job takes more than a hundred requests.
const PAGE: u16 = 500;
/// Where the checkpoint is stored.
const COLLECTION: &str = "state";
const KEY: &str = "inventory-scan";

/// The progress of the scan, as stored between runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct ScanCheckpoint {
    /// When the latest scan began.
    started_at: Timestamp,
    /// It looks up all objects.
    full: bool,
    /// An operator started it: it also looks up young objects.
    #[serde(default)]
    immediate: bool,
    /// Where it continues; `None` once it is complete.
    position: Option<ScanPosition>,
    /// When the latest complete scan began.
    last_complete: Option<Timestamp>,
    /// When the latest complete full scan began.
    last_full: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ScanPosition {
    prefix: String,
    after: Option<ListingCursor>,
}

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
    let mut resent = 0;
    let now = ports.now();
    let immediate = scope == ScanScope::Everything;
    if immediate
        || (checkpoint.position.is_none() && now.since(checkpoint.started_at) >= SCAN_INTERVAL)
    {
        checkpoint.begin(now, pipelines, immediate);
        if !stored.write(ports, &checkpoint).await? {
            return Ok(checkpoint.report(0, ports.now()));
        }
    }
    while let Some(position) = &checkpoint.position {
        if ports.now() >= until {
            info!(
                prefix = position.prefix,
                "time is up, the next run continues"
            );
            break;
        }
        let page = ports
            .page(bucket, &position.prefix, position.after.as_ref(), PAGE)
            .await?;
        resent += resend_missing(
            ports,
            bucket,
            pipelines.upload_expiry(),
            &checkpoint,
            &page.items,
        )
        .await?;
        checkpoint.advance(page.next, pipelines);
        if !stored.write(ports, &checkpoint).await? {
            break;
        }
    }
    Ok(checkpoint.report(resent, ports.now()))
}

impl ScanCheckpoint {
    fn report(&self, resent: u64, now: Timestamp) -> ScanReport {
        let since = self.last_complete.unwrap_or(self.started_at);
        ScanReport {
            resent,
            age: now.since(since),
        }
    }

    fn begin(&mut self, now: Timestamp, pipelines: &Pipelines, immediate: bool) {
        let last = self.last_full;
        self.full = immediate || last.is_none_or(|last| now.since(last) >= FULL_SCAN_INTERVAL);
        self.immediate = immediate;
        self.started_at = now;
        self.position = first_after(pipelines, "");
    }

    fn advance(&mut self, next: Option<ListingCursor>, pipelines: &Pipelines) {
        let Some(position) = self.position.take() else {
            return;
        };
        self.position = match next {
            Some(cursor) => Some(ScanPosition {
                after: Some(cursor),
                ..position
            }),
            None => first_after(pipelines, &position.prefix),
        };
        if self.position.is_none() {
            self.last_complete = Some(self.started_at);
            if self.full {
                self.last_full = Some(self.started_at);
            }
        }
    }

    /// Whether this scan looks up the object: it is old enough, and no earlier scan has covered it.
    fn covers(&self, object: &ListedObject, upload_expiry: Duration, now: Timestamp) -> bool {
        if now.since(object.put_at) < MIN_OBJECT_AGE {
            return self.immediate;
        }
        let Some(last_complete) = self.last_complete.filter(|_| !self.full) else {
            return true;
        };
        // S3 dates an object uploaded in parts by when its upload began, at most `upload_expiry` ago.
        // The entity tag of a multipart upload ends in a hyphen and its number of parts.
        let is_multipart = object.etag.contains('-');
        let uncertainty = if is_multipart {
            MIN_OBJECT_AGE + CLOCK_SKEW + upload_expiry
        } else {
            MIN_OBJECT_AGE + CLOCK_SKEW
        };
        object.put_at.plus(uncertainty) >= last_complete
    }
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

async fn resend_missing<P>(
    ports: &P,
    bucket: &str,
    upload_expiry: Duration,
    checkpoint: &ScanCheckpoint,
    objects: &[ListedObject],
) -> Result<u64, Unavailable>
where
    P: JobIndex + UploadQueue + Clock,
{
    let now = ports.now();
    let mut missing: Vec<&ListedObject> = objects
        .iter()
        .filter(|object| !is_folder_marker(&object.key, object.bytes))
        .filter(|object| checkpoint.covers(object, upload_expiry, now))
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

/// The checkpoint's record, as last read or written by this run.
struct StoredCheckpoint {
    body: String,
    revision: u64,
}

impl StoredCheckpoint {
    async fn read<P: KeyValueStore>(ports: &P) -> Result<Self, Unavailable> {
        let found = ports.get(COLLECTION, KEY).await?;
        let (body, revision) =
            found.map_or_else(Default::default, |found| (found.body, found.revision));
        Ok(Self { body, revision })
    }

    fn checkpoint(&self) -> ScanCheckpoint {
        if self.body.is_empty() {
            return ScanCheckpoint::default();
        }
        serde_json::from_str(&self.body).unwrap_or_else(|error| {
            warn!(checkpoint = self.body, error = %error, "the checkpoint cannot be read, the scan starts over");
            ScanCheckpoint::default()
        })
    }

    /// Stores the progress. Returns `false` if another run has stored its own meanwhile: that one continues.
    async fn write<P: KeyValueStore>(
        &mut self,
        ports: &P,
        checkpoint: &ScanCheckpoint,
    ) -> Result<bool, Unavailable> {
        self.body = serde_json::to_string(checkpoint).map_err(|error| Unavailable {
            what: "the checkpoint",
            source: error.into(),
        })?;
        self.revision += 1;
        let record = Record {
            body: self.body.clone(),
            revision: self.revision,
            expires_at: None,
        };
        let written = ports.put(COLLECTION, KEY, &record).await?;
        if !written {
            info!("another run scans the bucket, this one stops");
        }
        Ok(written)
    }
}
