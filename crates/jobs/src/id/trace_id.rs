//! Trace ids. Every log line, message and span about a document carries its trace id.
//!
//! A job keeps the trace id of its upload if there was one. Otherwise its trace id is derived from the job id: it is known
//! before the row exists, and the row does not store it.

use std::fmt;
use std::num::NonZeroU128;
use std::str::FromStr;

use super::{BadId, JobId};

/// A trace id: 16 bytes, not all zero.
///
/// Written in AWS X-Ray's format: `1-`, 8 hexadecimal digits, `-`, 24 hexadecimal digits. Without the `1-` and the hyphen
/// it is the trace id of W3C Trace Context and OpenTelemetry. X-Ray accepts ids whose first 8 digits are not a time
/// (X-Ray API reference, `PutTraceSegments`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(NonZeroU128);

impl TraceId {
    /// The trace id of a job whose upload had none.
    pub const fn of_job(id: JobId) -> Self {
        match NonZeroU128::new(id.bits()) {
            Some(bits) => Self(bits),
            // Cannot happen: a name-based UUID contains its version, so it is never zero (RFC 9562).
            None => Self(NonZeroU128::MIN),
        }
    }

    /// The trace id in an X-Ray tracing header, which may have other fields (X-Ray developer guide, "Tracing header");
    /// `None` if the header has no valid trace id.
    pub fn from_header(header: &str) -> Option<Self> {
        let mut parts = header.split(';').map(str::trim);
        parts
            .find_map(|part| part.strip_prefix("Root="))?
            .parse()
            .ok()
    }

    /// The X-Ray tracing header with this trace id.
    pub fn to_header(self) -> String {
        format!("Root={self}")
    }

    /// The bytes as used by W3C Trace Context and OpenTelemetry.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.get().to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0.get();
        write!(f, "1-{:08x}-{:024x}", bits >> 96, bits & (u128::MAX >> 32))
    }
}

impl FromStr for TraceId {
    type Err = BadId;
    /// Parses X-Ray's format in lower case only.
    fn from_str(text: &str) -> Result<Self, BadId> {
        let read = || {
            let digits = text.strip_prefix("1-")?;
            let bits = u128::from_str_radix(&digits.replacen('-', "", 1), 16).ok()?;
            NonZeroU128::new(bits).map(Self)
        };
        // Only one spelling is valid; otherwise one trace could be searched for under several ids.
        read()
            .filter(|id| id.to_string() == text)
            .ok_or_else(|| BadId(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1-67891233-abcdef012345678912345678";

    #[test]
    fn trace_id_round_trips_and_has_one_spelling() {
        let id: TraceId = ID.parse().unwrap();
        assert_eq!(id.to_string(), ID);
        assert_eq!(id.to_bytes()[..5], [0x67, 0x89, 0x12, 0x33, 0xab]);
        assert_eq!(TraceId::from_header(&id.to_header()), Some(id));
        for bad in [
            "",
            "1-2-3",
            "1-00000000-000000000000000000000000",
            "2-67891233-abcdef012345678912345678",
            "1-67891233-ABCDEF012345678912345678",
            "1-67891233abcdef0-12345678912345678",
            "1-67891233abcdef012345678912345678",
            "1-+7891233-abcdef012345678912345678",
            "1-67891233-abcdef0123456789123456789",
        ] {
            assert!(bad.parse::<TraceId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn trace_id_is_found_among_other_header_fields() {
        let root = Some(ID.parse().unwrap());
        for (header, wanted) in [
            (format!("Root={ID};Parent=53995c3f42cd8ad8;Sampled=1"), root),
            (format!("Sampled=0; Root={ID}"), root),
            (format!("Self={ID}"), None),
            ("Root=1-2-3".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(TraceId::from_header(&header), wanted, "{header}");
        }
    }

    #[test]
    fn trace_id_of_a_job_without_upload_trace_is_its_job_id() {
        let id = JobId::of_key("b", "k");
        let digits: String = TraceId::of_job(id).to_string()[2..].replace('-', "");
        assert_eq!(digits, id.to_string().replace('-', ""));
    }
}
