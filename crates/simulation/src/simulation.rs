//! The simulated cloud: the only module that knows all services. It passes events and their consequences between them,
//! and lets the checks observe.

mod expected_work;
mod instances;
mod pausing;
mod people;
mod webhooks;
mod window;

use std::collections::BTreeMap;

use async_endpoint::Settings;
use jobs::job::Job;
use jobs::open_jobs::OpenJobs;
use jobs::pipeline::{Pipelines, Scaling};
use jobs::ports::{Accepted, Invocation, Queue, SaveError};
use testkit::key_value_map::KeyValueMap;

use crate::breakers::BreakerLedger;
use crate::bucket::{SimulatedBucket, StoredObject};
use crate::call::Calls;
use crate::capacity::CapacityController;
use crate::checks;
use crate::checks::window::TurnLedger;
use crate::docket_scaling::DocketScaling;
use crate::endpoint::Endpoints;
use crate::environment::SimulationEnvironment;
use crate::event::{FunctionEvent, TimelineEvent};
use crate::event_bus::SimulatedEventBus;
use crate::execution_environments::ExecutionEnvironments;
use crate::fault::{FaultKind, FaultProfile};
use crate::function::{Functions, Task};
use crate::history_plan::{self, HistoryPlan};
use crate::ids::FunctionId;
use crate::ledger::Ledger;
use crate::mailboxes::Mailboxes;
use crate::message::{MessageKind, QueueMessage, send};
use crate::mistake::Mistake;
use crate::multipart::MultipartUploads;
use crate::page::{OpenPages, PostedFrame};
use crate::pauses::{HoldLedgers, PauseLedger};
use crate::people::People;
use crate::quarantine::QuarantineTable;
use crate::queue::{QueueEvent, Queues};
use crate::receiver::Receivers;
use crate::table::{JobTable, Write, Writer};
use crate::tamper;
use crate::time::{MINUTE, SECOND};
use crate::timeline::{After, Timeline};
use crate::user_action::{self, UserAction};

/// How often the schedule calls the reconciler.
const RECONCILER_PERIOD: u64 = 5 * MINUTE;

/// The index of the only endpoint of a workload.
const ENDPOINT: usize = 0;

pub(crate) struct Simulation {
    pub(crate) env: SimulationEnvironment,
    pub(crate) timeline: Timeline<TimelineEvent>,
    pub(crate) pipelines: Pipelines,
    pub(crate) bucket: SimulatedBucket,
    pub(crate) table: JobTable,
    pub(crate) queues: Queues,
    pub(crate) endpoints: Endpoints,
    pub(crate) event_bus: SimulatedEventBus,
    pub(crate) quarantine: QuarantineTable,
    /// The table of the reconciler's state.
    pub(crate) records: KeyValueMap,
    pub(crate) receivers: Receivers,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) pages: OpenPages,
    pub(crate) multipart: MultipartUploads,
    pub(crate) people: People,
    pub(crate) pauses: PauseLedger,
    pub(crate) turns: TurnLedger,
    pub(crate) breakers: BreakerLedger,
    pub(crate) functions: Functions,
    pub(crate) calls: Calls,
    pub(crate) ledger: Ledger,
    /// Sets the number of instances of the only endpoint of a workload.
    pub(crate) capacity: Option<CapacityController>,
    /// Of function `capacity`.
    pub(crate) docket: DocketScaling,
    pub(crate) execution_environments: ExecutionEnvironments,
    /// User actions that have not happened yet.
    actions_left: usize,
    /// Only one release runs.
    pub(crate) released: bool,
}

impl Simulation {
    pub(crate) fn new(env: SimulationEnvironment, pipelines: Pipelines) -> Self {
        Self {
            env,
            timeline: Timeline::default(),
            pipelines,
            bucket: SimulatedBucket::default(),
            table: JobTable::default(),
            queues: Queues::default(),
            endpoints: Endpoints::default(),
            event_bus: SimulatedEventBus::default(),
            quarantine: QuarantineTable::default(),
            records: KeyValueMap::default(),
            receivers: Receivers::default(),
            mailboxes: Mailboxes::default(),
            pages: OpenPages::default(),
            multipart: MultipartUploads::default(),
            people: People::default(),
            pauses: PauseLedger::default(),
            turns: TurnLedger::default(),
            breakers: BreakerLedger::default(),
            functions: Functions::default(),
            calls: Calls::default(),
            ledger: Ledger::default(),
            capacity: None,
            docket: DocketScaling::default(),
            execution_environments: ExecutionEnvironments::default(),
            actions_left: 0,
            released: true,
        }
    }

