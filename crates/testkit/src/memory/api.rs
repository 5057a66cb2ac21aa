//! The ports of the API, in memory.

use std::collections::BTreeSet;

use super::{Memory, MemoryState, Object};
use api::ports::{
    JobList, JobListEntry, JobListKey, MarksStore, ObjectTransfers, Page, QuarantineStore,
    SignedDownload, StoredMessage, TimeRange, UploadConstraints, UploadedPart,
};
use api::types::SignedRequest;
use jobs::id::{JobId, Location, Timestamp};
use jobs::job::Job;
use jobs::marks::Marks;
use jobs::ports::{
    DelayedMessage, FailedEntries, KeyValueStore, LoadError, Record, RetryCommand,
    RetryCommandQueue, Unavailable,
};
use jobs::queue_position;
use jobs::state::State;

impl KeyValueStore for Memory {
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Record>, Unavailable> {
        self.operation("get_record", |state| state.records.get(collection, key))
    }

    async fn put(&self, collection: &str, key: &str, record: &Record) -> Result<bool, Unavailable> {
        self.operation("put_record", |state| {
            state.records.put(collection, key, record)
        })
    }

    async fn delete(&self, collection: &str, key: &str) -> Result<(), Unavailable> {
        self.operation("delete_record", |state| {
            state.records.delete(collection, key);
        })
    }

    async fn list_descending(
        &self,
        collection: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Vec<(String, Record)>, Unavailable> {
        self.operation("list_records", |state| {
            state.records.list_descending(collection, before, limit)
        })
    }
}

fn entry(list: &JobListKey, job: &Job) -> Option<JobListEntry> {
    let at = match list {
        JobListKey::OfTenant(tenant, status_group) => (job.tenant == *tenant
            && job.state.status_group() == *status_group)
            .then_some(job.created_at),
        JobListKey::Created(shard) | JobListKey::CreatedOldestFirst(shard) => {
            (job.id.shard() == *shard).then_some(job.created_at)
        }
        JobListKey::Failed(shard) => (job.id.shard() == *shard
            && matches!(job.state, State::Failed { .. }))
        .then_some(job.updated_at),
        JobListKey::OfReference(tenant, reference) => (job.tenant == *tenant
            && job.input.labels.reference.as_ref() == Some(reference))
        .then_some(job.created_at),
        JobListKey::OfBatch(tenant, batch) => (job.tenant == *tenant
            && job.input.labels.batch.as_ref() == Some(batch))
        .then_some(job.created_at),
        JobListKey::Open(shard) => job.next_check_at().filter(|_| job.id.shard() == *shard),
        JobListKey::Queued(shard) => {
            let position = job.queue_position().map(Timestamp);
            position.filter(|_| queue_position::shard(&job.pipeline) == *shard)
        }
    };
    Some(JobListEntry {
        at: at?,
        job: job.id,
    })
}

impl JobList for Memory {
    async fn list_entries(
        &self,
        list: &JobListKey,
        range: TimeRange,
        limit: u16,
    ) -> Result<Page<JobListEntry>, Unavailable> {
        self.operation("list_entries", |state| {
            let mut items: Vec<JobListEntry> = state
                .jobs
                .values()
                .filter_map(|job| entry(list, job))
                .filter(|entry| (range.from..=range.to).contains(&entry.at))
                .collect();
            items.sort();
            if !list.is_ascending() {
                items.reverse();
            }
            let more = items.len() > usize::from(limit);
            items.truncate(usize::from(limit));
            Page { items, more }
        })
    }

    async fn get_jobs(&self, ids: &[JobId]) -> Result<Vec<Job>, LoadError> {
        assert!(ids.len() <= 100, "at most 100 rows are read at once");
        let distinct: BTreeSet<&JobId> = ids.iter().collect();
        assert_eq!(
            distinct.len(),
            ids.len(),
            "BatchGetItem refuses a key that it gets twice"
        );
        Ok(self.operation("get_jobs", |state| {
            state.rows_read += ids.len();
            let readable = ids.iter().filter(|id| !state.newer_schema.contains(id));
            readable
                .filter_map(|id| {
                    state
                        .lagging_rows
                        .get(id)
                        .or_else(|| state.jobs.get(id))
                        .cloned()
                })
                .collect()
        })?)
    }
}

impl MarksStore for Memory {
    async fn save_marks(&self, id: JobId, marks: &Marks) -> Result<bool, Unavailable> {
        self.operation("save_marks", |state| {
            let job = state.jobs.get_mut(&id).filter(|job| !job.is_erased());
            let Some(job) = job else {
                return false;
            };
            let revision = job.marks.as_ref().map_or(0, |stored| stored.revision);
            if revision + 1 == marks.revision {
                job.marks = Some(Box::new(marks.clone()));
            }
            job.marks.as_deref() == Some(marks)
        })
    }
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Clone, Debug)]
pub struct MultipartUpload {
    pub to: Location,
    pub parts: Vec<UploadedPart>,
}

impl MemoryState {
    fn sign(&self, method: &str, what: &Location, rest: &str) -> SignedRequest {
        SignedRequest {
            method: method.to_owned(),
            url: format!("memory:{what}{rest}"),
            headers: std::collections::BTreeMap::new(),
            expires_at: self.now.0 + 900_000,
        }
    }
}

impl ObjectTransfers for Memory {
    async fn sign_put(
        &self,
        to: &Location,
        constraints: &UploadConstraints,
    ) -> Result<SignedRequest, Unavailable> {
        self.operation("sign_put", |state| {
            state.sign("PUT", to, &format!("?bytes={}", constraints.bytes))
        })
    }

