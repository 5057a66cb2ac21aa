//! The HTTP format of `InvokeEndpointAsync` (SageMaker API reference): headers, limits, errors.

use crate::{InvokeEndpointError, Millis, Request};
use bytes::Bytes;
use http::HeaderMap;
use http::StatusCode;

/// Largest inline input.
pub(super) const MAX_INLINE_BYTES: usize = 128_000;

pub(super) const INPUT_LOCATION: &str = "x-amzn-sagemaker-inputlocation";
pub(super) const INFERENCE_ID: &str = "x-amzn-sagemaker-inference-id";
pub(super) const CUSTOM_ATTRIBUTES: &str = "x-amzn-sagemaker-custom-attributes";
const REQUEST_TTL: &str = "x-amzn-sagemaker-requestttlseconds";
const INVOCATION_TIMEOUT: &str = "x-amzn-sagemaker-invocationtimeoutseconds";
const CONTENT_TYPE: &str = "x-amzn-sagemaker-content-type";
const ACCEPT: &str = "x-amzn-sagemaker-accept";
const OUTPUT_PATH_EXTENSION: &str = "x-amzn-sagemaker-s3outputpathextension";
const FILENAME: &str = "x-amzn-sagemaker-filename";

/// An error response: status, the error type that SDKs match on, and a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WireError {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) message: String,
}

impl WireError {
    pub(super) const fn new(status: StatusCode, kind: &'static str, message: String) -> Self {
        Self {
            status,
            kind,
            message,
        }
    }

    pub(super) const fn validation(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationError", message)
    }

    fn constraint(member: &str, value: &str, constraint: &str) -> Self {
        Self::validation(format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy \
             constraint: {constraint}"
        ))
    }

    /// The service's response to a rejected call.
    pub(super) fn rejected(
        error: InvokeEndpointError,
        endpoint: &str,
        call: &InvokeRequest,
    ) -> Self {
        let range = "Member must be between";
        match error {
            InvokeEndpointError::NotInService => Self::validation(format!(
                "Endpoint {endpoint} is not in service. Wait until its status is InService."
            )),
            InvokeEndpointError::TtlOutOfRange => Self::constraint(
                "requestTTLSeconds",
                &(call.ttl.0 / 1000).to_string(),
                &format!("{range} 60 and 21600"),
            ),
            InvokeEndpointError::TimeoutOutOfRange => Self::constraint(
                "invocationTimeoutSeconds",
                &(call.timeout.0 / 1000).to_string(),
                &format!("{range} 1 and 3600"),
            ),
            // Not among the operation's errors, but every AWS API can return it.
            InvokeEndpointError::Throttled => Self::new(
                StatusCode::BAD_REQUEST,
                "ThrottlingException",
                "Rate exceeded".to_owned(),
            ),
            InvokeEndpointError::Unavailable => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailable",
                "The service is currently unavailable.".to_owned(),
            ),
            InvokeEndpointError::Internal => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalFailure",
                "An internal failure occurred.".to_owned(),
            ),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum InputSource {
    /// The value of `InputLocation`. Whether the object exists is only known when it is read.
    Object(String),
    /// The body of the request.
    Inline(Bytes),
}

/// A validated `InvokeEndpointAsync` call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InvokeRequest {
    pub(super) source: InputSource,
    pub(super) inference_id: Option<String>,
    pub(super) ttl: Millis,
    pub(super) timeout: Millis,
    pub(super) content_type: Option<String>,
    pub(super) accept: Option<String>,
    pub(super) custom_attributes: Option<String>,
    pub(super) output_path_extension: Option<String>,
    pub(super) filename: Option<String>,
}

