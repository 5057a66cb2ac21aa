//! E-mail digests.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use super::schema::TENANT_PATTERN;
use crate::digests::DigestScope;

/// Query parameters of `GET /me/digests`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DigestQuery {
    /// The tenant. Support must name one, and so must a caller of several tenants.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
}

/// Body of `POST /me/digests`. What is absent stays as it is; at first digests are off, about the caller's own documents, and
/// report both those that are ready and those that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DigestChange {
    /// The tenant. Support must name one, and so must a caller of several tenants.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = TENANT_PATTERN)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// `tenant` is for reviewers and support.
    #[cfg_attr(feature = "schema", schemars(with = "Option<DigestScope>"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Report documents that became ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Report documents that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<bool>,
}

/// Response of `GET /me/digests`: the caller's e-mail digests of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DigestView {
    pub tenant: String,
    /// Whether the caller can get digests.
    pub available: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable_reason: Option<String>,
    /// Where they are sent: the verified address of the caller's account. No other can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    pub enabled: bool,
    pub scope: DigestScope,
    pub ready: bool,
    pub failed: bool,
    /// Why they are off, if the caller did not switch them off here: the link in a mail, mail that came back, lost access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off_reason: Option<String>,
    /// Whether mails have the names of files and batches. Support sets it for the tenant.
    pub include_names: bool,
}

/// Body of `POST /tenants/{tenant}/digests`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TenantDigestChange {
    /// Whether mails have the names of files and batches. Mails are not encrypted on their whole way.
    pub include_names: bool,
    /// Why. For the audit log.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = jobs::commands::MAX_REASON_CHARS)))]
    pub reason: String,
}

/// Response of `POST /tenants/{tenant}/digests`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TenantDigestView {
    pub tenant: String,
    pub include_names: bool,
}
