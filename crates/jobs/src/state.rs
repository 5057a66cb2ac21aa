//! The states of a job, the side effects that each requires, and when the reconciler checks it.

mod status;

use std::time::Duration;

use crate::id::{Attempt, LeaseToken, Timestamp};

pub use status::{JobStatus, StatusGroup};

/// The state of a job. `Ready`, `Failed`, `Cancelled` and `Erased` are final, except that a failed job can be retried
/// manually and a late success makes it `Ready`, that a `Ready` job can be run again, and that the data of every final job can be
/// deleted. `Erased` is never left.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It waits for its turn, because as many attempts are at the endpoint as it can work on ([`crate::window`]), or because
    /// its pipeline or its tenant is paused ([`crate::pause`]) or its endpoint is down ([`crate::breaker`]). Nothing is sent to
    /// the endpoint. Left by the check that starts `next`.
    Queued {
        /// The attempt to start.
        next: Attempt,
        /// When it was queued.
        since: Timestamp,
        /// The last time at which the attempt can start, if the time in the queue counts toward the job's deadline: while the
        /// circuit breaker holds it. `None` while people have paused it, and while it waits for its turn: that time does not
        /// count.
        start_by: Option<Timestamp>,
        /// Support made it urgent: it is released before all others of its pipeline.
        urgent: bool,
        budget: RetryBudget,
    },
    /// The decision to call the endpoint is saved; the call may or may not have been made yet.
    /// Left by the response, by a notification that arrives before it, or at the deadline.
    Submitting {
        attempt: Attempt,
        /// Identifies the function invocation that submits it.
        lease_token: LeaseToken,
        /// From this time on, another invocation may take over the lease.
        lease_expires_at: Timestamp,
        /// From this time on, an attempt without evidence counts as lost.
        deadline: Timestamp,
        budget: RetryBudget,
    },
    /// The endpoint accepted the request (202). Left by a notification or at the deadline.
    InProgress {
        /// The attempt that runs or waits in the endpoint's queue.
        attempt: Attempt,
        /// From this time on, an attempt without evidence counts as lost.
        deadline: Timestamp,
        budget: RetryBudget,
    },
    /// The last attempt failed. Left by the check that starts `next`.
    RetryScheduled {
        /// The attempt to start. After a refused call this is the refused attempt, since nothing of it ran.
        next: Attempt,
        due: Timestamp,
        budget: RetryBudget,
    },
    /// The output exists and its location is recorded.
    Ready {
        /// The attempt that produced the output.
        attempt: Attempt,
    },
    /// There is no result; `failure` is the cause.
    Failed {
        /// The newest attempt that was started or scheduled; [`Attempt::NONE`] if the input was never submitted.
        attempt: Attempt,
        failure: Failure,
    },
    /// Cancelled by a user. SageMaker cannot cancel a request, so a result may still arrive; it is ignored.
    Cancelled {
        /// The last attempt that was started.
        attempt: Attempt,
    },
    /// The job's data was deleted. The row has neither the document's name nor the model's words. A result that arrives
    /// later is deleted.
    Erased {
        /// The last attempt that was started.
        attempt: Attempt,
    },
}

/// What a job may still use before it fails. A manual retry renews it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RetryBudget {
    /// The number of the last attempt that the policy allows.
    pub last_attempt: Attempt,
    /// Until when refused calls and expired requests are retried. They use up time, not attempts.
    pub expires_at: Timestamp,
    /// The attempt with the result that the job already has, if it is run again; [`Attempt::NONE`] otherwise. A run again that
    /// ends without a result makes the job `Ready` with that one.
    pub earlier_result: Attempt,
}

/// A failure as stored on the row and shown to users.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failure {
    pub cause: Cause,
    /// Free text for people, cut to [`Failure::MAX_DETAIL`] bytes.
    pub detail: String,
    /// The HTTP status of the model's container, if it answered and SageMaker named it.
    pub container_status: Option<u16>,
}

impl Failure {
    /// Maximum length of `detail` in bytes. DynamoDB charges writes per kilobyte, and SageMaker's messages are shorter.
    pub const MAX_DETAIL: usize = 240;

    /// Cuts `detail` to [`Failure::MAX_DETAIL`] bytes.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > Self::MAX_DETAIL {
            detail.truncate(detail.floor_char_boundary(Self::MAX_DETAIL - "…".len()));
            detail.push('…');
        }
        Self {
            cause,
            detail,
            container_status: None,
        }
    }

    #[must_use]
    pub fn with_container_status(self, container_status: Option<u16>) -> Self {
        Self {
            container_status,
            ..self
        }
    }

    /// The same failure in other words.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self::new(self.cause, detail).with_container_status(self.container_status)
    }
}

/// Why an attempt or a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "FailureCause"))]
pub enum Cause {
    /// The input is invalid for every model; it was never submitted.
    InvalidInput,
    /// A newer version of the object replaced this one.
    Superseded,
    /// The model answered 4xx: it rejects this document.
    ModelRejected,
    /// The model answered 5xx, or with a 4xx that says nothing about the document (408, 409, 421, 423, 424, 425, 429), or its
    /// container died (SageMaker reports status 0).
    ModelError,
    /// The model did not answer within the invocation timeout.
    TimedOut,
    /// The request waited in the endpoint's queue for longer than its time to live.
    Expired,
    /// No notification, no output and no failure object by the deadline.
    Lost,
    /// The pipeline is retired or no longer configured.
    PipelineGone,
    /// The endpoint refused the request: throttled, out of service, or misconfigured.
    Refused,
    /// The model failed on this document twice in the same way, and not on all others: another attempt does not help.
    Unprocessable,
    /// The attempt failed while the endpoint failed or refused every document, so it says nothing about this one.
    EndpointDown,
    /// The endpoint reported a failure that this service does not know.
    Unknown,
}

