//! Quarantine, audit log, summary and WebSocket tickets.

use serde::{Deserialize, Serialize};

use super::NamedCount;
#[cfg(feature = "schema")]
use super::schema::{TENANT_PATTERN, visible_pattern};
#[cfg(feature = "schema")]
use jobs::commands::MAX_REASON_CHARS;

/// Query parameters of `GET /quarantine` and `GET /me/data`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct PageQuery {
    /// Continues a list where an earlier response ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Query parameters of `GET /audit`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AuditQuery {
    /// Only entries at or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// Only entries before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// The log is being exported: the first request is an entry itself, `export-audit`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub export: bool,
    /// Continues a list where an earlier response ended. Valid only with the same times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Query parameters of `GET /batches/{batch}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct BatchQuery {
    /// The tenant of the batch. Without it, all tenants of the caller; support must name one.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// Query parameters of `GET /summary`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SummaryQuery {
    /// Only this tenant. Without it, all tenants of the caller; for a caller who sees all tenants, all.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// A message in quarantine: it could not be decoded, contradicts a job's row, or failed until it was a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuarantineEntry {
    /// `<queue>:<id of the first message>`.
    pub id: String,
    /// The queue that the message came from.
    pub source: String,
    /// The kind of error, for programs.
    pub cause: String,
    /// What is wrong with the message. Empty for callers who may not read messages, since it may quote them.
    pub problem: String,
    /// When the message was quarantined.
    pub at: u64,
    /// Length of the full body, in bytes.
    pub body_bytes: u64,
    /// The first 64 KB of the body. Only in responses about a single message, and only for callers who may read messages. Plain text. Escape it before you show it as
    /// HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// Response of `GET /quarantine`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuarantinePage {
    /// Sorted by queue, then by message id.
    pub entries: Vec<QuarantineEntry>,
    /// Present if there are more entries. Pass it in the next request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Body of `POST /quarantine/{entry_id}/redrive` and `POST /quarantine/{entry_id}/discard`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct QuarantineCommandRequest {
    /// The reason, for the audit log: 1 to 500 characters, at least one of them visible.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_REASON_CHARS), regex(pattern = visible_pattern())))]
    pub reason: String,
}

/// Response of `GET /audit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditPage {
    /// Newest first. May be empty although `cursor` is present.
    pub entries: Vec<AuditEntry>,
    /// Since when no entry can have expired yet. Before this time, entries of pipelines with a shorter retention may be gone.
    #[serde(default)]
    pub complete_since: u64,
    /// Present if there may be more entries. Pass it in the next request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// An action that the audit log records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
pub enum AuditAction {
    /// Another attempt of a job was requested.
    Retry,
    /// Another run of a ready job was requested.
    RunAgain,
    /// A queued job was put before the others of its pipeline.
    Urgent,
    /// A job was cancelled.
    Cancel,
    /// A job's data was deleted.
    DeleteData,
    /// A retry plan was created.
    Plan,
    /// A retry plan was applied.
    ApplyPlan,
    /// A retry plan was stopped.
    StopPlan,
    /// A message in quarantine was sent to its queue again.
    Redrive,
    /// A message was deleted from quarantine.
    Discard,
    /// A pipeline, a tenant or both were paused.
    Pause,
    /// A pause was ended.
    Resume,
    /// A tenant was created.
    CreateTenant,
    /// The retention of a tenant was set or removed.
    ChangeRetention,
    /// Support marked a contract as reviewed, assigned it, or wrote its note.
    Mark,
    /// A webhook was created.
    CreateWebhook,
    /// A webhook was changed, paused or enabled.
    ChangeWebhook,
    /// A webhook got a new secret.
    RotateWebhookSecret,
    /// A webhook was deleted.
    DeleteWebhook,
    /// Events were sent to a webhook again.
    RedeliverEvents,
    /// Support set whether the e-mail digests of a tenant have names.
    ChangeDigests,
    /// The download of a document was signed.
    DownloadDocument,
    /// The download of a result was signed.
    DownloadResult,
    /// The export of what is stored about the actor began.
    ExportData,
    /// The export of the audit log began.
    ExportAudit,
    /// A session's first request. The target is the session's id.
    SignIn,
    /// A user ended all own sessions. The target is the user's name in the user pool.
    EndSessions,
}

