//! Identifiers and timestamps.

mod trace_id;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

pub use trace_id::TraceId;

/// A point in time, in milliseconds since 1970-01-01 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Adds `duration`; saturates instead of wrapping.
    #[must_use]
    pub const fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The duration from `earlier` to this time; zero if `earlier` is later, since clocks differ between machines.
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

/// Bytes, such as a hash, as lowercase hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        digits.push(DIGITS[usize::from(byte >> 4)]);
        digits.push(DIGITS[usize::from(byte & 15)]);
    }
    digits
}

/// How far the clocks of S3, of the functions and of DynamoDB may differ. A generous limit: AWS synchronizes them to
/// milliseconds.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// A job's id: a UUID version 5 derived from the object's location, so it can be computed without a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(Uuid);

/// The namespace of all job ids: a UUID version 5 (RFC 9562) of `urn:docket:job` in the URL namespace.
const NAMESPACE: Uuid = Uuid::from_u128(0x15a2_116a_a04c_5400_987c_c411_1802_e71e);

impl JobId {
    /// The id of the job for the first version seen at a key. It can be computed before the upload.
    pub fn of_key(bucket: &str, key: &str) -> Self {
        // A bucket name contains no slash, so two different pairs cannot produce the same string.
        Self(Uuid::new_v5(
            &NAMESPACE,
            format!("{bucket}/{key}").as_bytes(),
        ))
    }

    /// The id of the job for a later version at the same key.
    pub fn of_version(bucket: &str, key: &str, version: &str) -> Self {
        Self(Uuid::new_v5(
            &Self::of_key(bucket, key).0,
            version.as_bytes(),
        ))
    }

    /// Number of shards of the cross-tenant indexes: one partition takes 1,000 writes per second
    /// (DynamoDB developer guide, "Best practices for designing partition keys").
    pub const SHARDS: u8 = 16;

    /// The id whose UUID is a number.
    pub const fn of_bits(bits: u128) -> Self {
        Self(Uuid::from_u128(bits))
    }

    /// The UUID as a number.
    pub const fn bits(self) -> u128 {
        self.0.as_u128()
    }

    /// The index shard that the job belongs to.
    #[inline]
    pub const fn shard(self) -> u8 {
        // The last byte of a name-based UUID is part of a hash, so jobs spread evenly.
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
    /// Parses the hyphenated lower-case form only.
    fn from_str(text: &str) -> Result<Self, BadId> {
        // Only one spelling is valid; otherwise one job could be looked up under several ids. No other form has this length.
        let is_spelled_so =
            text.len() == Hyphenated::LENGTH && !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let id = Uuid::try_parse(text).ok().filter(|_| is_spelled_so);
        id.map(Self).ok_or_else(|| BadId(text.to_owned()))
    }
}

/// The text is not a valid identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this service: {0:?}")]
pub struct BadId(pub String);

/// The number of an attempt, from 1. [`Attempt::NONE`] means that no attempt was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt(pub u8);

impl Attempt {
    pub const NONE: Self = Self(0);
    pub const FIRST: Self = Self(1);
    /// Maximum attempts over a job's lifetime, including manual retries: a hard limit on GPU cost.
    pub const MAX: Self = Self(20);

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

/// The `InferenceId` of a request to the endpoint: `<job-id>.a<attempt>`, at most 40 of the 64 characters
/// that SageMaker allows (API reference, `InvokeEndpointAsync`, `InferenceId`).
///
/// It only correlates notifications with requests. SageMaker does not deduplicate by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InferenceId {
    pub job: JobId,
    /// From 1.
    pub attempt: Attempt,
}

impl fmt::Display for InferenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.a{}", self.job, self.attempt)
    }
}

impl FromStr for InferenceId {
    type Err = BadId;
    /// Parses `<job-id>.a<attempt>` with an attempt from 1 to 20.
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

/// Random token that identifies the function invocation submitting an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub u64);

/// A tenant's name: 1 to 40 of `a`–`z`, `0`–`9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(String);

impl Tenant {
    /// The tenant of objects directly under a pipeline's prefix.
    pub fn fallback() -> Self {
        Self("default".to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the tenant of probes: synthetic documents that test the service end to end.
    ///
    /// Probes are processed like any other document. They are left out of cross-tenant lists and pushes, published to no
    /// downstream program, and measured separately.
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

/// The location of an object in S3.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    pub bucket: String,
    /// Decoded.
    pub key: String,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl FromStr for Location {
    type Err = BadId;
    /// Parses `s3://bucket/key` and both https styles. SageMaker accepts all three as output path
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
    fn job_id_is_derived_from_the_object_location_and_has_one_spelling() {
        let id = JobId::of_key("b", "inbound/acme/a.pdf");
        assert_eq!(id, JobId::of_key("b", "inbound/acme/a.pdf"));
        assert_ne!(id, JobId::of_key("b", "inbound/acme/b.pdf"));
        assert_ne!(id, JobId::of_version("b", "inbound/acme/a.pdf", "v2"));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<JobId>().is_err());
    }

    #[test]
    fn inference_id_round_trips_and_fits_sagemakers_limit() {
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
    fn location_parses_s3_and_https_urls() {
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
    fn tenant_accepts_only_short_plain_names() {
        assert!("acme-2".parse::<Tenant>().is_ok());
        for bad in ["", "Acme", "a b", "*", &"x".repeat(41)] {
            assert!(bad.parse::<Tenant>().is_err(), "{bad}");
        }
    }
}
