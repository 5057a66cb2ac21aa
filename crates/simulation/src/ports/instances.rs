//! The ports that only function `capacity` uses.

use std::time::Duration;

use jobs::ports::{EndpointInstances, InstanceControl, InstancesResponse, Sleep, Unavailable};

use super::call::Ports;

impl InstanceControl for Ports {
    async fn instances(&self, endpoint: &str) -> Result<Option<EndpointInstances>, Unavailable> {
        self.call("describe endpoint", |simulation| {
            simulation.instances(endpoint)
        })
        .await
    }

    async fn set_instances(
        &self,
        endpoint: &str,
        instances: u32,
    ) -> Result<InstancesResponse, Unavailable> {
        self.call("set instances", |simulation| {
            simulation.set_instances(endpoint, instances)
        })
        .await
    }
}

impl Sleep for Ports {
    async fn sleep(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.wait(millis).await;
    }
}
