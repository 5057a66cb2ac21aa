//! Lambda: runs functions. Each has a deadline and a clock of its own, and may crash at any call.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use functions::bootstrap::App;
use functions::handlers::sqs_message::SqsMessageExt;
use jobs::ports::Queue;

use crate::bucket::BUCKET;
use crate::call::CallStep;
use crate::environment::SimulationEnvironment;
use crate::event::FunctionEvent;
use crate::fault::FaultKind;
use crate::function::{RunningFunction, Task};
use crate::handlers::{HandlerOutcome, RunningHandler, begin};
use crate::ids::FunctionId;
use crate::page::PageStep;
use crate::ports::Ports;
use crate::settings::FunctionSettings;
use crate::simulation::Simulation;
use crate::time::SECOND;
use crate::timeline::After;

/// `Timeout` of the functions that have no queue, in `infra/service.yaml`.
const PAGE_TIMEOUT: u64 = 10 * SECOND;
const SUPPORT_TIMEOUT: u64 = 10 * SECOND;
const CAPACITY_TIMEOUT: u64 = 80 * SECOND;
const RECONCILER_TIMEOUT: u64 = 60 * SECOND;
/// The maximum deviation of a function's clock from the wall clock, in milliseconds.
const MAX_SKEW: i64 = 1500;

pub(crate) struct Lambda {
    simulation: Rc<RefCell<Simulation>>,
    app: Rc<App<Ports, FunctionSettings>>,
    running: BTreeMap<FunctionId, RunningHandler>,
}

