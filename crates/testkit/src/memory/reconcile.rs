//! The ports of the reconciler, in memory.

use std::collections::BTreeMap;

use super::objects::listed_versions;
use super::{Memory, MemoryState};
use jobs::id::{JobId, Timestamp};
use jobs::ports::{
    DeadLetter, DeadLetters, FailedEntries, Inventory, JobIndex, JobInput, ListedObject, Listing,
    ListingCursor, OpenJob, Queue, QueuePosition, QueuedJob, RecentJobs, ScheduledCheck,
    Unavailable, UploadQueue,
};
use jobs::submit::UploadEvent;

impl MemoryState {
    /// The index of open jobs by next check, in order.
    fn scheduled_checks(&self) -> Vec<ScheduledCheck> {
        let open = self.jobs.values().filter_map(|job| {
            let own = job.next_check_at()?;
            let next_check_at = match self.postponed.get(&job.id) {
                Some((version, until)) if *version == job.version => *until,
                Some(_) | None => own,
            };
            Some(ScheduledCheck {
                next_check_at,
                job: job.id,
            })
        });
        let mut checks: Vec<ScheduledCheck> = open.collect();
        checks.sort();
        checks
    }
}

impl RecentJobs for Memory {
    async fn recently_created(&self, shard: u8, limit: u16) -> Result<Vec<JobId>, Unavailable> {
        self.operation("recently_created", |state| {
            let jobs = state.jobs.values().filter(|job| job.id.shard() == shard);
            let mut newest: Vec<_> = jobs.map(|job| (job.created_at, job.id)).collect();
            newest.sort();
            let newest = newest.into_iter().rev().take(usize::from(limit));
            newest.map(|(_, id)| id).collect()
        })
    }
}

