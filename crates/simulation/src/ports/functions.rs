//! The ports that all functions use.

use api::ports::{JobList, JobListEntry, JobListKey, Page, TimeRange};
use functions::handlers::retry::{CheckMessage, ReleaseMessage, RetryCommandMessage};
use jobs::id::{JobId, Location, Tenant, Timestamp};
use jobs::input::PEEK_BYTES;
use jobs::job::Job;
use jobs::ports::FailedEntries;
use jobs::ports::NewestJobs;
use jobs::ports::{
    Accepted, CheckQueue, CheckRequest, Checksum, Clock, Connection, Connections, CopyError,
    DelayedMessage, EventBus, FirstBytes, HeadError, InferenceEndpoint, Invocation, InvokeError,
    JobStore, ListedVersion, LoadError, ObjectDeletion, ObjectHead, ObjectStore, PushError, Pusher,
    Quarantine, QuarantinedMessage, Queue, RecentJobs, RecentStarts, RetryCommand,
    RetryCommandQueue, SaveError, Ticket, Tickets, Unavailable,
};
use jobs::save_request::SaveRequest;
use jobs::state::StatusGroup;

use super::call::Ports;
use crate::fault::FaultKind;
use crate::message::{MessageKind, QueueMessage, send};
use crate::mistake::Mistake;
use crate::simulation::Simulation;
use crate::tamper::{self, loaded_job};
use crate::time::{SECOND, START};

impl Clock for Ports {
    fn now(&self) -> Timestamp {
        let simulation = self.simulation.borrow();
        let current = simulation.functions.current();
        let skew = current.map_or(0, |function| function.skew);
        Timestamp((START + simulation.env.now).saturating_add_signed(skew))
    }

    fn random(&self) -> u64 {
        self.simulation.borrow_mut().env.rng.next_u64()
    }
}

/// Whether the current function belongs to the older release and the row was written by the newer.
fn is_unreadable(simulation: &Simulation, id: JobId) -> bool {
    simulation.table.row(id).is_some_and(|row| row.newer)
        && !simulation.functions.current_is_newer()
}

/// The job as the current function sees it.
fn seen_by_current(simulation: &Simulation, job: Job) -> Job {
    let Simulation {
        env,
        functions,
        ledger,
        ..
    } = simulation;
    loaded_job(env, functions, ledger, job)
}

impl JobStore for Ports {
    async fn load(&self, id: JobId) -> Result<Option<Job>, LoadError> {
        self.call("load", |simulation| {
            let Some(row) = simulation.table.row(id) else {
                return Ok(None);
            };
            let taken_for_alive = simulation.env.has(Mistake::LostAttemptsTakenForAlive)
                && simulation.functions.current_is("capacity");
            if is_unreadable(simulation, id) || taken_for_alive {
                return Err(LoadError::NewerSchema(id));
            }
            Ok(Some(seen_by_current(simulation, Job::clone(&row.job))))
        })
        .await?
    }

    async fn create(&self, job: &Job) -> Result<(), SaveError> {
        let saved = self
            .call("create", |simulation| simulation.create_row(job))
            .await?;
        self.readable(saved)
    }

    async fn save(&self, request: SaveRequest<'_>) -> Result<(), SaveError> {
        let job = request.job();
        let saved = self
            .call("save", |simulation| simulation.save_row(job))
            .await?;
        self.readable(saved)
    }

    async fn newest(
        &self,
        tenant: &Tenant,
        class: StatusGroup,
        limit: usize,
    ) -> Result<NewestJobs, LoadError> {
        Ok(self
            .call("newest", |Simulation { table, env, .. }| {
                table.newest(env, tenant, class, limit)
            })
            .await?)
    }
}

/// As much of the lists as `ws-default` and retry plans read.
impl JobList for Ports {
    async fn list_entries(
        &self,
        list: &JobListKey,
        range: TimeRange,
        limit: u16,
    ) -> Result<Page<JobListEntry>, Unavailable> {
        self.call("list_entries", |Simulation { table, env, .. }| match list {
            JobListKey::OfTenant(tenant, group) => {
                let (jobs, more) = table.listed(env, tenant, *group, usize::from(limit));
                let entry = |job: &&Job| JobListEntry {
                    at: job.created_at,
                    job: job.id,
                };
                Page {
                    items: jobs.iter().map(entry).collect(),
                    more,
                }
            }
            JobListKey::Failed(shard) => table.failed(env, *shard, range, usize::from(limit)),
            JobListKey::CreatedOldestFirst(shard) => {
                table.created(env, *shard, range, usize::from(limit))
            }
            JobListKey::OfReference(..)
            | JobListKey::OfBatch(..)
            | JobListKey::Created(_)
            | JobListKey::Open(_)
            | JobListKey::Queued(_) => {
                panic!("no simulated function reads this list: {list:?}")
            }
        })
        .await
    }

