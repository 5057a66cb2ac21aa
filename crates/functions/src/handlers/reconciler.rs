//! It is time to look for what no message speaks of any more.

use api::retry_plans;
use futures_util::future::join_all;
use jobs::backlog::{Backlogs, count_open_jobs};
use jobs::id::Timestamp;
use jobs::inventory_scan::{ScanReport, ScanScope, scan};
use jobs::ports::{
    CheckQueue, Clock, DeadLetters, Inventory, JobIndex, JobStore, KeyValueStore, Quarantine,
    Queue, RetryCommandQueue, UploadQueue,
};
use jobs::reconcile::{RedriveReport, check_overdue, redrive};
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::bootstrap::App;
use crate::config::{Has, HasPipelines, QueueUrls, variable};
use crate::environment;
use crate::metrics::{Dimension, Metric, emit};

environment! {
    /// What the function is told.
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
        }
    }

    fn dead_letters_url(&self, queue: Queue) -> Option<&str> {
        Some(match queue {
            Queue::Uploads => &self.uploads_dead_letters_url,
            Queue::InferenceSuccess => &self.inference_success_dead_letters_url,
            Queue::InferenceError => &self.inference_error_dead_letters_url,
            Queue::Checks => &self.checks_dead_letters_url,
        })
    }
}

/// What is left of the function's time when the last step is begun, in milliseconds. A step is a page, at most about
/// thirty calls one after another: enough if each takes a second.
const RESERVE_MS: u64 = 30_000;

/// What the schedule sends, or somebody who calls the function by hand.
#[derive(Debug, Default, Deserialize)]
pub struct Call {
    /// Ask about all objects of the bucket now, young ones too: announcements are known to have been lost.
    #[serde(default)]
    everything: bool,
}

/// What was done, for whoever calls the function by hand.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reconciled {
    /// Jobs of retry plans that were ordered to run again.
    pub released: u64,
    /// Open jobs that a wake-up was sent for.
    pub checks_sent: u64,
    /// Open jobs whose rows cannot be read.
    pub unreadable: u64,
    /// Dead letters that were sent back to their queues.
    pub redriven: u64,
    /// Dead letters that were quarantined.
    pub quarantined: u64,
    /// Objects without a job that were announced again.
    pub announced: u64,
    /// Open jobs by pipeline; none if not all could be counted.
    pub open: Option<Backlogs>,
    /// Age in seconds of the latest complete look through the bucket; none if that could not be found out.
    pub sweep_age_seconds: Option<u64>,
    /// Something did not answer, and the next run has to make up for it.
    pub incomplete: bool,
}

/// Looks for open jobs whose time is up, dead letters, and objects without a job, and says again what was lost.
/// Counts what is open.
///
/// - **Input**: `{}` from the schedule, every five minutes; by hand also `{"everything":true}`. Answers [`Reconciled`].
/// - **On bad input**: the call fails and says why; nothing is done.
/// - **On failure**: what did not answer is left to the next run, and metric `Reconciled` is not counted.
///
/// It writes no job's state. It stops before its time is up, and any number of it may run at once.
///
/// # Errors
/// None: what went wrong is in the answer.
pub async fn handle<P, E>(app: &App<P, E>, event: LambdaEvent<Call>) -> Result<Reconciled, Error>
where
    P: Clock
        + JobStore
        + JobIndex
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
    let began_at = ports.now();
    let left = event.context.deadline.saturating_sub(began_at.0);
    let work = left.saturating_sub(RESERVE_MS).max(left / 4);
    // Each part may take its share of the time, and what the ones before it left over.
    let until = |part: u64| Timestamp(began_at.0 + work * part / 4);

    // What people wait for comes first, and takes a read when there is nothing to do.
    let released = retry_plans::release(ports, until(1)).await;
    let released = released.inspect_err(|error| {
        warn!(error = %error, "the jobs of retry plans were not all released");
    });
    let checks_sent = check_overdue(ports, until(1)).await;
    let letters = Queue::ALL.map(|queue| redrive(ports, queue, until(2)));
    let letters: Vec<RedriveReport> = join_all(letters).await;
    let pipelines = app.environment.pipelines();
    let open = count_open_jobs(ports, pipelines, until(3)).await;
    let open = open.unwrap_or_else(|error| {
        warn!(error = %error, "the open jobs were not counted");
        None
    });
    let counted = open.is_some();
    let scope = if event.payload.everything {
        ScanScope::Everything
    } else {
        ScanScope::Due
    };
    let bucket = Has::<variable::Bucket>::value(&*app.environment);
    let swept = scan(ports, pipelines, bucket, scope, until(4)).await;
    let swept: Option<ScanReport> = match swept {
        Ok(swept) => Some(swept),
        Err(error) => {
            warn!(error = %error, "the bucket was not looked through");
            None
        }
    };

    let sum = |of: fn(&RedriveReport) -> u64| letters.iter().map(of).sum();
    let done = Reconciled {
        released: released.as_ref().map_or(0, |released| *released),
        checks_sent: checks_sent.checks_sent,
        unreadable: checks_sent.unreadable,
        redriven: sum(|redriven| redriven.redriven),
        quarantined: sum(|redriven| redriven.quarantined),
        announced: swept.as_ref().map_or(0, |swept| swept.resent),
        open,
        sweep_age_seconds: swept.as_ref().map(|swept| swept.age.as_secs()),
        incomplete: checks_sent.incomplete
            || released.is_err()
            || !counted
            || swept.is_none()
            || letters.iter().any(|redriven| redriven.incomplete),
    };
    let service = Has::<variable::ServiceName>::value(&*app.environment);
    report(service, began_at, &done, &letters);
    info!(
        released = done.released,
        checks_sent = done.checks_sent,
        unreadable = done.unreadable,
        redriven = done.redriven,
        quarantined = done.quarantined,
        announced = done.announced,
        incomplete = done.incomplete,
        "reconciled"
    );
    Ok(done)
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
    // Zeros too: whether instances may go is decided by a figure that is there.
    for (pipeline, tally) in done.open.iter().flatten() {
        emit(
            service,
            now.0,
            Dimension::Gauge(pipeline),
            &[
                (Metric::JobsOpen, vec![tally.open]),
                (Metric::OldestOpenJobAge, vec![tally.oldest_age_seconds]),
                (Metric::JobsAtRisk, vec![tally.at_risk]),
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
            (Metric::UploadEventsReenqueued, count(done.announced)),
            (
                Metric::InventoryScanAge,
                done.sweep_age_seconds.into_iter().collect(),
            ),
            // An alarm watches for its absence, so it is said of every run that did all that it should.
            (Metric::ReconcilerRuns, count(u64::from(!done.incomplete))),
        ],
    );
}
