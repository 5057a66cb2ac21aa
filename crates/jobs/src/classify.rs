//! Maps SageMaker's free-text failure reasons to a [`Cause`].

use crate::container_error::{ErrorReport, NO_READABLE_REASON, model_message};
use crate::pipeline::{Pipeline, is_rejection};
use crate::state::{Cause, Failure};

/// What SageMaker said about a failed attempt, in its notification's `failureReason`.
///
/// The text is not a documented contract, so only the status code in parentheses and the platform's own sentences are used.
/// Anything else becomes [`Cause::Unknown`], which is retried once. A model's words never decide: they may quote a document.
///
/// Formats captured from public projects: `ClientError: Received client error (400) from model. See …`,
/// `… server error (500) from model …`, `… server error (0) from model …` (the container died or did not answer), each also
/// with the container's words after `: ` or in `with message "…"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointFailure {
    text: String,
}

impl EndpointFailure {
    /// From the text of a `failureReason`.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// The failure of the attempt. `pipeline` says which statuses mean that the model rejects the document.
    pub fn classify(&self, pipeline: Option<&Pipeline>) -> Failure {
        let words = self.report().and_then(|report| report.words());
        let detail = words.unwrap_or_else(|| self.without_container_words());
        let status = self.report().and_then(|report| report.status());
        Failure::new(self.cause(pipeline), detail).with_container_status(status)
    }

    fn report(&self) -> Option<ErrorReport<'_>> {
        ErrorReport::parse(&self.text)
    }

    /// SageMaker's own sentence. What follows it names a log in the operators' account, by its number.
    fn without_container_words(&self) -> String {
        let sentence = self.text.split(" See ").next().unwrap_or_default();
        if self.report().is_some_and(|report| report.quotes()) {
            return self.without_readable_reason();
        }
        model_message(sentence.as_bytes()).unwrap_or_default()
    }

    /// What is known if the container's error response has no readable reason.
    pub fn without_readable_reason(&self) -> String {
        match self.report().and_then(|report| report.status()) {
            Some(status) => format!("HTTP {status} without a readable reason"),
            None => NO_READABLE_REASON.to_owned(),
        }
    }

    /// Whether SageMaker's text contains words of the container.
    pub fn has_container_words(&self) -> bool {
        self.report().is_some_and(|report| report.words().is_some())
    }

    fn cause(&self, pipeline: Option<&Pipeline>) -> Cause {
        let text = self.text.to_ascii_lowercase();
        if let Some(report) = self.report() {
            let rejects = pipeline.map_or_else(
                || is_rejection(report.code),
                |pipeline| pipeline.rejects_with(report.code),
            );
            return if rejects {
                Cause::ModelRejected
            } else if report.is_no_answer()
                && text.contains("invocation timed out while waiting for a response")
            {
                Cause::TimedOut
            } else {
                Cause::ModelError
            };
        }
        let sentence = platform_sentence(&text);
        // No notification of an expired request is documented or was captured. The subject must be the request itself.
        let about_request = ["the ", "your ", ""]
            .iter()
            .filter_map(|article| sentence.strip_prefix(article))
            .map(|rest| rest.strip_prefix("inference ").unwrap_or(rest))
            .find_map(|rest| rest.strip_prefix("request "));
        let ran_out = |rest: &str| rest.contains("expired") || rest.contains("time to live");
        if about_request.is_some_and(ran_out) {
            Cause::Expired
        } else if sentence.contains("invocation timed out")
            || about_request.is_some_and(|rest| rest.contains("timed out"))
        {
            Cause::TimedOut
        } else if sentence.starts_with("amazon sagemaker could not get a response") {
            Cause::ModelError
        } else {
            Cause::Unknown
        }
    }
}

