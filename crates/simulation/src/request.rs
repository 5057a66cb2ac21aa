//! A request that an endpoint accepted.

use std::cell::{Cell, RefCell};

use async_endpoint::InvocationStatus;
use jobs::id::InferenceId;

use crate::ids::FunctionId;

#[derive(Debug)]
pub(crate) struct InferenceRequest {
    pub(crate) inference: InferenceId,
    /// The function that made the call.
    pub(crate) by: FunctionId,
    /// The keys of its objects.
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) failure: String,
    /// The version of the input that the latest run read.
    pub(crate) read: RefCell<Option<String>>,
    pub(crate) ended: Cell<Option<InvocationStatus>>,
    pub(crate) accepted_at: u64,
    /// The latest run of the model: its beginning, and its end unless the instance is lost.
    pub(crate) run: Cell<Option<(u64, u64)>>,
}
