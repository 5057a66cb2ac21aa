//! Requests of people to the HTTP API, and its answers.

use std::rc::Rc;

use api::ApiError;
use api::types::{
    NewPause, NewRetryPlan, NewUpload, ResumeRequest, RetryPlanView, SignedParts, UploadView,
};
use jobs::id::{JobId, Tenant};

/// The user who retries, runs again, cancels and deletes.
pub(crate) const SUPPORT: &str = "support";
/// The user who uploads, for all tenants.
pub(crate) const CUSTOMER: &str = "customer";

/// A request. Those about an upload carry the index of its [`ClientUpload`](crate::people::ClientUpload).
#[derive(Clone, Debug)]
pub(crate) enum ClientRequest {
    Retry(JobId, String),
    RunAgain(JobId, String),
    Urgent(JobId, String),
    Cancel(JobId, String),
    DeleteData(JobId, String),
    CreatePlan(Rc<NewRetryPlan>),
    ApplyPlan(String),
    ShowPlan(String),
    Pause(Rc<NewPause>),
    Resume(Rc<ResumeRequest>),
    CreateUpload(usize, Rc<NewUpload>),
    SignParts(usize, String, Vec<u32>),
    CompleteUpload(usize, String),
    AbortUpload(usize, String),
    EnableWebhook(Tenant),
    RotateSecret(Tenant),
    /// Events again from a time on, in milliseconds since 1970.
    Redeliver(Tenant, u64),
}

#[derive(Debug)]
pub(crate) enum ApiAnswer {
    Done,
    Plan(Box<RetryPlanView>),
    Upload(Box<UploadView>),
    Parts(SignedParts),
    /// The new secret of a webhook.
    Secret(String),
    Refused(ApiError),
}
