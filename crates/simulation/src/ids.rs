//! Names for the trace.

use jobs::id::{InferenceId, JobId};

/// One invocation of a Lambda function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FunctionId(pub(crate) u64);

/// The first characters of a job's id: enough to follow it through a trace.
pub(crate) fn short(id: JobId) -> String {
    id.to_string().chars().take(8).collect()
}

/// The same for a request to an endpoint.
pub(crate) fn short_request(id: InferenceId) -> String {
    format!("{}.a{}", short(id.job), id.attempt)
}
