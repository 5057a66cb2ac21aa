//! Fault injection from a seed: the same seed and the same inputs give the same faults.

use crate::Millis;

/// A small deterministic random number generator (SplitMix64). Not for secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng(u64);

impl Rng {
    /// A generator whose sequence depends on `seed` alone.
    pub const fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..=max`. The bias of the remainder does not matter at these sizes.
    #[inline]
    pub fn up_to(&mut self, max: u64) -> u64 {
        match max.checked_add(1) {
            Some(count) => self.next_u64() % count,
            None => self.next_u64(),
        }
    }
}

/// How often one kind of fault occurs: a probability in parts per million, and optionally a maximum
/// number of times.
///
/// A fault that can never occur draws no random number, so switching one kind off does not change
/// the sequence of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultRate {
    per_million: u32,
    times_left: Option<u32>,
}

impl Default for FaultRate {
    fn default() -> Self {
        Self::NEVER
    }
}

impl FaultRate {
    pub const NEVER: Self = Self::per_million(0);
    pub const ALWAYS: Self = Self::per_million(1_000_000);

    /// Occurs with a probability of `n` in a million; a million or more means always.
    pub const fn per_million(n: u32) -> Self {
        Self {
            per_million: n,
            times_left: None,
        }
    }

    /// Occurs with a probability of `n` percent.
    pub const fn percent(n: u32) -> Self {
        Self::per_million(n.saturating_mul(10_000))
    }

    /// The same, but at most `n` times.
    pub const fn times(self, n: u32) -> Self {
        Self {
            per_million: self.per_million,
            times_left: Some(n),
        }
    }

    /// Decides whether the fault occurs this time.
    pub(crate) fn occurs(&mut self, rng: &mut Rng) -> bool {
        if self.per_million == 0 || self.times_left == Some(0) {
            return false;
        }
        let hit = self.per_million >= 1_000_000 || rng.up_to(999_999) < u64::from(self.per_million);
        if hit && let Some(left) = &mut self.times_left {
            *left -= 1;
        }
        hit
    }
}

/// The faults of an endpoint. The default has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A notification is never published.
    pub lose_notification: FaultRate,
    /// A notification is published twice.
    pub duplicate_notification: FaultRate,
    /// A notification (each copy on its own) is published late.
    pub delay_notification: FaultRate,
    /// Delays are uniform between zero and this.
    pub max_notification_delay: Millis,
    /// The instance on which an invocation starts is lost; its running requests go back to the queue.
    pub kill_instance: FaultRate,
    /// The instance is lost after a delay that is uniform between zero and this.
    pub max_kill_delay: Millis,
    /// AWS has no capacity of an instance type when SageMaker asks for an instance of it.
    pub no_capacity: FaultRate,
    /// `InvokeEndpointAsync` returns `ThrottlingException`.
    pub invoke_throttled: FaultRate,
    /// `InvokeEndpointAsync` returns `ServiceUnavailable`.
    pub invoke_unavailable: FaultRate,
    /// `InvokeEndpointAsync` returns `InternalFailure`.
    pub invoke_internal_failure: FaultRate,
    /// The request is accepted, but the 202 is lost: the caller cannot tell whether it was queued.
    pub lose_invoke_response: FaultRate,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_occurs_with_its_probability_and_at_most_its_number_of_times() {
        let mut rng = Rng::from_seed(7);
        let mut quarter = FaultRate::percent(25);
        let hits = (0..40_000).filter(|_| quarter.occurs(&mut rng)).count();
        assert!((9_500..10_500).contains(&hits), "{hits} of 40000");
        let mut twice = FaultRate::ALWAYS.times(2);
        let hits: Vec<bool> = (0..4).map(|_| twice.occurs(&mut rng)).collect();
        assert_eq!(hits, [true, true, false, false]);
    }

    #[test]
    fn disabled_fault_draws_no_random_number() {
        let mut rng = Rng::from_seed(7);
        let before = rng.clone();
        let (mut never, mut used_up) = (FaultRate::NEVER, FaultRate::ALWAYS.times(0));
        assert!(!never.occurs(&mut rng) && !used_up.occurs(&mut rng));
        assert_eq!(rng, before);
    }
}
