//! Looking through the bucket for objects that no job is about, because their announcement was lost.
//!
//! One cycle goes through all pipelines' prefixes, page by page, over as many runs as it takes; a note says how far it
//! has come. Listing is cheap (a thousand objects a request), asking for the jobs is not, so an ordinary cycle asks only
//! about objects that were put since the last one began, and once a day one asks about all.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::id::TraceId;
use crate::id::{JobId, Timestamp};
use crate::pipeline::Pipelines;
use crate::ports::{
    Clock, Inventory, JobIndex, KeyValueStore, ListedObject, ListingCursor, Record, Unavailable,
    UploadQueue,
};
use crate::submit::UploadEvent;

/// The least time from the beginning of a cycle to that of the next.
const EVERY: Duration = Duration::from_secs(15 * 60);
/// The least time from one cycle that asks about all objects to the next.
const EVERYTHING_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Younger objects are left to S3's own announcement, which takes seconds, and to the queue of uploads.
const YOUNG: Duration = Duration::from_secs(10 * 60);
/// How far S3's clock and ours may be apart.
const CLOCKS: Duration = Duration::from_secs(60);
/// How long a multipart upload may take: the lifecycle rule `unfinished-uploads` in `infra/service.yaml`.
/// S3 dates such an object by when its upload began.
const LONGEST_UPLOAD: Duration = Duration::from_secs(7 * 24 * 3600);
/// How many versions are listed at once. S3 would allow 1,000, but a page is done whole or again, and one whose objects
/// all have no job is a hundred calls and more.
const PAGE: u16 = 500;
/// The folder of notes that functions leave for their next run, and the name of this one.
const NOTE: (&str, &str) = ("state", "inventory-scan");

/// How far the look through the bucket has come, as it is noted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// When the latest cycle began.
    began_at: Timestamp,
    /// It asks about all objects.
    everything: bool,
    /// Somebody wants it now: it asks about young objects too.
    #[serde(default)]
    at_once: bool,
    /// Where it goes on; none once it is complete.
    place: Option<Place>,
    /// When the latest complete cycle began.
    complete: Option<Timestamp>,
    /// When the latest complete one that asked about all objects began.
    everything_complete: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    prefix: String,
    after: Option<ListingCursor>,
}

/// Which objects to ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanScope {
    /// Those that may have been missed, when it is time.
    Due,
    /// All, from the start, and now: somebody knows that announcements were lost.
    Everything,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanReport {
    /// Objects that were announced again.
    pub announced: u64,
    /// The age of the latest complete cycle: an announcement that was lost before it began has been made up for.
    /// While there is none, the time since the first one began.
    pub age: Duration,
}

/// Goes on with the look through the bucket, or begins a new one if it is time. Stops at `until`.
///
/// # Errors
/// If something does not answer. The next run goes on from the last page that was done.
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
    let mut note = Note::read(ports).await?;
    let mut progress = note.progress();
    let mut announced = 0;
    let now = ports.now();
    let at_once = scope == ScanScope::Everything;
    if at_once || (progress.place.is_none() && now.since(progress.began_at) >= EVERY) {
        progress.begin(now, pipelines, at_once);
        if !note.write(ports, &progress).await? {
            return Ok(progress.swept(0, ports.now()));
        }
    }
    while let Some(place) = &progress.place {
        if ports.now() >= until {
            info!(
                prefix = place.prefix,
                "the time is up; the next run goes on"
            );
            break;
        }
        let (objects, next) = ports
            .page(bucket, &place.prefix, place.after.as_ref(), PAGE)
            .await?;
        announced += announce_missing(ports, bucket, &progress, &objects).await?;
        progress.go_on(next, pipelines);
        if !note.write(ports, &progress).await? {
            break;
        }
    }
    Ok(progress.swept(announced, ports.now()))
}

impl Progress {
    fn swept(&self, announced: u64, now: Timestamp) -> ScanReport {
        let since = self.complete.unwrap_or(self.began_at);
        ScanReport {
            announced,
            age: now.since(since),
        }
    }