/// SageMaker's own first words, without the name of an error and without anything that may be quoted from a model.
fn platform_sentence(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix("clienterror: ").unwrap_or(text);
    let end = text.find(['"', '\'', '{', ':', '\n']);
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::Pipelines;

    /// Classifies a `failureReason` of a pipeline that lists no statuses.
    fn failure_reason(text: &str) -> Failure {
        EndpointFailure::new(text).classify(None)
    }

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
            (
                "Request expired: it was not processed within the requested time to live.",
                Cause::Expired,
            ),
            ("The invocation timed out", Cause::TimedOut),
            ("The inference request timed out", Cause::TimedOut),
            ("The session of the request timed out", Cause::Unknown),
            ("The request's time to live is over", Cause::Unknown),
            ("Request time to live is over", Cause::Expired),
            (
                "Received server error (1500) from model. See …",
                Cause::Unknown,
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

    /// A model's words may quote a document, so they decide nothing.
    #[test]
    fn words_of_a_model_do_not_decide_the_cause() {
        for (text, want) in [
            ("ModelError: the licence has expired", Cause::Unknown),
            ("ModelError: request expired", Cause::Unknown),
            (
                r#"{"error":"the signing request expired in 2019"}"#,
                Cause::Unknown,
            ),
            ("\"the request expired\"", Cause::Unknown),
            ("The session of the request expired", Cause::Unknown),
            ("The model said: the request expired", Cause::Unknown),
            ("The contract's time to live is over", Cause::Unknown),
            ("The database timed out", Cause::Unknown),
            (
                "ClientError: Received client error (400) from model: the request expired in the queue",
                Cause::ModelRejected,
            ),
            (
                "Received server error (500) from primary with message \"the request expired: database timed out\". See https://example.com",
                Cause::ModelError,
            ),
            (
                "Received server error (500) from model: upstream answered client error (400) from proxy",
                Cause::ModelError,
            ),
            (
                "ModelError: page not found (404) from upstream",
                Cause::Unknown,
            ),
            (
                "Received server error (500) from model: Your invocation timed out while waiting for a response from the OCR service",
                Cause::ModelError,
            ),
        ] {
            assert_eq!(failure_reason(text).cause, want, "{text}");
        }
    }

    #[test]
    fn statuses_that_say_nothing_about_the_document_are_retried() {
        for status in [
            408, 409, 421, 423, 424, 425, 429, 500, 502, 503, 504, 507, 529, 0,
        ] {
            let text = format!("ClientError: Received client error ({status}) from model. See …");
            assert_eq!(failure_reason(&text).cause, Cause::ModelError, "{status}");
        }
        for status in [
            400, 401, 403, 404, 405, 406, 410, 411, 413, 415, 418, 422, 451,
        ] {
            let text = format!("ClientError: Received client error ({status}) from model. See …");
            assert_eq!(
                failure_reason(&text).cause,
                Cause::ModelRejected,
                "{status}"
            );
        }
    }

    #[test]
    fn pipeline_decides_which_statuses_reject_the_document() {
        let toml = include_str!("../../../infra/pipelines.toml").replacen(
            "[legal-review]",
            "[legal-review]\nrejection_statuses = [422, 500]",
            1,
        );
        let pipelines = Pipelines::parse(&toml).unwrap();
        let cause = |pipeline: &str, status: u16| {
            let text = format!("ClientError: Received client error ({status}) from model. See …");
            EndpointFailure::new(text)
                .classify(pipelines.get(pipeline))
                .cause
        };
        for (status, want) in [
            (400, Cause::ModelError),
            (422, Cause::ModelRejected),
            (500, Cause::ModelRejected),
            (503, Cause::ModelError),
        ] {
            assert_eq!(cause("legal-review", status), want, "{status}");
        }
        assert_eq!(cause("ocr-batch", 400), Cause::ModelRejected);
    }

    /// The status is known beside readable words; 0 is none.
    #[test]
    fn status_of_the_container_is_kept() {
        for (text, want) in [
            (
                "ClientError: Received client error (424) from model. See …",
                Some(424),
            ),
            (
                "Received client error (424) from primary with message \"prediction failed\". See …",
                Some(424),
            ),
            (
                "Received server error (529) from model: overloaded",
                Some(529),
            ),
            (
                "ModelError: An error occurred (ModelError) when calling the InvokeEndpoint operation: Received server error (500) from primary with message \"x y\". See …",
                Some(500),
            ),
            ("Received server error (0) from model. See …", None),
            ("Amazon SageMaker could not get a response", None),
            ("the model said (424) from elsewhere", None),
        ] {
            assert_eq!(failure_reason(text).container_status, want, "{text}");
        }
    }

    #[test]
    fn detail_is_the_containers_words_where_the_text_quotes_them() {
        for (text, want) in [
            (
                "ClientError: Received client error (400) from model: page tree is broken (17) ",
                "page tree is broken (17)",
            ),
            (
                r#"Received client error (400) from primary with message "{"detail":[{"loc":["body"],"msg":"no xref"}]}". See https://example.com for more information."#,
                "body: no xref",
            ),
            (
                "ClientError: Received client error (422) from model. See the SageMaker Endpoint logs in your account for more information.",
                "ClientError: Received client error (422) from model.",
            ),
            (
                "Received client error (400) from primary with message \"\". See https://us-east-1.console.aws.amazon.com/cloudwatch in account 123456789012 for more information.",
                "HTTP 400 without a readable reason",
            ),
            (
                "Received server error (0) from primary with message \"\". See https://us-east-1.console.aws.amazon.com/cloudwatch in account 123456789012 for more information.",
                "the model failed without a readable reason",
            ),
            ("", ""),
        ] {
            assert_eq!(failure_reason(text).detail, want);
        }
        let without = |text: &str| EndpointFailure::new(text).without_readable_reason();
        assert_eq!(
            without("Received client error (422) from model. See …"),
            "HTTP 422 without a readable reason"
        );
        assert_eq!(
            without("Received server error (0) from model. See …"),
            "the model failed without a readable reason"
        );
    }

    #[test]
    fn failure_detail_keeps_the_text_cut_to_its_limit() {
        let failure = failure_reason(&"ü".repeat(500));
        assert!(failure.detail.len() <= Failure::MAX_DETAIL && failure.detail.ends_with('…'));
    }
}
