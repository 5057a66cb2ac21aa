//! Uploads of the same bytes again at the same key, by clients that retry or synchronize folders. They are one input: one job,
//! one run.
//!
//! Equal bytes are told by equal ETag and size. Only versions that follow each other count: after A, B, A the endpoint may
//! have read B for the first A. An upload after a deletion is a new input, too.
//!
//! An ETag is a hash of the contents, except of objects encrypted with SSE-KMS or SSE-C, and that of a multipart upload depends
//! on the sizes of its parts (S3 API reference, `Object`, `ETag`). Equal bytes with different ETags are different inputs.
//!
//! The hash is MD5, of which two files can be made that have the same. So before an upload goes without a run, the checksums
//! that S3 has of the versions are compared, too (ADR 47).

use std::time::Duration;

use crate::id::{Tenant, Timestamp};
use crate::input::Input;
use crate::job::Job;
use crate::pipeline::Pipeline;
use crate::ports::{JobInput, ListedVersion};
use crate::state::StatusGroup;

/// How many versions with the same bytes have their jobs looked up, besides the job of the key.
pub const MAX_SAME_BYTES: usize = 20;

/// The neighbouring versions at a key that have the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct SameBytes<'a> {
    /// All versions at the key.
    listed: &'a [ListedVersion],
    /// Those with the same bytes, newest first.
    same: &'a [ListedVersion],
    /// No older version is left that has other bytes.
    reaches_oldest: bool,
}

impl<'a> SameBytes<'a> {
    /// The neighbours of a version, and itself. `None` if it is not listed.
    ///
    /// `listed` has the versions newest first; `is_complete` says that there are no older ones.
    pub fn neighbours(
        listed: &'a [ListedVersion],
        is_complete: bool,
        version: &str,
    ) -> Option<Self> {
        let at = listed.iter().position(|known| known.version == version)?;
        let (mut from, mut to) = (at, at);
        while from > 0 && continues(&listed[from - 1], &listed[from]) {
            from -= 1;
        }
        while to + 1 < listed.len() && continues(&listed[to], &listed[to + 1]) {
            to += 1;
        }
        let same = &listed[from..=to];
        Some(Self {
            listed,
            same,
            reaches_oldest: is_complete
                && to + 1 == listed.len()
                && !listed[to].may_follow_deletion,
        })
    }

    /// Newest first.
    pub const fn versions(&self) -> &'a [ListedVersion] {
        self.same
    }

    /// Those from one of them to another, both included. All of them if the other is not among them.
    pub fn between(&self, one: &str, other: &str) -> &'a [ListedVersion] {
        let place = |version: &str| self.same.iter().position(|known| known.version == version);
        match (place(one), place(other)) {
            (Some(one), Some(other)) => &self.same[one.min(other)..=one.max(other)],
            _ => self.same,
        }
    }

    pub fn include(&self, version: &str) -> bool {
        self.same.iter().any(|known| known.version == version)
    }

    /// Whether they are the same input as a job's version, which may have been deleted at the end of its retention.
    pub fn are_of(&self, version: &str, etag: &str, bytes: u64) -> bool {
        let is_listed = || self.listed.iter().any(|known| known.version == version);
        let has_same_bytes = |known: &ListedVersion| same_bytes((etag, bytes), known);
        self.include(version)
            || (self.reaches_oldest
                && !is_listed()
                && self.same.first().is_some_and(has_same_bytes))
    }
}

/// Whether a version has the same bytes as the next older one, and nothing was between them.
fn continues(newer: &ListedVersion, older: &ListedVersion) -> bool {
    !newer.may_follow_deletion && same_bytes((&older.etag, older.bytes), newer)
}

fn same_bytes((etag, bytes): (&str, u64), version: &ListedVersion) -> bool {
    may_be_same_bytes((etag, bytes), (&version.etag, version.bytes))
}

/// Whether ETag and size are equal. Then a listing must show that nothing was between the versions.
pub fn may_be_same_bytes(one: (&str, u64), other: (&str, u64)) -> bool {
    !one.0.is_empty() && one == other
}

