//! Presigned S3 requests and multipart uploads: `ObjectTransfers`.

use std::time::Duration;

use api::ports::{
    ContentDisposition, ObjectTransfers, SignedDownload, UploadConstraints, UploadedPart,
};
use api::types::SignedRequest;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_types::timeout::TimeoutConfig;
use jobs::id::Location;
use jobs::ports::{Clock, Unavailable};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::s3::NAME;
use super::{Aws, CONNECT_TIMEOUT, broken, no_retries, unavailable};
use crate::config::Environment;

/// How long a presigned upload request is valid. The function's credentials are valid for longer.
const UPLOAD_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How long a presigned part request is valid: up to a hundred are signed at once, and a connection may be slow.
const PART_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How long a presigned download request is valid.
const DOWNLOAD_LIFETIME: Duration = Duration::from_secs(5 * 60);

fn presigning(lifetime: Duration) -> Result<PresigningConfig, Unavailable> {
    PresigningConfig::expires_in(lifetime).map_err(|error| broken("signing", error))
}

/// No checksum is required: it would have to be known before the bytes are.
fn without_checksums() -> aws_sdk_s3::config::Builder {
    aws_sdk_s3::Config::builder()
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
}

/// A `Content-ContentDisposition` header in plain ASCII (RFC 5987 for the file name).
fn content_disposition(download: &SignedDownload<'_>) -> String {
    let kind = match download.disposition {
        ContentDisposition::Inline => "inline",
        ContentDisposition::Attachment => "attachment",
    };
    let encoded = utf8_percent_encode(download.name, NON_ALPHANUMERIC);
    format!("{kind}; filename*=UTF-8''{encoded}")
}

impl<E: Environment> Aws<E> {
    fn signed(&self, request: &PresignedRequest, lifetime: Duration) -> SignedRequest {
        let headers = request.headers();
        SignedRequest {
            method: request.method().to_owned(),
            url: request.uri().to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            expires_at: self.now().plus(lifetime).0,
        }
    }
}

/// Completing an upload of a gigabyte takes S3 longer than other calls; the function has 29 s.
fn complete_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_timeout(Duration::from_secs(22))
        .build()
}

fn length(bytes: u64) -> Option<i64> {
    i64::try_from(bytes).ok()
}

fn metadata_name(name: &str) -> String {
    utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()
}

impl<E: Environment> ObjectTransfers for Aws<E> {
    async fn sign_put(
        &self,
        to: &Location,
        constraints: &UploadConstraints,
    ) -> Result<SignedRequest, Unavailable> {
        let request = self
            .s3()
            .put_object()
            .bucket(&to.bucket)
            .key(&to.key)
            .content_type(&constraints.content_type)
            .set_content_length(length(constraints.bytes))
            .metadata(NAME, metadata_name(&constraints.name))
            // Refused if the object exists (S3 user guide, "Conditional writes").
            .if_none_match("*")
            .customize()
            .config_override(without_checksums())
            .presigned(presigning(UPLOAD_LIFETIME)?)
            .await
            .map_err(|error| unavailable("signing S3 PutObject", error))?;
        Ok(self.signed(&request, UPLOAD_LIFETIME))
    }

    async fn sign_get(
        &self,
        from: &Location,
        download: &SignedDownload<'_>,
    ) -> Result<SignedRequest, Unavailable> {
        let request = self
            .s3()
            .get_object()
            .bucket(&from.bucket)
            .key(&from.key)
            .set_version_id(download.version.map(str::to_owned))
            // The type and the disposition are ours, whatever the model or the uploader wrote: nothing that they wrote runs
            // under the bucket's origin.
            .response_content_disposition(content_disposition(download))
            .response_content_type(download.content_type)
            .customize()
            .config_override(without_checksums())
            .presigned(presigning(DOWNLOAD_LIFETIME)?)
            .await
            .map_err(|error| unavailable("signing S3 GetObject", error))?;
        Ok(self.signed(&request, DOWNLOAD_LIFETIME))
    }

    async fn create_multipart_upload(
        &self,
        to: &Location,
        constraints: &UploadConstraints,
    ) -> Result<String, Unavailable> {
        let response = self
            .s3()
            .create_multipart_upload()
            .bucket(&to.bucket)
            .set_expected_bucket_owner(self.bucket_owner())
            .key(&to.key)
            .content_type(&constraints.content_type)
            .metadata(NAME, metadata_name(&constraints.name))
            .send()
            .await
            .map_err(|error| unavailable("S3 CreateMultipartUpload", error))?;
        response
            .upload_id
            .ok_or_else(|| broken("S3 CreateMultipartUpload", "no upload id"))
    }

