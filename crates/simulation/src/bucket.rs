//! S3: objects with all their versions, and the events about uploads.

use std::collections::BTreeMap;
use std::rc::Rc;

use jobs::id::{JobId, Timestamp};
use jobs::ports::Listing;
use jobs::ports::{ListedObject, ListingCursor, ObjectHead, Queue};

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
    Upload {
        poisoned: bool,
    },
    /// A copy of a version.
    Copy {
        of: String,
        poisoned: bool,
    },
    /// The endpoint's output for a job, made from a version of an input.
    Output {
        job: JobId,
        made_from: String,
    },
    Failure,
}

#[derive(Clone, Debug)]
pub(crate) struct StoredObject {
    pub(crate) bytes: u64,
    pub(crate) first: Rc<[u8]>,
    /// Encrypted with a key that only its uploader may use.
    pub(crate) sealed: bool,
    pub(crate) source: ObjectSource,
}

#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) id: String,
    /// When it was put, in virtual time.
    pub(crate) at: u64,
    /// `None` is a delete marker.
    pub(crate) object: Option<StoredObject>,
}

/// All objects by key, versions oldest first.
#[derive(Debug, Default)]
pub(crate) struct SimulatedBucket {
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
        let version = self.objects.get(key)?.last()?;
        Some((version, version.object.as_ref()?))
    }

    pub(crate) fn version(&self, key: &str, id: &str) -> Option<&StoredObject> {
        let versions = self.objects.get(key)?;
        versions
            .iter()
            .find(|known| known.id == id)?
            .object
            .as_ref()
    }

    pub(crate) fn head(&self, key: &str, first: usize) -> Option<ObjectHead> {
        let (version, object) = self.current(key)?;
        Some(ObjectHead {
            version: version.id.clone(),
            etag: format!("etag-{}", version.id),
            bytes: object.bytes,
            content_type: "application/pdf".to_owned(),
            name: None,
            first_bytes: object.first.iter().take(first).copied().collect(),
        })
    }

    /// The keys under a prefix that have a current object.
    pub(crate) fn list(&self, prefix: &str) -> Vec<String> {
        self.objects
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter(|(key, _)| self.current(key).is_some())
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
        env.log(|| format!("customer   puts {key} {version} ({bytes} bytes)"));
        let copies = if env.strikes(FaultKind::S3EventLost) {
            env.log(|| format!("S3         loses the event of {version}"));
            0
        } else if env.strikes(FaultKind::S3EventDoubled) {
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
            let own = record(key, &version, bytes);
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
        let keys = self.objects.range(from.to_owned()..);
        for (key, versions) in keys.take_while(|(key, _)| key.starts_with(prefix)) {
            // S3 continues after a version. To continue after a key is equivalent, with fewer cases.
            if after.is_some_and(|mark| mark.key == *key) {
                continue;
            }
            if let Some((version, object)) = self.current(key) {
                page.push(ListedObject {
                    key: key.clone(),
                    version: version.id.clone(),
                    etag: "5d41402abc4b2a76b9719d911017c592".to_owned(),
                    bytes: object.bytes,
                    put_at: Timestamp(START + version.at),
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
        let folder = |key: &String| {
            let (folder, _) = key.strip_prefix(prefix)?.split_once('/')?;
            Some(format!("{prefix}{folder}/"))
        };
        let mut folders: Vec<String> = self.objects.keys().filter_map(folder).collect();
        folders.dedup();
        folders.retain(|folder| after.is_none_or(|after| *folder > after.key));
        folders
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

    /// The ids of the versions of a key that are no delete markers, the newest first.
    pub(crate) fn version_ids(&self, key: &str) -> Vec<String> {
        let versions = self.objects.get(key).into_iter().flatten().rev();
        versions
            .filter(|version| version.object.is_some())
            .map(|version| version.id.clone())
            .collect()
    }

    pub(crate) fn delete_version(&mut self, key: &str, id: &str) {
        if let Some(versions) = self.objects.get_mut(key) {
            versions.retain(|version| version.id != id);
            if versions.is_empty() {
                self.objects.remove(key);
            }
        }
    }

    /// Whether the current version of a key is another one.
    pub(crate) fn is_replaced(&self, key: &str, version: &str) -> bool {
        self.current(key)
            .is_some_and(|(current, _)| current.id != version)
    }
}

/// S3's event about an object version, as it is in the queue.
pub(crate) fn upload_event(key: &str, version: &str, bytes: u64) -> String {
    format!(r#"{{"Records":[{}]}}"#, record(key, version, bytes))
}

fn record(key: &str, version: &str, bytes: u64) -> String {
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
        r#"{{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{{"bucket":{{"name":"{BUCKET}"}},"object":{{"key":"{encoded}","size":{bytes},"eTag":"etag-{version}","versionId":"{version}"}}}}}}"#
    )
}
