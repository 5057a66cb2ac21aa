//! What a function is told by its environment. The only place that reads it.

use aws_credential_types::Credentials;
use jobs::pipeline::{ConfigError, Pipelines};

/// A variable that names a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Var {
    /// The job table.
    JobsTable,
    /// The table of open pages.
    ConnectionsTable,
    /// The table of tickets and quarantined messages.
    RecordsTable,
    /// The bucket of inputs and outputs.
    Bucket,
    /// The queue of wake-ups.
    ChecksQueueUrl,
    /// The queue of uploads.
    UploadsQueueUrl,
    /// Its dead letters.
    UploadsDeadLettersUrl,
    /// The queue of results.
    InferenceSuccessQueueUrl,
    /// Its dead letters.
    InferenceSuccessDeadLettersUrl,
    /// The queue of failures.
    InferenceErrorQueueUrl,
    /// Its dead letters.
    InferenceErrorDeadLettersUrl,
    /// The dead letters of the queue of wake-ups.
    ChecksDeadLettersUrl,
    /// The event bus.
    EventBus,
    /// The management URL of the WebSocket API.
    WebsocketUrl,
    /// The origin that pages come from; `*` for any.
    PageOrigin,
    /// Where pages connect to the WebSocket API.
    WebsocketPagesUrl,
    /// The client of the user pool that people sign in with.
    UserPoolClientId,
    /// Where people sign in.
    SignInUrl,
    /// The name of this service, of which an account may have several.
    ServiceName,
    /// Where traces go, by the name that OpenTelemetry has for it: the base URL of an OTLP/HTTP receiver.
    OtlpEndpoint,
}

impl Var {
    const ALL: [Self; 20] = [
        Self::JobsTable,
        Self::ConnectionsTable,
        Self::RecordsTable,
        Self::Bucket,
        Self::ChecksQueueUrl,
        Self::UploadsQueueUrl,
        Self::UploadsDeadLettersUrl,
        Self::InferenceSuccessQueueUrl,
        Self::InferenceSuccessDeadLettersUrl,
        Self::InferenceErrorQueueUrl,
        Self::InferenceErrorDeadLettersUrl,
        Self::ChecksDeadLettersUrl,
        Self::EventBus,
        Self::WebsocketUrl,
        Self::PageOrigin,
        Self::WebsocketPagesUrl,
        Self::UserPoolClientId,
        Self::SignInUrl,
        Self::ServiceName,
        Self::OtlpEndpoint,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::JobsTable => "JOBS_TABLE",
            Self::ConnectionsTable => "CONNECTIONS_TABLE",
            Self::RecordsTable => "RECORDS_TABLE",
            Self::Bucket => "BUCKET",
            Self::ChecksQueueUrl => "CHECKS_QUEUE_URL",
            Self::UploadsQueueUrl => "UPLOADS_QUEUE_URL",
            Self::UploadsDeadLettersUrl => "UPLOADS_DEAD_LETTERS_URL",
            Self::InferenceSuccessQueueUrl => "INFERENCE_SUCCESS_QUEUE_URL",
            Self::InferenceSuccessDeadLettersUrl => "INFERENCE_SUCCESS_DEAD_LETTERS_URL",
            Self::InferenceErrorQueueUrl => "INFERENCE_ERROR_QUEUE_URL",
            Self::InferenceErrorDeadLettersUrl => "INFERENCE_ERROR_DEAD_LETTERS_URL",
            Self::ChecksDeadLettersUrl => "CHECKS_DEAD_LETTERS_URL",
            Self::EventBus => "EVENT_BUS",
            Self::WebsocketUrl => "WEBSOCKET_URL",
            Self::PageOrigin => "PAGE_ORIGIN",
            Self::WebsocketPagesUrl => "WEBSOCKET_PAGES_URL",
            Self::UserPoolClientId => "USER_POOL_CLIENT_ID",
            Self::SignInUrl => "SIGN_IN_URL",
            Self::ServiceName => "SERVICE_NAME",
            Self::OtlpEndpoint => "OTEL_EXPORTER_OTLP_ENDPOINT",
        }
    }
}

/// The function's environment does not fit. Names everything that is wrong at once.
#[derive(Debug, thiserror::Error)]
pub enum BadEnvironment {
    /// Variables are missing.
    #[error(
        "environment variables are missing: {0}; the function's resource in infra/service.yaml sets them"
    )]
    Missing(String),
    /// The file of pipelines is not beside the program.
    #[error("cannot read {path}: {source}; `make package` puts it into the function's zip")]
    NoPipelines {
        /// Where it was looked for.
        path: String,
        /// Why it was not read.
        source: std::io::Error,
    },
    /// The file of pipelines is wrong.
    #[error(transparent)]
    Pipelines(#[from] ConfigError),
}

