//! Which version of a model answered: what an endpoint serves, and what it served while an attempt was open.
//!
//! SageMaker's responses and notifications do not name the endpoint configuration. Function `capacity` asks for it every
//! minute and stores what every endpoint serves in one record. The other functions read that record when they start and at
//! most once a minute after that, so a job costs no call for it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tracing::warn;

use crate::event::{Event, EventKind};
use crate::id::{BadId, Timestamp};
use crate::job::Job;
use crate::pipeline::Pipelines;
use crate::ports::{Clock, KeyValueStore, ModelDescription, Record, Unavailable};

/// Hexadecimal digits of the image's digest that are kept: enough to tell the images of one endpoint apart.
const DIGEST_DIGITS: usize = 12;
/// The record is written at least this often, so that its age shows whether it is kept up to date.
const WRITE_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// An older record says nothing about what an endpoint serves now.
const MAX_RECORD_AGE: Duration = Duration::from_secs(15 * 60);
/// How long a function uses what it read. A blue/green update takes longer before the new version answers, so an update is
/// noticed in time.
pub const MAX_CACHE_AGE: Duration = Duration::from_secs(60);

/// The collection of the record.
pub const COLLECTION: &str = "models";
/// The key of the record.
pub const KEY: &str = "served";

/// The version of a model: the name of the endpoint configuration, and the digest of the container image if it is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelVersion {
    /// At most 63 characters. A configuration cannot be changed, so its name identifies the model, its data and its variables.
    endpoint_config: String,
    /// The first twelve hexadecimal digits. It differs between two deployments of the same configuration if its image's tag
    /// was moved.
    image_digest: Option<String>,
}

impl ModelVersion {
    /// From the answer of `DescribeEndpoint`. `image` is `repository@sha256:…`; another form has no digest.
    pub fn new(endpoint_config: &str, image: Option<&str>) -> Self {
        let digest = image.and_then(|image| image.rsplit_once("@sha256:"));
        let digest = digest.and_then(|(_, digits)| digits.get(..DIGEST_DIGITS));
        Self {
            endpoint_config: endpoint_config.to_owned(),
            image_digest: digest.filter(|digits| is_hex(digits)).map(str::to_owned),
        }
    }

    /// An unknown digest agrees with any: SageMaker may not name the image while no instance runs.
    fn agrees_with(&self, other: &Self) -> bool {
        let digests_differ = match (&self.image_digest, &other.image_digest) {
            (Some(own), Some(others)) => own != others,
            (None, _) | (_, None) => false,
        };
        self.endpoint_config == other.endpoint_config && !digests_differ
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.endpoint_config)?;
        self.image_digest
            .as_ref()
            .map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

impl FromStr for ModelVersion {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let (config, digest) = match text.split_once('@') {
            Some((config, digest)) => (config, Some(digest)),
            None => (text, None),
        };
        let is_name = |name: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=63).contains(&name.len()) && name.bytes().all(allowed)
        };
        let is_digest = |digest: &str| digest.len() == DIGEST_DIGITS && is_hex(digest);
        if !is_name(config) || !digest.is_none_or(is_digest) {
            return Err(BadId(text.to_owned()));
        }
        Ok(Self {
            endpoint_config: config.to_owned(),
            image_digest: digest.map(str::to_owned),
        })
    }
}

/// What an endpoint serves, as SageMaker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedModel {
    pub version: ModelVersion,
    /// Another version is being deployed: either may answer.
    pub being_replaced: bool,
}

/// What an endpoint serves, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ServedModel {
    version: ModelVersion,
    /// When it was first seen to serve this version alone.
    since: Timestamp,
    /// What it served before, if that was seen.
    before: Option<ModelVersion>,
    being_replaced: bool,
}

impl ServedModel {
    /// What is known after `described` was seen at `now`.
    fn seen(known: Option<&Self>, described: DescribedModel, now: Timestamp) -> Self {
        let DescribedModel {
            version,
            being_replaced,
        } = described;
        let same = known.filter(|known| known.version.agrees_with(&version));
        // After a deployment that was rolled back it serves the version before again.
        let unchanged = same.filter(|known| being_replaced || !known.being_replaced);
        Self {
            since: unchanged.map_or(now, |known| known.since),
            before: match unchanged {
                Some(known) => known.before.clone(),
                None => known.map(|known| known.version.clone()),
            },
            // A digest that was known stays known.
            version: same
                .filter(|_| version.image_digest.is_none())
                .map_or(version, |known| known.version.clone()),
            being_replaced,
        }
    }

    /// The model of an attempt that was submitted at `submitted_at` and ends now.
    fn of_attempt(&self, submitted_at: Timestamp) -> AttemptModel {
        let before = self.before.as_ref().filter(|_| submitted_at < self.since);
        let other = before.filter(|before| !before.agrees_with(&self.version));
        AttemptModel {
            version: before.unwrap_or(&self.version).clone(),
            other: other.map(|_| self.version.clone()),
            uncertain: self.being_replaced || submitted_at < self.since,
        }
    }
}

/// What the endpoint of every pipeline serves, as last seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServedModels {
    /// When all endpoints were last described.
    at: Timestamp,
    by_pipeline: BTreeMap<String, ServedModel>,
}

impl ServedModels {
    /// What a pipeline's endpoint serves; `None` if that is not known now.
    fn of(&self, pipeline: &str, now: Timestamp) -> Option<&ServedModel> {
        let is_recent = now.since(self.at) <= MAX_RECORD_AGE;
        self.by_pipeline.get(pipeline).filter(|_| is_recent)
    }
}

/// The model of an attempt that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptModel {
    /// What the endpoint served when the attempt was submitted.
    pub version: ModelVersion,
    /// What it served when the outcome was recorded, if that was another version.
    pub other: Option<ModelVersion>,
    /// The version that answered is not certain: the endpoint was updated meanwhile, or what it served was not known.
    pub uncertain: bool,
}

