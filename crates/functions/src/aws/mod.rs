//! The ports of crates `jobs` and `api` on AWS, one file per service. Nothing else calls AWS.

mod checksums;
mod connections;
#[cfg(feature = "api")]
mod digests;
mod dynamodb;
mod eventbridge;
mod http;
mod instances;
mod inventory;
mod job_index;
#[cfg(feature = "api")]
mod job_list;
#[cfg(feature = "api")]
mod job_marks;
mod json_call;
mod key_value_store;
mod models;
mod quarantine;
#[cfg(feature = "api")]
mod quarantine_store;
#[cfg(feature = "api")]
mod receipts;
mod recent_starts;
mod row;
mod s3;
mod s3_refusals;
mod sagemaker;
mod sqs;
mod tickets;
#[cfg(feature = "api")]
mod transfers;
#[cfg(feature = "api")]
mod user_sessions;
mod version_listing;
#[cfg(feature = "api")]
mod webhook_sender;
mod websocket;

use std::error::Error;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use jobs::id::Timestamp;
use jobs::ports::{Clock, Unavailable};

use crate::config::{AwsConfig, Environment, Has, Variable};

pub use row::SCHEMA;

/// Maximum duration of an AWS call with its retries. Well below the function's timeout, so that a message is returned to
/// its queue with a logged reason instead of timing out with the function.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(8);
/// Maximum duration of one try.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum time to open a connection; the default of the SDK's current behavior version.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

/// The ports on AWS whose variables are in the function's settings `E`.
#[derive(Debug)]
pub struct Aws<E> {
    config: AwsConfig,
    environment: Arc<E>,
    http: SharedHttpClient,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
    sagemaker: OnceLock<aws_sdk_sagemakerruntime::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    websocket: OnceLock<aws_sdk_apigatewaymanagement::Client>,
    models: Mutex<models::CachedModels>,
    starts: Mutex<recent_starts::StartsOfMinute>,
}

/// The configuration that all clients share. A macro, since each service has its own `Config` type.
macro_rules! client {
    ($aws:expr, $sdk:ident, $endpoint:expr, $timeouts:expr, $retries:expr) => {{
        let aws: &Aws<_> = $aws;
        let mut config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::v2026_01_12())
            .region($sdk::config::Region::new(aws.config.region.clone()))
            .credentials_provider(aws.config.credentials.clone())
            .http_client(aws.http.clone())
            .timeout_config($timeouts)
            .retry_config($retries);
        if let Some(url) = $endpoint {
            config = config.endpoint_url(url);
        }
        $sdk::Client::from_conf(config.build())
    }};
}
use client;

impl<E: Environment> Aws<E> {
    /// Opens no connection yet.
    pub fn new(config: AwsConfig, environment: Arc<E>) -> Self {
        Self {
            config,
            environment,
            http: http::client(),
            dynamodb: OnceLock::new(),
            s3: OnceLock::new(),
            sagemaker: OnceLock::new(),
            sqs: OnceLock::new(),
            websocket: OnceLock::new(),
            models: Mutex::default(),
            starts: Mutex::default(),
        }
    }

    fn name<V: Variable>(&self) -> &str
    where
        E: Has<V>,
    {
        self.environment.value()
    }

    fn endpoint(&self, service: &str) -> Option<String> {
        self.config.endpoint_url(service).map(str::to_owned)
    }
}

/// The only retry layer below the queues: three tries. A failed message is redelivered anyway, but only after minutes.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(3)
}

/// For calls that the SDK must not repeat.
fn no_retries() -> RetryConfig {
    RetryConfig::disabled()
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

impl<E: Environment> Clock for Aws<E> {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock port")]
    fn now(&self) -> Timestamp {
        let since_1970 = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
    }

    fn random(&self) -> u64 {
        // Without randomness two lease tokens could be equal; there is no safe way to continue.
        getrandom::u64()
            .unwrap_or_else(|error| unreachable!("the kernel has no random bytes: {error}"))
    }
}

/// The caller can only retry later. Keeps the whole error chain: `SdkError` itself says no more than "service error".
fn unavailable<E, R>(what: &'static str, error: SdkError<E, R>) -> Unavailable
where
    E: Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    tracing::warn!(aws.call = what, error = %DisplayErrorContext(&error), "AWS call failed");
    Unavailable {
        what,
        source: Box::new(error),
    }
}

/// The result of a write that may be refused. `None` if it was refused: it was done before or is obsolete.
fn done_or<T, E, R>(
    what: &'static str,
    response: Result<T, SdkError<E, R>>,
    is_refused: impl Fn(&E) -> bool,
) -> Result<Option<T>, Unavailable>
where
    E: Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match response {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.as_service_error().is_some_and(is_refused) => Ok(None),
        Err(error) => Err(unavailable(what, error)),
    }
}

fn broken(what: &'static str, problem: impl Into<Box<dyn Error + Send + Sync>>) -> Unavailable {
    Unavailable {
        what,
        source: problem.into(),
    }
}
