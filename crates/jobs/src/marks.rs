//! What people noted about a contract: reviewed, assigned, a note, who has opened it, and how many findings its result has.
//!
//! Marks are no part of the protocol. They are kept in attributes of the row that a save of the protocol does not write, so
//! neither can overwrite the other, and `version` does not change with them. Only the deletion of the document's data
//! removes them, in the same write.

use serde::{Deserialize, Serialize};

/// Maximum length of a note, in characters.
pub const MAX_NOTE_CHARS: usize = 200;
/// Maximum length of the name of who is to review, in characters.
pub const MAX_ASSIGNEE_CHARS: usize = 254;
/// How many readers a result remembers. The one who opened it first is forgotten first.
pub const MAX_READERS: usize = 50;

/// What people noted about a contract. Not in events for programs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "MarksView"))]
pub struct Marks {
    /// Counts the changes of the marks, from 1. Of two views of a job, the marks with the higher revision are newer, whatever
    /// the job's version.
    pub revision: u64,
    /// Who has reviewed the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<Reviewed>,
    /// Who is to review it. Plain text. Escape it before you show it as HTML. So is `note`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// A note of one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The job of a corrected version of the document, which was uploaded for this failed one. The job may not exist yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected_by: Option<String>,
    /// How many findings a page has understood in the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<FindingCounts>,
    /// Of `findings.other`: those whose level the page did not understand. They may be serious.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unclear_findings: u16,
    /// Who has opened the newest result or failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Opened>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &u16) -> bool {
    *number == 0
}

/// Who reviewed which result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reviewed {
    /// As in `GET /me`.
    pub by: String,
    /// In milliseconds since 1970 UTC.
    pub at: u64,
    /// The attempt with the result. If the job has a newer one, that is not reviewed.
    pub attempt: u8,
}

/// The findings of a result by how serious they are. They were counted by a reader's page, which knows the result; the service
/// does not understand it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FindingCounts {
    /// The attempt with the result.
    pub attempt: u8,
    pub serious: u16,
    pub other: u16,
}

/// Who has opened which attempt's result or failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Opened {
    pub attempt: u8,
    /// Each is a `reader_id` of `GET /me`. At most 50.
    pub by: Vec<String>,
}
