//! Listings of the bucket: `Inventory`.

use aws_sdk_s3::types::EncodingType;
use jobs::id::Timestamp;
use jobs::ports::{Inventory, ListedObject, Listing, ListingCursor, Unavailable};

use super::s3::plain;
use super::{Aws, broken, unavailable};
use crate::config::Environment;

impl<E: Environment> Inventory for Aws<E> {
    async fn page(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&ListingCursor>,
        limit: u16,
    ) -> Result<Listing<ListedObject, ListingCursor>, Unavailable> {
        let response = self
            .s3()
            .list_object_versions()
            .bucket(bucket)
            .prefix(prefix)
            .set_key_marker(after.map(|mark| mark.key.clone()))
            .set_version_id_marker(after.and_then(|mark| mark.version.clone()))
            .max_keys(i32::from(limit))
            .encoding_type(EncodingType::Url)
            .send()
            .await;
        let response = response.map_err(|error| unavailable("S3 ListObjectVersions", error))?;
        let encoded = response.encoding_type == Some(EncodingType::Url);
        let next = if response.is_truncated == Some(true) {
            // Without it the listing would start over, forever.
            let marker = response.next_key_marker.as_deref();
            let marker = marker.ok_or_else(|| {
                broken(
                    "S3 ListObjectVersions",
                    "there is more, and no word of where",
                )
            })?;
            Some(ListingCursor {
                key: plain(marker, encoded),
                version: response.next_version_id_marker,
            })
        } else {
            None
        };
        let current = response
            .versions
            .into_iter()
            .flatten()
            .filter(|version| version.is_latest == Some(true));
        let listed = current.filter_map(|version| {
            let put_at = version.last_modified?.to_millis().ok()?;
            Some(ListedObject {
                key: plain(&version.key?, encoded),
                // Objects from before versioning was enabled have this id (S3 user guide, "How S3 Versioning works").
                version: version.version_id.unwrap_or_else(|| "null".to_owned()),
                etag: version.e_tag?.trim_matches('"').to_owned(),
                bytes: u64::try_from(version.size?).unwrap_or(0),
                put_at: Timestamp(u64::try_from(put_at).unwrap_or(0)),
            })
        });
        Ok(Listing {
            items: listed.collect(),
            next,
        })
    }
}