    fn begin(&mut self, now: Timestamp, pipelines: &Pipelines, at_once: bool) {
        let last = self.everything_complete;
        self.everything = at_once || last.is_none_or(|last| now.since(last) >= EVERYTHING_EVERY);
        self.at_once = at_once;
        self.began_at = now;
        self.place = first_after(pipelines, "");
    }

    fn go_on(&mut self, next: Option<ListingCursor>, pipelines: &Pipelines) {
        let Some(place) = self.place.take() else {
            return;
        };
        self.place = match next {
            Some(mark) => Some(Place {
                after: Some(mark),
                ..place
            }),
            None => first_after(pipelines, &place.prefix),
        };
        if self.place.is_none() {
            self.complete = Some(self.began_at);
            if self.everything {
                self.everything_complete = Some(self.began_at);
            }
        }
    }

    /// Whether it is time to ask about an object, and no earlier cycle did.
    fn asks_about(&self, object: &ListedObject, now: Timestamp) -> bool {
        if now.since(object.put_at) < YOUNG {
            return self.at_once;
        }
        let Some(complete) = self.complete.filter(|_| !self.everything) else {
            return true;
        };
        // S3 marks the entity tag of a multipart upload with the number of its parts.
        let is_multipart = object.etag.contains('-');
        let unsure = if is_multipart {
            YOUNG + CLOCKS + LONGEST_UPLOAD
        } else {
            YOUNG + CLOCKS
        };
        object.put_at.plus(unsure) >= complete
    }
}

/// The beginning of the first prefix that comes after another.
fn first_after(pipelines: &Pipelines, prefix: &str) -> Option<Place> {
    let prefixes = pipelines.iter().map(|pipeline| pipeline.prefix.as_str());
    let next = prefixes.filter(|known| *known > prefix).min()?;
    Some(Place {
        prefix: next.to_owned(),
        after: None,
    })
}

async fn announce_missing<P>(
    ports: &P,
    bucket: &str,
    progress: &Progress,
    objects: &[ListedObject],
) -> Result<u64, Unavailable>
where
    P: JobIndex + UploadQueue + Clock,
{
    let now = ports.now();
    let mut missing: Vec<&ListedObject> = objects
        .iter()
        .filter(|object| progress.asks_about(object, now))
        .collect();
    // The first version at a key has the key's id, which nearly all have; later ones have one of their own.
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
        // Its name is a user's text; this is the job that it will have, or has if it was overwritten.
        let id = JobId::of_key(bucket, &upload.key);
        info!(job.id = %id, trace.id = %TraceId::of_job(id), upload.version, "an object without a job is announced again");
    }
    let failed = ports.enqueue(&uploads).await;
    if failed.is_empty() {
        Ok(uploads.len() as u64)
    } else {
        Err(Unavailable {
            what: "the queue of uploads",
            source: format!("{} of {} were not taken", failed.len(), uploads.len()).into(),
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

/// The note as it was read or last written here.
struct Note {
    text: String,
    revision: u64,
}

impl Note {
    async fn read<P: KeyValueStore>(ports: &P) -> Result<Self, Unavailable> {
        let found = ports.read(NOTE.0, NOTE.1).await?;
        let (text, revision) =
            found.map_or_else(Default::default, |found| (found.text, found.revision));
        Ok(Self { text, revision })
    }

    fn progress(&self) -> Progress {
        if self.text.is_empty() {
            return Progress::default();
        }
        serde_json::from_str(&self.text).unwrap_or_else(|error| {
            warn!(note = self.text, error = %error, "the note cannot be read; the bucket is looked through from the start");
            Progress::default()
        })
    }

    /// Writes how far it has come, and answers whether it may go on: another run that wrote meanwhile does.
    async fn write<P: KeyValueStore>(
        &mut self,
        ports: &P,
        progress: &Progress,
    ) -> Result<bool, Unavailable> {
        self.text = serde_json::to_string(progress).map_err(|error| Unavailable {
            what: "the note",
            source: error.into(),
        })?;
        self.revision += 1;
        let document = Record {
            text: self.text.clone(),
            revision: self.revision,
            expires_at: None,
        };
        let ours = ports.write(NOTE.0, NOTE.1, &document).await?;
        if !ours {
            info!("another run looks through the bucket; this one leaves it to that");
        }
        Ok(ours)
    }
}
