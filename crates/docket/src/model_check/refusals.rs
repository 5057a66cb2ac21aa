//! What a container must refuse, and must survive.

use std::time::Duration;

use jobs::container_error::model_message;
use jobs::state::Cause;

use super::Inspection;
use super::check_result::CheckResult;
use super::outcome::{JobEffect, JobOutcome, describe};
use super::target::{Answer, Exchange};

const SURVIVE_CHANGE: &str = "Catch the error in the handler, and end no process over it: documents that run beside it are lost.";

impl Inspection<'_> {
    /// The first half of the document. The service submits it: only a model can tell that it is broken.
    pub(super) async fn broken_document(&mut self, took: Option<Duration>) {
        let check = "a broken document";
        if took.is_none() {
            return self.not_tried_without_answer(check);
        }
        self.progress(check);
        let document = self.document.cut_off();
        let exchange = self.invoke(&document).await;
        let checked = self.refusal(check, &exchange);
        self.push_if_survived(checked).await;
    }

    fn refusal(&self, check: &'static str, exchange: &Exchange) -> CheckResult {
        let seen = describe(exchange);
        let effect = self.effect(exchange);
        let answer = exchange.as_ref().ok();
        let checked = match effect.outcome {
            JobOutcome::Ready => {
                let change = "If your model cannot read such a document, answer 400 or 422 with a reason. Now its job is Ready.";
                CheckResult::warn(check, seen, change)
            }
            JobOutcome::Failed
                if answer.is_some_and(|answer| model_message(&answer.body).is_some()) =>
            {
                CheckResult::ok(check, seen)
            }
            JobOutcome::Failed => {
                let change = "Say in the body why, for the person who uploaded the document, such as \
                              {\"reason\": \"the PDF is damaged; upload it again\"}.";
                CheckResult::warn(check, seen, change)
            }
            JobOutcome::Retried | JobOutcome::Lost => {
                let listed = match answer.map(|answer| answer.status) {
                    Some(status @ 400..=599) => format!(
                        ", or add {status} to rejection_statuses in pipelines.toml if it always means the document"
                    ),
                    Some(_) | None => String::new(),
                };
                let attempts = effect.attempts.unwrap_or(1);
                let change = format!(
                    "Answer 400 or 422 if the document is at fault{listed}. Now each such document runs {attempts} times."
                );
                CheckResult::warn(check, seen, &change)
            }
        };
        checked.with_job(effect)
    }

    /// The service refuses empty files itself, so only a crash matters.
    pub(super) async fn empty_document(&mut self) {
        let check = "an empty document";
        self.progress(check);
        let document = self.document.empty();
        let exchange = self.invoke(&document).await;
        let effect = JobEffect::of(Cause::InvalidInput, &self.pipeline);
        let seen = format!(
            "{}; the service refuses empty files itself",
            describe(&exchange)
        );
        let checked = match &exchange {
            Ok(_) => CheckResult::ok(check, seen),
            Err(_) => CheckResult::warn(check, seen, "Answer 400 to a request without a body."),
        };
        self.push_if_survived(checked.with_job(effect)).await;
    }

    /// Would be sent only if the pipeline were configured so.
    pub(super) async fn other_content_type(&mut self) {
        let check = "another content type";
        self.progress(check);
        let document = self.document.with_content_type("text/x-unknown");
        let exchange = self.invoke(&document).await;
        let effect = self.effect(&exchange);
        let seen = describe(&exchange);
        let is_taken = exchange.as_ref().is_ok_and(Answer::is_success);
        let checked = match effect.outcome {
            JobOutcome::Ready | JobOutcome::Failed => CheckResult::ok(check, seen),
            JobOutcome::Retried | JobOutcome::Lost if is_taken => CheckResult::ok(check, seen),
            JobOutcome::Retried | JobOutcome::Lost => {
                let change = "Answer 415: a wrong content type in pipelines.toml would look like a fault of the machine, and each \
                              document would run several times.";
                CheckResult::warn(check, seen, change)
            }
        };
        self.push_if_survived(checked.with_job(effect)).await;
    }

    /// A client that closes the connection, as SageMaker does after a timeout.
    pub(super) async fn closed_connection(&mut self) {
        let check = "a closed connection";
        self.progress(check);
        let document = self.document.clone();
        let checked = match self.container.hang_up(&document).await {
            Ok(()) => CheckResult::ok(check, "half of a document, then closed"),
            Err(problem) => CheckResult::not_tried(check, describe(&Err(problem))),
        };
        self.push_if_survived(checked).await;
    }

    async fn push_if_survived(&mut self, checked: CheckResult) {
        self.checks.push(match self.survived().await {
            Ok(()) => checked,
            Err(ping) => {
                let seen = format!("{}; then ping: {ping}", checked.seen);
                let effect = JobEffect::of(Cause::Lost, &self.pipeline);
                CheckResult::fail(checked.check, seen, SURVIVE_CHANGE).with_job(effect)
            }
        });
    }
}
