//! The configuration of a function, read from its environment variables. Only this module reads them.
//!
//! Each function declares its own settings with [`environment!`](crate::environment): a struct with one field per variable. A handler or an
//! AWS adapter asks for a variable by a bound such as `E: Has<variable::JobsTable>`, so a function that does not declare
//! a variable that it uses does not compile, and one whose variable is not set does not start.

use std::fmt::Debug;
use std::time::Duration;

use aws_credential_types::Credentials;
use jobs::pipeline::ConfigError;
#[doc(hidden)]
pub use jobs::pipeline::Pipelines; // for `environment!`
use jobs::ports::Queue;

/// An environment variable. The types in [`variable`] implement it.
pub trait Variable {
    /// The name that `infra/service.yaml` sets.
    const NAME: &'static str;
}

macro_rules! variables {
    ($($(#[$doc:meta])* $variable:ident => $name:literal,)*) => {
        /// All environment variables of the functions.
        pub mod variable {
            $(
                $(#[$doc])*
                #[derive(Clone, Copy, Debug)]
                pub enum $variable {}

                impl super::Variable for $variable {
                    const NAME: &'static str = $name;
                }
            )*
        }
    };
}

variables! {
    JobsTable => "JOBS_TABLE",
    /// The table of open WebSocket connections.
    ConnectionsTable => "CONNECTIONS_TABLE",
    /// The table of tickets, quarantined messages and all other records.
    RecordsTable => "RECORDS_TABLE",
    Bucket => "BUCKET",
    ChecksQueueUrl => "CHECKS_QUEUE_URL",
    /// The dead letters of the queue of checks.
    ChecksDeadLettersUrl => "CHECKS_DEAD_LETTERS_URL",
    /// The queue of S3's upload events.
    UploadsQueueUrl => "UPLOADS_QUEUE_URL",
    /// The dead letters of the queue of upload events.
    UploadsDeadLettersUrl => "UPLOADS_DEAD_LETTERS_URL",
    /// The queue of the endpoint's success notifications.
    InferenceSuccessQueueUrl => "INFERENCE_SUCCESS_QUEUE_URL",
    /// The dead letters of the queue of success notifications.
    InferenceSuccessDeadLettersUrl => "INFERENCE_SUCCESS_DEAD_LETTERS_URL",
    /// The queue of the endpoint's error notifications.
    InferenceErrorQueueUrl => "INFERENCE_ERROR_QUEUE_URL",
    /// The dead letters of the queue of error notifications.
    InferenceErrorDeadLettersUrl => "INFERENCE_ERROR_DEAD_LETTERS_URL",
    /// The queue of events for the feeds.
    EventsQueueUrl => "EVENTS_QUEUE_URL",
    /// The dead letters of the queue of events.
    EventsDeadLettersUrl => "EVENTS_DEAD_LETTERS_URL",
    /// The queue of instructions to send webhooks.
    WebhooksQueueUrl => "WEBHOOKS_QUEUE_URL",
    /// The dead letters of the queue of webhooks.
    WebhooksDeadLettersUrl => "WEBHOOKS_DEAD_LETTERS_URL",
    /// The queue of instructions to send e-mail digests.
    DigestsQueueUrl => "DIGESTS_QUEUE_URL",
    /// The dead letters of the queue of digests.
    DigestsDeadLettersUrl => "DIGESTS_DEAD_LETTERS_URL",
    /// The address that e-mail is sent from; `off` if none is sent.
    EmailSender => "EMAIL_SENDER",
    /// The configuration set of SES whose events say what became of mails.
    EmailConfigurationSet => "EMAIL_CONFIGURATION_SET",
    /// The address of the HTTP API, for links in mails.
    HttpApiUrl => "HTTP_API_URL",
    /// Which receivers of webhooks are allowed: `public`, or `loopback` for those on the same machine.
    WebhookReceivers => "WEBHOOK_RECEIVERS",
    /// The name of the event bus.
    EventBus => "EVENT_BUS",
    /// The management URL of the WebSocket API.
    WebsocketManagementUrl => "WEBSOCKET_MANAGEMENT_URL",
    /// The origin that pages come from; `*` for any.
    PageOrigin => "PAGE_ORIGIN",
    /// The URL at which pages connect to the WebSocket API.
    WebsocketConnectUrl => "WEBSOCKET_CONNECT_URL",
    /// The client of the user pool that people sign in with.
    UserPoolClientId => "USER_POOL_CLIENT_ID",
    /// The user pool that people are in.
    UserPoolId => "USER_POOL_ID",
    /// The URL of the sign-in page.
    SignInUrl => "SIGN_IN_URL",
    /// How users sign in by their company, as JSON; `off` if they do not.
    CompanySignIn => "COMPANY_SIGN_IN",
    /// Which groups of which company give which groups of Docket, as JSON.
    SignInMapping => "SIGN_IN_MAPPING",
    /// The KMS key that signs receipts.
    ReceiptKeyId => "RECEIPT_KEY_ID",
    /// The name of this service, of which an account may have several: a dimension of its metrics.
    ServiceName => "SERVICE_NAME",
    /// Where SageMaker's control plane is, with the AWS SDKs' own name.
    SageMakerUrl => "AWS_ENDPOINT_URL_SAGEMAKER",
    /// Where Application Auto Scaling is, likewise.
    AutoScalingUrl => "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING",
}

/// The settings of one function.
pub trait Environment: Debug + Send + Sync + 'static {}

impl<E: Debug + Send + Sync + 'static> Environment for E {}

/// Settings that are read from environment variables.
pub trait ReadEnvironment: Environment + Sized {
    /// Reads the settings with `lookup`.
    ///
    /// # Errors
    /// Names every missing variable, or the problem with `pipelines.toml`.
    fn read(lookup: &Lookup<'_>) -> Result<Self, BadEnvironment>;
}

/// Returns the value of a variable, if it is set.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Settings with the variable `V`.
pub trait Has<V: Variable>: Environment {
    fn value(&self) -> &str;
}

/// Settings of a function that works with jobs: they include the pipelines.
pub trait HasPipelines: Environment {
    /// All pipelines of `infra/pipelines.toml`.
    fn pipelines(&self) -> &Pipelines;
}

/// Settings with the URLs of queues.
pub trait QueueUrls: Environment {
    fn queue_url(&self, queue: Queue) -> &str;
    /// The URL of a dead-letter queue; `None` if the function does not use it.
    fn dead_letters_url(&self, queue: Queue) -> Option<&str>;
}

/// The value of a setting that is not used: a variable cannot be empty.
#[cfg(feature = "api")]
const OFF: &str = "off";

/// The address that e-mail is sent from; `None` if this deployment sends none.
#[cfg(feature = "api")]
pub(crate) fn email_sender<E: Has<variable::EmailSender>>(environment: &E) -> Option<&str> {
    Some(environment.value()).filter(|value| *value != OFF)
}

/// How users sign in by their company, as JSON; `None` if they do not.
#[cfg(feature = "api")]
pub(crate) fn company_sign_in<E: Has<variable::CompanySignIn>>(environment: &E) -> Option<&str> {
    Some(environment.value()).filter(|value| *value != OFF)
}

/// The address of the page; `None` if pages may come from any origin.
#[cfg(feature = "api")]
pub(crate) fn page_url<E: Has<variable::PageOrigin>>(environment: &E) -> Option<&str> {
    Some(environment.value()).filter(|value| *value != "*")
}

/// Declares the settings of a function: a struct with one text per variable of [`crate::config::variable`],
/// and the pipelines if `with pipelines` says so.
///
/// ```
/// functions::environment! {
///     /// The function's settings.
///     pub struct Environment {
///         jobs_table: JobsTable,
///     }
/// }
/// ```
#[macro_export]
macro_rules! environment {
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($field:ident: $variable:ident,)* }) => {
        $crate::environment!(@struct $(#[$doc])* $vis $name { $($field: $variable,)* });

        impl $crate::config::ReadEnvironment for $name {
            fn read(lookup: &$crate::config::Lookup<'_>) -> ::std::result::Result<Self, $crate::config::BadEnvironment> {
                $crate::environment!(@read lookup { $($field: $variable,)* });
                Ok(Self { $($field,)* })
            }
        }
    };
    ($(#[$doc:meta])* $vis:vis struct $name:ident with pipelines { $($field:ident: $variable:ident,)* }) => {
        $crate::environment!(@struct $(#[$doc])* $vis $name { $($field: $variable,)* } pipelines);

        impl $crate::config::ReadEnvironment for $name {
            fn read(lookup: &$crate::config::Lookup<'_>) -> ::std::result::Result<Self, $crate::config::BadEnvironment> {
                $crate::environment!(@read lookup { $($field: $variable,)* });
                let pipelines = $crate::config::pipelines(lookup)?;
                Ok(Self { $($field,)* pipelines })
            }
        }

        impl $crate::config::HasPipelines for $name {
            fn pipelines(&self) -> &$crate::config::Pipelines {
                &self.pipelines
            }
        }
    };
    (@struct $(#[$doc:meta])* $vis:vis $name:ident { $($field:ident: $variable:ident,)* } $($pipelines:ident)?) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        $vis struct $name {
            $($vis $field: ::std::string::String,)*
            $($vis $pipelines: $crate::config::Pipelines,)?
        }

        $(
            impl $crate::config::Has<$crate::config::variable::$variable> for $name {
                fn value(&self) -> &str {
                    &self.$field
                }
            }
        )*
    };
    (@read $lookup:ident { $($field:ident: $variable:ident,)* }) => {
        $(let $field = $lookup(<$crate::config::variable::$variable as $crate::config::Variable>::NAME);)*
        let missing = [$(
            $field.is_none().then_some(<$crate::config::variable::$variable as $crate::config::Variable>::NAME),
        )*];
        let ($(Some($field),)*) = ($($field,)*) else {
            return Err($crate::config::BadEnvironment::Missing(missing.into_iter().flatten().collect()));
        };
    };
}

/// The function's environment is incomplete. Names all missing variables at once.
#[derive(Debug, thiserror::Error)]
pub enum BadEnvironment {
    #[error(
        "environment variables are missing: {}; the function's resource in infra/service.yaml sets them", .0.join(", ")
    )]
    Missing(Vec<&'static str>),
    #[error("cannot read {path}: {source}; `make package` puts it into the function's zip")]
    NoPipelines {
        path: String,
        source: std::io::Error,
    },
    #[error(transparent)]
    Pipelines(#[from] ConfigError),
}

/// How AWS is called: region, credentials, and endpoint URLs that differ from the SDKs' defaults.
#[derive(Clone, Debug)]
pub struct AwsConfig {
    pub region: String,
    /// Set by Lambda for the lifetime of the execution environment.
    pub credentials: Credentials,
    /// The account that must own the buckets, if that is to be checked: `infra/service.yaml` sets it.
    pub(crate) bucket_owner: Option<String>,
    endpoints: Vec<(&'static str, String)>,
}

/// The services that are called, with the names of AWS's variables. Not the WebSocket API: its URL is one of our settings.
const SERVICES: [&str; 7] = [
    "DYNAMODB",
    "S3",
    "SAGEMAKER_RUNTIME",
    "SQS",
    "EVENTBRIDGE",
    "SESV2",
    "KMS",
];

impl AwsConfig {
    /// For programs that hold the ports themselves. `endpoint_url` is the URL of all services, if they are not where
    /// their SDKs expect them.
    pub fn new(region: &str, credentials: Credentials, endpoint_url: Option<&str>) -> Self {
        let everywhere = |url: &str| SERVICES.map(|service| (service, url.to_owned())).to_vec();
        Self {
            region: region.to_owned(),
            credentials,
            bucket_owner: None,
            endpoints: endpoint_url.map(everywhere).unwrap_or_default(),
        }
    }

    /// Reads it from the variables that Lambda sets.
    ///
    /// # Errors
    /// [`BadEnvironment::Missing`] names every variable that is not set.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, BadEnvironment> {
        const NAMES: [&str; 3] = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
        let [Some(region), Some(key), Some(secret)] = NAMES.map(lookup) else {
            let missing = NAMES.into_iter().filter(|name| lookup(name).is_none());
            return Err(BadEnvironment::Missing(missing.collect()));
        };
        let session = lookup("AWS_SESSION_TOKEN");
        let endpoint = |service: &str| {
            lookup(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| lookup("AWS_ENDPOINT_URL"))
        };
        let endpoints = SERVICES
            .into_iter()
            .filter_map(|service| Some((service, endpoint(service)?)));
        Ok(Self {
            region,
            credentials: Credentials::new(key, secret, session, None, "environment"),
            bucket_owner: lookup("BUCKET_OWNER"),
            endpoints: endpoints.collect(),
        })
    }

    /// The URL of a service if it is not where its SDK expects it: AWS's own variables `AWS_ENDPOINT_URL_<SERVICE>` and
    /// `AWS_ENDPOINT_URL` (AWS SDKs and Tools Reference Guide, "Service-specific endpoints").
    pub(crate) fn endpoint_url(&self, service: &str) -> Option<&str> {
        let mut endpoints = self.endpoints.iter();
        let found = endpoints.find(|(name, _)| *name == service);
        found.map(|(_, url)| url.as_str())
    }
}

/// Reads both parts of a function's configuration from the process's environment.
///
/// # Errors
/// Names every variable that is missing, of both parts.
pub(crate) fn from_env<E: ReadEnvironment>() -> Result<(AwsConfig, E), BadEnvironment> {
    read(&var)
}

/// Reads the settings of a function that calls no AWS service.
///
/// # Errors
/// Names every variable that is missing.
pub(crate) fn own_from_env<E: ReadEnvironment>() -> Result<E, BadEnvironment> {
    E::read(&var)
}

fn read<E: ReadEnvironment>(lookup: &Lookup<'_>) -> Result<(AwsConfig, E), BadEnvironment> {
    match (AwsConfig::read(lookup), E::read(lookup)) {
        (Ok(aws), Ok(own)) => Ok((aws, own)),
        (Err(BadEnvironment::Missing(aws)), Err(BadEnvironment::Missing(own))) => {
            Err(BadEnvironment::Missing([own, aws].concat()))
        }
        (Err(bad), _) | (_, Err(bad)) => Err(bad),
    }
}

/// Where traces go, from OpenTelemetry's own variables (OpenTelemetry specification, "OpenTelemetry Protocol Exporter").
/// Its library reads the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// What the spans are posted to.
    pub url: String,
    /// The time limit of one export. An invocation takes at most this much longer, and only if the receiver is slow.
    pub timeout: Duration,
}

/// Shorter than OpenTelemetry's default of ten seconds: the answer of a function waits for the export.
const DEFAULT_EXPORT_TIMEOUT: Duration = Duration::from_secs(1);

impl TraceSettings {
    /// `None` if no endpoint is set, or `OTEL_SDK_DISABLED` is `true`.
    pub fn read(lookup: &Lookup<'_>) -> Option<Self> {
        let is_true = |value: String| value.eq_ignore_ascii_case("true");
        if lookup("OTEL_SDK_DISABLED").is_some_and(is_true) {
            return None;
        }
        let url = lookup("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| {
            let base = lookup("OTEL_EXPORTER_OTLP_ENDPOINT")?;
            Some(format!("{}/v1/traces", base.trim_end_matches('/')))
        })?;
        let timeout = lookup("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
            .or_else(|| lookup("OTEL_EXPORTER_OTLP_TIMEOUT"))
            .and_then(|ms| ms.parse().ok())
            .map_or(DEFAULT_EXPORT_TIMEOUT, Duration::from_millis);
        Some(Self { url, timeout })
    }
}

/// Read first, so that errors in the rest are traced too.
pub(crate) fn trace_settings() -> Option<TraceSettings> {
    TraceSettings::read(&var)
}

/// The name under which traces are exported, if it is not the function's.
#[cfg(feature = "otel")]
pub(crate) fn otel_service_name() -> Option<String> {
    var("OTEL_SERVICE_NAME")
}

/// The function's name on Lambda, if it runs there.
#[cfg(feature = "otel")]
pub(crate) fn function_name() -> Option<String> {
    var("AWS_LAMBDA_FUNCTION_NAME")
}

/// The AWS region, if it is set; [`AwsConfig::read`] refuses to start without one.
#[cfg(feature = "otel")]
pub(crate) fn region() -> Option<String> {
    var("AWS_REGION")
}

/// Reads `pipelines.toml` from the folder that the function's zip was unpacked to. For [`environment!`](crate::environment).
#[doc(hidden)]
pub fn pipelines(lookup: &Lookup<'_>) -> Result<Pipelines, BadEnvironment> {
    let folder = lookup("LAMBDA_TASK_ROOT").unwrap_or_else(|| ".".to_owned());
    let path = format!("{folder}/pipelines.toml");
    let text = std::fs::read_to_string(&path)
        .map_err(|source| BadEnvironment::NoPipelines { path, source })?;
    Ok(Pipelines::parse(&text)?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    environment! {
        struct Two {
            jobs_table: JobsTable,
            bucket: Bucket,
        }
    }

    environment! {
        struct OfJobs with pipelines {
            bucket: Bucket,
        }
    }

    const AWS: [&str; 3] = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

    #[test]
    fn error_names_every_missing_environment_variable() {
        let bad = read::<Two>(&|name| (name == "BUCKET").then(|| "b".to_owned())).unwrap_err();
        let text = bad.to_string();
        for name in AWS.into_iter().chain(["JOBS_TABLE"]) {
            assert!(text.contains(name), "{text}");
        }
        assert!(!text.contains("BUCKET"), "{text}");
    }

    #[test]
    fn traces_are_posted_where_the_standard_variables_say() {
        let read = |variables: &[(&str, &str)]| {
            let lookup = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let settings = TraceSettings::read(&lookup)?;
            Some((settings.url, settings.timeout.as_millis()))
        };
        let of = |url: &str, timeout_ms| Some((url.to_owned(), timeout_ms));
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318/");
        let url = "http://localhost:4318/v1/traces";
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[base]), of(url, 1000));
        assert_eq!(read(&[base, ("OTEL_SDK_DISABLED", "True")]), None);
        assert_eq!(read(&[base, ("OTEL_SDK_DISABLED", "false")]), of(url, 1000));
        let of_traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://h/otlp");
        assert_eq!(read(&[base, of_traces]), of("https://h/otlp", 1000));
        let timeout = ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500");
        assert_eq!(read(&[base, timeout]), of(url, 2500));
        let of_traces = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "300");
        assert_eq!(read(&[base, timeout, of_traces]), of(url, 300));
        let no_number = ("OTEL_EXPORTER_OTLP_TIMEOUT", "2s");
        assert_eq!(read(&[base, no_number]), of(url, 1000));
    }

    #[test]
    fn every_environment_variable_is_read_into_its_field() {
        let (aws, two) = read::<Two>(&|name| Some(format!("value of {name}"))).unwrap();
        assert_eq!(aws.region, "value of AWS_REGION");
        assert_eq!(aws.bucket_owner.as_deref(), Some("value of BUCKET_OWNER"));
        assert_eq!(
            aws.endpoint_url("SQS"),
            Some("value of AWS_ENDPOINT_URL_SQS")
        );
        assert_eq!(
            Has::<variable::JobsTable>::value(&two),
            "value of JOBS_TABLE"
        );
        assert_eq!(two.bucket, "value of BUCKET");
    }

    #[test]
    fn function_that_needs_pipelines_does_not_start_without_them() {
        let bad = read::<OfJobs>(&|_| Some("/nowhere".to_owned())).unwrap_err();
        let text = bad.to_string();
        assert!(text.contains("/nowhere/pipelines.toml"), "{text}");
    }

    #[test]
    fn service_specific_endpoint_url_overrides_the_common_one() {
        let lookup = |name: &str| match name {
            "AWS_ENDPOINT_URL_S3" => Some("one".to_owned()),
            "AWS_ENDPOINT_URL" => Some("all".to_owned()),
            name => AWS.contains(&name).then(|| "x".to_owned()),
        };
        let aws = AwsConfig::read(&lookup).unwrap();
        assert_eq!(
            (aws.endpoint_url("S3"), aws.endpoint_url("SQS")),
            (Some("one"), Some("all"))
        );
    }
}
