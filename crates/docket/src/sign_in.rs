//! Who calls the service: a user or a program.

use crate::config;
use crate::machine::MachineClient;
use crate::session::Session;

/// The caller whose token the requests carry.
#[derive(Debug)]
pub(crate) enum SignIn {
    /// A user who ran `docket login`.
    User(Session),
    /// A program, with the id and secret from environment variables.
    Machine(MachineClient),
}

impl SignIn {
    /// The token, if it stays valid for at least `margin_ms`.
    pub(crate) fn token(&self, margin_ms: u64) -> Option<String> {
        match self {
            Self::User(session) => {
                (session.expires_at > config::now() + margin_ms).then(|| session.id_token.clone())
            }
            Self::Machine(client) => client.token(margin_ms),
        }
    }

    pub(crate) fn is_current(&self, token: &str) -> bool {
        match self {
            Self::User(session) => session.id_token == token,
            Self::Machine(client) => client.is_current(token),
        }
    }
}
