//! When documents arrive, and how long their runs take.

use std::ops::RangeInclusive;

use crate::settings::WarmHours;

pub(crate) const SECOND: u64 = 1000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

/// Days that are drawn, fewer if they have very many documents.
const DAYS: u32 = 10;
const MAX_DRAWN_DOCUMENTS: u32 = 20_000;
/// The duration of a run, in percent of the given one.
const RUN_PERCENT: RangeInclusive<u64> = 67..=133;

/// A document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub at_ms: u64,
    /// How long the model takes for it.
    pub run_ms: u64,
}

/// A few numbers that describe a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    pub documents_per_day: u32,
    /// Documents that arrive together, at least 1.
    pub burst: u32,
    /// The longest time between the first and the last document of a burst.
    pub burst_seconds: u32,
    pub run_seconds: u32,
    /// The hours in which documents arrive.
    pub hours: WarmHours,
}

impl Demand {
    /// How many days [`Self::arrivals`] draws.
    pub fn days(&self) -> u32 {
        (MAX_DRAWN_DOCUMENTS / self.documents_per_day.max(1)).clamp(1, DAYS)
    }

    /// The arrivals of [`Self::days`] days, the earliest first. Bursts begin at random in equal parts of the hours, and
    /// last `burst_seconds` at most. Runs take 67 to 133 % of `run_seconds`.
    pub fn arrivals(&self, seed: u64) -> Vec<Arrival> {
        let mut random = Random(seed);
        let from = u64::from(self.hours.from) * MINUTE;
        let open = u64::from(self.hours.until) * MINUTE - from;
        let burst = self.burst.max(1);
        let bursts = self.documents_per_day.div_ceil(burst);
        let mut arrivals = Vec::new();
        for day in 0..self.days() {
            for number in 0..bursts {
                let part = open / u64::from(bursts);
                let lasts = (u64::from(self.burst_seconds) * SECOND).min(part);
                let begin = u64::from(number) * open / u64::from(bursts);
                let start = begin + random.up_to(part - lasts);
                let size = burst.min(self.documents_per_day - number * burst);
                for _ in 0..size {
                    let within = if size == 1 { 0 } else { random.up_to(lasts) };
                    let percent = random.within(&RUN_PERCENT);
                    arrivals.push(Arrival {
                        at_ms: u64::from(day) * DAY + from + start + within,
                        run_ms: u64::from(self.run_seconds) * SECOND * percent / 100,
                    });
                }
            }
        }
        arrivals.sort_by_key(|arrival| arrival.at_ms);
        arrivals
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same seed gives the same numbers.
struct Random(u64);

impl Random {
    const fn within(&mut self, range: &RangeInclusive<u64>) -> u64 {
        *range.start() + self.up_to(*range.end() - *range.start())
    }

    /// A number from 0 to `max`.
    const fn up_to(&mut self, max: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % (max + 1)
    }
}
