//! Which instance type a new instance gets, and after how long.

use super::Endpoint;
use crate::Millis;

/// How long SageMaker takes to try all instance types of an endpoint once. An assumption: it documents the order, not the
/// pace.
const CAPACITY_ROUND: Millis = Millis::from_secs(60);

impl<R> Endpoint<R> {
    /// Tries the instance types in the order of their priority, from 1, and all again, until one has capacity or
    /// `VariantInstanceProvisionTimeoutInSeconds` is over (SageMaker developer guide, "Deploy to multiple instance types
    /// with instance pools"). Returns the priority of the type that has capacity, and the time of the search.
    pub(super) fn find_capacity(&mut self) -> (Option<u32>, Millis) {
        let mut searched = Millis::ZERO;
        loop {
            for priority in 1..=self.settings.instance_types.max(1) {
                if !self.faults.no_capacity.occurs(&mut self.rng) {
                    return (Some(priority), searched);
                }
            }
            searched = searched + CAPACITY_ROUND;
            if searched >= self.settings.provision_timeout {
                return (None, searched);
            }
        }
    }
}
