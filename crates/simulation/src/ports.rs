//! Every port of the product, over the simulated cloud.

use std::cell::RefCell;
use std::rc::Rc;

use functions::handlers::retry::{CheckMessage, RetryCommandMessage};
use jobs::apply::SaveRequest;
use jobs::id::{JobId, Location, Tenant, Timestamp};
use jobs::input::PEEK_BYTES;
use jobs::job::Job;
use jobs::ports::{
    Accepted, CheckQueue, CheckRequest, Clock, Connection, Connections, CopyError, EventBus,
    FailedEntries, InferenceEndpoint, Invocation, InvokeError, JobStore, LoadError, NewestJobs,
    ObjectHead, ObjectStore, PeekError, PushError, Pusher, Quarantine, QuarantinedMessage,
    RetryCommand, RetryCommandQueue, SaveError, Ticket, Tickets, Unavailable,
};
use jobs::state::StatusGroup;

use crate::bucket::{Object, Source};
use crate::call::call;
use crate::check::PROMISE_7;
use crate::fault::Fault;
use crate::mistake::Mistake;
use crate::page::PageConnection;
use crate::queue::{Kind, Message};
use crate::table::as_mistaken;
use crate::world::{Published, SECOND, START, World, short};
use jobs::ports::Queue;

/// The ports of all functions; which one is calling, the world knows.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) world: Rc<RefCell<World>>,
}

impl Ports {
    pub(crate) async fn call<T>(
        &self,
        what: &'static str,
        deed: impl FnOnce(&mut World) -> T,
    ) -> Result<T, Unavailable> {
        call(&self.world, what, deed).await
    }
}

impl Clock for Ports {
    fn now(&self) -> Timestamp {
        let world = self.world.borrow();
        let skew = world
            .functions
            .get(&world.current)
            .map_or(0, |meta| meta.skew);
        Timestamp((START + world.now).saturating_add_signed(skew))
    }
    fn random(&self) -> u64 {
        self.world.borrow_mut().rng.next_u64()
    }
}

impl JobStore for Ports {
    async fn load(&self, id: JobId) -> Result<Option<Job>, LoadError> {
        self.call("load", |world| {
            let Some(row) = world.table.rows.get(&id) else {
                return Ok(None);
            };
            if row.newer
                && !world
                    .functions
                    .get(&world.current)
                    .is_some_and(|meta| meta.newer)
            {
                return Err(LoadError::NewerSchema(id));
            }
            Ok(Some(as_mistaken(world, row.job.clone())))
        })
        .await?
    }

    async fn create(&self, job: &Job) -> Result<(), SaveError> {
        let saved = self.call("create", |world| world.create_row(job)).await?;
        self.seen(saved)
    }

    async fn save(&self, request: SaveRequest<'_>) -> Result<(), SaveError> {
        let job = request.job();
        let saved = self.call("save", |world| world.save_row(job)).await?;
        self.seen(saved)
    }

    async fn newest(
        &self,
        tenant: &Tenant,
        class: StatusGroup,
        limit: usize,
    ) -> Result<NewestJobs, LoadError> {
        Ok(self
            .call("newest", |world| world.newest(tenant, class, limit))
            .await?)
    }
}

impl Ports {
    /// A conflict brings the row that is there, as far as this release can read it.
    fn seen(&self, saved: Result<(), SaveError>) -> Result<(), SaveError> {
        let world = self.world.borrow();
        match saved {
            Err(SaveError::Conflict(Some(row))) => {
                let newer = world.table.rows.get(&row.id).is_some_and(|row| row.newer);
                if newer
                    && !world
                        .functions
                        .get(&world.current)
                        .is_some_and(|meta| meta.newer)
                {
                    return Err(LoadError::NewerSchema(row.id).into());
                }
                Err(SaveError::Conflict(Some(Box::new(as_mistaken(
                    &world, *row,
                )))))
            }
            other => other,
        }
    }
}

impl ObjectStore for Ports {
    async fn peek(&self, _: &str, key: &str) -> Result<Option<ObjectHead>, PeekError> {
        self.call("peek", |world| {
            if world
                .bucket
                .current(key)
                .is_some_and(|(_, object)| object.sealed)
            {
                return Err(PeekError::Unreadable(
                    "encrypted with a key of the uploader's".to_owned(),
                ));
            }
            Ok(world.bucket.head(key, PEEK_BYTES))
        })
        .await?
    }