    /// Makes the endpoints of all pipelines and plans a history with this number of uploads.
    pub(crate) fn plan_history(&mut self, uploads: u32) {
        let Self {
            env,
            bucket,
            pipelines,
            endpoints,
            ..
        } = self;
        let events = endpoints.make(env, bucket, pipelines);
        self.event_bus.has_feed_rule = true;
        self.receivers
            .create(&mut self.records, &history_plan::TENANTS);
        self.mailboxes
            .create(&mut self.records, history_plan::TENANTS[0]);
        let plan = HistoryPlan::draw(env, pipelines, endpoints.len(), uploads);
        self.plan(events);
        self.calls.outages = plan.outages;
        self.pages.pages = plan.pages;
        self.released = !plan.mixed_releases;
        self.plan(plan.events);
        if self
            .pipelines
            .iter()
            .any(|it| it.scaling == Scaling::Docket)
        {
            self.plan_learned_work();
            let outages = history_plan::capacity_outages(&mut self.env);
            self.calls.outages.extend(outages);
            self.plan([After::new(SECOND, TimelineEvent::CapacityTick)]);
        }
    }

    /// Makes an endpoint with these settings.
    pub(crate) fn host_endpoint(&mut self, endpoint: String, pipeline: String, settings: Settings) {
        let Self {
            env,
            bucket,
            endpoints,
            ..
        } = self;
        let index = endpoints.host(env, endpoint, pipeline, settings, true);
        let events = endpoints.drive(env, bucket, index);
        self.plan(events);
    }

    /// Plans events, in their order.
    pub(crate) fn plan<E: Into<TimelineEvent>>(
        &mut self,
        events: impl IntoIterator<Item = After<E>>,
    ) {
        for After { delay, event } in events {
            let event = event.into();
            self.actions_left += usize::from(matches!(event, TimelineEvent::Action(_)));
            self.timeline.plan(self.env.now + delay, event);
        }
    }

    pub(crate) fn plan_function(&mut self, after: After<FunctionEvent>) {
        self.plan([after.map(TimelineEvent::Function)]);
    }

    /// The next event. Moves the time on to it.
    pub(crate) fn next(&mut self) -> Option<TimelineEvent> {
        let (at, event) = self.timeline.next()?;
        self.env.now = self.env.now.max(at);
        Some(event)
    }

    /// Handles an event that is not for the runtime of the functions.
    pub(crate) fn handle(&mut self, event: TimelineEvent) {
        match event {
            TimelineEvent::Function(_) => {}
            TimelineEvent::Queue(QueueEvent::Arrive(message)) => {
                let poll = self.queues.arrive(&mut self.env, message);
                self.plan(poll);
            }
            TimelineEvent::Queue(QueueEvent::Poll(queue)) => self.poll(queue),
            TimelineEvent::Endpoint(index, event) => {
                let Self {
                    env,
                    bucket,
                    endpoints,
                    ..
                } = self;
                let consequences = endpoints.handle(env, bucket, index, event);
                self.plan(consequences);
            }
            TimelineEvent::Page(page, step) => {
                let consequences = self.pages.step(&mut self.env, page, step);
                self.plan(consequences);
            }
            TimelineEvent::Action(action) => self.act(action),
            TimelineEvent::Tick => self.tick(),
            TimelineEvent::CapacityCheck => self.check_capacity(),
            TimelineEvent::CapacityTick => self.capacity_tick(),
            TimelineEvent::Released => self.released = true,
        }
    }

    /// Hands the visible messages of a queue to functions.
    fn poll(&mut self, queue: Queue) {
        let mut visible = self.queues.visible(&mut self.env, queue);
        while let Some(received) = self.queues.receive(&mut self.env, queue, &mut visible) {
            self.plan(received.polls);
            let records = self.tamper(queue, received.records);
            let batch = self.queues.hand_over(&mut self.env, queue, records);
            self.plan(batch);
        }
    }

