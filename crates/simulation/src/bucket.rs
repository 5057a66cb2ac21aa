//! S3: objects with all their versions, and the announcements of uploads.

use std::collections::BTreeMap;
use std::rc::Rc;

use jobs::id::JobId;
use jobs::ports::ObjectHead;

use crate::fault::Fault;
use crate::queue::{Kind, Message};
use crate::world::{BUCKET, HOUR, MINUTE, World};
use jobs::ports::Queue;

/// Where an object comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A customer uploaded it. `poisoned`: the model will refuse it.
    Upload { poisoned: bool },
    /// It is a copy of a version.
    Copy { of: String, poisoned: bool },
    /// The endpoint wrote it for a job, from a version of an input.
    Output { job: JobId, made_from: String },
    /// The endpoint wrote it about a failure.
    Failure,
}

#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) bytes: u64,
    pub(crate) first: Rc<[u8]>,
    /// Only its uploader may read it.
    pub(crate) sealed: bool,
    pub(crate) source: Source,
}

#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) id: String,
    /// When it was put, in virtual time.
    pub(crate) at: u64,
    /// `None` is a delete marker.
    pub(crate) object: Option<Object>,
}

/// All objects by key, versions oldest first.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    pub(crate) objects: BTreeMap<String, Vec<Version>>,
    count: u64,
    /// The record of the upload that was announced last.
    announced: Option<String>,
}

impl Bucket {
    pub(crate) fn put(&mut self, now: u64, key: &str, object: Option<Object>) -> String {
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

    pub(crate) fn current(&self, key: &str) -> Option<(&Version, &Object)> {
        let version = self.objects.get(key)?.last()?;
        Some((version, version.object.as_ref()?))
    }

    pub(crate) fn version(&self, key: &str, id: &str) -> Option<&Object> {
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
}

/// S3's announcement of an object version, as it is in the queue.
pub(crate) fn announcement(key: &str, version: &str, bytes: u64) -> String {
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

impl World {
    /// A customer puts an object; S3 announces it, as well as the faults allow.
    pub(crate) fn upload(&mut self, key: &str, object: Object) {
        let bytes = object.bytes;
        let version = self.bucket.put(self.now, key, Some(object));
        self.log(|| format!("customer   puts {key} {version} ({bytes} bytes)"));
        let copies = if self.strikes(Fault::S3EventLost) {
            self.log(|| format!("S3         loses the event of {version}"));
            0
        } else if self.strikes(Fault::S3EventDoubled) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let mut delay = self.between(20, 1500);
            if self.strikes(Fault::S3EventLate) {
                delay += self.between(MINUTE, 3 * HOUR);
            } else if self.strikes(Fault::S3EventOvertaken) {
                delay += self.between(1, MINUTE);
            }
            let own = record(key, &version, bytes);
            let earlier = self.bucket.announced.replace(own.clone());
            let body = match earlier {
                Some(earlier) if self.strikes(Fault::S3EventsBundled) => {
                    format!(r#"{{"Records":[{earlier},{own}]}}"#)
                }
                _ => format!(r#"{{"Records":[{own}]}}"#),
            };
            self.send(Queue::Uploads, delay, Message::new(body, Kind::Upload));
        }
    }
}
