//! The calls of S3 and SNS that the endpoint makes with its execution role.

use super::body_buffer::BufferedBody;
use super::config::AwsTarget;
use super::location::S3Location;
use aws_credential_types::Credentials;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use std::time::Duration;

/// The clients, and the region for the notifications.
#[derive(Clone, Debug)]
pub(super) struct AwsClients {
    s3: aws_sdk_s3::Client,
    sns: aws_sdk_sns::Client,
    pub(super) region: String,
}

impl AwsClients {
    pub(super) fn new(target: &AwsTarget) -> Self {
        let credentials = Credentials::new(
            target.access_key.as_str(),
            target.secret_key.as_str(),
            None,
            None,
            "async-endpoint",
        );
        let http = http_client(&target.endpoint_url);
        let region = Region::new(target.region.clone());
        // An attempt includes the upload of up to a gigabyte.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(Duration::from_secs(900))
            .build();
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(http.clone())
            .endpoint_url(&target.endpoint_url)
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .timeout_config(timeouts.clone())
            .retry_config(RetryConfig::standard())
            .force_path_style(true)
            // A slow container must not look like a stalled download.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        let sns = aws_sdk_sns::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(http)
            .endpoint_url(&target.endpoint_url)
            .region(region)
            .credentials_provider(credentials)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard())
            .build();
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3),
            sns: aws_sdk_sns::Client::from_conf(sns),
            region: target.region.clone(),
        }
    }

    /// Starts to read an object: its length and its bytes as a stream. Logs the error; the
    /// notification only says that the input could not be read.
    pub(super) async fn open(&self, object: &S3Location) -> Option<(u64, ByteStream)> {
        let request = self.s3.get_object().bucket(&object.bucket).key(&object.key);
        match request.send().await {
            Ok(found) => {
                let length = u64::try_from(found.content_length.unwrap_or(0)).unwrap_or(0);
                Some((length, found.body))
            }
            Err(error) => {
                let error = DisplayErrorContext(error);
                tracing::warn!(location = object.as_str(), %error, "cannot read the input");
                None
            }
        }
    }

    pub(super) async fn put(
        &self,
        at: &S3Location,
        content_type: &str,
        body: &BufferedBody,
    ) -> bool {
        let stream = match body.upload().await {
            Ok(stream) => stream,
            Err(error) => {
                tracing::error!(location = at.as_str(), %error, "cannot read the buffered response");
                return false;
            }
        };
        let request = self
            .s3
            .put_object()
            .bucket(&at.bucket)
            .key(&at.key)
            .content_type(content_type)
            .body(stream);
        match request.send().await {
            Ok(_) => true,
            Err(error) => {
                let error = DisplayErrorContext(error);
                tracing::warn!(location = at.as_str(), %error, "cannot write the object");
                false
            }
        }
    }

    pub(super) async fn publish(&self, topic: &str, message: &str) -> bool {
        let request = self.sns.publish().topic_arn(topic).message(message);
        match request.send().await {
            Ok(_) => true,
            Err(error) => {
                let error = DisplayErrorContext(error);
                tracing::warn!(topic, %error, "cannot publish the notification");
                false
            }
        }
    }
}

/// TLS only for an `https:` URL: a local emulator speaks plain HTTP.
fn http_client(endpoint_url: &str) -> SharedHttpClient {
    if endpoint_url.starts_with("https:") {
        Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https()
    } else {
        Builder::new().build_http()
    }
}
