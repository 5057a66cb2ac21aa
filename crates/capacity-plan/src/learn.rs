//! Arrivals, runs and cold starts of past jobs.
//!
//! A list of jobs says when a job was made and when it was ready, not when its run began. So runs are measured only where
//! the beginning is certain: the job found an instance in service and idle, or, with one run at a time in all, it began when the
//! job before it ended.

use std::ops::Range;

use jobs::capacity::{MIN_MEASURED_COLD_STARTS, MIN_MEASURED_RUNS};

use crate::arrivals::{Arrival, DAY, HOUR, MINUTE, SECOND};
use crate::settings::WarmHours;

/// No instance stops earlier than this after a job has ended.
const WARM_MS: u64 = MINUTE;
/// Every instance that is not kept has stopped when this time has passed since the last job ended.
const COLD_MS: u64 = 4 * HOUR;
/// A first job that waits less than this beyond its run has found a kept instance.
const MIN_COLD_START_MS: u64 = 30 * SECOND;
/// Decisions about the first instance take about this long.
const DECISION_MS: u64 = 40 * SECOND;
/// From the upload to the endpoint, and from the answer to the ready job.
const SERVICE_MS: u64 = 1300;

/// A job of the past. Times are milliseconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastJob {
    pub created_at: u64,
    /// `None` while it is open.
    pub ended_at: Option<u64>,
    /// It is ready after its first attempt: its time tells about a run.
    pub first_attempt: bool,
}

/// A job that ended later than its SLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateJob {
    pub created_at: u64,
    pub ended_at: u64,
}

impl LateJob {
    const fn duration_ms(self) -> u64 {
        self.ended_at.saturating_sub(self.created_at)
    }
}

/// What past jobs tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    pub arrivals: Vec<Arrival>,
    /// From the first midnight (UTC) to the present.
    pub span_ms: u64,
    /// The hours of the day with documents, in UTC, rounded to half hours.
    pub hours: Option<WarmHours>,
    pub runs_measured: u32,
    /// `None`: too few were measured, and the pipeline's figure is used.
    pub run_ms: Option<u64>,
    pub cold_starts_measured: u32,
    pub cold_start_ms: Option<u64>,
    /// Ended jobs that took longer than the SLO.
    pub late: u32,
    /// The one of them that took longest.
    pub latest: Option<LateJob>,
    pub ended: u32,
}

/// Learns from jobs that were created in `period` and read at its end, in milliseconds since 1970 UTC. `slots` is the number of runs
/// that the endpoint can do at the same time. Arrivals get the measured runs in turn, or `typical_run_ms` if too few were measured.
pub fn learn(
    mut jobs: Vec<PastJob>,
    period: Range<u64>,
    slots: u32,
    typical_run_ms: u64,
    slo_ms: u64,
) -> Learned {
    let Range {
        start: since,
        end: now,
    } = period;
    jobs.sort_by_key(|job| job.created_at);
    let measured = measure(&jobs, slots);
    let runs_measured = u32::try_from(measured.runs.len()).unwrap_or(u32::MAX);
    let are_enough = runs_measured >= MIN_MEASURED_RUNS;
    let runs = if are_enough {
        measured.runs
    } else {
        vec![typical_run_ms]
    };
    let mean_run = runs.iter().sum::<u64>() / runs.len() as u64;
    let mut colds: Vec<u64> = measured
        .firsts
        .iter()
        .map(|wait| wait.saturating_sub(mean_run + SERVICE_MS))
        .filter(|rest| *rest >= MIN_COLD_START_MS)
        .map(|rest| rest.saturating_sub(DECISION_MS).max(SECOND))
        .collect();
    colds.sort_unstable();
    let cold_starts_measured = u32::try_from(colds.len()).unwrap_or(u32::MAX);
    let cold_starts = cold_starts_measured >= MIN_MEASURED_COLD_STARTS;
    let midnight = since / DAY * DAY;
    let arrivals: Vec<Arrival> = jobs
        .iter()
        .zip(runs.iter().cycle())
        .map(|(job, run_ms)| Arrival {
            at_ms: job.created_at.saturating_sub(midnight),
            run_ms: *run_ms,
        })
        .collect();
    let ended = jobs.iter().filter_map(|job| {
        Some(LateJob {
            created_at: job.created_at,
            ended_at: job.ended_at?,
        })
    });
    let late: Vec<LateJob> = ended
        .clone()
        .filter(|job| job.duration_ms() > slo_ms)
        .collect();
    Learned {
        hours: hours(&arrivals),
        span_ms: now.saturating_sub(midnight).max(1),
        arrivals,
        runs_measured,
        run_ms: are_enough.then_some(mean_run),
        cold_starts_measured,
        cold_start_ms: cold_starts.then(|| colds[colds.len() / 2]),
        late: u32::try_from(late.len()).unwrap_or(u32::MAX),
        latest: late.into_iter().max_by_key(|job| job.duration_ms()),
        ended: u32::try_from(ended.count()).unwrap_or(u32::MAX),
    }
}

struct Measurements {
    runs: Vec<u64>,
    /// The times of jobs that found no instance in service.
    firsts: Vec<u64>,
}

fn measure(jobs: &[PastJob], slots: u32) -> Measurements {
    let mut found = Measurements {
        runs: Vec::new(),
        firsts: Vec::new(),
    };
    // The latest end of the jobs made before.
    let mut before: Option<u64> = None;
    let mut is_one_open = false;
    for job in jobs {
        let (made, ended) = (job.created_at, job.ended_at);
        if let (Some(ended), Some(last), true, false) =
            (ended, before, job.first_attempt, is_one_open)
        {
            let took = ended.saturating_sub(made);
            if last <= made && made - last <= WARM_MS {
                found.runs.push(took.saturating_sub(SERVICE_MS).max(1));
            } else if last <= made && made - last >= COLD_MS {
                found.firsts.push(took);
            } else if slots == 1 && last > made && ended > last {
                found.runs.push(ended - last);
            }
        }
        is_one_open |= ended.is_none();
        before = before.max(ended);
    }
    found
}

/// The hours with the arrivals, without the first and the last twentieth of them.
fn hours(arrivals: &[Arrival]) -> Option<WarmHours> {
    let mut times: Vec<u64> = arrivals.iter().map(|it| it.at_ms % DAY).collect();
    times.sort_unstable();
    let cut = times.len() / 20;
    let (first, last) = (times.get(cut)?, times.get(times.len() - 1 - cut)?);
    let half_hours = |ms: u64| u32::try_from(ms / (30 * MINUTE)).unwrap_or(0);
    let (from, until) = (half_hours(*first) * 30, (half_hours(*last) + 1) * 30);
    // Around the clock, that is an instance kept always.
    (until - from < 24 * 60).then_some(WarmHours {
        from,
        until: until.min(24 * 60 - 1),
    })
}
