//! Function `capacity` in a history: its schedule, what it reads and sets, mistakes that are planted there, and uploads
//! that arrive in the very moment in which it stops instances.
//!
//! Without it (`HistoryOptions::docket_scaling`) nothing here happens, and no random number is drawn.

use jobs::pipeline::Scaling;
use jobs::ports::{EndpointInstances, InstancesResponse, ScheduledCheck};
use jobs::state::State;

use super::Simulation;
use crate::checks;
use crate::docket_scaling::{MAX_EXTRA_UPLOADS, OpenJobsPage, PERIOD, QUIET};
use crate::event::TimelineEvent;
use crate::fault::FaultKind;
use crate::function::Task;
use crate::mistake::Mistake;
use crate::time::SECOND;
use crate::timeline::After;
use crate::user_action::UserAction;

impl Simulation {
    /// The schedule of the function.
    pub(crate) fn capacity_tick(&mut self) {
        if !self
            .pipelines
            .iter()
            .any(|it| it.scaling == Scaling::Docket)
        {
            return;
        }
        let has_instances = (0..self.endpoints.len())
            .any(|index| self.endpoints.model(index).desired_instances() > 0);
        let now = self.env.now;
        if has_instances || !self.table.has_no_open_jobs() {
            self.docket.active_until = now + QUIET;
        }
        if now < self.docket.active_until {
            let two = self.env.strikes(FaultKind::TwoReconcilers);
            for _ in 0..1 + u8::from(two) {
                let delay = self.env.between(1, SECOND);
                self.plan([After::new(delay, Task::Capacity)]);
            }
        }
        self.plan([After::new(PERIOD, TimelineEvent::CapacityTick)]);
    }

    /// The current function reads a page of the open jobs.
    pub(crate) fn open_jobs(
        &mut self,
        shard: u8,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> OpenJobsPage {
        if !self.functions.current_is("capacity") {
            let mut page = self.table.open_jobs(shard, after, limit);
            if self.env.has(Mistake::PlaceLeaked) && page.next.is_none() {
                page.items
                    .extend(self.table.ended_in(shard, self.env.wall()));
            }
            return page;
        }
        let known_at = self.env.now.saturating_sub(self.env.index_lag());
        let mut page = self.table.open_jobs_at(known_at, shard, after, limit);
        let Self {
            env,
            table,
            ledger,
            docket,
            ..
        } = self;
        if env.has(Mistake::OldReadingUsed) {
            return docket.old_page(env.now, (shard, after), page);
        }
        if env.has(Mistake::RetriesIgnored) {
            page.items.retain(|job| {
                let row = table.row(job.id);
                row.is_some_and(|row| !matches!(row.job.state, State::RetryScheduled { .. }))
            });
        }
        if env.has(Mistake::OnlyRunningJobsCounted) {
            page.items.retain(|job| {
                let mut runs = ledger.all_requests(job.id).map(|request| request.run.get());
                runs.any(|run| run.is_some_and(|(from, until)| (from..until).contains(&env.now)))
            });
        }
        page
    }

    /// The current function describes an endpoint.
    pub(crate) fn instances(&mut self, endpoint: &str) -> Option<EndpointInstances> {
        let index = self.endpoints.index_of(endpoint)?;
        let found = self.endpoints.describe(index);
        let idle = self.docket.open_since.is_empty() && found.desired > found.min;
        if idle && self.env.rng.up_to(5) == 0 {
            self.upload_now(index);
        }
        Some(found)
    }

    /// The current function asks for a number of instances.
    pub(crate) fn set_instances(&mut self, endpoint: &str, instances: u32) -> InstancesResponse {
        let Some(index) = self.endpoints.index_of(endpoint) else {
            return InstancesResponse::Refused("ValidationException: no such endpoint".to_owned());
        };
        let falls = instances < self.endpoints.model(index).desired_instances();
        let Self {
            env,
            bucket,
            endpoints,
            ..
        } = self;
        let (answer, consequences) = endpoints.set_instances(env, bucket, index, instances);
        if let Err(problem) = answer {
            return InstancesResponse::Refused(problem);
        }
        if falls {
            let began_at = self.functions.current().map_or(0, |it| it.began_at);
            let pipeline = self.endpoints.pipeline(index).to_owned();
            let Self {
                env,
                table,
                ledger,
                docket,
                ..
            } = self;
            checks::instances::check_fall(
                env,
                table,
                ledger,
                &docket.open_since,
                began_at,
                &pipeline,
                instances,
            );
            if self.env.rng.up_to(3) == 0 {
                self.upload_now(index);
            }
        }
        self.plan(consequences);
        InstancesResponse::Accepted
    }

    /// An upload in the moment in which instances stop.
    fn upload_now(&mut self, index: usize) {
        if self.docket.extra_uploads == MAX_EXTRA_UPLOADS {
            return;
        }
        self.docket.extra_uploads += 1;
        let pipeline = self.pipelines.get(self.endpoints.pipeline(index));
        let Some(prefix) = pipeline.map(|it| it.prefix.clone()) else {
            return;
        };
        let key = format!("{prefix}acme/release {}.pdf", self.docket.extra_uploads);
        let upload = UserAction::Upload {
            key,
            poisoned: false,
        };
        let delay = self.env.between(0, 2 * SECOND);
        self.plan([After::new(delay, TimelineEvent::Action(upload))]);
    }

    /// A run of the function has ended, with a complete evaluation.
    pub(crate) fn capacity_evaluated(&mut self) {
        for index in 0..self.endpoints.len() {
            if self.env.has(Mistake::StopsWhileOpen) && !self.docket.open_since.is_empty() {
                let desired = self.endpoints.model(index).desired_instances();
                let endpoint = self.endpoints.name(index).to_owned();
                if desired > 0 {
                    self.set_instances(&endpoint, desired - 1);
                }
            }
            let Self {
                env,
                table,
                endpoints,
                docket,
                ..
            } = self;
            checks::instances::check_answered(env, table, endpoints, docket, index);
            // An older release cannot read rows of the newer, and takes their jobs for alive.
            if self.released {
                let pipeline = self.pipelines.get(endpoints.pipeline(index));
                let timeout = pipeline.map_or(0, |it| it.invocation_timeout_seconds);
                let timeout = u64::from(timeout) * SECOND;
                checks::instances::check_lost(env, table, endpoints, docket, index, timeout);
            }
        }
    }
}
