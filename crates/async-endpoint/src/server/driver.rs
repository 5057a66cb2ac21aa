//! The driver of one endpoint's model: carries out its actions and reports the results.
//!
//! The model is behind a lock that is never held across an await. One task per endpoint advances the
//! model; calls and reports change it and notify that task. All network I/O runs in separate tasks.

use super::aws::AwsClients;
use super::body_buffer::BufferedBody;
use super::clock::ModelClock;
use super::config::EndpointConfig;
use super::container::Container;
use super::events::{EndpointEvent, EndpointEventKind};
use super::location::S3Location;
use super::notification::{self, IncludedResponse, MAX_INCLUDED_BYTES, RequestTimes};
use super::request::AcceptedRequest;
use crate::{
    Endpoint, EndpointAction, InstanceId, InvocationFailure, InvocationStatus, ResultNotification,
    RunId, StopReason,
};
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::future;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, broadcast};
use tokio::task::{AbortHandle, JoinSet};

/// Real time between two pings of a container that is not ready yet.
const PING_INTERVAL: Duration = Duration::from_millis(250);

/// One endpoint with its model and its clients.
#[derive(Debug)]
pub(super) struct HostedEndpoint {
    pub(super) name: Arc<str>,
    pub(super) config: EndpointConfig,
    pub(super) output: S3Location,
    pub(super) failure: Option<S3Location>,
    pub(super) container: Container,
    pub(super) aws: AwsClients,
    pub(super) clock: ModelClock,
    pub(super) model: Mutex<Endpoint<Arc<AcceptedRequest>>>,
    pub(super) changed: Notify,
    pub(super) events: broadcast::Sender<EndpointEvent>,
}

/// The endpoints of a server, by name.
pub(super) type HostedEndpoints = BTreeMap<String, Arc<HostedEndpoint>>;

/// The running tasks. The task of an invocation returns its id.
type Tasks = JoinSet<Option<RunId>>;

