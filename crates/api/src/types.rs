//! The JSON of the HTTP API: requests, responses and problems. A public format, shared by the function `support-api`,
//! the CLI and the web app. Releases may add fields; they never change or remove one. `docs/api.md` is generated from
//! these types and their comments.
//!
//! All times are milliseconds since 1970 UTC. A request with an unknown field is refused.

mod data_export;
mod digest;
mod event;
mod job;
mod pause;
mod plan;
mod receipt;
#[cfg(feature = "schema")]
mod schema;
mod support;
mod upload;
mod usage;
mod webhook;

use std::collections::BTreeMap;

use jobs::view::JobView;
use serde::{Deserialize, Serialize};

pub use data_export::{DataExportPage, DataRecord, Mention, StoredDigestSettings};
pub use digest::{DigestChange, DigestQuery, DigestView, TenantDigestChange, TenantDigestView};
pub use event::{EventPage, EventQuery, EventView};
pub use job::{
    AttemptView, JobCommandRequest, JobCommandResult, JobDetail, JobPage, JobQuery, MarksChange,
    ResultQuery, ResultView,
};
pub use pause::{NewPause, PauseList, PauseView, ResumeRequest, ResumeResult};
pub use plan::{
    NewRetryPlan, PlannedJobView, RetryPlanFilter, RetryPlanJobs, RetryPlanJobsQuery,
    RetryPlanList, RetryPlanOutcome, RetryPlanStatus, RetryPlanView,
};
pub use receipt::{Receipt, ReceiptFile, ReceiptKey, ReceiptKeys, ReceiptView};
pub use support::{
    AuditAction, AuditEntry, AuditPage, AuditQuery, BatchQuery, BatchView, JobSummary, NewTenant,
    NewTicket, PageQuery, QuarantineCommandRequest, QuarantineEntry, QuarantinePage, SummaryQuery,
    TenantList, TenantRetentionChange, TenantView, TicketView,
};
pub use upload::{
    MultipartUploadView, NewUpload, SignPartsRequest, SignedPart, SignedParts, UploadView,
};
pub use usage::{InstanceUsage, UsageQuery, UsageSum, UsageView};
pub use webhook::{
    DeliveryList, DeliveryView, NewWebhook, RedeliverRequest, WebhookChange, WebhookList,
    WebhookQuery, WebhookView,
};

/// Response of `GET /configuration`: what a client needs to sign in and to connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClientConfiguration {
    /// URL of the Amazon Cognito user pools API.
    pub sign_in_url: String,
    /// Client id for the sign-in.
    pub client_id: String,
    /// URL of the WebSocket API. `POST /ws-tickets` returns it with a ticket.
    pub web_socket_url: String,
    /// Origin of the page, such as `https://docket.example.com`. Absent if the service does not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_url: Option<String>,
    /// Sign-in by the company's identity provider, and of machine clients. Absent if the user pool has no domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company_sign_in: Option<CompanySignIn>,
}

/// Sign-in by an identity provider of the company: authorization code with PKCE at the user pool's domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CompanySignIn {
    /// Base URL of the user pool's domain, without a slash at its end. Below it are `/oauth2/authorize`, `/oauth2/token`, `/oauth2/revoke` and `/logout`.
    pub url: String,
    /// Client id for this sign-in; another one than for passwords.
    pub client_id: String,
    /// The `iss` claim of the ID tokens.
    pub issuer: String,
    /// The identity providers, in the order in which they are offered. Empty if only machine clients use the domain.
    pub providers: Vec<SignInProvider>,
}

/// An identity provider of the company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignInProvider {
    /// The provider's name in the user pool: `identity_provider` of a request to `/oauth2/authorize`.
    pub name: String,
    /// What people call it, such as `Acme`.
    pub label: String,
}

/// Response of `GET /me`: the caller, and the pipelines it can upload to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallerView {
    /// The caller's name in job histories and in the audit log.
    pub actor: String,
    /// The caller in `opened.by` of a job's marks.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reader_id: String,
    /// What the caller may do; several roles add up.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<crate::Role>"))]
    pub roles: Vec<String>,
    /// What the roles allow (docs/api.md, "Roles"). The service checks each request; with these a client offers only what may
    /// be done.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<crate::Permission>"))]
    #[serde(default)]
    pub permissions: Vec<String>,
    /// The caller's tenants.
    pub tenants: Vec<String>,
    /// The caller sees the jobs of all tenants without their being listed here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all_tenants: bool,
    /// When the sign-in expires.
    pub expires_at: u64,
    /// The pipelines that take uploads.
    pub pipelines: Vec<PipelineView>,
}

/// A pipeline that takes uploads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PipelineView {
    /// For `POST /uploads` and the filters of lists.
    pub name: String,
    /// What people call it. Without it, show `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The media types that the pipeline takes.
    pub content_types: Vec<String>,
    /// The size of the largest file, in bytes.
    pub max_bytes: u64,
    /// The media type of results.
    pub result_type: String,
    /// Target time from upload to result (SLO), in seconds.
    pub slo_seconds: u32,
    /// Typical time of one run on the endpoint, in seconds.
    pub typical_run_seconds: u32,
    /// Customers and reviewers may delete the data of their documents; otherwise support does it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub customers_may_delete: bool,
}

/// Why a request was refused: problem details (RFC 9457), `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// The problem type, `urn:docket:problem:<code>`. Programs should use it rather than the texts.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short text for the problem type.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this request, and what to do.
    pub detail: String,
    /// Of a problem `identical`: the jobs of the same content, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identical: Vec<JobView>,
}

/// A presigned request to S3. Send it unchanged: S3 refuses another size, media type or key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedRequest {
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["GET", "PUT"])))]
    pub method: String,
    /// The URL with the signature. All who have it can send the request.
    pub url: String,
    /// Headers that are part of the signature, by name. A browser sets `content-length` itself.
    pub headers: BTreeMap<String, String>,
    /// The request must start before this time.
    pub expires_at: u64,
}

/// How many jobs have a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NamedCount {
    /// The value: a failure cause, or a pipeline's name.
    pub name: String,
    /// How many jobs have it.
    pub count: u32,
}