    async fn sign_upload_part(
        &self,
        to: &Location,
        upload_id: &str,
        part_number: u32,
        bytes: u64,
    ) -> Result<SignedRequest, Unavailable> {
        let request = self
            .s3()
            .upload_part()
            .bucket(&to.bucket)
            .key(&to.key)
            .upload_id(upload_id)
            .set_part_number(i32::try_from(part_number).ok())
            .set_content_length(length(bytes))
            .customize()
            .config_override(without_checksums())
            .presigned(presigning(PART_LIFETIME)?)
            .await
            .map_err(|error| unavailable("signing S3 UploadPart", error))?;
        Ok(self.signed(&request, PART_LIFETIME))
    }

    async fn list_parts(
        &self,
        to: &Location,
        upload_id: &str,
    ) -> Result<Option<Vec<UploadedPart>>, Unavailable> {
        // One page has 1,000 parts; the largest upload has 64.
        let response = self
            .s3()
            .list_parts()
            .bucket(&to.bucket)
            .set_expected_bucket_owner(self.bucket_owner())
            .key(&to.key)
            .upload_id(upload_id)
            .send()
            .await;
        let response = match response {
            Ok(response) => response,
            Err(error) if error.code() == Some("NoSuchUpload") => return Ok(None),
            Err(error) => return Err(unavailable("S3 ListParts", error)),
        };
        let part = |part: aws_sdk_s3::types::Part| {
            Some(UploadedPart {
                part_number: u32::try_from(part.part_number?).ok()?,
                bytes: u64::try_from(part.size?).ok()?,
                etag: part.e_tag?,
            })
        };
        Ok(Some(
            response
                .parts
                .into_iter()
                .flatten()
                .filter_map(part)
                .collect(),
        ))
    }

    async fn complete_multipart_upload(
        &self,
        to: &Location,
        upload_id: &str,
        parts: &[UploadedPart],
    ) -> Result<(), Unavailable> {
        let parts = parts.iter().map(|part| {
            CompletedPart::builder()
                .set_part_number(i32::try_from(part.part_number).ok())
                .e_tag(&part.etag)
                .build()
        });
        let all = CompletedMultipartUpload::builder().set_parts(Some(parts.collect()));
        let response = self
            .s3()
            .complete_multipart_upload()
            .bucket(&to.bucket)
            .set_expected_bucket_owner(self.bucket_owner())
            .key(&to.key)
            .upload_id(upload_id)
            .if_none_match("*")
            .multipart_upload(all.build())
            .customize()
            .config_override(
                aws_sdk_s3::Config::builder()
                    .timeout_config(complete_timeouts())
                    .retry_config(no_retries()),
            )
            .send()
            .await;
        match response {
            Ok(_) => Ok(()),
            // It was completed or aborted before, or is being completed; the caller checks whether the object exists.
            Err(error)
                if matches!(
                    error.code(),
                    Some("NoSuchUpload" | "PreconditionFailed" | "ConditionalRequestConflict")
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(unavailable("S3 CompleteMultipartUpload", error)),
        }
    }

    async fn abort_multipart_upload(
        &self,
        to: &Location,
        upload_id: &str,
    ) -> Result<(), Unavailable> {
        let response = self
            .s3()
            .abort_multipart_upload()
            .bucket(&to.bucket)
            .set_expected_bucket_owner(self.bucket_owner())
            .key(&to.key)
            .upload_id(upload_id)
            .send()
            .await;
        match response {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchUpload") => Ok(()),
            Err(error) => Err(unavailable("S3 AbortMultipartUpload", error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_name_is_escaped_in_the_content_disposition_header() {
        for (disposition, kind) in [
            (ContentDisposition::Inline, "inline"),
            (ContentDisposition::Attachment, "attachment"),
        ] {
            let download = SignedDownload {
                version: None,
                name: "a\"; x=\r\n Müller.pdf",
                content_type: "application/pdf",
                disposition,
            };
            assert_eq!(
                content_disposition(&download),
                format!("{kind}; filename*=UTF-8''a%22%3B%20x%3D%0D%0A%20M%C3%BCller%2Epdf")
            );
        }
    }
}
