//! Expected work of a document: what its release costs its tenant's turn ([`crate::fair_queue`]).
//!
//! A run takes about `a + b × bytes`. Turns compare documents, so only the ratio `a / b` matters: the expected work of a document
//! is its bytes and this base. The base is learned from the runs of the pipeline: of each hour that is counted for usage, the
//! sums for a straight line through sizes and durations are added to one small record ([`learn`]). Function `capacity` puts the
//! base into the line of the pipeline's window ([`crate::window`]), where releases read it.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};
use tracing::info;

use crate::id::Timestamp;
use crate::ports::{KeyValueStore, Record, Unavailable};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
/// The base until enough was learned.
const DEFAULT_BASE: u64 = 256 * KIB;
/// No base is smaller: small documents cost a run, too.
const MIN_BASE: u64 = 64 * KIB;
/// No document counts for more, so that a tenant with one huge document is not shut out for hours. With this base all documents
/// count the same.
const MAX_WORK: u64 = 256 * MIB;
/// The base is not learned from fewer runs.
const MIN_RUNS: u64 = 50;
/// Sums follow the newest runs: beyond this number the earlier ones count half.
const MAX_RUNS: u64 = 1000;
/// Nothing is learned from sizes whose standard deviation is less than their mean divided by this.
const MIN_DEVIATION: i128 = 8;
/// Where the sums are stored: beside the observations of function `capacity`. No pipeline has such a name.
pub const COLLECTION: &str = "capacity";
const KEY_PREFIX: &str = ".runs-";

/// What counts of a document besides its bytes, in the same unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BaseWork(u64);

impl Default for BaseWork {
    fn default() -> Self {
        Self(DEFAULT_BASE)
    }
}

impl BaseWork {
    /// Within the limits, whatever the number is.
    pub const fn of_bytes(bytes: u64) -> Self {
        match bytes {
            ..MIN_BASE => Self(MIN_BASE),
            MIN_BASE..MAX_WORK => Self(bytes),
            MAX_WORK.. => Self(MAX_WORK),
        }
    }

    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The expected work of a document with this number of bytes.
    pub const fn expected_work(self, bytes: u64) -> u64 {
        let work = self.0.saturating_add(bytes);
        if work < MAX_WORK { work } else { MAX_WORK }
    }

    /// Work ahead of the clock that was counted with the base `before`, so that it keeps no tenant waiting for more releases of
    /// others than before: with a larger base each of these counts for more, with a smaller one for at least the same share.
    pub(crate) fn rescaled(self, work: u64, before: Self) -> u64 {
        if self >= before {
            return work;
        }
        let rescaled = u128::from(work) * u128::from(self.0) / u128::from(before.0);
        u64::try_from(rescaled).unwrap_or(work)
    }
}

/// Sums over runs, for the straight line through their sizes and durations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunSums {
    runs: u64,
    kib: u64,
    ms: u64,
    kib_kib: u64,
    kib_ms: u64,
}

impl RunSums {
    /// A run that took `ms` for a document of `bytes`.
    pub fn add(&mut self, bytes: u64, ms: u64) {
        let kib = bytes.min(MAX_WORK).div_ceil(KIB);
        self.add_sums(Self {
            runs: 1,
            kib,
            ms,
            kib_kib: kib.saturating_mul(kib),
            kib_ms: kib.saturating_mul(ms),
        });
    }

    const fn add_sums(&mut self, other: Self) {
        self.runs = self.runs.saturating_add(other.runs);
        self.kib = self.kib.saturating_add(other.kib);
        self.ms = self.ms.saturating_add(other.ms);
        self.kib_kib = self.kib_kib.saturating_add(other.kib_kib);
        self.kib_ms = self.kib_ms.saturating_add(other.kib_ms);
    }

    /// Adds newer runs.
    fn follow(&mut self, newer: Self) {
        if self.runs.saturating_add(newer.runs) > MAX_RUNS {
            let (kept, all) = (u128::from(self.runs / 2), u128::from(self.runs.max(1)));
            let sums = [
                &mut self.runs,
                &mut self.kib,
                &mut self.ms,
                &mut self.kib_kib,
                &mut self.kib_ms,
            ];
            for sum in sums {
                *sum = u64::try_from(u128::from(*sum) * kept / all).unwrap_or(u64::MAX);
            }
        }
        self.add_sums(newer);
    }