/// Whether the current version is the same input as a job's. `listed` are all versions at the key.
pub fn is_same_input(listed: &[ListedVersion], current: &str, input: &Input) -> bool {
    SameBytes::neighbours(listed, true, current)
        .is_some_and(|same| same.are_of(&input.version, &input.etag, input.bytes))
}

/// Whether an upload of the same bytes is the input of a job, too: an open job will have a result, and a job that is ready has
/// one, as long as that is kept. An upload after a job that ended without a result asks for another run. A probe is the same
/// document every day, and each is run.
fn takes_upload(
    tenant: &Tenant,
    status_group: StatusGroup,
    ended_at: Timestamp,
    pipeline: &Pipeline,
    put_at: Timestamp,
) -> bool {
    match status_group {
        _ if tenant.is_probe() => false,
        StatusGroup::Open => true,
        StatusGroup::Ready => {
            let days = u64::from(pipeline.retention_days.output);
            put_at < ended_at.plus(Duration::from_secs(days * 86_400))
        }
        StatusGroup::Failed | StatusGroup::Cancelled | StatusGroup::Erased => put_at < ended_at,
    }
}

/// Whether a job takes an upload of the same bytes as its input.
pub fn job_takes_upload(job: &Job, pipeline: &Pipeline, put_at: Timestamp) -> bool {
    takes_upload(
        &job.tenant,
        job.state.status_group(),
        job.ended_or_erased_at(),
        pipeline,
        put_at,
    )
}

/// The same of a row in a list. A row does not have the time of its erasure, so the job's end counts. Then the message is sent
/// again, and its receiver decides.
pub fn row_takes_upload(
    row: &JobInput,
    tenant: &Tenant,
    pipeline: &Pipeline,
    put_at: Timestamp,
) -> bool {
    takes_upload(tenant, row.status_group, row.updated_at, pipeline, put_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Versions from letters, oldest first: equal letters are equal bytes, a dot is a delete marker, and a question mark an
    /// object without an ETag.
    fn listed(history: &str) -> Vec<ListedVersion> {
        let mut listed = Vec::new();
        let mut may_follow_deletion = false;
        for (number, letter) in history.chars().enumerate() {
            if letter == '.' {
                may_follow_deletion = true;
                continue;
            }
            listed.push(ListedVersion {
                version: format!("v{number}"),
                etag: if letter == '?' {
                    String::new()
                } else {
                    letter.to_string()
                },
                bytes: 7,
                put_at: Timestamp(0),
                may_follow_deletion: std::mem::take(&mut may_follow_deletion),
            });
        }
        listed.reverse();
        listed
    }

    #[test]
    fn only_neighbouring_versions_with_equal_bytes_are_one_input() {
        for (history, version, input, expected) in [
            ("AA", "v1", "v0", true),
            ("AA", "v0", "v1", true),
            ("AAAA", "v3", "v0", true),
            ("AB", "v1", "v0", false),
            ("ABA", "v2", "v0", false),
            ("ABAA", "v3", "v2", true),
            ("A.A", "v2", "v0", false),
            (".AA", "v2", "v1", true),
            ("??", "v1", "v0", false),
        ] {
            let listed = listed(history);
            let same = SameBytes::neighbours(&listed, true, version).unwrap();
            assert_eq!(same.are_of(input, "A", 7), expected, "{history} {version}");
        }
        assert!(SameBytes::neighbours(&listed("A"), true, "v9").is_none());
    }

    /// A replaced version is deleted for good after some days.
    #[test]
    fn version_that_is_no_longer_listed_is_the_same_input_if_no_other_bytes_are_left() {
        for (history, is_complete, etag, bytes, expected) in [
            ("AA", true, "A", 7, true),
            ("AA", false, "A", 7, false),
            ("BA", true, "A", 7, false),
            (".AA", true, "A", 7, false),
            ("AA", true, "B", 7, false),
            ("AA", true, "A", 8, false),
            ("??", true, "", 7, false),
        ] {
            let listed = listed(history);
            let newest = &listed[0].version;
            let same = SameBytes::neighbours(&listed, is_complete, newest).unwrap();
            assert_eq!(
                same.are_of("gone", etag, bytes),
                expected,
                "{history} {etag}"
            );
        }
    }
}
