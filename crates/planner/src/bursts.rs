//! The figures of each burst: documents arrive together, and wait for each other.

use simulation::workload::EndpointSample;

use crate::day::{Day, ReplayedDocument};
use crate::figures::{Percentiles, spans};

/// The figures of a burst. All times are milliseconds of virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Burst {
    /// From 1 on.
    pub number: u32,
    /// When its first document arrived, since midnight.
    pub at: u64,
    pub uploaded: usize,
    pub ready: usize,
    pub failed: usize,
    /// From the upload to the ready job.
    pub wait: Percentiles,
    /// Instances in service when its first document arrived.
    pub instances_found: u32,
    /// The maximum number of instances from its first document to the first of the next burst, cold starts included.
    pub max_instances: u32,
}

pub fn bursts(day: &Day) -> Vec<Burst> {
    let last = day.documents.iter().map(|known| known.burst).max();
    let of = |number| {
        day.documents
            .iter()
            .filter(move |known| known.burst == number)
    };
    let starts: Vec<u64> = (1..=last.unwrap_or(0))
        .map(|number| of(number).map(|known| known.uploaded_at).min().unwrap_or(0))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([day.until]);
    (1..)
        .zip(starts.iter().zip(ends))
        .map(|(number, (at, end))| {
            let documents: Vec<&ReplayedDocument> = of(number).collect();
            let waits = documents.iter().filter_map(|known| known.wait);
            let count = |wanted: fn(&ReplayedDocument) -> bool| {
                documents.iter().filter(|known| wanted(known)).count()
            };
            Burst {
                number,
                at: *at,
                uploaded: documents.len(),
                ready: count(|known| known.wait.is_some()),
                failed: count(|known| known.failure.is_some()),
                wait: Percentiles::of(waits.map(|wait| wait.total()).collect()),
                instances_found: within(day, *at, at + 1)
                    .map(|sample| sample.in_service)
                    .min()
                    .unwrap_or(0),
                max_instances: within(day, *at, end)
                    .map(EndpointSample::instances)
                    .max()
                    .unwrap_or(0),
            }
        })
        .collect()
}

/// The samples whose time overlaps with a time span.
fn within(day: &Day, from: u64, until: u64) -> impl Iterator<Item = &EndpointSample> {
    spans(day)
        .filter(move |(sample, lasts)| sample.at < until && sample.at + lasts > from)
        .map(|(sample, _)| sample)
}
