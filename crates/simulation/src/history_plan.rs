//! The external events of a history: uploads, support actions, junk messages, outages, pages, a deployment.

use std::rc::Rc;

use api::types::NewUpload;
use api::uploads::MAX_SINGLE_PUT_BYTES;
use jobs::id::Tenant;
use jobs::lane::Lane;
use jobs::pipeline::{Pipeline, Pipelines};
use jobs::window::has_window;

use crate::call::{CALLS, CAPACITY_CALLS, Outage};
use crate::environment::SimulationEnvironment;
use crate::fault::FaultKind;
use crate::page::SimulatedPage;
use crate::time::{HOUR, MINUTE, SECOND};
use crate::timeline::After;
use crate::user_action::UserAction;

pub(crate) const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

#[derive(Debug)]
pub(crate) enum PlannedEvent {
    Action(UserAction),
    /// An endpoint goes out of or back into service.
    InService {
        endpoint: usize,
        in_service: bool,
    },
    /// An endpoint loses or regains its capacity.
    Capacity {
        endpoint: usize,
        available: bool,
    },
    /// The model of an endpoint fails every run, or no longer.
    ModelDown {
        endpoint: usize,
        is_down: bool,
    },
    /// The newer release is live everywhere.
    Released,
    /// A page connects for the first time.
    Visit {
        page: usize,
    },
    /// The first run of the reconciler.
    Tick,
}

pub(crate) struct HistoryPlan {
    pub(crate) events: Vec<After<PlannedEvent>>,
    pub(crate) outages: Vec<Outage>,
    pub(crate) pages: Vec<SimulatedPage>,
    /// Two releases run at once until [`PlannedEvent::Released`].
    pub(crate) mixed_releases: bool,
}

impl HistoryPlan {
    /// Draws a history with this number of uploads.
    pub(crate) fn draw(
        env: &mut SimulationEnvironment,
        pipelines: &Pipelines,
        endpoints: usize,
        uploads: u32,
    ) -> Self {
        let mut plan = Self {
            events: Vec::new(),
            outages: Vec::new(),
            pages: Vec::new(),
            mixed_releases: false,
        };
        let window = env.pick(&[MINUTE, 30 * MINUTE, 6 * HOUR]);
        plan.plan_uploads(env, pipelines, uploads, window);
        plan.plan_support(env, uploads, window);
        plan.plan_rotations(env, window);
        plan.plan_redeliveries(env, window);
        plan.plan_junk(env, uploads, window);
        plan.plan_pauses(env, pipelines, window);
        if pipelines.iter().any(has_window) {
            plan.plan_noisy_neighbor(env, pipelines, uploads, window);
        }
        plan.plan_endpoints(env, endpoints, window);
        plan.plan_outages(env, window);
        if env.strikes(FaultKind::ReleaseMixed) {
            plan.mixed_releases = true;
            let until = env.between(MINUTE, HOUR);
            plan.add(until, PlannedEvent::Released);
        }
        for (page, tenant) in TENANTS.into_iter().enumerate() {
            let visits = u32::try_from(env.rng.up_to(2)).unwrap_or(0);
            plan.pages
                .push(SimulatedPage::new(tenant.to_owned(), visits));
            let at = env.between(0, window);
            plan.add(at, PlannedEvent::Visit { page });
        }
        plan.add(env.timing.function, PlannedEvent::Tick);
        plan
    }

    fn add(&mut self, at: u64, event: PlannedEvent) {
        self.events.push(After::new(at, event));
    }

    fn plan_uploads(
        &mut self,
        env: &mut SimulationEnvironment,
        pipelines: &Pipelines,
        uploads: u32,
        window: u64,
    ) {
        let all: Vec<&Pipeline> = pipelines.iter().collect();
        for number in 0..uploads {
            let pipeline = env.pick(&all);
            let at = env.between(0, window);
            if env.rng.up_to(3) == 0 {
                self.plan_upload_session(env, pipeline, number, at);
            } else {
                self.plan_upload(env, &pipeline.prefix, number, at);
            }
        }
    }

    /// An upload through the API, one in two of large files in parts.
    fn plan_upload_session(
        &mut self,
        env: &mut SimulationEnvironment,
        pipeline: &Pipeline,
        number: u32,
        at: u64,
    ) {
        let is_large = pipeline.max_bytes > MAX_SINGLE_PUT_BYTES && env.rng.up_to(1) == 0;
        let smallest = if is_large {
            MAX_SINGLE_PUT_BYTES + 1
        } else {
            1000
        };
        let new = NewUpload {
            pipeline: pipeline.name.clone(),
            tenant: Some(env.pick(&TENANTS).to_owned()),
            name: format!("lease no. {number}.pdf"),
            bytes: env.between(smallest, smallest + 50_000),
            content_type: "application/pdf".to_owned(),
            lane: number.is_multiple_of(3).then_some(Lane::Bulk),
            ..NewUpload::default()
        };
        let poisoned = env.strikes(FaultKind::InputPoisoned);
        let new = Rc::new(new);
        self.add(
            at,
            PlannedEvent::Action(UserAction::StartUpload { new, poisoned }),
        );
    }

