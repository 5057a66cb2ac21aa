//! The learned work of documents: the record before a history begins, and the record as functions read it.

use jobs::expected_work::{COLLECTION, RunSums, StoredRuns, key};
use jobs::id::Timestamp;
use jobs::instance_history::{InstanceCounts, reading};
use jobs::ports::Record;
use jobs::window::has_window;

use super::Simulation;
use crate::mistake::Mistake;

/// Runs that were measured before a history.
const RUNS: u64 = 60;

/// Runs of documents of different sizes, with the work of a document besides its bytes.
fn runs(base: u64) -> RunSums {
    let mut sums = RunSums::default();
    for number in 0..RUNS {
        let bytes = number * 100_000;
        // At 100 KB a second.
        sums.add(bytes, base.saturating_add(bytes) / 100);
    }
    sums
}

/// Runs that take equally long, whatever the size.
fn equal_runs() -> RunSums {
    let mut sums = RunSums::default();
    for number in 0..RUNS {
        sums.add(number * 100_000, 45_000);
    }
    sums
}

impl Simulation {
    /// What earlier hours have taught about each pipeline: nothing, or one of several relations of size and time.
    pub(super) fn plan_learned_work(&mut self) {
        let pipelines: Vec<String> = self
            .pipelines
            .iter()
            .filter(|pipeline| has_window(pipeline))
            .map(|pipeline| pipeline.name.clone())
            .collect();
        for pipeline in pipelines {
            let sums = match self.env.rng.up_to(3) {
                0 => continue,
                1 => runs(0),
                2 => runs(2_000_000),
                _ => equal_runs(),
            };
            let runs = StoredRuns {
                hour: Timestamp(1),
                of_hour: sums,
                before: RunSums::default(),
            };
            let record = runs.to_record(1);
            self.records.put(COLLECTION, &key(&pipeline), &record);
        }
    }

    /// A record of collection `capacity` as a function sees it.
    pub(crate) fn seen_learned_work(&self, of: &str, found: Option<Record>) -> Option<Record> {
        let mut pipelines = self.pipelines.iter();
        if !pipelines.any(|pipeline| key(&pipeline.name) == of) {
            return found;
        }
        match self.env.mistake {
            Some(Mistake::LearnedWorkIgnored) => None,
            Some(Mistake::WorkOfAnotherPipeline) => {
                let mut others = self.pipelines.iter().map(|pipeline| key(&pipeline.name));
                let other = others.find(|other| other != of)?;
                self.records.get(COLLECTION, &other)
            }
            _ => found,
        }
    }

    /// The controller of a workload found other numbers of instances.
    pub(super) fn record_instances(&mut self, pipeline: &str, counts: InstanceCounts) {
        let (collection, key, record) = reading(pipeline, self.env.wall(), counts);
        self.records.put(&collection, &key, &record);
    }
}