impl HostedEndpoint {
    /// Locks the model. It stays consistent even if a task panicked while holding the lock.
    pub(super) fn model(&self) -> MutexGuard<'_, Endpoint<Arc<AcceptedRequest>>> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs until the task is aborted; the tasks that it started end with it.
    pub(super) async fn run(self: Arc<Self>) {
        let mut tasks = Tasks::new();
        let mut runs = HashMap::new();
        let mut actions = Vec::new();
        loop {
            let next = {
                let mut model = self.model();
                model.advance_into(self.clock.now(), &mut actions);
                model.next_event_at()
            };
            for action in actions.drain(..) {
                self.perform(action, &mut tasks, &mut runs);
            }
            let timer = async {
                match next {
                    Some(at) => tokio::time::sleep_until(self.clock.instant(at)).await,
                    None => future::pending().await,
                }
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = timer => {}
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => match ended {
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
        action: EndpointAction<Arc<AcceptedRequest>>,
        tasks: &mut Tasks,
        runs: &mut HashMap<RunId, AbortHandle>,
    ) {
        let this = Arc::clone(self);
        match action {
            EndpointAction::TestNotification => {
                tasks.spawn(async move { this.test_notification().await });
            }
            EndpointAction::StartInvocation {
                run,
                instance,
                request,
            } => {
                let kind = EndpointEventKind::InvocationStarted {
                    instance: instance.0,
                    delivery: run.delivery,
                };
                self.emit(Some(&request), kind);
                let handle = tasks.spawn(async move { this.invoke(run, &request).await });
                runs.insert(run, handle);
            }
            EndpointAction::Abandon { run, reason } => {
                tracing::info!(?run, ?reason, "invocation abandoned");
                if let Some(handle) = runs.remove(&run) {
                    handle.abort();
                }
            }
            EndpointAction::PutOutput { run, request } => {
                tasks.spawn(async move { this.put_output(run, &request).await });
            }
            EndpointAction::PutFailure {
                run,
                request,
                failure,
            } => {
                tasks.spawn(async move { this.put_failure(run, &request, failure).await });
            }
            EndpointAction::Publish(notification) => {
                self.emit_end(&notification.request, notification.status);
                tasks.spawn(async move { this.publish(notification).await });
            }
            EndpointAction::NotificationLost(notification) => {
                self.emit_end(&notification.request, notification.status);
                self.emit(
                    Some(&notification.request),
                    EndpointEventKind::NotificationLost,
                );
            }
            EndpointAction::Expired { request } => {
                self.emit(Some(&request), EndpointEventKind::Expired)
            }
            EndpointAction::Redelivered { request } => {
                self.emit(Some(&request), EndpointEventKind::Redelivered)
            }
            EndpointAction::InstanceStarting { instance, ready_at } => {
                let ready_in = self.clock.to_real(ready_at.since(self.clock.now()));
                self.emit(
                    None,
                    EndpointEventKind::InstanceStarting {
                        instance: instance.0,
                        ready_in,
                    },
                );
            }
            EndpointAction::CheckHealth { instance } => {
                tasks.spawn(async move { this.ping_until_ready(instance).await });
            }
            EndpointAction::InstanceInService { instance } => {
                let instance = instance.0;
                self.emit(None, EndpointEventKind::InstanceInService { instance });
            }
            EndpointAction::InstanceStopped { instance, reason } => {
                let kind = EndpointEventKind::InstanceStopped {
                    instance: instance.0,
                    lost: reason == StopReason::Lost,
                };
                self.emit(None, kind);
            }
        }
    }

    async fn invoke(&self, run: RunId, request: &AcceptedRequest) -> Option<RunId> {
        let (status, response) = self.container.invoke(&self.aws, request).await;
        *lock(&request.response) = response.map(Arc::new);
        self.report(|model, now| model.invocation_finished(now, run, status));
        Some(run)
    }

    async fn put_output(&self, run: RunId, request: &AcceptedRequest) -> Option<RunId> {
        let response = lock(&request.response).clone();
        let written = match &response {
            Some(response) => {
                let content_type = response.content_type.as_deref();
                let content_type = content_type.unwrap_or("application/octet-stream");
                self.aws
                    .put(&request.output, content_type, &response.body)
                    .await
            }
            None => false,
        };
        if self.report(|model, now| model.object_stored(now, run, written)) && written {
            self.emit_end(request, InvocationStatus::Completed);
        }
        None
    }

    /// Writes the container's error response, or the failure reason if there is none. What AWS writes
    /// without a response is not documented.
    async fn put_failure(
        &self,
        run: RunId,
        request: &AcceptedRequest,
        failure: InvocationFailure,
    ) -> Option<RunId> {
        let has_response = matches!(
            failure,
            InvocationFailure::ClientError(_) | InvocationFailure::ServerError(_)
        );
        let response = lock(&request.response).clone().filter(|_| has_response);
        let written = match (&request.failure, &response) {
            (None, _) => false,
            (Some(location), Some(response)) => {
                let content_type = response.content_type.as_deref().unwrap_or("text/plain");
                self.aws.put(location, content_type, &response.body).await
            }
            (Some(location), None) => {
                let reason = BufferedBody::Memory(Bytes::from(failure.to_string()));
                self.aws.put(location, "text/plain", &reason).await
            }
        };
        if self.report(|model, now| model.object_stored(now, run, written)) {
            self.emit_end(request, InvocationStatus::Failed(failure));
        }
        None
    }

    async fn publish(
        &self,
        notification: ResultNotification<Arc<AcceptedRequest>>,
    ) -> Option<RunId> {
        let request = &*notification.request;
        let (topic, include) = match notification.status {
            InvocationStatus::Completed => {
                (&self.config.success_topic, self.config.response_in_success)
            }
            InvocationStatus::Failed(_) => {
                (&self.config.error_topic, self.config.response_in_error)
            }
        };
        let topic = topic.as_deref()?;
        let response = lock(&request.response).clone();
        let included = response
            .as_deref()
            .map_or_else(IncludedResponse::default, |response| IncludedResponse {
                content_type: response.content_type.as_deref(),
                body: response
                    .body
                    .bytes()
                    .filter(|_| include && response.body.len() <= MAX_INCLUDED_BYTES),
            });
        let times = RequestTimes {
            received: self.clock.wall(notification.received_at),
            finished: self.clock.wall(notification.finished_at),
        };
        let message = notification::result(
            &self.aws.region,
            &self.name,
            request,
            notification.status,
            times,
            &included,
        );
        let published = match message {
            Ok(message) => self.aws.publish(topic, &message).await,
            Err(error) => {
                tracing::error!(%error, "cannot serialize the notification");
                false
            }
        };
        let kind = if published {
            EndpointEventKind::NotificationPublished
        } else {
            EndpointEventKind::NotificationFailed
        };
        self.emit(Some(request), kind);
        None
    }

    async fn test_notification(&self) -> Option<RunId> {
        let topics = [&self.config.success_topic, &self.config.error_topic];
        for topic in topics.into_iter().flatten() {
            self.aws
                .publish(topic, notification::TEST_NOTIFICATION)
                .await;
        }
        None
    }

    async fn ping_until_ready(&self, instance: InstanceId) -> Option<RunId> {
        let exists = |model: &Endpoint<_>| model.instances().any(|i| i.id == instance);
        while exists(&self.model()) {
            if self.container.ping().await {
                self.report(|model, now| model.instance_ready(now, instance));
                return None;
            }
            tokio::time::sleep(PING_INTERVAL).await;
        }
        None
    }

    /// Changes the model and notifies the task that advances it.
    pub(super) fn report<T>(
        &self,
        change: impl FnOnce(&mut Endpoint<Arc<AcceptedRequest>>, crate::Millis) -> T,
    ) -> T {
        let result = change(&mut self.model(), self.clock.now());
        self.changed.notify_one();
        result
    }

    fn emit_end(&self, request: &AcceptedRequest, status: InvocationStatus) {
        if request.end_reported.swap(true, Ordering::Relaxed) {
            return;
        }
        let kind = match status {
            InvocationStatus::Completed => EndpointEventKind::Completed {
                output: request.output.as_str().to_owned(),
            },
            InvocationStatus::Failed(failure) => EndpointEventKind::Failed {
                reason: failure.to_string(),
            },
        };
        self.emit(Some(request), kind);
    }

    /// Sends an event to the receivers, if there are any.
    pub(super) fn emit(&self, request: Option<&AcceptedRequest>, kind: EndpointEventKind) {
        let inference_id = request.map(|request| request.inference_id.clone());
        tracing::debug!(
            endpoint = &*self.name,
            inference.id = inference_id,
            custom_attributes = request.and_then(|request| request.custom_attributes.as_deref()),
            ?kind,
            "endpoint event"
        );
        self.events
            .send(EndpointEvent {
                endpoint: Arc::clone(&self.name),
                inference_id,
                at: self.clock.now(),
                kind,
            })
            .ok();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
