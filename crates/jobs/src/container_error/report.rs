//! SageMaker's own report of a container's error response: `Received client error (424) from primary with message "…"`.
//!
//! Its notification has the sentence alone, or after `ClientError: `. A failure object has the container's body; where it has a
//! report instead, that may be the sentence, or the JSON of `ModelError` (`OriginalStatusCode`, `OriginalMessage`: API reference,
//! `InvokeEndpoint`, errors). A container that calls another endpoint may answer with the report about that one, in the words of
//! an SDK (`An error occurred (ModelError) when calling …`) or as the JSON that an SDK makes of it: words, but no status of its own.

use serde_json::Value;

use super::text::decoded;
use super::{model_message, parse_json};

/// The status if the container died or did not answer.
const NO_ANSWER: u16 = 0;
/// Statuses of HTTP begin here.
const FIRST_STATUS: u16 = 100;
/// What precedes the container's words, in quotes.
const WITH_MESSAGE: &str = "with message \"";
/// Names of errors that may precede the sentence, one after the other.
const MAX_ERROR_NAMES: usize = 3;

/// SageMaker's sentence about a container's error response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ErrorReport<'a> {
    /// 0 if the container died or did not answer.
    pub(crate) code: u16,
    /// What follows `from `: the part of the endpoint that answered, and its words.
    after: &'a str,
}

impl<'a> ErrorReport<'a> {
    /// `None` if the text is not such a sentence. The words of a model may contain one.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let text = without_error_names(text).strip_prefix("Received ")?;
        let text = ["client error (", "server error ("]
            .iter()
            .find_map(|kind| text.strip_prefix(kind))?;
        let (digits, after) = text.split_once(") from ")?;
        if !(1..=3).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let code = digits.parse().ok()?;
        Some(Self { code, after })
    }

    /// The HTTP status of the response, if there was one.
    pub(crate) fn status(&self) -> Option<u16> {
        (self.code >= FIRST_STATUS).then_some(self.code)
    }

    pub(crate) const fn is_no_answer(&self) -> bool {
        self.code == NO_ANSWER
    }

    /// Whether it quotes words, even none.
    pub(crate) fn quotes(&self) -> bool {
        let sentence = self.after.split(" See ").next().unwrap_or_default();
        sentence.contains(WITH_MESSAGE)
    }

    /// The container's words that it quotes: after `from model: `, or in `with message "…"`.
    pub(crate) fn words(&self) -> Option<String> {
        let words = match self.after.split_once(WITH_MESSAGE) {
            Some((_, quoted)) => {
                let end = quoted.rfind("\". See ").or_else(|| quoted.rfind('"'));
                &quoted[..end.unwrap_or(quoted.len())]
            }
            // `model` or `primary`, the part of the endpoint that answered.
            None => {
                let (source, words) = self.after.split_once(": ")?;
                if source.contains(' ') {
                    return None;
                }
                words
            }
        };
        model_message(words.as_bytes())
    }
}

/// Without the names of errors that SageMaker and the SDKs write before the sentence.
fn without_error_names(text: &str) -> &str {
    let mut text = text.trim_start();
    for _ in 0..MAX_ERROR_NAMES {
        let Some(rest) = after_class(text).or_else(|| after_operation(text)) else {
            break;
        };
        text = rest.trim_start();
    }
    text
}

/// What follows `ClientError: ` or `botocore.errorfactory.ModelError: `.
fn after_class(text: &str) -> Option<&str> {
    let (name, rest) = text.split_once(':')?;
    let is_class = name.ends_with("Error") || name.ends_with("Exception");
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    (is_class && is_name).then_some(rest)
}

/// What an SDK writes before the report about a call that a program made.
const SDK_WORDS: &str = "An error occurred (ModelError)";

/// Whether an SDK wrote the report that a text begins with, not one that is quoted in it.
fn is_of_sdk(text: &str) -> bool {
    let before = text.split("Received ").next();
    before.is_some_and(|before| before.contains(SDK_WORDS))
}

/// What follows `An error occurred (ModelError) when calling the InvokeEndpoint operation: `.
fn after_operation(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(SDK_WORDS)?;
    let (_, rest) = rest.split_once(" operation")?;
    match rest.strip_prefix(" (reached max retries: ") {
        Some(retries) => retries.split_once("):").map(|(_, rest)| rest),
        None => rest.strip_prefix(':'),
    }
}

/// What a failure object says: the body of a container's error response, or a report of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerError {
    /// The HTTP status, if SageMaker's report names it. A body may name any number.
    pub status: Option<u16>,
    /// The container's reason, if it can be read.
    pub reason: Option<String>,
}

impl ContainerError {
    /// From the bytes of a failure object, which may be cut off at any byte.
    pub fn read(object: &[u8]) -> Self {
        let text = decoded(object);
        if let Some(error) = in_model_error(&text) {
            return error;
        }
        match ErrorReport::parse(&text) {
            Some(report) => Self {
                status: report.status().filter(|_| !is_of_sdk(&text)),
                reason: report.words(),
            },
            None => Self {
                status: None,
                reason: model_message(object),
            },
        }
    }
}

