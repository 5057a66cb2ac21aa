//! Virtual time, in milliseconds since the start of a history.

/// The wall clock at the start of every history, in milliseconds since 1970 UTC.
pub(crate) const START: u64 = 1_767_607_442_118;
pub(crate) const SECOND: u64 = 1000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
