//! The ports of the reconciler over the simulated cloud.

use std::collections::BTreeMap;

use async_endpoint::Millis;
use jobs::backlog::Backlog;
use jobs::id::{JobId, Timestamp};
use jobs::ports::{
    DeadLetter, DeadLetters, Inventory, JobIndex, KeyValueStore, ListedObject, ListingCursor,
    OpenJob, Queue, Record, ScheduledCheck, Unavailable, UploadQueue,
};
use jobs::submit::UploadEvent;

use crate::bucket::announcement;
use crate::fault::Fault;
use crate::mistake::Mistake;
use crate::ports::Ports;
use crate::queue::{Kind, Message};
use crate::world::{HOUR, MINUTE, SECOND, START, World};

/// How long a dead letter that was received is not shown again: `INVISIBLE_SECONDS` of the AWS adapter.
const INVISIBLE: u64 = 3 * MINUTE;
/// S3 may return fewer versions than were asked for.
const VERSIONS: usize = 5;

impl JobIndex for Ports {
    async fn due_by(
        &self,
        shard: u8,
        by: Timestamp,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Vec<ScheduledCheck>, Unavailable> {
        self.call("due by", |world| {
            if world.made(Mistake::NoWakeUps) {
                return vec![];
            }
            let lag = if world.strikes(Fault::IndexLags) {
                world.between(0, 2 * SECOND)
            } else {
                0
            };
            let known_at = world.now.saturating_sub(lag);
            let rows = &world.table.rows;
            let dues = world
                .table
                .wake
                .iter()
                .take_while(|(next_check_at, _)| *next_check_at <= by.0)
                .filter(|(_, id)| id.shard() == shard)
                .filter(|(_, id)| rows.get(id).is_some_and(|row| row.saved_at <= known_at))
                .map(|(next_check_at, id)| ScheduledCheck {
                    next_check_at: Timestamp(*next_check_at),
                    job: *id,
                });
            dues.filter(|due| after.is_none_or(|after| *due > after))
                .take(usize::from(limit.min(2)))
                .collect()
        })
        .await
    }

    async fn open_jobs(
        &self,
        shard: u8,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<(Vec<OpenJob>, Option<ScheduledCheck>), Unavailable> {
        self.call("open jobs", |world| {
            let place = |(next_check_at, id): &(u64, JobId)| ScheduledCheck {
                next_check_at: Timestamp(*next_check_at),
                job: *id,
            };
            let mut rest = world
                .table
                .wake
                .iter()
                .map(place)
                .filter(|due| due.job.shard() == shard && after.is_none_or(|after| *due > after))
                .peekable();
            let page: Vec<ScheduledCheck> = rest.by_ref().take(usize::from(limit.min(3))).collect();
            let next = page.last().copied().filter(|_| rest.peek().is_some());
            let rows = page.iter().filter_map(|due| world.table.rows.get(&due.job));
            (rows.map(|row| OpenJob::from(&row.job)).collect(), next)
        })
        .await
    }

    async fn postpone(&self, due: ScheduledCheck, until: Timestamp) -> Result<(), Unavailable> {
        self.call("postpone", |world| {
            let for_good = world.made(Mistake::PostponedForGood);
            let until = if for_good {
                until.0 + 21 * 24 * HOUR
            } else {
                until.0
            };
            world.table.postpone(due.job, due.next_check_at.0, until);
        })
        .await
    }

    async fn versions_of(&self, ids: &[JobId]) -> Result<BTreeMap<JobId, String>, Unavailable> {
        self.call("versions of", |world| {
            let rows = ids.iter().filter_map(|id| world.table.rows.get(id));
            rows.map(|row| (row.job.id, row.job.input.version.clone()))
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
    ) -> Result<(Vec<ListedObject>, Option<ListingCursor>), Unavailable> {
        self.call("list versions", |world| {
            if world.made(Mistake::NoSweep) {
                return (vec![], None);
            }
            list(world, prefix, after)
        })
        .await
    }
}

fn list(
    world: &World,
    prefix: &str,
    after: Option<&ListingCursor>,
) -> (Vec<ListedObject>, Option<ListingCursor>) {
    let from = after.map_or(prefix, |mark| mark.key.as_str());
    let mut page = Vec::new();
    let mut count = 0;
    let keys = world.bucket.objects.range(from.to_owned()..);
    for (key, versions) in keys.take_while(|(key, _)| key.starts_with(prefix)) {
        // S3 goes on behind a version; to go on behind a key says the same with fewer cases.
        if after.is_some_and(|mark| mark.key == *key) {
            continue;
        }
        if let Some((version, object)) = world.bucket.current(key) {
            page.push(ListedObject {
                key: key.clone(),
                version: version.id.clone(),
                etag: "5d41402abc4b2a76b9719d911017c592".to_owned(),
                bytes: object.bytes,
                put_at: Timestamp(START + version.at),
            });
        }
        count += versions.len();
        if count >= VERSIONS {
            let mark = ListingCursor {
                key: key.clone(),
                version: None,
            };
            return (page, Some(mark));
        }
    }
    (page, None)
}

impl UploadQueue for Ports {
    async fn enqueue(&self, uploads: &[UploadEvent]) -> Vec<usize> {
        let sent = self
            .call("announce", |world| {
                let mut failed = Vec::new();
                for (at, upload) in uploads.iter().enumerate() {
                    if world.strikes(Fault::BatchCut) {
                        failed.push(at);
                        continue;
                    }
                    let version = upload.version.clone().unwrap_or_default();
                    let body = announcement(&upload.key, &version, upload.bytes);
                    if !world.made(Mistake::AnnouncementsForgotten) {
                        world.send(Queue::Uploads, 20, Message::new(body, Kind::Upload));
                    }
                }
                failed
            })
            .await;
        sent.unwrap_or_else(|_| (0..uploads.len()).collect())
    }
}

impl DeadLetters for Ports {
    async fn receive(&self, queue: Queue) -> Result<Vec<DeadLetter>, Unavailable> {
        self.call("receive", |world| {
            if world.made(Mistake::DeadLettersForgotten) {
                return vec![];
            }
            let once = world.made(Mistake::DeadLettersReceivedOnce);
            let now = world.now;
            let dead = &mut world.queues.get(queue).dead;
            let mut letters = Vec::new();
            for held in dead
                .iter_mut()
                .filter(|held| held.visible_at <= now)
                .take(10)
            {
                held.visible_at = now + INVISIBLE;
                let message = &held.message;
                letters.push(DeadLetter {
                    first_id: message
                        .first_id
                        .clone()
                        .unwrap_or_else(|| format!("m{}", held.id)),
                    dead_since: message.dead_since,
                    body: message.body.clone(),
                    trace_id: None,
                    receipt: held.id.to_string(),
                });
            }
            if once {
                dead.retain(|held| held.visible_at <= now);
            }
            letters
        })
        .await
    }

    async fn redrive_letter(
        &self,
        queue: Queue,
        letter: &DeadLetter,
        dead_since: Timestamp,
    ) -> Result<(), Unavailable> {
        self.call("send back", |world| {
            let dead = &world.queues.get(queue).dead;
            let known = dead.iter().find(|held| held.receipt_is(&letter.receipt));
            let kind = known.map_or(Kind::Replayed, |held| held.message.kind.clone());
            let message = Message {
                first_id: Some(letter.first_id.clone()),
                dead_since: Some(dead_since),
                ..Message::new(letter.body.clone(), kind)
            };
            world.send(queue, 20, message);
        })
        .await
    }

    async fn discard(&self, queue: Queue, letter: &DeadLetter) -> Result<(), Unavailable> {
        self.call("discard", |world| {
            let dead = &mut world.queues.get(queue).dead;
            dead.retain(|held| !held.receipt_is(&letter.receipt));
        })
        .await
    }
}

impl KeyValueStore for Ports {
    async fn read(&self, folder: &str, name: &str) -> Result<Option<Record>, Unavailable> {
        self.call("read_document", |world| world.folders.read(folder, name))
            .await
    }

    async fn write(
        &self,
        folder: &str,
        name: &str,
        document: &Record,
    ) -> Result<bool, Unavailable> {
        self.call("write_document", |world| {
            world.folders.write(folder, name, document)
        })
        .await
    }

    async fn remove(&self, folder: &str, name: &str) -> Result<(), Unavailable> {
        self.call("remove_document", |world| {
            world.folders.remove(folder, name);
        })
        .await
    }

    async fn last(
        &self,
        folder: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Vec<(String, Record)>, Unavailable> {
        self.call("last_documents", |world| {
            world.folders.last(folder, before, limit)
        })
        .await
    }
}

impl World {
    /// The reconciler has counted the open jobs: the metric of which the endpoints' scaling makes use.
    pub(crate) fn open_jobs_counted(&mut self, open: &BTreeMap<String, Backlog>) {
        for at in 0..self.endpoints.len() {
            let hosted = &mut self.endpoints[at];
            if let Some(tally) = open.get(&hosted.pipeline) {
                let count = u32::try_from(tally.open).unwrap_or(u32::MAX);
                hosted.model.report_open_jobs(Millis(self.now), count);
            }
            self.drive(at);
        }
    }
}
