//! Names and numbers: which job, which attempt, which object, which moment.

mod trace_id;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use trace_id::TraceId;

/// A moment, in milliseconds since 1970-01-01 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This moment and `duration` more; saturates at the end of time instead of wrapping.
    #[must_use]
    pub const fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// How long it is from `earlier` to here; zero when `earlier` is later (clocks differ between machines).
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "584 million years fit in 64 bits of milliseconds"
)]
const fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}

/// The id of a job: a UUID version 5 derived from where the input lies, so that whoever knows the object knows the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(Uuid);

/// The namespace of all job ids (UUID version 5, RFC 9562, of the URL namespace and `urn:docket:job`).
const NAMESPACE: Uuid = Uuid::from_u128(0x15a2_116a_a04c_5400_987c_c411_1802_e71e);

impl JobId {
    /// The id of the job of the first version seen at a key. Known before the upload.
    pub fn of_key(bucket: &str, key: &str) -> Self {
        // A bucket name holds no slash, so the pair can be read back in one way only.
        Self(Uuid::new_v5(
            &NAMESPACE,
            format!("{bucket}/{key}").as_bytes(),
        ))
    }

    /// The id of the job of a later version at the same key.
    pub fn of_version(bucket: &str, key: &str, version: &str) -> Self {
        Self(Uuid::new_v5(
            &Self::of_key(bucket, key).0,
            version.as_bytes(),
        ))
    }

    /// How many shards the indexes over all tenants are spread over: one partition takes 1,000 writes a second
    /// (DynamoDB developer guide, "Best practices for designing partition keys").
    pub const SHARDS: u8 = 16;

    /// Its 128 bits.
    pub const fn bits(self) -> u128 {
        self.0.as_u128()
    }

    /// The shard that it belongs to.
    pub const fn shard(self) -> u8 {
        // The last digit of a name-based UUID is as good as random.
        self.0.as_bytes()[15] % Self::SHARDS
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for JobId {
    type Err = BadId;
    /// Reads the hyphenated lower-case form; anything else is [`BadId`].
    fn from_str(text: &str) -> Result<Self, BadId> {
        let id = Uuid::try_parse(text).map_err(|_| BadId(text.to_owned()))?;
        // One spelling only, or the same job would be found under several names.
        if id.as_hyphenated().to_string() == text {
            Ok(Self(id))
        } else {
            Err(BadId(text.to_owned()))
        }
    }
}

/// The text is not an id of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this service: {0:?}")]
pub struct BadId(pub String);

/// Which run of a job, counted from 1. `Attempt::NONE` stands for "never started".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt(pub u8);

impl Attempt {
    /// No attempt was ever started.
    pub const NONE: Self = Self(0);
    /// The first attempt.
    pub const FIRST: Self = Self(1);
    /// The most attempts in a job's life, whoever asks: the last line against a loop that burns GPU hours.
    pub const MAX: Self = Self(20);

    /// The attempt after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What we call a request to the endpoint: `<job-id>.a<attempt>`, at most 40 of the 64 characters
/// that SageMaker allows (API reference, `InvokeEndpointAsync`, `InferenceId`).
/// It is a label for matching notifications; SageMaker does not deduplicate by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InferenceId {
    /// The job.
    pub job: JobId,
    /// The attempt, from 1.
    pub attempt: Attempt,
}

impl fmt::Display for InferenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.a{}", self.job, self.attempt)
    }
}

impl FromStr for InferenceId {
    type Err = BadId;
    /// Reads `<job-id>.a<attempt>` with an attempt from 1 to 20; anything else is [`BadId`].
    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId(text.to_owned());
        let (job, attempt) = text.split_once(".a").ok_or_else(bad)?;
        let number: u8 = attempt.parse().map_err(|_| bad())?;
        let attempt_is_plain = !attempt.starts_with(['+', '0']);
        if !attempt_is_plain || Attempt(number) > Attempt::MAX {
            return Err(bad());
        }
        Ok(Self {
            job: job.parse()?,
            attempt: Attempt(number),
        })
    }
}

