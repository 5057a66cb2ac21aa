//! Carries out what the model of one endpoint asks for, and tells it what came of it.
//!
//! The model is behind a lock that is never held across an await. One task an endpoint advances
//! it; calls and reports only change it and wake that task. Everything that waits for the network
//! runs in a task of its own.

use super::aws::Aws;
use super::clock::Clock;
use super::config::EndpointConfig;
use super::container::{Container, Reply};
use super::location::Location;
use super::message::{self, MAX_INCLUDED, Told};
use super::observe::{Observation, What};
use super::spool::Spooled;
use super::wire::Source;
use crate::{Action, Endpoint, Failure, InstanceId, Notice, Outcome, RunId, Stopped};
use bytes::Bytes;
use std::collections::HashMap;
use std::future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, broadcast};
use tokio::task::{AbortHandle, JoinSet};

/// Real time between two pings of a container that is not ready yet.
const PING_EVERY: Duration = Duration::from_millis(250);

/// An accepted request with all that carrying it out takes.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) inference_id: String,
    pub(super) source: Source,
    pub(super) content_type: Option<String>,
    pub(super) accept: Option<String>,
    pub(super) custom_attributes: Option<String>,
    pub(super) output: Location,
    pub(super) failure: Option<Location>,
    /// Of the latest run.
    pub(super) reply: Mutex<Option<Arc<Reply>>>,
    /// Whether its end was observed already; several notifications can tell of it.
    pub(super) ended: AtomicBool,
}

/// One endpoint and everything it needs.
#[derive(Debug)]
pub(super) struct Hosted {
    pub(super) name: Arc<str>,
    pub(super) config: EndpointConfig,
    pub(super) output: Location,
    pub(super) failure: Option<Location>,
    pub(super) container: Container,
    pub(super) aws: Aws,
    pub(super) clock: Clock,
    pub(super) model: Mutex<Endpoint<Arc<Invocation>>>,
    pub(super) wake: Notify,
    pub(super) observers: broadcast::Sender<Observation>,
}

type Work = JoinSet<Option<RunId>>;

impl Hosted {
    /// The model, whoever panicked with it in hand: it is consistent between its own calls.
    pub(super) fn model(&self) -> MutexGuard<'_, Endpoint<Arc<Invocation>>> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs until it is aborted; the tasks it started end with it.
    pub(super) async fn drive(self: Arc<Self>) {
        let mut work = Work::new();
        let mut runs = HashMap::new();
        let mut actions = Vec::new();
        loop {
            let next = {
                let mut model = self.model();
                model.advance_into(self.clock.now(), &mut actions);
                model.next_wake()
            };
            for action in actions.drain(..) {
                self.perform(action, &mut work, &mut runs);
            }
            let timer = async {
                match next {
                    Some(at) => tokio::time::sleep_until(self.clock.instant(at)).await,
                    None => future::pending().await,
                }
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = timer => {}
                Some(ended) = work.join_next(), if !work.is_empty() => match ended {
                    Ok(run) => {
                        run.and_then(|run| runs.remove(&run));
                    }
                    Err(error) if error.is_cancelled() => {}
                    Err(error) => tracing::error!(%error, "endpoint task failed"),
                },
            }
        }
    }

    fn perform(
        self: &Arc<Self>,
        action: Action<Arc<Invocation>>,
        work: &mut Work,
        runs: &mut HashMap<RunId, AbortHandle>,
    ) {
        let this = Arc::clone(self);
        match action {
            Action::TestNotification => {
                work.spawn(async move { this.test_notification().await });
            }
            Action::StartInvocation {
                run,
                instance,
                request,
            } => {
                let what = What::Running {
                    instance: instance.0,
                    delivery: run.delivery,
                };
                self.observe(Some(&request), what);
                let handle = work.spawn(async move { this.run(run, &request).await });
                runs.insert(run, handle);
            }
            Action::Abandon { run, why } => {
                tracing::info!(?run, ?why, "run abandoned");
                if let Some(handle) = runs.remove(&run) {
                    handle.abort();
                }
            }
            Action::PutOutput { run, request } => {
                work.spawn(async move { this.put_output(run, &request).await });
            }
            Action::PutFailure {
                run,
                request,
                failure,
            } => {
                work.spawn(async move { this.put_failure(run, &request, failure).await });
            }
            Action::Publish(notice) => {
                self.observe_end(&notice.request, notice.outcome);
                work.spawn(async move { this.publish(notice).await });
            }
            Action::NotificationLost(notice) => {
                self.observe_end(&notice.request, notice.outcome);
                self.observe(Some(&notice.request), What::NotificationLost);
            }
            Action::Expired { request } => self.observe(Some(&request), What::Expired),
            Action::Redelivered { request } => self.observe(Some(&request), What::Redelivered),
            Action::InstanceStarting { instance, ready_at } => {
                let ready_in = self.clock.real(ready_at.since(self.clock.now()));
                self.observe(
                    None,
                    What::Waking {
                        instance: instance.0,
                        ready_in,
                    },
                );
            }
            Action::CheckHealth { instance } => {
                work.spawn(async move { this.ping_until_ready(instance).await });
            }
            Action::InstanceInService { instance } => {
                let instance = instance.0;
                self.observe(None, What::InstanceInService { instance });
            }
            Action::InstanceStopped { instance, why } => {
                let what = What::InstanceStopped {
                    instance: instance.0,
                    lost: why == Stopped::Lost,
                };
                self.observe(None, what);
            }
        }
    }

