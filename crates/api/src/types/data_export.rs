//! What is stored about a caller.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AuditEntry, JobDetail, WebhookView};
use crate::digests::DigestScope;
use crate::explain::ExplanationStep;

/// Response of `GET /me/data`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DataExportPage {
    /// First jobs, newest first, then settings, then entries of the audit log, newest first. May be empty although `cursor` is
    /// present.
    pub records: Vec<DataRecord>,
    /// Present if there is more. Pass it in the next request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Something that is stored about the caller. `kind` says which field is present besides `tenant` and `links`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DataRecord {
    /// `job`: a document that the caller uploaded. `mention`: another's document whose record names the caller. `webhook`,
    /// `digests`: settings that the caller made. `audit`: what the caller did, or others with a job of the caller.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["job", "mention", "webhook", "digests", "audit"])))]
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Box<JobDetail>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mention: Option<Mention>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Box<WebhookView>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digests: Option<StoredDigestSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Box<AuditEntry>>,
    /// Paths of this API by what they return: `document`, `result`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, String>,
}

impl DataRecord {
    pub(crate) fn new(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            ..Self::default()
        }
    }
}

/// Where the record of another's document names the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Mention {
    pub job_id: String,
    /// The caller's commands, oldest first. `what` is the name of the event in the job's history.
    pub commands: Vec<ExplanationStep>,
    /// The contract is assigned to the caller.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assigned: bool,
    /// When the caller marked it as reviewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_at: Option<u64>,
}

/// The caller's settings for the e-mail digests of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StoredDigestSettings {
    /// Where digests are sent to.
    pub address: String,
    pub enabled: bool,
    /// When they were last switched on.
    pub enabled_at: u64,
    pub scope: DigestScope,
    pub ready: bool,
    pub failed: bool,
    /// Why they are off, if the caller did not switch them off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off_reason: Option<String>,
}