impl InvokeRequest {
    /// Parses and validates a call; `body` is already known to be within [`MAX_INLINE_BYTES`].
    pub(super) fn parse(headers: &HeaderMap, body: Bytes) -> Result<Self, WireError> {
        let get = |header, member, max_length| text(headers, header, member, max_length);
        let location = get(INPUT_LOCATION, "inputLocation", 1024)?;
        let source = match (location, body.is_empty()) {
            (Some(location), true) => InputSource::Object(input_location(location)?),
            (None, false) => InputSource::Inline(body),
            (Some(_), false) => {
                return Err(WireError::validation(
                    "Exactly one of InputLocation and Body must be given, not both.".to_owned(),
                ));
            }
            (None, true) => {
                return Err(WireError::validation(
                    "Exactly one of InputLocation and Body must be given; both are missing."
                        .to_owned(),
                ));
            }
        };
        let default = Request::new(());
        Ok(Self {
            source,
            inference_id: get(INFERENCE_ID, "inferenceId", 64)?
                .map(inference_id)
                .transpose()?,
            ttl: seconds(headers, REQUEST_TTL, "requestTTLSeconds")?.unwrap_or(default.ttl),
            timeout: seconds(headers, INVOCATION_TIMEOUT, "invocationTimeoutSeconds")?
                .unwrap_or(default.timeout),
            content_type: get(CONTENT_TYPE, "contentType", 1024)?,
            accept: get(ACCEPT, "accept", 1024)?,
            custom_attributes: get(CUSTOM_ATTRIBUTES, "customAttributes", 1024)?,
            output_path_extension: get(OUTPUT_PATH_EXTENSION, "s3OutputPathExtension", 512)?
                .map(output_path_extension)
                .transpose()?,
            filename: get(FILENAME, "filename", 32)?.map(filename).transpose()?,
        })
    }
}

/// Whether this is a valid endpoint name: up to 63 letters, digits and inner hyphens.
pub(super) fn is_endpoint_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn text(
    headers: &HeaderMap,
    header: &str,
    member: &str,
    max_length: usize,
) -> Result<Option<String>, WireError> {
    let Some(value) = headers.get(header) else {
        return Ok(None);
    };
    let shown = String::from_utf8_lossy(value.as_bytes());
    let Ok(value) = value.to_str() else {
        let constraint = "Member must consist of printable ASCII characters";
        return Err(WireError::constraint(member, &shown, constraint));
    };
    if value.len() > max_length {
        let constraint = format!("Member must have length less than or equal to {max_length}");
        return Err(WireError::constraint(member, value, &constraint));
    }
    Ok(Some(value.to_owned()))
}

fn seconds(headers: &HeaderMap, header: &str, member: &str) -> Result<Option<Millis>, WireError> {
    let Some(value) = text(headers, header, member, 64)? else {
        return Ok(None);
    };
    // The model checks the range.
    match value.parse::<u32>() {
        Ok(seconds) => Ok(Some(Millis::from_secs(u64::from(seconds)))),
        Err(_) => Err(WireError::constraint(
            member,
            &value,
            "Member must be a whole number of seconds",
        )),
    }
}

fn pattern(member: &str, value: String, holds: bool, pattern: &str) -> Result<String, WireError> {
    if holds {
        return Ok(value);
    }
    let constraint = format!("Member must satisfy regular expression pattern: {pattern}");
    Err(WireError::constraint(member, &value, &constraint))
}

fn input_location(value: String) -> Result<String, WireError> {
    let holds = ["s3://", "https://"]
        .iter()
        .find_map(|scheme| value.strip_prefix(scheme))
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    pattern(
        "inputLocation",
        value,
        holds,
        "^(https|s3)://([^/]+)/?(.*)$",
    )
}

fn inference_id(value: String) -> Result<String, WireError> {
    let holds = value.starts_with(|c: char| c.is_ascii_graphic()) && !value.contains('\t');
    pattern("inferenceId", value, holds, r"\A\S[\p{Print}]*\z")
}

fn output_path_extension(value: String) -> Result<String, WireError> {
    let holds = !value.is_empty()
        && !value.starts_with("s3:")
        && !value.starts_with("https:")
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!_.*'()/-".contains(&b));
    pattern(
        "s3OutputPathExtension",
        value,
        holds,
        "^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$",
    )
}