/// Whether and how a failure is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retryability {
    /// Never: another attempt cannot help.
    Permanent,
    /// While the retry budget has attempts left.
    Retry,
    RetryOnce,
    /// Without using up attempts, until the job's deadline.
    Wait,
}

impl Cause {
    pub const ALL: [Self; 12] = [
        Self::InvalidInput,
        Self::Superseded,
        Self::ModelRejected,
        Self::ModelError,
        Self::TimedOut,
        Self::Expired,
        Self::Lost,
        Self::PipelineGone,
        Self::Refused,
        Self::Unprocessable,
        Self::EndpointDown,
        Self::Unknown,
    ];

    pub const fn retryability(self) -> Retryability {
        match self {
            Self::InvalidInput
            | Self::Superseded
            | Self::ModelRejected
            | Self::PipelineGone
            | Self::Unprocessable => Retryability::Permanent,
            Self::ModelError | Self::TimedOut | Self::Lost => Retryability::Retry,
            Self::Unknown => Retryability::RetryOnce,
            Self::Expired | Self::Refused | Self::EndpointDown => Retryability::Wait,
        }
    }

    /// The stored and published name.
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
            Self::Unprocessable => "Unprocessable",
            Self::EndpointDown => "EndpointDown",
            Self::Unknown => "Unknown",
        }
    }

    /// The cause with this name; [`Cause::Unknown`] for names of other releases.
    pub fn from_name(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|cause| cause.name() == name)
            .unwrap_or(Self::Unknown)
    }
}

/// A side effect that entering a state requires. Each may run more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Call `InvokeEndpointAsync` for the current attempt. Only the lease holder does.
    InvokeEndpoint,
    /// Send the delayed message that starts the next attempt.
    ScheduleRetry,
    /// Push the change to the tenant's open pages.
    PushUpdate,
    /// Publish `JobReady` or `JobFailed` for downstream programs.
    PublishEvent,
}

/// How long after its due time the reconciler starts a retry whose message was lost.
pub(crate) const LOST_RETRY_DELAY: Duration = Duration::from_secs(120);

impl State {
    /// The side effects of this state. They depend on the state alone, so a redelivered message finds them again.
    pub const fn effects(&self) -> &'static [Effect] {
        match self {
            Self::Submitting { .. } => &[Effect::InvokeEndpoint],
            Self::Queued { .. }
            | Self::InProgress { .. }
            | Self::Cancelled { .. }
            | Self::Erased { .. } => &[Effect::PushUpdate],
            Self::RetryScheduled { .. } => &[Effect::ScheduleRetry, Effect::PushUpdate],
            Self::Ready { .. } | Self::Failed { .. } => &[Effect::PublishEvent, Effect::PushUpdate],
        }
    }

    /// Whether the service still works on the job: it is not final.
    pub const fn is_open(&self) -> bool {
        self.check_deadline().is_some()
    }

    /// When the reconciler checks the job at the latest; `None` exactly if the state is final. A queued job can be checked at
    /// any time; the reconciler does so when nothing is paused that holds it.
    pub const fn check_deadline(&self) -> Option<Timestamp> {
        match self {
            Self::Submitting { deadline, .. } | Self::InProgress { deadline, .. } => {
                Some(*deadline)
            }
            Self::RetryScheduled { due, .. } => Some(due.plus(LOST_RETRY_DELAY)),
            Self::Queued { since, .. } => Some(*since),
            Self::Ready { .. }
            | Self::Failed { .. }
            | Self::Cancelled { .. }
            | Self::Erased { .. } => None,
        }
    }

    /// What the job may still use, while it is open.
    pub const fn budget(&self) -> Option<&RetryBudget> {
        match self {
            Self::Submitting { budget, .. }
            | Self::InProgress { budget, .. }
            | Self::RetryScheduled { budget, .. }
            | Self::Queued { budget, .. } => Some(budget),
            Self::Ready { .. }
            | Self::Failed { .. }
            | Self::Cancelled { .. }
            | Self::Erased { .. } => None,
        }
    }

    /// The newest attempt that was started or is scheduled: the highest number that a notification may name.
    pub const fn attempt(&self) -> Attempt {
        match self {
            Self::Submitting { attempt, .. }
            | Self::InProgress { attempt, .. }
            | Self::RetryScheduled { next: attempt, .. }
            | Self::Queued { next: attempt, .. }
            | Self::Ready { attempt }
            | Self::Failed { attempt, .. }
            | Self::Cancelled { attempt }
            | Self::Erased { attempt } => *attempt,
        }
    }

    pub const fn status_group(&self) -> StatusGroup {
        match self {
            Self::Queued { .. }
            | Self::Submitting { .. }
            | Self::InProgress { .. }
            | Self::RetryScheduled { .. } => StatusGroup::Open,
            Self::Ready { .. } => StatusGroup::Ready,
            Self::Failed { .. } => StatusGroup::Failed,
            Self::Cancelled { .. } => StatusGroup::Cancelled,
            Self::Erased { .. } => StatusGroup::Erased,
        }
    }

    pub const fn status(&self) -> JobStatus {
        match self {
            Self::Queued { .. } => JobStatus::Queued,
            Self::Submitting { .. } => JobStatus::Submitting,
            Self::InProgress { .. } => JobStatus::InProgress,
            Self::RetryScheduled { .. } => JobStatus::RetryScheduled,
            Self::Ready { .. } => JobStatus::Ready,
            Self::Failed { .. } => JobStatus::Failed,
            Self::Cancelled { .. } => JobStatus::Cancelled,
            Self::Erased { .. } => JobStatus::Erased,
        }
    }

    /// The stored and published name.
    pub const fn name(&self) -> &'static str {
        self.status().name()
    }
}
