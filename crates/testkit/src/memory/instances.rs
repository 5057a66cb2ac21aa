//! The instances of endpoints, in memory: they change at once.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use super::{Memory, MemoryState};
use jobs::model_version::{COLLECTION, DescribedModel, KEY, ServedModels};
use jobs::ports::{
    EndpointInstances, InstanceControl, InstancesResponse, KnownModels, ModelDescription, Sleep,
    Unavailable,
};

impl InstanceControl for Memory {
    async fn instances(&self, endpoint: &str) -> Result<Option<EndpointInstances>, Unavailable> {
        self.operation("instances", |state| state.instances.get(endpoint).copied())
    }

    async fn set_instances(
        &self,
        endpoint: &str,
        instances: u32,
    ) -> Result<InstancesResponse, Unavailable> {
        self.operation("set_instances", |state: &mut MemoryState| {
            state.instances_asked.push((endpoint.to_owned(), instances));
            match state.instances.get_mut(endpoint) {
                Some(found) if !found.updating => {
                    found.desired = instances;
                    found.in_service = found.in_service.min(instances);
                    found.updating = found.in_service < instances;
                    InstancesResponse::Accepted
                }
                Some(_) | None => {
                    InstancesResponse::Refused("ValidationException: Updating".to_owned())
                }
            }
        })
    }
}

impl ModelDescription for Memory {
    async fn served_model(&self, endpoint: &str) -> Result<Option<DescribedModel>, Unavailable> {
        self.operation("served_model", |state| {
            state.served_models.get(endpoint).cloned()
        })
    }
}

/// Read each time, without a cache.
impl KnownModels for Memory {
    async fn known_models(&self) -> ServedModels {
        let read = |state: &mut MemoryState| state.records.get(COLLECTION, KEY);
        let record = self.operation("read_models", read).ok().flatten();
        record
            .map(|record| ServedModels::from_text(record.body))
            .unwrap_or_default()
    }
}

/// The time moves on at once. Other tasks get a turn, and may do what happens meanwhile.
impl Sleep for Memory {
    async fn sleep(&self, duration: Duration) {
        {
            let mut state = self.state();
            state.now = state.now.plus(duration);
        }
        let mut has_yielded = false;
        poll_fn(|context| {
            if std::mem::replace(&mut has_yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}
