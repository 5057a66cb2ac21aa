//! What a batch of messages came to, in metrics.

use std::collections::BTreeMap;

use jobs::effects::{EffectsReport, PendingEffects};
use jobs::event::EventKind;
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::state::{Cause, State};

use crate::metrics::{Dimension, Metric, emit};

pub(super) fn report(
    service: &str,
    now: Timestamp,
    queue: &str,
    pending: &[PendingEffects],
    delivered: &EffectsReport,
    quarantined: usize,
    come_back: usize,
) {
    let mut pipelines: BTreeMap<&str, Vec<&Job>> = BTreeMap::new();
    for pending in pending {
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
        Dimension::Queue(queue),
        &[
            (Metric::Quarantined, count(quarantined)),
            (Metric::Redelivered, count(come_back)),
            (Metric::Pushed, count(delivered.pushed)),
            (Metric::PushesDropped, count(delivered.dropped)),
        ],
    );
}

fn report_pipeline(service: &str, now: Timestamp, pipeline: &str, jobs: &[&Job]) {
    let are = |is| in_state(jobs, is);
    let ready = || {
        let ready = |job: &&&Job| matches!(job.state, State::Ready { .. });
        jobs.iter().filter(ready)
    };
    let took = |job: &&Job| job.updated_at.0.saturating_sub(job.created_at.0);
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
                after_wake_up(jobs, |job| matches!(job.state, State::Ready { .. })),
            ),
            (
                Metric::AttemptsTimedOut,
                after_wake_up(jobs, |job| {
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

/// How many jobs of that kind got where they are by a wake-up: nobody had told how their attempt ended.
fn after_wake_up(jobs: &[&Job], is: fn(&Job) -> bool) -> Vec<u64> {
    let checks_sent = |job: &Job| {
        let last = job.history.last();
        last.is_some_and(|entry| entry.event == EventKind::CheckDue)
    };
    count(
        jobs.iter()
            .filter(|job| checks_sent(job) && is(job))
            .count(),
    )
}

/// Nothing is not said: a metric that nobody writes costs nothing.
fn count(number: usize) -> Vec<u64> {
    if number == 0 {
        vec![]
    } else {
        vec![number as u64]
    }
}
