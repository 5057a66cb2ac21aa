//! Function `reconciler`: finds lost messages and re-sends them.

use api::forgotten_batches::forget;
use api::ports::JobList;
use api::retry_plans;
use api::search_index::JOBS_PER_BLOCK;
use api::search_index::build::index_jobs;
use api::usage::count_hours;
use futures_util::future::join_all;
use jobs::adjust_instances::record_open_jobs;
use jobs::id::Timestamp;
use jobs::inventory_scan::{ScanReport, ScanScope, scan};
use jobs::open_jobs::{OpenJobsByPipeline, count_open_jobs};
use jobs::pipeline::{Pipelines, Scaling};
use jobs::ports::{
    CheckQueue, Clock, DeadLetters, Inventory, JobIndex, JobStore, KeyValueStore, Quarantine,
    Queue, RetryCommandQueue, UploadQueue,
};
use jobs::reconcile::{RedriveReport, check_overdue, redrive};
use jobs::release::{ReleaseReport, release_queued};
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::bootstrap::App;
use crate::config::{Has, HasPipelines, QueueUrls, variable};
use crate::environment;
use crate::metrics::{Dimension, Metric, emit};

environment! {
    pub struct Environment with pipelines {
        jobs_table: JobsTable,
        records_table: RecordsTable,
        bucket: Bucket,
        uploads_queue_url: UploadsQueueUrl,
        uploads_dead_letters_url: UploadsDeadLettersUrl,
        inference_success_queue_url: InferenceSuccessQueueUrl,
        inference_success_dead_letters_url: InferenceSuccessDeadLettersUrl,
        inference_error_queue_url: InferenceErrorQueueUrl,
        inference_error_dead_letters_url: InferenceErrorDeadLettersUrl,
        checks_queue_url: ChecksQueueUrl,
        checks_dead_letters_url: ChecksDeadLettersUrl,
        events_queue_url: EventsQueueUrl,
        webhooks_queue_url: WebhooksQueueUrl,
        digests_queue_url: DigestsQueueUrl,
        webhooks_dead_letters_url: WebhooksDeadLettersUrl,
        digests_dead_letters_url: DigestsDeadLettersUrl,
        events_dead_letters_url: EventsDeadLettersUrl,
        service_name: ServiceName,
    }
}

impl QueueUrls for Environment {
    fn queue_url(&self, queue: Queue) -> &str {
        match queue {
            Queue::Uploads => &self.uploads_queue_url,
            Queue::InferenceSuccess => &self.inference_success_queue_url,
            Queue::InferenceError => &self.inference_error_queue_url,
            Queue::Checks => &self.checks_queue_url,
            Queue::Events => &self.events_queue_url,
            Queue::Webhooks => &self.webhooks_queue_url,
            Queue::Digests => &self.digests_queue_url,
        }
    }

    fn dead_letters_url(&self, queue: Queue) -> Option<&str> {
        Some(match queue {
            Queue::Uploads => &self.uploads_dead_letters_url,
            Queue::InferenceSuccess => &self.inference_success_dead_letters_url,
            Queue::InferenceError => &self.inference_error_dead_letters_url,
            Queue::Checks => &self.checks_dead_letters_url,
            Queue::Events => &self.events_dead_letters_url,
            Queue::Webhooks => &self.webhooks_dead_letters_url,
            Queue::Digests => &self.digests_dead_letters_url,
        })
    }
}

/// No step is started with less than this time left, in milliseconds. A step is a page of at most about thirty sequential
/// calls, so each may take a second.
const RESERVE_MS: u64 = 30_000;

/// The event of the schedule, or of a manual invocation.
#[derive(Debug, Default, Deserialize)]
pub struct ReconcileEvent {
    /// Scan all objects of the bucket now, new ones too: upload events are known to have been lost.
    #[serde(default)]
    everything: bool,
}

