//! Several documents at once, the largest one, and a long run.

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;

use crate::print::byte_size;

use super::Inspection;
use super::answers::range;
use super::check_result::CheckResult;
use super::documents::Document;
use super::outcome::{JobEffect, JobOutcome, describe, short};
use super::target::{Answer, Exchange, NoAnswer};

/// Without --max-bytes, no document is larger than this.
const DEFAULT_MAX_BYTES: u64 = 100_000_000;
/// The search for the limit of the size ends here.
const SMALLEST_LARGE_BYTES: u64 = 50_000;
const PDF: &str = "application/pdf";

/// Timeouts of model servers by default, as seen by `make model-check-servers`.
const SERVER_TIMEOUTS: &str =
    "gunicorn's plain workers end a run after 30 s, MLflow and BentoML after 60 s (docs/models.md)";

impl Inspection<'_> {
    /// Two at once, then as many as the endpoint sends to one instance.
    pub(super) async fn concurrent_runs(&mut self, took: Option<Duration>) {
        let configured = usize::from(self.args.concurrency);
        let mut counts = vec![("two at once", 2)];
        if configured > 2 {
            counts.push(("concurrency", configured));
        }
        for (check, count) in counts {
            match took {
                Some(alone) => self.at_once(check, count, count <= configured, alone).await,
                None => self.not_tried_without_answer(check),
            }
        }
    }

    async fn at_once(&mut self, check: &'static str, count: usize, is_used: bool, alone: Duration) {
        self.progress(check);
        let headers: Vec<_> = (0..count).map(|_| self.next_headers()).collect();
        let limit = self.limit();
        let runs = headers
            .iter()
            .map(|headers| self.container.invoke(&self.document, headers, limit));
        let exchanges = self.pings.watch(&self.container, join_all(runs)).await;
        let is_ready = |exchange: &&Exchange| self.effect(exchange).outcome == JobOutcome::Ready;
        let ready = exchanges.iter().filter(is_ready).count();
        let Some(failed) = exchanges.iter().find(|exchange| !is_ready(exchange)) else {
            let times: Vec<_> = exchanges
                .iter()
                .flatten()
                .map(|answer| answer.took)
                .collect();
            let seen = format!(
                "{count} of {count} answered in {}; alone {}",
                range(&times),
                short(alone)
            );
            self.checks.push(CheckResult::ok(check, seen));
            return;
        };
        let seen = format!("{ready} of {count} answered; another: {}", describe(failed));
        let effect = self.effect(failed);
        self.checks.push(if is_used {
            let change = "Give the server more workers or a queue, or lower MaxConcurrentInvocationsPerInstance.";
            CheckResult::fail(check, seen, change).with_job(effect)
        } else {
            let change = "Keep MaxConcurrentInvocationsPerInstance at 1, or give the server more workers or a queue. Two can \
                          meet even so: after a timeout SageMaker sends the next document while the first still runs.";
            CheckResult::warn(check, seen, change).with_job(effect)
        });
    }

    /// A document of the largest size that the pipeline takes.
    pub(super) async fn largest_document(&mut self, took: Option<Duration>) {
        let check = "the largest document";
        if took.is_none() {
            return self.not_tried_without_answer(check);
        }
        if self.document.content_type != PDF {
            let why = "only PDFs can be made as large as wanted";
            self.checks.push(CheckResult::not_tried(check, why));
            return;
        }
        let allowed = self.pipeline.max_bytes;
        let wanted = self.args.max_bytes.unwrap_or(DEFAULT_MAX_BYTES);
        let bytes = allowed.min(wanted);
        let bounded = if bytes < allowed {
            format!(
                " (the pipeline takes {}; see --max-bytes)",
                byte_size(allowed)
            )
        } else {
            String::new()
        };
        self.progress(check);
        let exchange = self.invoke_padded(bytes).await;
        if self.effect(&exchange).outcome == JobOutcome::Ready {
            let seen = format!("{}{bounded}: {}", byte_size(bytes), describe(&exchange));
            self.checks.push(CheckResult::ok(check, seen));
            return;
        }
        let taken = self.taken_bytes(bytes).await;
        let smaller = taken.map_or_else(
            || {
                "none of its smaller sizes has a result; its text is not that of the sample"
                    .to_owned()
            },
            |taken| format!("{} has a result", byte_size(taken)),
        );
        let seen = format!("{}: {}; {smaller}", byte_size(bytes), describe(&exchange));
        let effect = self.effect(&exchange);
        self.checks.push(match taken {
            // The container rejects the generated document at every size.
            None => CheckResult::not_tried(check, seen),
            Some(_) => {
                let change = "Raise the server's limit of the size of a request (and its memory), or lower max_bytes of the \
                              pipeline, so that uploads that are too large are refused at once.";
                CheckResult::fail(check, seen, change).with_job(effect)
            }
        });
        // It may have to recover.
        self.survived().await.ok();
    }

    async fn invoke_padded(&mut self, bytes: u64) -> Exchange {
        let document = Document::padded_pdf(self.document.content_type.clone(), bytes);
        self.invoke(&document).await
    }

    /// A smaller size that has a result: the largest power-of-two fraction.
    async fn taken_bytes(&mut self, refused: u64) -> Option<u64> {
        let mut bytes = refused / 2;
        while bytes >= SMALLEST_LARGE_BYTES {
            self.survived().await.ok();
            let exchange = self.invoke_padded(bytes).await;
            if self.effect(&exchange).outcome == JobOutcome::Ready {
                return Some(bytes);
            }
            bytes /= 2;
        }
        let exchange = self.invoke_padded(0).await;
        (self.effect(&exchange).outcome == JobOutcome::Ready)
            .then_some(bytes.min(SMALLEST_LARGE_BYTES))
    }

    /// A run that is longer than the timeouts of common servers.
    pub(super) async fn long_run(&mut self, took: Option<Duration>) {
        let check = "a long run";
        if took.is_none() {
            return self.not_tried_without_answer(check);
        }
        let Some(document) = self.long_document.clone() else {
            let why = format!("give your slowest document with --long-input; {SERVER_TIMEOUTS}");
            self.checks.push(CheckResult::not_tried(check, why));
            return;
        };
        self.progress(check);
        let exchange = self.invoke(&document).await;
        let effect = self.effect(&exchange);
        let seen = describe(&exchange);
        self.checks.push(match &exchange {
            _ if effect.outcome == JobOutcome::Ready => {
                CheckResult::ok(check, seen).with_job(JobEffect::ready())
            }
            Err(NoAnswer::TimedOut(_)) => {
                let change = "Raise invocation_timeout_seconds of the pipeline, or make the model faster.";
                CheckResult::fail(check, seen, change).with_job(effect)
            }
            Err(_) => {
                let change = format!("Raise the server's timeout above the pipeline's invocation_timeout_seconds: {SERVER_TIMEOUTS}.");
                CheckResult::fail(check, seen, &change).with_job(effect)
            }
            Ok(answer) => {
                let change = if is_timeout(answer) {
                    "Raise the server's timeout above the pipeline's invocation_timeout_seconds."
                } else {
                    "Answer the document that --long-input names with a result."
                };
                CheckResult::fail(check, seen, change).with_job(effect)
            }
        });
        self.survived().await.ok();
    }
}

/// Whether a server or a proxy in front of it gave up waiting for the model.
fn is_timeout(answer: &Answer) -> bool {
    let timeouts = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    timeouts
        .iter()
        .any(|status| status.as_u16() == answer.status)
}