    async fn sign_get(
        &self,
        from: &Location,
        download: &SignedDownload<'_>,
    ) -> Result<SignedRequest, Unavailable> {
        self.operation("sign_get", |state| {
            let (version, name) = (download.version.unwrap_or("current"), download.name);
            let disposition = download.disposition;
            let rest = format!("?version={version}&{disposition:?}={name}");
            state.sign("GET", from, &rest)
        })
    }

    async fn create_multipart_upload(
        &self,
        to: &Location,
        _constraints: &UploadConstraints,
    ) -> Result<String, Unavailable> {
        self.operation("create_multipart_upload", |state| {
            let name = format!("upload-{}", state.multipart_uploads.len());
            let upload = MultipartUpload {
                to: to.clone(),
                parts: vec![],
            };
            state.multipart_uploads.insert(name.clone(), upload);
            name
        })
    }

    async fn sign_upload_part(
        &self,
        to: &Location,
        upload_id: &str,
        part_number: u32,
        bytes: u64,
    ) -> Result<SignedRequest, Unavailable> {
        self.operation("sign_upload_part", |state| {
            state.sign(
                "PUT",
                to,
                &format!("?upload={upload_id}&part={part_number}&bytes={bytes}"),
            )
        })
    }

    async fn list_parts(
        &self,
        _to: &Location,
        upload_id: &str,
    ) -> Result<Option<Vec<UploadedPart>>, Unavailable> {
        self.operation("list_parts", |state| {
            state
                .multipart_uploads
                .get(upload_id)
                .map(|upload| upload.parts.clone())
        })
    }

    async fn complete_multipart_upload(
        &self,
        to: &Location,
        upload_id: &str,
        parts: &[UploadedPart],
    ) -> Result<(), Unavailable> {
        let upload = self.operation("complete_multipart_upload", |state| {
            state.multipart_uploads.remove(upload_id)
        })?;
        if upload.is_some() {
            let object = Object {
                content: b"%PDF-1.7".to_vec(),
                bytes: parts.iter().map(|part| part.bytes).sum(),
                multipart: true,
                ..Object::default()
            };
            self.put_object(&to.bucket, &to.key, Some(object));
        }
        Ok(())
    }

    async fn abort_multipart_upload(
        &self,
        _to: &Location,
        upload_id: &str,
    ) -> Result<(), Unavailable> {
        self.operation("abort_multipart_upload", |state| {
            state.multipart_uploads.remove(upload_id);
        })
    }
}

impl MemoryState {
    fn message_index(&self, source: &str, message_id: &str) -> Option<usize> {
        self.quarantine
            .iter()
            .position(|entry| entry.source == source && entry.message_id == message_id)
    }

    fn stored_message(&self, index: usize) -> StoredMessage {
        let message = self.quarantine[index].clone();
        let name = (message.source.clone(), message.message_id.clone());
        StoredMessage {
            body_bytes: message.body.len() as u64,
            redriven_at: self.redriven_at.get(&name).copied(),
            message,
        }
    }
}

impl QuarantineStore for Memory {
    async fn list_messages(
        &self,
        after: Option<(&str, &str)>,
        limit: u16,
    ) -> Result<Page<StoredMessage>, Unavailable> {
        self.operation("list_messages", |state| {
            let mut items: Vec<StoredMessage> = (0..state.quarantine.len())
                .map(|index| state.stored_message(index))
                .collect();
            let name = |stored: &StoredMessage| {
                (
                    stored.message.source.clone(),
                    stored.message.message_id.clone(),
                )
            };
            items.sort_by_key(name);
            let after = after.map(|(source, id)| (source.to_owned(), id.to_owned()));
            items.retain(|stored| after.as_ref().is_none_or(|after| name(stored) > *after));
            let more = items.len() > usize::from(limit);
            items.truncate(usize::from(limit));
            Page { items, more }
        })
    }

    async fn get_message(
        &self,
        source: &str,
        message_id: &str,
    ) -> Result<Option<StoredMessage>, Unavailable> {
        self.operation("get_message", |state| {
            state
                .message_index(source, message_id)
                .map(|index| state.stored_message(index))
        })
    }

    async fn mark_redriven(
        &self,
        source: &str,
        message_id: &str,
        at: Timestamp,
    ) -> Result<bool, Unavailable> {
        self.operation("mark_redriven", |state| {
            let name = (source.to_owned(), message_id.to_owned());
            let last = state.redriven_at.get(&name);
            let is_recent = last.is_some_and(|last| last.0 + 60_000 > at.0);
            let may_replay = state.message_index(source, message_id).is_some() && !is_recent;
            if may_replay {
                state.redriven_at.insert(name, at);
            }
            may_replay
        })
    }

    async fn remove_message(
        &self,
        source: &str,
        message_id: &str,
        redriven_at: Option<Timestamp>,
    ) -> Result<(), Unavailable> {
        self.operation("remove_message", |state| {
            let name = (source.to_owned(), message_id.to_owned());
            let last = state.redriven_at.get(&name).copied();
            if redriven_at.is_some() && redriven_at != last {
                return;
            }
            if let Some(index) = state.message_index(source, message_id) {
                state.quarantine.remove(index);
                state.redriven_at.remove(&name);
            }
        })
    }
}

impl RetryCommandQueue for Memory {
    async fn send_commands(&self, commands: &[DelayedMessage<RetryCommand>]) -> FailedEntries {
        match self.operation("send_commands", |state| {
            state.retry_commands.extend_from_slice(commands);
        }) {
            Ok(()) => FailedEntries::none(),
            Err(_) => FailedEntries::all(commands.len()),
        }
    }
}
