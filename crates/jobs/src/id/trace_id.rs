//! The trace of a document: one id on every log line, message and span that is about it.
//!
//! Every job has one. An upload that came with a trace keeps it. Any other job's trace id is derived from its job id, so it
//! is known before there is a row, and the row does not store it.

use std::fmt;
use std::num::NonZeroU128;
use std::str::FromStr;

use super::{BadId, JobId};

/// The id of a trace, 16 bytes of which one is not zero. Written as AWS X-Ray writes it: `1-`, 8 hexadecimal digits, `-`,
/// 24 more. Without the `1-` and the hyphen it is the trace id of W3C Trace Context and OpenTelemetry; X-Ray takes ids
/// whose first 8 digits are no time (X-Ray API reference, `PutTraceSegments`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(NonZeroU128);

impl TraceId {
    /// The trace of a job whose upload came without one.
    pub const fn of_job(id: JobId) -> Self {
        match NonZeroU128::new(id.bits()) {
            Some(bits) => Self(bits),
            // No name-based UUID is all zeros: its version is in it (RFC 9562).
            None => Self(NonZeroU128::MIN),
        }
    }

    /// The trace in a header of AWS X-Ray, which may hold more (X-Ray developer guide, "Tracing header"); none if it is
    /// not in there or is no trace.
    pub fn from_header(header: &str) -> Option<Self> {
        let mut parts = header.split(';').map(str::trim);
        parts
            .find_map(|part| part.strip_prefix("Root="))?
            .parse()
            .ok()
    }

    /// The header of AWS X-Ray that names it.
    pub fn to_header(self) -> String {
        format!("Root={self}")
    }

    /// Its bytes, as W3C Trace Context and OpenTelemetry have them.
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
    /// Reads X-Ray's form in lower case; anything else is [`BadId`].
    fn from_str(text: &str) -> Result<Self, BadId> {
        let read = || {
            let digits = text.strip_prefix("1-")?;
            let bits = u128::from_str_radix(&digits.replacen('-', "", 1), 16).ok()?;
            NonZeroU128::new(bits).map(Self)
        };
        // One spelling only, or the same trace would be searched for under several.
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
    fn a_trace_reads_back_in_its_one_spelling() {
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
    fn a_header_may_hold_more_or_less() {
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
    fn a_job_without_a_trace_of_its_upload_has_its_own() {
        let id = JobId::of_key("b", "k");
        let digits: String = TraceId::of_job(id).to_string()[2..].replace('-', "");
        assert_eq!(digits, id.to_string().replace('-', ""));
    }
}
