//! Maps SageMaker's free-text failure reasons to a [`Cause`].

use crate::state::{Cause, Failure};

/// Classifies a `failureReason`.
///
/// The text is not a documented contract, so only the status code in parentheses and a few keywords are used.
/// Anything else becomes [`Cause::Unknown`], which is retried once.
///
/// Formats captured from public projects: `ClientError: Received client error (400) from model. …`,
/// `… server error (500) from model …`, `… server error (0) from model …` (the container died or did not answer).
pub fn failure_reason(text: &str) -> Failure {
    Failure::new(cause(text), text)
}

fn cause(text: &str) -> Cause {
    let has = |words: &[&str]| {
        let lower = text.to_ascii_lowercase();
        words.iter().any(|word| lower.contains(word))
    };
    if let Some(status) = model_status(text) {
        return match status {
            // Request timeout and throttling: neither says anything about the document.
            408 | 429 => Cause::ModelError,
            400..=499 => Cause::ModelRejected,
            _ if has(&["timed out", "timeout"]) => Cause::TimedOut,
            _ => Cause::ModelError,
        };
    }
    if (has(&["expired"]) && !has(&["token", "credential", "certificate", "signature"]))
        || has(&["time to live"])
    {
        Cause::Expired
    } else if has(&["timed out", "timeout"]) {
        Cause::TimedOut
    } else if has(&["could not get a response"]) {
        Cause::ModelError
    } else {
        Cause::Unknown
    }
}

/// The status code in `(NNN) from`.
fn model_status(text: &str) -> Option<u16> {
    let before = &text[..text.find(") from")?];
    let digits = &before[before.rfind('(')? + 1..];
    if !(1..=3).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        None
    } else {
        digits.parse().ok()
    }
}

/// Extracts the model's message from its error response: the value of a common message field, or a short plain text.
pub fn model_message(answer: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(answer).ok()?.trim();
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
        return message_in(&value);
    }
    let is_plain =
        !text.is_empty() && text.len() <= Failure::MAX_DETAIL && !text.starts_with(['<', '{', '[']);
    is_plain.then(|| text.to_owned())
}

fn message_in(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        serde_json::Value::Object(fields) => {
            let said = ["reason", "message", "error", "detail"]
                .iter()
                .filter_map(|name| fields.get(*name));
            said.filter_map(message_in).next()
        }
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_)
        | serde_json::Value::Array(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_failure_reasons_are_classified() {
        for (text, want) in [
            (
                "ClientError: Received client error (400) from model. See the SageMaker Endpoint logs in your account for more information.",
                Cause::ModelRejected,
            ),
            (
                "ClientError: Received client error (400) from model: page tree is broken (17) ",
                Cause::ModelRejected,
            ),
            (
                "ClientError: Received client error (413) from model. See …",
                Cause::ModelRejected,
            ),
            (
                "ClientError: Received client error (429) from model. See …",
                Cause::ModelError,
            ),
            (
                "ClientError: Received server error (500) from model. See …",
                Cause::ModelError,
            ),
            (
                "ClientError: Received server error (0) from model. See …",
                Cause::ModelError,
            ),
            (
                "Received server error (0) from model with message \"Your invocation timed out while waiting for a response from container\"",
                Cause::TimedOut,
            ),
            (
                "Amazon SageMaker could not get a response from the x endpoint. This can occur when CPU or memory utilization is high.",
                Cause::ModelError,
            ),
            (
                "The request expired before it was processed",
                Cause::Expired,
            ),
            ("Failed to download the input: AccessDenied", Cause::Unknown),
            ("The provided token has expired", Cause::Unknown),
            ("", Cause::Unknown),
            ("(+40) from", Cause::Unknown),
            ("(99999) from", Cause::Unknown),
            (") from ((", Cause::Unknown),
        ] {
            assert_eq!(failure_reason(text).cause, want, "{text}");
        }
    }

    #[test]
    fn model_message_is_extracted_from_common_error_formats() {
        for (answer, want) in [
            (
                r#"{"error":{"code":"broken","reason":"no xref"}}"#,
                Some("no xref"),
            ),
            (r#"{"message":"too many pages"}"#, Some("too many pages")),
            (r#"{"error":"bad"}"#, Some("bad")),
            ("page 3 is broken", Some("page 3 is broken")),
            ("<html>", None),
            ("{\"error\":{}}", None),
            ("", None),
        ] {
            assert_eq!(
                model_message(answer.as_bytes()).as_deref(),
                want,
                "{answer}"
            );
        }
        assert_eq!(model_message(b"\xff"), None);
    }

    #[test]
    fn failure_detail_keeps_the_text_cut_to_its_limit() {
        let failure = failure_reason(&"ü".repeat(500));
        assert!(failure.detail.len() <= Failure::MAX_DETAIL && failure.detail.ends_with('…'));
    }
}