/// The settings of one function.
#[derive(Clone, Debug)]
pub struct Config {
    /// The AWS region.
    pub region: String,
    /// The function's own credentials, as Lambda sets them for the life of the environment.
    pub credentials: Credentials,
    values: [Option<String>; Var::ALL.len()],
    endpoints: Vec<(String, String)>,
}

/// The services that are called, as AWS's own variables name them. The WebSocket API is not among them: its address
/// is a setting of ours.
const SERVICES: [&str; 5] = ["DYNAMODB", "S3", "SAGEMAKER_RUNTIME", "SQS", "EVENTBRIDGE"];

impl Config {
    /// Settings that do not come from an environment: for programs that hold the ports themselves.
    /// `endpoint_url` is where all services are, if they are not where their SDKs expect them.
    pub fn new(
        region: &str,
        credentials: Credentials,
        values: &[(Var, &str)],
        endpoint_url: Option<&str>,
    ) -> Self {
        let mut all = [const { None }; Var::ALL.len()];
        for (name, value) in values {
            all[*name as usize] = Some((*value).to_owned());
        }
        let everywhere = |url: &str| {
            SERVICES
                .map(|service| (service.to_owned(), url.to_owned()))
                .to_vec()
        };
        Self {
            region: region.to_owned(),
            credentials,
            values: all,
            endpoints: endpoint_url.map(everywhere).unwrap_or_default(),
        }
    }

    /// Reads the environment. All of `needs` must be there.
    ///
    /// # Errors
    /// [`BadEnvironment::Missing`] names every variable that is not set.
    pub fn from_env(needs: &[Var]) -> Result<Self, BadEnvironment> {
        let values = Var::ALL.map(|name| var(name.name()));
        let mut missing: Vec<&str> = needs
            .iter()
            .filter(|name| values[**name as usize].is_none())
            .map(|name| name.name())
            .collect();
        let own = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| {
            let value = var(name);
            if value.is_none() {
                missing.push(name);
            }
            value.unwrap_or_default()
        });
        if !missing.is_empty() {
            return Err(BadEnvironment::Missing(missing.join(", ")));
        }
        let [region, key, secret] = own;
        let credentials =
            Credentials::new(key, secret, var("AWS_SESSION_TOKEN"), None, "environment");
        let endpoint = |service: &str| {
            var(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| var("AWS_ENDPOINT_URL"))
        };
        let endpoints = SERVICES
            .iter()
            .filter_map(|service| Some(((*service).to_owned(), endpoint(service)?)));
        Ok(Self {
            region,
            credentials,
            values,
            endpoints: endpoints.collect(),
        })
    }

    /// The value of a variable; empty if the function did not ask for it and it is not set.
    pub fn get(&self, name: Var) -> &str {
        self.values[name as usize].as_deref().unwrap_or_default()
    }

    /// Where a service is, if it is not where its SDK expects it: AWS's own variables
    /// `AWS_ENDPOINT_URL_<SERVICE>` and `AWS_ENDPOINT_URL` (AWS SDKs and Tools Reference Guide, "Service-specific endpoints").
    pub fn endpoint_url(&self, service: &str) -> Option<&str> {
        self.endpoints
            .iter()
            .find(|(name, _)| name == service)
            .map(|(_, url)| url.as_str())
    }
}

/// Where traces go, if anywhere. Asked before anything else: what is wrong with the rest is logged.
pub fn otlp_endpoint() -> Option<String> {
    var(Var::OtlpEndpoint.name())
}

/// What Lambda calls this function; empty elsewhere.
#[cfg(feature = "otel")]
pub(crate) fn function_name() -> String {
    var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default()
}

/// The AWS region; empty if it is not set, which [`Config::from_env`] refuses.
#[cfg(feature = "otel")]
pub(crate) fn region() -> String {
    var("AWS_REGION").unwrap_or_default()
}

/// Reads `pipelines.toml` from the folder that the program was unpacked to.
///
/// # Errors
/// If it is not there, or names the field that does not fit.
pub fn pipelines() -> Result<Pipelines, BadEnvironment> {
    let folder = var("LAMBDA_TASK_ROOT").unwrap_or_else(|| ".".to_owned());
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
