//! All ports in memory, for tests: exact, deterministic, and able to fail on request before or after the deed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::conformance::Outside;
use crate::key_value_map::KeyValueMap;
use jobs::id::{JobId, Location, Tenant, Timestamp};
use jobs::input::PEEK_BYTES;
use jobs::job::Job;
use jobs::ports::{
    Accepted, CheckQueue, CheckRequest, Clock, Connection, Connections, CopyError, DeadLetter,
    EventBus, FailedEntries, InferenceEndpoint, Invocation, InvokeError, JobStore, LoadError,
    NewestJobs, ObjectHead, ObjectStore, PeekError, PushError, Pusher, Quarantine,
    QuarantinedMessage, Queue, RetryCommand, SaveError, Ticket, Tickets, Unavailable,
};
use jobs::save_request::SaveRequest;
use jobs::state::StatusGroup;
use jobs::submit::UploadEvent;

mod api;
mod reconcile;

pub use api::MultipartUpload;

/// Everything there is, in memory.
#[derive(Debug, Default)]
pub struct Memory {
    world: Mutex<World>,
}

/// What is in a [`Memory`]. Tests read and arrange it through [`Memory::world`].
#[derive(Debug, Default)]
pub struct World {
    /// The time.
    pub now: Timestamp,
    /// The state of the random generator; any number is a seed.
    pub seed: u64,
    /// The job table.
    pub jobs: BTreeMap<JobId, Job>,
    /// Versions by bucket and key, oldest first; `None` is a delete marker.
    pub objects: BTreeMap<(String, String), Versions>,
    /// Every call of the endpoint that was carried out.
    pub invocations: Vec<Invocation>,
    /// What the endpoint says to the next calls instead of accepting them.
    pub refusals: VecDeque<String>,
    /// Wake-ups that were sent, with their delays in seconds.
    pub checks: Vec<(CheckRequest, u32)>,
    /// Events that were published: detail type and job.
    pub events: Vec<(&'static str, Job)>,
    /// The open pages.
    pub connections: Vec<Connection>,
    /// Keys of objects that cannot be read.
    pub unreadable: Vec<String>,
    /// Connections that answer 410.
    pub gone: Vec<String>,
    /// Frames by connection.
    pub frames: Vec<(String, String)>,
    /// Tickets by secret.
    pub tickets: BTreeMap<String, Ticket>,
    /// What was quarantined.
    pub quarantine: Vec<QuarantinedMessage>,
    /// Operations that fail without being carried out, by name, with how often.
    pub fail_before: BTreeMap<&'static str, u32>,
    /// Operations whose answer is lost after they were carried out, by name, with how often.
    pub fail_after: BTreeMap<&'static str, u32>,
    /// Rows that a newer release wrote.
    pub newer: BTreeSet<JobId>,
    /// Where jobs were moved to in the index, and the version of the row for which that holds.
    pub postponed: BTreeMap<JobId, (u64, Timestamp)>,
    /// Uploads that were announced.
    pub announced: Vec<UploadEvent>,
    /// Dead letters.
    pub dead_letters: Vec<(Queue, DeadLetter)>,
    /// Dead letters that were sent back.
    pub redriven: Vec<(Queue, DeadLetter)>,
    /// Documents.
    pub folders: KeyValueMap,
    /// Uploads in parts, by S3's name for them.
    pub uploads: BTreeMap<String, MultipartUpload>,
    /// When messages in quarantine were last sent again, by queue and id.
    pub replayed: BTreeMap<(String, String), Timestamp>,
    /// Orders that were sent, with their delays in seconds.
    pub orders: Vec<(RetryCommand, u32)>,
    versions: u64,
}

/// The versions at a key, oldest first, each with its id; `None` is a delete marker.
pub type Versions = Vec<(String, Option<Object>)>;

/// A stored object.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// Its bytes, or as many as a test cares for.
    pub content: Vec<u8>,
    /// Its size, which may be more than `content` holds.
    pub bytes: u64,
    /// When it was put.
    pub put_at: Timestamp,
    /// It was uploaded in parts.
    pub multipart: bool,
}

