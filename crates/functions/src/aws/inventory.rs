//! Listings of the bucket: `Inventory`.

use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use aws_sdk_s3::types::EncodingType;
use jobs::ports::{Inventory, ListedObject, Listing, ListingCursor, Unavailable};

use super::version_listing::{KeyVersions, plain, versions_by_key};
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
            .set_expected_bucket_owner(self.bucket_owner())
            .prefix(prefix)
            .set_key_marker(after.map(|mark| mark.key.clone()))
            .set_version_id_marker(after.and_then(|mark| mark.version.clone()))
            .max_keys(i32::from(limit))
            .encoding_type(EncodingType::Url)
            .send()
            .await;
        let response = response.map_err(|error| unavailable("S3 ListObjectVersions", error))?;
        let next = next_page(&response)?;
        let with_current = versions_by_key(&response)
            .into_iter()
            .filter(|listed| listed.has_current);
        let listed = with_current.filter_map(|KeyVersions { key, versions, .. }| {
            let current = versions.first()?;
            Some(ListedObject {
                version: current.version.clone(),
                etag: current.etag.clone(),
                bytes: current.bytes,
                put_at: current.put_at,
                has_all_versions: next.as_ref().is_none_or(|next| next.key != key),
                key,
                versions,
            })
        });
        let items = listed.collect();
        Ok(Listing { items, next })
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
            .set_expected_bucket_owner(self.bucket_owner())
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
