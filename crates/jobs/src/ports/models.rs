//! The model that an endpoint serves.

use super::Unavailable;
use crate::model_version::{DescribedModel, ServedModels};

pub trait ModelDescription {
    /// Asks what an endpoint serves; `None` if there is no such endpoint.
    async fn served_model(&self, endpoint: &str) -> Result<Option<DescribedModel>, Unavailable>;
}

pub trait KnownModels {
    /// What the endpoints serve, as stored at most [`crate::model_version::MAX_CACHE_AGE`] ago. If that cannot be read, nothing
    /// is known: no job waits for it.
    async fn known_models(&self) -> ServedModels;
}