    fn plan_upload(&mut self, env: &mut SimulationEnvironment, prefix: &str, number: u32, at: u64) {
        let tenant = env.pick(&TENANTS);
        let name = match env.rng.up_to(9) {
            0 => format!("Müller & Söhne {number}.pdf"),
            1 => format!("a+b {number}.pdf"),
            _ => format!("{number}.pdf"),
        };
        let key = format!("{prefix}{tenant}/{name}");
        let poisoned = env.strikes(FaultKind::InputPoisoned);
        let upload = |poisoned| {
            PlannedEvent::Action(UserAction::Upload {
                key: key.clone(),
                poisoned,
            })
        };
        self.add(at, upload(poisoned));
        let max_pause = env.pick(&[10 * SECOND, 10 * MINUTE, 8 * HOUR]);
        let mut last = at;
        let again = |restore| {
            PlannedEvent::Action(UserAction::UploadAgain {
                key: key.clone(),
                restore,
            })
        };
        while env.strikes(FaultKind::InputPutAgain) {
            last += env.between(1, max_pause);
            self.add(last, again(false));
        }
        while env.strikes(FaultKind::InputOverwritten) {
            last += env.between(1, max_pause);
            self.add(last, upload(false));
            if env.strikes(FaultKind::InputRestored) {
                last += env.between(1, max_pause);
                self.add(last, again(true));
            }
        }
        if env.strikes(FaultKind::InputArchived) {
            let key = key.clone();
            let at = last + env.between(1, max_pause);
            self.add(at, PlannedEvent::Action(UserAction::Archive { key }));
        }
        if env.strikes(FaultKind::InputDeleted) {
            last += env.between(1, max_pause);
            self.add(last, PlannedEvent::Action(UserAction::Delete { key }));
        }
    }

    fn plan_support(&mut self, env: &mut SimulationEnvironment, uploads: u32, window: u64) {
        for _ in 0..uploads.div_ceil(8) {
            if env.rng.up_to(2) == 0 {
                let at = env.between(0, window + 2 * HOUR);
                let cancel = env.rng.up_to(2) == 0;
                self.add(at, PlannedEvent::Action(UserAction::Support { cancel }));
            }
            if env.rng.up_to(1) == 0 {
                let at = env.between(0, window + 2 * HOUR);
                self.add(at, PlannedEvent::Action(UserAction::DeleteData));
            }
            if env.rng.up_to(2) == 0 {
                let at = env.between(0, window + 2 * HOUR);
                let tenant = (env.rng.up_to(1) == 0).then(|| env.pick(&TENANTS).to_owned());
                self.add(at, PlannedEvent::Action(UserAction::PlanRetries { tenant }));
            }
            while env.strikes(FaultKind::ReadyRunAgain) {
                let at = env.between(0, window + 2 * HOUR);
                self.add(at, PlannedEvent::Action(UserAction::RunAgain));
            }
        }
    }

    fn plan_rotations(&mut self, env: &mut SimulationEnvironment, window: u64) {
        for tenant in TENANTS {
            let Ok(tenant) = tenant.parse::<Tenant>() else {
                continue;
            };
            while env.strikes(FaultKind::SecretRotated) {
                let at = env.between(0, window + 2 * HOUR);
                let tenant = tenant.clone();
                self.add(
                    at,
                    PlannedEvent::Action(UserAction::RotateSecret { tenant }),
                );
            }
        }
    }

    /// At most two of each tenant: some from a time long before, some from one so late that events before it may not be sent yet.
    fn plan_redeliveries(&mut self, env: &mut SimulationEnvironment, window: u64) {
        for tenant in TENANTS {
            let Ok(tenant) = tenant.parse::<Tenant>() else {
                continue;
            };
            for _ in 0..env.rng.up_to(2) {
                let at = env.between(0, window + 2 * HOUR);
                let longest = env.pick(&[SECOND, MINUTE, window + 2 * HOUR]);
                let ago = env.between(0, longest);
                let tenant = tenant.clone();
                let redeliver = UserAction::Redeliver { tenant, ago };
                self.add(at, PlannedEvent::Action(redeliver));
            }
        }
    }