impl AuditAction {
    pub const ALL: [Self; 27] = [
        Self::Retry,
        Self::RunAgain,
        Self::Urgent,
        Self::Cancel,
        Self::DeleteData,
        Self::Plan,
        Self::ApplyPlan,
        Self::StopPlan,
        Self::Redrive,
        Self::Discard,
        Self::Pause,
        Self::Resume,
        Self::CreateTenant,
        Self::ChangeRetention,
        Self::Mark,
        Self::CreateWebhook,
        Self::ChangeWebhook,
        Self::RotateWebhookSecret,
        Self::DeleteWebhook,
        Self::RedeliverEvents,
        Self::ChangeDigests,
        Self::DownloadDocument,
        Self::DownloadResult,
        Self::ExportData,
        Self::ExportAudit,
        Self::SignIn,
        Self::EndSessions,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::RunAgain => "run-again",
            Self::Urgent => "urgent",
            Self::Cancel => "cancel",
            Self::DeleteData => "delete-data",
            Self::Plan => "plan",
            Self::ApplyPlan => "apply-plan",
            Self::StopPlan => "stop-plan",
            Self::Redrive => "redrive",
            Self::Discard => "discard",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::CreateTenant => "create-tenant",
            Self::ChangeRetention => "change-retention",
            Self::Mark => "mark",
            Self::CreateWebhook => "create-webhook",
            Self::ChangeWebhook => "change-webhook",
            Self::RotateWebhookSecret => "rotate-webhook-secret",
            Self::DeleteWebhook => "delete-webhook",
            Self::RedeliverEvents => "redeliver-events",
            Self::ChangeDigests => "change-digests",
            Self::DownloadDocument => "download-document",
            Self::DownloadResult => "download-result",
            Self::ExportData => "export-data",
            Self::ExportAudit => "export-audit",
            Self::SignIn => "sign-in",
            Self::EndSessions => "end-sessions",
        }
    }
}

/// An entry of the audit log: who did what, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditEntry {
    /// When the action began.
    pub at: u64,
    /// Who acted, as in `GET /me`.
    pub actor: String,
    #[cfg_attr(feature = "schema", schemars(with = "AuditAction"))]
    pub action: String,
    /// The id of a job, a retry plan, a message in quarantine or a webhook, a session, or the name of a tenant or a user.
    pub target: String,
    /// The tenant of the target, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The actor's reason; empty for sign-ins, downloads, exports and changes of webhooks, which need none. Plain text. Escape it before you show it as HTML.
    pub reason: String,
    /// From which program the request came, as it says. Absent in entries of earlier releases.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::ClientProgram>"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The outcome. Absent if it could not be recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Body of `POST /tenants`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    pub name: String,
    /// The reason, for the audit log: 1 to 500 characters, at least one of them visible.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_REASON_CHARS), regex(pattern = visible_pattern())))]
    pub reason: String,
}

/// A known tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TenantView {
    pub name: String,
    /// When it was created, or first found in S3.
    pub since: u64,
    /// Who created it. Absent if it is not created yet: an S3 client put an object under its prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// After how many days from a job's end its data is deleted. Absent if only the pipelines say how long it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u16>,
    /// From when on data is deleted because of `retention_days`: until then the change can be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_begins_at: Option<u64>,
}

/// Body of `POST /tenants/{tenant}/retention`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TenantRetentionChange {
    /// After how many days from a job's end its data is deleted: not more than each pipeline keeps it. Absent: only the pipelines say
    /// how long data is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 3650)))]
    pub days: Option<u16>,
    /// The reason, for the audit log: 1 to 500 characters, at least one of them visible.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_REASON_CHARS), regex(pattern = visible_pattern())))]
    pub reason: String,
}

/// Response of `GET /tenants`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TenantList {
    /// Sorted by name.
    pub tenants: Vec<TenantView>,
}

/// Body of `POST /ws-tickets`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct NewTicket {
    /// The tenant to subscribe to. Required if the caller has several. A caller who sees all tenants may omit it to subscribe to them.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// A ticket that opens one WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TicketView {
    /// The WebSocket URL to connect to, with the ticket. After connecting, and then every minute, send
    /// `{"action":"sync"}`. Every frame that arrives is a `PushMessage`.
    pub url: String,
    /// The ticket is valid once, until this time.
    pub expires_at: u64,
}

/// Response of `GET /batches/{batch}`: the progress of the documents that were uploaded together. At most 2,000 are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BatchView {
    /// The batch. Plain text. Escape it before you show it as HTML.
    pub name: String,
    /// The time of the counts.
    pub at: u64,
    /// All jobs that the caller may see.
    pub jobs: u32,
    /// There are more jobs than were counted.
    pub more: bool,
    pub open: u32,
    pub ready: u32,
    pub failed: u32,
    /// Cancelled, or their data was deleted.
    pub cancelled: u32,
    /// The causes of the failed jobs, the most frequent first.
    pub failed_by_cause: Vec<NamedCount>,
    /// When the last of the open jobs will probably be ready. Absent if there is none, or nothing is known about one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_by: Option<u64>,
}

/// Response of `GET /summary`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobSummary {
    /// The time of the counts.
    pub at: u64,
    /// Open jobs, counted up to 500.
    pub open: u32,
    /// There are more open jobs than were counted.
    pub open_more: bool,
    /// Open jobs whose check is more than 15 minutes overdue. Only for callers who see all tenants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled: Option<u32>,
    /// Jobs that failed in the last 24 hours, counted up to 500.
    pub failed: u32,
    /// There are more failed jobs than were counted.
    pub failed_more: bool,
    /// The failed jobs by cause.
    pub failed_by_cause: Vec<NamedCount>,
    /// Messages in quarantine, counted up to 100. Only for callers who may manage the quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<u32>,
}
