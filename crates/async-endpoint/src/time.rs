//! Time as the model knows it: whole milliseconds, handed in by whoever drives it.

use std::ops::{Add, Sub};

/// A moment (milliseconds since the driver's start) or a span (milliseconds).
///
/// One type serves both: the model only adds spans to moments and compares moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(
    /// Milliseconds.
    pub u64,
);

impl Millis {
    /// No time at all, and the moment a driver starts at.
    pub const ZERO: Self = Self(0);

    /// A span of whole seconds, the unit in which AWS states its limits.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1000)
    }

    /// The span since `earlier`, or zero if `earlier` lies ahead.
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Millis {
    type Output = Self;
    fn add(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub for Millis {
    type Output = Self;
    fn sub(self, span: Self) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}
