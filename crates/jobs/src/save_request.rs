//! The argument of [`crate::ports::JobStore::save`].

use crate::job::Job;

/// The next version of a row. Other crates cannot make one, and in this crate only `apply.rs` does, so every saved state
/// comes from a transition.
#[derive(Clone, Copy, Debug)]
pub struct SaveRequest<'a> {
    job: &'a Job,
}

impl<'a> SaveRequest<'a> {
    pub(crate) const fn new(job: &'a Job) -> Self {
        Self { job }
    }

    /// For tests of job stores.
    #[cfg(feature = "test-util")]
    pub const fn for_tests(job: &'a Job) -> Self {
        Self::new(job)
    }

    pub const fn job(&self) -> &'a Job {
        self.job
    }
}
