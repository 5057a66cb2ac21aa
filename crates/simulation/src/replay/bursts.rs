//! Documents come together: what each such burst comes to, and a part of a day that can be waited for.

use serde::{Deserialize, Serialize};

use super::figures::{Spread, spans};
use super::plan::Arrival;
use super::{Day, DecisionContext, Document};

/// A part of a day: its first bursts, and less time between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// So many bursts from the first on.
    pub bursts: u32,
    /// From the beginning of a burst to that of the next at most, in milliseconds. What was longer is cut.
    pub longest_gap: u64,
}

/// What a burst comes to. All times are milliseconds of virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Burst {
    /// From 1 on.
    pub number: u32,
    /// When its first document came, since midnight.
    pub at: u64,
    /// Documents of it.
    pub uploaded: usize,
    /// Those of them that became ready.
    pub ready: usize,
    /// Those of them that failed.
    pub failed: usize,
    /// From the upload to the ready job.
    pub wait: Spread,
    /// Instances that it found in service.
    pub found: u32,
    /// The most instances at a time from its first document to that of the next burst, cold starts included.
    pub most_instances: u32,
}

/// What is uploaded on a day, for whoever wants to do the same elsewhere, and what the replay makes of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Forecast {
    /// The earliest first.
    pub uploads: Vec<Upload>,
    /// In their order.
    pub bursts: Vec<Burst>,
    /// Promises of the service that were broken; none, or the figures mean nothing.
    pub violations: Vec<String>,
}

/// A document that is to be uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Upload {
    /// The number of its burst.
    pub burst: u32,
    /// When its upload is complete, in milliseconds since the first one's.
    pub after: u64,
    /// Its key in the bucket.
    pub key: String,
    /// How long a run of the model on it takes, in milliseconds.
    pub takes: u64,
}

/// Takes a part of a day's arrivals. A burst is moved as a whole, by what was cut before it.
pub(super) fn cut(arrivals: &mut Vec<Arrival>, excerpt: Excerpt) {
    arrivals.retain(|arrival| arrival.burst <= excerpt.bursts);
    let (mut before, mut less) = (None, 0);
    for number in 1..=excerpt.bursts {
        let of_it = |arrival: &&mut Arrival| arrival.burst == number;
        let Some(began) = arrivals
            .iter_mut()
            .filter(of_it)
            .map(|known| known.at)
            .min()
        else {
            continue;
        };
        let gap = began.saturating_sub(before.unwrap_or(began));
        less += gap.saturating_sub(excerpt.longest_gap);
        before = Some(began);
        for arrival in arrivals.iter_mut().filter(of_it) {
            arrival.at -= less;
        }
    }
    arrivals.sort_by_key(|arrival| arrival.at);
}

/// A day by its bursts.
pub fn bursts(day: &Day) -> Vec<Burst> {
    let last = day.documents.iter().map(|known| known.burst).max();
    let of = |number| {
        day.documents
            .iter()
            .filter(move |known| known.burst == number)
    };
    let starts: Vec<u64> = (1..=last.unwrap_or(0))
        .map(|number| of(number).map(|known| known.uploaded).min().unwrap_or(0))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([day.until]);
    (1..)
        .zip(starts.iter().zip(ends))
        .map(|(number, (at, end))| {
            let documents: Vec<&Document> = of(number).collect();
            let waits = documents.iter().filter_map(|known| known.wait);
            Burst {
                number,
                at: *at,
                uploaded: documents.len(),
                ready: documents
                    .iter()
                    .filter(|known| known.wait.is_some())
                    .count(),
                failed: documents
                    .iter()
                    .filter(|known| known.failure.is_some())
                    .count(),
                wait: Spread::of(waits.map(|wait| wait.total()).collect()),
                found: within(day, *at, at + 1)
                    .map(|context| context.in_service)
                    .min()
                    .unwrap_or(0),
                most_instances: within(day, *at, end)
                    .map(DecisionContext::instances)
                    .max()
                    .unwrap_or(0),
            }
        })
        .collect()
}

/// What was seen of the endpoint in a span of time.
fn within(day: &Day, from: u64, until: u64) -> impl Iterator<Item = &DecisionContext> {
    spans(day)
        .filter(move |(context, lasts)| context.at < until && context.at + lasts > from)
        .map(|(context, _)| context)
}

/// What was uploaded on a day, and what became of it.
pub fn forecast(day: &Day) -> Forecast {
    let first = day.documents.iter().map(|known| known.uploaded).min();
    let mut uploads: Vec<Upload> = day
        .documents
        .iter()
        .map(|known| Upload {
            burst: known.burst,
            after: known.uploaded - first.unwrap_or(0),
            key: known.key.clone(),
            takes: known.takes,
        })
        .collect();
    uploads.sort_by_key(|upload| upload.after);
    Forecast {
        uploads,
        bursts: bursts(day),
        violations: day.violations.clone(),
    }
}