impl Job {
    /// Records the model on the attempts that `event` has ended. `before` is the job before it.
    ///
    /// The row has the time of the submission, and `models` since when the endpoint has served its model. So nothing is stored
    /// before, when the row has no room in its write unit.
    pub(crate) fn record_model(&mut self, before: &Self, event: &Event, models: &ServedModels) {
        let served = models.of(&self.pipeline, self.updated_at);
        for record in &mut self.attempts {
            let earlier = before.attempt(record.attempt);
            let was_open = earlier.is_none_or(|earlier| earlier.closed_at.is_none());
            if record.closed_at.is_none() {
                record.model = None;
            } else if was_open && event.kind() != EventKind::SubmitFailed {
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
    let known = stored.as_ref().map(read).unwrap_or_default();
    let mut seen = ServedModels {
        at: ports.now(),
        ..known.clone()
    };
    for pipeline in pipelines.iter() {
        match ports.served_model(&pipeline.endpoint).await {
            Ok(Some(described)) => {
                let known = known.by_pipeline.get(&pipeline.name);
                let model = ServedModel::seen(known, described, ports.now());
                seen.by_pipeline.insert(pipeline.name.clone(), model);
            }
            Ok(None) => {
                seen.by_pipeline.remove(&pipeline.name);
            }
            Err(error) => {
                warn!(pipeline = pipeline.name, error = %error, "the model of an endpoint is not known");
                seen.at = known.at;
            }
        }
    }
    let is_due = seen.at.since(known.at) >= WRITE_INTERVAL;
    if !is_due && seen.by_pipeline == known.by_pipeline {
        return Ok(());
    }
    let record = Record {
        body: to_text(&seen),
        revision: stored.map_or(0, |stored| stored.revision) + 1,
        expires_at: None,
    };
    // Another run may have written first; it saw the same.
    ports.put(COLLECTION, KEY, &record).await?;
    Ok(())
}

/// One line with the time, then one per pipeline: its name, the version, since when, the version before or `-`, and whether it
/// is being replaced. Text, because code for JSON would make the zip of every function behind a queue larger.
fn to_text(models: &ServedModels) -> String {
    let mut text = models.at.0.to_string();
    for (pipeline, model) in &models.by_pipeline {
        let before = model.before.as_ref().map(ToString::to_string);
        let before = before.as_deref().unwrap_or("-");
        let replaced = if model.being_replaced {
            "replaced"
        } else {
            "stays"
        };
        text.push_str(&format!(
            "\n{pipeline} {} {} {before} {replaced}",
            model.version, model.since.0
        ));
    }
    text
}

/// What was last stored. A record that another release wrote differently counts as none.
pub fn read(record: &Record) -> ServedModels {
    from_text(&record.body).unwrap_or_default()
}

fn from_text(text: &str) -> Option<ServedModels> {
    let time = |text: &str| text.parse().ok().map(Timestamp);
    let mut lines = text.lines();
    let mut models = ServedModels {
        at: time(lines.next()?)?,
        by_pipeline: BTreeMap::new(),
    };
    for line in lines {
        let mut words = line.split(' ');
        let pipeline = words.next()?;
        let model = ServedModel {
            version: words.next()?.parse().ok()?,
            since: time(words.next()?)?,
            before: match words.next()? {
                "-" => None,
                before => Some(before.parse().ok()?),
            },
            being_replaced: words.next()? == "replaced",
        };
        models.by_pipeline.insert(pipeline.to_owned(), model);
    }
    Some(models)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(body: &str) -> Record {
        Record {
            body: body.to_owned(),
            revision: 1,
            expires_at: None,
        }
    }

    #[test]
    fn record_round_trips_and_another_form_of_it_counts_as_none() {
        let model = |before: Option<&str>, being_replaced| ServedModel {
            version: "Legal-2@0f3c5a6b7d8e".parse().unwrap(),
            since: Timestamp(1_767_607_442_118),
            before: before.map(|before| before.parse().unwrap()),
            being_replaced,
        };
        let models = ServedModels {
            at: Timestamp(1_767_607_442_119),
            by_pipeline: BTreeMap::from([
                ("legal-review".to_owned(), model(None, true)),
                ("ocr-batch".to_owned(), model(Some("Ocr-1"), false)),
            ]),
        };
        let text = to_text(&models);
        assert_eq!(read(&record(&text)), models);
        let shorter = text.rsplit_once(' ').unwrap().0;
        for other in ["", "{}", "x\ny", shorter, &text.replace("Ocr-1", "Ocr_1")] {
            assert_eq!(read(&record(other)), ServedModels::default(), "{other}");
        }
    }

    #[test]
    fn model_version_round_trips_and_has_the_digest_of_the_resolved_image() {
        let image = format!(
            "x.dkr.ecr.eu-central-1.amazonaws.com/m@sha256:{}",
            "0f".repeat(32)
        );
        for (image, text) in [
            (Some(image.as_str()), "Legal-1@0f0f0f0f0f0f"),
            (Some("x/m:latest"), "Legal-1"),
            (Some("x/m@sha256:short"), "Legal-1"),
            (None, "Legal-1"),
        ] {
            let version = ModelVersion::new("Legal-1", image);
            assert_eq!(version.to_string(), text);
            assert_eq!(text.parse(), Ok(version));
        }
        for bad in [
            "",
            "@0f0f0f0f0f0f",
            "a b",
            "Legal-1@0f",
            "Legal-1@0f0f0f0f0f0g",
            &"x".repeat(64),
        ] {
            assert!(bad.parse::<ModelVersion>().is_err(), "{bad}");
        }
    }
}