    async fn get_jobs(&self, ids: &[JobId]) -> Result<Vec<Job>, LoadError> {
        Ok(self
            .call("get_jobs", |simulation| {
                let is_sync = simulation.functions.current_is("ws-default");
                if is_sync && simulation.env.has(Mistake::RowsMissingInSync) {
                    return vec![];
                }
                let readable = ids.iter().filter(|id| !is_unreadable(simulation, **id));
                readable
                    .filter_map(|id| simulation.table.row(*id).map(|row| Job::clone(&row.job)))
                    .collect()
            })
            .await?)
    }
}

impl Ports {
    /// A conflict carries the stored row, if this release can read it.
    fn readable(&self, saved: Result<(), SaveError>) -> Result<(), SaveError> {
        let simulation = self.simulation.borrow();
        match saved {
            Err(SaveError::Conflict(Some(row))) => {
                if is_unreadable(&simulation, row.id) {
                    return Err(LoadError::NewerSchema(row.id).into());
                }
                let row = seen_by_current(&simulation, *row);
                Err(SaveError::Conflict(Some(Box::new(row))))
            }
            other => other,
        }
    }
}

impl RecentJobs for Ports {
    async fn recently_created(&self, shard: u8, limit: u16) -> Result<Vec<JobId>, Unavailable> {
        self.call("recent jobs", |Simulation { table, env, .. }| {
            if env.has(Mistake::SuccessElsewhereIgnored) {
                return vec![];
            }
            table.newest_created(env, shard, usize::from(limit))
        })
        .await
    }
}

impl ObjectDeletion for Ports {
    async fn delete_version(&self, object: &Location, version: &str) -> Result<(), Unavailable> {
        self.call("delete_version", |Simulation { bucket, env, .. }| {
            let is_input = object.key.starts_with("inbound");
            let stays = if is_input {
                env.has(Mistake::InputNotErased)
            } else {
                env.has(Mistake::ResultsNotErased)
            };
            if !stays {
                bucket.delete_version(&object.key, version);
            }
        })
        .await
    }
}

impl ObjectStore for Ports {
    async fn head_current(&self, _: &str, key: &str) -> Result<Option<ObjectHead>, HeadError> {
        self.call("head_current", |simulation| {
            let Simulation { bucket, env, .. } = simulation;
            let is_upload = simulation.functions.current_is("upload-trigger");
            let is_overlooked = env.has(Mistake::UnreadableInputStarted) && !is_upload;
            if bucket.is_sealed(key) && !is_overlooked {
                return Err(HeadError::Unreadable("InvalidRequest".to_owned()));
            }
            Ok(bucket.head(key, PEEK_BYTES))
        })
        .await?
    }

    async fn head(&self, location: &Location) -> Result<Option<ObjectHead>, HeadError> {
        self.call("head", |simulation| {
            let is_output = location.key.starts_with("outbound/");
            if simulation.env.has(Mistake::InputNotRechecked) && !is_output {
                return Ok(None);
            }
            if simulation.bucket.is_sealed(&location.key) {
                return Err(HeadError::Unreadable("BadRequest".to_owned()));
            }
            Ok(simulation.bucket.head(&location.key, 0))
        })
        .await?
    }

