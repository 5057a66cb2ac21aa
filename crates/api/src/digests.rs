//! E-mail digests: a mail to users who asked for it, with how many of a tenant's jobs became ready or failed.
//!
//! A digest reads its tenant's feed, as webhooks do. It is about the documents of a batch, when no job of the batch is open,
//! or about the other documents of a quarter of an hour. One record per tenant holds how far the feed was read and which
//! digests are not sent yet ([`DigestState`]); only [`send_due`] writes it, while it holds a lease on it. What a digest says is
//! read again from the feed and the rows when it is sent, so nothing is counted twice and nothing is lost.
//!
//! SES has no idempotency: a function that dies between SES's answer and the write of the record sends that one mail twice.

mod access;
mod account;
mod contents;
mod feedback;
mod mail;
mod message;
pub mod ports;
mod send;
mod state;
mod unsubscribe;

use jobs::id::Tenant;
use serde::{Deserialize, Serialize};

pub(crate) use account::stored;
pub use account::{Account, change, change_tenant, show};
pub use feedback::record_feedback;
pub use mail::{Mail, MailSettings};
pub use message::{DigestMessage, Feedback, notify};
pub use send::{DigestReport, DigestRequest, DigestTimes, send_due};
pub use state::{
    DigestState, MAX_BATCH_MS, MAX_DIGEST_EVENTS, MAX_WAITING_DIGESTS, QUIET_MS, RETRY_MS,
    WINDOW_MS,
};
pub use unsubscribe::{UnsubscribeLink, unsubscribe};

/// How many users of a tenant may receive digests. All of them are read at once.
pub const MAX_RECIPIENTS: u16 = 200;

/// A user who asked for digests, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The verified address of the user's own account. It is also the user's name in jobs.
    pub address: String,
    /// The user's name in the user pool.
    pub username: String,
    pub scope: DigestScope,
    pub ready: bool,
    pub failed: bool,
    /// Allows those who have it to stop the digests, and nothing else.
    pub token: String,
    pub enabled: bool,
    /// When digests were last switched on. Earlier events are not reported.
    pub enabled_at: u64,
    /// Why they are off, if it was not the user who switched them off on the account screen.
    pub off_reason: Option<String>,
}

/// Which documents a digest is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DigestScope {
    /// Those that the user uploaded.
    #[default]
    Own,
    /// All of the tenant. For reviewers and support.
    Tenant,
}

impl DigestScope {
    /// As in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Tenant => "tenant",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = [Self::Own, Self::Tenant].into_iter();
        all.find(|known| known.name() == name)
    }
}

/// What support allows for a tenant, as it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSettings {
    /// Whether mails may have the names of files and batches. They leave the service by unencrypted mail.
    pub include_names: bool,
}

/// The collection of a tenant's recipients, by [`recipient_key`].
pub fn recipient_collection(tenant: &Tenant) -> String {
    format!("digest-recipient#{tenant}")
}

/// The collection of a tenant's state and settings.
pub fn state_collection(tenant: &Tenant) -> String {
    format!("digest-state#{tenant}")
}

pub fn settings_collection(tenant: &Tenant) -> String {
    format!("digest-settings#{tenant}")
}

pub const STATE_KEY: &str = "state";
pub const SETTINGS_KEY: &str = "settings";

/// The key of a user's record: a hash, since names in user pools may have any character.
pub fn recipient_key(username: &str) -> String {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(username.as_bytes());
    hash.iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
