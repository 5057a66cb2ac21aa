//! What the endpoints serve, and what they served before.

use std::time::Duration;

use super::{AttemptModel, DescribedModel, ModelTag, ModelVersion};
use crate::id::Timestamp;

/// Earlier versions of an endpoint that the record names: as many as may be deployed while an attempt is open.
const MAX_EARLIER: usize = 4;
/// An older record says nothing about what an endpoint serves now.
const MAX_RECORD_AGE: Duration = Duration::from_secs(15 * 60);

/// What an endpoint serves, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServedModel {
    version: ModelVersion,
    /// When it was first seen to serve this version alone.
    since: Timestamp,
    /// What it was seen to serve before, newest first.
    before: Vec<ModelVersion>,
    being_replaced: bool,
}

impl ServedModel {
    /// The model after SageMaker described it at `now`.
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
            before: unchanged.map_or_else(
                || known.map(Self::as_earlier).unwrap_or_default(),
                |known| known.before.clone(),
            ),
            // A digest that was known stays known.
            version: same
                .filter(|_| version.image_digest.is_none())
                .map_or(version, |known| known.version.clone()),
            being_replaced,
        }
    }

    /// The version that it serves, and those before, newest first.
    fn versions(&self) -> impl Iterator<Item = &ModelVersion> {
        std::iter::once(&self.version).chain(&self.before)
    }

    /// The earlier versions once another version is served, or the same one again after a rollback.
    fn as_earlier(&self) -> Vec<ModelVersion> {
        let mut earlier: Vec<ModelVersion> = self.versions().cloned().collect();
        earlier.dedup();
        earlier.truncate(MAX_EARLIER);
        earlier
    }

    /// The version with this tag, if it is among those that are known.
    fn with_tag(&self, tag: ModelTag) -> Option<&ModelVersion> {
        self.versions().find(|version| version.has_tag(tag))
    }

    pub(crate) fn to_text(&self) -> String {
        let mut before = self.before.iter().map(ToString::to_string);
        let mut text = format!(
            " {} {} {} {}",
            self.version,
            self.since.0,
            before.next().as_deref().unwrap_or("-"),
            if self.being_replaced {
                "replaced"
            } else {
                "stays"
            }
        );
        before.for_each(|earlier| {
            text.push(' ');
            text.push_str(&earlier);
        });
        text
    }

    /// `None` for what another release wrote differently.
    fn from_text(text: &str) -> Option<Self> {
        let mut words = text.strip_prefix(' ')?.split(' ');
        let version = words.next()?.parse().ok()?;
        let since = time(words.next()?)?;
        let last = words.next()?;
        let being_replaced = words.next()? == "replaced";
        let earlier = std::iter::once(last).filter(|last| *last != "-");
        let before = earlier.chain(words).map(|word| word.parse().ok());
        Some(Self {
            version,
            since,
            before: before.collect::<Option<_>>()?,
            being_replaced,
        })
    }

    /// The model of an attempt that was submitted at `submitted_at`, to the version with the tag.
    fn of_attempt(&self, submitted_at: Timestamp, tag: Option<ModelTag>) -> AttemptModel {
        let was_replaced = submitted_at < self.since;
        let before = self.before.first().filter(|_| was_replaced);
        let sent_to = tag.map_or(before, |tag| self.with_tag(tag));
        let version = sent_to.unwrap_or(&self.version);
        let is_other = tag.is_some_and(|tag| !self.version.has_tag(tag));
        let other = (!version.agrees_with(&self.version)).then(|| self.version.clone());
        AttemptModel {
            version: version.clone(),
            other,
            uncertain: self.being_replaced || was_replaced || is_other,
        }
    }
}

