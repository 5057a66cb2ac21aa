//! What an answer of the container leads to: first in SageMaker, then in Docket.

use std::time::Duration;

use jobs::classify::EndpointFailure;
use jobs::container_error::model_message;
use jobs::evidence::answered_with_nothing;
use jobs::pipeline::Pipeline;
use jobs::state::{Cause, Failure, Retryability};
use serde::Serialize;

use crate::print::{byte_size, duration, pluralize};

use super::target::{Answer, Exchange, NoAnswer};

/// SageMaker refuses an answer with more bytes of headers (seen in aws/deep-learning-containers 4668).
pub(super) const MAX_HEADER_BYTES: usize = 4_096;
/// How SageMaker reports a container that did not answer.
const NO_RESPONSE: &str = "ClientError: Received server error (0) from model. See the SageMaker Endpoint logs in your account for more information.";
const TIMED_OUT: &str = "Received server error (0) from model with message \"Your invocation timed out while waiting for a response from container\"";
/// Seen in deepjavalibrary/djl-serving 2567 and vllm-project/vllm 2912.
const LENGTH_REQUIRED: &str =
    "The response from container did not specify the required Content-Length header";
const HEADERS_TOO_LARGE: &str =
    "The response from container exceeded the maximum header size of 4096 bytes";

/// What becomes of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum JobOutcome {
    Ready,
    /// At once, without another attempt.
    Failed,
    /// It fails after its last attempt if each one ends like this.
    Retried,
    /// No notification: the attempt is retried after its deadline.
    Lost,
}

/// The outcome with its details.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct JobEffect {
    pub(super) outcome: JobOutcome,
    /// The cause that the job's failure has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<&'static str>,
    /// The attempts of a job whose every attempt ends like this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attempts: Option<u8>,
    /// In words.
    pub(super) text: String,
}

impl JobEffect {
    pub(super) fn ready() -> Self {
        Self {
            outcome: JobOutcome::Ready,
            cause: None,
            attempts: None,
            text: "Ready".to_owned(),
        }
    }

    /// The outcome that the service derives from a failed attempt.
    pub(super) fn of(cause: Cause, pipeline: &Pipeline) -> Self {
        let all = pipeline.attempts;
        let (outcome, attempts, text) = match (cause, cause.retryability()) {
            (Cause::Lost, _) => {
                let seconds = pipeline.policy().max_attempt_seconds;
                let deadline = duration(u64::from(seconds) * 1000);
                let text = format!("lost until its deadline ({deadline}), then retried");
                (JobOutcome::Lost, Some(all), text)
            }
            (_, Retryability::Permanent) => {
                (JobOutcome::Failed, Some(1), "fails at once".to_owned())
            }
            (_, Retryability::Retry) => {
                let attempts = pluralize(all.into(), "attempt", "attempts");
                let text = format!("retried, fails after {attempts}");
                (JobOutcome::Retried, Some(all), text)
            }
            (_, Retryability::RetryOnce) => {
                let text = "retried once, then fails".to_owned();
                (JobOutcome::Retried, Some(all.min(2)), text)
            }
            (_, Retryability::Wait) => (JobOutcome::Retried, None, "retried later".to_owned()),
        };
        Self {
            outcome,
            cause: Some(cause.name()),
            attempts,
            text: format!("{text} ({})", cause.name()),
        }
    }

    pub(super) fn of_exchange(exchange: &Exchange, pipeline: &Pipeline) -> Self {
        match attempt_failure(exchange, pipeline) {
            None => Self::ready(),
            Some(failure) => Self::of(failure.cause, pipeline),
        }
    }
}

/// The failure that the service records for an attempt with this answer; `None` for a result.
pub(super) fn attempt_failure(exchange: &Exchange, pipeline: &Pipeline) -> Option<Failure> {
    let said = match failure_reason(exchange) {
        Some(text) => EndpointFailure::new(text),
        None => {
            let is_empty = exchange.as_ref().is_ok_and(Answer::is_nothing);
            return is_empty.then(answered_with_nothing);
        }
    };
    let failure = said.classify(Some(pipeline));
    // The body of an error becomes the failure object, which replaces SageMaker's words.
    Some(match exchange {
        Ok(answer) if !answer.is_success() => {
            let reason = model_message(&answer.body);
            failure.with_detail(reason.unwrap_or_else(|| said.without_readable_reason()))
        }
        Ok(_) | Err(_) => failure,
    })
}

/// `failureReason` in SageMaker's notification; `None` if it reports a success.
fn failure_reason(exchange: &Exchange) -> Option<String> {
    let answer = match exchange {
        Ok(answer) => answer,
        Err(NoAnswer::TimedOut(_)) => return Some(TIMED_OUT.to_owned()),
        Err(NoAnswer::Unreachable(_) | NoAnswer::Closed { .. } | NoAnswer::NotHttp(_)) => {
            return Some(NO_RESPONSE.to_owned());
        }
    };
    if answer.header_bytes() > MAX_HEADER_BYTES {
        return Some(HEADERS_TOO_LARGE.to_owned());
    }
    if answer.is_success() {
        return (!answer.has_length()).then(|| LENGTH_REQUIRED.to_owned());
    }
    let side = if (400..=499).contains(&answer.status) {
        "client"
    } else {
        "server"
    };
    Some(format!(
        "ClientError: Received {side} error ({}) from model. See the SageMaker Endpoint logs in your account for more information.",
        answer.status
    ))
}

