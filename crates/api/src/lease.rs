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
    /// Function `event-feed`: there are new events. The holder of the lease looks for them before it ends.
    Feed,
    /// The function that processed the message with this id, and has more to do.
    Run(String),
}

/// What becomes of a message that finds the lease taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfLeased {
    /// The holder does its work.
    Drop,
    /// SQS delivers it again after its visibility timeout. If it were deleted now, it could be lost when the holder dies.
    ComeBack,
    /// It is sent again, to arrive after this number of seconds: at most 895, since SQS delays no message for more than 900.
    SendAgain(u32),
}

/// What became of an attempt to take the lease.
pub(crate) enum LeaseResult<T> {
    Taken(Box<T>),
    NotNeeded,
    /// The record changed meanwhile.
    Changed,
}

/// How often the lease is asked for when others change the record at the same time.
pub(crate) const MAX_LEASE_TRIES: usize = 3;
/// When to continue at the earliest after something could not be read or written, in seconds.
pub(crate) const FAILED_DELAY_SECONDS: u32 = 60;
/// How long a message waits for a lease that is given back early, in seconds.
const DELAY_SECONDS: u32 = 5;

impl SentBy {
    pub(crate) fn is_user(&self) -> bool {
        *self == Self::User
    }
}

impl Lease {
    /// What becomes of a message that arrives now; `None` if the lease has expired.
    ///
    /// Nearly all messages that find the lease taken are dropped. If each was sent again, those that SQS takes although its
    /// answer is lost would become more and more for as long as the lease stays taken.
    pub fn if_taken(&self, now: Timestamp, arrival: DeliveredMessage<'_>) -> Option<IfLeased> {
        let left = self
            .expires_at
            .checked_sub(now.0)
            .filter(|left| *left > 0)?;
        let seconds = u32::try_from(left.div_ceil(1000).min(890)).unwrap_or(890);
        Some(match arrival.sent_by {
            _ if arrival.message == self.message => IfLeased::ComeBack,
            // The holder has sent it and does not know that it has arrived already.
            SentBy::Run(message) if *message == self.message => {
                IfLeased::SendAgain(seconds + DELAY_SECONDS)
            }
            SentBy::User => IfLeased::SendAgain(DELAY_SECONDS),
            // The holder does its work, unless it dies and SQS had delivered its message twice: the copy that was processed first
            // is deleted, and none is left. So it comes back once, after the lease has expired.
            SentBy::Feed | SentBy::Run(_) if arrival.receives <= 1 => IfLeased::ComeBack,
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
            let arrival = DeliveredMessage {
                message,
                receives,
                sent_by,
            };
            lease.if_taken(Timestamp(now), arrival)
        };
        for sent_by in [SentBy::User, SentBy::Feed, run("own"), run("earlier")] {
            assert_eq!(at(1000, "own", 4, &sent_by), Some(IfLeased::ComeBack));
            assert_eq!(at(61_000, "other", 1, &sent_by), None);
        }
        for (sent_by, first, later) in [
            (SentBy::Feed, IfLeased::ComeBack, IfLeased::Drop),
            (run("earlier"), IfLeased::ComeBack, IfLeased::Drop),
            (run("own"), IfLeased::SendAgain(65), IfLeased::SendAgain(65)),
            (SentBy::User, IfLeased::SendAgain(5), IfLeased::SendAgain(5)),
        ] {
            assert_eq!(at(1000, "other", 1, &sent_by), Some(first), "{sent_by:?}");
            assert_eq!(at(1000, "other", 2, &sent_by), Some(later), "{sent_by:?}");
        }
    }
}
