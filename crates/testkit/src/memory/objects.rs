//! Jobs and objects in memory.

use super::{Memory, MemoryState, Object, Versions};
use jobs::id::{JobId, Location, Tenant, Timestamp};
use jobs::input::PEEK_BYTES;
use jobs::job::Job;
use jobs::ports::{
    Checksum, CopyError, FirstBytes, HeadError, JobStore, ListedVersion, LoadError, NewestJobs,
    ObjectDeletion, ObjectHead, ObjectStore, SaveError, Unavailable,
};
use jobs::save_request::SaveRequest;
use jobs::state::StatusGroup;

impl JobStore for Memory {
    async fn load(&self, id: JobId) -> Result<Option<Job>, LoadError> {
        self.operation("load", |state| match state.jobs.get(&id) {
            Some(_) if state.newer_schema.contains(&id) => Err(LoadError::NewerSchema(id)),
            there => Ok(there.cloned()),
        })?
    }

    async fn create(&self, job: &Job) -> Result<(), SaveError> {
        self.operation("create", |state| match state.jobs.get(&job.id) {
            Some(there) if there.is_same_save(job) => Ok(()),
            Some(there) => Err(SaveError::Conflict(Some(Box::new(there.clone())))),
            None => {
                state.jobs.insert(job.id, job.clone());
                Ok(())
            }
        })?
    }

    async fn save(&self, request: SaveRequest<'_>) -> Result<(), SaveError> {
        let job = request.job();
        self.operation("save", |state| match state.jobs.get(&job.id) {
            Some(there) if there.is_same_save(job) => Ok(()),
            Some(there) if there.version + 1 == job.version => {
                let marks = there.marks.clone().filter(|_| !job.is_erased());
                let saved = Job {
                    marks,
                    ..job.clone()
                };
                state.jobs.insert(job.id, saved);
                Ok(())
            }
            there => Err(SaveError::Conflict(there.cloned().map(Box::new))),
        })?
    }

    async fn newest(
        &self,
        tenant: &Tenant,
        status_group: StatusGroup,
        limit: usize,
    ) -> Result<NewestJobs, LoadError> {
        Ok(self.operation("newest", |state| {
            let mut jobs: Vec<Job> = state
                .jobs
                .values()
                .filter(|job| job.tenant == *tenant && job.state.status_group() == status_group)
                .cloned()
                .collect();
            jobs.sort_by_key(|job| std::cmp::Reverse((job.created_at, job.id)));
            let more = jobs.len() > limit;
            jobs.truncate(limit);
            NewestJobs { jobs, more }
        })?)
    }
}

impl Object {
    /// The ETag of this object as a version.
    pub fn etag(&self, version: &str) -> String {
        let parts = if self.multipart { "-3" } else { "" };
        if self.etag.is_empty() {
            format!("etag.{version}{parts}")
        } else {
            self.etag.clone()
        }
    }
}

/// The versions at a key as S3 lists them, newest first, with whether they were put after a deletion.
pub(super) fn listed_versions(versions: &Versions) -> Vec<ListedVersion> {
    let mut listed = Vec::new();
    let mut may_follow_deletion = false;
    for (version, object) in versions {
        match object {
            None => may_follow_deletion = true,
            Some(object) => listed.push(ListedVersion {
                version: version.clone(),
                etag: object.etag(version),
                bytes: object.bytes,
                put_at: Timestamp(object.put_at.0 / 1000 * 1000),
                may_follow_deletion: std::mem::take(&mut may_follow_deletion),
            }),
        }
    }
    listed.reverse();
    listed
}

impl MemoryState {
    /// The current object, which keeps its ETag when it is put again.
    pub(super) fn current_with_etag(&self, bucket: &str, key: &str) -> Option<Object> {
        let (version, object) = self.current(bucket, key)?;
        let etag = object.etag(version);
        Some(Object {
            etag,
            ..object.clone()
        })
    }

    fn current(&self, bucket: &str, key: &str) -> Option<(&String, &Object)> {
        let (version, object) = self
            .objects
            .get(&(bucket.to_owned(), key.to_owned()))?
            .last()?;
        Some((version, object.as_ref()?))
    }

    fn head(&self, bucket: &str, key: &str, first: usize) -> Option<ObjectHead> {
        let (version, object) = self.current(bucket, key)?;
        Some(ObjectHead {
            version: version.clone(),
            etag: object.etag(version),
            bytes: object.bytes,
            content_type: if !object.content_type.is_empty() {
                object.content_type.clone()
            } else if object.content.starts_with(b"%PDF-") {
                "application/pdf".to_owned()
            } else {
                // S3's default.
                "binary/octet-stream".to_owned()
            },
            name: object.name.clone(),
            labels: object.labels.clone(),
            first_bytes: object.content.iter().take(first).copied().collect(),
        })
    }
}

