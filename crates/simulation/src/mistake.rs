//! Mistakes that are planted between the product's code and the simulated cloud, to show that the checks would notice
//! them. A test makes sure that each is noticed.

use crate::fault::{FaultKind, FaultProfile};

macro_rules! mistakes {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mistake {
            $($(#[doc = $doc])* $name,)*
        }

        impl Mistake {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| format!("{known:?}") == name)
            }
        }
    };
}

mistakes! {
    /// A save succeeds regardless of the stored version.
    VersionIgnored,
    /// A create replaces an existing row.
    CreateReplaces,
    /// A lease is taken over before it expires.
    LeaseIgnored,
    /// A function treats a lease as its own if the message has the same id.
    LeaseByMessageId,
    /// A redelivered message publishes no events.
    EffectsDroppedOnRedelivery,
    /// A failure is applied to the newest attempt, not to the one that it names.
    EvidenceOfAnotherAttempt,
    /// A late failure reopens a job that is `Ready`.
    LateFailureOverwrites,
    /// A success after the job failed is dropped.
    LateSuccessDropped,
    /// An attempt that is started again counts its job's deadline anew.
    DeadlineForgotten,
    /// An attempt is given up at its deadline without checking S3.
    TimeoutWithoutEvidence,
    /// A success is accepted without checking its output.
    OutputNotChecked,
    /// An output that S3 refuses to read is waited for.
    UnreadableOutputWaitedFor,
    /// A result is accepted although its input was replaced meanwhile.
    InputNotRechecked,
    /// An attempt starts although its input can no longer be read.
    UnreadableInputStarted,
    /// An upload counts as a job's input if an older version, not the one before, had the same bytes.
    OlderSameBytesCount,
    /// A connection that answers 410 is deleted even if it has only just been registered.
    GoneDeletesNewConnections,
    /// The quarantine stores nothing.
    QuarantineDrops,
    /// Entries that the event bus rejected are not sent again.
    RejectedEventsDropped,
    /// All messages of a batch are deleted, even those that the function reported as failed.
    FailuresAcknowledged,
    /// A push goes to the pages of every tenant.
    PushToEveryTenant,
    /// A sync finds no rows of the jobs that have changed.
    RowsMissingInSync,
    /// The reconciler finds no overdue jobs.
    OverdueJobsSkipped,
    /// The reconciler does not scan the inventory for objects without a job.
    InventoryScanSkipped,
    /// The reconciler scans only for keys that the API issued lately.
    CompleteScanSkipped,
    /// The reconciler receives no dead letters.
    DeadLettersForgotten,
    /// Dead letters are deleted when they are received, before they are processed.
    DeadLettersReceivedOnce,
    /// A job that was checked once is not found in the index again.
    PostponedForGood,
    /// Upload events that the reconciler re-sends are lost.
    ResentUploadEventsLost,
    /// A job that is run again forgets that it has a result.
    EarlierResultForgotten,
    /// The reason of a support action is not stored.
    ReasonDropped,
    /// A late outcome takes a job whose data was deleted for one in progress.
    ErasedJobReopened,
    /// The deletion of data leaves the reasons in the history.
    ReasonsNotErased,
    /// The deletion of data leaves the model's words about the attempts.
    WordsNotErased,
    /// The deletion of data leaves the uploaded version.
    InputNotErased,
    /// The deletion of data leaves outputs and failure objects.
    ResultsNotErased,
    /// The deletion of data leaves the file's name in the upload session.
    UploadSessionNotErased,
    /// The deletion of data finds no messages in quarantine.
    QuarantineNotErased,
    /// The deletion of data does not forget that it was begun.
    DeletionStaysUnfinished,
    /// Actions are not recorded in the audit log.
    AuditSkipped,
    /// A retry command of a plan is sent twice, and takes any version of the job for the planned one.
    PlanIgnoresVersion,
    /// The reconciler finds no retry plans whose release is not complete.
    ActivePlansForgotten,
    /// The retry commands of plans are lost.
    PlanCommandsLost,
    /// A multipart upload can be completed again after it was completed.
    CompletedUploadStays,
    /// The submit path finds no upload sessions.
    UploadSessionsNotFound,
    /// The submit path does not see what is paused.
    PauseIgnoredByUploads,
    /// Retries and releases do not see what is paused.
    PausedJobsReleased,
    /// No run of the reconciler releases queued jobs, also after the resume.
    ReleaseForgotten,
    /// A queued job that was cancelled is released.
    CancelledJobReleased,
    /// A release comes twice, and the second one starts the job again.
    ReleasedTwice,
    /// The pause of a tenant holds the jobs of every tenant.
    PauseOfEveryTenant,
    /// The jobs that wait for a place at the endpoint are never released.
    WindowNeverRefilled,
    /// An attempt keeps its place at the endpoint although it has ended.
    PlaceLeaked,
    /// Queued jobs are released in the order of their arrival, whatever their tenant.
    TenantsByArrival,
    /// Documents of lane `bulk` are released when no others wait.
    BulkStarves,
    /// Turns are weighted by bytes, whatever was learned about run times.
    LearnedWorkIgnored,
    /// Turns are weighted by what was learned about another pipeline.
    WorkOfAnotherPipeline,
    /// A circuit breaker is never closed.
    BreakerNeverCloses,
    /// Every failure of a document counts as that of another document.
    BreakerOpensOnOneDocument,
    /// The documents of other tenants, which succeed, are not found.
    SuccessElsewhereIgnored,
    /// A job fails if its attempt fails while the endpoint is down.
    AttemptsUsedUpWhileDown,
    /// A job that was cancelled while its endpoint was down probes it.
    CancelledJobProbed,
    /// Function `capacity` sees only jobs of which a run is on an instance.
    OnlyRunningJobsCounted,
    /// Function `capacity` does not see jobs that wait for a retry.
    RetriesIgnored,
    /// Instances are stopped one by one while jobs are open.
    StopsWhileOpen,
    /// Function `capacity` takes every open job for alive, although no result of it can come.
    LostAttemptsTakenForAlive,
    /// Function `capacity` sees the open jobs as they were five minutes ago.
    OldReadingUsed,
    /// The rule of the event bus does not deliver some events.
    RuleLosesEvents,
    /// The head of a feed is written regardless of its revision.
    FeedHeadOverwritten,
    /// An event is added to a feed before the newest one.
    FeedEventInserted,
    /// The last of the events that are added to a feed is dropped.
    FeedEventDropped,
    /// A segment of a feed is not written.
    FeedSegmentNotWritten,
    /// A receiver's refusal counts as a delivery.
    RefusalTakenForDelivery,
    /// A receiver's 410 counts as a delivery.
    GoneTakenForDelivery,
    /// A receiver that does not answer counts as one that took the event.
    HangTakenForDelivery,
    /// After a rotation requests are signed with the new secret alone.
    OnlyNewSecretSigns,
    /// A rotation returns a secret with which nothing is signed.
    NewSecretNotStored,
    /// A redelivery skips the events that are older than its time and were not sent yet.
    RedeliverySkips,
    /// A function drops the instruction with which it continues, if that arrives before it has given the lease back.
    ContinuationDropped,
    /// Instructions to send a webhook's events again later are lost.
    DelayedInstructionsLost,
    /// Messages that continue digests later are lost.
    DelayedDigestsLost,
    /// A mail that SES does not take counts as sent.
    MailNotTakenCountsAsSent,
    /// An event that a digest takes over is forgotten: the record says that it was reported.
    DigestEventForgotten,
    /// The usage of an hour is counted and not stored.
    UsageNotStored,
}