/// The random token of whoever is submitting an attempt right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub u64);

/// A tenant: 1 to 40 of `a`–`z`, `0`–`9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(String);

impl Tenant {
    /// The tenant of files that lie directly under a pipeline's prefix.
    pub fn fallback() -> Self {
        Self("default".to_owned())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether its files are probes: documents that the service gives itself to see whether it works. They go the way
    /// of all others, but are nobody's: no list of all tenants shows them, no page but their own and no program hears
    /// of them, and they are measured apart.
    pub fn is_probe(&self) -> bool {
        self.0 == "probe"
    }
}

impl FromStr for Tenant {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        let fits = (1..=40).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadId(text.to_owned()))
        }
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an object lies in S3.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// Bucket name.
    pub bucket: String,
    /// Object key, decoded.
    pub key: String,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl FromStr for Location {
    type Err = BadId;
    /// Reads `s3://bucket/key` and both https spellings, since SageMaker's output path may be given either way
    /// (API reference, `AsyncInferenceOutputConfig`, pattern of `S3OutputPath`).
    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId(text.to_owned());
        let (bucket, key) = if let Some(rest) = text.strip_prefix("s3://") {
            rest.split_once('/').ok_or_else(bad)?
        } else {
            let rest = text.strip_prefix("https://").ok_or_else(bad)?;
            let (host, path) = rest.split_once('/').ok_or_else(bad)?;
            let host = host.strip_suffix(".amazonaws.com").ok_or_else(bad)?;
            match host.split_once(".s3") {
                Some((bucket, _region)) => (bucket, path),
                None if host.starts_with("s3") => path.split_once('/').ok_or_else(bad)?,
                None => return Err(bad()),
            }
        };
        if bucket.is_empty() || key.is_empty() {
            return Err(bad());
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_id_is_the_same_for_everyone_who_knows_the_object() {
        let id = JobId::of_key("b", "inbound/acme/a.pdf");
        assert_eq!(id, JobId::of_key("b", "inbound/acme/a.pdf"));
        assert_ne!(id, JobId::of_key("b", "inbound/acme/b.pdf"));
        assert_ne!(id, JobId::of_version("b", "inbound/acme/a.pdf", "v2"));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<JobId>().is_err());
    }

    #[test]
    fn an_inference_id_reads_back_and_fits_sagemakers_limit() {
        let id = InferenceId {
            job: JobId::of_key("b", "k"),
            attempt: Attempt(20),
        };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().len() <= 64);
        for bad in [
            "",
            "x",
            "x.a1",
            &format!("{}.a0", id.job),
            &format!("{}.a01", id.job),
            &format!("{}.a21", id.job),
            &format!("{}.a+1", id.job),
            &format!("{}.a1.a2", id.job),
        ] {
            assert!(bad.parse::<InferenceId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_location_is_read_in_every_spelling() {
        let want = Location {
            bucket: "jobs".into(),
            key: "outbound/a/b.out".into(),
        };
        for text in [
            "s3://jobs/outbound/a/b.out",
            "https://jobs.s3.eu-west-2.amazonaws.com/outbound/a/b.out",
            "https://jobs.s3.amazonaws.com/outbound/a/b.out",
            "https://s3.eu-west-2.amazonaws.com/jobs/outbound/a/b.out",
        ] {
            assert_eq!(text.parse(), Ok(want.clone()), "{text}");
        }
        for bad in [
            "",
            "s3://jobs",
            "s3:///k",
            "s3://jobs/",
            "http://jobs.s3.amazonaws.com/k",
            "https://evil.example/jobs/k",
        ] {
            assert!(bad.parse::<Location>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_tenant_is_a_short_plain_name() {
        assert!("acme-2".parse::<Tenant>().is_ok());
        for bad in ["", "Acme", "a b", "*", &"x".repeat(41)] {
            assert!(bad.parse::<Tenant>().is_err(), "{bad}");
        }
    }
}
