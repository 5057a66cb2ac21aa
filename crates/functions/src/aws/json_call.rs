//! Calls of AWS services over JSON that no SDK here makes.
//!
//! The SDK of SageMaker has 400 operations, of which two are needed; it would take longer to compile than everything else
//! together (`docs/adr/0021-instance-counts-are-set-on-the-endpoint.md`). Of EventBridge's 60, one is needed, and of SES's
//! 110, one. The runtime of the SDKs makes these calls as well: retries, timeouts, connections and signatures are the same.

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_runtime_api::http::HttpError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{FrozenLayer, Layer};
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Aws, retries, timeouts};
use crate::config::Environment;

/// A service with the protocol JSON 1.1.
#[derive(Clone, Copy, Debug)]
pub(super) struct JsonService {
    /// For signatures.
    pub(super) name: &'static str,
    /// The first part of the header `X-Amz-Target`.
    pub(super) target: &'static str,
}

pub(super) type JsonError = SdkError<ErrorMetadata, HttpResponse>;

impl<E: Environment> Aws<E> {
    /// Calls an operation at a base URL.
    pub(super) async fn call_json<T>(
        &self,
        service: JsonService,
        url: &str,
        operation: &'static str,
        input: &serde_json::Value,
    ) -> Result<T, JsonError>
    where
        T: DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
    {
        let serialize = move |body| request(service, operation, body);
        self.call(service.name, url, operation, input, retries(), serialize)
            .await
    }

    /// Calls an operation of the protocol REST JSON, once: for those that must not be repeated unless it is known that they
    /// were not carried out.
    #[cfg(feature = "api")]
    pub(super) async fn post_json_once<T>(
        &self,
        signing_name: &'static str,
        url: &str,
        path: &'static str,
        operation: &'static str,
        input: &serde_json::Value,
    ) -> Result<T, JsonError>
    where
        T: DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
    {
        let serialize = move |body| post_request(path, "application/json", body);
        let retries = super::no_retries();
        self.call(signing_name, url, operation, input, retries, serialize)
            .await
    }

    async fn call<T>(
        &self,
        signing_name: &'static str,
        url: &str,
        operation: &'static str,
        input: &serde_json::Value,
        retries: RetryConfig,
        serialize: impl Fn(String) -> Result<HttpRequest, HttpError> + Send + Sync + 'static,
    ) -> Result<T, JsonError>
    where
        T: DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
    {
        let call = Operation::builder()
            .service_name(signing_name)
            .operation_name(operation)
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(self.http.clone())
            .endpoint_url(url)
            .standard_retry(&retries)
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
            .retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
            .timeout_config(timeouts())
            .runtime_plugin(self.signature(signing_name))
            .serializer(move |body: String| Ok(serialize(body)?))
            .deserializer(read_response::<T>)
            .build();
        call.invoke(input.to_string()).await
    }

    /// Signs requests to a service (Signature Version 4).
    fn signature(&self, signing_name: &'static str) -> StaticRuntimePlugin {
        let region = Region::new(self.config.region.clone());
        let mut layer = Layer::new("signature");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigV4OperationSigningConfig {
            region: Some(SigningRegion::from(region)),
            name: Some(SigningName::from_static(signing_name)),
            ..SigV4OperationSigningConfig::default()
        });
        let credentials = SharedCredentialsProvider::new(self.config.credentials.clone());
        let mut components = RuntimeComponentsBuilder::new("signature");
        components.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
            StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
        )));
        components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
        components.set_identity_cache(Some(IdentityCache::no_cache()));
        components.set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
        StaticRuntimePlugin::new()
            .with_config(FrozenLayer::from(layer))
            .with_runtime_components(components)
    }
}

fn request(service: JsonService, operation: &str, body: String) -> Result<HttpRequest, HttpError> {
    let mut request = post_request("/", "application/x-amz-json-1.1", body)?;
    let target = format!("{}.{operation}", service.target);
    request.headers_mut().try_insert("x-amz-target", target)?;
    Ok(request)
}

fn post_request(
    path: &'static str,
    content_type: &'static str,
    body: String,
) -> Result<HttpRequest, HttpError> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method("POST")?;
    request.set_uri(path)?;
    let headers = request.headers_mut();
    headers.try_insert("content-type", content_type)?;
    Ok(request)
}

/// An error of the protocol. The name may have a namespace before it, and services spell the message both ways.
#[derive(Debug, Default, Deserialize)]
struct ErrorBody {
    #[serde(rename = "__type", default)]
    name: String,
    #[serde(alias = "Message", default)]
    message: String,
}

fn read_response<T: DeserializeOwned>(
    response: &HttpResponse,
) -> Result<T, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return serde_json::from_slice(body)
            .map_err(|error| OrchestratorError::other(Box::new(error) as Box<_>));
    }
    let error: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
    // Some services name it in a header instead, with a URL behind it.
    let named = response
        .headers()
        .get("x-amzn-errortype")
        .unwrap_or_default();
    let name = if error.name.is_empty() {
        named.split(':').next().unwrap_or_default()
    } else {
        &error.name
    };
    let code = name.rsplit('#').next().unwrap_or_default();
    Err(OrchestratorError::operation(
        ErrorMetadata::builder()
            .code(code)
            .message(error.message)
            .build(),
    ))
}