fn filename(value: String) -> Result<String, WireError> {
    let holds = value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && value.matches('.').count() <= 1;
    pattern(
        "filename",
        value,
        holds,
        "[a-zA-Z0-9][a-zA-Z0-9-_]*(.[a-zA-Z0-9-_]*)?",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn parse(pairs: &[(&str, &str)], body: &'static [u8]) -> Result<InvokeRequest, WireError> {
        let headers = pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::try_from(*name).unwrap(),
                    HeaderValue::from_bytes(value.as_bytes()).unwrap(),
                )
            })
            .collect();
        InvokeRequest::parse(&headers, Bytes::from_static(body))
    }

    const INPUT: (&str, &str) = (INPUT_LOCATION, "s3://in/a.pdf");

    #[test]
    fn ttl_and_timeout_default_to_those_of_the_service() {
        let call = parse(&[INPUT], b"").unwrap();
        assert_eq!(call.ttl, Millis::from_secs(21_600));
        assert_eq!(call.timeout, Millis::from_secs(900));
        assert_eq!(call.inference_id, None);
        assert_eq!(call.source, InputSource::Object("s3://in/a.pdf".to_owned()));
    }

    #[test]
    fn exactly_one_of_location_and_body_is_accepted() {
        assert!(matches!(
            parse(&[], b"{}").unwrap().source,
            InputSource::Inline(_)
        ));
        let both = parse(&[INPUT], b"{}").unwrap_err();
        let none = parse(&[], b"").unwrap_err();
        assert!(both.message.ends_with("not both."), "{both:?}");
        assert!(none.message.ends_with("both are missing."), "{none:?}");
    }

    #[test]
    fn value_outside_its_limits_is_rejected_with_the_name_of_its_member() {
        let long = |n| "x".repeat(n);
        for (header, value, member) in [
            (INPUT_LOCATION, "in/a.pdf".to_owned(), "inputLocation"),
            (INPUT_LOCATION, "s3:///a.pdf".to_owned(), "inputLocation"),
            (
                INPUT_LOCATION,
                format!("s3://b/{}", long(1018)),
                "inputLocation",
            ),
            (INPUT_LOCATION, "s3://b/ä".to_owned(), "inputLocation"),
            (INFERENCE_ID, long(65), "inferenceId"),
            (INFERENCE_ID, String::new(), "inferenceId"),
            (INFERENCE_ID, " a".to_owned(), "inferenceId"),
            (REQUEST_TTL, "soon".to_owned(), "requestTTLSeconds"),
            (INVOCATION_TIMEOUT, "-1".to_owned(), "invocationTimeout"),
            (CONTENT_TYPE, long(1025), "contentType"),
            (ACCEPT, long(1025), "accept"),
            (CUSTOM_ATTRIBUTES, long(1025), "customAttributes"),
            (
                OUTPUT_PATH_EXTENSION,
                "s3:a".to_owned(),
                "s3OutputPathExtension",
            ),
            (
                OUTPUT_PATH_EXTENSION,
                "a b".to_owned(),
                "s3OutputPathExtension",
            ),
            (OUTPUT_PATH_EXTENSION, long(513), "s3OutputPathExtension"),
            (FILENAME, long(33), "filename"),
            (FILENAME, ".a".to_owned(), "filename"),
            (FILENAME, "a.b.c".to_owned(), "filename"),
        ] {
            let mut pairs = vec![(header, &*value)];
            if header != INPUT_LOCATION {
                pairs.push(INPUT);
            }
            let error = parse(&pairs, b"").unwrap_err();
            assert_eq!(error.kind, "ValidationError");
            assert!(error.message.contains(member), "{value}: {error:?}");
        }
    }

    #[test]
    fn longest_allowed_values_are_accepted() {
        let long = |n| "x".repeat(n);
        let location = format!("s3://b/{}", long(1017));
        parse(
            &[
                (INPUT_LOCATION, &location),
                (INFERENCE_ID, &long(64)),
                (CUSTOM_ATTRIBUTES, &long(1024)),
                (OUTPUT_PATH_EXTENSION, &long(512)),
                (FILENAME, &long(32)),
            ],
            b"",
        )
        .unwrap();
    }

    #[test]
    fn endpoint_names_follow_the_service_rules() {
        for (name, right) in [
            ("docket-ocr", true),
            ("a", true),
            ("", false),
            ("-a", false),
            ("a_b", false),
        ] {
            assert_eq!(is_endpoint_name(name), right, "{name}");
        }
        assert!(!is_endpoint_name(&"x".repeat(64)));
    }
}
