//! S3: objects with all their versions, and the events about uploads.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

use jobs::id::{JobId, Timestamp};
use jobs::labels::LabelMetadata;
use jobs::ports::Listing;
use jobs::ports::{Checksum, ListedObject, ListedVersion, ListingCursor, ObjectHead, Queue};

use crate::environment::SimulationEnvironment;
use crate::fault::FaultKind;
use crate::message::{MessageKind, OutgoingMessage, QueueMessage, send};
use crate::time::{HOUR, MINUTE, START};
use crate::timeline::After;

/// The bucket of the service.
pub(crate) const BUCKET: &str = "docket-jobs";
/// S3 may return fewer versions than were asked for.
const MAX_LISTED_VERSIONS: usize = 5;

/// Where an object comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ObjectSource {
    /// A customer uploaded it. `poisoned`: the model will refuse it.
    Upload { poisoned: bool },
    /// A copy of a version.
    Copy { of: String, poisoned: bool },
    /// The endpoint's output for a job, made from a version of an input.
    Output { job: JobId, made_from: String },
    /// The endpoint's failure object for a job.
    Failure { job: JobId },
}

#[derive(Clone, Debug)]
pub(crate) struct StoredObject {
    pub(crate) bytes: u64,
    pub(crate) first: Rc<[u8]>,
    /// Since when S3 refuses to read it: it is encrypted with a key that only its uploader may use, or archived.
    pub(crate) sealed_at: Option<u64>,
    pub(crate) source: ObjectSource,
    /// The version with the same bytes that was put first, if they were put again.
    pub(crate) same_bytes_as: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) id: String,
    /// When it was put, in virtual time.
    pub(crate) at: u64,
    /// `None` is a delete marker.
    pub(crate) object: Option<StoredObject>,
}

impl Version {
    /// The version with its bytes that was put first; `None` for a delete marker.
    fn first_with_same_bytes(&self) -> Option<&str> {
        let same = self.object.as_ref()?.same_bytes_as.as_ref();
        Some(same.unwrap_or(&self.id))
    }

    /// Equal for equal bytes; `None` for a delete marker.
    pub(crate) fn etag(&self) -> Option<String> {
        let first = self.first_with_same_bytes()?;
        Some(["etag.", first].concat())
    }
}

/// All objects by key, versions oldest first.
#[derive(Debug, Default)]
pub(crate) struct SimulatedBucket {
    /// No object has a lane in its metadata; otherwise one key in four has.
    pub(crate) without_lanes: bool,
    pub(crate) objects: BTreeMap<String, Vec<Version>>,
    count: u64,
    /// The record of the latest upload event.
    last_record: Option<String>,
}

impl SimulatedBucket {
    pub(crate) fn put(&mut self, now: u64, key: &str, object: Option<StoredObject>) -> String {
        self.count += 1;
        let id = format!("v{}", self.count);
        self.objects
            .entry(key.to_owned())
            .or_default()
            .push(Version {
                id: id.clone(),
                at: now,
                object,
            });
        id
    }

    pub(crate) fn current(&self, key: &str) -> Option<(&Version, &StoredObject)> {
        current(self.objects.get(key)?)
    }

    /// Whether S3 refuses to read the current object.
    pub(crate) fn is_sealed(&self, key: &str) -> bool {
        self.sealed_at(key).is_some()
    }

    /// Since when.
    pub(crate) fn sealed_at(&self, key: &str) -> Option<u64> {
        let (version, object) = self.current(key)?;
        Some(object.sealed_at?.max(version.at))
    }

    /// Archives the current object: its version stays.
    pub(crate) fn archive(&mut self, now: u64, key: &str) {
        let current = self.objects.get_mut(key).and_then(|all| all.last_mut());
        if let Some(object) = current.and_then(|version| version.object.as_mut()) {
            object.sealed_at.get_or_insert(now);
        }
    }

    pub(crate) fn version(&self, key: &str, id: &str) -> Option<&StoredObject> {
        let versions = self.objects.get(key)?;
        versions
            .iter()
            .find(|known| known.id == id)?
            .object
            .as_ref()
    }

    /// When a version was put; 0 if there is no such version.
    pub(crate) fn put_at(&self, key: &str, id: &str) -> u64 {
        let mut versions = self.objects.get(key).into_iter().flatten();
        versions
            .find(|known| known.id == id)
            .map_or(0, |version| version.at)
    }

    pub(crate) fn head(&self, key: &str, first: usize) -> Option<ObjectHead> {
        let (version, object) = self.current(key)?;
        Some(ObjectHead {
            version: version.id.clone(),
            etag: version.etag()?,
            bytes: object.bytes,
            content_type: match object.source {
                ObjectSource::Upload { .. } | ObjectSource::Copy { .. } => "application/pdf",
                ObjectSource::Output { .. } | ObjectSource::Failure { .. } => "application/json",
            }
            .to_owned(),
            name: None,
            labels: LabelMetadata {
                lane: lane_in_metadata(key).filter(|_| !self.without_lanes),
                ..LabelMetadata::default()
            },
            first_bytes: object.first.iter().take(first).copied().collect(),
        })
    }

