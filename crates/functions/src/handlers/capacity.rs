//! Function `capacity`: sets the number of instances of the endpoints whose scaling is `docket`, and stores which model each
//! endpoint serves.

use std::time::Duration;

use jobs::adjust_instances::{AdjustReport, adjust_instances};
use jobs::capacity::EVALUATION_INTERVAL;
use jobs::id::Timestamp;
use jobs::observe_models;
use jobs::ports::{
    CheckQueue, Clock, InstanceControl, JobIndex, JobStore, KeyValueStore, ModelDescription, Sleep,
};
use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::bootstrap::App;
use crate::config::{Has, HasPipelines, variable};
use crate::environment;
use crate::metrics::{Dimension, Metric, emit};

environment! {
    pub struct Environment with pipelines {
        jobs_table: JobsTable,
        records_table: RecordsTable,
        checks_queue_url: ChecksQueueUrl,
        sagemaker_url: SageMakerUrl,
        auto_scaling_url: AutoScalingUrl,
        service_name: ServiceName,
    }
}

/// The interval of the schedule. From then on the next run evaluates, and this one only when a decision said so.
const RUN_INTERVAL: Duration = Duration::from_secs(60);
/// A decision may ask for an earlier evaluation, but not for one before this time.
const MIN_EVALUATION_INTERVAL: Duration = Duration::from_secs(1);
/// No evaluation begins with less than this time left, in milliseconds. `TimeoutSeconds` of the template is 80: an upload
/// that the evaluation after 30 s is the first to see is answered within 70 s from the start of the run.
const RESERVE_MS: u64 = 10_000;

/// The event of the schedule, or of a manual invocation. It has no fields.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct CapacityEvent {}

/// What the run did, as the response to a manual invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Adjusted {
    pub evaluations: u32,
    /// How often an endpoint accepted another number of instances.
    pub changes: u32,
    /// A call failed in the last evaluation; the next run evaluates again.
    pub incomplete: bool,
}

/// Decides the number of instances of each endpoint whose pipeline says `scaling = "docket"`, and asks for it.
///
/// - **Input**: `{}` from the schedule, every minute. Returns [`Adjusted`].
/// - **On failure**: the next evaluation does what this one could not, and metric `CapacityRuns` is not counted.
///
/// A run evaluates every 30 seconds, and earlier if a decision says when, also while the next run begins. So a burst is
/// answered within 45 seconds of its last upload without a message from the upload path, if runs begin at most 75 seconds
/// after one another. Runs may overlap.
///
/// # Errors
/// None: failures are in the response.
pub async fn handle<P, E>(
    app: &App<P, E>,
    event: LambdaEvent<CapacityEvent>,
) -> Result<Adjusted, Error>
where
    P: Clock
        + Sleep
        + JobStore
        + JobIndex
        + KeyValueStore
        + CheckQueue
        + InstanceControl
        + ModelDescription,
    E: HasPipelines + Has<variable::ServiceName>,
{
    let ports = &app.ports;
    let next_run_at = ports.now().plus(RUN_INTERVAL);
    let deadline = event.context.deadline;
    // A quarter of the time at least, however short it is.
    let left = deadline.saturating_sub(ports.now().0);
    let until = Timestamp(deadline - RESERVE_MS.min(left * 3 / 4));
    let mut done = Adjusted::default();
    if let Err(error) = observe_models::observe(ports, app.environment.pipelines()).await {
        // Later attempts say that their model is not known. Instances do not depend on it.
        warn!(error = %error, "the models of the endpoints were not stored");
    }
    loop {
        let adjusted = adjust_instances(ports, app.environment.pipelines(), until).await;
        let service = Has::<variable::ServiceName>::value(&*app.environment);
        report(service, ports.now(), &adjusted);
        done.evaluations += 1;
        let changes = adjusted.pipelines.iter().filter(|it| it.changed).count();
        done.changes += u32::try_from(changes).unwrap_or(u32::MAX);
        done.incomplete = adjusted.incomplete;
        if adjusted.pipelines.is_empty() && !adjusted.incomplete {
            return Ok(done);
        }
        let due_in = adjusted.check_again_in;
        let due_in = due_in.map(|it| it.max(MIN_EVALUATION_INTERVAL));
        let regular = Some(EVALUATION_INTERVAL);
        let regular = regular.filter(|it| ports.now().plus(*it) < next_run_at);
        let pause = due_in.into_iter().chain(regular).min();
        let Some(pause) = pause.filter(|it| ports.now().plus(*it) <= until) else {
            return Ok(done);
        };
        ports.sleep(pause).await;
    }
}

fn report(service: &str, now: Timestamp, adjusted: &AdjustReport) {
    for it in &adjusted.pipelines {
        emit(
            service,
            now.0,
            Dimension::Gauge(&it.pipeline),
            &[
                (Metric::InstancesDesired, vec![it.desired.into()]),
                (Metric::InstancesStarting, vec![it.starting.into()]),
                (Metric::InstancesInService, vec![it.in_service.into()]),
            ],
        );
    }
    let runs = if adjusted.incomplete { vec![] } else { vec![1] };
    emit(
        service,
        now.0,
        Dimension::Service,
        // Counted for every complete evaluation: an alarm fires if it is missing.
        &[(Metric::CapacityRuns, runs)],
    );
}
