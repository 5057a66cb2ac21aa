//! The events of a job, and their names in its history.

use crate::id::{Attempt, LeaseToken, Location, Timestamp};
use crate::state::Failure;

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The upload event of this job's object version arrived again.
    Uploaded,
    /// The endpoint accepted the request of `attempt`.
    Accepted {
        attempt: Attempt,
        /// Where SageMaker will write the output, if the location belongs to this pipeline.
        output: Option<Location>,
        /// Where SageMaker would write a failure, if the endpoint has a failure path that belongs to this pipeline.
        failure: Option<Location>,
    },
    /// The holder of `lease_token` knows that `attempt` was not submitted.
    SubmitFailed {
        attempt: Attempt,
        lease_token: LeaseToken,
        failure: Failure,
    },
    /// The output of `attempt` exists.
    Succeeded {
        attempt: Attempt,
        output: Location,
        /// The media type of the output, if it is not the one that the pipeline asks for.
        unexpected_content_type: Option<String>,
        /// The pages of the document, if the output says how many.
        pages: Option<u32>,
    },
    /// `attempt` ran, or expired in the queue, without a result.
    AttemptFailed { attempt: Attempt, failure: Failure },
    /// A check of `attempt` is due: start it, or find out what became of it.
    CheckDue {
        attempt: Attempt,
        /// The due time of the attempt that the message was sent to start. A refused attempt keeps its number, so
        /// the number alone would let every copy of an old message start it again.
        due: Option<Timestamp>,
        evidence: Evidence,
    },
    /// As `CheckDue`, while something holds the job: the attempt is not started.
    Held {
        attempt: Attempt,
        due: Option<Timestamp>,
        by: HeldBy,
    },
    /// A newer version was uploaded at the same key.
    Overwritten,
    /// An operator requests another run.
    Retry { actor: String, reason: String },
    /// Support requests another run of a `Ready` job, with the model that the endpoint serves now.
    RunAgain {
        actor: String,
        reason: String,
        /// The newest attempt that was started. It may be newer than the one with the result.
        newest: Attempt,
    },
    /// Support lets a queued job start before the others of its pipeline.
    Urgent { actor: String, reason: String },
    /// A user cancels the job.
    Cancel { actor: String, reason: String },
    /// Support deletes the job's data.
    Erase { actor: String, reason: String },
}

/// What holds a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldBy {
    /// People have paused its pipeline or its tenant. The time does not count toward the job's deadline.
    Pause,
    /// The circuit breaker of its pipeline. The time counts.
    Breaker,
    /// The window of its pipeline is full: it waits for its turn. The time does not count.
    Turn,
}

impl HeldBy {
    pub const fn counts_toward_deadline(self) -> bool {
        match self {
            Self::Breaker => true,
            Self::Pause | Self::Turn => false,
        }
    }
}

/// What S3 shows about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// S3 was not asked: enough to start an attempt, never enough to declare one lost.
    NotChecked,
    /// There is no output of any attempt and no failure object of the current one.
    NothingFound,
    /// The output of `attempt` exists.
    Output {
        attempt: Attempt,
        output: Location,
        /// As in [`Event::Succeeded`].
        unexpected_content_type: Option<String>,
        pages: Option<u32>,
    },
    /// The failure object of the current attempt exists.
    Failure(Failure),
}

/// The kind of an entry in a job's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    Uploaded,
    Accepted,
    SubmitFailed,
    Succeeded,
    AttemptFailed,
    CheckDue,
    Held,
    Overwritten,
    Retry,
    RunAgain,
    Urgent,
    Cancel,
    Erase,
    /// A name that another release wrote. It is kept as it is.
    Other(String),
}

impl EventKind {
    /// Every kind that this release writes.
    pub const ALL: [Self; 13] = [
        Self::Uploaded,
        Self::Accepted,
        Self::SubmitFailed,
        Self::Succeeded,
        Self::AttemptFailed,
        Self::CheckDue,
        Self::Held,
        Self::Overwritten,
        Self::Retry,
        Self::RunAgain,
        Self::Urgent,
        Self::Cancel,
        Self::Erase,
    ];

    /// The stored and published name.
    pub const fn name(&self) -> &str {
        match self {
            Self::Uploaded => "Uploaded",
            Self::Accepted => "Accepted",
            Self::SubmitFailed => "SubmitFailed",
            Self::Succeeded => "Succeeded",
            Self::AttemptFailed => "AttemptFailed",
            Self::CheckDue => "CheckDue",
            Self::Held => "Held",
            Self::Overwritten => "Overwritten",
            Self::Retry => "Retry",
            Self::RunAgain => "RunAgain",
            Self::Urgent => "Urgent",
            Self::Cancel => "Cancel",
            Self::Erase => "Erase",
            Self::Other(name) => name.as_str(),
        }
    }

    /// The kind with this name; [`EventKind::Other`] for names of other releases.
    pub fn from_name(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .unwrap_or_else(|| Self::Other(name.to_owned()))
    }
}

impl Event {
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Uploaded => EventKind::Uploaded,
            Self::Accepted { .. } => EventKind::Accepted,
            Self::SubmitFailed { .. } => EventKind::SubmitFailed,
            Self::Succeeded { .. } => EventKind::Succeeded,
            Self::AttemptFailed { .. } => EventKind::AttemptFailed,
            Self::CheckDue { .. } => EventKind::CheckDue,
            Self::Held { .. } => EventKind::Held,
            Self::Overwritten => EventKind::Overwritten,
            Self::Retry { .. } => EventKind::Retry,
            Self::RunAgain { .. } => EventKind::RunAgain,
            Self::Urgent { .. } => EventKind::Urgent,
            Self::Cancel { .. } => EventKind::Cancel,
            Self::Erase { .. } => EventKind::Erase,
        }
    }

    /// The pages of the document, as the output of an attempt says it.
    pub(crate) const fn output_pages(&self) -> Option<(Attempt, u32)> {
        if let Self::Succeeded {
            attempt,
            pages: Some(pages),
            ..
        }
        | Self::CheckDue {
            evidence:
                Evidence::Output {
                    attempt,
                    pages: Some(pages),
                    ..
                },
            ..
        } = self
        {
            return Some((*attempt, *pages));
        }
        None
    }

    /// Actor and reason, if a user caused it.
    pub(crate) const fn principal(&self) -> Option<(&String, &String)> {
        match self {
            Self::Retry { actor, reason }
            | Self::RunAgain { actor, reason, .. }
            | Self::Urgent { actor, reason }
            | Self::Cancel { actor, reason }
            | Self::Erase { actor, reason } => Some((actor, reason)),
            Self::Uploaded
            | Self::Accepted { .. }
            | Self::SubmitFailed { .. }
            | Self::Succeeded { .. }
            | Self::AttemptFailed { .. }
            | Self::CheckDue { .. }
            | Self::Held { .. }
            | Self::Overwritten => None,
        }
    }
}
