//! How well the estimates of [`jobs::ready_by`] hold on days with faults.

use async_endpoint::{Millis, Rng};
use serde::Serialize;
use simulation::fault::{FaultKind, FaultProfile};
use simulation::workload::{ReadAt, Reading};

use crate::day::{Day, ReplayOptions, ReplayedDocument};
use crate::replay::{ReplayError, objective_of, replay};
use crate::scenario::Scenario;
use crate::units::MINUTE;

/// How long before its SLO ends a job must be known to be at risk.
const WARNING_MS: u64 = 10 * MINUTE;
/// The baseline's range reaches from half of its estimate to one and a half.
const BASELINE_SHARE: f64 = 0.5;

/// A kind of day of the calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalibrationDay {
    pub scenario: Scenario,
    /// The maximum number of instances of the endpoint; `None`: as it ships.
    pub max_instances: Option<u32>,
}

/// The kinds of day: contracts in large bursts, in small ones all day, batches, and batches on an endpoint that is too
/// small, which breaks SLOs.
pub const CALIBRATION_DAYS: [CalibrationDay; 4] = [
    CalibrationDay::of(Scenario::DealDay),
    CalibrationDay::of(Scenario::Busy),
    CalibrationDay::of(Scenario::Tuesday),
    CalibrationDay {
        scenario: Scenario::Tuesday,
        max_instances: Some(1),
    },
];

impl CalibrationDay {
    const fn of(scenario: Scenario) -> Self {
        Self {
            scenario,
            max_instances: None,
        }
    }
}

/// What became of the estimates of some days.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Calibration {
    /// Documents that became ready, and that had an estimate when they were first read.
    pub documents: u64,
    /// Of them, those that became ready within the range.
    pub held: u64,
    pub too_early: u64,
    pub too_late: u64,
    /// All readings of these documents, of the first minute and later, and those whose range held.
    pub readings: u64,
    pub readings_held: u64,
    /// Readings without an estimate.
    pub without: u64,
    /// Readings of the snapshots of the reconciler, which does not know the instances, and those whose range held.
    pub inferred: u64,
    pub inferred_held: u64,
    /// Documents for which the baseline's range held.
    pub baseline_held: u64,
    /// Sums of the errors of the first estimates, in milliseconds.
    pub error_ms: u64,
    pub baseline_error_ms: u64,
    /// The sum of the widths of the first ranges.
    pub width_ms: u64,
    /// Documents that ended later than their SLO, and those known to be at risk 10 minutes before.
    pub broken: u64,
    pub warned: u64,
    /// Documents at risk at some time that were ready in time.
    pub false_alarms: u64,
    pub in_time: u64,
}

/// The last line of `make bench-ready-by`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CalibrationSummary {
    /// The share of documents that became ready within the range that they were first given.
    pub coverage: f64,
    /// The share of broken SLOs that were known to be at risk 10 minutes before.
    pub warned: f64,
    /// The coverage of a mean run times the position, ± 50 %.
    pub baseline_coverage: f64,
}

/// A day of a seed with faults: lost and late notifications, lost instances, models that fail, calls that are throttled.
/// Cold starts are up to a third shorter or longer than the pipeline says.
///
/// # Errors
/// The day cannot be replayed.
pub fn day_with_faults(kind: CalibrationDay, seed: u64) -> Result<Day, ReplayError> {
    let mut rng = Rng::from_seed(seed ^ 0x5EED_FA17);
    let mut options = ReplayOptions::new(kind.scenario).map_err(ReplayError::Parameters)?;
    options.seed = seed;
    options.faults = faults(&mut rng);
    let mut settings = options.endpoint.settings;
    let usual = settings.cold_start.0;
    settings.max_instances = kind.max_instances.unwrap_or(settings.max_instances);
    options.endpoint.settings = settings;
    let mut options = options.scaled_by_docket(objective_of(kind.scenario.pipeline())?);
    // Of jobs at the endpoint. Those that wait for their turn have estimates of another kind (`jobs::ready_by::estimate_turn`).
    options.window = false;
    // The controller expects the usual time.
    options.endpoint.settings.cold_start = Millis(usual * (70 + rng.up_to(60)) / 100);
    replay(&options)
}

fn faults(rng: &mut Rng) -> FaultProfile {
    let max_per_million = [
        (FaultKind::S3EventDuplicated, 50_000),
        (FaultKind::S3EventOvertaken, 50_000),
        (FaultKind::MessageDuplicated, 20_000),
        (FaultKind::MessageLate, 50_000),
        (FaultKind::NotificationLost, 20_000),
        (FaultKind::NotificationDuplicated, 50_000),
        (FaultKind::NotificationLate, 20_000),
        (FaultKind::CrashBeforeCall, 500),
        (FaultKind::CrashAfterCall, 500),
        // After the SDK's three tries: the message comes back after its visibility timeout.
        (FaultKind::CallThrottled, 2_000),
        (FaultKind::InvokeRefused, 30_000),
        (FaultKind::InstanceLost, 4_000),
        (FaultKind::ModelBroken, 20_000),
        (FaultKind::IndexLags, 1_000_000),
    ];
    max_per_million
        .into_iter()
        .fold(FaultProfile::NONE, |profile, (fault, max)| {
            profile.with(fault, u32::try_from(rng.up_to(max)).unwrap_or(0))
        })
}

