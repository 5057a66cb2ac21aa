//! The right of one function at a time to work on a webhook, or on the digests of a tenant.

use jobs::id::Timestamp;
use serde::{Deserialize, Serialize};

/// The right to work. Others wait until it has expired or is given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The id of the message that its holder processes. If the holder dies, SQS delivers that message again.
    pub message: String,
    pub expires_at: u64,
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
    /// The holder processes the same message, which SQS delivered twice. If it is deleted here, it is lost when the holder dies.
    ComeBack,
    /// It is sent again, to arrive after this number of seconds: at most 895, since SQS delays no message for more than 900.
    SendAgain(u32),
}

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
    pub fn if_taken(&self, now: Timestamp, id: &str, sender: &SentBy) -> Option<IfLeased> {
        let left = self
            .expires_at
            .checked_sub(now.0)
            .filter(|left| *left > 0)?;
        let seconds = u32::try_from(left.div_ceil(1000).min(890)).unwrap_or(890);
        Some(match sender {
            _ if id == self.message => IfLeased::ComeBack,
            SentBy::Feed => IfLeased::Drop,
            // The holder has sent it and does not know that it has arrived already.
            SentBy::Run(message) if *message == self.message => {
                IfLeased::SendAgain(seconds + DELAY_SECONDS)
            }
            // The holder sends one of its own if it leaves something.
            SentBy::Run(_) => IfLeased::Drop,
            SentBy::User => IfLeased::SendAgain(DELAY_SECONDS),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_dropped_if_the_holder_of_the_lease_does_its_work_and_comes_back_if_it_is_the_holders()
     {
        let lease = Lease {
            message: "own".to_owned(),
            expires_at: 61_000,
        };
        let run = |message: &str| SentBy::Run(message.to_owned());
        let at = |now, id: &str, sender: &SentBy| lease.if_taken(Timestamp(now), id, sender);
        for sender in [SentBy::User, SentBy::Feed, run("own"), run("earlier")] {
            assert_eq!(at(1000, "own", &sender), Some(IfLeased::ComeBack));
            assert_eq!(at(61_000, "other", &sender), None);
        }
        for (sender, expected) in [
            (SentBy::User, IfLeased::SendAgain(5)),
            (SentBy::Feed, IfLeased::Drop),
            (run("own"), IfLeased::SendAgain(65)),
            (run("earlier"), IfLeased::Drop),
        ] {
            assert_eq!(at(1000, "other", &sender), Some(expected));
        }
    }
}