    /// Applies planted mistakes to received messages.
    fn tamper(
        &mut self,
        queue: Queue,
        mut records: Vec<(u64, aws_lambda_events::sqs::SqsMessage)>,
    ) -> Vec<aws_lambda_events::sqs::SqsMessage> {
        if self.env.has(Mistake::EvidenceOfAnotherAttempt) && queue == Queue::InferenceError {
            for (_, record) in &mut records {
                tamper::name_newest_attempt(&self.table, record);
            }
        }
        if self.env.has(Mistake::PlanIgnoresVersion) && queue == Queue::Checks {
            for (_, record) in &mut records {
                tamper::expect_current_version(&self.table, record);
            }
        }
        if self.env.has(Mistake::LateSuccessDropped) && queue == Queue::InferenceSuccess {
            records.retain(|(id, _)| {
                let late = self
                    .queues
                    .kind(queue, *id)
                    .is_some_and(|kind| tamper::is_late_success(&self.table, kind));
                if late && let Some(kind) = self.queues.delete(queue, *id) {
                    let Self {
                        env, table, bucket, ..
                    } = self;
                    checks::messages::check_deleted(env, table, bucket, &kind);
                }
                !late
            });
        }
        records.into_iter().map(|(_, record)| record).collect()
    }

    fn act(&mut self, action: UserAction) {
        self.actions_left -= 1;
        match action {
            UserAction::Upload { key, poisoned } => {
                let object = user_action::uploaded_object(&mut self.env, poisoned);
                self.upload(&key, object);
            }
            UserAction::UploadPdf { key, bytes } => {
                self.upload(&key, user_action::uploaded_pdf(bytes, false))
            }
            UserAction::UploadAgain { key, restore } => {
                if let Some(object) = self.bucket.bytes_again(&key, restore) {
                    self.upload(&key, object);
                }
            }
            UserAction::Delete { key } => {
                self.env.log(|| format!("customer   deletes {key}"));
                self.bucket.put(self.env.now, &key, None);
            }
            UserAction::Archive { key } => {
                self.env.log(|| format!("customer   archives {key}"));
                self.bucket.archive(self.env.now, &key);
            }
            UserAction::Support { cancel } => self.command_a_job(cancel),
            UserAction::RunAgain => self.run_a_job_again(),
            UserAction::MakeUrgent => self.make_a_job_urgent(),
            UserAction::DeleteData => self.delete_data_of_a_job(),
            UserAction::PlanRetries { tenant } => self.plan_retries(tenant),
            UserAction::Pause {
                pipeline,
                tenant,
                lasts,
                resumed_after,
            } => self.pause(pipeline, tenant, lasts, resumed_after),
            UserAction::StartUpload { new, poisoned } => self.start_upload(new, poisoned),
            UserAction::SendFile { client, key } => self.send_file(client, &key),
            UserAction::Redeliver { tenant, ago } => self.redeliver(tenant, ago),
            UserAction::RotateSecret { tenant } => self.rotate_secret(tenant),
            UserAction::InstallSecret { tenant } => self.receivers.install_secret(&tenant),
            UserAction::Ask(request) => self.ask(request),
            UserAction::SendJunk { number } => {
                let (queue, body) = user_action::junk(&mut self.env, &self.table, number);
                self.env
                    .log(|| format!("junk       {body} is sent to {}", queue.name()));
                self.ledger.junk.insert(body.clone());
                self.plan([send(queue, 10, QueueMessage::new(body, MessageKind::Junk))]);
            }
        }
    }

    pub(crate) fn upload(&mut self, key: &str, object: StoredObject) {
        let events = self.bucket.upload(&mut self.env, key, object);
        self.plan(events);
    }

    fn tick(&mut self) {
        let two = self.env.strikes(FaultKind::TwoReconcilers);
        for _ in 0..1 + u8::from(two) {
            let delay = self.env.between(1, SECOND);
            self.plan([After::new(delay, Task::Reconcile)]);
        }
        self.plan([After::new(RECONCILER_PERIOD, TimelineEvent::Tick)]);
    }

