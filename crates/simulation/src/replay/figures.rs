//! What a day comes to, in numbers.

use serde::{Deserialize, Serialize};

use super::{Day, DecisionContext, Wait};
use crate::world::HOUR;

/// How a quantity is spread, in milliseconds: the value that so many percent of the documents do not exceed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Spread {
    /// Half of them.
    pub p50: u64,
    /// Nine in ten.
    pub p90: u64,
    /// Nineteen in twenty.
    pub p95: u64,
    /// Ninety-nine in a hundred.
    pub p99: u64,
    /// All of them.
    pub max: u64,
}

impl Spread {
    /// Of values in any order; nothing but zeros if there is none.
    pub fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        // Nearest rank: a time that some document really took.
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

/// What a day comes to. Times are in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// From the upload to the ready job.
    pub total: Spread,
    /// Of it, in the queue without an instance in service.
    pub cold: Spread,
    /// In the queue behind others.
    pub queue: Spread,
    /// In the model.
    pub run: Spread,
    /// In everything else.
    pub docket: Spread,
    /// Documents that became ready.
    pub ready: usize,
    /// Documents that failed, or are still open.
    pub failed: usize,
    /// Documents that were ready as soon as promised.
    pub in_time: usize,
    /// Documents that waited for a cold start from none.
    pub met_cold_start: usize,
    /// How often there was no instance and then one.
    pub wakes: u32,
    /// The most instances at a time.
    pub most_instances: u32,
    /// Instance time with work on the instance.
    pub working: u64,
    /// Instance time in cold starts.
    pub starting: u64,
    /// Instance time in service without work.
    pub idle: u64,
}

impl Figures {
    /// Counts a day.
    pub fn of(day: &Day) -> Self {
        let waits: Vec<Wait> = day
            .documents
            .iter()
            .filter_map(|known| known.wait)
            .collect();
        let spread =
            |part: fn(Wait) -> u64| Spread::of(waits.iter().map(|wait| part(*wait)).collect());
        let mut figures = Self {
            total: spread(Wait::total),
            cold: spread(|wait| wait.cold),
            queue: spread(|wait| wait.queue),
            run: spread(|wait| wait.run),
            docket: spread(|wait| wait.docket),
            ready: waits.len(),
            failed: day.documents.len() - waits.len(),
            in_time: waits
                .iter()
                .filter(|wait| wait.total() <= day.promise)
                .count(),
            met_cold_start: waits.iter().filter(|wait| wait.cold > 0).count(),
            ..Self::default()
        };
        let mut before = None;
        for (context, lasts) in spans(day) {
            figures.working += u64::from(context.busy) * lasts;
            figures.starting += u64::from(context.starting) * lasts;
            figures.idle += u64::from(context.in_service - context.busy) * lasts;
            figures.most_instances = figures.most_instances.max(context.instances());
            figures.wakes += u32::from(before == Some(0) && context.instances() > 0);
            before = Some(context.instances());
        }
        figures
    }

    /// Instance-hours that are paid for, cold starts included.
    pub fn hours(&self) -> f64 {
        in_hours(self.working + self.starting + self.idle)
    }

    /// The part of them in which instances were in service and had nothing to do, from 0 to 1.
    pub fn idle_share(&self) -> f64 {
        if self.hours() > 0.0 {
            in_hours(self.idle) / self.hours()
        } else {
            0.0
        }
    }
}

pub(super) fn in_hours(milliseconds: u64) -> f64 {
    milliseconds as f64 / HOUR as f64
}

/// Each moment with how long it lasts, up to the end of what is measured.
pub(super) fn spans(day: &Day) -> impl Iterator<Item = (&DecisionContext, u64)> {
    let ends = day.moments.iter().skip(1).map(|next| next.at);
    let ends = ends.chain([day.until]);
    day.moments
        .iter()
        .zip(ends)
        .map(|(context, end)| (context, end.min(day.until).saturating_sub(context.at)))
}