impl Memory {
    /// As S3: a HEAD request asks no key and reads no archive, and its refusal has a status without a code.
    fn check_head(&self, key: &str) -> Result<(), HeadError> {
        match self.state().refused_reads.get(key).copied() {
            Some("InvalidRequest") => Err(HeadError::Unreadable("BadRequest".to_owned())),
            Some("AccessDenied") => Err(HeadError::Denied("AccessDenied".to_owned())),
            Some(_) | None => Ok(()),
        }
    }

    fn check_read(&self, key: &str) -> Result<(), HeadError> {
        match self.state().refused_reads.get(key).copied() {
            Some(code @ ("InvalidObjectState" | "InvalidRequest")) => {
                Err(HeadError::Unreadable(code.to_owned()))
            }
            Some(code) => Err(HeadError::Denied(code.to_owned())),
            None => Ok(()),
        }
    }
}

impl ObjectStore for Memory {
    async fn head_current(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, HeadError> {
        self.check_read(key)?;
        Ok(self.operation("head_current", |state| state.head(bucket, key, PEEK_BYTES))?)
    }

    async fn head(&self, location: &Location) -> Result<Option<ObjectHead>, HeadError> {
        self.check_head(&location.key)?;
        Ok(self.operation("head", |state| {
            state.head(&location.bucket, &location.key, 0)
        })?)
    }

    async fn read(
        &self,
        location: &Location,
        limit: usize,
    ) -> Result<Option<FirstBytes>, HeadError> {
        let refusal = self.check_read(&location.key).err();
        let is_refused = refusal.is_some();
        if let Some(refused) = refusal.filter(|_| self.check_head(&location.key).is_err()) {
            return Err(refused);
        }
        Ok(self.operation("read", |state| {
            let head = state.head(&location.bucket, &location.key, limit)?;
            Some(FirstBytes {
                bytes: if is_refused { vec![] } else { head.first_bytes },
                size: head.bytes,
                content_type: head.content_type,
            })
        })?)
    }

    async fn copy(
        &self,
        bucket: &str,
        key: &str,
        version: &str,
        to: &Location,
    ) -> Result<(), CopyError> {
        match self.check_read(key) {
            Ok(()) => {}
            Err(HeadError::Unreadable(code)) => return Err(CopyError::Unreadable(code)),
            Err(HeadError::Denied(code)) => return Err(CopyError::Denied(code)),
            Err(HeadError::Unavailable(error)) => return Err(error.into()),
        }
        let copied = self.operation("copy", |state| {
            let versions = state.objects.get(&(bucket.to_owned(), key.to_owned()));
            let object = versions
                .into_iter()
                .flatten()
                .find(|(known, _)| known == version)
                .and_then(|(_, object)| object.clone());
            let Some(object) = object else { return false };
            state.versions += 1;
            let copy = format!("v{}", state.versions);
            state
                .objects
                .entry((to.bucket.clone(), to.key.clone()))
                .or_default()
                .push((copy, Some(object)));
            true
        })?;
        if copied {
            Ok(())
        } else {
            Err(CopyError::NotFound)
        }
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, Unavailable> {
        self.operation("list", |state| {
            let keys = state
                .objects
                .keys()
                .filter(|(b, key)| b == bucket && key.starts_with(prefix));
            keys.filter(|(b, key)| state.current(b, key).is_some())
                .map(|(_, key)| key.clone())
                .collect()
        })
    }

    async fn versions(&self, bucket: &str, key: &str) -> Result<Vec<ListedVersion>, Unavailable> {
        self.operation("versions", |state| {
            let versions = state.objects.get(&(bucket.to_owned(), key.to_owned()));
            versions.map(listed_versions).unwrap_or_default()
        })
    }

    async fn checksum(
        &self,
        object: &Location,
        version: &str,
    ) -> Result<Option<Checksum>, Unavailable> {
        self.operation("checksum", |state| {
            let key = (object.bucket.clone(), object.key.clone());
            let mut versions = state.objects.get(&key)?.iter();
            let (_, object) = versions.find(|(known, _)| known == version)?;
            object.as_ref()?.checksum.clone()
        })
    }
}

impl ObjectDeletion for Memory {
    async fn delete_version(&self, object: &Location, version: &str) -> Result<(), Unavailable> {
        self.operation("delete_version", |state| {
            let key = (object.bucket.clone(), object.key.clone());
            if let Some(versions) = state.objects.get_mut(&key) {
                versions.retain(|(known, _)| known != version);
                if versions.is_empty() {
                    state.objects.remove(&key);
                }
            }
        })
    }
}
