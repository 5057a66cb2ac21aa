//! The hash chain of a feed. A program that computes it over the events that it received finds out whether it has them all.

use std::fmt::Write;

use jobs::id::{Timestamp, hex};
use sha2::{Digest, Sha256};

use super::NewEvent;

/// The hash before the first event.
pub const FIRST_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Of the hashed text: a hash, a job's id, a type, and three numbers.
const MAX_LENGTH: usize = 64 + 36 + 10 + 3 * 20 + 5;

/// The hash of an event: SHA-256, in lower-case hexadecimal digits, of the previous hash, sequence, id, type and time, with a
/// line feed between each two.
pub fn next_hash(
    previous: &str,
    sequence: u64,
    event: &NewEvent,
    recorded_at: Timestamp,
) -> String {
    let NewEvent {
        job,
        version,
        event_type,
    } = event;
    let mut text = String::with_capacity(MAX_LENGTH);
    // Cannot fail: a string takes everything.
    let _ = write!(
        text,
        "{previous}\n{sequence}\n{job}:{version}\n{}\n{}",
        event_type.name(),
        recorded_at.0
    );
    hex(&Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::EventType;

    /// As `printf '…' | sha256sum` prints it: the form is public.
    #[test]
    fn hash_of_an_event_is_the_documented_one() {
        let event = NewEvent {
            job: "6d0ad460-5c6b-5e5f-9a0b-6f0b0c0d0e0f".parse().unwrap(),
            version: 3,
            event_type: EventType::JobReady,
        };
        let hash = next_hash(FIRST_HASH, 1, &event, Timestamp(1_767_607_442_118));
        assert_eq!(
            hash,
            "df588c24205440384df7999b92724a7625d6fdca5339ef80937e50e1d8b7ad2f"
        );
    }
}