    async fn head(&self, location: &Location) -> Result<Option<ObjectHead>, Unavailable> {
        self.call("head", |world| {
            let found = world.bucket.head(&location.key, 0);
            let is_output = location.key.starts_with("outbound/");
            if world.made(Mistake::TimesOutWithoutLooking) && is_output && in_retry(world) {
                return None;
            }
            if world.made(Mistake::OutputNotChecked) && is_output && found.is_none() {
                return Some(nothing());
            }
            if world.made(Mistake::InputNotRechecked) && !is_output {
                return None;
            }
            found
        })
        .await
    }

    async fn read(
        &self,
        location: &Location,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, Unavailable> {
        self.call("read", |world| {
            world
                .bucket
                .head(&location.key, limit)
                .map(|head| head.first_bytes)
        })
        .await
    }

    async fn copy(
        &self,
        _: &str,
        key: &str,
        version: &str,
        to: &Location,
    ) -> Result<(), CopyError> {
        let copied = self
            .call("copy", |world| {
                let Some(object) = world.bucket.version(key, version) else {
                    return false;
                };
                let poisoned = matches!(object.source, Source::Upload { poisoned: true });
                let copy = Object {
                    source: Source::Copy {
                        of: version.to_owned(),
                        poisoned,
                    },
                    ..object.clone()
                };
                let now = world.now;
                world.bucket.put(now, &to.key, Some(copy));
                true
            })
            .await?;
        if copied { Ok(()) } else { Err(CopyError::Gone) }
    }

    async fn list(&self, _: &str, prefix: &str) -> Result<Vec<String>, Unavailable> {
        self.call("list", |world| {
            if world.made(Mistake::TimesOutWithoutLooking) && in_retry(world) {
                return vec![];
            }
            world.bucket.list(prefix)
        })
        .await
    }

    async fn versions(&self, _: &str, key: &str) -> Result<Vec<String>, Unavailable> {
        self.call("versions", |world| {
            if world.made(Mistake::InputNotRechecked) {
                return vec![];
            }
            let versions = world.bucket.objects.get(key).into_iter().flatten().rev();
            versions
                .filter(|version| version.object.is_some())
                .map(|version| version.id.clone())
                .collect()
        })
        .await
    }
}

fn in_retry(world: &World) -> bool {
    world
        .functions
        .get(&world.current)
        .is_some_and(|meta| meta.name == "retry")
}

fn nothing() -> ObjectHead {
    ObjectHead {
        version: "v0".to_owned(),
        etag: String::new(),
        bytes: 0,
        content_type: String::new(),
        name: None,
        first_bytes: Vec::new(),
    }
}

impl InferenceEndpoint for Ports {
    async fn invoke(&self, invocation: &Invocation) -> Result<Accepted, InvokeError> {
        match self.call("invoke", |world| world.invoke(invocation)).await {
            Ok(Ok(accepted)) => Ok(accepted),
            Ok(Err(why)) => Err(InvokeError::Refused(why)),
            Err(error) => Err(InvokeError::Unanswered(error)),
        }
    }
}

impl Ports {
    /// Sends texts to the queue of wake-ups, each with its delay in seconds.
    async fn send_later(&self, texts: Vec<(String, u32)>) -> FailedEntries {
        let all = texts.len();
        let sent = self
            .call("send", |world| {
                let mut failed = Vec::new();
                for (at, (body, delay)) in texts.into_iter().enumerate() {
                    if world.strikes(Fault::BatchCut) {
                        failed.push(at);
                        continue;
                    }
                    world.send(
                        Queue::Checks,
                        u64::from(delay) * SECOND + 20,
                        Message::new(body, Kind::CheckRequest),
                    );
                }
                failed.into_iter().collect()
            })
            .await;
        sent.unwrap_or_else(|_| FailedEntries::all(all))
    }
}

impl CheckQueue for Ports {
    async fn send(&self, messages: &[(CheckRequest, u32)]) -> FailedEntries {
        let text = |check| serde_json::to_string(&CheckMessage::from(check)).unwrap_or_default();
        let texts = messages.iter().map(|(check, delay)| (text(check), *delay));
        self.send_later(texts.collect()).await
    }
}

impl RetryCommandQueue for Ports {
    async fn send_commands(&self, orders: &[(RetryCommand, u32)]) -> FailedEntries {
        let text =
            |order| serde_json::to_string(&RetryCommandMessage::from(order)).unwrap_or_default();
        let texts = orders.iter().map(|(order, delay)| (text(order), *delay));
        self.send_later(texts.collect()).await
    }
}

impl EventBus for Ports {
    async fn publish(&self, jobs: &[&Job]) -> FailedEntries {
        let published = self
            .call("publish", |world| {
                let again = world
                    .functions
                    .get(&world.current)
                    .is_some_and(|meta| meta.redelivered);
                if world.made(Mistake::EffectsDroppedOnRedelivery) && again {
                    return FailedEntries::none();
                }
                let mut failed = Vec::new();
                for (at, job) in jobs.iter().enumerate() {
                    if world.strikes(Fault::BatchCut) {
                        failed.push(at);
                        continue;
                    }
                    let ready = job.state.status_group() == StatusGroup::Ready;
                    world.log(|| {
                        format!(
                            "event bus  {} v{} {}",
                            short(job.id),
                            job.version,
                            if ready { "JobReady" } else { "JobFailed" }
                        )
                    });
                    world.published.insert(Published {
                        job: job.id,
                        version: job.version,
                        ready,
                    });
                }
                if world.made(Mistake::CutEventsForgotten) {
                    FailedEntries::none()
                } else {
                    failed.into_iter().collect()
                }
            })
            .await;
        published.unwrap_or_else(|_| FailedEntries::all(jobs.len()))
    }
}

impl Connections for Ports {
    async fn register(&self, connection: &Connection) -> Result<(), Unavailable> {
        self.call("register", |world| {
            world.connections.retain(|known| {
                known.subscription != connection.subscription
                    || known.connection_id != connection.connection_id
            });
            world.connections.push(connection.clone());
        })
        .await
    }