/// What the run did, as the response to a manual invocation.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reconciled {
    /// Jobs of retry plans for which a retry command was sent.
    pub released: u64,
    /// Open jobs for which a check was sent.
    pub checks_sent: u64,
    /// Open jobs whose rows cannot be read.
    pub unreadable: u64,
    /// Queued jobs that no pause holds, or whose pause ends before the next run: a check was sent for each, or a release was
    /// asked for if their pipeline has a window.
    pub queued_released: u64,
    /// Dead letters that were redriven to their queues.
    pub redriven: u64,
    /// Dead letters that were quarantined.
    pub quarantined: u64,
    /// Objects without a job whose upload events were re-enqueued.
    pub upload_events_reenqueued: u64,
    /// Open jobs by pipeline; none if not all could be counted.
    pub open: Option<OpenJobsByPipeline>,
    /// Age of the latest complete inventory scan; none if it is unknown.
    pub inventory_scan_age_seconds: Option<u64>,
    /// By how much the inventory scan is later than the number of objects explains; none if it is unknown.
    pub inventory_scan_delay_seconds: Option<u64>,
    /// Jobs that were put into the search index.
    pub jobs_indexed: u64,
    /// Hours of which the usage was counted.
    pub hours_counted: u64,
    /// A call failed; the next run does what this one could not.
    pub incomplete: bool,
}

/// Re-sends lost messages: checks of overdue jobs, dead letters, and upload events of objects without a job. Releases
/// the jobs of retry plans and queued jobs that no pause holds, counts open jobs, brings the search index up to date, counts
/// usage, and forgets names of batches there.
///
/// - **Input**: `{}` from the schedule, every five minutes; manually also `{"everything":true}`. Returns [`Reconciled`].
/// - **On bad input**: the invocation fails with the reason; nothing is done.
/// - **On failure**: the next run does what this one could not, and metric `ReconcilerRuns` is not counted.
///
/// It changes no job's state. It stops before its timeout, and runs may overlap.
///
/// # Errors
/// None: failures are in the response.
pub async fn handle<P, E>(
    app: &App<P, E>,
    event: LambdaEvent<ReconcileEvent>,
) -> Result<Reconciled, Error>
where
    P: Clock
        + JobStore
        + JobIndex
        + JobList
        + CheckQueue
        + DeadLetters
        + Quarantine
        + Inventory
        + UploadQueue
        + KeyValueStore
        + RetryCommandQueue,
    E: HasPipelines + Has<variable::Bucket> + Has<variable::ServiceName>,
{
    let ports = &app.ports;
    let pipelines = app.environment.pipelines();
    let began_at = ports.now();
    let left = event.context.deadline.saturating_sub(began_at.0);
    let work = left.saturating_sub(RESERVE_MS).max(left / 4);
    // Each part may use its share of the time and what the parts before it did not use.
    let until = |part: u64| Timestamp(began_at.0 + work * part / 5);

    // Retry plans come first because users wait for them. Without any, this costs one read.
    let released = retry_plans::release(ports, pipelines, until(1)).await;
    let released = released.inspect_err(|error| {
        warn!(error = %error, "the jobs of retry plans were not all released");
    });
    let checks_sent = check_overdue(ports, pipelines.reconcile_interval(), until(1)).await;
    let queued = release_queued(ports, pipelines, until(1)).await;
    let letters = Queue::ALL.map(|queue| redrive(ports, queue, until(2)));
    let letters: Vec<RedriveReport> = join_all(letters).await;
    let open = count_open_jobs(ports, pipelines, until(3)).await;
    let open = open.unwrap_or_else(|error| {
        warn!(error = %error, "the open jobs were not counted");
        None
    });
    let counted = open.is_some();
    let docket_scales = pipelines.iter().any(|it| it.scaling == Scaling::Docket);
    if let (Some(open), true) = (&open, docket_scales)
        && let Err(error) = record_open_jobs(ports, open).await
    {
        warn!(error = %error, "the count of open jobs was not recorded");
    }
    let scope = if event.payload.everything {
        ScanScope::Everything
    } else {
        ScanScope::Due
    };
    let bucket = Has::<variable::Bucket>::value(&*app.environment);
    let scanned = scan(ports, pipelines, bucket, scope, until(4)).await;
    let scanned: Option<ScanReport> = match scanned {
        Ok(scanned) => Some(scanned),
        Err(error) => {
            warn!(error = %error, "the inventory scan failed");
            None
        }
    };

    let longest_row_days = pipelines.iter().map(|it| it.retention_days.row).max();
    let indexed = index_jobs(
        ports,
        JOBS_PER_BLOCK,
        longest_row_days.unwrap_or_default(),
        until(4),
    )
    .await;
    let indexed = indexed.inspect_err(|error| {
        warn!(error = %error, "the search index was not brought up to date");
    });
    let hours = count_hours(ports, pipelines, until(5)).await;
    let hours = hours.inspect_err(|error| {
        warn!(error = %error, "usage was not counted");
    });
    let forgotten = forget(ports, pipelines, until(5)).await;
    let forgotten = forgotten.inspect_err(|error| {
        warn!(error = %error, "names of batches were not forgotten");
    });

    let sum = |of: fn(&RedriveReport) -> u64| letters.iter().map(of).sum();
    let done = Reconciled {
        released: released.as_ref().map_or(0, |released| *released),
        checks_sent: checks_sent.checks_sent,
        unreadable: checks_sent.unreadable,
        queued_released: queued.released,
        redriven: sum(|redriven| redriven.redriven),
        quarantined: sum(|redriven| redriven.quarantined),
        upload_events_reenqueued: scanned.as_ref().map_or(0, |report| report.resent),
        open,
        inventory_scan_age_seconds: scanned.as_ref().map(|report| report.age.as_secs()),
        inventory_scan_delay_seconds: scanned.as_ref().map(|report| report.delay.as_secs()),
        jobs_indexed: indexed.as_ref().map_or(0, |indexed| *indexed),
        hours_counted: hours.as_ref().map_or(0, |hours| *hours),
        incomplete: checks_sent.incomplete
            || queued.incomplete
            || released.is_err()
            || indexed.is_err()
            || hours.is_err()
            || forgotten.is_err()
            || !counted
            || scanned.is_none()
            || letters.iter().any(|redriven| redriven.incomplete),
    };
    let service = Has::<variable::ServiceName>::value(&*app.environment);
    report(service, began_at, &done, &letters);
    report_queued(service, began_at, pipelines, &queued);
    info!(
        released = done.released,
        checks_sent = done.checks_sent,
        unreadable = done.unreadable,
        queued_released = done.queued_released,
        redriven = done.redriven,
        quarantined = done.quarantined,
        upload_events_reenqueued = done.upload_events_reenqueued,
        incomplete = done.incomplete,
        "reconciled"
    );
    Ok(done)
}

