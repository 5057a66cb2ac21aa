//! The capacity controller of a workload: reads the simulated table and endpoint, and lets [`jobs::capacity`] decide.
//!
//! It runs every minute. The first upload after a time without open jobs calls it at once, and a decision may ask for
//! an earlier call than the next minute.

use std::collections::BTreeMap;
use std::time::Duration;

use async_endpoint::{Endpoint, InstanceStatus};
use jobs::capacity::{
    CapacityInput, EVALUATION_INTERVAL, InstanceLimits, Instances, Measured, Objective, OpenWork,
    decide, expected_run,
};
use jobs::id::Timestamp;
use jobs::instance_history::InstanceCounts;
use jobs::pipeline::Pipeline;
use jobs::ready_by::{MAX_SNAPSHOT_AGE, QueueSnapshot, Queued, estimate, is_at_risk};
use jobs::state::{State, StatusGroup};
use jobs::window::{Window, has_window};

use crate::ledger::Ledger;
use crate::table::{JobTable, TableRow};
use crate::time::SECOND;

/// The limits of the hosted endpoint are wrong.
const LIMITS: &str =
    "the settings of an endpoint have a maximum of at least 1 and of at least the minimum";

/// When an estimate is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAt {
    /// Just before the controller runs: the snapshot is as old as it gets.
    OldSnapshot,
    /// Just after it ran.
    NewSnapshot,
    /// When the reconciler counts the jobs at risk.
    Reconciler,
    /// At the same time, from the reconciler's own snapshot: it does not know the instances.
    Inferred,
}

/// What a reader is told about a waiting job. Times are milliseconds of virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub at: u64,
    pub moment: ReadAt,
    pub attempt: u8,
    /// Earliest, about, latest; `None` without an estimate.
    pub range: Option<[u64; 3]>,
    /// The job counts into `JobsAtRisk`.
    pub is_at_risk: bool,
    /// The position in the queue times the mean duration of a run.
    pub by_position: u64,
}

pub(crate) struct CapacityController {
    pipeline: String,
    objective: Objective,
    typical_run: Duration,
    concurrent_runs: u32,
    slo: Duration,
    /// When it runs next. Earlier planned runs do nothing.
    next_at: u64,
    starts: Starts,
    /// The queue when it last ran.
    snapshot: Option<QueueSnapshot>,
    /// The queue when the reconciler last counted it, as it describes the queue if no controller runs.
    inferred: Option<QueueSnapshot>,
    pipeline_settings: Pipeline,
    /// When it last ran.
    window: Option<Window>,
    /// The numbers of instances that it found then, if they differ from the ones before.
    changed_instances: Option<InstanceCounts>,
    instances: Option<InstanceCounts>,
    /// The estimates that readers got, by the documents' keys.
    pub(crate) readings: BTreeMap<String, Vec<Reading>>,
}

/// Cold starts, as the controller sees them: from its request to the middle between its last run that found the endpoint
/// updating and its first that found it in service.
#[derive(Default)]
struct Starts {
    since: Option<u64>,
    last_updating_at: u64,
    count: u32,
    total: Duration,
}

impl Starts {
    fn observe(&mut self, now: u64, updating: bool) {
        let Some(since) = self.since else {
            return;
        };
        if updating {
            self.last_updating_at = now;
            return;
        }
        let end = u64::midpoint(self.last_updating_at.max(since), now);
        self.since = None;
        self.count += 1;
        self.total += Duration::from_millis(end - since);
    }
}

impl CapacityController {
    pub(crate) fn new(pipeline: &Pipeline, objective: Objective, concurrent_runs: u32) -> Self {
        Self {
            pipeline: pipeline.name.clone(),
            objective,
            typical_run: Duration::from_secs(pipeline.typical_run_seconds.into()),
            concurrent_runs,
            slo: Duration::from_secs(pipeline.slo_seconds.into()),
            next_at: 0,
            starts: Starts::default(),
            snapshot: None,
            inferred: None,
            pipeline_settings: pipeline.clone(),
            window: None,
            changed_instances: None,
            instances: None,
            readings: BTreeMap::new(),
        }
    }

