//! The states of a job, what each owes the outside world, and when somebody must look again.

use std::time::Duration;

use crate::id::{Attempt, LeaseToken, Timestamp};

/// Where a job is. The last three are final; support can reopen `Failed`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Somebody decided to call the endpoint; the call may or may not have been made yet.
    /// Left by the answer to that call, by a notification that overtakes it, or at the deadline.
    Submitting {
        /// The attempt being started.
        attempt: Attempt,
        /// Who is starting it.
        lease_token: LeaseToken,
        /// From then on whoever comes may take the claim over.
        lease_expires_at: Timestamp,
        /// From then on an attempt without a trace counts as lost.
        deadline: Timestamp,
        /// What the job may still use.
        budget: RetryBudget,
    },
    /// The endpoint took the request (202). Left by a notification or at the deadline.
    InProgress {
        /// The attempt that runs or waits in the endpoint's queue.
        attempt: Attempt,
        /// From then on an attempt without a trace counts as lost.
        deadline: Timestamp,
        /// What the job may still use.
        budget: RetryBudget,
    },
    /// The last attempt did not work out. Left by the wake-up that starts `next`.
    RetryScheduled {
        /// The attempt to start. After a refused call it is the refused one: nothing of it ever ran.
        next: Attempt,
        /// When to start it.
        due: Timestamp,
        /// What the job may still use.
        budget: RetryBudget,
    },
    /// The output is there and recorded.
    Ready {
        /// The attempt whose output counts.
        attempt: Attempt,
    },
    /// There is no result, and `failure` says why.
    Failed {
        /// The newest attempt that was started or scheduled; none if the input was never submitted.
        attempt: Attempt,
        /// Why.
        failure: Failure,
    },
    /// Somebody cancelled it. SageMaker cannot cancel, so a result may still arrive; it is dropped.
    Cancelled {
        /// The last attempt that was started.
        attempt: Attempt,
    },
}

/// How much a job may still use before it fails; renewed when support re-submits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RetryBudget {
    /// The number of the last attempt that the policy pays for.
    pub last: Attempt,
    /// Until when refused calls and expired requests are tried again. They use up time, not attempts.
    pub until: Timestamp,
}

/// A failure, as it is kept on the row and shown to people.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failure {
    /// Its kind.
    pub cause: Cause,
    /// What was said about it, cut to [`Failure::MAX_DETAIL`] bytes. Not for programs.
    pub detail: String,
}

impl Failure {
    /// The most bytes of detail that are kept: a row is charged by the kilobyte, and SageMaker's sentences are shorter.
    pub const MAX_DETAIL: usize = 240;

    /// A failure with what was said about it.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > Self::MAX_DETAIL {
            detail.truncate(detail.floor_char_boundary(Self::MAX_DETAIL - "…".len()));
            detail.push('…');
        }
        Self { cause, detail }
    }
}

/// Why an attempt or a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The input cannot be processed by anyone; it was never submitted.
    InvalidInput,
    /// A newer version of the object took over, or this one was no longer current.
    Superseded,
    /// The model answered 4xx: it will not take this document.
    ModelRejected,
    /// The model answered 5xx, or died (SageMaker reports status 0).
    ModelError,
    /// The model did not answer within the invocation timeout.
    TimedOut,
    /// The request waited longer than its time to live in the endpoint's queue.
    Expired,
    /// No notification, no output and no failure object by the deadline.
    Lost,
    /// The pipeline is retired or gone.
    PipelineGone,
    /// The endpoint did not take the request: throttled, out of service, or misconfigured.
    Refused,
    /// None of the above.
    Unknown,
}

/// What a cause means for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retryability {
    /// Another attempt cannot help.
    Permanent,
    /// Try again while the policy pays.
    Retry,
    /// Try once more.
    RetryOnce,
    /// Try again at no cost in attempts, until the job's time is up.
    Wait,
}

impl Cause {
    /// Every cause, for tables and tests.
    pub const ALL: [Self; 10] = [
        Self::InvalidInput,
        Self::Superseded,
        Self::ModelRejected,
        Self::ModelError,
        Self::TimedOut,
        Self::Expired,
        Self::Lost,
        Self::PipelineGone,
        Self::Refused,
        Self::Unknown,
    ];

