//! Asks what every endpoint serves, and records on attempts which model answered.

use std::time::Duration;

use tracing::warn;

use crate::event::{Event, EventKind};
use crate::id::Timestamp;
use crate::job::Job;
use crate::model_version::{COLLECTION, KEY, ServedModel, ServedModels};
use crate::pipeline::Pipelines;
use crate::ports::{Clock, KeyValueStore, ModelDescription, Record, Unavailable};

/// The record is written at least this often, so that its age shows whether it is kept up to date.
const WRITE_INTERVAL: Duration = Duration::from_secs(5 * 60);

impl Job {
    /// Records the tag of the model on the attempts that `event` has begun, and the model on those that it has ended. `before` is
    /// the job before it.
    pub(crate) fn record_model(
        &mut self,
        before: Option<&Self>,
        event: &Event,
        models: &ServedModels,
    ) {
        let now = self.updated_at;
        for record in &mut self.attempts {
            let earlier = before.and_then(|before| before.attempt(record.attempt));
            let was_open = earlier.is_none_or(|earlier| earlier.closed_at.is_none());
            if record.closed_at.is_none() {
                record.model = None;
                let begins = earlier.is_none_or(|it| it.started_at != record.started_at);
                // Of two runs, the first may be the one that answers.
                let is_kept = record.may_run_twice && record.model_tag.is_some();
                if begins && !is_kept {
                    record.model_tag = models.tag_of(&self.pipeline, now);
                }
                continue;
            }
            let tag = record.model_tag.take();
            if was_open && event.kind() != EventKind::SubmitFailed {
                record.model = models.of_attempt(&self.pipeline, record.started_at, tag, now);
            }
        }
    }

    /// Names the models of the attempts that are open, which their row names by tags. Only for views: a save would store it.
    pub fn name_models(&mut self, models: &ServedModels, now: Timestamp) {
        if !self.has_model_tag() {
            return;
        }
        let pipeline = &self.pipeline;
        for record in &mut self.attempts {
            let tag = record.model_tag.filter(|tag| models.names(pipeline, *tag));
            if tag.is_some() {
                record.model = models.of_attempt(pipeline, record.started_at, tag, now);
            }
        }
    }

    /// Whether it is open and an attempt names its model by a tag. After a cancellation an attempt keeps its tag, since nothing says
    /// when it ends.
    pub fn has_model_tag(&self) -> bool {
        let mut attempts = self.attempts.iter();
        self.state.is_open() && attempts.any(|record| record.model_tag.is_some())
    }
}

/// Reads what the endpoints serve.
///
/// # Errors
/// If the store does not answer.
pub async fn load<P: KeyValueStore>(ports: &P) -> Result<ServedModels, Unavailable> {
    let record = ports.get(COLLECTION, KEY).await?;
    let text = record.map(|record| record.body);
    Ok(text.map(ServedModels::from_text).unwrap_or_default())
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