impl JobIndex for Memory {
    async fn due_by(
        &self,
        shard: u8,
        by: Timestamp,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Vec<ScheduledCheck>, Unavailable> {
        self.operation("due_by", |state| {
            let checks = state.scheduled_checks().into_iter();
            checks
                .filter(|due| due.job.shard() == shard && due.next_check_at <= by)
                .filter(|due| after.is_none_or(|after| *due > after))
                .take(usize::from(limit))
                .collect()
        })
    }

    async fn open_jobs(
        &self,
        shard: u8,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Listing<OpenJob, ScheduledCheck>, Unavailable> {
        self.operation("open_jobs", |state| {
            let checks = state.scheduled_checks().into_iter();
            let mut rest = checks
                .filter(|due| due.job.shard() == shard && after.is_none_or(|after| *due > after))
                .peekable();
            let page: Vec<ScheduledCheck> = rest.by_ref().take(usize::from(limit)).collect();
            let next = page.last().copied().filter(|_| rest.peek().is_some());
            let rows = page.iter().filter_map(|due| state.jobs.get(&due.job));
            Listing {
                items: rows.map(OpenJob::from).collect(),
                next,
            }
        })
    }

    async fn queued_jobs(
        &self,
        shard: u8,
        after: Option<QueuePosition>,
        limit: u16,
    ) -> Result<Listing<QueuedJob, QueuePosition>, Unavailable> {
        self.operation("queued_jobs", |state| {
            let mut queued: Vec<QueuedJob> = state
                .jobs
                .values()
                .filter(|job| job.id.shard() == shard)
                .filter_map(QueuedJob::of)
                .filter(|queued| after.is_none_or(|after| queued.position > after))
                .collect();
            queued.sort_by_key(|queued| queued.position);
            let has_more = queued.len() > usize::from(limit);
            queued.truncate(usize::from(limit));
            let next = queued.last().map(|queued| queued.position);
            Listing {
                items: queued,
                next: next.filter(|_| has_more),
            }
        })
    }

    async fn postpone(&self, due: ScheduledCheck, until: Timestamp) -> Result<(), Unavailable> {
        self.operation("postpone", |state| {
            if state.scheduled_checks().contains(&due) {
                let version = state.jobs.get(&due.job).map_or(0, |job| job.version);
                state.postponed.insert(due.job, (version, until));
            }
        })
    }

    async fn inputs_of(&self, ids: &[JobId]) -> Result<BTreeMap<JobId, JobInput>, Unavailable> {
        self.operation("inputs_of", |state| {
            let jobs = ids.iter().filter_map(|id| state.jobs.get(id));
            jobs.map(|job| (job.id, JobInput::from(job))).collect()
        })
    }
}

impl Inventory for Memory {
    async fn page(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&ListingCursor>,
        limit: u16,
    ) -> Result<Listing<ListedObject, ListingCursor>, Unavailable> {
        self.operation("page", |state| {
            // Newest first at each key, as S3 lists them.
            let all = state
                .objects
                .iter()
                .filter(|((b, key), _)| b == bucket && key.starts_with(prefix))
                .flat_map(|((_, key), versions)| {
                    let newest = versions.last().map(|(version, _)| version);
                    versions.iter().rev().map(move |(version, object)| {
                        (key, version, object, newest == Some(version))
                    })
                });
            let mut rest = all.skip_while(|(key, version, ..)| {
                after.is_some_and(|cursor| match &cursor.version {
                    None => **key <= cursor.key,
                    Some(last) => **key < cursor.key || (**key == cursor.key && *version != last),
                })
            });
            let is_at_cursor = after.is_some_and(|cursor| cursor.version.is_some());
            if is_at_cursor {
                rest.next();
            }
            let mut rest = rest.peekable();
            let mut page = Vec::new();
            let mut last = None;
            for (key, version, object, current) in rest.by_ref().take(usize::from(limit)) {
                last = Some(ListingCursor {
                    key: key.clone(),
                    version: Some(version.clone()),
                });
                if let (true, Some(object)) = (current, object) {
                    page.push(ListedObject {
                        key: key.clone(),
                        version: version.clone(),
                        etag: object.etag(version),
                        bytes: object.bytes,
                        put_at: object.put_at,
                        versions: Vec::new(),
                        has_all_versions: true,
                    });
                }
                if let (Some(object), Some(_)) = (page.last_mut(), object)
                    && object.key == *key
                {
                    let all = &state.objects[&(bucket.to_owned(), key.clone())];
                    let listed = listed_versions(all).into_iter();
                    object
                        .versions
                        .extend(listed.filter(|known| known.version == *version));
                }
            }
            let more = rest.peek().is_some();
            if let (Some(object), Some((next, ..))) = (page.last_mut(), rest.peek()) {
                object.has_all_versions = object.key != **next;
            }
            Listing {
                items: page,
                next: last.filter(|_| more),
            }
        })
    }

    async fn folders(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&ListingCursor>,
    ) -> Result<Listing<String, ListingCursor>, Unavailable> {
        self.operation("folders", |state| {
            let keys = state.objects.keys().filter(|(at, _)| at == bucket);
            let folders: std::collections::BTreeSet<String> = keys
                .filter(|(_, key)| after.is_none_or(|after| *key > after.key))
                .filter_map(|(_, key)| {
                    let (folder, _) = key.strip_prefix(prefix)?.split_once('/')?;
                    Some(format!("{prefix}{folder}/"))
                })
                .filter(|folder| after.is_none_or(|after| *folder > after.key))
                .collect();
            let more = folders.len() > FOLDERS_PAGE;
            let items: Vec<String> = folders.into_iter().take(FOLDERS_PAGE).collect();
            let next = items.last().filter(|_| more).map(|folder| ListingCursor {
                key: folder.clone(),
                version: None,
            });
            Listing { items, next }
        })
    }
}

/// How many folders are in a page: few, so that tests see several pages.
const FOLDERS_PAGE: usize = 3;

impl UploadQueue for Memory {
    async fn enqueue(&self, uploads: &[UploadEvent]) -> FailedEntries {
        let done = self.operation("enqueue", |state| {
            state.upload_events.extend_from_slice(uploads);
        });
        if done.is_ok() {
            FailedEntries::none()
        } else {
            FailedEntries::all(uploads.len())
        }
    }
}

impl DeadLetters for Memory {
    async fn receive(&self, queue: Queue) -> Result<Vec<DeadLetter>, Unavailable> {
        self.operation("receive", |state| {
            let here = state.dead_letters.iter().filter(|(at, _)| *at == queue);
            here.take(10).map(|(_, letter)| letter.clone()).collect()
        })
    }

    async fn redrive_letter(
        &self,
        queue: Queue,
        letter: &DeadLetter,
        dead_since: Timestamp,
    ) -> Result<(), Unavailable> {
        self.operation("redrive_letter", |state| {
            let sent = DeadLetter {
                dead_since: Some(dead_since),
                ..letter.clone()
            };
            state.redriven.push((queue, sent));
        })
    }

    async fn discard(&self, queue: Queue, letter: &DeadLetter) -> Result<(), Unavailable> {
        self.operation("discard", |state| {
            state
                .dead_letters
                .retain(|(at, known)| *at != queue || known.receipt != letter.receipt);
        })
    }
}
