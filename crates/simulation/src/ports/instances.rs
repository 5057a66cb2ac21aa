//! The ports that only function `capacity` uses, and what it stores about models.

use std::time::Duration;

use jobs::model_version::{COLLECTION, DescribedModel, KEY, ModelVersion, ServedModels};
use jobs::ports::{
    EndpointInstances, InstanceControl, InstancesResponse, KnownModels, ModelDescription, Sleep,
    Unavailable,
};

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

impl ModelDescription for Ports {
    async fn served_model(&self, endpoint: &str) -> Result<Option<DescribedModel>, Unavailable> {
        Ok(Some(DescribedModel {
            version: ModelVersion::new(endpoint, None),
            being_replaced: false,
        }))
    }
}

/// Read without a call: functions read it when they start, and go on without it.
impl KnownModels for Ports {
    async fn known_models(&self) -> ServedModels {
        let simulation = self.simulation.borrow();
        let record = simulation.records.get(COLLECTION, KEY);
        record
            .map(|record| ServedModels::from_text(record.body))
            .unwrap_or_default()
    }
}

impl Sleep for Ports {
    async fn sleep(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.wait(millis).await;
    }
}