impl Lambda {
    pub(crate) fn new(simulation: Rc<RefCell<Simulation>>) -> Self {
        let pipelines = simulation.borrow().pipelines.clone();
        let environment = FunctionSettings {
            service_name: "docket".to_owned(),
            bucket: BUCKET.to_owned(),
            page_origin: "*".to_owned(),
            webhook_receivers: "loopback".to_owned(),
            email_sender: "docket@example.com".to_owned(),
            http_api_url: "https://api.example.com".to_owned(),
            pipelines,
        };
        let app = App {
            ports: Ports {
                simulation: Rc::clone(&simulation),
            },
            environment: Arc::new(environment),
        };
        Self {
            simulation,
            app: Rc::new(app),
            running: BTreeMap::new(),
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    pub(crate) fn handle(&mut self, event: FunctionEvent) {
        match event {
            FunctionEvent::Start(task) => self.start(task),
            FunctionEvent::Call(id) => self.advance_call(id),
            FunctionEvent::Deadline(id) => {
                let alive = self.simulation.borrow().functions.is_alive(id);
                if alive {
                    self.end(id, "is ended by Lambda");
                }
            }
        }
    }

    fn start(&mut self, task: Task) {
        let mut simulation = self.simulation.borrow_mut();
        let id = FunctionId(simulation.env.fresh_id());
        let released = simulation.released;
        let function = describe(&mut simulation.env, &task, released);
        simulation.env.log(|| {
            let messages = function.messages.join(" ");
            format!("f{:<9} {} starts {messages}", id.0, function.name)
        });
        let limit = function.ends_at - function.began_at;
        simulation.functions.insert(id, function);
        simulation.plan_function(After::new(limit, FunctionEvent::Deadline(id)));
        let deadline = simulation.env.wall().0 + limit;
        drop(simulation);
        let handler = begin(Rc::clone(&self.app), task, deadline);
        self.running.insert(id, handler);
        self.poll(id);
    }

    fn advance_call(&mut self, call: u64) {
        let step = {
            let Simulation {
                calls, functions, ..
            } = &mut *self.simulation.borrow_mut();
            calls.advance(functions, call)
        };
        match step {
            CallStep::Nothing => {}
            CallStep::Poll(id) => self.poll(id),
            CallStep::Crash(id) => self.end(id, "dies"),
            CallStep::Remove(id) => self.remove(id),
        }
    }

    fn poll(&mut self, id: FunctionId) {
        let Some(handler) = self.running.get_mut(&id) else {
            return;
        };
        self.simulation.borrow_mut().functions.current = id;
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(outcome) = handler.as_mut().poll(&mut context) else {
            return;
        };
        self.running.remove(&id);
        let mut simulation = self.simulation.borrow_mut();
        simulation.calls.forget(id);
        if let Some(function) = simulation.functions.remove(id) {
            finish(&mut simulation, id, function, outcome);
        }
    }

    /// A function crashes, or is ended by Lambda.
    fn end(&mut self, id: FunctionId, how: &str) {
        let mut simulation = self.simulation.borrow_mut();
        let Simulation {
            env,
            calls,
            functions,
            pages,
            ..
        } = &mut *simulation;
        env.log(|| format!("f{:<9} {how}", id.0));
        let outliving = calls.orphan(env, id);
        let lingers = !outliving.is_empty();
        let Some(function) = functions.get_mut(id) else {
            return;
        };
        function.dead = true;
        let messages = std::mem::take(&mut function.messages);
        let queue = function.queue;
        let page = function.page;
        let api = function.api.take();
        let page = page.map_or_else(Vec::new, |(page, step)| pages.step_failed(page, step));
        for call in outliving {
            simulation.plan_function(call.map(FunctionEvent::Call));
        }
        if let Some(queue) = queue {
            simulation.batch_ended(queue, id, &messages, None);
        }
        simulation.plan(page);
        if let Some(request) = api {
            simulation.api_failed(request);
        }
        drop(simulation);
        if !lingers {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: FunctionId) {
        self.running.remove(&id);
        let mut simulation = self.simulation.borrow_mut();
        simulation.calls.forget(id);
        simulation.functions.remove(id);
    }
}

fn describe(env: &mut SimulationEnvironment, task: &Task, released: bool) -> RunningFunction {
    let skew = if env.strikes(FaultKind::ClockSkew) {
        i64::try_from(env.between(0, 2 * MAX_SKEW.unsigned_abs())).unwrap_or(0) - MAX_SKEW
    } else {
        0
    };
    let newer = released || env.rng.up_to(1) == 0;
    let function = |name, limit| RunningFunction {
        name,
        ends_at: env.now + limit,
        began_at: env.now,
        skew,
        newer,
        dead: false,
        messages: vec![],
        redelivered: false,
        queue: None,
        page: None,
        api: None,
    };
    match task {
        Task::Batch(batch) => {
            let name = match batch.queue {
                Queue::Uploads => "upload-trigger",
                Queue::InferenceSuccess => "inference-success",
                Queue::InferenceError => "inference-error",
                Queue::Checks => "retry",
                Queue::Events => "event-feed",
                Queue::Webhooks => "webhooks",
                Queue::Digests => "digests",
            };
            let messages = batch.records.iter();
            RunningFunction {
                messages: messages.clone().map(|it| it.id().to_owned()).collect(),
                redelivered: messages.clone().all(|it| it.receive_count() > 1),
                queue: Some(batch.queue),
                ..function(name, env.timing.function)
            }
        }
        Task::Authorize { page, .. } => RunningFunction {
            page: Some((*page, PageStep::Visit)),
            ..function("ws-authorizer", PAGE_TIMEOUT)
        },
        Task::Page { page, step, .. } => {
            let name = match step {
                PageStep::Visit | PageStep::Opened => "ws-connect",
                PageStep::Sync => "ws-default",
                PageStep::Leave => "ws-disconnect",
            };
            RunningFunction {
                page: Some((*page, *step)),
                ..function(name, PAGE_TIMEOUT)
            }
        }
        Task::Reconcile => function("reconciler", RECONCILER_TIMEOUT),
        Task::Capacity => function("capacity", CAPACITY_TIMEOUT),
        Task::Api(request) => RunningFunction {
            api: Some(request.clone()),
            ..function("support-api", SUPPORT_TIMEOUT)
        },
    }
}

fn finish(
    simulation: &mut Simulation,
    id: FunctionId,
    function: RunningFunction,
    outcome: HandlerOutcome,
) {
    let Simulation { env, pages, .. } = simulation;
    let messages = &function.messages;
    match (outcome, function.queue, function.page) {
        (HandlerOutcome::Batch(failures), Some(queue), _) => {
            simulation.batch_ended(queue, id, messages, Some(&failures));
        }
        (_, Some(queue), _) => simulation.batch_ended(queue, id, messages, None),
        (HandlerOutcome::Authorized(answer), _, Some((page, _))) => {
            let consequences = pages.authorized(page, &answer);
            simulation.plan(consequences);
        }
        (HandlerOutcome::Failed, _, Some((page, step))) => {
            let consequences = pages.step_failed(page, step);
            simulation.plan(consequences);
        }
        (HandlerOutcome::Done, _, Some((page, step))) => {
            let consequences = pages.step_done(env, page, step);
            simulation.plan(consequences);
        }
        (HandlerOutcome::CapacityEvaluated, ..) => {
            simulation.functions.insert(id, function);
            simulation.functions.current = id;
            simulation.capacity_evaluated();
            simulation.functions.remove(id);
        }
        (HandlerOutcome::Answered(answer), ..) => match (function.api, answer) {
            (Some(request), Some(answer)) => simulation.api_answered(request, answer),
            (Some(request), None) => simulation.api_failed(request),
            (None, _) => {}
        },
        (HandlerOutcome::Reconciled(Some(backlog)), ..) => simulation.report_open_jobs(&backlog),
        _ => {}
    }
}
