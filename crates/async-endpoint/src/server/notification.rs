//! The notifications an endpoint publishes to SNS.
//!
//! The format is that of real notifications: an error has no `responseParameters`; content type,
//! accept and custom attributes are present only if the caller sent them; times have no trailing
//! zeros in the fraction of a second.

use super::request::AcceptedRequest;
use super::wire::InputSource;
use crate::{InvocationFailure, InvocationStatus};
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::time::SystemTime;

/// Published when an endpoint is created and when its capacity changes.
pub(super) const TEST_NOTIFICATION: &str =
    r#"{"eventVersion":"1.0","eventSource":"aws:sagemaker","eventName":"TestNotification"}"#;

/// Largest response that `IncludeInferenceResponseIn` puts into the message.
pub(super) const MAX_INCLUDED_BYTES: u64 = 128 * 1024;

/// The parts of the container's response that go into the message.
#[derive(Debug, Default)]
pub(super) struct IncludedResponse<'a> {
    pub(super) content_type: Option<&'a str>,
    /// Only if the endpoint is configured to include it.
    pub(super) body: Option<&'a [u8]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InferenceNotification<'a> {
    aws_region: &'a str,
    event_time: String,
    received_time: String,
    invocation_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<String>,
    request_parameters: RequestParameters<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_parameters: Option<ResponseParameters<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<ResponseBody>,
    inference_id: &'a str,
    event_version: &'static str,
    event_source: &'static str,
    event_name: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestParameters<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    accept: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_attributes: Option<&'a str>,
    endpoint_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_location: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseParameters<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    output_location: &'a str,
}

#[derive(Serialize)]
struct ResponseBody {
    content: String,
    message: String,
    encoding: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct RequestTimes {
    pub(super) received: SystemTime,
    pub(super) finished: SystemTime,
}

/// The message for one ended request.
pub(super) fn result(
    region: &str,
    endpoint: &str,
    request: &AcceptedRequest,
    status: InvocationStatus,
    times: RequestTimes,
    included: &IncludedResponse<'_>,
) -> Result<String, serde_json::Error> {
    let failure: Option<InvocationFailure> = match status {
        InvocationStatus::Completed => None,
        InvocationStatus::Failed(failure) => Some(failure),
    };
    let output_location = request.output.as_str();
    serde_json::to_string(&InferenceNotification {
        aws_region: region,
        event_time: timestamp(times.finished),
        received_time: timestamp(times.received),
        invocation_status: if failure.is_none() {
            "Completed"
        } else {
            "Failed"
        },
        failure_reason: failure.map(|failure| failure.to_string()),
        request_parameters: RequestParameters {
            accept: request.accept.as_deref(),
            content_type: request.content_type.as_deref(),
            custom_attributes: request.custom_attributes.as_deref(),
            endpoint_name: endpoint,
            // The value for an inline input is not documented.
            input_location: match &request.source {
                InputSource::Object(location) => Some(location),
                InputSource::Inline(_) => None,
            },
        },
        response_parameters: failure.is_none().then_some(ResponseParameters {
            content_type: included.content_type,
            output_location,
        }),
        response_body: included.body.map(|body| ResponseBody {
            content: STANDARD.encode(body),
            message: if failure.is_none() {
                format!("The full response is stored in {output_location}.")
            } else {
                "The container's full response is in the endpoint's CloudWatch logs.".to_owned()
            },
            encoding: "BASE64",
        }),
        inference_id: &request.inference_id,
        event_version: "1.0",
        event_source: "aws:sagemaker",
        event_name: "InferenceResult",
    })
}

/// ISO 8601 in UTC with milliseconds, without trailing zeros.
fn timestamp(at: SystemTime) -> String {
    let millis = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
    // Formatting fails only for years of more than four digits.
    DateTime::from_millis(millis)
        .fmt(DateTimeFormat::DateTime)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timestamps_have_no_trailing_zeros() {
        for (millis, text) in [
            (1_767_608_147_730, "2026-01-05T10:15:47.73Z"),
            (1_767_608_147_118, "2026-01-05T10:15:47.118Z"),
            (1_767_608_147_000, "2026-01-05T10:15:47Z"),
        ] {
            let at = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
            assert_eq!(timestamp(at), text);
        }
    }
}
