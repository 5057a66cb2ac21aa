//! The kinds of fault, how often each happens in a history, and how often it did happen.

use async_endpoint::Rng;

macro_rules! faults {
    ($($(#[doc = $doc:literal])* $name:ident $max_rate:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FaultKind {
            $($(#[doc = $doc])* $name,)*
        }

        impl FaultKind {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The highest rate that a history gives it, per million occasions.
            const fn max_rate(self) -> u32 {
                match self {
                    $(Self::$name => $max_rate,)*
                }
            }
        }
    };
}

faults! {
    /// S3 loses the event about an upload.
    S3EventLost 300_000,
    /// S3 sends the event about an upload twice.
    S3EventDuplicated 300_000,
    /// S3 sends the event about an upload up to three hours late.
    S3EventLate 200_000,
    /// S3 sends the event about an upload up to a minute late, so that later events overtake it.
    S3EventOvertaken 300_000,
    /// S3 repeats an earlier event in the same message as the next.
    S3EventsBundled 200_000,
    /// A queue delivers a message to a second function while the first still has it.
    MessageDuplicated 100_000,
    /// A message becomes visible up to a minute late.
    MessageLate 100_000,
    /// The deletion of a processed message is lost.
    DeletionLost 50_000,
    /// Lambda throttles a delivery: the message counts as received, but no function gets it.
    DeliveryThrottled 50_000,
    /// The endpoint's notification never reaches a queue.
    NotificationLost 400_000,
    /// The endpoint's notification reaches the queue twice.
    NotificationDuplicated 300_000,
    /// The endpoint's notification is up to two hours late.
    NotificationLate 200_000,
    /// A notification about a job that does not exist.
    NotificationStray 50_000,
    /// A message that cannot be parsed.
    MessageGarbled 50_000,
    /// A function crashes before a call.
    CrashBeforeCall 8_000,
    /// A function crashes after a call took effect.
    CrashAfterCall 8_000,
    /// A call takes effect shortly after its function crashed.
    CallOutlivesCrash 500_000,
    /// A call gets no response until Lambda ends the function.
    CallHangs 4_000,
    /// A function is paused at a call for up to all of its remaining time.
    FunctionPaused 5_000,
    /// A call is throttled: it has no effect.
    CallThrottled 60_000,
    /// A call takes effect, and its answer is lost.
    AnswerLost 40_000,
    /// Some entries of a batch call are not taken.
    BatchCut 200_000,
    /// The clock of a function is wrong by up to a second and a half.
    ClockSkew 1_000_000,
    /// An index of the table lags behind the rows by up to two seconds.
    IndexLags 1_000_000,
    /// Two releases run at once during a deployment, and the older cannot read rows of the newer.
    ReleaseMixed 1_000_000,
    /// All calls of one kind fail for minutes to hours.
    Outage 300_000,
    /// The endpoint accepts a request, and its answer is lost.
    InvokeOutcomeUnknown 300_000,
    /// The endpoint accepts a request, and its answer lacks the location of the output.
    OutputLocationOmitted 100_000,
    /// The endpoint refuses a call.
    InvokeRefused 200_000,
    /// An endpoint is out of service for minutes to hours.
    EndpointDown 500_000,
    /// An endpoint has no capacity for hours, so that requests expire in its queue.
    CapacityGone 300_000,
    /// The endpoint sends no notification about requests that expire.
    ExpirySilent 500_000,
    /// The endpoint writes outputs under keys without the job's id.
    NamesOpaque 300_000,
    /// An instance is lost with requests in flight.
    InstanceLost 50_000,
    /// The model of an endpoint answers 5xx to every document for minutes to hours.
    ModelDown 400_000,
    /// The model answers 5xx.
    ModelBroken 500_000,
    /// The model does not answer in time.
    ModelSlow 300_000,
    /// The endpoint cannot write an output.
    OutputUnwritable 50_000,
    /// An output is deleted as soon as it is written.
    OutputDeleted 100_000,
    InputOverwritten 400_000,
    /// The same bytes are uploaded again.
    InputPutAgain 300_000,
    /// The bytes that were there before the current ones are uploaded again.
    InputRestored 200_000,
    InputDeleted 100_000,
    /// An input that no model can read.
    InputPoisoned 150_000,
    /// An input that only its uploader may read.
    InputSealed 100_000,
    /// A part of a multipart upload does not reach S3.
    UploadPartLost 300_000,
    /// A file of an upload session is sent twice.
    UploadSentTwice 300_000,
    /// An upload is completed twice, at about the same time.
    UploadCompletedTwice 500_000,
    /// An upload is aborted, perhaps while it is being completed.
    UploadAborted 200_000,
    /// Support runs a ready job again.
    ReadyRunAgain 500_000,
    /// A retry plan is applied twice, at about the same time.
    PlanAppliedTwice 500_000,
    /// A page disconnects without `$disconnect`.
    PageVanished 500_000,
    /// API Gateway opens a connection only seconds after it was registered.
    PageOpensSlowly 500_000,
    /// A push to a page is lost.
    PushLost 200_000,
    /// Two reconcilers run at once.
    TwoReconcilers 500_000,
    /// A receiver of webhooks answers with an error or a redirect.
    ReceiverRefuses 200_000,
    /// A receiver of webhooks answers nothing until the delivery gives up.
    ReceiverHangs 100_000,
    /// A receiver of webhooks takes a part of the time that it has, or all.
    ReceiverSlow 300_000,
    /// A receiver of webhooks answers 410 Gone. Its owner enables the webhook again later.
    ReceiverGone 50_000,
    /// A tenant makes a new secret for its webhook, and installs it at the receiver later.
    SecretRotated 500_000,
    /// A receiver of webhooks takes an event, and its answer is lost.
    ReceiverAnswerLost 200_000,
    /// SES takes no mail now.
    MailNotTaken 200_000,
    /// SES refuses a mail for its recipient.
    MailRefused 100_000,
    /// SES takes a mail, and its answer is lost.
    MailAnswerLost 200_000,
    /// The window of an endpoint is lost from the pause record until function `capacity` writes it again.
    WindowLost 30_000,
    /// An input is archived, perhaps while its job is open.
    InputArchived 100_000,
    /// S3 refuses to read an output or a failure object.
    OutputSealed 100_000,
}

impl FaultKind {
    pub const COUNT: usize = Self::ALL.len();
}

/// How often each kind of fault happens in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultProfile {
    per_million: [u32; FaultKind::COUNT],
}

impl FaultProfile {
    pub const NONE: Self = Self {
        per_million: [0; FaultKind::COUNT],
    };

    /// About half of the kinds, each with its own rate, most of them low. One history in 16 has no faults.
    pub fn draw(rng: &mut Rng) -> Self {
        let mut profile = Self::NONE;
        if rng.up_to(15) == 0 {
            return profile;
        }
        // Some histories have many kinds at once; others have few, whose traces are easier to read.
        let share = [12, 35, 60, 90][usize::try_from(rng.up_to(3)).unwrap_or(0)];
        for fault in FaultKind::ALL {
            let (enabled, u) = (rng.up_to(99) < share, rng.up_to(1000));
            if enabled {
                let rate = u64::from(fault.max_rate()) * u * u / 1_000_000;
                profile.per_million[*fault as usize] = u32::try_from(rate).unwrap_or(0);
            }
        }
        profile
    }

    /// The rate of a kind, per million occasions.
    pub const fn rate(&self, fault: FaultKind) -> u32 {
        self.per_million[fault as usize]
    }

    /// The same profile with another rate for one kind, per million occasions.
    #[must_use]
    pub const fn with(mut self, fault: FaultKind, per_million: u32) -> Self {
        self.per_million[fault as usize] = per_million;
        self
    }
}

/// How often each kind of fault happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultCounts(pub [u64; FaultKind::COUNT]);

impl Default for FaultCounts {
    fn default() -> Self {
        Self([0; FaultKind::COUNT])
    }
}

impl FaultCounts {
    pub(crate) const fn count(&mut self, fault: FaultKind) {
        self.0[fault as usize] += 1;
    }

    /// Adds the counts of another history.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }

    /// Every kind with its count.
    pub fn iter(&self) -> impl Iterator<Item = (FaultKind, u64)> {
        FaultKind::ALL
            .iter()
            .map(|fault| (*fault, self.0[*fault as usize]))
    }
}