    async fn read(
        &self,
        location: &Location,
        limit: usize,
    ) -> Result<Option<FirstBytes>, HeadError> {
        self.call("read", |simulation| {
            if simulation.bucket.is_sealed(&location.key) {
                let refused = HeadError::Denied("AccessDenied".to_owned());
                return Err(if simulation.env.has(Mistake::UnreadableOutputWaitedFor) {
                    Unavailable::from(refused).into()
                } else {
                    refused
                });
            }
            let head = simulation.bucket.head(&location.key, limit);
            let found = head.map(|head| FirstBytes {
                bytes: head.first_bytes,
                size: head.bytes,
                content_type: head.content_type,
            });
            let is_output = location.key.starts_with("outbound/");
            let has = |mistake| simulation.env.has(mistake) && is_output;
            if has(Mistake::TimeoutWithoutEvidence) && simulation.functions.current_is("retry") {
                return Ok(None);
            }
            if has(Mistake::OutputNotChecked) && found.is_none() {
                return Ok(Some(FirstBytes {
                    bytes: b"{}".to_vec(),
                    size: 2,
                    ..FirstBytes::default()
                }));
            }
            Ok(found)
        })
        .await?
    }

    async fn copy(
        &self,
        _: &str,
        key: &str,
        version: &str,
        to: &Location,
    ) -> Result<(), CopyError> {
        let copied = self
            .call("copy", |Simulation { bucket, env, .. }| {
                bucket.copy(env.now, key, version, &to.key)
            })
            .await?;
        if copied {
            Ok(())
        } else {
            Err(CopyError::NotFound)
        }
    }

    async fn list(&self, _: &str, prefix: &str) -> Result<Vec<String>, Unavailable> {
        self.call("list", |simulation| {
            let in_retry = simulation.functions.current_is("retry");
            if simulation.env.has(Mistake::TimeoutWithoutEvidence) && in_retry {
                return vec![];
            }
            simulation.bucket.list(prefix)
        })
        .await
    }

    async fn versions(&self, _: &str, key: &str) -> Result<Vec<ListedVersion>, Unavailable> {
        self.call("versions", |simulation| {
            if simulation.env.has(Mistake::InputNotRechecked) {
                return vec![];
            }
            let mut listed = simulation.bucket.listed_versions(key);
            if simulation.env.has(Mistake::OlderSameBytesCount)
                && let Some((current, _)) = simulation.bucket.current(key)
                && let Some(etag) = current.etag()
            {
                tamper::hide_what_was_between(&mut listed, &etag);
            }
            listed
        })
        .await
    }

    async fn checksum(
        &self,
        object: &Location,
        version: &str,
    ) -> Result<Option<Checksum>, Unavailable> {
        self.call("checksum", |Simulation { bucket, .. }| {
            bucket.checksum(&object.key, version)
        })
        .await
    }
}

impl InferenceEndpoint for Ports {
    async fn invoke(&self, invocation: &Invocation) -> Result<Accepted, InvokeError> {
        let answer = self
            .call("invoke", |simulation| simulation.invoke(invocation))
            .await;
        match answer {
            Ok(Ok(accepted)) => Ok(accepted),
            Ok(Err(why)) => Err(InvokeError::Refused(why)),
            Err(error) => Err(InvokeError::OutcomeUnknown(error)),
        }
    }
}

impl Ports {
    /// Sends messages to the queue of checks, each with its delay in seconds. Returns the indexes of rejected messages.
    async fn send_later(&self, bodies: Vec<(String, u32)>) -> FailedEntries {
        let all = bodies.len();
        let sent = self
            .call("send", |simulation| {
                let mut rejected = Vec::new();
                for (index, (body, delay_seconds)) in bodies.into_iter().enumerate() {
                    if simulation.env.strikes(FaultKind::BatchCut) {
                        rejected.push(index);
                        continue;
                    }
                    let delay = u64::from(delay_seconds) * SECOND + 20;
                    let message = QueueMessage::new(body, MessageKind::Check);
                    simulation.plan([send(Queue::Checks, delay, message)]);
                }
                rejected.into_iter().collect()
            })
            .await;
        sent.unwrap_or_else(|_| FailedEntries::all(all))
    }
}

impl CheckQueue for Ports {
    async fn send_checks(&self, checks: &[DelayedMessage<CheckRequest>]) -> FailedEntries {
        let body =
            |message| serde_json::to_string(&CheckMessage::from(message)).unwrap_or_default();
        let bodies = checks
            .iter()
            .map(|check| (body(&check.message), check.delay_seconds));
        let mut bodies: Vec<(String, u32)> = bodies.collect();
        if self.simulation.borrow().env.has(Mistake::ReleasedTwice) {
            let again = |(body, delay): &(String, u32)| (body.clone(), delay + 120);
            bodies.extend(bodies.iter().map(again).collect::<Vec<_>>());
        }
        for check in checks.iter().filter(|check| check.delay_seconds == 0) {
            self.simulation.borrow_mut().check_sent(check.message.job);
        }
        self.send_later(bodies).await
    }

