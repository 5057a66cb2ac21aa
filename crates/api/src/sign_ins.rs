//! Sign-ins in the audit log: the first request of each session; and the end of all sessions of a user.
//!
//! Tokens are checked by API Gateway, so the service sees a sign-in only as the first request with a token of a new session. All
//! tokens of a session, also refreshed ones, name the time of its sign-in (`auth_time`) and the same first token (`origin_jti`).
//! From both follows the key of the entry, so a session has one entry, whichever instance of which function sees it first.

use jobs::id::{Tenant, Timestamp};
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore, Unavailable};

use super::audit::{self, AuditTarget};
use super::{ApiError, Principal};
use crate::ports::UserSessions;
use crate::types::AuditAction;

/// Ends all sessions of the caller, on all devices. Tokens that were issued work until they expire.
///
/// # Errors
/// If the user pool or the store does not answer.
pub async fn end_all<P: UserSessions + KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    username: &str,
) -> Result<(), ApiError> {
    let target = AuditTarget {
        id: username,
        tenant: only_tenant(principal),
        pipeline: None,
    };
    let action = AuditAction::EndSessions;
    let pending = audit::begin_without_reason(ports, pipelines, principal, action, target).await?;
    ports.end_sessions(username).await?;
    pending.finish(ports, "ended").await;
    Ok(())
}

fn only_tenant(principal: &Principal) -> Option<&Tenant> {
    let mut tenants = principal.tenants.iter();
    tenants.next().filter(|_| tenants.next().is_none())
}

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
    let target = AuditTarget {
        id: &session.id,
        tenant: only_tenant(principal),
        pipeline: None,
    };
    let (action, at) = (AuditAction::SignIn, session.signed_in_at);
    audit::record_if_absent(ports, pipelines, principal, action, target, at).await
}
