//! Records the job of the current span.

use tracing::{Span, field};

use crate::id::{JobId, TraceId};
use crate::job::Job;

/// Sets `job.id` and `trace.id` on the current span, if it has these fields. Every log line within the span can then be
/// found by them, even lines of code that does not know the job.
pub fn about(job: &Job) {
    record(job.id, job.trace());
}

/// Like [`about`], before the row has been read: a trace id of the upload is not known yet.
pub fn about_id(id: JobId) {
    record(id, TraceId::of_job(id));
}

/// Like [`about`], before a row exists.
pub fn about_upload(id: JobId, trace: Option<TraceId>) {
    record(id, trace.unwrap_or_else(|| TraceId::of_job(id)));
}

fn record(id: JobId, trace: TraceId) {
    let span = Span::current();
    span.record("job.id", field::display(id));
    span.record("trace.id", field::display(trace));
}
