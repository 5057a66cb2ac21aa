//! What can go wrong, how often in a given history, and how often it did.

use async_endpoint::Rng;

macro_rules! faults {
    ($($(#[doc = $doc:literal])* $name:ident $rarity:literal,)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[doc = $doc])* $name,)*
        }

        impl Fault {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The highest chance that a history gives it, in a million occasions.
            const fn highest(self) -> u32 {
                match self {
                    $(Self::$name => $rarity,)*
                }
            }
        }
    };
}

faults! {
    /// S3 never announces an upload.
    S3EventLost 300_000,
    /// S3 announces an upload twice.
    S3EventDoubled 300_000,
    /// S3 announces an upload up to three hours late.
    S3EventLate 200_000,
    /// S3 announces an upload up to a minute late, so that later ones overtake it.
    S3EventOvertaken 300_000,
    /// S3 announces an earlier upload once more, in the same message as the next.
    S3EventsBundled 200_000,
    /// A queue hands a message to a second function while the first still has it.
    MessageDoubled 100_000,
    /// A queue is slow to show a message.
    MessageLate 100_000,
    /// The deletion of a message that was worked off is lost.
    DeletionLost 50_000,
    /// Lambda throttles a delivery: the message counts as received, and no function saw it.
    DeliveryThrottled 50_000,
    /// The endpoint's notification never reaches a queue.
    NotificationLost 400_000,
    /// The endpoint's notification reaches the queue twice.
    NotificationDoubled 300_000,
    /// The endpoint's notification is up to two hours late.
    NotificationLate 200_000,
    /// A notification about a job that never was.
    NotificationStray 50_000,
    /// A message that nobody can read.
    MessageGarbled 50_000,
    /// A function dies at a call, which is not made.
    CrashBeforeCall 8_000,
    /// A function dies at a call, which takes effect.
    CrashAfterCall 8_000,
    /// A call of a function that died takes effect shortly after its death.
    LandsAfterDeath 500_000,
    /// A call gets no answer until Lambda ends the function.
    CallHangs 4_000,
    /// A function stands still at a call for most of its time, then goes on.
    FunctionPaused 5_000,
    /// A call is throttled: it has no effect.
    CallThrottled 60_000,
    /// A call takes effect, and its answer is lost.
    AnswerLost 40_000,
    /// Some entries of a batch call are not taken.
    BatchCut 200_000,
    /// The clocks of functions differ by up to a second and a half.
    ClockSkew 1_000_000,
    /// An index of the table lags behind by up to two seconds.
    IndexLags 1_000_000,
    /// A newer release goes live little by little, and the older cannot read its rows.
    ReleaseMixed 1_000_000,
    /// All calls of one kind fail for minutes to hours.
    Outage 300_000,
    /// The endpoint takes a request, and its answer is lost.
    InvokeUnanswered 300_000,
    /// The endpoint takes a request, and its answer does not say where the output will be.
    PlaceUnsaid 100_000,
    /// The endpoint refuses a call.
    InvokeRefused 200_000,
    /// An endpoint is out of service for minutes to hours.
    EndpointDown 500_000,
    /// An endpoint has no capacity for hours, so that requests expire in its queue.
    CapacityGone 300_000,
    /// The endpoint says nothing about requests that expire.
    ExpirySilent 500_000,
    /// The endpoint writes outputs under names that say nothing about the job.
    NamesOpaque 300_000,
    /// An instance dies with work in flight.
    InstanceLost 50_000,
    /// The model answers 5xx.
    ModelBroken 500_000,
    /// The model does not answer in time.
    ModelSlow 300_000,
    /// The endpoint cannot write an output.
    OutputUnwritable 50_000,
    /// Somebody deletes an output as soon as it is written.
    OutputDeleted 100_000,
    /// An input is overwritten.
    InputOverwritten 400_000,
    /// An input is deleted.
    InputDeleted 100_000,
    /// An input that no model can read.
    InputPoisoned 150_000,
    /// An input that nobody but its uploader may read.
    InputSealed 100_000,
    /// A page goes away without a word.
    PageVanished 500_000,
    /// API Gateway opens a connection only seconds after it was registered.
    PageOpensSlowly 500_000,
    /// A frame to a page is lost.
    PushLost 200_000,
    /// Two reconcilers run at once.
    TwoReconcilers 500_000,
}

impl Fault {
    /// How many kinds there are.
    pub const COUNT: usize = Self::ALL.len();
}

/// How often each kind strikes in one history.
#[derive(Clone, Debug)]
pub struct Plan {
    per_million: [u32; Fault::COUNT],
}

impl Plan {
    /// Nothing goes wrong.
    pub const CALM: Self = Self {
        per_million: [0; Fault::COUNT],
    };

    /// About half of the kinds, each at a rate of its own, most of them low. One history in sixteen is without faults.
    pub fn draw(rng: &mut Rng) -> Self {
        let mut plan = Self::CALM;
        if rng.up_to(15) == 0 {
            return plan;
        }
        // Some histories have many kinds at once, others one or two, in which a reader can see what happened.
        let share = [12, 35, 60, 90][usize::try_from(rng.up_to(3)).unwrap_or(0)];
        for fault in Fault::ALL {
            let (enabled, u) = (rng.up_to(99) < share, rng.up_to(1000));
            if enabled {
                let rate = u64::from(fault.highest()) * u * u / 1_000_000;
                plan.per_million[*fault as usize] = u32::try_from(rate).unwrap_or(0);
            }
        }
        plan
    }

    /// The rate of a kind, in a million.
    pub const fn rate(&self, fault: Fault) -> u32 {
        self.per_million[fault as usize]
    }

    /// The same plan with one kind at a rate, in a million.
    #[must_use]
    pub const fn with(mut self, fault: Fault, per_million: u32) -> Self {
        self.per_million[fault as usize] = per_million;
        self
    }
}

/// How often each kind struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struck(pub [u64; Fault::COUNT]);

impl Default for Struck {
    fn default() -> Self {
        Self([0; Fault::COUNT])
    }
}

impl Struck {
    /// Adds the counts of another history.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }

    /// Every kind with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64)> {
        Fault::ALL
            .iter()
            .map(|fault| (*fault, self.0[*fault as usize]))
    }
}
