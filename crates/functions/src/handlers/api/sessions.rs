//! Which sessions this instance of a function has recorded as signed in.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use api::Principal;
use api::sign_ins::{self, SignInSession};
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore};
use tracing::warn;

/// The set is cleared when it holds this number of sessions. Each of them then costs one more write.
const MAX_SESSIONS: usize = 10_000;

/// The sessions that need no write any more. What is not remembered costs one conditional write that changes nothing.
#[derive(Debug, Default)]
pub(super) struct KnownSessions(Mutex<HashSet<String>>);

impl KnownSessions {
    /// Records the sign-in of a session that this instance has not seen. A request does not fail because of it: without an answer
    /// of the store, the session's next request tries again.
    pub(super) async fn see<P: KeyValueStore + Clock>(
        &self,
        ports: &P,
        pipelines: &Pipelines,
        principal: &Principal,
        session: Option<SignInSession>,
    ) {
        let Some(session) = session.filter(|session| !self.contains(&session.id)) else {
            return;
        };
        match sign_ins::record(ports, pipelines, principal, &session).await {
            Ok(()) => self.insert(session.id),
            Err(error) => warn!(error = %error, "a sign-in is not in the audit log yet"),
        }
    }

    fn contains(&self, id: &str) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.contains(id)
    }

    fn insert(&self, id: String) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_SESSIONS {
            known.clear();
        }
        known.insert(id);
    }
}