    /// Two histories in three have pauses, most of them with uploads in their time.
    fn plan_pauses(&mut self, env: &mut SimulationEnvironment, pipelines: &Pipelines, window: u64) {
        let names: Vec<String> = pipelines.iter().map(|it| it.name.clone()).collect();
        for _ in 0..env.rng.up_to(2) {
            let scope = env.rng.up_to(2);
            let pipeline = (scope != 0).then(|| env.pick(&names));
            let tenant = (scope != 1).then(|| env.pick(&TENANTS).to_owned());
            let at = env.between(0, window);
            let lasts = env.between(MINUTE, window.max(30 * MINUTE));
            let is_resumed = env.rng.up_to(1) == 0;
            let resumed_after = is_resumed.then(|| env.between(SECOND, lasts));
            let pause = UserAction::Pause {
                pipeline,
                tenant,
                lasts,
                resumed_after,
            };
            self.add(at, PlannedEvent::Action(pause));
        }
    }

    /// The noisy neighbor, in one history of two: a tenant uploads many documents at once, and another one few after that.
    fn plan_noisy_neighbor(
        &mut self,
        env: &mut SimulationEnvironment,
        pipelines: &Pipelines,
        uploads: u32,
        window: u64,
    ) {
        if env.rng.up_to(1) == 0 {
            return;
        }
        let all: Vec<&Pipeline> = pipelines.iter().collect();
        let prefix = env.pick(&all).prefix.clone();
        let at = env.between(0, window);
        let [neighbor, other, _] = TENANTS;
        let key = |tenant: &str, number: u32| format!("{prefix}{tenant}/hog {number}.pdf");
        for number in 0..uploads {
            let after = env.between(0, 20 * SECOND);
            let (key, poisoned) = (key(neighbor, number), false);
            let upload = UserAction::Upload { key, poisoned };
            self.add(at + after, PlannedEvent::Action(upload));
        }
        // Also of documents that are much larger.
        let bytes = env.pick(&[20_000, 20_000_000]);
        for number in uploads..uploads + 2 {
            let after = env.between(40 * SECOND, 90 * SECOND);
            let key = key(other, number);
            let upload = UserAction::UploadPdf { key, bytes };
            self.add(at + after, PlannedEvent::Action(upload));
        }
        // Support does so while they wait.
        for _ in 0..env.rng.up_to(2) {
            let after = env.between(30 * SECOND, 10 * MINUTE);
            self.add(at + after, PlannedEvent::Action(UserAction::MakeUrgent));
        }
    }

    fn plan_junk(&mut self, env: &mut SimulationEnvironment, uploads: u32, window: u64) {
        for number in 0..u64::from(uploads) {
            if env.strikes(FaultKind::MessageGarbled) || env.strikes(FaultKind::NotificationStray) {
                let at = env.between(0, window);
                self.add(at, PlannedEvent::Action(UserAction::SendJunk { number }));
            }
        }
    }

    fn plan_endpoints(&mut self, env: &mut SimulationEnvironment, endpoints: usize, window: u64) {
        for endpoint in 0..endpoints {
            if env.strikes(FaultKind::EndpointDown) {
                // One outage in four may last longer than most jobs may take.
                let max = if env.rng.up_to(3) == 0 { 30 } else { 10 } * HOUR;
                let (from, lasts) = (env.between(0, window), env.between(MINUTE, max));
                let set = |in_service| PlannedEvent::InService {
                    endpoint,
                    in_service,
                };
                self.add(from, set(false));
                self.add(from + lasts, set(true));
            }
            if env.strikes(FaultKind::ModelDown) {
                let (from, lasts) = (env.between(0, window), env.between(MINUTE, 4 * HOUR));
                let set = |is_down| PlannedEvent::ModelDown { endpoint, is_down };
                self.add(from, set(true));
                self.add(from + lasts, set(false));
            }
            if env.strikes(FaultKind::CapacityGone) {
                let (from, lasts) = (env.between(0, window), env.between(HOUR, 12 * HOUR));
                let set = |available| PlannedEvent::Capacity {
                    endpoint,
                    available,
                };
                self.add(from, set(false));
                self.add(from + lasts, set(true));
            }
        }
    }

    fn plan_outages(&mut self, env: &mut SimulationEnvironment, window: u64) {
        for call in CALLS {
            if env.rng.up_to(2) == 0 && env.strikes(FaultKind::Outage) {
                let (from, lasts) = (env.between(0, window), env.between(MINUTE, 2 * HOUR));
                let until = from + lasts;
                self.outages.push(Outage { call, from, until });
            }
        }
    }
}

/// Outages of the calls of function `capacity`.
pub(crate) fn capacity_outages(env: &mut SimulationEnvironment) -> Vec<Outage> {
    let mut outages = Vec::new();
    for call in CAPACITY_CALLS {
        if env.strikes(FaultKind::Outage) {
            let (from, lasts) = (env.between(0, HOUR), env.between(MINUTE, HOUR));
            let until = from + lasts;
            outages.push(Outage { call, from, until });
        }
    }
    outages
}
