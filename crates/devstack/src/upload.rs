//! Uploads files to S3, large ones as multipart uploads.

use std::path::Path;

use anyhow::{Context, Result};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_types::byte_stream::{ByteStream, Length};

/// Files up to this size are sent in one request, larger ones in parts of this size.
const PART_BYTES: u64 = 64 * 1024 * 1024;

/// Uploads a PDF and returns the object's version id. Calls `progress` with the bytes sent so far.
///
/// # Errors
/// The file cannot be read or S3 rejects it. A multipart upload is then aborted.
pub async fn upload(
    client: &Client,
    bucket: &str,
    key: &str,
    path: &Path,
    progress: impl Fn(u64),
) -> Result<String> {
    let what = || format!("cannot upload {}", path.display());
    let bytes = tokio::fs::metadata(path).await.with_context(what)?.len();
    let version = if bytes <= PART_BYTES {
        let body = ByteStream::from_path(path).await.with_context(what)?;
        let put = client
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type("application/pdf")
            .body(body);
        put.send().await.with_context(what)?.version_id
    } else {
        upload_multipart(client, bucket, key, path, bytes, &progress)
            .await
            .with_context(what)?
    };
    progress(bytes);
    Ok(version.unwrap_or_default())
}

async fn upload_multipart(
    client: &Client,
    bucket: &str,
    key: &str,
    path: &Path,
    bytes: u64,
    progress: &impl Fn(u64),
) -> Result<Option<String>> {
    let create = client
        .create_multipart_upload()
        .bucket(bucket)
        .key(key)
        .content_type("application/pdf");
    let id = create
        .send()
        .await?
        .upload_id
        .context("the multipart upload has no id")?;
    let sent = send_parts(client, bucket, key, &id, path, bytes, progress).await;
    let parts = match sent {
        Ok(parts) => parts,
        Err(error) => {
            let abort = client
                .abort_multipart_upload()
                .bucket(bucket)
                .key(key)
                .upload_id(&id);
            // If this fails, the bucket's lifecycle rule removes the parts.
            abort.send().await.ok();
            return Err(error);
        }
    };
    let whole = CompletedMultipartUpload::builder()
        .set_parts(Some(parts))
        .build();
    let complete = client
        .complete_multipart_upload()
        .bucket(bucket)
        .key(key)
        .upload_id(&id);
    Ok(complete.multipart_upload(whole).send().await?.version_id)
}

async fn send_parts(
    client: &Client,
    bucket: &str,
    key: &str,
    id: &str,
    path: &Path,
    bytes: u64,
    progress: &impl Fn(u64),
) -> Result<Vec<CompletedPart>> {
    let mut parts = Vec::new();
    let mut offset = 0;
    for number in 1.. {
        if offset == bytes {
            break;
        }
        let length = PART_BYTES.min(bytes - offset);
        let body = ByteStream::read_from()
            .path(path)
            .offset(offset)
            .length(Length::Exact(length))
            .build()
            .await?;
        let part = client
            .upload_part()
            .bucket(bucket)
            .key(key)
            .upload_id(id)
            .part_number(number)
            .body(body);
        let tag = part.send().await?.e_tag;
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(tag)
                .build(),
        );
        offset += length;
        progress(offset);
    }
    Ok(parts)
}
