//! The plan of a live replay: a JSON file that `planner live-plan` writes and `devstack replay` reads. The simulation itself is
//! not part of this program.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// What to upload when, and the simulation's forecast. Times are milliseconds by the endpoints' clock.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct LivePlan {
    pub scenario: String,
    pub pipeline: String,
    /// Plural name of the pipeline's documents, such as `contracts`.
    pub documents_name: String,
    /// The folder in the repository with the PDFs to copy for the uploads.
    pub samples: String,
    pub seed: u64,
    /// Documents of the whole day. `uploads` are the first of them.
    pub documents_per_day: u32,
    /// The planner cut longer gaps between bursts to this.
    pub max_gap_ms: u64,
    /// How many times as fast as real time the endpoints' clock runs.
    pub time_factor: f64,
    /// In the order of `after_ms`.
    pub uploads: Vec<LiveUpload>,
    /// One entry for each burst, in order.
    pub forecast: Vec<BurstForecast>,
}

/// A document to upload.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct LiveUpload {
    /// The burst's number, from 1.
    pub burst: u32,
    /// From the end of the first upload to the end of this one.
    pub after_ms: u64,
    /// Its key in the jobs bucket.
    pub key: String,
    /// How long an invocation of the model takes for it.
    pub model_ms: u64,
}

/// The simulation's forecast for a burst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct BurstForecast {
    /// The burst's number, from 1.
    pub burst: u32,
    pub uploaded: usize,
    pub ready: usize,
    pub failed: usize,
    pub wait_p50_ms: u64,
    pub wait_p95_ms: u64,
    pub wait_max_ms: u64,
    /// Instances in service when its first document arrived.
    pub instances_found: u32,
    /// The maximum number of instances until the next burst, cold starts included.
    pub max_instances: u32,
}

impl LivePlan {
    /// Reads the output file of `planner live-plan`.
    ///
    /// # Errors
    /// The file cannot be read or is not such a plan.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        let plan: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is not a plan of `planner live-plan`", path.display()))?;
        let bursts = plan.forecast.iter().map(|burst| burst.burst);
        let expected = 1..=u32::try_from(plan.forecast.len())?;
        ensure!(
            bursts.eq(expected.clone())
                && plan
                    .uploads
                    .iter()
                    .all(|upload| expected.contains(&upload.burst))
                && plan.time_factor > 0.0,
            "{} has uploads without a forecast for their burst",
            path.display()
        );
        Ok(plan)
    }

    /// Converts milliseconds by the endpoints' clock to real time.
    pub(super) fn to_real(&self, milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds).div_f64(self.time_factor)
    }

    /// The plan of `tests/replay.rs`: the first burst of `tuesday`.
    #[cfg(test)]
    pub(super) fn first_burst_of_tuesday() -> Self {
        Self::read(&crate::repo::file("crates/devstack/tests/live-plan.json")).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo;

    #[test]
    fn live_plan_is_read_and_its_time_factor_converts_to_real_time() {
        let plan = LivePlan::first_burst_of_tuesday();
        assert_eq!(
            (plan.scenario.as_str(), plan.forecast.len()),
            ("tuesday", 1)
        );
        assert_eq!(plan.forecast[0].uploaded, plan.uploads.len());
        assert_eq!(plan.to_real(60_000).as_secs_f64(), 60.0 / plan.time_factor);
    }

    #[test]
    fn file_that_is_missing_or_not_a_live_plan_is_rejected_with_its_name() {
        let path = repo::file("events/none.json");
        let error = LivePlan::read(&path).unwrap_err().to_string();
        assert!(error.contains("none.json cannot be read"), "{error}");
        let path = repo::file("infra/endpoints/ocr-batch.json");
        let error = LivePlan::read(&path).unwrap_err().to_string();
        assert!(error.contains("is not a plan"), "{error}");
    }
}
