//! The asynchronous endpoint: `InferenceEndpoint`.

use std::time::Duration;

use aws_sdk_sagemakerruntime::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::timeout::TimeoutConfig;
use jobs::id::Location;
use jobs::ports::{Accepted, InferenceEndpoint, Invocation, InvokeError};

use super::{Aws, CONNECT_TIMEOUT, client, no_retries, unavailable};
use crate::config::Environment;

/// Timeout for a response. Longer than for other calls: giving up may cause a second GPU run.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(20);

impl<E: Environment> Aws<E> {
    fn sagemaker(&self) -> &aws_sdk_sagemakerruntime::Client {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(INVOKE_TIMEOUT)
            .build();
        // The SDK's own retry could queue the same request twice.
        self.sagemaker.get_or_init(|| {
            client!(
                self,
                aws_sdk_sagemakerruntime,
                self.endpoint("SAGEMAKER_RUNTIME"),
                timeouts,
                no_retries()
            )
        })
    }
}

impl<E: Environment> InferenceEndpoint for Aws<E> {
    async fn invoke(&self, invocation: &Invocation) -> Result<Accepted, InvokeError> {
        let id = invocation.inference_id;
        let seconds = |seconds: u32| i32::try_from(seconds).unwrap_or(i32::MAX);
        let response = self
            .sagemaker()
            .invoke_endpoint_async()
            .endpoint_name(&invocation.endpoint)
            .inference_id(id.to_string())
            .input_location(invocation.input.to_string())
            .content_type(&invocation.content_type)
            .accept(invocation.accept)
            .request_ttl_seconds(seconds(invocation.queue_ttl_seconds))
            .invocation_timeout_seconds(seconds(invocation.invocation_timeout_seconds))
            // For people, and to find an output whose notification was lost; nothing relies on it alone.
            .s3_output_path_extension(format!("{}/a{}", id.job, id.attempt))
            // The container receives it as a header and can log it. Uses 44 of at most 1,024 characters.
            .custom_attributes(format!("trace-id={}", invocation.trace_id))
            .send()
            .await;
        match response {
            Ok(accepted) => {
                let location =
                    |text: Option<&str>| text.and_then(|text| text.parse::<Location>().ok());
                Ok(Accepted {
                    output: location(accepted.output_location()),
                    failure: location(accepted.failure_location()),
                })
            }
            // The request was not sent.
            Err(error @ SdkError::ConstructionFailure(_)) => {
                let error = unavailable("SageMaker InvokeEndpointAsync", error);
                Err(InvokeError::Refused(format!(
                    "the request cannot be made: {}",
                    error.source
                )))
            }
            Err(SdkError::ServiceError(refused)) => {
                let error = refused.err();
                let text = format!(
                    "{}: {}",
                    error.code().unwrap_or("no error code"),
                    error.message().unwrap_or("no message")
                );
                tracing::warn!(inference.id = %id, error = text, "the endpoint refused a request");
                Err(InvokeError::Refused(text))
            }
            Err(error) => Err(InvokeError::OutcomeUnknown(unavailable(
                "SageMaker InvokeEndpointAsync",
                error,
            ))),
        }
    }
}
