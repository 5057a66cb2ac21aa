//! Lambda: functions as futures, each with a deadline, a clock of its own, and a death at any call.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use api::types::Configuration;
use functions::bootstrap::App;
use functions::handlers::batch::{Message, SqsEvent};
use functions::handlers::{
    inference_error, inference_success, reconciler, retry, upload_trigger, ws, ws_authorizer,
    ws_connect, ws_default, ws_disconnect,
};
use jobs::apply::RunContext;
use jobs::backlog::Backlog;
use jobs::commands::{self, CancelResult, JobCommand, ResubmitResult};
use jobs::effects::{MessageIndex, PendingEffects, run_effects};
use jobs::id::{JobId, Timestamp};
use jobs::ports::{CheckQueue, Clock};
use lambda_runtime::LambdaEvent;
use serde_json::Value;

use crate::call::Then;
use crate::fault::Fault;
use crate::page::PageStep;
use crate::ports::Ports;
use crate::world::{BUCKET, Event, SECOND, World};
use jobs::ports::Queue;

/// Names one call of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FnId(pub(crate) u64);

/// What is known about a running function.
#[derive(Debug)]
pub(crate) struct Meta {
    pub(crate) name: &'static str,
    /// When Lambda ends it, in virtual time.
    pub(crate) ends_at: u64,
    /// When it began.
    pub(crate) began_at: u64,
    /// How much its clock is ahead, in milliseconds.
    pub(crate) skew: i64,
    /// It is of the newer release.
    pub(crate) newer: bool,
    /// It is dead; a call of it may still take effect.
    pub(crate) dead: bool,
    /// The ids of its messages.
    pub(crate) messages: Vec<String>,
    /// All its messages have been received before.
    pub(crate) redelivered: bool,
    queue: Option<Queue>,
    page: Option<(usize, PageStep)>,
}

/// What a function is to do.
#[derive(Debug)]
pub(crate) enum Task {
    /// Work off messages.
    Batch(Queue, Vec<Message>),
    /// Let a page in.
    Authorize { page: usize, ticket: String },
    /// Register, answer or forget a page.
    Page {
        page: usize,
        step: PageStep,
        event: ws::WebSocketEvent,
    },
    /// Repair.
    Reconcile,
    /// Do what support asks for.
    Support { job: JobId, cancel: bool },
}

/// How a function ended.
#[derive(Debug)]
enum Ended {
    /// These messages come back.
    Batch(Vec<String>),
    /// The authorizer's answer.
    Authorized(Value),
    /// It did what it was to do.
    Done,
    /// So did the reconciler, which may have counted the open jobs.
    Counted(Option<BTreeMap<String, Backlog>>),
    /// It says that it did not.
    Failed,
}

type Running = Pin<Box<dyn Future<Output = Ended>>>;

/// Runs functions.
pub(crate) struct Lambda {
    pub(crate) world: Rc<RefCell<World>>,
    app: Rc<App<Ports>>,
    running: BTreeMap<FnId, Running>,
}

