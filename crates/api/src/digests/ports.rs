//! Ports of e-mail digests.

#![expect(
    async_fn_in_trait,
    reason = "each program has one adapter type and one thread; these futures are never boxed"
)]

use jobs::ports::Unavailable;

use super::Mail;

/// Why a mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// No mail is taken now: too many, the day's quota is used up, sending is paused, or no answer.
    #[error("no mail is taken now: {0}")]
    NotNow(String),
    /// This mail is refused: the address is malformed or, while the account is in the sandbox, not verified.
    #[error("the mail is refused: {0}")]
    Refused(String),
}

/// Sends mails.
pub trait Mailer {
    /// Sends a mail, once. It may have been sent although the call failed with [`MailError::NotNow`].
    async fn send_mail(&self, mail: &Mail) -> Result<(), MailError>;
}

/// A user as the user pool has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryUser {
    pub email: Option<String>,
    pub email_verified: bool,
    /// Whether the user may sign in.
    pub enabled: bool,
    pub groups: Vec<String>,
}

/// Looks users up.
pub trait UserDirectory {
    /// The user with this name in the user pool; `None` if it was deleted.
    async fn find_user(&self, username: &str) -> Result<Option<DirectoryUser>, Unavailable>;
}

/// Sends messages to function `digests`.
pub trait DigestQueue {
    /// Sends a message with a delay in seconds, at most 900.
    async fn send_digest_message(&self, body: &str, delay_seconds: u32) -> Result<(), Unavailable>;
}