impl Mistake {
    /// Whether it is a mistake of function `capacity`, which a history must then have.
    pub fn is_of_capacity(self) -> bool {
        matches!(
            self,
            Self::OnlyRunningJobsCounted
                | Self::RetriesIgnored
                | Self::StopsWhileOpen
                | Self::LostAttemptsTakenForAlive
                | Self::OldReadingUsed
                | Self::WindowNeverRefilled
                | Self::PlaceLeaked
                | Self::TenantsByArrival
                | Self::BulkStarves
                | Self::LearnedWorkIgnored
                | Self::WorkOfAnotherPipeline
        )
    }

    /// How many uploads a history needs to show it.
    pub fn min_uploads(self) -> u32 {
        // A segment is full.
        if self == Self::FeedSegmentNotWritten {
            40
        } else if self == Self::TenantsByArrival {
            30
        } else if matches!(self, Self::LearnedWorkIgnored | Self::WorkOfAnotherPipeline) {
            60
        } else if self == Self::BulkStarves {
            80
        } else {
            12
        }
    }

    /// The faults under which it shows most often. `None`: those that a seed draws.
    pub fn fault_profile(self) -> Option<FaultProfile> {
        let none = FaultProfile::NONE;
        match self {
            Self::VersionIgnored | Self::LateFailureOverwrites => Some(
                none.with(FaultKind::MessageDuplicated, 300_000)
                    .with(FaultKind::FunctionPaused, 50_000)
                    .with(FaultKind::AnswerLost, 100_000)
                    .with(FaultKind::ModelBroken, 200_000),
            ),
            Self::LeaseIgnored | Self::LeaseByMessageId => Some(
                none.with(FaultKind::MessageDuplicated, 400_000)
                    .with(FaultKind::S3EventDuplicated, 400_000)
                    .with(FaultKind::FunctionPaused, 50_000),
            ),
            Self::EvidenceOfAnotherAttempt => Some(
                none.with(FaultKind::ModelBroken, 500_000)
                    .with(FaultKind::NotificationDuplicated, 500_000)
                    .with(FaultKind::NotificationLate, 300_000),
            ),
            Self::LateSuccessDropped => Some(
                none.with(FaultKind::AnswerLost, 200_000)
                    .with(FaultKind::ModelBroken, 600_000)
                    .with(FaultKind::NotificationLate, 300_000),
            ),
            Self::InputNotRechecked => Some(
                none.with(FaultKind::InputOverwritten, 500_000)
                    .with(FaultKind::S3EventLost, 300_000)
                    .with(FaultKind::CapacityGone, 500_000),
            ),
            Self::UnreadableInputStarted => Some(
                none.with(FaultKind::InputArchived, 700_000)
                    .with(FaultKind::ModelBroken, 500_000)
                    .with(FaultKind::NotificationLate, 300_000)
                    .with(FaultKind::CapacityGone, 300_000),
            ),
            Self::UnreadableOutputWaitedFor => Some(none.with(FaultKind::OutputSealed, 700_000)),
            Self::OlderSameBytesCount => Some(
                none.with(FaultKind::InputOverwritten, 500_000)
                    .with(FaultKind::InputRestored, 700_000)
                    .with(FaultKind::CapacityGone, 500_000),
            ),
            Self::DeadLettersReceivedOnce => Some(
                none.with(FaultKind::MessageGarbled, 500_000)
                    .with(FaultKind::DeliveryThrottled, 600_000)
                    .with(FaultKind::CrashAfterCall, 60_000)
                    .with(FaultKind::CallThrottled, 100_000),
            ),
            Self::GoneDeletesNewConnections => {
                Some(none.with(FaultKind::PageOpensSlowly, 1_000_000))
            }
            Self::RetriesIgnored => Some(none.with(FaultKind::ModelBroken, 500_000)),
            Self::RefusalTakenForDelivery
            | Self::DelayedInstructionsLost
            | Self::RedeliverySkips => Some(none.with(FaultKind::ReceiverRefuses, 400_000)),
            Self::ContinuationDropped => Some(
                none.with(FaultKind::ReceiverHangs, 400_000)
                    .with(FaultKind::FunctionPaused, 300_000),
            ),
            Self::GoneTakenForDelivery => Some(none.with(FaultKind::ReceiverGone, 400_000)),
            Self::HangTakenForDelivery => Some(none.with(FaultKind::ReceiverHangs, 400_000)),
            Self::OnlyNewSecretSigns | Self::NewSecretNotStored => {
                Some(none.with(FaultKind::SecretRotated, 700_000))
            }
            Self::MailNotTakenCountsAsSent => Some(none.with(FaultKind::MailNotTaken, 400_000)),
            Self::DelayedDigestsLost | Self::DigestEventForgotten => Some(none),
            Self::RuleLosesEvents
            | Self::FeedHeadOverwritten
            | Self::FeedEventInserted
            | Self::FeedEventDropped
            | Self::FeedSegmentNotWritten => {
                Some(none.with(FaultKind::NotificationDuplicated, 300_000))
            }
            Self::UsageNotStored => Some(none.with(FaultKind::NotificationLost, 1_000_000)),
            Self::LostAttemptsTakenForAlive => Some(
                none.with(FaultKind::NotificationLost, 1_000_000)
                    .with(FaultKind::OutputDeleted, 700_000),
            ),
            Self::OnlyRunningJobsCounted
            | Self::StopsWhileOpen
            | Self::OldReadingUsed
            | Self::WindowNeverRefilled
            | Self::PlaceLeaked
            | Self::TenantsByArrival
            | Self::BulkStarves
            | Self::LearnedWorkIgnored
            | Self::WorkOfAnotherPipeline => Some(none),
            Self::BreakerNeverCloses => Some(none.with(FaultKind::EndpointDown, 1_000_000)),
            Self::CancelledJobProbed => Some(none.with(FaultKind::EndpointDown, 1_000_000)),
            Self::BreakerOpensOnOneDocument => Some(none.with(FaultKind::ModelBroken, 600_000)),
            Self::SuccessElsewhereIgnored => Some(none.with(FaultKind::ModelBroken, 500_000)),
            Self::AttemptsUsedUpWhileDown => Some(none.with(FaultKind::ModelDown, 1_000_000)),
            Self::PausedJobsReleased => Some(none.with(FaultKind::ModelBroken, 500_000)),
            Self::ErasedJobReopened => Some(
                none.with(FaultKind::ModelBroken, 500_000)
                    .with(FaultKind::NotificationDuplicated, 600_000)
                    .with(FaultKind::NotificationLate, 600_000),
            ),
            Self::QuarantineNotErased => Some(none.with(FaultKind::MessageGarbled, 1_000_000)),
            Self::ReasonsNotErased
            | Self::WordsNotErased
            | Self::PlanIgnoresVersion
            | Self::PlanCommandsLost => Some(none.with(FaultKind::InputPoisoned, 600_000)),
            Self::ActivePlansForgotten => Some(
                none.with(FaultKind::InputPoisoned, 600_000)
                    .with(FaultKind::CallThrottled, 200_000),
            ),
            Self::CompletedUploadStays => {
                Some(none.with(FaultKind::UploadCompletedTwice, 1_000_000))
            }
            Self::EarlierResultForgotten => Some(
                none.with(FaultKind::ReadyRunAgain, 700_000)
                    .with(FaultKind::InputOverwritten, 300_000)
                    .with(FaultKind::NotificationDuplicated, 500_000)
                    .with(FaultKind::NotificationLate, 300_000),
            ),
            Self::PauseIgnoredByUploads
            | Self::ReleaseForgotten
            | Self::CancelledJobReleased
            | Self::ReleasedTwice
            | Self::PauseOfEveryTenant
            | Self::InputNotErased
            | Self::ResultsNotErased
            | Self::UploadSessionNotErased
            | Self::DeletionStaysUnfinished
            | Self::AuditSkipped
            | Self::UploadSessionsNotFound => Some(none),
            Self::CreateReplaces
            | Self::EffectsDroppedOnRedelivery
            | Self::DeadlineForgotten
            | Self::TimeoutWithoutEvidence
            | Self::OutputNotChecked
            | Self::QuarantineDrops
            | Self::RejectedEventsDropped
            | Self::FailuresAcknowledged
            | Self::PushToEveryTenant
            | Self::RowsMissingInSync
            | Self::OverdueJobsSkipped
            | Self::InventoryScanSkipped
            | Self::CompleteScanSkipped
            | Self::DeadLettersForgotten
            | Self::PostponedForGood
            | Self::ResentUploadEventsLost
            | Self::ReasonDropped => None,
        }
    }
}