    /// The capacity controller of a workload decides, and what it decides is carried out.
    fn check_capacity(&mut self) {
        let Self {
            env,
            bucket,
            table,
            ledger,
            endpoints,
            capacity,
            ..
        } = self;
        let Some(controller) = capacity else {
            return;
        };
        if !controller.is_due(env.now) {
            return;
        }
        let model = endpoints.model(ENDPOINT);
        let (instances, delay) = controller.check(env.now, env.wall(), table, ledger, model);
        let events = endpoints.update_instance_count(env, bucket, ENDPOINT, instances);
        let tended = controller.window();
        let changed = controller.changed_instances();
        self.plan(events);
        let mut delay = delay;
        if let Some((pipeline, window)) = tended {
            if let Some(counts) = changed {
                self.record_instances(&pipeline, counts);
            }
            if self.update_window(&pipeline, window) {
                delay = self.capacity_again_within(delay);
            }
        }
        self.plan([After::new(delay, TimelineEvent::CapacityCheck)]);
    }

    /// While jobs are queued, the controller runs every ten seconds, as function `capacity` does.
    fn capacity_again_within(&mut self, delay: u64) -> u64 {
        let now = self.env.now;
        let delay = delay.min(10 * SECOND);
        if let Some(controller) = &mut self.capacity {
            controller.run_next_at(now + delay);
        }
        delay
    }

    const fn writer(&self, newer: bool) -> Writer {
        Writer {
            function: self.functions.current,
            newer,
        }
    }

    /// The current function creates a row.
    pub(crate) fn create_row(&mut self, job: &Job) -> Result<(), SaveError> {
        let writer = self.writer(self.functions.current_is_newer());
        let write = self.table.create(&mut self.env, writer, job)?;
        self.observe_write(write);
        Ok(())
    }

    /// The current function saves a row.
    pub(crate) fn save_row(&mut self, job: &Job) -> Result<(), SaveError> {
        let writer = self.writer(self.functions.current_is_newer());
        let before = self.table.row(job.id).map(|row| &*row.job);
        let tampered = tamper::saved_job(&self.env, before, job);
        let job = tampered.as_ref().unwrap_or(job);
        let write = self.table.save(&mut self.env, writer, job)?;
        self.observe_write(write);
        Ok(())
    }

    fn observe_write(&mut self, write: Option<Write>) {
        if let Some(write) = write {
            checks::plans::check_write(&mut self.env, &write);
            checks::writes::check_audit(&mut self.env, &self.records, &write);
            checks::writes::check(&mut self.env, &self.bucket, &write);
            let holds = HoldLedgers {
                pauses: &self.pauses,
                breakers: &self.breakers,
            };
            checks::pauses::check(&mut self.env, holds, &self.functions, &write);
            checks::breakers::check(&mut self.env, &self.breakers, &self.functions, &write);
            self.turns.observe(self.env.now, &write);
            self.ledger.record_write(self.env.now, &write.job);
            self.docket.observe(self.env.now, &write);
        }
    }

    /// The current function calls `InvokeEndpointAsync`.
    pub(crate) fn invoke(&mut self, call: &Invocation) -> Result<Accepted, String> {
        let Self {
            env,
            bucket,
            table,
            endpoints,
            functions,
            ledger,
            ..
        } = self;
        let (index, request) = endpoints
            .invoke(env, functions.current, call)
            .inspect_err(|_| ledger.record_refusal(call.inference_id))?;
        checks::requests::check(env, table, ledger, functions, &request);
        checks::requests::check_input(env, bucket, &request);
        let messages = functions.current().map(|function| &function.messages[..]);
        ledger.record_request(request.clone(), messages.unwrap_or_default());
        let consequences = endpoints.drive(env, bucket, index);
        self.plan(consequences);
        Ok(Endpoints::accepted(&mut self.env, &request))
    }

    /// The current function posts a push message to a connection. `false`: there is no such connection.
    pub(crate) fn post_frame(&mut self, connection: &str, frame: &[u8]) -> bool {
        match self.pages.post(&mut self.env, connection, frame) {
            PostedFrame::Gone => false,
            PostedFrame::Lost => true,
            PostedFrame::Received(frame) => {
                let began_at = self.functions.current().map(|function| function.began_at);
                let Self {
                    env, table, pages, ..
                } = self;
                checks::pages::check_frame(env, table, pages, &frame, began_at);
                true
            }
        }
    }

