//! The kinds of day: how many documents arrive, when, how large, and how long the model takes for them.

use crate::units::{HOUR, MINUTE, SECOND, clock, span};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Before a deal closes: contracts all day long, dropped by the dozen, through `legal-review`.
    DealDay,
    /// Scanned archives, a few at a time, through `ocr-batch`.
    Tuesday,
    /// An ordinary business day: a contract now and then.
    Ordinary,
    /// 1,500 contracts a day.
    Busy,
    /// A stream that never pauses and keeps nearly one instance busy.
    Continuous,
}

/// The numbers of a kind of day. Ranges are (minimum, maximum).
pub(crate) struct Shape {
    pub(crate) documents: u32,
    /// The median duration of a model run.
    pub(crate) run_seconds: u32,
    /// When uploads begin and end, in milliseconds since midnight.
    pub(crate) hours: (u64, u64),
    /// The hours with a quarter of the usual uploads.
    pub(crate) dip: Option<(u64, u64)>,
    /// Documents that arrive together.
    pub(crate) burst: (u32, u32),
    /// Within how many milliseconds the documents of a burst arrive.
    pub(crate) burst_ms: u64,
    /// The size of a document.
    pub(crate) bytes: (u64, u64),
    /// The duration of a run, in percent of the median.
    pub(crate) run_percent: (u64, u64),
    /// A larger document takes longer; otherwise the duration is random.
    pub(crate) by_size: bool,
}

const MB: u64 = 1_000_000;

impl Scenario {
    pub const ALL: [Self; 5] = [
        Self::DealDay,
        Self::Tuesday,
        Self::Ordinary,
        Self::Busy,
        Self::Continuous,
    ];

    /// The days that `docs/capacity.md` has pictures and tables of.
    pub const PICTURED: [Self; 2] = [Self::DealDay, Self::Tuesday];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DealDay => "deal-day",
            Self::Tuesday => "tuesday",
            Self::Ordinary => "ordinary",
            Self::Busy => "busy",
            Self::Continuous => "continuous",
        }
    }

    /// The pipeline that the documents go through.
    pub const fn pipeline(self) -> &'static str {
        match self {
            Self::DealDay | Self::Ordinary | Self::Busy | Self::Continuous => "legal-review",
            Self::Tuesday => "ocr-batch",
        }
    }

    /// The parameter file of its endpoint, as it ships.
    pub const fn parameters(self) -> &'static str {
        match self {
            Self::DealDay | Self::Ordinary | Self::Busy | Self::Continuous => {
                include_str!("../../../infra/endpoints/legal-review.json")
            }
            Self::Tuesday => include_str!("../../../infra/endpoints/ocr-batch.json"),
        }
    }

    /// What its documents are called: one, many.
    pub const fn nouns(self) -> (&'static str, &'static str) {
        match self {
            Self::DealDay | Self::Ordinary | Self::Busy | Self::Continuous => {
                ("contract", "contracts")
            }
            Self::Tuesday => ("batch", "batches"),
        }
    }

    /// The day described in words: the pipeline, the documents, when and how they arrive, how long a run takes.
    pub fn describe(self) -> [String; 5] {
        let shape = self.shape();
        let (_, many) = self.nouns();
        let size = |bytes: u64| (bytes / 100_000) as f64 / 10.0;
        let dip = shape.dip.map_or_else(String::new, |(from, until)| {
            format!(", fewer from {} to {}", clock(from), clock(until))
        });
        let run = |percent| span(u64::from(shape.run_seconds) * SECOND * percent / 100);
        [
            format!("`{}`", self.pipeline()),
            format!(
                "{} {many} of {} to {} MB",
                shape.documents,
                size(shape.bytes.0),
                size(shape.bytes.1)
            ),
            format!("{} to {}{dip}", clock(shape.hours.0), clock(shape.hours.1)),
            format!(
                "{} to {} within {}",
                shape.burst.0,
                shape.burst.1,
                span(shape.burst_ms)
            ),
            format!(
                "{} to {}{}",
                run(shape.run_percent.0),
                run(shape.run_percent.1),
                if shape.by_size { ", by size" } else { "" }
            ),
        ]
    }

    pub(crate) const fn shape(self) -> Shape {
        // 45 s as in pipelines.toml, from 30 to 60.
        const CONTRACTS: Shape = Shape {
            documents: 300,
            run_seconds: 45,
            hours: (8 * HOUR, 19 * HOUR),
            dip: Some((12 * HOUR, 13 * HOUR + 30 * MINUTE)),
            burst: (12, 20),
            burst_ms: 90 * SECOND,
            bytes: (MB / 5, 8 * MB),
            run_percent: (67, 133),
            by_size: false,
        };
        match self {
            Self::DealDay => CONTRACTS,
            Self::Ordinary => Shape {
                documents: 20,
                burst: (1, 2),
                ..CONTRACTS
            },
            Self::Busy => Shape {
                documents: 1500,
                burst: (5, 25),
                burst_ms: 3 * MINUTE,
                ..CONTRACTS
            },
            // One every 48 s.
            Self::Continuous => Shape {
                documents: 900,
                hours: (8 * HOUR, 20 * HOUR),
                dip: None,
                burst: (1, 1),
                burst_ms: 0,
                ..CONTRACTS
            },
            // From 5 min for 100 MB to 15 min for 1,000 MB.
            Self::Tuesday => Shape {
                documents: 40,
                run_seconds: 600,
                hours: (8 * HOUR + 30 * MINUTE, 17 * HOUR),
                dip: None,
                burst: (4, 8),
                burst_ms: 10 * MINUTE,
                bytes: (100 * MB, 1000 * MB),
                run_percent: (50, 150),
                by_size: true,
            },
        }
    }
}
