//! The plan of a live replay, as `planner live-plan` writes it. The simulation stays out of this process.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// What to upload when, and the simulation's forecast. Times are milliseconds by the endpoints' clock.
#[derive(Clone, Debug, Deserialize)]
pub struct LivePlan {
    pub(super) scenario: String,
    pub(super) pipeline: String,
    /// What its documents are called, such as `contracts`.
    pub(super) documents_name: String,
    /// The folder in the repository whose PDFs stand for the documents.
    pub(super) samples: String,
    pub(super) seed: u64,
    /// Documents of the whole day, of which `uploads` are the first.
    pub(super) documents_per_day: u32,
    /// Longer gaps between bursts were cut to this.
    pub(super) max_gap_ms: u64,
    /// How many times as fast as real time the endpoints' clock runs.
    pub(super) time_factor: f64,
    /// The earliest first.
    pub(super) uploads: Vec<LiveUpload>,
    /// One entry for each burst, in their order.
    pub(super) forecast: Vec<BurstForecast>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct LiveUpload {
    /// From 1 on.
    pub(super) burst: u32,
    /// When its upload is complete, since the first upload.
    pub(super) after_ms: u64,
    /// Its key in the bucket.
    pub(super) key: String,
    /// How long a run of the model on it takes.
    pub(super) model_ms: u64,
}

/// What the simulation says about a burst.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct BurstForecast {
    /// From 1 on.
    pub(super) burst: u32,
    pub(super) uploaded: usize,
    pub(super) ready: usize,
    pub(super) failed: usize,
    pub(super) wait_p50_ms: u64,
    pub(super) wait_p95_ms: u64,
    pub(super) wait_max_ms: u64,
    /// Instances in service when its first document arrived.
    pub(super) instances_found: u32,
    /// The maximum number of instances until the next burst, cold starts included.
    pub(super) max_instances: u32,
}

impl LivePlan {
    /// Reads the file that `planner live-plan` wrote.
    ///
    /// # Errors
    /// The file cannot be read, or is no such plan.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        let plan: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is not a plan of `planner live-plan`", path.display()))?;
        let bursts = plan.forecast.iter().map(|known| known.burst);
        let known = 1..=u32::try_from(plan.forecast.len())?;
        ensure!(
            bursts.eq(known.clone())
                && plan
                    .uploads
                    .iter()
                    .all(|upload| known.contains(&upload.burst))
                && plan.time_factor > 0.0,
            "{} has uploads without a forecast for their burst",
            path.display()
        );
        Ok(plan)
    }

    /// Converts milliseconds by the endpoints' clock to real time.
    pub(super) fn real(&self, milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds).div_f64(self.time_factor)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::repo;

    /// The plan that `tests/replay.rs` carries out: the first burst of `tuesday`.
    pub(crate) fn plan() -> LivePlan {
        LivePlan::read(&repo::file("crates/devstack/tests/live-plan.json")).unwrap()
    }

    #[test]
    fn plan_of_the_planner_is_read_and_its_times_are_converted_by_its_factor() {
        let plan = plan();
        assert_eq!(
            (plan.scenario.as_str(), plan.forecast.len()),
            ("tuesday", 1)
        );
        assert_eq!(plan.forecast[0].uploaded, plan.uploads.len());
        assert_eq!(plan.real(60_000).as_secs_f64(), 60.0 / plan.time_factor);
    }

    #[test]
    fn other_json_is_refused_with_the_name_of_the_file() {
        let path = repo::file("events/none.json");
        let error = LivePlan::read(&path).unwrap_err().to_string();
        assert!(error.contains("none.json cannot be read"), "{error}");
        let path = repo::file("infra/endpoints/ocr-batch.json");
        let error = LivePlan::read(&path).unwrap_err().to_string();
        assert!(error.contains("is not a plan"), "{error}");
    }
}
