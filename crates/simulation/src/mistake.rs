//! Mistakes that somebody could make, planted between the product's code and the simulated cloud.
//! The simulation is only worth its time if it notices each of them; a test makes sure.

use crate::fault::{Fault, Plan};

macro_rules! mistakes {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// A mistake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mistake {
            $($(#[doc = $doc])* $name,)*
        }

        impl Mistake {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The mistake of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| format!("{known:?}") == name)
            }
        }
    };
}

mistakes! {
    /// A save goes through whatever version is stored.
    VersionIgnored,
    /// A create replaces the row that is there.
    CreateReplaces,
    /// A claim is taken over before its lease is over.
    LeaseIgnored,
    /// A claim counts as one's own if the message has the same id.
    ClaimByMessageId,
    /// A message that comes again brings no events.
    EffectsDroppedOnRedelivery,
    /// A failure is applied to the newest attempt, whichever it names.
    EvidenceOfAnotherAttempt,
    /// A failure that comes late opens a job that is `Ready`.
    LateFailureOverwrites,
    /// A success that comes after the job failed is thrown away.
    LateSuccessDropped,
    /// An attempt is given up at its deadline without a look at S3.
    TimesOutWithoutLooking,
    /// A success is believed without a look at its output.
    OutputNotChecked,
    /// A result is taken although its input was replaced meanwhile.
    InputNotRechecked,
    /// Whoever answers "gone" is forgotten, however new the connection.
    GoneForgetsFreshPages,
    /// Quarantine keeps nothing.
    QuarantineDrops,
    /// Entries that the event bus did not take are not sent again.
    CutEventsForgotten,
    /// All messages of a batch are acknowledged, whatever the function reported.
    FailuresAcknowledged,
    /// A push goes to the pages of every tenant.
    PushToEveryTenant,
    /// Nobody sends wake-ups for overdue jobs.
    NoWakeUps,
    /// Nobody looks for objects without a job.
    NoSweep,
    /// Nobody looks at dead letters.
    DeadLettersForgotten,
    /// Dead letters vanish when they are received, and not when they are deleted.
    DeadLettersReceivedOnce,
    /// A job that was woken once is never found in the index again.
    PostponedForGood,
    /// Announcements of the reconciler go nowhere.
    AnnouncementsForgotten,
    /// A reason that support gives is not kept.
    ReasonForgotten,
}

impl Mistake {
    /// The weather in which it shows most often; `None`: in any.
    pub fn weather(self) -> Option<Plan> {
        let calm = Plan::CALM;
        match self {
            Self::VersionIgnored | Self::LateFailureOverwrites => Some(
                calm.with(Fault::MessageDoubled, 300_000)
                    .with(Fault::FunctionPaused, 50_000)
                    .with(Fault::AnswerLost, 100_000)
                    .with(Fault::ModelBroken, 200_000),
            ),
            Self::LeaseIgnored | Self::ClaimByMessageId => Some(
                calm.with(Fault::MessageDoubled, 400_000)
                    .with(Fault::S3EventDoubled, 400_000)
                    .with(Fault::FunctionPaused, 50_000),
            ),
            Self::EvidenceOfAnotherAttempt => Some(
                calm.with(Fault::ModelBroken, 500_000)
                    .with(Fault::NotificationDoubled, 500_000)
                    .with(Fault::NotificationLate, 300_000),
            ),
            Self::LateSuccessDropped => Some(
                calm.with(Fault::AnswerLost, 200_000)
                    .with(Fault::ModelBroken, 600_000)
                    .with(Fault::NotificationLate, 300_000),
            ),
            Self::InputNotRechecked => Some(
                calm.with(Fault::InputOverwritten, 500_000)
                    .with(Fault::S3EventLost, 300_000)
                    .with(Fault::CapacityGone, 500_000),
            ),
            Self::DeadLettersReceivedOnce => Some(
                calm.with(Fault::MessageGarbled, 500_000)
                    .with(Fault::DeliveryThrottled, 600_000)
                    .with(Fault::CrashAfterCall, 60_000)
                    .with(Fault::CallThrottled, 100_000),
            ),
            Self::GoneForgetsFreshPages => Some(calm.with(Fault::PageOpensSlowly, 1_000_000)),
            Self::CreateReplaces
            | Self::EffectsDroppedOnRedelivery
            | Self::TimesOutWithoutLooking
            | Self::OutputNotChecked
            | Self::QuarantineDrops
            | Self::CutEventsForgotten
            | Self::FailuresAcknowledged
            | Self::PushToEveryTenant
            | Self::NoWakeUps
            | Self::NoSweep
            | Self::DeadLettersForgotten
            | Self::PostponedForGood
            | Self::AnnouncementsForgotten
            | Self::ReasonForgotten => None,
        }
    }
}