    async fn request_releases(&self, pipelines: &[DelayedMessage<String>]) -> FailedEntries {
        if self
            .simulation
            .borrow()
            .env
            .has(Mistake::WindowNeverRefilled)
        {
            return FailedEntries::none();
        }
        let body =
            |pipeline| serde_json::to_string(&ReleaseMessage::from(pipeline)).unwrap_or_default();
        let bodies = pipelines
            .iter()
            .map(|request| (body(&request.message), request.delay_seconds));
        self.send_later(bodies.collect()).await
    }
}

impl RecentStarts for Ports {
    fn count_start(&self, pipeline: &str) -> u32 {
        let mut simulation = self.simulation.borrow_mut();
        let Simulation {
            env,
            functions,
            execution_environments,
            ..
        } = &mut *simulation;
        let is_running = |call| functions.get(call).is_some();
        execution_environments.count_start(functions.current, is_running, env.now, pipeline)
    }
}

impl RetryCommandQueue for Ports {
    async fn send_commands(&self, commands: &[DelayedMessage<RetryCommand>]) -> FailedEntries {
        let has = |mistake| self.simulation.borrow().env.has(mistake);
        if has(Mistake::PlanCommandsLost) {
            return FailedEntries::none();
        }
        let body = |message| {
            serde_json::to_string(&RetryCommandMessage::from(message)).unwrap_or_default()
        };
        let bodies = commands
            .iter()
            .map(|command| (body(&command.message), command.delay_seconds));
        let mut bodies: Vec<(String, u32)> = bodies.collect();
        if has(Mistake::PlanIgnoresVersion) {
            let again = |(body, delay): &(String, u32)| (body.clone(), delay + 3 * 3600);
            bodies.extend(bodies.iter().map(again).collect::<Vec<_>>());
        }
        self.send_later(bodies).await
    }
}

impl EventBus for Ports {
    async fn publish(&self, jobs: &[&Job]) -> FailedEntries {
        let rejected = self
            .call("publish", |simulation| {
                let current = simulation.functions.current();
                let redelivered = current.is_some_and(|function| function.redelivered);
                let Simulation { event_bus, env, .. } = simulation;
                let (rejected, sent) = event_bus.publish(env, jobs, redelivered);
                simulation.plan(sent);
                rejected
            })
            .await;
        rejected.unwrap_or_else(|_| FailedEntries::all(jobs.len()))
    }
}

impl Connections for Ports {
    async fn register(&self, connection: &Connection) -> Result<(), Unavailable> {
        self.call("register", |Simulation { pages, .. }| {
            pages.register(connection);
        })
        .await
    }

    async fn unregister(&self, subscription: &str, connection_id: &str) -> Result<(), Unavailable> {
        self.call("unregister", |simulation| {
            simulation.forget_connection(subscription, connection_id);
        })
        .await
    }

    async fn connected(&self, subscription: &str) -> Result<Vec<Connection>, Unavailable> {
        self.call("watching", |Simulation { pages, env, .. }| {
            pages.connected(env, subscription)
        })
        .await
    }
}

impl Pusher for Ports {
    async fn push(&self, connection_id: &str, frame: &[u8]) -> Result<(), PushError> {
        let found = self
            .call("push", |simulation| {
                simulation.post_frame(connection_id, frame)
            })
            .await?;
        if found { Ok(()) } else { Err(PushError::Gone) }
    }
}

impl Tickets for Ports {
    async fn issue(&self, secret: &str, ticket: &Ticket) -> Result<(), Unavailable> {
        self.call("issue", |Simulation { pages, .. }| {
            pages.issue_ticket(secret, ticket);
        })
        .await
    }

    async fn redeem(&self, secret: &str) -> Result<Option<Ticket>, Unavailable> {
        self.call("redeem", |Simulation { pages, env, .. }| {
            pages.redeem_ticket(env, secret)
        })
        .await
    }
}

impl Quarantine for Ports {
    async fn quarantine(&self, entry: &QuarantinedMessage) -> Result<(), Unavailable> {
        self.call(
            "quarantine",
            |Simulation {
                 quarantine, env, ..
             }| quarantine.insert(env, entry),
        )
        .await
    }
}
