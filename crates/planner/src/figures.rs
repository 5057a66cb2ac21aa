//! The figures of a day: waiting times, instance hours, and how many documents were ready within the SLO.

use simulation::workload::EndpointSample;

use crate::day::{Day, Wait};
use crate::units::in_hours;

/// Percentiles over documents, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percentiles {
    pub p50: u64,
    pub p90: u64,
    pub p95: u64,
    pub p99: u64,
    pub max: u64,
}

impl Percentiles {
    /// Takes values in any order. Without values all percentiles are 0.
    pub fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        // Nearest rank, so every percentile is the time of a real document.
        let at = |percent: usize| {
            let rank = (values.len() * percent).div_ceil(100).max(1);
            values.get(rank - 1).copied().unwrap_or(0)
        };
        Self {
            p50: at(50),
            p90: at(90),
            p95: at(95),
            p99: at(99),
            max: at(100),
        }
    }
}

/// The figures of a day. Times are in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// From the upload to the ready job. The next four are its parts, as in [`Wait`].
    pub total: Percentiles,
    pub cold_start: Percentiles,
    pub queue: Percentiles,
    pub run: Percentiles,
    pub docket: Percentiles,
    pub ready: usize,
    /// Documents that failed or are still open.
    pub failed: usize,
    /// Documents that were ready within the SLO.
    pub within_slo: usize,
    /// Documents that waited for a cold start from zero instances.
    pub waited_for_cold_start: usize,
    /// How often the number of instances rose from zero.
    pub starts_from_zero: u32,
    /// The maximum number of instances at a time.
    pub max_instances: u32,
    /// Instance time with work on the instance.
    pub working: u64,
    /// Instance time in cold starts.
    pub starting: u64,
    /// Instance time in service without work.
    pub idle: u64,
}

impl Figures {
    pub fn of(day: &Day) -> Self {
        let waits: Vec<Wait> = day
            .documents
            .iter()
            .filter_map(|known| known.wait)
            .collect();
        let spread =
            |part: fn(Wait) -> u64| Percentiles::of(waits.iter().map(|wait| part(*wait)).collect());
        let mut figures = Self {
            total: spread(Wait::total),
            cold_start: spread(|wait| wait.cold_start),
            queue: spread(|wait| wait.queue),
            run: spread(|wait| wait.run),
            docket: spread(|wait| wait.docket),
            ready: waits.len(),
            failed: day.documents.len() - waits.len(),
            within_slo: waits
                .iter()
                .filter(|wait| wait.total() <= day.slo_ms)
                .count(),
            waited_for_cold_start: waits.iter().filter(|wait| wait.cold_start > 0).count(),
            ..Self::default()
        };
        let mut previous = None;
        for (sample, lasts) in spans(day) {
            figures.working += u64::from(sample.busy) * lasts;
            figures.starting += u64::from(sample.starting) * lasts;
            figures.idle += u64::from(sample.in_service - sample.busy) * lasts;
            figures.max_instances = figures.max_instances.max(sample.instances());
            figures.starts_from_zero += u32::from(previous == Some(0) && sample.instances() > 0);
            previous = Some(sample.instances());
        }
        figures
    }

    /// Billed instance-hours, cold starts included.
    pub fn hours(&self) -> f64 {
        in_hours(self.working + self.starting + self.idle)
    }

    /// The share of the billed hours in which instances were in service without work, from 0 to 1.
    pub fn idle_share(&self) -> f64 {
        if self.hours() > 0.0 {
            in_hours(self.idle) / self.hours()
        } else {
            0.0
        }
    }
}

/// Each sample with its duration, up to the end of what is measured.
pub(crate) fn spans(day: &Day) -> impl Iterator<Item = (&EndpointSample, u64)> {
    let ends = day.samples.iter().skip(1).map(|next| next.at);
    let ends = ends.chain([day.until]);
    day.samples
        .iter()
        .zip(ends)
        .map(|(sample, end)| (sample, end.min(day.until).saturating_sub(sample.at)))
}
