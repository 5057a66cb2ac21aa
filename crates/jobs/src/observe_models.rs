//! Asks what every endpoint serves, and records on attempts which model answered.

use std::time::Duration;

use tracing::warn;

use crate::event::{Event, EventKind};
use crate::job::Job;
use crate::model_version::{COLLECTION, KEY, ServedModel, ServedModels};
use crate::pipeline::Pipelines;
use crate::ports::{Clock, KeyValueStore, ModelDescription, Record, Unavailable};

/// The record is written at least this often, so that its age shows whether it is kept up to date.
const WRITE_INTERVAL: Duration = Duration::from_secs(5 * 60);

impl Job {
    /// Records the model on the attempts that `event` has ended. `before` is the job before it.
    ///
    /// Nothing is stored while an attempt runs: the row has no room for it in its write unit. When the attempt has ended, the model
    /// follows from its start, and from `models`, which says since when the endpoint has served which model.
    pub(crate) fn record_model(&mut self, before: &Self, event: &Event, models: &ServedModels) {
        for record in &mut self.attempts {
            let earlier = before.attempt(record.attempt);
            let was_open = earlier.is_none_or(|earlier| earlier.closed_at.is_none());
            if record.closed_at.is_none() {
                record.model = None;
            } else if was_open && event.kind() != EventKind::SubmitFailed {
                let served = models.of(&self.pipeline, self.updated_at);
                record.model = served.map(|served| served.of_attempt(record.started_at));
            }
        }
    }
}

/// Asks for what every pipeline's endpoint serves, and stores it.
///
/// An endpoint that does not answer keeps what was last stored; the record then keeps its age.
///
/// # Errors
/// If the store does not answer.
pub async fn observe<P>(ports: &P, pipelines: &Pipelines) -> Result<(), Unavailable>
where
    P: ModelDescription + KeyValueStore + Clock,
{
    let stored = ports.get(COLLECTION, KEY).await?;
    let known = stored
        .as_ref()
        .map(|record| ServedModels::from_text(record.body.clone()));
    let known = known.unwrap_or_default();
    let now = ports.now();
    let mut at = now;
    let mut lines = String::new();
    for pipeline in pipelines.iter() {
        let last = known.last_of(&pipeline.name);
        let served = match ports.served_model(&pipeline.endpoint).await {
            Ok(described) => described.map(|it| ServedModel::seen(last.as_ref(), it, now)),
            Err(error) => {
                warn!(pipeline = pipeline.name, error = %error, "the model of an endpoint is not known");
                at = known.at();
                last
            }
        };
        if let Some(served) = served {
            lines.push('\n');
            lines.push_str(&pipeline.name);
            lines.push_str(&served.to_text());
        }
    }
    let is_due = at.since(known.at()) >= WRITE_INTERVAL;
    let is_same = known.lines() == lines.trim_start();
    if !is_due && is_same {
        return Ok(());
    }
    let record = Record {
        body: format!("{}{lines}", at.0),
        revision: stored.map_or(0, |stored| stored.revision) + 1,
        expires_at: None,
    };
    // Another run may have written first; it saw the same.
    ports.put(COLLECTION, KEY, &record).await?;
    Ok(())
}
