//! The options of a replayed day, and its documents with their waits.

use std::time::Duration;

use async_endpoint::{EndpointParameters, ParameterError};
use jobs::capacity::Objective;
use jobs::id::Timestamp;
use jobs::job::Job;
use simulation::fault::FaultProfile;
use simulation::workload::{EndpointSample, Reading};

use crate::scenario::Scenario;

#[derive(Clone, Debug, PartialEq)]
pub struct ReplayOptions {
    pub scenario: Scenario,
    /// Determines when what is uploaded and how long the model takes for it.
    pub seed: u64,
    pub documents: u32,
    /// The median duration of a model run.
    pub run_seconds: u32,
    /// The endpoint, as its parameter file describes it.
    pub endpoint: EndpointParameters,
    /// If present, Docket's controller sets the number of instances; otherwise the endpoint's scaling policies do.
    pub objective: Option<Objective>,
    /// With Docket's controller, as it ships: the endpoint is handed only as many documents as its window has places for. Without
    /// it, all at once.
    pub window: bool,
    /// Faults of the service's surroundings.
    pub faults: FaultProfile,
    /// Replay only a part of the day.
    pub excerpt: Option<Excerpt>,
}

impl ReplayOptions {
    /// The scenario with its default number of documents, duration of runs and endpoint parameters, AWS's scaling policies,
    /// and seed 1.
    ///
    /// # Errors
    /// The parameter file that ships is wrong.
    pub fn new(scenario: Scenario) -> Result<Self, ParameterError> {
        let mut endpoint = EndpointParameters::parse(scenario.parameters())?;
        endpoint.settings = endpoint.settings.scaled_by_aws();
        Ok(Self {
            scenario,
            seed: 1,
            documents: scenario.shape().documents,
            run_seconds: scenario.shape().run_seconds,
            endpoint,
            objective: None,
            window: false,
            faults: FaultProfile::NONE,
            excerpt: None,
        })
    }

    /// The same with Docket's controller, and with the policies of AWS that stay in force beside it. It expects cold starts
    /// to take as long as they do: earlier days have shown it.
    #[must_use]
    pub fn scaled_by_docket(mut self, objective: Objective) -> Self {
        self.endpoint.settings = self.endpoint.settings.scaled_by_docket();
        self.objective = Some(Objective {
            cold_start: Duration::from_millis(self.endpoint.settings.cold_start.0),
            ..objective
        });
        self.window = true;
        self
    }
}

/// A part of a day: its first bursts, with the gaps between them cut to a maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excerpt {
    pub bursts: u32,
    /// The longest time from the beginning of a burst to the beginning of the next. Longer gaps are cut to this.
    pub max_gap_ms: u64,
}

/// What became of a day. All times are milliseconds of virtual time since midnight.
#[derive(Clone, Debug, PartialEq)]
pub struct Day {
    pub options: ReplayOptions,
    /// The pipeline's `slo_seconds`: "ready within".
    pub slo_ms: u64,
    /// In the order of the uploads.
    pub documents: Vec<ReplayedDocument>,
    /// The endpoint whenever something about it changed, from midnight on.
    pub samples: Vec<EndpointSample>,
    /// The end of what is measured: midnight, or later if the last document ended later.
    pub until: u64,
    /// Instances started by scaling, without those that the endpoint is created with.
    pub instances_started: u32,
    /// Guarantees of the service that were violated. The figures mean nothing unless this is empty.
    pub violations: Vec<String>,
    /// The wall clock at midnight.
    pub started_at: Timestamp,
}

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayedDocument {
    /// Documents that arrive together share a number, from 1 on.
    pub burst: u32,
    /// Its key in the bucket.
    pub key: String,
    /// When its upload was complete.
    pub uploaded_at: u64,
    /// How long a run of the model on it takes.
    pub model_ms: u64,
    pub ended_at: Option<u64>,
    /// Present if the job became ready.
    pub wait: Option<Wait>,
    /// Why it failed, if it did.
    pub failure: Option<&'static str>,
    /// How many requests for it the endpoint accepted.
    pub requests: usize,
    /// The estimates that were given while it waited, if Docket's controller ran.
    pub readings: Vec<Reading>,
    /// Its row. The row's times are those of the wall clock ([`Day::started_at`]).
    pub job: Option<Job>,
}

/// Where the time from an upload to its result went, in milliseconds. The parts add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// In the endpoint's queue while no instance was in service.
    pub cold_start: u64,
    /// In the endpoint's queue behind others; for a document that was retried, also its earlier attempts.
    pub queue: u64,
    /// The model run that made the result.
    pub run: u64,
    /// The rest, spent in Docket: from the upload to the endpoint, and from the model's answer to the ready job.
    pub docket: u64,
}

impl Wait {
    pub const fn total(self) -> u64 {
        self.cold_start + self.queue + self.run + self.docket
    }
}
