//! The right of one function at a time to work on a webhook, or on the digests of a tenant.

use jobs::id::Timestamp;
use serde::{Deserialize, Serialize};

/// The right to work. Others wait until it has expired or is given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Two functions that get the same message at the same time must not write the same record.
    pub token: u64,
    /// The id of the message that its holder processes. If the holder dies, SQS delivers that message again.
    #[serde(default)]
    pub message: String,
    pub expires_at: u64,
}

/// A message of a queue, as it was delivered.
#[derive(Clone, Copy, Debug)]
pub struct DeliveredMessage<'a> {
    /// Its id.
    pub message: &'a str,
    /// How often it was received, including this time.
    pub receives: u32,
    pub sent_by: &'a SentBy,
}

/// Who sent a message. Stored in its body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SentBy {
    /// The API, for a user's command.
    #[default]
    User,
    /// A function that found the lease taken, for a user's command.
    UserAgain,
    /// Function `event-feed`: there are new events. The holder of the lease looks for them before it ends.
    Feed,
    /// The function that processed the message with this id, and has more to do.
    Run(String),
}

/// What becomes of a message that finds the lease taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfLeased {
    /// The holder does its work.
    Drop,
    /// SQS delivers it again after its visibility timeout. If it were deleted now, it could be lost when the holder dies.
    ComeBack,
    /// It is sent again, with this sender, to arrive after this number of seconds: at most 895, since SQS delays no message for
    /// more than 900.
    SendAgain(SentBy, u32),
}

/// How often the lease is asked for when others change the record at the same time.
pub(crate) const MAX_LEASE_TRIES: usize = 3;
/// When to continue at the earliest after something could not be read or written, in seconds.
pub(crate) const FAILED_DELAY_SECONDS: u32 = 60;
/// After which a message arrives once a lease has expired, in seconds.
const AFTER_LEASE_SECONDS: u32 = 5;
/// After which a user's command is tried again, in seconds: most holders have given the lease back by then.
const USER_DELAY_SECONDS: u32 = 20;

impl SentBy {
    pub(crate) fn is_user(&self) -> bool {
        *self == Self::User
    }
}

impl Lease {
    /// What becomes of a message that arrives now; `None` if the lease has expired.
    ///
    /// If each message that finds the lease taken was sent again, those that SQS takes although its answer is lost would become
    /// more and more for as long as the lease stays taken.
    pub fn if_taken(&self, now: Timestamp, received: DeliveredMessage<'_>) -> Option<IfLeased> {
        let left = self
            .expires_at
            .checked_sub(now.0)
            .filter(|left| *left > 0)?;
        let seconds = u32::try_from(left.div_ceil(1000).min(890)).unwrap_or(890);
        Some(match received.sent_by {
            _ if received.message == self.message => IfLeased::ComeBack,
            // The holder has sent it and does not know that it has arrived already.
            SentBy::Run(message) if *message == self.message => {
                IfLeased::SendAgain(received.sent_by.clone(), seconds + AFTER_LEASE_SECONDS)
            }
            // Once, so that the user waits less; then it comes back.
            SentBy::User => IfLeased::SendAgain(SentBy::UserAgain, USER_DELAY_SECONDS),
            SentBy::UserAgain => IfLeased::ComeBack,
            // The holder does its work, unless it dies and SQS had delivered its message twice: the copy that was processed first
            // is deleted, and none is left. So it comes back once, after the lease has expired.
            SentBy::Feed | SentBy::Run(_) if received.receives <= 1 => IfLeased::ComeBack,
            SentBy::Feed | SentBy::Run(_) => IfLeased::Drop,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_that_finds_the_lease_taken_is_dropped_at_last_unless_its_holder_needs_it() {
        let lease = Lease {
            token: 1,
            message: "own".to_owned(),
            expires_at: 61_000,
        };
        let run = |message: &str| SentBy::Run(message.to_owned());
        let at = |now, message: &str, receives, sent_by: &SentBy| {
            let received = DeliveredMessage {
                message,
                receives,
                sent_by,
            };
            lease.if_taken(Timestamp(now), received)
        };
        for sent_by in [SentBy::User, SentBy::Feed, run("own"), run("earlier")] {
            assert_eq!(at(1000, "own", 4, &sent_by), Some(IfLeased::ComeBack));
            assert_eq!(at(61_000, "other", 1, &sent_by), None);
        }
        for (sent_by, first, later) in [
            (SentBy::Feed, IfLeased::ComeBack, IfLeased::Drop),
            (run("earlier"), IfLeased::ComeBack, IfLeased::Drop),
            (SentBy::UserAgain, IfLeased::ComeBack, IfLeased::ComeBack),
        ] {
            assert_eq!(at(1000, "other", 1, &sent_by), Some(first), "{sent_by:?}");
            assert_eq!(at(1000, "other", 2, &sent_by), Some(later), "{sent_by:?}");
        }
        let again = IfLeased::SendAgain(SentBy::UserAgain, 20);
        assert_eq!(at(1000, "other", 1, &SentBy::User), Some(again));
        let again = IfLeased::SendAgain(run("own"), 65);
        assert_eq!(at(1000, "other", 1, &run("own")), Some(again));
    }
}