/// What the container did, on one line.
pub(super) fn describe(exchange: &Exchange) -> String {
    match exchange {
        Ok(answer) => describe_answer(answer),
        Err(NoAnswer::Unreachable(why)) => format!("no connection: {why}"),
        Err(NoAnswer::Closed { reason, took }) => {
            format!("no answer, closed after {}: {reason}", short(*took))
        }
        Err(NoAnswer::NotHttp(why)) => format!("not an HTTP answer: {why}"),
        Err(NoAnswer::TimedOut(limit)) => format!("no answer within {}", short(*limit)),
    }
}

fn describe_answer(answer: &Answer) -> String {
    let kind = answer
        .header(&http::header::CONTENT_TYPE)
        .map(|kind| format!(" of {kind}"))
        .unwrap_or_default();
    let size = byte_size(answer.body_bytes);
    let took = short(answer.took);
    let words = if answer.is_success() {
        String::new()
    } else {
        model_message(&answer.body)
            .map(|words| format!(": {}", Failure::new(Cause::Unknown, words).detail))
            .unwrap_or_default()
    };
    format!("{}, {size}{kind} in {took}{words}", answer.status)
}

/// A duration with milliseconds below ten seconds.
pub(super) fn short(time: Duration) -> String {
    match time.as_millis() {
        ms @ 0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{:.1} s", time.as_secs_f64()),
        _ => format!("{:.0} s", time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use async_endpoint::InvocationFailure;
    use http::header::CONTENT_LENGTH;
    use jobs::pipeline::Pipelines;

    use super::*;

    fn pipeline(extra: &str) -> Pipeline {
        let toml = include_str!("../../../../infra/pipelines.toml");
        let named = "[legal-review]";
        let toml = toml.replacen(named, &format!("{named}\n{extra}"), 1);
        let pipelines = Pipelines::parse(&toml).unwrap();
        pipelines.get("legal-review").unwrap().clone()
    }

    fn answer(status: u16, length: bool, body: &str) -> Exchange {
        let mut answer = Answer {
            status,
            body_bytes: body.len() as u64,
            body: body.as_bytes().to_vec(),
            ..Answer::default()
        };
        if length {
            answer.headers.insert(CONTENT_LENGTH, body.len().into());
        }
        Ok(answer)
    }

    #[test]
    fn sagemakers_words_are_those_of_the_local_endpoint() {
        let reason = |exchange: &Exchange| failure_reason(exchange).unwrap();
        let closed = Err(NoAnswer::Closed {
            reason: String::new(),
            took: Duration::ZERO,
        });
        let mut large = answer(200, true, "{}").unwrap();
        large
            .headers
            .insert("x-trace", "x".repeat(5_000).parse().unwrap());
        for (exchange, failure) in [
            (closed, InvocationFailure::NoResponse),
            (answer(200, false, "{}"), InvocationFailure::LengthRequired),
            (Ok(large), InvocationFailure::HeadersTooLarge),
            (answer(422, false, ""), InvocationFailure::ClientError(422)),
            (answer(503, true, ""), InvocationFailure::ServerError(503)),
            (answer(302, true, ""), InvocationFailure::ServerError(302)),
        ] {
            assert_eq!(reason(&exchange), failure.to_string());
        }
        assert_eq!(failure_reason(&answer(200, true, "")), None);
    }

    #[test]
    fn answers_lead_to_the_outcomes_of_the_service() {
        use JobOutcome::{Failed, Ready, Retried};
        let pipeline = pipeline("");
        let closed = Err(NoAnswer::Closed {
            reason: String::new(),
            took: Duration::ZERO,
        });
        for (exchange, outcome, cause, attempts) in [
            (answer(200, true, "{}"), Ready, None, None),
            (answer(200, true, "[]"), Ready, None, None),
            (answer(200, true, ""), Retried, Some("ModelError"), Some(3)),
            (
                answer(200, true, "null\n"),
                Retried,
                Some("ModelError"),
                Some(3),
            ),
            (answer(200, false, "{}"), Retried, Some("Unknown"), Some(2)),
            (
                answer(422, true, ""),
                Failed,
                Some("ModelRejected"),
                Some(1),
            ),
            (
                answer(415, true, ""),
                Failed,
                Some("ModelRejected"),
                Some(1),
            ),
            (answer(424, true, ""), Retried, Some("ModelError"), Some(3)),
            (answer(500, true, ""), Retried, Some("ModelError"), Some(3)),
            (closed, Retried, Some("ModelError"), Some(3)),
            (
                Err(NoAnswer::TimedOut(Duration::ZERO)),
                Retried,
                Some("TimedOut"),
                Some(3),
            ),
        ] {
            let effect = JobEffect::of_exchange(&exchange, &pipeline);
            assert_eq!(
                (effect.outcome, effect.cause, effect.attempts),
                (outcome, cause, attempts),
                "{exchange:?}"
            );
        }
        let lost = JobEffect::of(Cause::Lost, &pipeline);
        assert_eq!(lost.outcome, JobOutcome::Lost);
        assert_eq!(
            lost.text,
            "lost until its deadline (6 h), then retried (Lost)"
        );
    }

    #[test]
    fn pipeline_says_which_statuses_reject_the_document() {
        let listed = pipeline("rejection_statuses = [500]");
        let outcome = |status| JobEffect::of_exchange(&answer(status, true, ""), &listed).outcome;
        assert_eq!(outcome(500), JobOutcome::Failed);
        assert_eq!(outcome(422), JobOutcome::Retried);
    }

    #[test]
    fn reason_is_read_from_the_body_of_an_error() {
        let failure = attempt_failure(
            &answer(422, true, r#"{"detail":"the PDF is encrypted"}"#),
            &pipeline(""),
        );
        assert_eq!(failure.unwrap().detail, "the PDF is encrypted");
        let failure = attempt_failure(&answer(422, true, ""), &pipeline(""));
        assert_eq!(
            failure.unwrap().detail,
            "HTTP 422 without a readable reason"
        );
    }
}
