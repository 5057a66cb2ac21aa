//! The hash chain of a feed. A program that computes it over the events that it received finds out whether it has them all.

use jobs::id::{Timestamp, hex};
use sha2::{Digest, Sha256};

use super::NewEvent;

/// The hash before the first event.
pub const FIRST_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The hash of an event: SHA-256, in lower-case hexadecimal digits, of the previous hash, sequence, id, type and time, with a
/// line feed between each two.
pub fn next_hash(
    previous: &str,
    sequence: u64,
    event: &NewEvent,
    recorded_at: Timestamp,
) -> String {
    let text = format!(
        "{previous}\n{sequence}\n{}\n{}\n{}",
        event.id(),
        event.event_type.name(),
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