    /// The current function deletes a connection.
    pub(crate) fn forget_connection(&mut self, subscription: &str, connection: &str) {
        let by_disconnect = self.functions.current_is("ws-disconnect");
        checks::pages::check_forgotten(&mut self.env, &self.pages, connection, by_disconnect);
        self.pages.forget(subscription, connection);
    }

    /// A function that had a batch has ended. `failures` are the messages that it reported; `None` if it crashed.
    pub(crate) fn batch_ended(
        &mut self,
        queue: Queue,
        function: FunctionId,
        batch: &[String],
        failures: Option<&[String]>,
    ) {
        let env = &mut self.env;
        let end = self
            .queues
            .batch_ended(env, queue, function, batch, failures);
        for kind in &end.deleted {
            checks::messages::check_deleted(env, &self.table, &self.bucket, kind);
        }
        self.plan(end.poll);
    }

    /// The reconciler counted the open jobs of each pipeline.
    pub(crate) fn report_open_jobs(&mut self, backlog: &BTreeMap<String, OpenJobs>) {
        let Self {
            env,
            bucket,
            table,
            endpoints,
            capacity,
            ..
        } = self;
        if let Some(controller) = capacity {
            controller.reconciler_counts(env.now, env.wall(), table);
        }
        let consequences = endpoints.report_open_jobs(env, bucket, backlog);
        self.plan(consequences);
    }

    /// Whether nothing is in progress except running functions.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.in_progress().next().is_none()
    }

    /// Names of the kinds of work that are in progress besides running functions.
    pub(crate) fn in_progress(&self) -> impl Iterator<Item = &'static str> {
        type Check = fn(&Simulation) -> bool;
        let checks: [(&str, Check); 7] = [
            ("actions of users", |it| it.actions_left > 0),
            ("a release", |it| !it.released),
            ("messages", |it| !it.queues.are_empty()),
            ("open jobs", |it| !it.table.has_no_open_jobs()),
            ("a release of a retry plan", Self::is_releasing),
            ("webhooks", |it| !it.receivers.have_all(&it.records)),
            ("digests", |it| !it.mailboxes.have_all(&it.records)),
        ];
        let is_in_progress = |(_, check): &(&str, Check)| check(self);
        checks
            .into_iter()
            .filter(is_in_progress)
            .map(|(what, _)| what)
    }

    /// No more faults. Support redrives the dead letters that are in quarantine.
    pub(crate) fn stop_faults(&mut self) {
        self.env.log(|| "no more faults".to_owned());
        self.env.faults = FaultProfile::NONE;
        let junk = &self.ledger.junk;
        let messages = self.quarantine.redrive_dead_letters(&mut self.env, junk);
        self.plan(messages);
    }

    /// All pages connect once more and stay, and support looks at all retry plans.
    pub(crate) fn last_visit(&mut self) {
        self.look_at_plans();
        let consequences = self.pages.last_visit();
        self.plan(consequences);
    }

    /// Checks the guarantees at rest: nothing is in progress, and no fault has happened for a while.
    pub(crate) fn check_at_rest(&mut self) {
        checks::deletions::check_at_rest(self);
        checks::plans::check_at_rest(self);
        checks::uploads::check_at_rest(self);
        let Self {
            env,
            table,
            ledger,
            people,
            ..
        } = self;
        checks::breakers::check_at_rest(env, table, &self.breakers);
        checks::at_rest::check_jobs(env, table, &self.event_bus);
        if self.event_bus.has_feed_rule {
            checks::feed::check_at_rest(env, &self.records, &self.event_bus);
            checks::feed::check_receivers(env, &self.event_bus, &self.receivers);
            checks::feed::check_mailboxes(env, table, &self.event_bus, &self.mailboxes);
        }
        checks::at_rest::check_inputs(env, table, &self.bucket, &self.pipelines, people);
        checks::messages::check_quarantine(env, &self.queues, &self.quarantine, ledger, people);
        checks::pages::check_at_rest(env, table, &self.pages);
        checks::usage::check_at_rest(env, &self.records, table);
    }
}
