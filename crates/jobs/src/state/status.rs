//! The status of a job: its state without the state's data.

/// The status of a job: `Queued`, `Submitting`, `InProgress` and `RetryScheduled` are open, the others final. A failed job can be
/// retried, and becomes `Ready` if a result arrives late. Later releases may add values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum JobStatus {
    /// It waits for its turn, for the endpoint to work again, or for a pause to end (`GET /pauses`). Nothing of it is at the
    /// endpoint.
    Queued,
    /// The service is sending the request to the endpoint.
    Submitting,
    /// The endpoint has accepted the request; it is queued or running there.
    InProgress,
    /// The last attempt failed; the next one is scheduled.
    RetryScheduled,
    /// There is a result.
    Ready,
    /// There is no result; `failure` says why.
    Failed,
    /// Cancelled by a user. A result that arrives later is ignored.
    Cancelled,
    /// Its data was deleted. A result that arrives later is deleted too.
    Erased,
}

impl JobStatus {
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Submitting,
        Self::InProgress,
        Self::RetryScheduled,
        Self::Ready,
        Self::Failed,
        Self::Cancelled,
        Self::Erased,
    ];

    /// The stored and published name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Submitting => "Submitting",
            Self::InProgress => "InProgress",
            Self::RetryScheduled => "RetryScheduled",
            Self::Ready => "Ready",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Erased => "Erased",
        }
    }

    /// `None` for a name of a later release.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// The group under which lists show a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename_all = "lowercase"))]
pub enum StatusGroup {
    /// `Queued`, `Submitting`, `InProgress` or `RetryScheduled`.
    Open,
    /// `Ready`.
    Ready,
    /// `Failed`.
    Failed,
    /// `Cancelled`.
    Cancelled,
    /// `Erased`.
    Erased,
}

impl StatusGroup {
    pub const ALL: [Self; 5] = [
        Self::Open,
        Self::Ready,
        Self::Failed,
        Self::Cancelled,
        Self::Erased,
    ];

    /// The stored name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Erased => "erased",
        }
    }
}