    async fn forget(&self, subscription: &str, connection_id: &str) -> Result<(), Unavailable> {
        self.call("forget", |world| {
            let by_page = world
                .functions
                .get(&world.current)
                .is_some_and(|meta| meta.name == "ws-disconnect");
            let open = world.pages.iter().any(|page| match &page.connection {
                PageConnection::Opening { id } | PageConnection::Open { id } => id == connection_id,
                PageConnection::None | PageConnection::Asking { .. } => false,
            });
            if open && !by_page {
                world.broken(PROMISE_7, || {
                    format!("the open page {connection_id} was forgotten")
                });
            }
            world.connections.retain(|known| {
                known.subscription != subscription || known.connection_id != connection_id
            });
        })
        .await
    }

    async fn connected(&self, subscription: &str) -> Result<Vec<Connection>, Unavailable> {
        self.call("watching", |world| {
            let everyone = world.made(Mistake::PushToEveryTenant);
            let mut found: Vec<Connection> = world
                .connections
                .iter()
                .filter(|connection| everyone || connection.subscription == subscription)
                .cloned()
                .collect();
            if world.made(Mistake::GoneForgetsFreshPages) {
                found
                    .iter_mut()
                    .for_each(|connection| connection.registered_at = Timestamp(0));
            }
            found
        })
        .await
    }
}

impl Pusher for Ports {
    async fn push(&self, connection_id: &str, frame: &[u8]) -> Result<(), PushError> {
        let there = self
            .call("push", |world| world.deliver_frame(connection_id, frame))
            .await?;
        if there { Ok(()) } else { Err(PushError::Gone) }
    }
}

impl Tickets for Ports {
    async fn issue(&self, secret: &str, ticket: &Ticket) -> Result<(), Unavailable> {
        self.call("issue", |world| {
            world.tickets.insert(secret.to_owned(), ticket.clone());
        })
        .await
    }

    async fn redeem(&self, secret: &str) -> Result<Option<Ticket>, Unavailable> {
        self.call("redeem", |world| {
            let now = world.wall();
            world
                .tickets
                .remove(secret)
                .filter(|ticket| ticket.expires_at > now)
        })
        .await
    }
}

impl Quarantine for Ports {
    async fn keep(&self, entry: &QuarantinedMessage) -> Result<(), Unavailable> {
        self.call("keep", |world| {
            let known = world
                .quarantine
                .iter()
                .any(|there| there.source == entry.source && there.message_id == entry.message_id);
            if !known && !world.made(Mistake::QuarantineDrops) {
                world.log(|| format!("quarantine {} {}", entry.cause, entry.problem));
                world.quarantine.push(entry.clone());
            }
        })
        .await
    }
}