    /// The keys under a prefix that have a current object.
    pub(crate) fn list(&self, prefix: &str) -> Vec<String> {
        self.objects
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(_, versions)| current(versions).is_some())
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// A customer puts an object. Returns S3's events about it, with what the faults do to them.
    pub(crate) fn upload(
        &mut self,
        env: &mut SimulationEnvironment,
        key: &str,
        object: StoredObject,
    ) -> Vec<After<OutgoingMessage>> {
        let bytes = object.bytes;
        let version = self.put(env.now, key, Some(object));
        let etag = self.current(key).and_then(|(version, _)| version.etag());
        let etag = etag.unwrap_or_default();
        env.log(|| format!("customer   puts {key} {version} ({bytes} bytes, {etag})"));
        let copies = if env.strikes(FaultKind::S3EventLost) {
            env.log(|| format!("S3         loses the event of {version}"));
            0
        } else if env.strikes(FaultKind::S3EventDuplicated) {
            2
        } else {
            1
        };
        let mut events = Vec::new();
        for _ in 0..copies {
            let mut delay = env.between(20, 1500);
            if env.strikes(FaultKind::S3EventLate) {
                delay += env.between(MINUTE, 3 * HOUR);
            } else if env.strikes(FaultKind::S3EventOvertaken) {
                delay += env.between(1, MINUTE);
            }
            let own = record(key, &version, &etag, bytes);
            let earlier = self.last_record.replace(own.clone());
            let body = match earlier {
                Some(earlier) if env.strikes(FaultKind::S3EventsBundled) => {
                    format!(r#"{{"Records":[{earlier},{own}]}}"#)
                }
                _ => format!(r#"{{"Records":[{own}]}}"#),
            };
            let message = QueueMessage::new(body, MessageKind::Upload);
            events.push(send(Queue::Uploads, delay, message));
        }
        events
    }

    /// A page of `ListObjectVersions`: the current versions under a prefix.
    pub(crate) fn page(
        &self,
        prefix: &str,
        after: Option<&ListingCursor>,
    ) -> Listing<ListedObject, ListingCursor> {
        let from = after.map_or(prefix, |mark| mark.key.as_str());
        let mut page = Vec::new();
        let mut count = 0;
        let keys = self
            .objects
            .range::<str, _>((Bound::Included(from), Bound::Unbounded));
        for (key, versions) in keys.take_while(|(key, _)| key.starts_with(prefix)) {
            // S3 continues after a version. To continue after a key is equivalent, with fewer cases.
            if after.is_some_and(|mark| mark.key == *key) {
                continue;
            }
            if let Some((version, object)) = current(versions) {
                page.push(ListedObject {
                    key: key.clone(),
                    version: version.id.clone(),
                    etag: version.etag().unwrap_or_default(),
                    bytes: object.bytes,
                    put_at: Timestamp(START + version.at),
                    versions: listed(versions),
                    has_all_versions: true,
                });
            }
            count += versions.len();
            if count >= MAX_LISTED_VERSIONS {
                let mark = ListingCursor {
                    key: key.clone(),
                    version: None,
                };
                return Listing {
                    items: page,
                    next: Some(mark),
                };
            }
        }
        Listing {
            items: page,
            next: None,
        }
    }

    /// The folders directly under a prefix, after a folder.
    pub(crate) fn folders(&self, prefix: &str, after: Option<&ListingCursor>) -> Vec<String> {
        let keys = self
            .objects
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        let keys = keys.map_while(|(key, _)| Some((key, key.strip_prefix(prefix)?)));
        let mut folders: Vec<&str> = keys
            .filter_map(|(key, rest)| Some(&key[..prefix.len() + rest.find('/')? + 1]))
            .filter(|folder| after.is_none_or(|after| *folder > after.key.as_str()))
            .collect();
        folders.dedup();
        folders.into_iter().map(str::to_owned).collect()
    }

    /// Copies a version to another key. Returns whether there is such a version.
    pub(crate) fn copy(&mut self, now: u64, key: &str, version: &str, to: &str) -> bool {
        let Some(object) = self.version(key, version) else {
            return false;
        };
        let poisoned = matches!(object.source, ObjectSource::Upload { poisoned: true });
        let copy = StoredObject {
            source: ObjectSource::Copy {
                of: version.to_owned(),
                poisoned,
            },
            ..object.clone()
        };
        self.put(now, to, Some(copy));
        true
    }

    /// The versions of a key that are no delete markers, the newest first.
    pub(crate) fn listed_versions(&self, key: &str) -> Vec<ListedVersion> {
        let versions = self.objects.get(key);
        versions.map_or_else(Vec::new, |versions| listed(versions))
    }

    /// The object that puts the bytes of the current version again, or those of the object before it.
    pub(crate) fn bytes_again(&self, key: &str, restore: bool) -> Option<StoredObject> {
        let (current, _) = self.current(key)?;
        let objects = self.objects.get(key)?.iter().rev();
        let mut objects = objects.filter_map(|version| Some((version, version.object.as_ref()?)));
        let is_meant = |(version, _): &(&Version, &StoredObject)| {
            restore != (version.first_with_same_bytes() == current.first_with_same_bytes())
        };
        let (version, object) = objects.find(is_meant)?;
        let first = object.same_bytes_as.clone();
        Some(StoredObject {
            same_bytes_as: Some(first.unwrap_or_else(|| version.id.clone())),
            ..object.clone()
        })
    }

    /// The versions at a key with the same bytes as one of them and nothing in between, itself included.
    pub(crate) fn with_same_bytes(&self, key: &str, id: &str) -> &[Version] {
        let versions = self.objects.get(key).map_or(&[][..], Vec::as_slice);
        let are_same = |one: &Version, other: &Version| {
            one.object.is_some() && one.first_with_same_bytes() == other.first_with_same_bytes()
        };
        let mut runs = versions.chunk_by(are_same);
        runs.find(|run| run.iter().any(|version| version.id == id))
            .unwrap_or_default()
    }

    /// The checksum of a version: equal for equal bytes.
    pub(crate) fn checksum(&self, key: &str, id: &str) -> Option<Checksum> {
        let mut versions = self.objects.get(key)?.iter();
        let version = versions.find(|version| version.id == id)?;
        Some(Checksum {
            algorithm: "CRC64NVME",
            value: version.etag()?,
        })
    }

    /// Whether two versions at a key have the same bytes.
    pub(crate) fn has_same_bytes(&self, key: &str, one: &str, other: &str) -> bool {
        let versions = self.objects.get(key).map_or(&[][..], Vec::as_slice);
        let first = |id: &str| {
            let mut versions = versions.iter();
            versions
                .find(|version| version.id == id)?
                .first_with_same_bytes()
        };
        one == other || first(one).is_some_and(|one| Some(one) == first(other))
    }

    pub(crate) fn delete_version(&mut self, key: &str, id: &str) {
        if let Some(versions) = self.objects.get_mut(key) {
            versions.retain(|version| version.id != id);
            if versions.is_empty() {
                self.objects.remove(key);
            }
        }
    }

    /// Whether the current version of a key is another input.
    pub(crate) fn is_replaced(&self, key: &str, version: &str) -> bool {
        let same = self.with_same_bytes(key, version);
        self.current(key)
            .is_some_and(|(current, _)| same.iter().all(|same| same.id != current.id))
    }
}

/// The current one of an object's versions, unless it is a delete marker.
fn current(versions: &[Version]) -> Option<(&Version, &StoredObject)> {
    let version = versions.last()?;
    Some((version, version.object.as_ref()?))
}

/// The versions that are no delete markers, the newest first.
fn listed(versions: &[Version]) -> Vec<ListedVersion> {
    let mut listed = Vec::with_capacity(versions.len());
    let mut may_follow_deletion = false;
    for version in versions {
        let (Some(object), Some(etag)) = (&version.object, version.etag()) else {
            may_follow_deletion = true;
            continue;
        };
        listed.push(ListedVersion {
            version: version.id.clone(),
            etag,
            bytes: object.bytes,
            put_at: Timestamp((START + version.at) / 1000 * 1000),
            may_follow_deletion: std::mem::take(&mut may_follow_deletion),
        });
    }
    listed.reverse();
    listed
}

/// S3's event about an object version, as it is in the queue.
pub(crate) fn upload_event(key: &str, version: &str, etag: &str, bytes: u64) -> String {
    format!(r#"{{"Records":[{}]}}"#, record(key, version, etag, bytes))
}

fn record(key: &str, version: &str, etag: &str, bytes: u64) -> String {
    let mut encoded = String::with_capacity(key.len());
    for b in key.bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                encoded.push(char::from(b));
            }
            b' ' => encoded.push('+'),
            _ => encoded.push_str(&format!("%{b:02X}")),
        }
    }
    format!(
        r#"{{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{{"bucket":{{"name":"{BUCKET}"}},"object":{{"key":"{encoded}","size":{bytes},"eTag":"{etag}","versionId":"{version}"}}}}}}"#
    )
}

/// One key in four has a lane in its metadata.
fn lane_in_metadata(key: &str) -> Option<String> {
    let sum: u32 = key.bytes().map(u32::from).sum();
    sum.is_multiple_of(4).then(|| "bulk".to_owned())
}
