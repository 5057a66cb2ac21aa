//! One document and the state of its job.

use std::time::{Duration, Instant};

use super::planned_upload::{ExpectedOutcome, PlannedUpload};

/// The status of a document. Within one attempt it only moves forward, in whatever order pushes and events arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DocumentStatus {
    /// The upload has not started.
    NotStarted,
    Uploading {
        sent_bytes: u64,
    },
    Uploaded,
    /// It is in the endpoint's queue.
    Submitted,
    /// It is in the endpoint's queue, and no instance is in service.
    SubmittedWithoutCapacity,
    /// An instance is processing it.
    Running {
        instance: u32,
    },
    /// The endpoint has finished; the service has not recorded the result yet.
    Finished,
    RetryScheduled {
        due: Instant,
        reason: String,
    },
    Ready,
    Failed {
        cause: String,
        detail: String,
    },
    Cancelled,
}

impl DocumentStatus {
    const fn order(&self) -> u8 {
        match self {
            Self::NotStarted => 0,
            Self::Uploading { .. } => 1,
            Self::Uploaded => 2,
            // The push has the number of the next attempt, so this comes before its submission.
            Self::RetryScheduled { .. } => 3,
            Self::Submitted => 4,
            Self::SubmittedWithoutCapacity => 5,
            Self::Running { .. } => 6,
            Self::Finished => 7,
            Self::Ready | Self::Failed { .. } | Self::Cancelled => 8,
        }
    }

    pub(crate) const fn is_final(&self) -> bool {
        self.order() == 8
    }
}

/// A document and the state of its job.
#[derive(Debug)]
pub(crate) struct TrackedDocument {
    pub(crate) upload: PlannedUpload,
    pub(crate) status: DocumentStatus,
    /// When the status last changed.
    pub(crate) since: Instant,
    pub(crate) uploaded_at: Option<Instant>,
    /// From the end of the upload to the end of the job.
    pub(crate) duration: Option<Duration>,
    /// The location of its result.
    pub(crate) output: Option<String>,
    /// From the end of the upload to the endpoint's queue.
    pub(crate) submission_delay: Option<Duration>,
    pub(super) stored_at: Option<Instant>,
    /// From the result in S3 to the push.
    pub(crate) push_delay: Option<Duration>,
    /// The newest known attempt, from 1.
    pub(crate) attempt: u8,
    pub(super) version: u64,
}

impl TrackedDocument {
    /// Records the number of an attempt. A new attempt starts again from `Uploaded`. False if the attempt is not the
    /// newest.
    pub(super) fn record_attempt(&mut self, attempt: u8) -> bool {
        if attempt > self.attempt {
            self.attempt = attempt;
            if attempt > 1 && !self.status.is_final() {
                self.status = DocumentStatus::Uploaded;
            }
        }
        attempt == self.attempt
    }

    /// Moves forward to a status, never back. Whether the change is worth showing.
    pub(super) fn advance(&mut self, status: DocumentStatus) -> bool {
        let is_later = status.order() > self.status.order();
        let is_correction = self.status.is_final() && status.is_final() && status != self.status;
        let changed = is_later || is_correction;
        if changed || status.order() == self.status.order() {
            self.status = status;
        }
        if changed {
            self.since = Instant::now();
        }
        changed
    }

    pub(crate) fn ended_as_expected(&self) -> bool {
        match (&self.status, self.upload.expected) {
            (DocumentStatus::Ready, ExpectedOutcome::Ready | ExpectedOutcome::Any) => true,
            (DocumentStatus::Failed { cause, .. }, ExpectedOutcome::Rejected) => {
                cause == "InvalidInput" || cause == "ModelRejected"
            }
            (DocumentStatus::Failed { cause, .. }, ExpectedOutcome::Any) => !cause.is_empty(),
            _ => false,
        }
    }
}
