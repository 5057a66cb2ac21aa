//! What the endpoints serve, as function `capacity` stored it: `KnownModels`.

use std::sync::PoisonError;

use jobs::id::Timestamp;
use jobs::model_version::{COLLECTION, KEY, MAX_CACHE_AGE, ServedModels};
use jobs::ports::{Clock, KeyValueStore, KnownModels};

use super::Aws;
use crate::config::{Environment, Has, variable};

/// The models that were last read, and when.
pub(super) type CachedModels = Option<(Timestamp, ServedModels)>;

impl<E: Environment + Has<variable::RecordsTable>> KnownModels for Aws<E> {
    async fn known_models(&self) -> ServedModels {
        let now = self.now();
        // The lock is not held across the call: of two readers at once, both read.
        let cached = || self.models.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read_at, models)) = &*cached()
            && now.since(*read_at) < MAX_CACHE_AGE
        {
            return models.clone();
        }
        // `unavailable` has logged an error. It is not tried again for a minute.
        let record = self.get(COLLECTION, KEY).await.ok().flatten();
        let models = record
            .map(|record| ServedModels::from_text(record.body))
            .unwrap_or_default();
        *cached() = Some((now, models.clone()));
        models
    }
}
