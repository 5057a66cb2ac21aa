//! The metrics of a processed batch.

use std::collections::BTreeMap;

use jobs::effects::{EffectsReport, PendingEffects};
use jobs::event::EventKind;
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::state::{Cause, State};

use crate::metrics::{Dimension, Metric, emit};

/// A batch whose effects were run.
pub(super) struct BatchReport<'a> {
    pub(super) service: &'a str,
    pub(super) now: Timestamp,
    pub(super) queue: &'a str,
    pub(super) pending: &'a [PendingEffects],
    pub(super) effects: &'a EffectsReport,
    pub(super) quarantined: usize,
    pub(super) redelivered: usize,
}

pub(super) fn report(batch: &BatchReport<'_>) {
    let BatchReport { service, now, .. } = *batch;
    let mut pipelines: BTreeMap<&str, Vec<&Job>> = BTreeMap::new();
    for pending in batch.pending {
        let jobs = pipelines.entry(&pending.job.pipeline).or_default();
        jobs.push(&pending.job);
    }
    for (pipeline, jobs) in pipelines {
        let (probes, jobs): (Vec<&Job>, Vec<&Job>) =
            jobs.into_iter().partition(|job| job.tenant.is_probe());
        report_pipeline(service, now, pipeline, &jobs);
        report_probes(service, now, pipeline, &probes);
    }
    emit(
        service,
        now.0,
        Dimension::Queue(batch.queue),
        &[
            (Metric::Quarantined, count(batch.quarantined)),
            (Metric::Redelivered, count(batch.redelivered)),
            (Metric::Pushed, count(batch.effects.pushed)),
            (Metric::PushesDropped, count(batch.effects.dropped)),
        ],
    );
}

fn report_pipeline(service: &str, now: Timestamp, pipeline: &str, jobs: &[&Job]) {
    let are = |is| in_state(jobs, is);
    let ready = || {
        let ready = |job: &&&Job| matches!(job.state, State::Ready { .. });
        jobs.iter().filter(ready)
    };
    let took = |job: &&Job| job.updated_at.0.saturating_sub(job.submitted_at().0);
    emit(
        service,
        now.0,
        Dimension::Pipeline(pipeline),
        &[
            (
                Metric::JobsReady,
                are(|state| matches!(state, State::Ready { .. })),
            ),
            (
                Metric::JobsFailed,
                are(|state| matches!(state, State::Failed { .. })),
            ),
            (
                Metric::RetriesScheduled,
                are(|state| matches!(state, State::RetryScheduled { .. })),
            ),
            (Metric::TimeToReady, ready().map(took).collect()),
            (
                Metric::Attempts,
                ready().map(|job| job.state.attempt().0.into()).collect(),
            ),
            (
                Metric::ResultsRecovered,
                after_check(jobs, |job| matches!(job.state, State::Ready { .. })),
            ),
            (
                Metric::AttemptsTimedOut,
                after_check(jobs, |job| {
                    job.failure()
                        .is_some_and(|failure| failure.cause == Cause::Lost)
                }),
            ),
        ],
    );
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    for job in jobs {
        if let (State::Failed { .. }, Some(failure)) = (&job.state, job.failure()) {
            *causes.entry(failure.cause.name()).or_default() += 1;
        }
    }
    for (cause, jobs) in causes {
        emit(
            service,
            now.0,
            Dimension::Cause(pipeline, cause),
            &[(Metric::JobsFailed, count(jobs))],
        );
    }
}

fn report_probes(service: &str, now: Timestamp, pipeline: &str, probes: &[&Job]) {
    let are = |is| in_state(probes, is);
    emit(
        service,
        now.0,
        Dimension::Pipeline(pipeline),
        &[
            (
                Metric::ProbesReady,
                are(|state| matches!(state, State::Ready { .. })),
            ),
            (
                Metric::ProbesFailed,
                are(|state| matches!(state, State::Failed { .. })),
            ),
        ],
    );
}

fn in_state(jobs: &[&Job], is: fn(&State) -> bool) -> Vec<u64> {
    count(jobs.iter().filter(|job| is(&job.state)).count())
}

/// How many jobs of that kind a check changed because no notification had reported how their attempt ended.
fn after_check(jobs: &[&Job], is: fn(&Job) -> bool) -> Vec<u64> {
    let by_check = |job: &Job| {
        let last = job.history.last();
        last.is_some_and(|entry| entry.event == EventKind::CheckDue)
    };
    count(jobs.iter().filter(|job| by_check(job) && is(job)).count())
}

/// Zero is not written, because each written metric costs.
pub(super) fn count(number: usize) -> Vec<u64> {
    if number == 0 {
        vec![]
    } else {
        vec![number as u64]
    }
}
