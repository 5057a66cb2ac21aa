//! Which job the current span is about.

use tracing::{Span, field};

use crate::id::{JobId, TraceId};
use crate::job::Job;

/// Says on the current span which job its work is about, if the span has the fields `job.id` and `trace.id`: then every
/// line that is written in it can be found by them, also those of code that knows no job.
pub fn about(job: &Job) {
    tell(job.id, job.trace());
}

/// As [`about`], while the row has not been read: a trace that the upload came with is not known yet.
pub fn about_id(id: JobId) {
    tell(id, TraceId::of_job(id));
}

/// As [`about`], while there may be no row yet.
pub fn about_upload(id: JobId, trace: Option<TraceId>) {
    tell(id, trace.unwrap_or_else(|| TraceId::of_job(id)));
}

fn tell(id: JobId, trace: TraceId) {
    let span = Span::current();
    span.record("job.id", field::display(id));
    span.record("trace.id", field::display(trace));
}