/// The JSON of SageMaker's `ModelError`.
fn in_model_error(text: &str) -> Option<ContainerError> {
    let text = text.trim();
    if !text.starts_with('{') || !text.contains("\"OriginalStatusCode\"") {
        return None;
    }
    let value = parse_json(text)?;
    let code = value.get("OriginalStatusCode")?.as_u64()?;
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let original = field("OriginalMessage").and_then(|words| model_message(words.as_bytes()));
    let message = field("Message").and_then(ErrorReport::parse);
    // An SDK adds it to the answer to a call that a program made.
    let is_of_sdk = value.get("ResponseMetadata").is_some();
    let status = u16::try_from(code).ok().filter(|_| !is_of_sdk);
    Some(ContainerError {
        status: status.filter(|status| (FIRST_STATUS..1000).contains(status)),
        reason: original.or_else(|| message.and_then(|report| report.words())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_words_are_read_from_every_form_of_a_report() {
        const LOG: &str = "See https://us-east-1.console.aws.amazon.com/cloudwatch/home in account 123456789012 for more information.";
        for (object, status, reason) in [
            (
                format!("Received client error (424) from primary with message \"prediction failed\". {LOG}"),
                Some(424),
                Some("prediction failed"),
            ),
            (
                format!(r#"Received client error (424) from primary with message "{{"code": 424, "error": "out of memory"}}". {LOG}"#),
                Some(424),
                Some("out of memory"),
            ),
            (
                "ClientError: Received client error (409) from model: another request holds the lock".to_owned(),
                Some(409),
                Some("another request holds the lock"),
            ),
            (
                format!("ModelError: Received server error (500) from model with message \"{{\n  \"code\": 500,\n  \"type\": \"InternalServerException\",\n  \"message\": \"no memory\"\n}}\n\". {LOG}"),
                Some(500),
                Some("no memory"),
            ),
            (
                r#"{"ErrorCode":"CLIENT_ERROR_FROM_MODEL","Message":"Received client error (424) from primary","OriginalStatusCode":424,"OriginalMessage":"{\"error\":{\"message\":\"prediction failed\"}}","LogStreamArn":"arn"}"#.to_owned(),
                Some(424),
                Some("prediction failed"),
            ),
            (
                r#"{"Message":"Received client error (421) from primary with message \"not here\". See x","OriginalStatusCode":421,"OriginalMessage":""}"#.to_owned(),
                Some(421),
                Some("not here"),
            ),
            // Cut off.
            (
                r#"{"OriginalStatusCode":424,"OriginalMessage":"prediction fai"#.to_owned(),
                Some(424),
                Some("prediction fai"),
            ),
            (
                format!("Received client error (425) from primary with message \"\". {LOG}"),
                Some(425),
                None,
            ),
            (
                format!("ClientError: Received client error (423) from model. {LOG}"),
                Some(423),
                None,
            ),
            // No HTTP response at all.
            (
                format!("Received server error (0) from model with message \"Amazon SageMaker could not get a response from the x endpoint.\". {LOG}"),
                None,
                Some("Amazon SageMaker could not get a response from the x endpoint."),
            ),
            (r#"{"OriginalStatusCode":0,"OriginalMessage":"no answer"}"#.to_owned(), None, Some("no answer")),
        ] {
            let error = ContainerError::read(object.as_bytes());
            assert_eq!(
                (error.status, error.reason.as_deref()),
                (status, reason),
                "{object}"
            );
        }
    }

    /// Of a container that calls another endpoint: the status is that endpoint's.
    #[test]
    fn report_that_an_sdk_gave_a_container_has_words_but_no_status() {
        const LOG: &str = "See https://us-east-1.console.aws.amazon.com/cloudwatch/home in account 123456789012 for more information.";
        for (object, reason) in [
            (
                format!("An error occurred (ModelError) when calling the InvokeEndpoint operation: Received client error (424) from primary with message \"no memory\". {LOG}"),
                "no memory",
            ),
            (
                format!("botocore.errorfactory.ModelError: An error occurred (ModelError) when calling the InvokeEndpoint operation (reached max retries: 4): \nReceived server error (503) from primary with message \"worker died\". {LOG}"),
                "worker died",
            ),
            (
                r#"{"Error":{"Message":"Received client error (400) from primary","Code":"ModelError"},"ResponseMetadata":{"HTTPStatusCode":424},"OriginalStatusCode":400,"OriginalMessage":"too many tokens"}"#.to_owned(),
                "too many tokens",
            ),
        ] {
            let error = ContainerError::read(object.as_bytes());
            assert_eq!(
                (error.status, error.reason.as_deref()),
                (None, Some(reason)),
                "{object}"
            );
        }
    }

    #[test]
    fn report_that_quotes_the_words_of_an_sdk_has_its_own_status() {
        let object = "Received client error (424) from primary with message \"An error occurred (ModelError) when calling the \
            InvokeEndpoint operation: Received server error (500) from primary\". See https://us-east-1.console.aws.amazon.com/cloudwatch/home \
            in account 123456789012 for more information.";
        assert_eq!(ContainerError::read(object.as_bytes()).status, Some(424));
    }

    /// They may be about another service.
    #[test]
    fn numbers_in_a_containers_own_words_are_no_status() {
        for body in [
            r#"{"code":424,"message":"prediction failed"}"#,
            r#"{"OriginalStatusCode":"424","message":"prediction failed"}"#,
            r#"{"message":"OriginalStatusCode is 424"}"#,
            "upstream: Received client error (400) from primary with message \"x\"",
            "the server said: Received client error (400) from primary",
            "Received client error (4000) from primary with message \"x\"",
            "",
        ] {
            let error = ContainerError::read(body.as_bytes());
            assert_eq!(error.status, None, "{body}");
            assert_eq!(error.reason, model_message(body.as_bytes()), "{body}");
        }
    }
}
