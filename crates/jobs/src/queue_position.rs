//! The positions of queued jobs in the index of the job table.
//!
//! Each tenant has a queue of its own in each pipeline and lane: a range of positions, oldest job first. So a job's position is
//! known when it is queued, nothing is counted, and a release reads the heads of the queues, however many jobs they have. Urgent
//! jobs of all tenants are in one queue before the others.

use crate::id::{JobId, Tenant, Timestamp};
use crate::lane::Lane;
use crate::random::split_mix_64;

/// Bits of a position that are the time in the queue, in milliseconds: enough until the year 2109.
const TIME_BITS: u32 = 42;

/// The shard of the index that has the queued jobs of a pipeline.
pub fn shard(pipeline: &str) -> u8 {
    u8::try_from(hash(&[pipeline]) % u64::from(JobId::SHARDS)).unwrap_or(0)
}

/// The number of the queue of urgent jobs. Positions with the number 0 would be smaller than times, which lists of open jobs are
/// sorted by.
const URGENT_QUEUE: u64 = 1;
/// The first position behind the queue of urgent jobs.
pub const AFTER_URGENT: u64 = (URGENT_QUEUE + 1) << TIME_BITS;

/// The position of a job in its shard: the number of its queue, then the time.
///
/// A queue's number is a hash of 22 bits. Two queues that share one, one pair in four million, take turns as one.
pub fn position(pipeline: &str, tenant: &Tenant, lane: Lane, queued_at: Timestamp) -> u64 {
    at(queue_number(pipeline, tenant, lane), queued_at)
}

/// The position of an urgent job in its shard.
pub const fn urgent_position(queued_at: Timestamp) -> u64 {
    at(URGENT_QUEUE, queued_at)
}

const fn at(queue: u64, queued_at: Timestamp) -> u64 {
    (queue << TIME_BITS) | (queued_at.0 & ((1 << TIME_BITS) - 1))
}

fn queue_number(pipeline: &str, tenant: &Tenant, lane: Lane) -> u64 {
    let hash = match lane {
        Lane::Standard => hash(&[pipeline, tenant.as_str()]),
        Lane::Bulk => hash(&[pipeline, tenant.as_str(), lane.name()]),
    };
    (hash >> TIME_BITS).max(URGENT_QUEUE + 1)
}

pub const fn is_urgent(position: u64) -> bool {
    position >> TIME_BITS == URGENT_QUEUE
}

/// The lane of a job of `tenant` in `pipeline` at a position that is not urgent.
pub fn lane(pipeline: &str, tenant: &Tenant, position: u64) -> Lane {
    let number = position >> TIME_BITS;
    let is_bulk = number == queue_number(pipeline, tenant, Lane::Bulk);
    if is_bulk { Lane::Bulk } else { Lane::Standard }
}

/// When the job at a position was queued.
pub const fn queued_at(position: u64) -> Timestamp {
    Timestamp(position & ((1 << TIME_BITS) - 1))
}

/// The first position of the queue that a position belongs to.
pub const fn first_position(position: u64) -> u64 {
    (position >> TIME_BITS) << TIME_BITS
}

/// The first position behind the queue that a position belongs to; `None` behind the last queue.
pub const fn next_queue(position: u64) -> Option<u64> {
    let next = (position >> TIME_BITS) + 1;
    if next >> (u64::BITS - TIME_BITS) == 0 {
        Some(next << TIME_BITS)
    } else {
        None
    }
}

/// FNV-1a, with the bits mixed: positions are stored, so the function never changes.
fn hash(parts: &[&str]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in parts.join("\n").bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    split_mix_64(&mut hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> Tenant {
        name.parse().unwrap_or_else(|_| Tenant::fallback())
    }

    #[test]
    fn position_names_the_queue_and_the_time() {
        let (a, b, at) = (tenant("a"), tenant("b"), Timestamp(1_767_607_442_118));
        let position = |pipeline, tenant, at| position(pipeline, tenant, Lane::Standard, at);
        let of_a = position("p", &a, at);
        assert_eq!(queued_at(of_a), at);
        assert!(position("p", &a, Timestamp(at.0 + 1)) > of_a);
        let next = next_queue(of_a).unwrap_or(0);
        assert!(next > position("p", &a, Timestamp(at.0 * 2)));
        assert_eq!(queued_at(next), Timestamp(0));
        let queues = [("p", &a), ("p", &b), ("q", &a), ("q", &b)];
        let numbers = queues.map(|(pipeline, tenant)| position(pipeline, tenant, at) >> TIME_BITS);
        for (at, number) in numbers.iter().enumerate() {
            assert!(!numbers[at + 1..].contains(number));
        }
        assert_eq!(next_queue(u64::MAX), None);
        assert_eq!(first_position(next), next);
        assert_eq!(first_position(of_a), first_position(of_a + 1));
    }

    #[test]
    fn position_says_the_lane_and_what_is_urgent() {
        let (tenant, now) = (tenant("acme"), Timestamp(1_767_607_442_118));
        for own in Lane::ALL {
            let position = position("legal-review", &tenant, own, now);
            assert_eq!(lane("legal-review", &tenant, position), own);
            assert!(!is_urgent(position) && position >= AFTER_URGENT);
        }
        let urgent = urgent_position(now);
        assert!(is_urgent(urgent) && urgent < AFTER_URGENT && urgent > now.0);
        assert_eq!(queued_at(urgent), now);
        assert_eq!(next_queue(urgent), Some(AFTER_URGENT));
    }

    /// The hashes of these names are those of the urgent queue, and 0.
    #[test]
    fn no_tenant_has_the_queue_of_urgent_jobs() {
        for name in ["tenant-856859", "tenant-13405283"] {
            let position = position("legal-review", &tenant(name), Lane::Standard, Timestamp(1));
            assert!(position >= AFTER_URGENT, "{name}");
        }
    }

    /// They are stored, so they must not change.
    #[test]
    fn positions_are_the_same_in_every_release() {
        let at = Timestamp(1_767_607_442_118);
        let found = (
            shard("legal-review"),
            position("legal-review", &tenant("acme"), Lane::Standard, at),
        );
        assert_eq!(found, (2, 4_713_806_027_976_153_798));
    }
}
