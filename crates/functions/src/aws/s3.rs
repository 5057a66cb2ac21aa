//! Inputs and outputs: `ObjectStore`.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::types::{ChecksumMode, EncodingType, MetadataDirective, TaggingDirective};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::timeout::TimeoutConfig;
use jobs::encoded_word::{decode_words, windows_1252};
use jobs::id::Location;
use jobs::input::PEEK_BYTES;
use jobs::labels::LabelMetadata;
use jobs::ports::{
    Checksum, CopyError, FirstBytes, HeadError, ListedVersion, ObjectDeletion, ObjectHead,
    ObjectStore, Unavailable,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::checksums::full_checksum;
use super::s3_refusals::ReadRefusal;
use super::version_listing::versions_by_key;
use super::{Aws, CONNECT_TIMEOUT, broken, client, no_retries, retries, timeouts, unavailable};
use crate::config::Environment;

/// User metadata of an upload: the file name, percent-encoded because headers are ASCII.
pub(super) const NAME: &str = "original-name";

/// The characters that a copy source does not encode.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

impl<E: Environment> Aws<E> {
    pub(super) fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3
            .get_or_init(|| client!(self, aws_sdk_s3, self.endpoint("S3"), timeouts(), retries()))
    }

    /// The account that must own the bucket of every request: S3 refuses if a bucket of the name is another account's.
    /// Presigned requests do not have it: the client would have to send it as well.
    pub(super) fn bucket_owner(&self) -> Option<String> {
        self.config.bucket_owner.clone()
    }

    /// The first `limit` bytes of the current version.
    async fn get_start(
        &self,
        bucket: &str,
        key: &str,
        limit: usize,
    ) -> Result<ObjectStart, HeadError> {
        let request = self
            .s3()
            .get_object()
            .bucket(bucket)
            .set_expected_bucket_owner(self.bucket_owner())
            .key(key)
            .range(format!("bytes=0-{}", limit.saturating_sub(1)));
        match request.send().await {
            Ok(mut object) => {
                let body = std::mem::take(&mut object.body);
                let bytes = body
                    .collect()
                    .await
                    .map_err(|error| broken("S3 GetObject", error))?;
                Ok(ObjectStart::Bytes(Box::new(object), bytes.to_vec()))
            }
            Err(error) => match refusal(&error) {
                ReadRefusal::Missing => Ok(ObjectStart::Missing),
                ReadRefusal::Empty => Ok(ObjectStart::Empty),
                refusal => match refusal.head_error(|| unavailable("S3 GetObject", error)) {
                    Some(error) => Err(error),
                    None => Ok(ObjectStart::Missing),
                },
            },
        }
    }
}

/// Copying a gigabyte within S3 takes more than three seconds.
fn copy_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_timeout(Duration::from_secs(30))
        .build()
}

/// Why S3 refused. An error without a response is [`ReadRefusal::Ours`].
fn refusal<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> ReadRefusal {
    let status = error
        .raw_response()
        .map(|response| response.status().as_u16());
    ReadRefusal::new(error.code(), status)
}

enum ObjectStart {
    Missing,
    Empty,
    Bytes(Box<GetObjectOutput>, Vec<u8>),
}

struct Attributes<'a> {
    version: Option<&'a str>,
    etag: Option<&'a str>,
    bytes: u64,
    content_type: Option<&'a str>,
    metadata: Option<&'a HashMap<String, String>>,
}

fn object_head(attributes: &Attributes<'_>, first_bytes: Vec<u8>) -> ObjectHead {
    let meta = |name: &str| attributes.metadata.and_then(|metadata| metadata.get(name));
    let decoded = |text: &String| {
        let text = decode_words(text);
        let bytes: Vec<u8> = percent_decode_str(&text).collect();
        // Some programs encode the bytes of Latin-1.
        String::from_utf8(bytes)
            .unwrap_or_else(|error| error.as_bytes().iter().copied().map(windows_1252).collect())
    };
    let label = |name: &str| meta(name).cloned();
    ObjectHead {
        version: attributes.version.unwrap_or("null").to_owned(),
        etag: attributes
            .etag
            .unwrap_or_default()
            .trim_matches('"')
            .to_owned(),
        bytes: attributes.bytes,
        content_type: attributes.content_type.unwrap_or_default().to_owned(),
        name: meta(NAME).map(decoded),
        labels: LabelMetadata {
            reference: label(LabelMetadata::REFERENCE),
            batch: label(LabelMetadata::BATCH),
            tags: label(LabelMetadata::TAGS),
            lane: label(LabelMetadata::LANE),
        },
        first_bytes,
    }
}

