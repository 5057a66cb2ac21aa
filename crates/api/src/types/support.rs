//! What support works with beside jobs: quarantine, audit, summary; and tickets for pages.

use serde::{Deserialize, Serialize};

use super::Count;

/// A message that could not be understood or contradicts what is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuarantineEntry {
    /// Its id: the queue and the id of the first message that carried it.
    pub id: String,
    /// The queue that it came from.
    pub source: String,
    /// A word for the kind of trouble.
    pub cause: String,
    /// What is wrong, in a sentence.
    pub problem: String,
    /// When it was set aside.
    pub at: u64,
    /// How long it is, in bytes.
    pub body_bytes: u64,
    /// The message, its first 64 KB; only of a single entry. Text, never markup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// `GET /quarantine`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QuarantinePage {
    /// By queue, then by message.
    pub entries: Vec<QuarantineEntry>,
    /// There are more: ask again with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// `POST /quarantine/{id}/replay`, `POST /quarantine/{id}/discard`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Why, for the audit log: 1 to 500 characters.
    pub reason: String,
}

/// `GET /audit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditPage {
    /// Newest first.
    pub entries: Vec<AuditEntry>,
    /// There are more: ask again with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Who did what, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditEntry {
    /// When.
    pub at: u64,
    /// Who.
    pub actor: String,
    /// What: `retry`, `cancel`, `delete-data`, `plan`, `apply-plan`, `replay`, `discard`.
    pub action: String,
    /// To what: the id of a job, a plan or a message in quarantine.
    pub target: String,
    /// Whose it was, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Why, in that person's words. Text, never markup.
    pub reason: String,
    /// What came of it, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// `POST /ws-tickets`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct NewTicket {
    /// Which tenant to watch; needed only if the caller has several. Support watches all if it names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// A ticket for one WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TicketView {
    /// Where to connect, the ticket included.
    pub url: String,
    /// Until when; it serves once.
    pub expires_at: u64,
}

/// `GET /summary`: of all tenants for support, else of the caller's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Summary {
    /// When it was made.
    pub at: u64,
    /// Open jobs, counted up to 500.
    pub open: u32,
    /// There are more open jobs than were counted.
    pub open_more: bool,
    /// Open jobs at which somebody should have looked, and nobody has; only for support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled: Option<u32>,
    /// Jobs that failed in the last 24 hours, counted up to 500.
    pub failed: u32,
    /// There are more failed jobs than were counted.
    pub failed_more: bool,
    /// The failed jobs by cause.
    pub failed_by_cause: Vec<Count>,
    /// Messages in quarantine, counted up to 100; only for support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<u32>,
}
