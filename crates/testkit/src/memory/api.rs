//! The ports of the desk, in memory.

use super::{Memory, Object, World};
use api::ports::{
    JobList, JobListEntry, JobListKey, ObjectTransfers, QuarantineItem, QuarantineStore, TimeRange,
    UploadConstraints, UploadedPart,
};
use api::types::SignedRequest;
use jobs::id::{JobId, Location, Timestamp};
use jobs::job::Job;
use jobs::ports::{
    FailedEntries, KeyValueStore, LoadError, Record, RetryCommand, RetryCommandQueue, Unavailable,
};
use jobs::state::State;

impl KeyValueStore for Memory {
    async fn read(&self, folder: &str, name: &str) -> Result<Option<Record>, Unavailable> {
        self.attempt("read_document", |world| world.folders.read(folder, name))
    }

    async fn write(
        &self,
        folder: &str,
        name: &str,
        document: &Record,
    ) -> Result<bool, Unavailable> {
        self.attempt("write_document", |world| {
            world.folders.write(folder, name, document)
        })
    }

    async fn remove(&self, folder: &str, name: &str) -> Result<(), Unavailable> {
        self.attempt("remove_document", |world| {
            world.folders.remove(folder, name);
        })
    }

    async fn last(
        &self,
        folder: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Vec<(String, Record)>, Unavailable> {
        self.attempt("last_documents", |world| {
            world.folders.last(folder, before, limit)
        })
    }
}

fn place(list: &JobListKey, job: &Job) -> Option<JobListEntry> {
    let at = match list {
        JobListKey::OfTenant(tenant, class) => {
            (job.tenant == *tenant && job.state.status_group() == *class).then_some(job.created_at)
        }
        JobListKey::Failed(shard) => (job.id.shard() == *shard
            && matches!(job.state, State::Failed { .. }))
        .then_some(job.updated_at),
        JobListKey::Open(shard) => job.next_check_at().filter(|_| job.id.shard() == *shard),
    };
    Some(JobListEntry {
        at: at?,
        job: job.id,
    })
}

impl JobList for Memory {
    async fn places(
        &self,
        list: &JobListKey,
        span: TimeRange,
        limit: u16,
    ) -> Result<(Vec<JobListEntry>, bool), Unavailable> {
        self.attempt("places", |world| {
            let mut places: Vec<JobListEntry> = world
                .jobs
                .values()
                .filter_map(|job| place(list, job))
                .filter(|place| (span.from..=span.to).contains(&place.at))
                .collect();
            places.sort();
            if !matches!(list, JobListKey::Open(_)) {
                places.reverse();
            }
            let more = places.len() > usize::from(limit);
            places.truncate(usize::from(limit));
            (places, more)
        })
    }

    async fn rows(&self, ids: &[JobId]) -> Result<Vec<Job>, LoadError> {
        assert!(ids.len() <= 100, "at most a hundred rows are read at once");
        Ok(self.attempt("rows", |world| {
            let readable = ids.iter().filter(|id| !world.newer.contains(id));
            readable
                .filter_map(|id| world.jobs.get(id).cloned())
                .collect()
        })?)
    }
}

/// An upload in parts: where it goes, and what has arrived.
#[derive(Clone, Debug)]
pub struct MultipartUpload {
    /// Where the object will be.
    pub to: Location,
    /// Its parts.
    pub parts: Vec<UploadedPart>,
}

impl World {
    fn sign(&self, method: &str, what: &Location, rest: &str) -> SignedRequest {
        SignedRequest {
            method: method.to_owned(),
            url: format!("memory:{what}{rest}"),
            headers: vec![],
            expires_at: self.now.0 + 900_000,
        }
    }
}

impl ObjectTransfers for Memory {
    async fn sign_put(
        &self,
        to: &Location,
        terms: &UploadConstraints,
    ) -> Result<SignedRequest, Unavailable> {
        self.attempt("sign_put", |world| {
            world.sign("PUT", to, &format!("?bytes={}", terms.bytes))
        })
    }

    async fn sign_get(
        &self,
        from: &Location,
        name: &str,
        _content_type: &str,
    ) -> Result<SignedRequest, Unavailable> {
        self.attempt("sign_get", |world| {
            world.sign("GET", from, &format!("?name={name}"))
        })
    }

    async fn begin(
        &self,
        to: &Location,
        _terms: &UploadConstraints,
    ) -> Result<String, Unavailable> {
        self.attempt("begin", |world| {
            let name = format!("upload-{}", world.uploads.len());
            let upload = MultipartUpload {
                to: to.clone(),
                parts: vec![],
            };
            world.uploads.insert(name.clone(), upload);
            name
        })
    }

