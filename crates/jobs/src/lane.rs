//! Lanes: which of two queues of its tenant a document waits in.
//!
//! Documents of `bulk` give way to those of `standard`, of all tenants. They never starve: while both wait, a fixed share of the
//! releases is theirs ([`crate::fair_queue`]). A lane matters only while the window of a pipeline is full.

use std::borrow::Cow;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// A lane. The uploader says it, otherwise the pipeline does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// For documents that people wait for.
    #[default]
    Standard,
    /// For many documents that can wait. While documents of both lanes wait, it has one release in five.
    Bulk,
}

impl Lane {
    pub const ALL: [Self; 2] = [Self::Standard, Self::Bulk];

    /// The stored and published name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Bulk => "bulk",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.name() == name)
    }

    /// For fields that are left out then.
    pub fn is_standard(&self) -> bool {
        *self == Self::Standard
    }
}

/// From a text: the decoder of request bodies knows no enumerations.
impl<'de> Deserialize<'de> for Lane {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(D::Error::custom)
    }
}

impl std::fmt::Display for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Lane {
    type Err = UnknownLane;

    fn from_str(name: &str) -> Result<Self, UnknownLane> {
        Self::from_name(name).ok_or(UnknownLane)
    }
}

/// The name of no lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a lane is standard or bulk")]
pub struct UnknownLane;