impl Calibration {
    /// Adds the estimates of a day.
    pub fn add(&mut self, day: &Day) {
        for document in &day.documents {
            self.add_estimates(document);
            self.add_warning(document, day.slo_ms);
        }
    }

    fn add_estimates(&mut self, document: &ReplayedDocument) {
        let (Some(ready_at), Some(_)) = (document.ended_at, document.wait) else {
            return;
        };
        for reading in &document.readings {
            if let (ReadAt::Inferred, Some([earliest, _, latest])) = (reading.moment, reading.range)
            {
                self.inferred += 1;
                self.inferred_held += u64::from((earliest..=latest).contains(&ready_at));
            }
        }
        let seen = |reading: &&Reading| {
            matches!(reading.moment, ReadAt::OldSnapshot | ReadAt::NewSnapshot)
        };
        let readings = document.readings.iter().filter(seen);
        let is_first = |at: &&Reading| at.moment == ReadAt::NewSnapshot;
        for reading in readings.clone() {
            match reading.range {
                Some([earliest, _, latest]) => {
                    self.readings += 1;
                    self.readings_held += u64::from((earliest..=latest).contains(&ready_at));
                }
                None => self.without += 1,
            }
        }
        let first = readings.clone().find(is_first);
        let Some((first, [earliest, about, latest])) =
            first.and_then(|first| Some((first, first.range?)))
        else {
            return;
        };
        self.documents += 1;
        self.held += u64::from((earliest..=latest).contains(&ready_at));
        self.too_early += u64::from(ready_at > latest);
        self.too_late += u64::from(ready_at < earliest);
        self.error_ms += about.abs_diff(ready_at);
        self.width_ms += latest - earliest;
        self.baseline_error_ms += first.by_position.abs_diff(ready_at);
        let predicted = (first.by_position - first.at) as f64;
        let share = (ready_at - first.at) as f64 / predicted.max(1.0);
        self.baseline_held += u64::from((share - 1.0).abs() <= BASELINE_SHARE);
    }

    fn add_warning(&mut self, document: &ReplayedDocument, slo_ms: u64) {
        let due = document.uploaded_at + slo_ms;
        let counted = |reading: &&Reading| reading.moment == ReadAt::Reconciler;
        let mut readings = document.readings.iter().filter(counted);
        if document.ended_at.is_none_or(|at| at > due) {
            self.broken += 1;
            let in_time = |reading: &Reading| reading.is_at_risk && reading.at + WARNING_MS <= due;
            self.warned += u64::from(readings.any(in_time));
        } else {
            self.in_time += 1;
            self.false_alarms += u64::from(readings.any(|reading| reading.is_at_risk));
        }
    }

    /// Adds the figures of other days.
    #[must_use]
    pub const fn plus(self, other: &Self) -> Self {
        Self {
            documents: self.documents + other.documents,
            held: self.held + other.held,
            too_early: self.too_early + other.too_early,
            too_late: self.too_late + other.too_late,
            readings: self.readings + other.readings,
            readings_held: self.readings_held + other.readings_held,
            without: self.without + other.without,
            inferred: self.inferred + other.inferred,
            inferred_held: self.inferred_held + other.inferred_held,
            baseline_held: self.baseline_held + other.baseline_held,
            error_ms: self.error_ms + other.error_ms,
            baseline_error_ms: self.baseline_error_ms + other.baseline_error_ms,
            width_ms: self.width_ms + other.width_ms,
            broken: self.broken + other.broken,
            warned: self.warned + other.warned,
            false_alarms: self.false_alarms + other.false_alarms,
            in_time: self.in_time + other.in_time,
        }
    }

    pub fn summary(&self) -> CalibrationSummary {
        CalibrationSummary {
            coverage: share(self.held, self.documents),
            warned: share(self.warned, self.broken),
            baseline_coverage: share(self.baseline_held, self.documents),
        }
    }

    /// A row of the table that `make bench-ready-by` prints.
    pub fn describe(&self) -> String {
        let percent = |part, all| format!("{:.1} %", 100.0 * share(part, all));
        let mean = |sum: u64| sum as f64 / 1000.0 / self.documents.max(1) as f64;
        format!(
            "{} documents: {} within the range, {} later, {} earlier; of all readings {}, {} without counted instances; {} readings without an estimate\n\
             {:>12} mean error {:.0} s (position x mean run: {:.0} s, {} within 50 %), mean width {:.0} s\n\
             {:>12} {} broken SLOs, {} warned 10 minutes before; {} of {} others were at risk at some time",
            self.documents,
            percent(self.held, self.documents),
            percent(self.too_early, self.documents),
            percent(self.too_late, self.documents),
            percent(self.readings_held, self.readings),
            percent(self.inferred_held, self.inferred),
            self.without,
            "",
            mean(self.error_ms),
            mean(self.baseline_error_ms),
            percent(self.baseline_held, self.documents),
            mean(self.width_ms),
            "",
            self.broken,
            self.warned,
            self.false_alarms,
            self.in_time,
        )
    }
}

fn share(part: u64, all: u64) -> f64 {
    if all == 0 {
        return 1.0;
    }
    (part as f64 / all as f64 * 1000.0).round() / 1000.0
}
