//! The replay of a day.

use async_endpoint::{ParameterError, Rng};
use jobs::capacity::Objective;
use jobs::pipeline::{ConfigError, Pipeline, Pipelines};
use simulation::workload::{self, EndlessWorkload, Workload, WorkloadUpload};

use crate::arrivals::{arrivals, cut};
use crate::day::{Day, ReplayOptions, ReplayedDocument};
use crate::units::HOUR;
use crate::wait::document;

/// The shortest time that is measured: instances that are kept cost at night as well.
const DAY: u64 = 24 * HOUR;
/// The file that ships.
const PIPELINES: &str = include_str!("../../../infra/pipelines.toml");

/// Why a day cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The shipped `pipelines.toml` is wrong.
    #[error(transparent)]
    Pipelines(#[from] ConfigError),
    /// The shipped parameter file of an endpoint is wrong.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// The shipped parameter file lacks a parameter.
    #[error("{0}")]
    ParameterFile(String),
    #[error("pipelines.toml has no pipeline {0}")]
    NoPipeline(&'static str),
    #[error("the simulation violates a guarantee: {0}")]
    Violation(String),
    /// Documents are still open after three weeks.
    #[error(transparent)]
    Endless(#[from] EndlessWorkload),
}

/// The objective that the shipped `pipelines.toml` gives a pipeline.
///
/// # Errors
/// The file is wrong, or has no such pipeline.
pub fn objective_of(pipeline: &'static str) -> Result<Objective, ReplayError> {
    let pipelines = Pipelines::parse(PIPELINES)?;
    let known = pipelines.get(pipeline);
    known
        .map(Pipeline::objective)
        .ok_or(ReplayError::NoPipeline(pipeline))
}

/// The usual duration of a run that the shipped `pipelines.toml` gives a pipeline.
///
/// # Errors
/// The file is wrong, or has no such pipeline.
pub(crate) fn typical_run_seconds_of(pipeline: &'static str) -> Result<u32, ReplayError> {
    let pipelines = Pipelines::parse(PIPELINES)?;
    let known = pipelines.get(pipeline);
    known
        .map(|known| known.typical_run_seconds)
        .ok_or(ReplayError::NoPipeline(pipeline))
}

/// The pipelines that ship, with or without windows: the policies of AWS have none.
pub(crate) fn pipelines(windows: bool) -> Result<Pipelines, ConfigError> {
    if windows {
        return Pipelines::parse(PIPELINES);
    }
    let is_kept = |line: &&str| !line.starts_with("scaling = ");
    let lines: Vec<&str> = PIPELINES.lines().filter(is_kept).collect();
    Pipelines::parse(&lines.join("\n"))
}

/// Replays a day.
///
/// # Errors
/// The shipped `pipelines.toml` is wrong, or documents are still open after three weeks of virtual time.
pub fn replay(options: &ReplayOptions) -> Result<Day, ReplayError> {
    let pipelines = pipelines(options.window)?;
    let name = options.scenario.pipeline();
    let Some(pipeline) = pipelines.iter().find(|known| known.name == name).cloned() else {
        return Err(ReplayError::NoPipeline(name));
    };
    // The arrivals draw first, so what is uploaded does not depend on what the service does with it.
    let mut rng = Rng::from_seed(options.seed ^ 0x00DA_1DEA);
    let mut arrivals = arrivals(options, &pipeline.prefix, &mut rng);
    if let Some(excerpt) = options.excerpt {
        cut(&mut arrivals, excerpt);
    }
    let uploads = arrivals.iter().map(|arrival| WorkloadUpload {
        at: arrival.at,
        key: arrival.key.clone(),
        bytes: arrival.bytes,
        model_ms: arrival.model_ms,
    });
    let result = workload::run(Workload {
        pipelines,
        pipeline: name.to_owned(),
        endpoint: options.endpoint.settings,
        objective: options.objective,
        faults: options.faults.clone(),
        uploads: uploads.collect(),
        min_duration_ms: DAY,
        rng,
    })?;
    let documents: Vec<ReplayedDocument> = arrivals
        .iter()
        .zip(&result.documents)
        .map(|(arrival, found)| document(arrival, found, &result.samples))
        .collect();
    let last = documents.iter().filter_map(|document| document.ended_at);
    Ok(Day {
        options: options.clone(),
        slo_ms: u64::from(pipeline.slo_seconds) * 1000,
        until: last.max().unwrap_or(0).max(DAY),
        documents,
        samples: result.samples,
        instances_started: result
            .instances
            .saturating_sub(options.endpoint.settings.min_instances),
        violations: result.violations,
        started_at: result.started_at,
    })
}
