//! The ports that only the reconciler uses.

use std::collections::BTreeMap;

use jobs::expected_work;
use jobs::id::{JobId, Timestamp};
use jobs::ports::FailedEntries;
use jobs::ports::Listing;
use jobs::ports::{
    DeadLetter, DeadLetters, Inventory, JobIndex, JobInput, KeyValueStore, ListedObject,
    ListingCursor, OpenJob, Queue, QueuePosition, QueuedJob, Record, ScheduledCheck, Unavailable,
    UploadQueue,
};
use jobs::release_window;
use jobs::submit::UploadEvent;

use super::call::Ports;
use crate::bucket::upload_event;
use crate::checks::feed;
use crate::fault::FaultKind;
use crate::message::{MessageKind, QueueMessage, send};
use crate::mistake::Mistake;
use crate::pauses;
use crate::simulation::Simulation;
use crate::tamper;

impl JobIndex for Ports {
    async fn due_by(
        &self,
        shard: u8,
        by: Timestamp,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Vec<ScheduledCheck>, Unavailable> {
        self.call("due by", |Simulation { table, env, .. }| {
            table.due_by(env, shard, by, after, limit)
        })
        .await
    }

    async fn open_jobs(
        &self,
        shard: u8,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Listing<OpenJob, ScheduledCheck>, Unavailable> {
        self.call("open jobs", |simulation| {
            simulation.open_jobs(shard, after, limit)
        })
        .await
    }

    async fn queued_jobs(
        &self,
        shard: u8,
        from: u64,
        after: Option<QueuePosition>,
        limit: u16,
    ) -> Result<Listing<QueuedJob, QueuePosition>, Unavailable> {
        self.call("queued jobs", |Simulation { table, env, .. }| {
            table.queued_jobs(env, shard, from, after, limit)
        })
        .await
    }

    async fn postpone(&self, due: ScheduledCheck, until: Timestamp) -> Result<(), Unavailable> {
        self.call("postpone", |Simulation { table, env, .. }| {
            table.postpone(env, due, until);
        })
        .await
    }

    async fn inputs_of(&self, ids: &[JobId]) -> Result<BTreeMap<JobId, JobInput>, Unavailable> {
        self.call("inputs of", |Simulation { table, .. }| {
            let rows = ids.iter().filter_map(|id| table.row(*id));
            rows.map(|row| (row.job.id, JobInput::from(&*row.job)))
                .collect()
        })
        .await
    }
}

impl Inventory for Ports {
    async fn page(
        &self,
        _: &str,
        prefix: &str,
        after: Option<&ListingCursor>,
        _: u16,
    ) -> Result<Listing<ListedObject, ListingCursor>, Unavailable> {
        self.call("list versions", |simulation| {
            // The complete scan lists pipelines' prefixes, the recent scan the folders of tenants.
            let is_complete = prefix.matches('/').count() == 1;
            if simulation.env.has(Mistake::InventoryScanSkipped)
                || (is_complete && simulation.env.has(Mistake::CompleteScanSkipped))
            {
                return Listing {
                    items: vec![],
                    next: None,
                };
            }
            let mut page = simulation.bucket.page(prefix, after);
            if simulation.env.has(Mistake::OlderSameBytesCount) {
                for object in &mut page.items {
                    tamper::hide_what_was_between(&mut object.versions, &object.etag);
                }
            }
            page
        })
        .await
    }

    async fn folders(
        &self,
        _: &str,
        prefix: &str,
        after: Option<&ListingCursor>,
    ) -> Result<Listing<String, ListingCursor>, Unavailable> {
        self.call("list folders", |Simulation { bucket, env, .. }| {
            let is_skipped = env.has(Mistake::InventoryScanSkipped);
            let items = if is_skipped {
                vec![]
            } else {
                bucket.folders(prefix, after)
            };
            Listing { items, next: None }
        })
        .await
    }
}

impl UploadQueue for Ports {
    async fn enqueue(&self, uploads: &[UploadEvent]) -> FailedEntries {
        let sent = self
            .call("resend upload event", |simulation| {
                let mut rejected = Vec::new();
                for (index, upload) in uploads.iter().enumerate() {
                    if simulation.env.strikes(FaultKind::BatchCut) {
                        rejected.push(index);
                        continue;
                    }
                    let version = upload.version.clone().unwrap_or_default();
                    let body = upload_event(&upload.key, &version, &upload.etag, upload.bytes);
                    if !simulation.env.has(Mistake::ResentUploadEventsLost) {
                        let message = QueueMessage::new(body, MessageKind::Upload);
                        simulation.plan([send(Queue::Uploads, 20, message)]);
                    }
                }
                rejected.into_iter().collect()
            })
            .await;
        sent.unwrap_or_else(|_| FailedEntries::all(uploads.len()))
    }
}

impl DeadLetters for Ports {
    async fn receive(&self, queue: Queue) -> Result<Vec<DeadLetter>, Unavailable> {
        self.call("receive", |Simulation { queues, env, .. }| {
            queues.receive_dead_letters(env, queue)
        })
        .await
    }

    async fn redrive_letter(
        &self,
        queue: Queue,
        letter: &DeadLetter,
        dead_since: Timestamp,
    ) -> Result<(), Unavailable> {
        self.call("redrive", |simulation| {
            let message = simulation.queues.redrive(queue, letter, dead_since);
            simulation.plan([message]);
        })
        .await
    }

    async fn discard(&self, queue: Queue, letter: &DeadLetter) -> Result<(), Unavailable> {
        self.call("discard", |Simulation { queues, .. }| {
            queues.discard(queue, letter);
        })
        .await
    }
}

impl KeyValueStore for Ports {
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Record>, Unavailable> {
        self.call("get record", |simulation| {
            let is_submit = simulation.functions.current_is("upload-trigger");
            let is_hidden = is_submit
                && collection.starts_with("upload#")
                && simulation.env.has(Mistake::UploadSessionsNotFound);
            let found = simulation.records.get(collection, key);
            if collection == pauses::COLLECTION {
                let found = found.map(|record| simulation.without_lost_windows(record));
                return simulation.seen_pauses(found);
            }
            if collection == expected_work::COLLECTION {
                return simulation.seen_learned_work(key, found);
            }
            found.filter(|_| !is_hidden)
        })
        .await
    }

    async fn put(&self, collection: &str, key: &str, record: &Record) -> Result<bool, Unavailable> {
        if collection.starts_with("feed") {
            let put = |Simulation { records, env, .. }: &mut Simulation| {
                feed::put(env, records, collection, key, record)
            };
            return self.call("put record", put).await;
        }
        self.call("put record", |simulation| {
            let Simulation { records, env, .. } = &mut *simulation;
            let forgetful = tamper::without_waiting_events(env, collection, record)
                .or_else(|| tamper::without_previous_secrets(env, collection, record));
            let record = forgetful.as_ref().unwrap_or(record);
            let is_changed_session = collection.starts_with("upload#") && record.revision > 1;
            let is_dropped = match env.mistake {
                Some(Mistake::AuditSkipped) => collection == "audit",
                Some(Mistake::UploadSessionNotErased) => is_changed_session,
                Some(Mistake::UsageNotStored) => collection.starts_with("usage#2"),
                Some(Mistake::NewSecretNotStored) => {
                    tamper::is_rotation(records, collection, key, record)
                }
                _ => false,
            };
            if collection == pauses::COLLECTION {
                if simulation.keeps_breaker_open(record) {
                    return true;
                }
                let is_stored = simulation.records.put(collection, key, record);
                if is_stored {
                    simulation.pauses_stored(record);
                    simulation.breakers_stored(record);
                }
                return is_stored;
            }
            if collection == release_window::COLLECTION {
                return simulation.store_turns(key, record);
            }
            is_dropped || records.put(collection, key, record)
        })
        .await
    }

    async fn delete(&self, collection: &str, key: &str) -> Result<(), Unavailable> {
        self.call("delete record", |simulation| {
            let Simulation { records, env, .. } = simulation;
            if collection != "data-deletion" || !env.has(Mistake::DeletionStaysUnfinished) {
                records.delete(collection, key);
            }
        })
        .await
    }

    async fn list_descending(
        &self,
        collection: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Vec<(String, Record)>, Unavailable> {
        self.call("list records", |simulation| {
            let Simulation { records, env, .. } = simulation;
            if collection == "plan-active" && env.has(Mistake::ActivePlansForgotten) {
                return vec![];
            }
            records.list_descending(collection, before, limit)
        })
        .await
    }
}
