//! Scans one or more indexes in order and loads the rows of their entries.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use crate::ApiError;
use crate::ports::{JobList, JobListEntry, JobListKey, Page, TimeRange};
use jobs::id::{JobId, Tenant, Timestamp};
use jobs::job::Job;
use jobs::state::StatusGroup;

/// How many entries of a list one query reads: their rows are one request.
const ENTRIES_PER_QUERY: u16 = 100;

/// How far a scan has come: up to this time, and which jobs of exactly this time it has examined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobListPosition {
    at: u64,
    examined: Vec<String>,
}

/// The indexes that a scan merges. All of them are sorted in the same direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobScan {
    lists: Vec<JobListKey>,
    range: TimeRange,
}

impl JobScan {
    /// The failed jobs of a tenant, or of all tenants. The range is about the time of the failure, for one tenant about
    /// the time the job was created.
    pub fn failed(tenant: Option<&Tenant>, range: TimeRange) -> Self {
        let lists = match tenant {
            Some(tenant) => vec![JobListKey::OfTenant(tenant.clone(), StatusGroup::Failed)],
            None => (0..JobId::SHARDS).map(JobListKey::Failed).collect(),
        };
        Self { lists, range }
    }

    /// The open jobs of all tenants: first by the time of their next check, then the queued ones by tenant, oldest first.
    pub fn open() -> Self {
        let lists_of = |shard| [JobListKey::Open(shard), JobListKey::Queued(shard)];
        Self {
            lists: (0..JobId::SHARDS).flat_map(lists_of).collect(),
            // The positions of queued jobs are larger than any time.
            range: TimeRange {
                to: Timestamp(u64::MAX),
                ..TimeRange::ALL
            },
        }
    }

    /// All jobs, newest first.
    pub fn created(range: TimeRange) -> Self {
        let lists = (0..JobId::SHARDS).map(JobListKey::Created).collect();
        Self { lists, range }
    }

    /// The jobs of some tenants in some status groups.
    pub fn of_tenants<'a>(
        tenants: impl IntoIterator<Item = &'a Tenant>,
        status_groups: &[StatusGroup],
        range: TimeRange,
    ) -> Self {
        let lists_of = |tenant: &Tenant| {
            let list = |group: &StatusGroup| JobListKey::OfTenant(tenant.clone(), *group);
            status_groups.iter().map(list).collect::<Vec<_>>()
        };
        Self {
            lists: tenants.into_iter().flat_map(lists_of).collect(),
            range,
        }
    }

    /// The jobs of some tenants with a reference.
    pub fn of_reference<'a>(
        tenants: impl IntoIterator<Item = &'a Tenant>,
        reference: &str,
        range: TimeRange,
    ) -> Self {
        let list = |tenant: &Tenant| JobListKey::OfReference(tenant.clone(), reference.to_owned());
        Self {
            lists: tenants.into_iter().map(list).collect(),
            range,
        }
    }

    /// The jobs of a batch of some tenants.
    pub fn of_batch<'a>(
        tenants: impl IntoIterator<Item = &'a Tenant>,
        batch: &str,
        range: TimeRange,
    ) -> Self {
        let list = |tenant: &Tenant| JobListKey::OfBatch(tenant.clone(), batch.to_owned());
        Self {
            lists: tenants.into_iter().map(list).collect(),
            range,
        }
    }

    pub(super) fn is_ascending(&self) -> bool {
        self.lists.first().is_some_and(JobListKey::is_ascending)
    }

    /// Lists of all tenants leave out the service's own test documents. A job that the circuit breaker holds is in both lists
    /// of open jobs; it is shown where it was queued.
    fn includes(&self, entry: &JobListEntry, job: &Job) -> bool {
        let is_open = matches!(self.lists.first(), Some(JobListKey::Open(_)));
        let is_all_tenants = is_open || matches!(self.lists.first(), Some(JobListKey::Failed(_)));
        let is_queued_elsewhere = |position| position != entry.at.0;
        let is_second = is_open && job.queue_position().is_some_and(is_queued_elsewhere);
        !(is_second || is_all_tenants && job.tenant.is_probe())
    }

    /// The next entries in order, and whether there are more after them.
    async fn next_entries<P: JobList>(
        &self,
        ports: &P,
        from: Option<&JobListPosition>,
    ) -> Result<Page<JobListEntry>, ApiError> {
        let mut range = self.range;
        let examined = from.map_or(0, |from| from.examined.len());
        if let Some(from) = from {
            let end = if self.is_ascending() {
                &mut range.from
            } else {
                &mut range.to
            };
            *end = Timestamp(from.at);
        }
        if range.from > range.to {
            return Ok(Page {
                items: vec![],
                more: false,
            });
        }
        let limit = ENTRIES_PER_QUERY + u16::try_from(examined).unwrap_or(ENTRIES_PER_QUERY);
        let queries = self
            .lists
            .iter()
            .map(|list| ports.list_entries(list, range, limit));
        let pages: Vec<Page<JobListEntry>> = try_join_all(queries).await?;
        // Nothing is known about what follows the last entry of a list that has more.
        let incomplete = pages.iter().filter(|page| page.more);
        let ends = incomplete.filter_map(|page| page.items.last().map(|last| last.at));
        let frontier = if self.is_ascending() {
            ends.min()
        } else {
            ends.max()
        };
        let is_new = |entry: &JobListEntry| from.is_none_or(|from| !from.has_examined(entry));
        let is_within = |entry: &JobListEntry| match frontier {
            Some(frontier) if self.is_ascending() => entry.at <= frontier,
            Some(frontier) => entry.at >= frontier,
            None => true,
        };
        let mut entries: Vec<JobListEntry> = pages
            .into_iter()
            .flat_map(|page| page.items)
            .filter(|entry| is_within(entry) && is_new(entry))
            .collect();
        entries.sort();
        if !self.is_ascending() {
            entries.reverse();
        }
        Ok(Page {
            items: entries,
            more: frontier.is_some(),
        })
    }
}

