//! A job without contents, for people who work on jobs and must not read documents.
//!
//! Contents are the document, its result, the findings and the model's words, and everything that an uploader or a reader wrote
//! about the document: its name and key, reference, batch, tags and note.

use std::borrow::Cow;

use crate::job::Job;
use crate::labels::Labels;
use crate::state::{Cause, Failure, State};

/// Shown in place of a file name.
pub const NAME_HIDDEN: &str = "(name hidden)";

impl Job {
    /// This job without contents. What is derived from it, such as its explanation, has none either.
    #[must_use]
    pub fn without_contents(&self) -> Self {
        let mut job = self.clone();
        job.input.name = Some(NAME_HIDDEN.to_owned());
        job.input.key.clear();
        job.input.etag.clear();
        job.input.labels = Labels {
            lane: job.input.labels.lane,
            ..Labels::default()
        };
        for record in &mut job.attempts {
            record.failure = record.failure.as_ref().map(without_words);
        }
        if let State::Failed { failure, .. } = &mut job.state {
            *failure = without_words(failure);
        }
        if let Some(marks) = &mut job.marks {
            marks.note = None;
            marks.findings = None;
            marks.unclear_findings = 0;
        }
        job
    }
}

/// Only words of the service itself stay: the model's may quote the document, and those about an invalid input its key.
fn without_words(failure: &Failure) -> Failure {
    let is_own = match failure.cause {
        Cause::Superseded | Cause::Lost | Cause::PipelineGone | Cause::Refused => true,
        Cause::InvalidInput
        | Cause::ModelRejected
        | Cause::ModelError
        | Cause::TimedOut
        | Cause::Expired
        | Cause::Unprocessable
        | Cause::EndpointDown
        | Cause::Unknown => false,
    };
    Failure {
        detail: if is_own {
            failure.detail.clone()
        } else {
            String::new()
        },
        ..failure.clone()
    }
}

/// A job as one caller may see it.
pub fn shown(job: &Job, with_contents: bool) -> Cow<'_, Job> {
    if with_contents {
        Cow::Borrowed(job)
    } else {
        Cow::Owned(job.without_contents())
    }
}