    /// What the runs say, by least squares.
    pub fn learned(&self) -> LearnedWork {
        if self.runs < MIN_RUNS {
            return LearnedWork::TooFewRuns { runs: self.runs };
        }
        let [n, x, y, xx, xy] =
            [self.runs, self.kib, self.ms, self.kib_kib, self.kib_ms].map(i128::from);
        // Saturates only where the stored sums are nonsense.
        let times = i128::saturating_mul;
        // n² times the variance of the sizes, and their covariance with the durations.
        let variance = times(n, xx).saturating_sub(times(x, x));
        let covariance = times(n, xy).saturating_sub(times(x, y));
        if variance <= 0 || times(variance, MIN_DEVIATION * MIN_DEVIATION) < times(x, x) {
            return LearnedWork::SameSizes;
        }
        if covariance <= 0 {
            return LearnedWork::SameForAllSizes;
        }
        let ratio = |numerator: i128, denominator: i128| {
            u64::try_from((numerator / denominator.max(1)).max(0)).unwrap_or(u64::MAX)
        };
        // n times the variance times what a run takes besides its bytes.
        let intercept = times(y, variance).saturating_sub(times(covariance, x));
        let kib = ratio(intercept, times(n, covariance));
        LearnedWork::BySize {
            base: BaseWork::of_bytes(kib.saturating_mul(KIB)),
            each_ms: ratio(intercept, times(n, variance)),
            mib_ms: ratio(times(covariance, i128::from(KIB)), variance),
        }
    }
}

/// What the runs of a pipeline say about the work of its documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LearnedWork {
    TooFewRuns {
        runs: u64,
    },
    /// A line through them could be any.
    SameSizes,
    /// Larger documents take no longer.
    SameForAllSizes,
    BySize {
        base: BaseWork,
        /// What each run takes, and how much longer for each MiB.
        each_ms: u64,
        mib_ms: u64,
    },
}

impl LearnedWork {
    pub fn base(self) -> BaseWork {
        match self {
            Self::TooFewRuns { .. } | Self::SameSizes => BaseWork::default(),
            Self::SameForAllSizes => BaseWork(MAX_WORK),
            Self::BySize { base, .. } => base,
        }
    }
}

/// As a sentence for people.
impl Display for LearnedWork {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let base = self.base().0 / KIB;
        let seconds = |ms: u64| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
        match *self {
            Self::TooFewRuns { runs } => write!(
                f,
                "Only {runs} of {MIN_RUNS} needed runs were measured, so a document counts as its bytes and {base} KB."
            ),
            Self::SameSizes => write!(
                f,
                "The documents are about equally large, so a document counts as its bytes and {base} KB."
            ),
            Self::SameForAllSizes => {
                f.write_str("Larger documents take no longer, so all documents count the same.")
            }
            Self::BySize {
                each_ms, mib_ms, ..
            } => write!(
                f,
                "A run takes about {} and {} for each MB, so a document counts as its bytes and {base} KB.",
                seconds(each_ms),
                seconds(mib_ms)
            ),
        }
    }
}

/// The sums as stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredRuns {
    /// When the last hour that was learned began.
    pub hour: Timestamp,
    pub of_hour: RunSums,
    pub before: RunSums,
}

impl StoredRuns {
    /// What another release wrote differently is learned anew.
    pub fn from_record(record: Option<&Record>) -> Self {
        let body = record.map(|record| record.body.as_str());
        body.and_then(|body| serde_json::from_str(body).ok())
            .unwrap_or_default()
    }

    pub fn to_record(&self, revision: u64) -> Record {
        Record {
            body: serde_json::to_string(self).unwrap_or_default(),
            revision,
            expires_at: None,
        }
    }

    /// An hour was counted, perhaps again. Of one before the last nothing is learned.
    fn replace(&mut self, hour: Timestamp, runs: RunSums) {
        if hour < self.hour {
            return;
        }
        if hour > self.hour {
            self.before = self.all();
        }
        self.hour = hour;
        self.of_hour = runs;
    }

    fn all(&self) -> RunSums {
        let mut all = self.before;
        all.follow(self.of_hour);
        all
    }

    pub fn learned(&self) -> LearnedWork {
        self.all().learned()
    }
}

/// The key of a pipeline's sums in collection [`COLLECTION`].
pub fn key(pipeline: &str) -> String {
    format!("{KEY_PREFIX}{pipeline}")
}

/// Adds the runs of the hour that begins at `hour`. If it was the last one already, they replace those from before, so an hour that
/// is counted again counts once.
///
/// # Errors
/// If the store does not answer. The hour must then be counted again.
pub async fn learn<P: KeyValueStore>(
    ports: &P,
    pipeline: &str,
    hour: Timestamp,
    runs: RunSums,
) -> Result<(), Unavailable> {
    let record = ports.get(COLLECTION, &key(pipeline)).await?;
    let mut stored = StoredRuns::from_record(record.as_ref());
    let before = stored;
    stored.replace(hour, runs);
    if stored == before {
        return Ok(());
    }
    let learned = stored.learned();
    let record = stored.to_record(record.map_or(1, |record| record.revision + 1));
    // If a concurrent run wrote first, it has counted the same hour.
    ports.put(COLLECTION, &key(pipeline), &record).await?;
    if learned.base() != before.learned().base() {
        info!(pipeline, base_bytes = learned.base().0, reason = %learned, "expected work learned");
    }
    Ok(())
}

/// The base of a pipeline.
///
/// # Errors
/// If the store does not answer.
pub async fn learned_base<P: KeyValueStore>(
    ports: &P,
    pipeline: &str,
) -> Result<BaseWork, Unavailable> {
    let record = ports.get(COLLECTION, &key(pipeline)).await?;
    Ok(StoredRuns::from_record(record.as_ref()).learned().base())
}
