//! The AWS emulator: its credentials, and clients for the demo and the tests.

use std::time::Duration;

use anyhow::{Result, bail};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_types::checksum_config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::http_status;

/// The region of the emulator: the one where a bucket needs no location constraint.
pub const REGION: &str = "us-east-1";
/// The access key id of the emulator's root user, who has all permissions. It belongs to no account on AWS.
pub const ACCESS_KEY: &str = "test";
/// The secret access key to [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "test";

/// Credentials of the emulator's root user.
pub fn root_credentials() -> Credentials {
    Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "devstack")
}

/// Environment variables for AWS clients.
pub fn environment(url: &str) -> Vec<(String, String)> {
    [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// AWS clients of the emulator. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// `http://127.0.0.1:<port>`, for every service.
    pub url: String,
    pub s3: aws_sdk_s3::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub dynamodb: aws_sdk_dynamodb::Client,
    config: SdkConfig,
}

impl Cloud {
    pub fn new(url: &str) -> Self {
        let config = SdkConfig::builder()
            .behavior_version(aws_sdk_s3::config::BehaviorVersion::v2026_01_12())
            .endpoint_url(url)
            .region(Region::from_static(REGION))
            .credentials_provider(SharedCredentialsProvider::new(root_credentials()))
            .http_client(Builder::new().build_http())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(3))
                    .build(),
            )
            .retry_config(RetryConfig::standard())
            // A checksum of a gigabyte takes longer than sending it to a local process.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        Self {
            s3: aws_sdk_s3::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            url: url.to_owned(),
            config,
        }
    }

    /// The configuration for clients of other services.
    pub const fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Waits until the emulator is ready.
    pub(crate) async fn wait_until_ready(&self, port: u16) -> Result<()> {
        const MAX_TRIES: u32 = 600;
        let address = format!("127.0.0.1:{port}");
        for _ in 0..MAX_TRIES {
            let status = http_status::get(&address, "/_ministack/ready").await;
            if status.is_ok_and(|status| status == 200) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("{} was not ready after {} s", self.url, MAX_TRIES / 10)
    }
}
