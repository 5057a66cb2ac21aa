//! What is uploaded on a day: how much, when, how large, and how long the model takes for it.

use async_endpoint::Rng;

use super::Options;
use super::report::{clock, span};
use crate::world::{HOUR, MINUTE, SECOND};

/// A kind of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Before a deal closes: contracts all day long, dropped by the dozen, through `legal-review`.
    DealDay,
    /// Scanned archives, a few at a time, through `ocr-batch`.
    Tuesday,
}

/// What a day is like.
pub(super) struct Shape {
    pub(super) documents: u32,
    /// The middle of what runs take.
    pub(super) run_seconds: u32,
    /// Between these moments, in milliseconds since midnight.
    hours: (u64, u64),
    /// When there is a quarter of the uploads that there are at other times.
    dip: Option<(u64, u64)>,
    /// The fewest and the most documents that come together.
    pub(super) burst: (u32, u32),
    /// How long it takes until all of them are there.
    burst_lasts: u64,
    /// The smallest and the largest document.
    bytes: (u64, u64),
    /// The shortest and the longest run, in hundredths of the middle.
    runs: (u64, u64),
    /// A larger document takes longer; otherwise chance decides.
    by_size: bool,
}

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
const MB: u64 = 1_000_000;

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::DealDay, Self::Tuesday];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DealDay => "deal-day",
            Self::Tuesday => "tuesday",
        }
    }

    /// The pipeline that the documents go through.
    pub const fn pipeline(self) -> &'static str {
        match self {
            Self::DealDay => "legal-review",
            Self::Tuesday => "ocr-batch",
        }
    }

    /// The parameter file of its endpoint: the one that ships.
    pub const fn parameters(self) -> &'static str {
        match self {
            Self::DealDay => include_str!("../../../../infra/endpoints/legal-review.json"),
            Self::Tuesday => include_str!("../../../../infra/endpoints/ocr-batch.json"),
        }
    }

    /// What its documents are called: one, many.
    pub const fn nouns(self) -> (&'static str, &'static str) {
        match self {
            Self::DealDay => ("contract", "contracts"),
            Self::Tuesday => ("batch", "batches"),
        }
    }

    /// What such a day is like, in words: the pipeline, the documents, when and how they come, how long a run takes.
    pub fn in_words(self) -> [String; 5] {
        let shape = self.shape();
        let (_, many) = self.nouns();
        let size = |bytes: u64| (bytes / 100_000) as f64 / 10.0;
        let dip = shape.dip.map_or_else(String::new, |(from, until)| {
            format!(", fewer from {} to {}", clock(from), clock(until))
        });
        let run = |hundredths| span(u64::from(shape.run_seconds) * SECOND * hundredths / 100);
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
                span(shape.burst_lasts)
            ),
            format!(
                "{} to {}{}",
                run(shape.runs.0),
                run(shape.runs.1),
                if shape.by_size { ", by size" } else { "" }
            ),
        ]
    }

    pub(super) const fn shape(self) -> Shape {
        match self {
            // 45 s as in pipelines.toml, from 30 to 60.
            Self::DealDay => Shape {
                documents: 300,
                run_seconds: 45,
                hours: (8 * HOUR, 19 * HOUR),
                dip: Some((12 * HOUR, 13 * HOUR + 30 * MINUTE)),
                burst: (12, 20),
                burst_lasts: 90 * SECOND,
                bytes: (MB / 5, 8 * MB),
                runs: (67, 133),
                by_size: false,
            },
            // From 5 min for 100 MB to 15 min for 1,000 MB.
            Self::Tuesday => Shape {
                documents: 40,
                run_seconds: 600,
                hours: (8 * HOUR + 30 * MINUTE, 17 * HOUR),
                dip: None,
                burst: (4, 8),
                burst_lasts: 10 * MINUTE,
                bytes: (100 * MB, 1000 * MB),
                runs: (50, 150),
                by_size: true,
            },
        }
    }
}

/// A document on its way.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Those that come together have one number, from 1 on.
    pub(super) burst: u32,
    /// When its upload is complete.
    pub(super) at: u64,
    pub(super) key: String,
    pub(super) bytes: u64,
    /// How long a run on it takes.
    pub(super) takes: u64,
}

/// The uploads of a day, the earliest first.
pub(super) fn arrivals(options: &Options, prefix: &str, rng: &mut Rng) -> Vec<Arrival> {
    let shape = options.scenario.shape();
    let sizes = sizes(options.documents, shape.burst, rng);
    let weights = minutes(&shape);
    let mut arrivals = Vec::new();
    for ((number, size), burst) in sizes.iter().enumerate().zip(1..) {
        let start = context(&weights, number as u64, sizes.len() as u64, rng);
        let tenant = TENANTS[usize::try_from(rng.up_to(2)).unwrap_or(0)];
        for _ in 0..*size {
            let at = start + rng.up_to(shape.burst_lasts);
            let (least, most) = shape.bytes;
            let bytes = least + rng.up_to(most - least);
            let part = if shape.by_size {
                (bytes - least) * 1000 / (most - least)
            } else {
                rng.up_to(1000)
            };
            let hundredths = shape.runs.0 * 1000 + (shape.runs.1 - shape.runs.0) * part;
            arrivals.push(Arrival {
                burst,
                at,
                key: format!("{prefix}{tenant}/{}.pdf", arrivals.len() + 1),
                bytes,
                takes: u64::from(options.run_seconds) * SECOND * hundredths / 100_000,
            });
        }
    }
    arrivals.sort_by_key(|arrival| arrival.at);
    arrivals
}

/// How many come together each time: within the limits wherever the number of documents allows.
fn sizes(documents: u32, (least, most): (u32, u32), rng: &mut Rng) -> Vec<u32> {
    let middle = u32::midpoint(least, most);
    let count = ((documents + middle / 2) / middle).max(1);
    let mut sizes = vec![documents.min(least * count) / count; count as usize];
    for _ in sizes.iter().sum::<u32>()..documents {
        let open: Vec<usize> = (0..sizes.len()).filter(|at| sizes[*at] < most).collect();
        let pick = |rng: &mut Rng, n: usize| usize::try_from(rng.up_to(n as u64 - 1)).unwrap_or(0);
        let at = match open.len() {
            0 => pick(rng, sizes.len()),
            n => open[pick(rng, n)],
        };
        sizes[at] += 1;
    }
    sizes
}

/// Every minute in which something may come, as often as it weighs.
fn minutes(shape: &Shape) -> Vec<u64> {
    let all = (shape.hours.0 / MINUTE)..(shape.hours.1 / MINUTE);
    all.flat_map(|minute| {
        let at = minute * MINUTE;
        let dips = shape
            .dip
            .is_some_and(|(from, until)| (from..until).contains(&at));
        std::iter::repeat_n(at, if dips { 1 } else { 4 })
    })
    .collect()
}

/// A moment in one of so many equal parts of the day.
fn context(minutes: &[u64], part: u64, parts: u64, rng: &mut Rng) -> u64 {
    let all = minutes.len() as u64;
    let (from, until) = (part * all / parts, (part + 1) * all / parts);
    let at = from + rng.up_to((until - from).saturating_sub(1));
    let minute = minutes
        .get(usize::try_from(at).unwrap_or(0))
        .copied()
        .unwrap_or(0);
    minute + rng.up_to(MINUTE - 1)
}