impl Memory {
    /// An empty world at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            world: Mutex::new(World {
                now,
                ..World::default()
            }),
        }
    }

    /// The world, to read or arrange.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an object and answers its version id.
    pub fn put(&self, bucket: &str, key: &str, content: &[u8]) -> String {
        self.put_object(
            bucket,
            key,
            Some(Object {
                content: content.to_vec(),
                bytes: content.len() as u64,
                ..Object::default()
            }),
        )
    }

    /// Puts an object, or a delete marker, and answers its version id.
    pub fn put_object(&self, bucket: &str, key: &str, object: Option<Object>) -> String {
        let mut world = self.world();
        let put_at = world.now;
        let object = object.map(|object| Object { put_at, ..object });
        world.versions += 1;
        let version = format!("v{}", world.versions);
        world
            .objects
            .entry((bucket.into(), key.into()))
            .or_default()
            .push((version.clone(), object));
        version
    }

    /// Carries out `deed`, unless it is to fail.
    fn attempt<T>(
        &self,
        what: &'static str,
        deed: impl FnOnce(&mut World) -> T,
    ) -> Result<T, Unavailable> {
        let mut world = self.world();
        let failed = |reason: &str| Unavailable {
            what,
            source: reason.into(),
        };
        if take(&mut world.fail_before, what) {
            return Err(failed("not carried out"));
        }
        let done = deed(&mut world);
        if take(&mut world.fail_after, what) {
            Err(failed("the answer was lost"))
        } else {
            Ok(done)
        }
    }
}

fn take(counts: &mut BTreeMap<&'static str, u32>, what: &'static str) -> bool {
    match counts.get_mut(what) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        Some(_) | None => false,
    }
}

impl World {
    fn current(&self, bucket: &str, key: &str) -> Option<(&String, &Object)> {
        let (version, object) = self
            .objects
            .get(&(bucket.to_owned(), key.to_owned()))?
            .last()?;
        Some((version, object.as_ref()?))
    }

    fn head(&self, bucket: &str, key: &str, first: usize) -> Option<ObjectHead> {
        let (version, object) = self.current(bucket, key)?;
        Some(ObjectHead {
            version: version.clone(),
            etag: format!("etag-{version}"),
            bytes: object.bytes,
            content_type: "application/pdf".to_owned(),
            name: None,
            first_bytes: object.content.iter().take(first).copied().collect(),
        })
    }
}