    /// The reconciler counts the open jobs.
    pub(crate) fn reconciler_counts(&mut self, now: u64, wall: Timestamp, table: &JobTable) {
        self.read_estimates(now, wall, table, ReadAt::Reconciler);
        let rows = table.rows().filter(|row| row.job.pipeline == self.pipeline);
        let open = rows.filter(|row| row.job.state.status_group() == StatusGroup::Open);
        let created_at: Vec<Timestamp> = open.map(|row| row.job.created_at).collect();
        if created_at.is_empty() {
            // The reconciler stores nothing then.
            return;
        }
        let earlier = self.inferred.take();
        let earlier = earlier.filter(|earlier| wall.since(earlier.at) <= MAX_SNAPSHOT_AGE);
        let settings = &self.pipeline_settings;
        let inferred = QueueSnapshot::inferred(wall, settings, created_at, earlier.as_ref());
        self.inferred = Some(inferred);
        self.read_estimates(now, wall, table, ReadAt::Inferred);
    }

    /// Reads the estimates of all open jobs, as a reader at this moment gets them. They are from the last snapshot.
    fn read_estimates(&mut self, now: u64, wall: Timestamp, table: &JobTable, moment: ReadAt) {
        let snapshot = match moment {
            ReadAt::Inferred => self.inferred.as_ref(),
            ReadAt::OldSnapshot | ReadAt::NewSnapshot | ReadAt::Reconciler => {
                self.snapshot.as_ref()
            }
        };
        let epoch = wall.0 - now;
        for row in table.rows().filter(|row| row.job.pipeline == self.pipeline) {
            let Some(queued) = Queued::of(&row.job) else {
                continue;
            };
            let position = snapshot.map_or(0, |snapshot| snapshot.position(queued.since));
            let found = estimate(&row.job, snapshot, wall).ok();
            let mean_run = snapshot.map_or(0, |snapshot| snapshot.run.ms);
            self.readings
                .entry(row.job.input.key.clone())
                .or_default()
                .push(Reading {
                    at: now,
                    moment,
                    attempt: row.job.state.attempt().0,
                    range: found.map(|found| {
                        [found.earliest, found.about, found.latest].map(|time| time.0 - epoch)
                    }),
                    is_at_risk: is_at_risk(row.job.submitted_at(), self.slo, found.as_ref(), wall),
                    by_position: now + (u64::from(position) + 1) * mean_run,
                });
        }
    }

    /// Whether a run is due now.
    pub(crate) const fn is_due(&self, now: u64) -> bool {
        self.next_at == now
    }

    /// Decides the number of instances, and when to run again: the number, and the delay.
    pub(crate) fn check<R: Clone>(
        &mut self,
        now: u64,
        wall: Timestamp,
        table: &JobTable,
        ledger: &Ledger,
        endpoint: &Endpoint<R>,
    ) -> (u32, u64) {
        self.read_estimates(now, wall, table, ReadAt::OldSnapshot);
        let input = self.input(now, wall, table, ledger, endpoint);
        let decision = decide(&input);
        let counts = InstanceCounts {
            in_service: input.instances.in_service,
            starting: input.instances.starting,
            concurrent_runs: self.concurrent_runs,
        };
        self.changed_instances = Some(counts).filter(|_| self.instances != Some(counts));
        self.instances = Some(counts);
        self.window = Some(Window::new(
            input.instances.count().max(decision.instances),
            input.instances.in_service,
            self.concurrent_runs,
            expected_run(&input).0,
            Duration::from_secs(self.pipeline_settings.invocation_timeout_seconds.into()),
        ));
        if decision.instances > input.instances.count() {
            self.starts.since = Some(now);
        }
        self.take_snapshot(now, wall, table, &input, decision.instances);
        self.read_estimates(now, wall, table, ReadAt::NewSnapshot);
        let again = decision.check_again_in.unwrap_or(EVALUATION_INTERVAL);
        let again = again.min(EVALUATION_INTERVAL).as_millis();
        let delay = u64::try_from(again).unwrap_or(u64::MAX).max(SECOND);
        self.next_at = now + delay;
        (decision.instances, delay)
    }

