//! The ports of the reconciler, in memory.

use std::collections::BTreeMap;

use super::{Memory, World};
use jobs::id::{JobId, Timestamp};
use jobs::ports::{
    DeadLetter, DeadLetters, FailedEntries, Inventory, JobIndex, ListedObject, Listing,
    ListingCursor, OpenJob, Queue, ScheduledCheck, Unavailable, UploadQueue,
};
use jobs::submit::UploadEvent;

impl World {
    /// The index of open jobs, in order.
    fn dues(&self) -> Vec<ScheduledCheck> {
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
        let mut dues: Vec<ScheduledCheck> = open.collect();
        dues.sort();
        dues
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
        self.attempt("due_by", |world| {
            let dues = world.dues().into_iter();
            dues.filter(|due| due.job.shard() == shard && due.next_check_at <= by)
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
        self.attempt("open_jobs", |world| {
            let dues = world.dues().into_iter();
            let mut rest = dues
                .filter(|due| due.job.shard() == shard && after.is_none_or(|after| *due > after))
                .peekable();
            let page: Vec<ScheduledCheck> = rest.by_ref().take(usize::from(limit)).collect();
            let next = page.last().copied().filter(|_| rest.peek().is_some());
            let rows = page.iter().filter_map(|due| world.jobs.get(&due.job));
            Listing {
                items: rows.map(OpenJob::from).collect(),
                next,
            }
        })
    }

    async fn postpone(&self, due: ScheduledCheck, until: Timestamp) -> Result<(), Unavailable> {
        self.attempt("postpone", |world| {
            if world.dues().contains(&due) {
                let version = world.jobs.get(&due.job).map_or(0, |job| job.version);
                world.postponed.insert(due.job, (version, until));
            }
        })
    }

    async fn versions_of(&self, ids: &[JobId]) -> Result<BTreeMap<JobId, String>, Unavailable> {
        self.attempt("versions_of", |world| {
            let jobs = ids.iter().filter_map(|id| world.jobs.get(id));
            jobs.map(|job| (job.id, job.input.version.clone()))
                .collect()
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
        self.attempt("page", |world| {
            // Newest first at each key, as S3 lists them.
            let all = world
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
                after.is_some_and(|mark| match &mark.version {
                    None => **key <= mark.key,
                    Some(last) => **key < mark.key || (**key == mark.key && *version != last),
                })
            });
            let at_mark = after.is_some_and(|mark| mark.version.is_some());
            if at_mark {
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
                    let parts = if object.multipart { "-3" } else { "" };
                    page.push(ListedObject {
                        key: key.clone(),
                        version: version.clone(),
                        etag: format!("etag{parts}"),
                        bytes: object.bytes,
                        put_at: object.put_at,
                    });
                }
            }
            let more = rest.peek().is_some();
            Listing {
                items: page,
                next: last.filter(|_| more),
            }
        })
    }
}

impl UploadQueue for Memory {
    async fn enqueue(&self, uploads: &[UploadEvent]) -> FailedEntries {
        let done = self.attempt("announce", |world| {
            world.announced.extend_from_slice(uploads);
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
        self.attempt("receive", |world| {
            let here = world.dead_letters.iter().filter(|(at, _)| *at == queue);
            here.take(10).map(|(_, letter)| letter.clone()).collect()
        })
    }

    async fn redrive_letter(
        &self,
        queue: Queue,
        letter: &DeadLetter,
        dead_since: Timestamp,
    ) -> Result<(), Unavailable> {
        self.attempt("send_back", |world| {
            let sent = DeadLetter {
                dead_since: Some(dead_since),
                ..letter.clone()
            };
            world.redriven.push((queue, sent));
        })
    }

    async fn discard(&self, queue: Queue, letter: &DeadLetter) -> Result<(), Unavailable> {
        self.attempt("discard", |world| {
            world
                .dead_letters
                .retain(|(at, known)| *at != queue || known.receipt != letter.receipt);
        })
    }
}
