//! A document that is fine, alone.

use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use jobs::evidence::unexpected_content_type;
use tokio::time::sleep;

use super::Inspection;
use super::check_result::CheckResult;
use super::outcome::{JobEffect, JobOutcome, MAX_HEADER_BYTES, describe, short};
use super::target::{Answer, Exchange, NoAnswer};

/// A container whose ping answers although its model is not loaded gets this long.
const LATE_START_TRIES: u32 = 3;
const LATE_START_INTERVAL: Duration = Duration::from_secs(1);
/// The longest value of `CustomAttributes` (API reference, `InvokeEndpointAsync`).
const MAX_CUSTOM_ATTRIBUTES: usize = 1_024;
/// The longest `InferenceId` (same page).
const MAX_INFERENCE_ID: usize = 64;

const LENGTH_CHANGE: &str = "Send a Content-Length header: answer with the whole body at once instead of a stream or chunks.";

impl Inspection<'_> {
    /// A document that is fine. Returns how long its run took, if it had a result.
    pub(super) async fn answer(&mut self) -> Option<Duration> {
        self.progress("a document");
        let document = self.document.clone();
        let mut exchange = self.invoke(&document).await;
        let first = self.effect(&exchange);
        if first.outcome == JobOutcome::Retried && !exchange.as_ref().is_ok_and(Answer::is_success)
        {
            // It may be loading its model still.
            for _ in 0..LATE_START_TRIES {
                if matches!(exchange, Err(NoAnswer::TimedOut(_))) {
                    break;
                }
                sleep(LATE_START_INTERVAL).await;
                let again = self.invoke(&document).await;
                if self.effect(&again).outcome == JobOutcome::Ready {
                    let seen = format!("first {}, later {}", describe(&exchange), describe(&again));
                    let change = "Answer /ping with 200 only when the model is loaded: documents that reach a new instance \
                                  earlier lose an attempt.";
                    let checked = CheckResult::warn("ready when it says so", seen, change);
                    self.checks.push(checked.with_job(first));
                    exchange = again;
                    break;
                }
            }
        }
        self.record_answer(&exchange);
        exchange
            .ok()
            .filter(|answer| answer.is_success() && answer.has_length() && !answer.is_nothing())
            .map(|answer| answer.took)
    }

    fn record_answer(&mut self, exchange: &Exchange) {
        let effect = self.effect(exchange);
        let check = "a document";
        let answer = match exchange {
            Ok(answer) if answer.is_success() => answer,
            other => {
                let change = match other {
                    Ok(answer) => status_change(answer.status),
                    Err(NoAnswer::TimedOut(_)) => {
                        "Answer within the pipeline's invocation_timeout_seconds, or raise it."
                    }
                    Err(_) => {
                        "Find out why the connection was closed: a crash, too little memory, or a timeout of the server."
                    }
                };
                let checked = CheckResult::fail(check, describe(other), change);
                self.checks.push(checked.with_job(effect));
                return;
            }
        };
        if answer.is_nothing() && answer.has_length() {
            let change =
                "Answer with the result as the body. An error needs a status of 400 or above.";
            let checked = CheckResult::fail(check, describe(exchange), change);
            self.checks.push(checked.with_job(effect));
            return;
        }
        let checked = CheckResult::ok(check, describe(exchange));
        let is_ready = effect.outcome == JobOutcome::Ready;
        self.checks.push(if is_ready {
            checked.with_job(effect.clone())
        } else {
            checked
        });
        self.record_head(answer, &effect);
    }

    fn record_head(&mut self, answer: &Answer, effect: &JobEffect) {
        let check = "Content-Length";
        self.checks.push(if answer.has_length() {
            CheckResult::ok(check, format!("{} B declared", answer.body_bytes))
        } else {
            let how = if answer.is_chunked() {
                "chunked"
            } else {
                "ended by closing the connection"
            };
            let seen = format!("no Content-Length, {how}; SageMaker refuses such answers");
            CheckResult::fail(check, seen, LENGTH_CHANGE).with_job(effect.clone())
        });
        let check = "size of the headers";
        let bytes = answer.header_bytes();
        let seen = format!("{bytes} B of at most {MAX_HEADER_BYTES} B");
        self.checks.push(if bytes > MAX_HEADER_BYTES {
            let change = "Send fewer or shorter response headers.";
            CheckResult::fail(check, seen, change).with_job(effect.clone())
        } else {
            CheckResult::ok(check, seen)
        });
        let check = "type of the result";
        let got = answer.header(&CONTENT_TYPE);
        let asked = self.pipeline.output.content_type();
        let encoding = answer.header(&CONTENT_ENCODING);
        self.checks.push(match (got, encoding) {
            (_, Some(encoding)) if encoding != "identity" => CheckResult::warn(
                check,
                format!("Content-Encoding: {encoding}"),
                "Do not compress the answer: the result is stored as it is, and programs that fetch it get compressed bytes.",
            ),
            (None, _) => CheckResult::warn(
                check,
                "no Content-Type",
                &format!("Send Content-Type: {asked}."),
            ),
            (Some(got), _) if unexpected_content_type(Some(got), Some(asked)).is_some() => {
                CheckResult::warn(
                    check,
                    format!("{got}; Accept was {asked}"),
                    &format!("Send Content-Type: {asked}, or change the pipeline's output. The job is Ready all the same."),
                )
            }
            (Some(got), _) => CheckResult::ok(check, got),
        });
    }

    /// The headers that SageMaker passes on, at their longest.
    pub(super) async fn request_headers(&mut self, took: Option<Duration>) {
        let check = "request headers";
        if took.is_none() {
            return self.not_tried_without_answer(check);
        }
        self.progress(check);
        let mut headers = self.next_headers();
        headers.inference_id = "i".repeat(MAX_INFERENCE_ID);
        headers.custom_attributes = "a".repeat(MAX_CUSTOM_ATTRIBUTES);
        let run = self
            .container
            .invoke(&self.document, &headers, self.limit());
        let exchange = self.pings.watch(&self.container, run).await;
        let effect = self.effect(&exchange);
        self.checks.push(if effect.outcome == JobOutcome::Ready {
            let seen = format!(
                "an InferenceId of {MAX_INFERENCE_ID} B and CustomAttributes of {MAX_CUSTOM_ATTRIBUTES} B are taken"
            );
            CheckResult::ok(check, seen)
        } else {
            let change = "Accept the headers X-Amzn-SageMaker-Inference-Id and X-Amzn-SageMaker-Custom-Attributes of any \
                          content, or run the check again: the same document had a result before.";
            CheckResult::fail(check, describe(&exchange), change).with_job(effect)
        });
    }

    pub(super) fn effect(&self, exchange: &Exchange) -> JobEffect {
        JobEffect::of_exchange(exchange, &self.pipeline)
    }

    pub(super) fn not_tried_without_answer(&mut self, check: &'static str) {
        let why = "the document alone has no result";
        self.checks.push(CheckResult::not_tried(check, why));
    }
}

/// What to change if a document that is fine gets this status.
const fn status_change(status: u16) -> &'static str {
    match status {
        404 | 405 => "Serve POST /invocations: a proxy or an alias of the server's own path.",
        415 => {
            "Accept the pipeline's content type with the document itself as the body, not as JSON or a form."
        }
        413 => "Raise the server's limit of the size of a request.",
        300..=399 => "Answer POST /invocations itself: SageMaker follows no redirect.",
        _ => {
            "Accept the document itself as the body of POST /invocations; --input names a document that your model can read."
        }
    }
}

/// How a run compares with others.
pub(super) fn range(times: &[Duration]) -> String {
    match (times.iter().min(), times.iter().max()) {
        (Some(shortest), Some(longest)) => format!("{} to {}", short(*shortest), short(*longest)),
        _ => String::new(),
    }
}
