//! The noisy neighbor: a day on which one tenant uploads a thousand contracts within a minute, and another one a single
//! contract half an hour later.

use std::time::Duration;

use async_endpoint::{EndpointParameters, Rng, Settings};
use jobs::capacity::Objective;
use jobs::window::Window;
use serde::Serialize;
use simulation::fault::FaultProfile;
use simulation::workload::{self, DocumentEnd, DocumentResult, Workload, WorkloadUpload};

use crate::replay::{ReplayError, objective_of, pipelines};
use crate::scenario::Scenario;
use crate::units::{HOUR, MINUTE, SECOND};

const SCENARIO: Scenario = Scenario::DealDay;
const BEGINS_AT: u64 = 9 * HOUR;
/// How many contracts the noisy neighbor uploads in `planner hog`.
pub(crate) const DOCUMENTS_OF_A: u32 = 1000;
const B_COMES_AFTER: u64 = 30 * MINUTE;
const RUN: u64 = 45 * SECOND;

/// The last line of `planner hog`. Seconds from an upload to its ready job.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct NoisyNeighborDay {
    /// The single contract, with the window and turns.
    pub b_wait_s: f64,
    /// The same without the thousand, on an instance that is in service.
    pub b_alone_s: f64,
    /// The time in which the endpoint ends what its window holds.
    pub window_s: f64,
    /// The single contract, if everything is handed to the endpoint at once.
    pub b_wait_without_window_s: f64,
}

/// Replays the day: with the window, without it, and without the thousand contracts. One instance is always in service, so that no
/// wait includes a cold start from zero.
///
/// # Errors
/// A shipped file is wrong, or a guarantee of the service was violated.
pub fn noisy_neighbor(seed: u64, documents_of_a: u32) -> Result<NoisyNeighborDay, ReplayError> {
    let mut settings = EndpointParameters::parse(SCENARIO.parameters())?.settings;
    settings.min_instances = 1;
    let settings = settings.scaled_by_docket();
    let objective = Objective {
        cold_start: Duration::from_millis(settings.cold_start.0),
        ..objective_of(SCENARIO.pipeline())?
    };
    let day = |others, windows| b_wait(seed, settings, objective, others, windows);
    let slots = settings.max_instances * settings.max_concurrent_per_instance.max(1);
    let run = Duration::from_millis(RUN);
    let window = Window::new(
        settings.max_instances,
        1,
        slots / settings.max_instances,
        run,
        run,
    );
    Ok(NoisyNeighborDay {
        b_wait_s: day(documents_of_a, true)?,
        b_alone_s: day(0, true)?,
        window_s: f64::from(window.attempts) / f64::from(slots) * run.as_secs_f64(),
        b_wait_without_window_s: day(documents_of_a, false)?,
    })
}

/// How long the single contract of the other tenant waits, in seconds.
fn b_wait(
    seed: u64,
    endpoint: Settings,
    objective: Objective,
    others: u32,
    windows: bool,
) -> Result<f64, ReplayError> {
    let name = SCENARIO.pipeline();
    let pipelines = pipelines(windows)?;
    let prefix = pipelines.get(name).map(|it| it.prefix.clone());
    let prefix = prefix.ok_or(ReplayError::NoPipeline(name))?;
    let mut rng = Rng::from_seed(seed ^ 0x0000_7061);
    let mut uploads: Vec<WorkloadUpload> = (0..others)
        .map(|number| WorkloadUpload {
            at: BEGINS_AT + rng.up_to(MINUTE),
            key: format!("{prefix}acme/{number}.pdf"),
            bytes: 200_000 + rng.up_to(7_800_000),
            model_ms: RUN * (67 + rng.up_to(66)) / 100,
        })
        .collect();
    uploads.sort_by_key(|upload| upload.at);
    uploads.push(WorkloadUpload {
        at: BEGINS_AT + B_COMES_AFTER,
        key: format!("{prefix}globex/one.pdf"),
        bytes: 1_000_000,
        model_ms: RUN,
    });
    let report = workload::run(Workload {
        pipelines,
        pipeline: name.to_owned(),
        endpoint,
        objective: Some(objective),
        faults: FaultProfile::NONE,
        uploads,
        min_duration_ms: BEGINS_AT + HOUR,
        rng,
    })?;
    if let Some(violation) = report.violations.first() {
        return Err(ReplayError::Violation(violation.clone()));
    }
    let ready = |found: &DocumentResult| match found.end {
        DocumentEnd::Ready { at } => Some(at.saturating_sub(found.uploaded_at)),
        DocumentEnd::Open | DocumentEnd::Failed { .. } | DocumentEnd::Cancelled { .. } => None,
    };
    let of_b = report.documents.last().and_then(ready);
    let waited =
        of_b.ok_or_else(|| ReplayError::Violation("a contract is not ready".to_owned()))?;
    Ok(waited as f64 / 1000.0)
}
