//! Listings of the bucket: `Inventory`.

use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
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
        let next = next_page(&response)?;
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

    async fn folders(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&ListingCursor>,
    ) -> Result<Listing<String, ListingCursor>, Unavailable> {
        // Versions, too, since the function may list nothing else.
        let response = self
            .s3()
            .list_object_versions()
            .bucket(bucket)
            .prefix(prefix)
            .delimiter("/")
            .set_key_marker(after.map(|mark| mark.key.clone()))
            .set_version_id_marker(after.and_then(|mark| mark.version.clone()))
            .encoding_type(EncodingType::Url)
            .send()
            .await;
        let response = response.map_err(|error| unavailable("S3 ListObjectVersions", error))?;
        let encoded = response.encoding_type == Some(EncodingType::Url);
        let next = next_page(&response)?;
        let folders = response.common_prefixes.into_iter().flatten();
        let folders = folders.filter_map(|folder| Some(plain(&folder.prefix?, encoded)));
        // A marker within a folder may return that folder once more.
        let is_next = |folder: &String| after.is_none_or(|mark| *folder > mark.key);
        Ok(Listing {
            items: folders.filter(is_next).collect(),
            next,
        })
    }
}

/// Where the next page starts.
fn next_page(response: &ListObjectVersionsOutput) -> Result<Option<ListingCursor>, Unavailable> {
    if response.is_truncated != Some(true) {
        return Ok(None);
    }
    // Without it the listing would start over, forever.
    let marker = response.next_key_marker.as_deref();
    let marker = marker.ok_or_else(|| {
        broken(
            "S3 ListObjectVersions",
            "there is more, and no word of where",
        )
    })?;
    Ok(Some(ListingCursor {
        key: plain(marker, response.encoding_type == Some(EncodingType::Url)),
        version: response.next_version_id_marker.clone(),
    }))
}