    /// Whether and how it is tried again.
    pub const fn retryability(self) -> Retryability {
        match self {
            Self::InvalidInput | Self::Superseded | Self::ModelRejected | Self::PipelineGone => {
                Retryability::Permanent
            }
            Self::ModelError | Self::TimedOut | Self::Lost => Retryability::Retry,
            Self::Unknown => Retryability::RetryOnce,
            Self::Expired | Self::Refused => Retryability::Wait,
        }
    }

    /// Its stored and published name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidInput => "InvalidInput",
            Self::Superseded => "Superseded",
            Self::ModelRejected => "ModelRejected",
            Self::ModelError => "ModelError",
            Self::TimedOut => "TimedOut",
            Self::Expired => "Expired",
            Self::Lost => "Lost",
            Self::PipelineGone => "PipelineGone",
            Self::Refused => "Refused",
            Self::Unknown => "Unknown",
        }
    }

    /// The cause of that name; a name we do not know is [`Cause::Unknown`].
    pub fn from_name(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|cause| cause.name() == name)
            .unwrap_or(Self::Unknown)
    }
}

/// What entering a state asks of the outside world. Each may be carried out more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Call `InvokeEndpointAsync` for the state's attempt. Only the holder of the claim does.
    InvokeEndpoint,
    /// Leave a delayed message that starts the next attempt.
    ScheduleRetry,
    /// Tell the tenant's open pages.
    PushUpdate,
    /// Tell machines downstream (`JobReady`, `JobFailed`).
    PublishEvent,
}

/// How lists group jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatusGroup {
    /// Not final.
    Open,
    /// `Ready`.
    Ready,
    /// `Failed`.
    Failed,
    /// `Cancelled`.
    Cancelled,
}

impl StatusGroup {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Open, Self::Ready, Self::Failed, Self::Cancelled];

    /// Its stored name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How much later than due the reconciler starts a retry whose message was lost.
const RETRY_GRACE: Duration = Duration::from_secs(120);

impl State {
    /// What this state owes. A function of the state alone, so that a redelivered message finds it again.
    pub const fn effects(&self) -> &'static [Effect] {
        match self {
            Self::Submitting { .. } => &[Effect::InvokeEndpoint],
            Self::InProgress { .. } | Self::Cancelled { .. } => &[Effect::PushUpdate],
            Self::RetryScheduled { .. } => &[Effect::ScheduleRetry, Effect::PushUpdate],
            Self::Ready { .. } | Self::Failed { .. } => &[Effect::PublishEvent, Effect::PushUpdate],
        }
    }

    /// When the reconciler must look at the job; none exactly when the state is final.
    pub const fn check_deadline(&self) -> Option<Timestamp> {
        match self {
            Self::Submitting { deadline, .. } | Self::InProgress { deadline, .. } => {
                Some(*deadline)
            }
            Self::RetryScheduled { due, .. } => Some(due.plus(RETRY_GRACE)),
            Self::Ready { .. } | Self::Failed { .. } | Self::Cancelled { .. } => None,
        }
    }

    /// The attempt that a notification may name at most: the newest that was started, or is about to be.
    pub const fn attempt(&self) -> Attempt {
        match self {
            Self::Submitting { attempt, .. }
            | Self::InProgress { attempt, .. }
            | Self::RetryScheduled { next: attempt, .. }
            | Self::Ready { attempt }
            | Self::Failed { attempt, .. }
            | Self::Cancelled { attempt } => *attempt,
        }
    }

    /// Which list it stands in.
    pub const fn status_group(&self) -> StatusGroup {
        match self {
            Self::Submitting { .. } | Self::InProgress { .. } | Self::RetryScheduled { .. } => {
                StatusGroup::Open
            }
            Self::Ready { .. } => StatusGroup::Ready,
            Self::Failed { .. } => StatusGroup::Failed,
            Self::Cancelled { .. } => StatusGroup::Cancelled,
        }
    }

    /// Its stored and published name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Submitting { .. } => "Submitting",
            Self::InProgress { .. } => "InProgress",
            Self::RetryScheduled { .. } => "RetryScheduled",
            Self::Ready { .. } => "Ready",
            Self::Failed { .. } => "Failed",
            Self::Cancelled { .. } => "Cancelled",
        }
    }
}
