//! The notifications an endpoint publishes to SNS.
//!
//! Shapes as real notifications have them: an error carries no `responseParameters`; content
//! type, accept and custom attributes appear only if the caller sent them; times have as many
//! digits of a second as they need.

use super::Invocation;
use super::wire::Source;
use crate::{Failure, Outcome};
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::time::SystemTime;

/// Published when an endpoint is created and when its capacity changes.
pub(super) const TEST_NOTIFICATION: &str =
    r#"{"eventVersion":"1.0","eventSource":"aws:sagemaker","eventName":"TestNotification"}"#;

/// Longest answer that `IncludeInferenceResponseIn` puts into the message, in bytes.
pub(super) const MAX_INCLUDED: u64 = 128 * 1024;

/// What the container answered, as far as the message tells it.
#[derive(Debug, Default)]
pub(super) struct Told<'a> {
    pub(super) content_type: Option<&'a str>,
    /// Only if the endpoint includes responses in this kind of message.
    pub(super) body: Option<&'a [u8]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
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

/// The message for one ended request.
pub(super) fn result(
    region: &str,
    endpoint: &str,
    request: &Invocation,
    outcome: Outcome,
    (received, finished): (SystemTime, SystemTime),
    told: &Told<'_>,
) -> Result<String, serde_json::Error> {
    let failure: Option<Failure> = match outcome {
        Outcome::Completed => None,
        Outcome::Failed(failure) => Some(failure),
    };
    let output_location = request.output.as_str();
    serde_json::to_string(&Message {
        aws_region: region,
        event_time: timestamp(finished),
        received_time: timestamp(received),
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
            // What stands here for an inline input is not documented.
            input_location: match &request.source {
                Source::Object(location) => Some(location),
                Source::Inline(_) => None,
            },
        },
        response_parameters: failure.is_none().then_some(ResponseParameters {
            content_type: told.content_type,
            output_location,
        }),
        response_body: told.body.map(|body| ResponseBody {
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

/// ISO 8601 in UTC with milliseconds, trailing zeros left off.
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
    fn times_have_as_many_digits_as_they_need() {
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
