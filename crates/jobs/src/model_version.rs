//! Which version of a model answered: what an endpoint serves, and what it served while an attempt was open.
//!
//! SageMaker's responses and notifications do not name the endpoint configuration. Function `capacity` asks for it every
//! minute and stores what every endpoint serves in one record. The other functions read that record when they start and at
//! most once a minute after that, so a job costs no call for it.
//!
//! The row of an open attempt says by a [`ModelTag`] to which version it was sent. When the attempt ends, the version takes its
//! place, and is uncertain if the endpoint serves another one then.

mod served;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::id::BadId;
use crate::random::fnv_1a;

pub(crate) use served::ServedModel;
pub use served::ServedModels;

/// Hexadecimal digits of the image's digest that are kept: enough to tell the images of one endpoint apart.
const DIGEST_DIGITS: usize = 12;
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

    pub fn tag(&self) -> ModelTag {
        ModelTag(fnv_1a(&self.to_string()))
    }

    /// Whether the tag is of this version, also if its digest was not known then.
    fn has_tag(&self, tag: ModelTag) -> bool {
        tag == self.tag() || tag == ModelTag(fnv_1a(&self.endpoint_config))
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

/// Stands for a version in the row of an open attempt, which has no room for its name: a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelTag(pub u32);

/// What an endpoint serves, as SageMaker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedModel {
    pub version: ModelVersion,
    /// Another version is being deployed: either may answer.
    pub being_replaced: bool,
}

/// The model of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptModel {
    /// What the endpoint served when the attempt was submitted.
    pub version: ModelVersion,
    /// What it served when the outcome was recorded, or serves now while the attempt is open, if that is another version.
    pub other: Option<ModelVersion>,
    /// The version that answered is not certain: the endpoint was updated meanwhile, or what it served was not known.
    pub uncertain: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_of_a_version_is_that_of_its_configuration_until_its_digest_is_known() {
        let known: ModelVersion = "Legal-1@0f3c5a6b7d8e".parse().unwrap();
        let unknown = ModelVersion::new("Legal-1", None);
        assert_ne!(known.tag(), unknown.tag());
        assert!(known.has_tag(unknown.tag()) && known.has_tag(known.tag()));
        assert!(!unknown.has_tag(known.tag()));
        let other: ModelVersion = "Legal-1@ffffffffffff".parse().unwrap();
        assert!(!other.has_tag(known.tag()));
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