impl Lambda {
    pub(crate) fn new(world: Rc<RefCell<World>>) -> Self {
        let pipelines = world.borrow().pipelines.clone();
        let app = App {
            ports: Ports {
                world: Rc::clone(&world),
            },
            service: "docket".to_owned(),
            pipelines: Some(pipelines),
            bucket: BUCKET.to_owned(),
            page_origin: "*".to_owned(),
            configuration: Configuration::default(),
        };
        Self {
            world,
            app: Rc::new(app),
            running: BTreeMap::new(),
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    pub(crate) fn start(&mut self, task: Task) {
        let mut world = self.world.borrow_mut();
        let id = FnId(world.fresh_id());
        let (name, limit, queue, page, messages, redelivered) = describe(&task, &world);
        let skew = if world.strikes(Fault::ClockSkew) {
            i64::try_from(world.between(0, 3000)).unwrap_or(0) - 1500
        } else {
            0
        };
        let newer = world.released || world.rng.up_to(1) == 0;
        let meta = Meta {
            name,
            ends_at: world.now + limit,
            began_at: world.now,
            skew,
            newer,
            dead: false,
            messages,
            redelivered,
            queue,
            page,
        };
        world.log(|| format!("f{:<9} {name} starts {}", id.0, meta.messages.join(" ")));
        world.functions.insert(id, meta);
        world.after(limit, Event::Deadline(id));
        let deadline = world.wall().0 + limit;
        drop(world);
        let future = begin(Rc::clone(&self.app), task, deadline);
        self.running.insert(id, future);
        self.poll(id);
    }

    /// A call of a function goes on.
    pub(crate) fn call_moves(&mut self, call: u64) {
        let then = self.world.borrow_mut().call_moves(call);
        match then {
            Then::Nothing => {}
            Then::Poll(id) => self.poll(id),
            Then::Kill(id) => self.kill(id, "dies"),
            Then::Bury(id) => self.bury(id),
        }
    }

    pub(crate) fn deadline(&mut self, id: FnId) {
        let alive = self
            .world
            .borrow()
            .functions
            .get(&id)
            .is_some_and(|meta| !meta.dead);
        if alive {
            self.kill(id, "is ended by Lambda");
        }
    }

    fn poll(&mut self, id: FnId) {
        let Some(future) = self.running.get_mut(&id) else {
            return;
        };
        self.world.borrow_mut().current = id;
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(ended) = future.as_mut().poll(&mut context) else {
            return;
        };
        self.running.remove(&id);
        let mut world = self.world.borrow_mut();
        world.forget_calls(id);
        if let Some(meta) = world.functions.remove(&id) {
            finish(&mut world, id, meta, ended);
        }
    }

    fn kill(&mut self, id: FnId, how: &str) {
        let mut world = self.world.borrow_mut();
        world.log(|| format!("f{:<9} {how}", id.0));
        let lingers = world.orphan_calls(id);
        let Some(meta) = world.functions.get_mut(&id) else {
            return;
        };
        meta.dead = true;
        let (queue, messages, page) = (meta.queue, std::mem::take(&mut meta.messages), meta.page);
        if let Some(queue) = queue {
            world.batch_ended(queue, id, &messages, None);
        }
        if let Some((page, step)) = page {
            world.page_step_failed(page, step);
        }
        drop(world);
        if !lingers {
            self.bury(id);
        }
    }

    fn bury(&mut self, id: FnId) {
        self.running.remove(&id);
        let mut world = self.world.borrow_mut();
        world.forget_calls(id);
        world.functions.remove(&id);
    }
}

type Description = (
    &'static str,
    u64,
    Option<Queue>,
    Option<(usize, PageStep)>,
    Vec<String>,
    bool,
);

fn describe(task: &Task, world: &World) -> Description {
    let pages = 10 * SECOND;
    match task {
        Task::Batch(queue, messages) => {
            let name = match queue {
                Queue::Uploads => "upload-trigger",
                Queue::InferenceSuccess => "inference-success",
                Queue::InferenceError => "inference-error",
                Queue::Checks => "retry",
            };
            let again = messages.iter().all(|message| message.receive_count() > 1);
            let ids = messages
                .iter()
                .map(|message| message.message_id.clone())
                .collect();
            (name, world.timing.function, Some(*queue), None, ids, again)
        }
        Task::Authorize { page, .. } => (
            "ws-authorizer",
            pages,
            None,
            Some((*page, PageStep::Visit)),
            vec![],
            false,
        ),
        Task::Page { page, step, .. } => {
            let name = match step {
                PageStep::Visit | PageStep::Opened => "ws-connect",
                PageStep::Sync => "ws-default",
                PageStep::Leave => "ws-disconnect",
            };
            (name, pages, None, Some((*page, *step)), vec![], false)
        }
        Task::Reconcile => ("reconciler", 60 * SECOND, None, None, vec![], false),
        Task::Support { .. } => ("support-api", 10 * SECOND, None, None, vec![], false),
    }
}

fn finish(world: &mut World, id: FnId, meta: Meta, ended: Ended) {
    match (ended, meta.queue, meta.page) {
        (Ended::Batch(failures), Some(queue), _) => {
            world.batch_ended(queue, id, &meta.messages, Some(&failures))
        }
        (_, Some(queue), _) => world.batch_ended(queue, id, &meta.messages, None),
        (Ended::Authorized(answer), _, Some((page, _))) => world.page_authorized(page, &answer),
        (Ended::Failed, _, Some((page, step))) => world.page_step_failed(page, step),
        (Ended::Done, _, Some((page, step))) => world.page_step_done(page, step),
        (Ended::Counted(Some(open)), ..) => world.open_jobs_counted(&open),
        _ => {}
    }
}

fn begin(app: Rc<App<Ports>>, task: Task, deadline: u64) -> Running {
    let mut context = lambda_runtime::Context::default();
    context.deadline = deadline;
    Box::pin(async move {
        let done = |ok: bool| if ok { Ended::Done } else { Ended::Failed };
        match task {
            Task::Batch(queue, records) => {
                let event = LambdaEvent::new(SqsEvent { records }, context);
                let answer = match queue {
                    Queue::Uploads => upload_trigger::handle(&app, event).await,
                    Queue::InferenceSuccess => inference_success::handle(&app, event).await,
                    Queue::InferenceError => inference_error::handle(&app, event).await,
                    Queue::Checks => retry::handle(&app, event).await,
                };
                answer.map_or(Ended::Failed, |answer| {
                    Ended::Batch(
                        answer
                            .batch_item_failures
                            .into_iter()
                            .map(|failure| failure.item_identifier)
                            .collect(),
                    )
                })
            }
            Task::Authorize { ticket, .. } => {
                let event = serde_json::json!({"methodArn": "arn:aws:execute-api:x", "queryStringParameters": {"ticket": ticket}});
                let Ok(event) = serde_json::from_value(event) else {
                    return Ended::Failed;
                };
                let answer = ws_authorizer::handle(&app, LambdaEvent::new(event, context)).await;
                answer.map_or(Ended::Failed, Ended::Authorized)
            }
            Task::Page { step, event, .. } => {
                let event = LambdaEvent::new(event, context);
                let answer = match step {
                    PageStep::Visit | PageStep::Opened => ws_connect::handle(&app, event).await,
                    PageStep::Sync => ws_default::handle(&app, event).await,
                    PageStep::Leave => ws_disconnect::handle(&app, event).await,
                };
                done(answer.is_ok())
            }
            Task::Reconcile => {
                let event = LambdaEvent::new(reconciler::Call::default(), context);
                let done = reconciler::handle(&app, event).await;
                done.map_or(Ended::Failed, |done| Ended::Counted(done.open))
            }
            Task::Support { job, cancel } => {
                done(support(&app, job, cancel, deadline).await.is_ok())
            }
        }
    })
}

/// A retry or a cancellation, and what it owes: no message stands behind it.
async fn support(
    app: &App<Ports>,
    job: JobId,
    cancel: bool,
    deadline: u64,
) -> Result<(), Box<dyn std::error::Error>> {
    let pipelines = app.pipelines.as_ref().ok_or("no pipelines")?;
    let run = RunContext {
        pipelines,
        lease_expires_at: Timestamp(deadline),
    };
    let order = JobCommand::new(job, None, "support", "a customer asked")?;
    let changed = if cancel {
        match commands::cancel(&app.ports, &run, &order).await? {
            CancelResult::Cancelled(job) => job,
            CancelResult::Refused(..) => return Ok(()),
        }
    } else {
        match commands::resubmit(&app.ports, &run, &order).await? {
            ResubmitResult::Scheduled(job) => job,
            ResubmitResult::ResultFound(check) => {
                let _ = app.ports.send(&[(check, 0)]).await;
                return Ok(());
            }
            ResubmitResult::Refused(..) => return Ok(()),
        }
    };
    let until = Timestamp(app.ports.now().0 + 3 * SECOND);
    let pending = PendingEffects {
        message: MessageIndex(0),
        job: changed,
    };
    let _ = run_effects(&app.ports, &[pending], until).await;
    Ok(())
}
