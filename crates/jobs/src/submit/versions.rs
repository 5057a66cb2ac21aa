//! Which job an upload of the same bytes belongs to.

use std::cell::OnceCell;

use tracing::info;

use crate::error::MessageError;
use crate::id::{JobId, Location};
use crate::job::Job;
use crate::pipeline::Pipeline;
use crate::ports::{JobStore, ListedVersion, ObjectHead, ObjectStore, Unavailable};
use crate::same_bytes::{MAX_SAME_BYTES, SameBytes, job_takes_upload, may_be_same_bytes};

/// The versions at the key of an upload, listed when they are first needed.
pub(super) struct VersionsAtKey<'a, P> {
    ports: &'a P,
    bucket: &'a str,
    key: &'a str,
    listed: OnceCell<Vec<ListedVersion>>,
}

impl<'a, P: ObjectStore> VersionsAtKey<'a, P> {
    pub(super) const fn new(ports: &'a P, bucket: &'a str, key: &'a str) -> Self {
        Self {
            ports,
            bucket,
            key,
            listed: OnceCell::new(),
        }
    }

    pub(super) async fn list(&self) -> Result<&[ListedVersion], Unavailable> {
        if self.listed.get().is_none() {
            let listed = self.ports.versions(self.bucket, self.key).await?;
            let _ = self.listed.set(listed);
        }
        Ok(self.listed.get().map_or(&[], Vec::as_slice))
    }

    /// Whether checksums tell a version apart from another one with the same ETag and size, or from one between them.
    async fn are_told_apart(
        &self,
        same: &SameBytes<'_>,
        version: &str,
        other: &str,
    ) -> Result<bool, Unavailable> {
        let object = Location {
            bucket: self.bucket.to_owned(),
            key: self.key.to_owned(),
        };
        let Some(own) = self.ports.checksum(&object, version).await? else {
            return Ok(false);
        };
        let between = same.between(version, other).iter();
        let others = between.filter(|known| known.version != version);
        for known in others.take(MAX_SAME_BYTES) {
            let checksum = self.ports.checksum(&object, &known.version).await?;
            if checksum.is_some_and(|checksum| checksum.differs_from(&own)) {
                info!(
                    upload.version = version,
                    "other bytes with the ETag and the size of an earlier version"
                );
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether the current version is the one that an event is about, or has the same bytes. `bytes` are ETag and size in the event.
pub(super) async fn is_current<P: ObjectStore>(
    versions: &VersionsAtKey<'_, P>,
    version: Option<&str>,
    bytes: (&str, u64),
    object: Option<&ObjectHead>,
) -> Result<bool, Unavailable> {
    let (Some(named), Some(object)) = (version, object) else {
        return Ok(true);
    };
    if named == object.version {
        return Ok(true);
    }
    if !may_be_same_bytes(bytes, (&object.etag, object.bytes)) {
        return Ok(false);
    }
    let same = SameBytes::neighbours(versions.list().await?, true, named);
    match same.filter(|same| same.include(&object.version)) {
        Some(same) => Ok(!versions
            .are_told_apart(&same, named, &object.version)
            .await?),
        None => Ok(false),
    }
}

/// The job of which an upload is the input although it has another version: own job first, since it was decided before.
pub(super) async fn job_of_same_bytes<P: JobStore + ObjectStore>(
    versions: &VersionsAtKey<'_, P>,
    pipeline: &Pipeline,
    same: SameBytes<'_>,
    of_key: Job,
    version: &str,
) -> Result<Option<Job>, MessageError> {
    let is_own = |known: &&ListedVersion| known.version == version;
    let Some(own) = same.versions().iter().find(is_own) else {
        return Ok(None);
    };
    let input = &of_key.input;
    // If the version was deleted, only its row describes its bytes. So another version with these bytes must still exist.
    let has_other = same.versions().len() > 1;
    let is_of_key = same.are_of(&input.version, &input.etag, input.bytes) && has_other;
    if !has_other {
        return Ok(None);
    }
    let of_version = |version: &str| JobId::of_version(versions.bucket, versions.key, version);
    let ports = versions.ports;
    if let Some(row) = ports.load(of_version(version)).await? {
        return Ok(Some(row).filter(|row| row.input.version == version));
    }
    let takes = |job: &Job| job_takes_upload(job, pipeline, own.put_at);
    let of_row = &input.version;
    if is_of_key && takes(&of_key) && !versions.are_told_apart(&same, version, of_row).await? {
        log_same_bytes(&of_key, version);
        return Ok(Some(of_key));
    }
    // Most often the oldest one has the job.
    let others = same.versions().iter().rev().filter(|known| !is_own(known));
    for known in others.take(MAX_SAME_BYTES) {
        if let Some(job) = ports.load(of_version(&known.version)).await?
            && takes(&job)
            && !versions
                .are_told_apart(&same, version, &known.version)
                .await?
        {
            log_same_bytes(&job, version);
            return Ok(Some(job));
        }
    }
    Ok(None)
}

fn log_same_bytes(job: &Job, version: &str) {
    info!(job.id = %job.id, trace.id = %job.trace(), upload.version = version, "the same bytes again: no second job");
}
