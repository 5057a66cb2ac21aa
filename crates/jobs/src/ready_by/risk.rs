//! Whether a job will be ready within its SLO.

use std::time::Duration;

use super::{Basis, Estimate};
use crate::id::Timestamp;

/// Whether a job will probably be ready later than its SLO: the estimate's latest time is later, or three quarters of the
/// SLO are over, which is early enough for an operator to still help. Where the instances are not counted, the latest time
/// is so late that most jobs would be at risk; the estimate itself counts then.
pub fn is_at_risk(
    submitted_at: Timestamp,
    slo: Duration,
    estimate: Option<&Estimate>,
    now: Timestamp,
) -> bool {
    let is_late = estimate.is_some_and(|estimate| {
        let expected = match estimate.basis {
            Basis::InferredInstances => estimate.about,
            Basis::Measured | Basis::AssumedDurations | Basis::NextCheck => estimate.latest,
        };
        expected > submitted_at.plus(slo)
    });
    is_late || now.since(submitted_at) >= slo * 3 / 4
}
