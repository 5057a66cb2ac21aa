//! What can go wrong, from a seed: the same seed and the same inputs give the same faults.

use crate::Millis;

/// A small deterministic generator (SplitMix64). Not for secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng(u64);

impl Rng {
    /// A generator whose whole sequence follows from `seed`.
    pub const fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..=most`. The bias of the remainder does not matter at these sizes.
    pub fn up_to(&mut self, most: u64) -> u64 {
        match most.checked_add(1) {
            Some(count) => self.next_u64() % count,
            None => self.next_u64(),
        }
    }
}

/// How often one kind of fault strikes: a chance in a million, and optionally a number of times.
///
/// A fault that can never strike draws no random number, so switching one kind off leaves the
/// sequence of the others alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    per_million: u32,
    left: Option<u32>,
}

impl Default for Fault {
    fn default() -> Self {
        Self::NEVER
    }
}

impl Fault {
    /// Does not happen.
    pub const NEVER: Self = Self::per_million(0);
    /// Happens every time.
    pub const ALWAYS: Self = Self::per_million(1_000_000);

    /// Happens with this chance in a million; a million or more is always.
    pub const fn per_million(chance: u32) -> Self {
        Self {
            per_million: chance,
            left: None,
        }
    }

    /// Happens with this chance in a hundred.
    pub const fn percent(chance: u32) -> Self {
        Self::per_million(chance.saturating_mul(10_000))
    }

    /// The same, but at most `n` times; then never again.
    pub const fn times(self, n: u32) -> Self {
        Self {
            per_million: self.per_million,
            left: Some(n),
        }
    }

    /// Decides one occasion.
    pub(crate) fn strikes(&mut self, rng: &mut Rng) -> bool {
        if self.per_million == 0 || self.left == Some(0) {
            return false;
        }
        let hit = self.per_million >= 1_000_000 || rng.up_to(999_999) < u64::from(self.per_million);
        if hit && let Some(left) = &mut self.left {
            *left -= 1;
        }
        hit
    }
}

/// Everything an endpoint can do wrong. The default is an endpoint that does nothing wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A result notification is never published.
    pub lose_notification: Fault,
    /// A result notification is published twice.
    pub double_notification: Fault,
    /// A result notification (each copy by itself) is published late.
    pub delay_notification: Fault,
    /// The longest delay of a late one; the delay is even between nothing and this.
    pub longest_delay: Millis,
    /// The instance that an invocation starts on dies: its running requests go back to the queue.
    pub kill_instance: Fault,
    /// The instance dies at a moment even between the start and this.
    pub kill_within: Millis,
    /// An invoke call is answered with a throttling error.
    pub throttle_invoke: Fault,
    /// An invoke call is answered with `ServiceUnavailable`.
    pub refuse_invoke: Fault,
    /// An invoke call is answered with `InternalFailure`.
    pub break_invoke: Fault,
    /// An invoke call is accepted, but its reply never arrives: the caller cannot know.
    pub lose_invoke_reply: Fault,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_it_says() {
        let mut rng = Rng::from_seed(7);
        let mut quarter = Fault::percent(25);
        let hits = (0..40_000).filter(|_| quarter.strikes(&mut rng)).count();
        assert!((9_500..10_500).contains(&hits), "{hits} of 40000");
        let mut twice = Fault::ALWAYS.times(2);
        let hits: Vec<bool> = (0..4).map(|_| twice.strikes(&mut rng)).collect();
        assert_eq!(hits, [true, true, false, false]);
    }

    #[test]
    fn a_fault_that_is_off_draws_nothing() {
        let mut rng = Rng::from_seed(7);
        let before = rng.clone();
        let (mut never, mut used_up) = (Fault::NEVER, Fault::ALWAYS.times(0));
        assert!(!never.strikes(&mut rng) && !used_up.strikes(&mut rng));
        assert_eq!(rng, before);
    }
}
