//! Function `retention`: deletes the data of jobs of tenants whose retention is shorter than that of the pipelines.

use api::ports::{JobList, QuarantineStore};
use api::retention::{RetentionReport, delete_due};
use jobs::apply::RunContext;
use jobs::id::Timestamp;
use jobs::model_version::ServedModels;
use jobs::ports::{
    Clock, Connections, JobStore, KeyValueStore, ObjectDeletion, ObjectStore, Pusher,
};
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::lease_expiry;
use crate::bootstrap::App;
use crate::config::{Has, HasPipelines, variable};
use crate::environment;
use crate::metrics::{Dimension, Metric, emit};
use crate::traces;

environment! {
    pub struct Environment with pipelines {
        jobs_table: JobsTable,
        connections_table: ConnectionsTable,
        records_table: RecordsTable,
        bucket: Bucket,
        websocket_url: WebsocketManagementUrl,
        service_name: ServiceName,
    }
}

/// No deletion begins with less than this time left, in milliseconds: it is some dozens of calls, one after the other.
const RESERVE_MS: u64 = 30_000;

/// The event of the schedule, or of a manual invocation. It has no fields.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct RetentionEvent {}

/// What the run did, as the response to a manual invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deleted {
    /// Jobs whose data was deleted.
    pub deleted: u64,
    /// Interrupted deletions that were completed.
    pub completed: u64,
    /// Jobs whose data is due and could not be deleted.
    pub failed: u64,
    /// The next run continues: the time was over, or a call failed.
    pub incomplete: bool,
}

/// Deletes the data of jobs whose tenant's retention has ended, and completes deletions that were interrupted.
///
/// - **Input**: `{}` from the schedule, every hour. Returns [`Deleted`].
/// - **On failure**: the next run does what this one could not, and metric `RetentionRuns` is not counted.
///
/// It stops before its timeout. Runs may overlap.
///
/// # Errors
/// None: failures are in the response.
pub async fn handle<P, E>(
    app: &App<P, E>,
    event: LambdaEvent<RetentionEvent>,
) -> Result<Deleted, Error>
where
    P: Clock
        + JobStore
        + JobList
        + ObjectStore
        + ObjectDeletion
        + KeyValueStore
        + QuarantineStore
        + Connections
        + Pusher,
    E: HasPipelines + Has<variable::Bucket> + Has<variable::ServiceName>,
{
    let ports = &app.ports;
    let began_at = ports.now();
    let deadline = event.context.deadline;
    let run = RunContext {
        pipelines: app.environment.pipelines(),
        bucket: Has::<variable::Bucket>::value(&*app.environment),
        lease_expires_at: lease_expiry(deadline),
        on_job_found: traces::about_job,
        models: &ServedModels::default(), // it submits nothing
    };
    let left = deadline.saturating_sub(began_at.0);
    // A quarter of the time at least, however short it is.
    let until = Timestamp(deadline - RESERVE_MS.min(left * 3 / 4));
    let report = delete_due(ports, &run, until).await;
    let is_failed = report.is_err();
    let report = report.unwrap_or_else(|error| {
        warn!(error = %error, "not everything that is due was found");
        RetentionReport::default()
    });
    let done = Deleted {
        deleted: report.deleted,
        completed: report.completed,
        failed: report.failed,
        incomplete: is_failed || report.more || report.failed > 0,
    };
    let service = Has::<variable::ServiceName>::value(&*app.environment);
    // Counted for every run in which everything answered: an alarm fires if it is missing.
    let is_whole = !is_failed && report.failed == 0;
    let runs = if is_whole { vec![1] } else { vec![] };
    emit(
        service,
        began_at.0,
        Dimension::Service,
        &[(Metric::RetentionRuns, runs)],
    );
    info!(
        deleted = done.deleted,
        completed = done.completed,
        failed = done.failed,
        incomplete = done.incomplete,
        "retention applied"
    );
    Ok(done)
}