    async fn sign_part(
        &self,
        to: &Location,
        upload: &str,
        number: u32,
        bytes: u64,
    ) -> Result<SignedRequest, Unavailable> {
        self.attempt("sign_part", |world| {
            world.sign(
                "PUT",
                to,
                &format!("?upload={upload}&part={number}&bytes={bytes}"),
            )
        })
    }

    async fn arrived(
        &self,
        _to: &Location,
        upload: &str,
    ) -> Result<Option<Vec<UploadedPart>>, Unavailable> {
        self.attempt("arrived", |world| {
            world.uploads.get(upload).map(|upload| upload.parts.clone())
        })
    }

    async fn complete(
        &self,
        to: &Location,
        upload: &str,
        parts: &[UploadedPart],
    ) -> Result<(), Unavailable> {
        let begun = self.attempt("complete", |world| world.uploads.remove(upload))?;
        if begun.is_some() {
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

    async fn abort(&self, _to: &Location, upload: &str) -> Result<(), Unavailable> {
        self.attempt("abort", |world| {
            world.uploads.remove(upload);
        })
    }

    async fn delete(&self, object: &Location, version: &str) -> Result<(), Unavailable> {
        self.attempt("delete", |world| {
            let place = (object.bucket.clone(), object.key.clone());
            if let Some(versions) = world.objects.get_mut(&place) {
                versions.retain(|(known, _)| known != version);
                if versions.is_empty() {
                    world.objects.remove(&place);
                }
            }
        })
    }
}

impl World {
    fn kept_at(&self, source: &str, message_id: &str) -> Option<usize> {
        self.quarantine
            .iter()
            .position(|entry| entry.source == source && entry.message_id == message_id)
    }

    fn kept(&self, at: usize) -> QuarantineItem {
        let entry = self.quarantine[at].clone();
        let name = (entry.source.clone(), entry.message_id.clone());
        QuarantineItem {
            body_bytes: entry.body.len() as u64,
            replayed_at: self.replayed.get(&name).copied(),
            entry,
        }
    }
}

impl QuarantineStore for Memory {
    async fn kept(
        &self,
        after: Option<(&str, &str)>,
        limit: u16,
    ) -> Result<(Vec<QuarantineItem>, bool), Unavailable> {
        self.attempt("kept", |world| {
            let mut all: Vec<QuarantineItem> = (0..world.quarantine.len())
                .map(|at| world.kept(at))
                .collect();
            let name =
                |kept: &QuarantineItem| (kept.entry.source.clone(), kept.entry.message_id.clone());
            all.sort_by_key(name);
            let after = after.map(|(source, id)| (source.to_owned(), id.to_owned()));
            all.retain(|kept| after.as_ref().is_none_or(|after| name(kept) > *after));
            let more = all.len() > usize::from(limit);
            all.truncate(usize::from(limit));
            (all, more)
        })
    }

    async fn entry(
        &self,
        source: &str,
        message_id: &str,
    ) -> Result<Option<QuarantineItem>, Unavailable> {
        self.attempt("entry", |world| {
            world.kept_at(source, message_id).map(|at| world.kept(at))
        })
    }

    async fn mark(
        &self,
        source: &str,
        message_id: &str,
        at: Timestamp,
    ) -> Result<bool, Unavailable> {
        self.attempt("mark", |world| {
            let name = (source.to_owned(), message_id.to_owned());
            let marked = world.replayed.get(&name);
            let busy = marked.is_some_and(|marked| marked.0 + 60_000 > at.0);
            let free = world.kept_at(source, message_id).is_some() && !busy;
            if free {
                world.replayed.insert(name, at);
            }
            free
        })
    }

    async fn take_out(
        &self,
        source: &str,
        message_id: &str,
        marked: Option<Timestamp>,
    ) -> Result<(), Unavailable> {
        self.attempt("take_out", |world| {
            let name = (source.to_owned(), message_id.to_owned());
            let mark = world.replayed.get(&name).copied();
            if marked.is_some() && marked != mark {
                return;
            }
            if let Some(at) = world.kept_at(source, message_id) {
                world.quarantine.remove(at);
                world.replayed.remove(&name);
            }
        })
    }
}

impl RetryCommandQueue for Memory {
    async fn send_commands(&self, orders: &[(RetryCommand, u32)]) -> FailedEntries {
        match self.attempt("order", |world| world.orders.extend_from_slice(orders)) {
            Ok(()) => FailedEntries::none(),
            Err(_) => FailedEntries::all(orders.len()),
        }
    }
}
