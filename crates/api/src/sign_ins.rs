//! Sign-ins in the audit log: the first request of each session.
//!
//! Tokens are checked by API Gateway, so the service sees a sign-in only as the first request with a token of a new session. All
//! tokens of a session, also refreshed ones, name the time of its sign-in (`auth_time`) and the same first token (`origin_jti`).
//! From both follows the key of the entry, so a session has one entry, whichever instance of which function sees it first.

use jobs::id::Timestamp;
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore, Unavailable};

use super::Principal;
use super::audit::{self, AuditTarget};
use crate::types::AuditAction;

/// A session of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInSession {
    /// Sixteen hexadecimal digits of a hash of its first token's id, which itself is never stored.
    pub id: String,
    pub signed_in_at: Timestamp,
}

/// Records the sign-in of a session unless it is recorded already: one conditional write.
///
/// # Errors
/// If the store does not answer.
pub async fn record<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    session: &SignInSession,
) -> Result<(), Unavailable> {
    let mut tenants = principal.tenants.iter();
    let only_tenant = tenants.next().filter(|_| tenants.next().is_none());
    let target = AuditTarget {
        id: &session.id,
        tenant: only_tenant,
        pipeline: None,
    };
    let (action, at) = (AuditAction::SignIn, session.signed_in_at);
    audit::record_if_absent(ports, pipelines, principal, action, target, at).await
}