    async fn run(&self, run: RunId, request: &Invocation) -> Option<RunId> {
        let (outcome, reply) = self.container.run(&self.aws, request).await;
        *lock(&request.reply) = reply.map(Arc::new);
        self.report(|model, now| model.model_answered(now, run, outcome));
        Some(run)
    }

    async fn put_output(&self, run: RunId, request: &Invocation) -> Option<RunId> {
        let reply = lock(&request.reply).clone();
        let written = match &reply {
            Some(reply) => {
                let content_type = reply.content_type.as_deref();
                let content_type = content_type.unwrap_or("application/octet-stream");
                self.aws
                    .put(&request.output, content_type, &reply.body)
                    .await
            }
            None => false,
        };
        if self.report(|model, now| model.stored(now, run, written)) && written {
            self.observe_end(request, Outcome::Completed);
        }
        None
    }

    /// The container's own words if it had any, else the reason in ours. What AWS writes there
    /// for failures without an answer is not documented.
    async fn put_failure(
        &self,
        run: RunId,
        request: &Invocation,
        failure: Failure,
    ) -> Option<RunId> {
        let spoken = matches!(failure, Failure::ClientError(_) | Failure::ServerError(_));
        let reply = lock(&request.reply).clone().filter(|_| spoken);
        let written = match (&request.failure, &reply) {
            (None, _) => false,
            (Some(at), Some(reply)) => {
                let content_type = reply.content_type.as_deref().unwrap_or("text/plain");
                self.aws.put(at, content_type, &reply.body).await
            }
            (Some(at), None) => {
                let reason = Spooled::Memory(Bytes::from(failure.to_string()));
                self.aws.put(at, "text/plain", &reason).await
            }
        };
        if self.report(|model, now| model.stored(now, run, written)) {
            self.observe_end(request, Outcome::Failed(failure));
        }
        None
    }

    async fn publish(&self, notice: Notice<Arc<Invocation>>) -> Option<RunId> {
        let request = &*notice.request;
        let (topic, include) = match notice.outcome {
            Outcome::Completed => (&self.config.success_topic, self.config.response_in_success),
            Outcome::Failed(_) => (&self.config.error_topic, self.config.response_in_error),
        };
        let topic = topic.as_deref()?;
        let reply = lock(&request.reply).clone();
        let told = reply.as_deref().map_or_else(Told::default, |reply| Told {
            content_type: reply.content_type.as_deref(),
            body: reply
                .body
                .bytes()
                .filter(|_| include && reply.body.len() <= MAX_INCLUDED),
        });
        let times = (
            self.clock.wall(notice.received_at),
            self.clock.wall(notice.finished_at),
        );
        let message = message::result(
            &self.aws.region,
            &self.name,
            request,
            notice.outcome,
            times,
            &told,
        );
        let published = match message {
            Ok(message) => self.aws.publish(topic, &message).await,
            Err(error) => {
                tracing::error!(%error, "notification cannot be written as JSON");
                false
            }
        };
        let what = if published {
            What::Notified
        } else {
            What::NotificationFailed
        };
        self.observe(Some(request), what);
        None
    }

    async fn test_notification(&self) -> Option<RunId> {
        let topics = [&self.config.success_topic, &self.config.error_topic];
        for topic in topics.into_iter().flatten() {
            self.aws.publish(topic, message::TEST_NOTIFICATION).await;
        }
        None
    }

    async fn ping_until_ready(&self, instance: InstanceId) -> Option<RunId> {
        let there = |model: &Endpoint<_>| model.instances().any(|i| i.id == instance);
        while there(&self.model()) {
            if self.container.ping().await {
                self.report(|model, now| model.instance_ready(now, instance));
                return None;
            }
            tokio::time::sleep(PING_EVERY).await;
        }
        None
    }

    /// Tells the model something, and lets it act on it.
    pub(super) fn report<T>(
        &self,
        tell: impl FnOnce(&mut Endpoint<Arc<Invocation>>, crate::Millis) -> T,
    ) -> T {
        let told = tell(&mut self.model(), self.clock.now());
        self.wake.notify_one();
        told
    }

    fn observe_end(&self, request: &Invocation, outcome: Outcome) {
        if request.ended.swap(true, Ordering::Relaxed) {
            return;
        }
        let what = match outcome {
            Outcome::Completed => What::Completed {
                output: request.output.as_str().to_owned(),
            },
            Outcome::Failed(failure) => What::Failed {
                reason: failure.to_string(),
            },
        };
        self.observe(Some(request), what);
    }

    /// Nobody has to listen.
    pub(super) fn observe(&self, request: Option<&Invocation>, what: What) {
        let inference_id = request.map(|request| request.inference_id.clone());
        tracing::debug!(
            endpoint = &*self.name,
            inference.id = inference_id,
            custom_attributes = request.and_then(|request| request.custom_attributes.as_deref()),
            ?what,
            "endpoint"
        );
        self.observers
            .send(Observation {
                endpoint: Arc::clone(&self.name),
                inference_id,
                at: self.clock.now(),
                what,
            })
            .ok();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
