//! What batch requests and listings return.

use std::collections::BTreeSet;

use crate::job::Job;

/// The entries of a batch request that were not accepted, by their index in the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedEntries(BTreeSet<usize>);

impl FailedEntries {
    /// Every entry was accepted.
    pub const fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// None of `count` entries was accepted.
    pub fn all(count: usize) -> Self {
        (0..count).collect()
    }

    pub fn contains(&self, index: usize) -> bool {
        self.0.contains(&index)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The index of the first entry that was not accepted.
    pub fn first(&self) -> Option<usize> {
        self.0.first().copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().copied()
    }
}

impl FromIterator<usize> for FailedEntries {
    fn from_iter<I: IntoIterator<Item = usize>>(indexes: I) -> Self {
        Self(indexes.into_iter().collect())
    }
}

/// A page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T, C> {
    pub items: Vec<T>,
    /// Where the next page starts; `None` after the last page.
    pub next: Option<C>,
}

/// The newest jobs of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestJobs {
    pub jobs: Vec<Job>,
    /// Whether there are more jobs than the limit.
    pub more: bool,
}