fn size(length: Option<i64>) -> u64 {
    length
        .and_then(|length| u64::try_from(length).ok())
        .unwrap_or(0)
}

/// The object's size from `bytes 0-1023/12345`.
fn total(content_range: Option<&str>) -> Option<u64> {
    content_range?.rsplit_once('/')?.1.parse().ok()
}

/// The object's size, whatever part of it was read.
fn whole_size(object: &GetObjectOutput) -> u64 {
    total(object.content_range()).unwrap_or_else(|| size(object.content_length()))
}

impl<E: Environment> ObjectStore for Aws<E> {
    async fn head_current(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, HeadError> {
        match self.get_start(bucket, key, PEEK_BYTES).await? {
            ObjectStart::Missing => Ok(None),
            ObjectStart::Empty => {
                let location = Location {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                };
                self.head(&location).await
            }
            ObjectStart::Bytes(object, first_bytes) => {
                let attributes = Attributes {
                    version: object.version_id(),
                    etag: object.e_tag(),
                    bytes: whole_size(&object),
                    content_type: object.content_type(),
                    metadata: object.metadata(),
                };
                Ok(Some(object_head(&attributes, first_bytes)))
            }
        }
    }

    async fn head(&self, location: &Location) -> Result<Option<ObjectHead>, HeadError> {
        match self
            .s3()
            .head_object()
            .bucket(&location.bucket)
            .set_expected_bucket_owner(self.bucket_owner())
            .key(&location.key)
            .send()
            .await
        {
            Ok(object) => {
                let attributes = Attributes {
                    version: object.version_id(),
                    etag: object.e_tag(),
                    bytes: size(object.content_length()),
                    content_type: object.content_type(),
                    metadata: object.metadata(),
                };
                Ok(Some(object_head(&attributes, vec![])))
            }
            // Without `s3:ListBucket` a missing object would be 403 (API reference, HeadObject).
            Err(error) => {
                match refusal(&error).head_error(|| unavailable("S3 HeadObject", error)) {
                    Some(error) => Err(error),
                    None => Ok(None),
                }
            }
        }
    }

    async fn read(
        &self,
        location: &Location,
        limit: usize,
    ) -> Result<Option<FirstBytes>, HeadError> {
        let start = self.get_start(&location.bucket, &location.key, limit).await;
        match start {
            Ok(ObjectStart::Missing) => Ok(None),
            Ok(ObjectStart::Empty) => Ok(Some(FirstBytes::default())),
            Ok(ObjectStart::Bytes(object, bytes)) => Ok(Some(FirstBytes {
                size: whole_size(&object),
                content_type: object.content_type.unwrap_or_default(),
                bytes,
            })),
            // An object under a key that this function may not use exists all the same.
            Err(refused @ (HeadError::Denied(_) | HeadError::Unreadable(_))) => {
                match self.head(location).await {
                    Ok(found) => Ok(found.map(|head| FirstBytes {
                        bytes: vec![],
                        size: head.bytes,
                        content_type: head.content_type,
                    })),
                    Err(HeadError::Unavailable(error)) => Err(error.into()),
                    // The answer to a HEAD request does not say why.
                    Err(HeadError::Denied(_) | HeadError::Unreadable(_)) => Err(refused),
                }
            }
            Err(error @ HeadError::Unavailable(_)) => Err(error),
        }
    }

    async fn copy(
        &self,
        bucket: &str,
        key: &str,
        version: &str,
        to: &Location,
    ) -> Result<(), CopyError> {
        let source = format!(
            "{bucket}/{}?versionId={}",
            utf8_percent_encode(key, KEY),
            utf8_percent_encode(version, KEY)
        );
        let request = self
            .s3()
            .copy_object()
            .copy_source(source)
            .bucket(&to.bucket)
            .set_expected_bucket_owner(self.bucket_owner())
            .set_expected_source_bucket_owner(self.bucket_owner())
            .key(&to.key)
            .metadata_directive(MetadataDirective::Copy)
            // Copying tags would need a further permission, and they are not read.
            .tagging_directive(TaggingDirective::Replace)
            .customize()
            .config_override(
                aws_sdk_s3::Config::builder()
                    .timeout_config(copy_timeouts())
                    .retry_config(no_retries()),
            );
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(refusal(&error).copy_error(|| unavailable("S3 CopyObject", error))),
        }
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, Unavailable> {
        let response = self
            .s3()
            .list_objects_v2()
            .bucket(bucket)
            .set_expected_bucket_owner(self.bucket_owner())
            .prefix(prefix)
            .send()
            .await;
        let response = response.map_err(|error| unavailable("S3 ListObjectsV2", error))?;
        Ok(response
            .contents
            .into_iter()
            .flatten()
            .filter_map(|object| object.key)
            .collect())
    }

    async fn versions(&self, bucket: &str, key: &str) -> Result<Vec<ListedVersion>, Unavailable> {
        // Versions are sorted by key, then newest first; the exact key precedes all keys that begin with it.
        let response = self
            .s3()
            .list_object_versions()
            .bucket(bucket)
            .set_expected_bucket_owner(self.bucket_owner())
            .prefix(key)
            // XML cannot represent every character of the other keys.
            .encoding_type(EncodingType::Url)
            .send()
            .await;
        let response = response.map_err(|error| unavailable("S3 ListObjectVersions", error))?;
        let mut listed = versions_by_key(&response).into_iter();
        Ok(listed
            .find(|listed| listed.key == key)
            .map(|listed| listed.versions)
            .unwrap_or_default())
    }

    async fn checksum(
        &self,
        object: &Location,
        version: &str,
    ) -> Result<Option<Checksum>, Unavailable> {
        let response = self
            .s3()
            .head_object()
            .bucket(&object.bucket)
            .set_expected_bucket_owner(self.bucket_owner())
            .key(&object.key)
            .version_id(version)
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await;
        match response {
            Ok(head) => Ok(full_checksum(&head)),
            // A checksum of an encrypted object needs its key; without a checksum the ETag decides alone.
            Err(error) => {
                match refusal(&error).head_error(|| unavailable("S3 HeadObject", error)) {
                    Some(HeadError::Unavailable(error)) => Err(error),
                    Some(HeadError::Denied(_) | HeadError::Unreadable(_)) | None => Ok(None),
                }
            }
        }
    }
}

impl<E: Environment> ObjectDeletion for Aws<E> {
    async fn delete_version(&self, object: &Location, version: &str) -> Result<(), Unavailable> {
        self.s3()
            .delete_object()
            .bucket(&object.bucket)
            .set_expected_bucket_owner(self.bucket_owner())
            .key(&object.key)
            .version_id(version)
            .send()
            .await
            .map_err(|error| unavailable("S3 DeleteObject", error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_size_is_read_from_the_content_range_header() {
        assert_eq!(total(Some("bytes 0-1023/1073741824")), Some(1 << 30));
        assert_eq!(total(Some("bytes 0-4/*")), None);
        assert_eq!(total(None), None);
    }

    #[test]
    fn name_in_the_metadata_is_decoded() {
        for (stored, name) in [
            ("Vertrag%20M%C3%BCller.pdf", "Vertrag Müller.pdf"),
            (
                "=?UTF-8?B?VmVydHJhZyBNw7xsbGVyLnBkZg==?=",
                "Vertrag Müller.pdf",
            ),
            ("Vertrag Müller.pdf", "Vertrag Müller.pdf"),
            ("M%FCller%20%96%201.pdf", "Müller – 1.pdf"),
            ("=?windows-1252?Q?M=FCller?=", "Müller"),
        ] {
            let metadata = HashMap::from([(NAME.to_owned(), stored.to_owned())]);
            let attributes = Attributes {
                version: None,
                etag: None,
                bytes: 7,
                content_type: None,
                metadata: Some(&metadata),
            };
            let head = object_head(&attributes, vec![]);
            assert_eq!(head.name.as_deref(), Some(name));
        }
    }

    #[test]
    fn copy_source_is_percent_encoded() {
        assert_eq!(
            utf8_percent_encode("inbound/a b+ü%.pdf", KEY).to_string(),
            "inbound/a%20b%2B%C3%BC%25.pdf"
        );
    }
}
