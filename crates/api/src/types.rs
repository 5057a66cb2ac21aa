//! What goes over the HTTP API, in the words of its JSON: requests, answers, problems. A public format, shared by the
//! function that answers, the CLI and the page: fields are added, never changed. `docs/api.md` is written from it.
//!
//! All times are milliseconds since 1970 UTC. A request with a field that is not here is refused.

mod job;
mod plan;
mod support;
mod upload;

use serde::{Deserialize, Serialize};

pub use job::{
    AttemptView, JobCommandRequest, JobCommandResult, JobDetail, JobPage, JobQuery, ResultView,
};
pub use plan::{NewPlan, PlanFilter, PlanOutcome, PlanView, Plans};
pub use support::{
    AuditEntry, AuditPage, NewTicket, QuarantineEntry, QuarantinePage, Reason, Summary, TicketView,
};
pub use upload::{Multipart, NewUpload, PartsWanted, SignedPart, SignedParts, UploadView};

/// `GET /configuration`: what a program must know before anyone has signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Configuration {
    /// Where people sign in: the address of Amazon Cognito's user pools API.
    pub sign_in_url: String,
    /// The client id to sign in with.
    pub client_id: String,
    /// Where pages connect, with `?ticket=…`.
    pub web_socket_url: String,
}

/// `GET /me`: who the caller is and may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Me {
    /// The name that the audit log knows the caller by.
    pub actor: String,
    /// What the caller is: some of `customer`, `reviewer`, `support`.
    pub roles: Vec<String>,
    /// Whose jobs the caller works with; empty for support, who works with all.
    pub tenants: Vec<String>,
    /// When the sign-in ends.
    pub expires_at: u64,
    /// What can be uploaded.
    pub pipelines: Vec<PipelineView>,
}

/// A pipeline as uploaders see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PipelineView {
    /// Its name.
    pub name: String,
    /// The media types that it takes.
    pub content_types: Vec<String>,
    /// The largest file, in bytes.
    pub max_bytes: u64,
    /// The media type of its results.
    pub result_type: String,
    /// "Ready within", in seconds.
    pub slo_seconds: u32,
    /// What one run takes as a rule, in seconds.
    pub typical_run_seconds: u32,
}

/// Why a request was refused: problem details (RFC 9457), `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// The kind of problem, `urn:docket:problem:<word>`, for programs.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request, and what to do.
    pub detail: String,
}

/// A request to S3 that the service has signed. It is sent as it is: another size, type or key is refused by S3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedRequest {
    /// `PUT` or `GET`.
    pub method: String,
    /// The address.
    pub url: String,
    /// The headers that must be sent with it. A browser sets `content-length` by itself.
    pub headers: Vec<(String, String)>,
    /// Until when it must have begun.
    pub expires_at: u64,
}

/// A word and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Count {
    /// The word.
    pub name: String,
    /// How often.
    pub count: u32,
}
