//! How many uploads this execution environment has sent in this minute: `RecentStarts`.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use jobs::ports::{Clock, RecentStarts};

use super::Aws;
use crate::config::Environment;

/// The minute that is counted, and the count of each pipeline.
#[derive(Debug, Default)]
pub(super) struct StartsOfMinute {
    minute: u64,
    counts: BTreeMap<String, u32>,
}

impl<E: Environment> RecentStarts for Aws<E> {
    fn count_start(&self, pipeline: &str) -> u32 {
        let minute = self.now().0 / 60_000;
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        if starts.minute != minute {
            *starts = StartsOfMinute {
                minute,
                counts: BTreeMap::new(),
            };
        }
        let count = starts.counts.entry(pipeline.to_owned()).or_default();
        *count += 1;
        *count
    }
}
