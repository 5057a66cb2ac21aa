//! The endpoint's notifications (SageMaker developer guide, "Check prediction results"), parsed tolerantly: with or
//! without SNS's envelope, with additional fields, and with most fields absent.

use jobs::classify::EndpointFailure;
use jobs::record_outcome::AttemptOutcome;
use serde::Deserialize;

/// SNS's envelope, if the subscription does not deliver raw messages.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Type")]
    _type: String,
    #[serde(rename = "Message")]
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndpointNotification {
    event_source: Option<String>,
    event_name: Option<String>,
    invocation_status: Option<String>,
    inference_id: Option<String>,
    failure_reason: Option<String>,
    /// Absent from every error message that was captured.
    response_parameters: Option<ResponseParameters>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseParameters {
    output_location: Option<String>,
    content_type: Option<String>,
}

/// The outcome that a notification reports; `None` for the test notification that SageMaker sends when an endpoint is
/// created or changes its capacity.
///
/// # Errors
/// The problem, as a sentence.
pub(super) fn outcome(body: &str, last_call: bool) -> Result<Option<AttemptOutcome>, String> {
    let envelope: Result<Envelope, _> = serde_json::from_str(body);
    let text = envelope.map_or_else(|_| body.to_owned(), |envelope| envelope.message);
    let notification: EndpointNotification = serde_json::from_str(&text)
        .map_err(|error| format!("not a notification of an endpoint: {error}"))?;
    if notification.event_source.as_deref() != Some("aws:sagemaker") {
        return Err(
            "not a notification of an endpoint: eventSource is not aws:sagemaker".to_owned(),
        );
    }
    match notification.event_name.as_deref() {
        Some("TestNotification") => return Ok(None),
        Some("InferenceResult") => {}
        other => return Err(format!("a notification with eventName {other:?}")),
    }
    let id = notification
        .inference_id
        .ok_or("a result without inferenceId")?;
    let inference_id = id.parse().map_err(|_| {
        format!("a result of a request that Docket did not make: inferenceId {id:?}")
    })?;
    let content_type = notification
        .response_parameters
        .as_ref()
        .and_then(|parameters| parameters.content_type.clone());
    let result = match notification.invocation_status.as_deref() {
        Some("Completed") => {
            let location = notification
                .response_parameters
                .and_then(|parameters| parameters.output_location)
                .filter(|text| !text.trim().is_empty());
            let parsed = location.map(|text| {
                text.parse()
                    .map_err(|_| format!("outputLocation {text:?} is not an S3 location"))
            });
            Ok(parsed.transpose()?)
        }
        Some("Failed") => Err(EndpointFailure::new(
            notification
                .failure_reason
                .as_deref()
                .unwrap_or("the endpoint gave no reason"),
        )),
        other => return Err(format!("a result with invocationStatus {other:?}")),
    };
    Ok(Some(AttemptOutcome {
        inference_id,
        result,
        content_type,
        last_call,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jobs::state::Cause;

    const SUCCESS: &str = include_str!("../../../../events/inference-success/completed.json");
    const ERROR: &str = include_str!("../../../../events/inference-error/failed.json");

    #[test]
    fn success_notification_contains_the_attempt_and_the_output() {
        let parsed = outcome(SUCCESS, false).unwrap().unwrap();
        assert_eq!(parsed.inference_id.attempt.0, 1);
        assert!(parsed.result.unwrap().unwrap().key.ends_with(".out"));
    }

    #[test]
    fn notification_is_read_from_its_sns_envelope() {
        let envelope = serde_json::json!({"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": SUCCESS, "Timestamp": "x"});
        assert_eq!(
            outcome(&envelope.to_string(), false),
            outcome(SUCCESS, false)
        );
    }

    #[test]
    fn error_notification_is_parsed_without_response_parameters() {
        assert!(!ERROR.contains("responseParameters"));
        let parsed = outcome(ERROR, false).unwrap().unwrap();
        assert_eq!(
            parsed.result.unwrap_err().classify(None).cause,
            Cause::ModelRejected
        );
    }

    #[test]
    fn empty_output_location_is_none() {
        let (before, location) = SUCCESS.split_once("\"outputLocation\": \"").unwrap();
        let (_, after) = location.split_once('"').unwrap();
        let body = format!("{before}\"outputLocation\": \"\"{after}");
        assert_eq!(outcome(&body, false).unwrap().unwrap().result, Ok(None));
    }

    #[test]
    fn test_notification_is_ignored() {
        assert_eq!(
            outcome(
                include_str!("../../../../events/inference-success/test-notification.json"),
                false
            ),
            Ok(None)
        );
    }

    #[test]
    fn malformed_notification_is_rejected() {
        for (from, to) in [
            ("InferenceResult", "Other"),
            ("Completed", "Perhaps"),
            ("aws:sagemaker", "aws:s3"),
            ("\"inferenceId\"", "\"other\""),
            (".a1\"", ".b1\""),
            ("s3://docket-jobs/outbound", "ftp://x"),
        ] {
            assert!(SUCCESS.contains(from), "{from}");
            assert!(
                outcome(&SUCCESS.replace(from, to), false).is_err(),
                "{from} -> {to}"
            );
        }
        for body in ["", "{}", "7", "[]"] {
            assert!(outcome(body, false).is_err(), "{body}");
        }
    }
}
