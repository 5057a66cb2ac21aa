//! Which version of a model answered: what an endpoint serves, and what it served while an attempt was open.
//!
//! SageMaker's responses and notifications do not name the endpoint configuration. Function `capacity` asks for it every
//! minute and stores what every endpoint serves in one record. The other functions read that record when they start and at
//! most once a minute after that, so a job costs no call for it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::id::{BadId, Timestamp};

/// Hexadecimal digits of the image's digest that are kept: enough to tell the images of one endpoint apart.
const DIGEST_DIGITS: usize = 12;
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
pub(crate) struct ServedModel {
    version: ModelVersion,
    /// When it was first seen to serve this version alone.
    since: Timestamp,
    /// What it served before, if that was seen.
    before: Option<ModelVersion>,
    being_replaced: bool,
}

impl ServedModel {
    /// What is known after `described` was seen at `now`.
    pub(crate) fn seen(known: Option<&Self>, described: DescribedModel, now: Timestamp) -> Self {
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

    pub(crate) fn to_text(&self) -> String {
        let before = self.before.as_ref().map(ToString::to_string);
        format!(
            " {} {} {} {}",
            self.version,
            self.since.0,
            before.as_deref().unwrap_or("-"),
            if self.being_replaced {
                "replaced"
            } else {
                "stays"
            }
        )
    }

    /// `None` for what another release wrote differently.
    fn from_text(text: &str) -> Option<Self> {
        let mut words = text.strip_prefix(' ')?.split(' ');
        Some(Self {
            version: words.next()?.parse().ok()?,
            since: time(words.next()?)?,
            before: match words.next()? {
                "-" => None,
                before => Some(before.parse().ok()?),
            },
            being_replaced: words.next()? == "replaced",
        })
    }

    /// The model of an attempt that was submitted at `submitted_at` and ends now.
    pub(crate) fn of_attempt(&self, submitted_at: Timestamp) -> AttemptModel {
        let before = self.before.as_ref().filter(|_| submitted_at < self.since);
        let other = before.filter(|before| !before.agrees_with(&self.version));
        AttemptModel {
            version: before.unwrap_or(&self.version).clone(),
            other: other.map(|_| self.version.clone()),
            uncertain: self.being_replaced || submitted_at < self.since,
        }
    }
}

/// What the endpoint of every pipeline serves, as last seen: one line with the time, then one per pipeline with its name, the
/// version, since when, the version before or `-`, and whether it is being replaced.
///
/// It stays text until a pipeline is asked for: code for JSON and maps would make the zip of every function behind a queue
/// larger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServedModels {
    text: String,
}

impl ServedModels {
    /// From the body of the record.
    pub const fn from_text(text: String) -> Self {
        Self { text }
    }

    /// The lines of the pipelines.
    pub(crate) fn lines(&self) -> &str {
        self.text.split_once('\n').map_or("", |(_, lines)| lines)
    }

    /// When all endpoints were last described.
    pub(crate) fn at(&self) -> Timestamp {
        let line = self.text.lines().next();
        line.and_then(time).unwrap_or_default()
    }

    /// What a pipeline's endpoint serves; `None` if that is not known now.
    pub(crate) fn of(&self, pipeline: &str, now: Timestamp) -> Option<ServedModel> {
        let is_recent = now.since(self.at()) <= MAX_RECORD_AGE;
        self.last_of(pipeline).filter(|_| is_recent)
    }

    /// What it was last seen to serve.
    pub(crate) fn last_of(&self, pipeline: &str) -> Option<ServedModel> {
        let mut lines = self.text.lines();
        lines.find_map(|line| ServedModel::from_text(line.strip_prefix(pipeline)?))
    }
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().map(Timestamp)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_a_pipeline_round_trips_and_another_form_of_it_counts_as_none() {
        let model = |before: Option<&str>, being_replaced| ServedModel {
            version: "Legal-2@0f3c5a6b7d8e".parse().unwrap(),
            since: Timestamp(1_767_607_442_118),
            before: before.map(|before| before.parse().unwrap()),
            being_replaced,
        };
        let (legal, ocr) = (model(None, true), model(Some("Ocr-1"), false));
        let text = format!(
            "1767607442119\nlegal{}\nlegal-review{}",
            legal.to_text(),
            ocr.to_text()
        );
        let models = ServedModels { text };
        assert_eq!(models.at(), Timestamp(1_767_607_442_119));
        assert_eq!(models.last_of("legal"), Some(legal.clone()));
        assert_eq!(models.last_of("legal-review"), Some(ocr.clone()));
        assert_eq!(models.last_of("ocr-batch"), None);
        let text = ocr.to_text();
        let shorter = text.rsplit_once(' ').unwrap().0;
        for other in ["", "{}", shorter, &text.replace("Ocr-1", "Ocr_1")] {
            assert_eq!(ServedModel::from_text(other), None, "{other}");
        }
        assert_eq!(ServedModels::default().at(), Timestamp(0));
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