/// What the endpoint of every pipeline serves, as last seen: one line with the time, then one per pipeline with its name, the
/// version, since when, the version before or `-`, whether it is being replaced, and the versions before those.
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
    fn of(&self, pipeline: &str, now: Timestamp) -> Option<ServedModel> {
        let is_recent = now.since(self.at()) <= MAX_RECORD_AGE;
        self.last_of(pipeline).filter(|_| is_recent)
    }

    /// The tag of what a pipeline's endpoint serves.
    pub(crate) fn tag_of(&self, pipeline: &str, now: Timestamp) -> Option<ModelTag> {
        self.of(pipeline, now).map(|served| served.version.tag())
    }

    /// The model of an attempt that was submitted at `submitted_at`, to the version with the tag, as far as it is known now.
    pub(crate) fn of_attempt(
        &self,
        pipeline: &str,
        submitted_at: Timestamp,
        tag: Option<ModelTag>,
        now: Timestamp,
    ) -> Option<AttemptModel> {
        if let Some(served) = self.of(pipeline, now) {
            return Some(served.of_attempt(submitted_at, tag));
        }
        let last = self.last_of(pipeline)?;
        Some(AttemptModel {
            version: last.with_tag(tag?)?.clone(),
            other: None,
            uncertain: true,
        })
    }

    /// Whether a version with this tag is known by name.
    pub(crate) fn names(&self, pipeline: &str, tag: ModelTag) -> bool {
        let served = self.last_of(pipeline);
        served.is_some_and(|served| served.with_tag(tag).is_some())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_a_pipeline_round_trips_and_another_form_of_it_counts_as_none() {
        let model = |before: &[&str], being_replaced| ServedModel {
            version: "Legal-2@0f3c5a6b7d8e".parse().unwrap(),
            since: Timestamp(1_767_607_442_118),
            before: before.iter().map(|it| it.parse().unwrap()).collect(),
            being_replaced,
        };
        let (legal, ocr) = (model(&[], true), model(&["Ocr-1", "Ocr-0"], false));
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
        let shorter = text.strip_suffix(" stays Ocr-0").unwrap();
        for other in [
            "",
            "{}",
            shorter,
            &text.replace("Ocr-1", "Ocr_1"),
            &text.replace("Ocr-0", "Ocr_0"),
        ] {
            assert_eq!(ServedModel::from_text(other), None, "{other}");
        }
        assert_eq!(ServedModels::default().at(), Timestamp(0));
    }

    /// A record of an earlier release has no versions after the last word.
    #[test]
    fn line_without_earlier_versions_is_read() {
        let line = " Legal-2 1767607442118 Legal-1 stays";
        let model = ServedModel::from_text(line).unwrap();
        assert_eq!(model.to_text(), line);
    }

    /// An attempt that was sent to the first of five versions, seen a minute apart, and to one that is no longer known.
    #[test]
    fn tag_finds_the_version_among_the_earlier_ones() {
        let version = |number: u8| ModelVersion::new(&format!("Legal-{number}"), None);
        let seen = |known: Option<&ServedModel>, number: u8| {
            let described = DescribedModel {
                version: version(number),
                being_replaced: false,
            };
            ServedModel::seen(known, described, Timestamp(u64::from(number)))
        };
        let first = seen(None, 1);
        let fifth = (2..=5).fold(first, |known, number| seen(Some(&known), number));
        let of_attempt = |number: u8| {
            let tag = Some(version(number).tag());
            let submitted_at = Timestamp(u64::from(number));
            let AttemptModel {
                version,
                other,
                uncertain,
            } = fifth.of_attempt(submitted_at, tag);
            let other = other.as_ref().map(ToString::to_string);
            (version.to_string(), other, uncertain)
        };
        let both = |name: &str| (name.to_owned(), Some("Legal-5".to_owned()), true);
        assert_eq!(of_attempt(1), both("Legal-1"));
        assert_eq!(of_attempt(4), both("Legal-4"));
        assert_eq!(of_attempt(5), ("Legal-5".to_owned(), None, false));
        let unknown = ("Legal-5".to_owned(), None, true);
        assert_eq!(of_attempt(0), unknown, "not known by name");
    }
}
