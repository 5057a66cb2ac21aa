//! The versions of objects as S3 lists them.

use std::collections::BTreeMap;

use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{EncodingType, ObjectVersion};
use jobs::id::Timestamp;
use jobs::ports::ListedVersion;
use percent_encoding::percent_decode_str;

/// A key of a listing. It is URL-encoded if requested, since XML cannot represent every character.
pub(super) fn plain(key: &str, encoded: bool) -> String {
    if encoded {
        let spaced = key.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    } else {
        key.to_owned()
    }
}

/// The versions at one key, newest first.
pub(super) struct KeyVersions {
    pub(super) key: String,
    /// The first of them is the current one.
    pub(super) has_current: bool,
    pub(super) versions: Vec<ListedVersion>,
}

/// The listed versions in the order of their keys.
pub(super) fn versions_by_key(response: &ListObjectVersionsOutput) -> Vec<KeyVersions> {
    let encoded = response.encoding_type == Some(EncodingType::Url);
    // S3 lists delete markers apart, so only their times tell their place.
    let mut deletions: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
    for marker in response.delete_markers() {
        if let Some(key) = marker.key()
            && marker.is_latest() != Some(true)
        {
            let at = time(marker.last_modified());
            deletions.entry(key).or_default().push(at);
        }
    }
    let listed = response.versions();
    let of_one_key = listed.chunk_by(|one, other| one.key() == other.key());
    let by_key = of_one_key.filter_map(|versions| {
        let key = versions.first()?.key()?;
        let deletions = deletions.get(key).map_or(&[][..], Vec::as_slice);
        let version = |(index, version): (usize, &ObjectVersion)| {
            let older = versions.get(index + 1);
            let since = older.map_or(Timestamp(0), |older| time(older.last_modified()));
            ListedVersion {
                // Objects from before versioning was enabled have this id (S3 user guide, "How S3 Versioning works").
                version: version.version_id().unwrap_or("null").to_owned(),
                etag: version
                    .e_tag()
                    .unwrap_or_default()
                    .trim_matches('"')
                    .to_owned(),
                bytes: version
                    .size()
                    .and_then(|size| u64::try_from(size).ok())
                    .unwrap_or(0),
                put_at: time(version.last_modified()),
                // Not compared with the version's own time: that of a multipart upload is when it began.
                may_follow_deletion: deletions.iter().any(|at| *at >= since),
            }
        };
        Some(KeyVersions {
            key: plain(key, encoded),
            has_current: versions.first()?.is_latest() == Some(true),
            versions: versions.iter().enumerate().map(version).collect(),
        })
    });
    by_key.collect()
}

fn time(at: Option<&DateTime>) -> Timestamp {
    let ms = at.and_then(|at| at.to_millis().ok());
    Timestamp(ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::types::DeleteMarkerEntry;

    fn version(key: &str, id: &str, seconds: i64, is_latest: bool) -> ObjectVersion {
        ObjectVersion::builder()
            .key(key)
            .version_id(id)
            .e_tag("\"5d41402abc4b2a76b9719d911017c592\"")
            .size(7)
            .last_modified(DateTime::from_secs(seconds))
            .is_latest(is_latest)
            .build()
    }

    fn marker(key: &str, seconds: i64, is_latest: bool) -> DeleteMarkerEntry {
        DeleteMarkerEntry::builder()
            .key(key)
            .last_modified(DateTime::from_secs(seconds))
            .is_latest(is_latest)
            .build()
    }

    #[test]
    fn deletion_between_two_versions_is_told_by_the_times_of_the_delete_markers() {
        for (markers, expected) in [
            (vec![], false),
            (vec![marker("a", 15, false)], true),
            // A multipart upload that began before the deletion.
            (vec![marker("a", 25, false)], true),
            // In doubt.
            (vec![marker("a", 10, false)], true),
            (vec![marker("a", 9, false)], false),
            (vec![marker("a", 30, true)], false),
            (vec![marker("b", 15, false)], false),
        ] {
            let response = ListObjectVersionsOutput::builder()
                .versions(version("a", "v2", 20, true))
                .versions(version("a", "v1", 10, false))
                .versions(version("b", "v3", 12, false))
                .set_delete_markers(Some(markers.clone()))
                .build();
            let listed = versions_by_key(&response);
            let keys: Vec<_> = listed
                .iter()
                .map(|listed| (&*listed.key, listed.has_current))
                .collect();
            assert_eq!(keys, [("a", true), ("b", false)]);
            let newest = &listed[0].versions[0];
            assert_eq!(newest.may_follow_deletion, expected, "{markers:?}");
            assert_eq!(
                (&*newest.version, &*newest.etag, newest.bytes, newest.put_at),
                (
                    "v2",
                    "5d41402abc4b2a76b9719d911017c592",
                    7,
                    Timestamp(20_000)
                )
            );
        }
    }
}
