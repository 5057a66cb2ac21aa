//! All ports in memory: exact, deterministic, and able to fail an operation before or after it is carried out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::key_value_map::KeyValueMap;
use jobs::id::{JobId, Timestamp};
use jobs::job::Job;
use jobs::labels::LabelMetadata;
use jobs::model_version::DescribedModel;
use jobs::ports::{
    CheckRequest, Checksum, Clock, Connection, DeadLetter, DelayedMessage, EndpointInstances,
    Invocation, QuarantinedMessage, Queue, RetryCommand, Ticket, Unavailable,
};
use jobs::submit::UploadEvent;

mod api;
mod digests;
mod environment;
mod instances;
mod messaging;
mod objects;
mod receipts;
mod reconcile;
mod webhooks;

pub use api::MultipartUpload;
pub use webhooks::ReceivedWebhook;

/// Implements all ports over a [`MemoryState`].
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<MemoryState>,
}

/// The content of a [`Memory`]. Tests read and change it through [`Memory::state`].
#[derive(Debug, Default)]
pub struct MemoryState {
    pub now: Timestamp,
    /// The state of the random number generator. Any number is a seed.
    pub seed: u64,
    pub jobs: BTreeMap<JobId, Job>,
    /// Versions by bucket and key, oldest first; `None` is a delete marker.
    pub objects: BTreeMap<(String, String), Versions>,
    /// Every call of the endpoint that was carried out.
    pub invocations: Vec<Invocation>,
    /// Errors with which the endpoint refuses the next calls.
    pub refusals: VecDeque<String>,
    /// Checks that were sent, with their delays in seconds.
    pub checks: Vec<DelayedMessage<CheckRequest>>,
    /// Pipelines for which a release was asked for, with the delays in seconds.
    pub release_requests: Vec<DelayedMessage<String>>,
    /// Uploads that were sent at once, by minute and pipeline.
    pub starts: BTreeMap<(u64, String), u32>,
    /// Events that were published: detail type and job.
    pub events: Vec<(&'static str, Job)>,
    /// Entries of the audit log that were published.
    pub audit_events: Vec<::api::audit::AuditEvent>,
    pub connections: Vec<Connection>,
    /// Keys of objects that S3 refuses to read, with its code.
    pub refused_reads: BTreeMap<String, &'static str>,
    /// Connections that answer 410 Gone.
    pub gone: Vec<String>,
    /// How long a push takes, in milliseconds of this clock.
    pub push_ms: u64,
    /// Messages that were pushed: connection id and text.
    pub frames: Vec<(String, String)>,
    pub tickets: BTreeMap<String, Ticket>,
    pub quarantine: Vec<QuarantinedMessage>,
    /// How often each operation that can fail was called.
    pub calls: BTreeMap<&'static str, u32>,
    /// How many calls of an operation, by name, fail without being carried out.
    pub fail_before: BTreeMap<&'static str, u32>,
    /// How many calls of an operation, by name, are carried out and then fail, as if the response was lost.
    pub fail_after: BTreeMap<&'static str, u32>,
    /// From which call on, counted from 0 in `calls`, an operation fails without being carried out.
    pub fail_from: BTreeMap<&'static str, u32>,
    /// Rows that a newer release wrote.
    pub newer_schema: BTreeSet<JobId>,
    /// What an eventually consistent read returns instead of the row.
    pub lagging_rows: BTreeMap<JobId, Job>,
    /// How many rows `get_jobs` was asked for.
    pub rows_read: usize,
    /// Jobs whose check was postponed: the row's version at that time, and the new time of the check.
    pub postponed: BTreeMap<JobId, (u64, Timestamp)>,
    /// Upload events that were enqueued.
    pub upload_events: Vec<UploadEvent>,
    pub dead_letters: Vec<(Queue, DeadLetter)>,
    pub redriven: Vec<(Queue, DeadLetter)>,
    /// The records of the key-value store.
    pub records: KeyValueMap,
    /// Multipart uploads by upload id.
    pub multipart_uploads: BTreeMap<String, MultipartUpload>,
    /// When messages in quarantine were last redriven, by queue and message id.
    pub redriven_at: BTreeMap<(String, String), Timestamp>,
    /// Retry commands that were sent, with their delays in seconds.
    pub retry_commands: Vec<DelayedMessage<RetryCommand>>,
    pub instances: BTreeMap<String, EndpointInstances>,
    /// What each endpoint serves.
    pub served_models: BTreeMap<String, DescribedModel>,
    /// Every call that asked for a number of instances: endpoint and number.
    pub instances_asked: Vec<(String, u32)>,
    /// The addresses of names.
    pub addresses: BTreeMap<String, Vec<IpAddr>>,
    /// Requests that reached receivers of webhooks.
    pub webhooks: Vec<ReceivedWebhook>,
    /// What receivers answer to the next requests: a status, or why there is no response.
    pub webhook_responses: VecDeque<Result<u16, String>>,
    /// What they answer after that, if not 204.
    pub webhook_response: Option<Result<u16, String>>,
    /// Whether receivers repeat the request in their response.
    pub webhook_echoes: bool,
    /// A row that is saved while a receiver works on the next request.
    pub after_webhook: Option<Job>,
    /// How long a receiver takes, in milliseconds of this clock.
    pub webhook_ms: u64,
    /// Instructions for function `webhooks` that were sent, with their delays in seconds.
    pub instructions: Vec<(String, u32)>,
    /// Mails that were sent.
    pub mails: Vec<::api::digests::Mail>,
    /// What the next mails get as an answer. A mail with an error was not sent.
    pub mail_responses: VecDeque<Result<(), ::api::digests::ports::MailError>>,
    /// The user pool, by the users' names there.
    pub directory: BTreeMap<String, ::api::digests::ports::DirectoryUser>,
    /// The users whose sessions were ended, by their names in the user pool.
    pub ended_sessions: Vec<String>,
    /// Messages for function `digests` that were sent, with their delays in seconds.
    pub digest_messages: Vec<(String, u32)>,
    versions: u64,
}

/// The versions at a key, oldest first, each with its id; `None` is a delete marker.
pub type Versions = Vec<(String, Option<Object>)>;

#[derive(Clone, Debug, Default)]
pub struct Object {
    /// The content, or as much of it as a test needs.
    pub content: Vec<u8>,
    /// The size, which may be more than the length of `content`.
    pub bytes: u64,
    pub put_at: Timestamp,
    /// Whether it was uploaded in parts.
    pub multipart: bool,
    /// What S3 computed of it.
    pub checksum: Option<Checksum>,
    /// If not empty, its ETag. Otherwise every version has another one, as if no bytes were uploaded twice.
    pub etag: String,
    /// The uploader's file name in its metadata.
    pub name: Option<String>,
    pub labels: LabelMetadata,
    /// Its media type; `application/pdf` if empty.
    pub content_type: String,
}

impl Memory {
    /// Empty, at the time `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            state: Mutex::new(MemoryState {
                now,
                ..MemoryState::default()
            }),
        }
    }

    /// The state, to read or change it.
    pub fn state(&self) -> MutexGuard<'_, MemoryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an object and returns its version id.
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

    /// Puts an object, or a delete marker, and returns its version id.
    pub fn put_object(&self, bucket: &str, key: &str, object: Option<Object>) -> String {
        let mut state = self.state();
        let put_at = state.now;
        let object = object.map(|object| Object { put_at, ..object });
        state.versions += 1;
        let version = format!("v{}", state.versions);
        state
            .objects
            .entry((bucket.into(), key.into()))
            .or_default()
            .push((version.clone(), object));
        version
    }

    /// Puts the bytes of the current version again and returns the new version id.
    ///
    /// # Panics
    /// There is no current version.
    pub fn put_again(&self, bucket: &str, key: &str) -> String {
        let object = self.state().current_with_etag(bucket, key);
        assert!(object.is_some(), "there is no {key}");
        self.put_object(bucket, key, object)
    }

    /// Carries out an operation, unless a test wants it to fail.
    fn operation<T>(
        &self,
        name: &'static str,
        operation: impl FnOnce(&mut MemoryState) -> T,
    ) -> Result<T, Unavailable> {
        let mut state = self.state();
        let calls = state.calls.entry(name).or_default();
        let call = *calls;
        *calls += 1;
        let failed = |reason: &str| Unavailable {
            what: name,
            source: reason.into(),
        };
        let is_cut_off = state.fail_from.get(name).is_some_and(|from| call >= *from);
        if is_cut_off || use_up(&mut state.fail_before, name) {
            return Err(failed("not carried out"));
        }
        let done = operation(&mut state);
        if use_up(&mut state.fail_after, name) {
            Err(failed("the response was lost"))
        } else {
            Ok(done)
        }
    }
}

/// Whether the operation is to fail, counting down.
fn use_up(counts: &mut BTreeMap<&'static str, u32>, name: &'static str) -> bool {
    match counts.get_mut(name) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        Some(_) | None => false,
    }
}

impl Clock for Memory {
    fn now(&self) -> Timestamp {
        self.state().now
    }
    fn random(&self) -> u64 {
        jobs::random::split_mix_64(&mut self.state().seed)
    }
}
