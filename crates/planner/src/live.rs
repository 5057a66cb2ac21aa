//! The plan of a live replay: the first bursts of a day, for `devstack replay` to upload to a local stack, and the
//! simulation's forecast to compare the result with.

use devstack::replay::{BurstForecast, LivePlan, LiveUpload};

use crate::bursts::{Burst, bursts};
use crate::day::{Day, Excerpt, ReplayOptions};
use crate::scenario::Scenario;
use crate::units::MINUTE;

impl From<Burst> for BurstForecast {
    fn from(burst: Burst) -> Self {
        Self {
            burst: burst.number,
            uploaded: burst.uploaded,
            ready: burst.ready,
            failed: burst.failed,
            wait_p50_ms: burst.wait.p50,
            wait_p95_ms: burst.wait.p95,
            wait_max_ms: burst.wait.max,
            instances_found: burst.instances_found,
            max_instances: burst.max_instances,
        }
    }
}

/// The excerpt of the day that a live replay takes by default. Its duration in real time is some minutes.
///
/// The maximum gap is what the endpoint needs to finish a burst and to release its instances (13 and 15 minutes for
/// `deal-day`, 33 and 10 for `tuesday`), and a little more: a burst that came later would find the same endpoint.
pub const fn live_excerpt(scenario: Scenario) -> Excerpt {
    match scenario {
        Scenario::DealDay => Excerpt {
            bursts: 4,
            max_gap_ms: 35 * MINUTE,
        },
        Scenario::Tuesday => Excerpt {
            bursts: 7,
            max_gap_ms: 50 * MINUTE,
        },
        // Minutes of real time, at the same clock as the day of deals.
        Scenario::Ordinary | Scenario::Busy | Scenario::Continuous => Excerpt {
            bursts: 4,
            max_gap_ms: 35 * MINUTE,
        },
    }
}

/// The fastest clock that two cores can follow. At 30 a review takes a second and a half, and five instances need three
/// contracts a second; at 120 an archive takes five seconds.
const fn time_factor(scenario: Scenario) -> f64 {
    match scenario {
        Scenario::DealDay | Scenario::Ordinary | Scenario::Busy | Scenario::Continuous => 30.0,
        Scenario::Tuesday => 120.0,
    }
}

/// Makes the plan from a day that was replayed. [`ReplayOptions::excerpt`] should be set.
pub fn live_plan(day: &Day) -> LivePlan {
    let options: &ReplayOptions = &day.options;
    let first = day.documents.iter().map(|known| known.uploaded_at).min();
    let mut uploads: Vec<LiveUpload> = day
        .documents
        .iter()
        .map(|known| LiveUpload {
            burst: known.burst,
            after_ms: known.uploaded_at - first.unwrap_or(0),
            key: known.key.clone(),
            model_ms: known.model_ms,
        })
        .collect();
    uploads.sort_by_key(|upload| upload.after_ms);
    let samples = match options.scenario {
        Scenario::DealDay | Scenario::Ordinary | Scenario::Busy | Scenario::Continuous => {
            "samples/contracts"
        }
        Scenario::Tuesday => "samples/batches",
    };
    LivePlan {
        scenario: options.scenario.name().to_owned(),
        pipeline: options.scenario.pipeline().to_owned(),
        documents_name: options.scenario.nouns().1.to_owned(),
        samples: samples.to_owned(),
        seed: options.seed,
        documents_per_day: options.documents,
        max_gap_ms: options.excerpt.map_or(0, |excerpt| excerpt.max_gap_ms),
        time_factor: time_factor(options.scenario),
        uploads,
        forecast: bursts(day).into_iter().map(BurstForecast::from).collect(),
    }
}
