//! Time in the model: whole milliseconds, passed in by the driver.

use std::ops::{Add, Sub};

/// A point in time (milliseconds since the driver's start) or a duration (milliseconds).
///
/// One type serves both: the model only adds durations to points in time and compares points in
/// time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

impl Millis {
    /// An empty duration; also the time at which a driver starts.
    pub const ZERO: Self = Self(0);

    /// A duration in whole seconds, the unit in which AWS states its limits.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1000)
    }

    /// The duration since `earlier`, or zero if `earlier` is in the future.
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Millis {
    type Output = Self;
    fn add(self, duration: Self) -> Self {
        Self(self.0.saturating_add(duration.0))
    }
}

impl Sub for Millis {
    type Output = Self;
    fn sub(self, duration: Self) -> Self {
        Self(self.0.saturating_sub(duration.0))
    }
}