    /// The pipeline and its window when it last ran; `None` if the pipeline has no window.
    pub(crate) fn window(&self) -> Option<(String, Window)> {
        let window = self
            .window
            .filter(|_| has_window(&self.pipeline_settings))?;
        Some((self.pipeline.clone(), window))
    }

    /// The numbers of instances that it found when it last ran, if they had changed.
    pub(crate) const fn changed_instances(&self) -> Option<InstanceCounts> {
        self.changed_instances
    }

    /// Runs next at this time.
    pub(crate) const fn run_next_at(&mut self, at: u64) {
        self.next_at = at;
    }

    /// Describes the queue, with the instances that were just asked for.
    fn take_snapshot(
        &mut self,
        now: u64,
        wall: Timestamp,
        table: &JobTable,
        input: &CapacityInput,
        asked: u32,
    ) {
        let mut input = *input;
        if !input.instances.updating && asked > input.instances.count() {
            input.instances.starting = asked - input.instances.in_service;
            input.instances.updating = true;
        }
        let rows = table.rows().filter(|row| row.job.pipeline == self.pipeline);
        let waits_since = |row: &TableRow| {
            let sent = Queued::of(&row.job).map(|queued| queued.since);
            sent.or_else(|| row.job.queued_at())
        };
        let sent_at = rows.filter_map(waits_since);
        let since = self
            .starts
            .since
            .map(|since| Timestamp(wall.0 - (now - since)));
        let snapshot = QueueSnapshot::of_capacity(wall, &input, sent_at.collect(), since);
        self.snapshot = Some(snapshot.after(self.snapshot.as_ref()));
    }

    fn input<R: Clone>(
        &mut self,
        now: u64,
        wall: Timestamp,
        table: &JobTable,
        ledger: &Ledger,
        endpoint: &Endpoint<R>,
    ) -> CapacityInput {
        let rows: Vec<&TableRow> = table
            .rows()
            .filter(|row| row.job.pipeline == self.pipeline)
            .collect();
        let open = |row: &&&TableRow| row.job.state.status_group() == StatusGroup::Open;
        let mut work = OpenWork::default();
        for row in rows.iter().filter(open) {
            work.alive += 1;
            work.oldest_age = work.oldest_age.max(wall.since(row.job.created_at));
        }
        let newest = rows.iter().map(|row| row.job.created_at).max();
        let ended = rows
            .iter()
            .filter(|row| row.job.state.status_group() != StatusGroup::Open);
        let last_end = ended.map(|row| row.job.updated_at).max();
        let in_service = endpoint
            .instances()
            .filter(|it| it.status == InstanceStatus::InService);
        let in_service = u32::try_from(in_service.count()).unwrap_or(u32::MAX);
        let all = u32::try_from(endpoint.instances().count()).unwrap_or(u32::MAX);
        let updating = endpoint.is_updating();
        self.starts.observe(now, updating);
        let (min, max) = endpoint.instance_limits();
        let runs = runs(&rows, ledger);
        CapacityInput {
            open: work,
            instances: Instances {
                in_service,
                starting: all - in_service,
                concurrent_runs: self.concurrent_runs,
                updating,
            },
            #[expect(clippy::expect_used, reason = "a simulation fails by panicking")]
            limits: InstanceLimits::new(min, max, 0).expect(LIMITS),
            objective: self.objective,
            runs,
            cold_starts: Measured {
                count: self.starts.count,
                mean: self.starts.total / self.starts.count.max(1),
            },
            typical_run: self.typical_run,
            since_last_upload: newest.map(|at| wall.since(at)),
            since_last_open: last_end.map(|at| wall.since(at)),
        }
    }
}

/// The runs that have ended.
fn runs(rows: &[&TableRow], ledger: &Ledger) -> Measured {
    let runs = rows
        .iter()
        .filter(|row| matches!(row.job.state, State::Ready { .. }))
        .flat_map(|row| ledger.all_requests(row.job.id))
        .filter_map(|request| request.run.get());
    let (mut count, mut total) = (0_u32, 0_u64);
    for (from, until) in runs {
        count += 1;
        total += until - from;
    }
    Measured {
        count,
        mean: Duration::from_millis(total / u64::from(count.max(1))),
    }
}