/// Also zeros, so that an alarm sees the end of a queue. An incomplete count would be wrong.
fn report_queued(service: &str, now: Timestamp, pipelines: &Pipelines, queued: &ReleaseReport) {
    if queued.incomplete {
        return;
    }
    let open = vec![queued.open_breakers.len() as u64];
    emit(
        service,
        now.0,
        Dimension::Service,
        &[(Metric::BreakersOpen, open)],
    );
    for pipeline in pipelines.iter() {
        let count = queued.queued.get(&pipeline.name).copied().unwrap_or(0);
        let of = Dimension::Gauge(&pipeline.name);
        emit(service, now.0, of, &[(Metric::JobsQueued, vec![count])]);
    }
}

fn report(service: &str, now: Timestamp, done: &Reconciled, letters: &[RedriveReport]) {
    let count = |number: u64| if number == 0 { vec![] } else { vec![number] };
    for (queue, redriven) in Queue::ALL.iter().zip(letters) {
        emit(
            service,
            now.0,
            Dimension::Queue(queue.name()),
            &[
                (Metric::DeadLettersRedriven, count(redriven.redriven)),
                (Metric::Quarantined, count(redriven.quarantined)),
            ],
        );
    }
    // Also zeros: the scaling policy that removes instances needs a value from every run.
    for (pipeline, backlog) in done.open.iter().flatten() {
        emit(
            service,
            now.0,
            Dimension::Gauge(pipeline),
            &[
                (Metric::JobsOpen, vec![backlog.open + backlog.waiting]),
                (Metric::OldestOpenJobAge, vec![backlog.oldest_age_seconds]),
                (Metric::JobsAtRisk, vec![backlog.at_risk]),
            ],
        );
    }
    emit(
        service,
        now.0,
        Dimension::Service,
        &[
            (Metric::ChecksReenqueued, count(done.checks_sent)),
            (Metric::JobsUnreadable, count(done.unreadable)),
            (
                Metric::UploadEventsReenqueued,
                count(done.upload_events_reenqueued),
            ),
            (
                Metric::InventoryScanAge,
                done.inventory_scan_age_seconds.into_iter().collect(),
            ),
            (
                Metric::InventoryScanDelay,
                done.inventory_scan_delay_seconds.into_iter().collect(),
            ),
            // Counted for every complete run: an alarm fires if it is missing.
            (Metric::ReconcilerRuns, count(u64::from(!done.incomplete))),
        ],
    );
}
