//! The instances of an endpoint, and waiting between two looks at them.

use std::time::Duration;

use super::Unavailable;

/// An endpoint's instances and their limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointInstances {
    pub in_service: u32,
    /// The number that was last asked for.
    pub desired: u32,
    /// The minimum now: warm hours raise it.
    pub min: u32,
    pub max: u32,
    /// Runs that an instance does at the same time. At least 1.
    pub concurrent_runs: u32,
    /// The endpoint is not `InService`, so it rejects a change.
    pub updating: bool,
}

impl EndpointInstances {
    /// Instances that were asked for and are not in service yet.
    pub const fn starting(&self) -> u32 {
        self.desired.saturating_sub(self.in_service)
    }
}

/// The response to a request for a number of instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstancesResponse {
    Accepted,
    /// The endpoint is updating or gone, or the number does not fit. Nothing has changed.
    Refused(String),
}

pub trait InstanceControl {
    /// An endpoint's instances; `None` if there is no such endpoint or it has no limits.
    async fn instances(&self, endpoint: &str) -> Result<Option<EndpointInstances>, Unavailable>;
    /// Asks for a number of instances. Asking again for the same number changes nothing.
    async fn set_instances(
        &self,
        endpoint: &str,
        instances: u32,
    ) -> Result<InstancesResponse, Unavailable>;
}

pub trait Sleep {
    async fn sleep(&self, duration: Duration);
}