/// The jobs that a scan has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanResult {
    /// In the order of the list.
    pub jobs: Vec<Job>,
    /// Where to continue; `None` at the end of the list.
    pub next: Option<JobListPosition>,
    /// The time of the last examined entry; `None` if there was none.
    pub examined_to: Option<Timestamp>,
}

/// Scans until `limit` jobs satisfy `is_match` or `max_examined` rows were examined.
///
/// # Errors
/// If a dependency does not answer.
pub async fn scan_jobs<P: JobList>(
    ports: &P,
    scan: &JobScan,
    from: Option<JobListPosition>,
    limit: usize,
    max_examined: usize,
    // Not generic: each list would be another copy of this function in the binary.
    is_match: &dyn Fn(&Job) -> bool,
) -> Result<ScanResult, ApiError> {
    let mut position = from;
    let mut jobs = Vec::new();
    let mut examined = 0;
    let mut examined_to = None;
    // A job that changes its status group or time during the scan may be in two entries.
    let mut returned = BTreeSet::new();
    loop {
        let entries = scan.next_entries(ports, position.as_ref()).await?;
        // A query reads more entries than were examined of its time, so it has a new one unless the list ends.
        let is_end = !entries.more || entries.items.is_empty();
        let mut rest = entries.items.as_slice();
        while !rest.is_empty() {
            // The first request loads as many rows as are wanted; later ones, after non-matching rows, a full batch.
            let batch = if examined == 0 {
                limit.min(usize::from(ENTRIES_PER_QUERY))
            } else {
                usize::from(ENTRIES_PER_QUERY)
            };
            let count = rest.len().min(batch).min(max_examined - examined);
            let (chunk, after) = rest.split_at(count);
            rest = after;
            // A job that a circuit breaker holds has two entries, and a request names no row twice.
            let ids: BTreeSet<JobId> = chunk.iter().map(|entry| entry.job).collect();
            let rows = ports.get_jobs(&Vec::from_iter(ids)).await?;
            for entry in chunk {
                let row = rows.iter().find(|row| row.id == entry.job).filter(|row| {
                    scan.includes(entry, row) && is_match(row) && returned.insert(row.id)
                });
                jobs.extend(row.cloned());
                examined += 1;
                examined_to = Some(entry.at);
                position = Some(JobListPosition::after(position.take(), entry));
                if jobs.len() >= limit || examined >= max_examined {
                    let at_end = is_end && rest.is_empty() && chunk.last() == Some(entry);
                    return Ok(ScanResult {
                        jobs,
                        next: position.filter(|_| !at_end),
                        examined_to,
                    });
                }
            }
        }
        if is_end {
            return Ok(ScanResult {
                jobs,
                next: None,
                examined_to,
            });
        }
    }
}

impl JobListPosition {
    /// Eight hex digits of an id distinguish the few hundred jobs of one millisecond, and keep a cursor short enough for
    /// a URL.
    fn short_id(job: JobId) -> String {
        job.to_string().chars().take(8).collect()
    }

    fn has_examined(&self, entry: &JobListEntry) -> bool {
        entry.at.0 == self.at && self.examined.contains(&Self::short_id(entry.job))
    }

    fn after(before: Option<Self>, entry: &JobListEntry) -> Self {
        let id = Self::short_id(entry.job);
        match before {
            Some(mut before) if before.at == entry.at.0 => {
                before.examined.push(id);
                before
            }
            Some(_) | None => Self {
                at: entry.at.0,
                examined: vec![id],
            },
        }
    }
}