impl Clock for Memory {
    fn now(&self) -> Timestamp {
        self.world().now
    }
    fn random(&self) -> u64 {
        // SplitMix64: every seed is good, and the sequence is the same everywhere.
        let mut world = self.world();
        world.seed = world.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = world.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl JobStore for Memory {
    async fn load(&self, id: JobId) -> Result<Option<Job>, LoadError> {
        self.attempt("load", |world| match world.jobs.get(&id) {
            Some(_) if world.newer.contains(&id) => Err(LoadError::NewerSchema(id)),
            there => Ok(there.cloned()),
        })?
    }

    async fn create(&self, job: &Job) -> Result<(), SaveError> {
        self.attempt("create", |world| match world.jobs.get(&job.id) {
            Some(there) if there == job => Ok(()),
            Some(there) => Err(SaveError::Conflict(Some(Box::new(there.clone())))),
            None => {
                world.jobs.insert(job.id, job.clone());
                Ok(())
            }
        })?
    }

    async fn save(&self, request: SaveRequest<'_>) -> Result<(), SaveError> {
        let job = request.job();
        self.attempt("save", |world| match world.jobs.get(&job.id) {
            Some(there) if there == job => Ok(()),
            Some(there) if there.version + 1 == job.version => {
                world.jobs.insert(job.id, job.clone());
                Ok(())
            }
            there => Err(SaveError::Conflict(there.cloned().map(Box::new))),
        })?
    }

    async fn newest(
        &self,
        tenant: &Tenant,
        class: StatusGroup,
        limit: usize,
    ) -> Result<NewestJobs, LoadError> {
        Ok(self.attempt("newest", |world| {
            let mut jobs: Vec<Job> = world
                .jobs
                .values()
                .filter(|job| job.tenant == *tenant && job.state.status_group() == class)
                .cloned()
                .collect();
            jobs.sort_by_key(|job| std::cmp::Reverse((job.created_at, job.id)));
            let more = jobs.len() > limit;
            jobs.truncate(limit);
            NewestJobs { jobs, more }
        })?)
    }
}

impl ObjectStore for Memory {
    async fn peek(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, PeekError> {
        if self.world().unreadable.iter().any(|known| known == key) {
            return Err(PeekError::Unreadable("InvalidObjectState".to_owned()));
        }
        Ok(self.attempt("peek", |world| world.head(bucket, key, PEEK_BYTES))?)
    }

    async fn head(&self, location: &Location) -> Result<Option<ObjectHead>, Unavailable> {
        self.attempt("head", |world| {
            world.head(&location.bucket, &location.key, 0)
        })
    }

    async fn read(
        &self,
        location: &Location,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, Unavailable> {
        self.attempt("read", |world| {
            world
                .head(&location.bucket, &location.key, limit)
                .map(|head| head.first_bytes)
        })
    }

    async fn copy(
        &self,
        bucket: &str,
        key: &str,
        version: &str,
        to: &Location,
    ) -> Result<(), CopyError> {
        let copied = self.attempt("copy", |world| {
            let versions = world.objects.get(&(bucket.to_owned(), key.to_owned()));
            let object = versions
                .into_iter()
                .flatten()
                .find(|(known, _)| known == version)
                .and_then(|(_, object)| object.clone());
            let Some(object) = object else { return false };
            world.versions += 1;
            let copy = format!("v{}", world.versions);
            world
                .objects
                .entry((to.bucket.clone(), to.key.clone()))
                .or_default()
                .push((copy, Some(object)));
            true
        })?;
        if copied { Ok(()) } else { Err(CopyError::Gone) }
    }

    async fn list(&self, bucket: &str, prefix: &str) -> Result<Vec<String>, Unavailable> {
        self.attempt("list", |world| {
            let keys = world
                .objects
                .keys()
                .filter(|(b, key)| b == bucket && key.starts_with(prefix));
            keys.filter(|(b, key)| world.current(b, key).is_some())
                .map(|(_, key)| key.clone())
                .collect()
        })
    }

    async fn versions(&self, bucket: &str, key: &str) -> Result<Vec<String>, Unavailable> {
        self.attempt("versions", |world| {
            let versions = world.objects.get(&(bucket.to_owned(), key.to_owned()));
            versions
                .into_iter()
                .flatten()
                .rev()
                .filter(|(_, object)| object.is_some())
                .map(|(version, _)| version.clone())
                .collect()
        })
    }
}

impl InferenceEndpoint for Memory {
    async fn invoke(&self, invocation: &Invocation) -> Result<Accepted, InvokeError> {
        let refused = self.attempt("invoke", |world| {
            let refusal = world.refusals.pop_front();
            if refusal.is_none() {
                world.invocations.push(invocation.clone());
            }
            refusal
        });
        match refused {
            Err(error) => Err(InvokeError::Unanswered(error)),
            Ok(Some(why)) => Err(InvokeError::Refused(why)),
            Ok(None) => {
                let id = invocation.inference_id;
                let place = |kind: &str, name: &str| Location {
                    bucket: invocation.input.bucket.clone(),
                    key: format!("{kind}/{name}"),
                };
                // Opaque names: nothing may be read out of them.
                let pipeline = invocation.endpoint.trim_start_matches("docket-");
                let opaque = JobId::of_key("opaque", &id.to_string());
                Ok(Accepted {
                    output: Some(place(
                        &format!("outbound/{pipeline}/{}/a{}", id.job, id.attempt),
                        &format!("{opaque}.out"),
                    )),
                    failure: Some(place(
                        &format!("failure/{pipeline}"),
                        &format!("{opaque}-error.out"),
                    )),
                })
            }
        }
    }
}

impl CheckQueue for Memory {
    async fn send(&self, messages: &[(CheckRequest, u32)]) -> FailedEntries {
        match self.attempt("send", |world| world.checks.extend_from_slice(messages)) {
            Ok(()) => FailedEntries::none(),
            Err(_) => FailedEntries::all(messages.len()),
        }
    }
}

impl EventBus for Memory {
    async fn publish(&self, jobs: &[&Job]) -> FailedEntries {
        let published = self.attempt("publish", |world| {
            let kind = |job: &Job| {
                if job.state.status_group() == StatusGroup::Ready {
                    "JobReady"
                } else {
                    "JobFailed"
                }
            };
            world
                .events
                .extend(jobs.iter().map(|job| (kind(job), (*job).clone())));
        });
        if published.is_ok() {
            FailedEntries::none()
        } else {
            FailedEntries::all(jobs.len())
        }
    }
}

impl Connections for Memory {
    async fn register(&self, connection: &Connection) -> Result<(), Unavailable> {
        self.attempt("register", |world| {
            world.connections.retain(|known| {
                known.subscription != connection.subscription
                    || known.connection_id != connection.connection_id
            });
            world.connections.push(connection.clone());
        })
    }

    async fn forget(&self, subscription: &str, connection_id: &str) -> Result<(), Unavailable> {
        self.attempt("forget", |world| {
            world.connections.retain(|known| {
                known.subscription != subscription || known.connection_id != connection_id
            })
        })
    }

    async fn connected(&self, subscription: &str) -> Result<Vec<Connection>, Unavailable> {
        self.attempt("watching", |world| {
            world
                .connections
                .iter()
                .filter(|connection| connection.subscription == subscription)
                .cloned()
                .collect()
        })
    }
}

impl Pusher for Memory {
    async fn push(&self, connection_id: &str, frame: &[u8]) -> Result<(), PushError> {
        let gone = self.attempt("push", |world| {
            let gone = world.gone.iter().any(|known| known == connection_id);
            if !gone {
                world.frames.push((
                    connection_id.to_owned(),
                    String::from_utf8_lossy(frame).into_owned(),
                ));
            }
            gone
        })?;
        if gone { Err(PushError::Gone) } else { Ok(()) }
    }
}

impl Tickets for Memory {
    async fn issue(&self, secret: &str, ticket: &Ticket) -> Result<(), Unavailable> {
        self.attempt("issue", |world| {
            world.tickets.insert(secret.to_owned(), ticket.clone());
        })
    }

    async fn redeem(&self, secret: &str) -> Result<Option<Ticket>, Unavailable> {
        self.attempt("redeem", |world| {
            let live = world
                .tickets
                .get(secret)
                .is_some_and(|ticket| ticket.expires_at > world.now);
            if live {
                world.tickets.remove(secret)
            } else {
                None
            }
        })
    }
}

impl Quarantine for Memory {
    async fn keep(&self, entry: &QuarantinedMessage) -> Result<(), Unavailable> {
        self.attempt("keep", |world| {
            let known = |there: &QuarantinedMessage| {
                there.source == entry.source && there.message_id == entry.message_id
            };
            let name = (entry.source.clone(), entry.message_id.clone());
            if world.replayed.remove(&name).is_some() {
                world.quarantine.retain(|there| !known(there));
            }
            if !world.quarantine.iter().any(known) {
                world.quarantine.push(entry.clone());
            }
        })
    }
}

impl Outside for Memory {
    fn bucket(&self) -> String {
        "docket-jobs".to_owned()
    }

    async fn upload(&self, key: &str, content: &[u8]) -> String {
        self.put(&self.bucket(), key, content)
    }

    async fn delete(&self, key: &str) {
        self.put_object(&self.bucket(), key, None);
    }

    async fn issue(&self, secret: &str, subscription: &str, expires_at: Timestamp) {
        let ticket = Ticket {
            uploader: None,
            subscription: subscription.to_owned(),
            actor: "someone".to_owned(),
            expires_at,
            token_expires_at: expires_at,
        };
        self.world().tickets.insert(secret.to_owned(), ticket);
    }

    async fn bury(&self, queue: Queue, body: &str) {
        let mut world = self.world();
        let number = world.dead_letters.len();
        let letter = DeadLetter {
            first_id: format!("m{number}"),
            dead_since: None,
            body: body.to_owned(),
            trace_id: None,
            receipt: format!("receipt-{number}"),
        };
        world.dead_letters.push((queue, letter));
    }

    async fn die_again(&self, queue: Queue) {
        let mut world = self.world();
        let sent = std::mem::take(&mut world.redriven);
        let (again, rest) = sent.into_iter().partition(|(at, _)| *at == queue);
        world.dead_letters.extend::<Vec<_>>(again);
        world.redriven = rest;
    }

    async fn save_as_newer_release(&self, job: &Job) {
        let mut world = self.world();
        world.jobs.insert(job.id, job.clone());
        world.newer.insert(job.id);
    }
}
