//! The response to a page's `sync`: registers the connection, and reads the jobs that the page lacks.
//!
//! A page that has synced before says what it knows. The response then holds only what differs, and a sync after which
//! nothing has changed reads the keys of three lists and a few rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use jobs::effects::ALL_TENANTS;
use jobs::error::MessageError;
use jobs::id::{JobId, Tenant};
use jobs::job::Job;
use jobs::ports::{Connection, Connections, JobStore, LoadError, Unavailable};
use jobs::state::StatusGroup;
use jobs::view::PushMessage;
use serde::Deserialize;

use crate::ports::{JobList, JobListKey, TimeRange};

/// How many jobs of each status group a snapshot reads.
const SNAPSHOT_LIMITS: [(StatusGroup, u16); 3] = [
    (StatusGroup::Open, 50),
    (StatusGroup::Failed, 20),
    (StatusGroup::Ready, 50),
];
/// How many known jobs a sync may list. The rest is ignored.
pub const MAX_KNOWN_JOBS: usize = 200;
/// How many of the known jobs have their rows read although their status group has not changed: the first ones. A page
/// names them in turn.
pub const MAX_CHECKED_JOBS: usize = 12;
/// How many rows are read at once.
const MAX_ROWS_PER_READ: usize = 100;

/// What a page already has.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The `mark` of the last snapshot. Without it, everything is sent.
    pub mark: Option<String>,
    /// The jobs that the page shows.
    pub known: Vec<KnownJob>,
}

/// A job as a page has it: its id, its version, the name of its status group, and the revision of its marks, 0 without any.
#[derive(Clone, Debug, Deserialize)]
pub struct KnownJob(pub String, pub u64, pub String, #[serde(default)] pub u64);

/// The newest entries of a tenant's list of one status group.
struct ListedJobs {
    status_group: StatusGroup,
    /// Newest first.
    ids: Vec<JobId>,
    /// Whether the list goes on.
    more: bool,
}

/// Registers the connection, then reads the snapshot. In this order a change between the two is pushed to the
/// connection; in the other order it would be missed.
///
/// # Errors
/// If the connection cannot be registered or the table cannot be read. The page tries again.
pub async fn sync<P: Connections + JobStore + JobList>(
    ports: &P,
    connection: &Connection,
    known: &Known,
) -> Result<PushMessage, MessageError> {
    ports.register(connection).await?;
    if connection.subscription == ALL_TENANTS {
        // Support pages read their lists through the API, which pages and filters. The connection only gets changes.
        return Ok(PushMessage::snapshot(&[], false, true, None));
    }
    let tenant: Tenant = connection.subscription.parse().map_err(|_| {
        MessageError::NotOurs(format!("{:?} is not a tenant", connection.subscription))
    })?;
    Ok(match &known.mark {
        None => full_snapshot(ports, connection, &tenant).await?,
        Some(mark) => changes(ports, connection, &tenant, mark, &known.known).await?,
    })
}

/// The newest jobs of each status group.
async fn full_snapshot<P: JobStore>(
    ports: &P,
    connection: &Connection,
    tenant: &Tenant,
) -> Result<PushMessage, LoadError> {
    let mut windows = Vec::new();
    let mut jobs: Vec<Job> = Vec::new();
    for (status_group, limit) in SNAPSHOT_LIMITS {
        let newest = ports
            .newest(tenant, status_group, usize::from(limit))
            .await?;
        windows.push(ListedJobs {
            status_group,
            ids: newest.jobs.iter().map(|job| job.id).collect(),
            more: newest.more,
        });
        // A job that has just changed its status group may be in two lists for a moment.
        for job in newest.jobs {
            let is_visible = connection.shows(job.input.uploaded_by.as_deref());
            if is_visible && !jobs.iter().any(|known| known.id == job.id) {
                jobs.push(job);
            }
        }
    }
    let more = windows.iter().any(|window| window.more);
    Ok(PushMessage::snapshot(
        &jobs,
        !connection.hides_contents,
        more,
        Some(mark(&windows)),
    ))
}

/// The jobs that a page lacks or has in an older version, or with older marks.
///
/// A job that is new or has changed its status group changes the keys of the lists, and is found at once. A change
/// within a status group is found when the page names the job among the first [`MAX_CHECKED_JOBS`].
async fn changes<P: JobList>(
    ports: &P,
    connection: &Connection,
    tenant: &Tenant,
    known_mark: &str,
    known_jobs: &[KnownJob],
) -> Result<PushMessage, LoadError> {
    let known: Vec<(JobId, u64, &str)> = known_jobs
        .iter()
        .take(MAX_KNOWN_JOBS)
        .filter_map(|KnownJob(id, version, group, _)| {
            Some((id.parse().ok()?, *version, group.as_str()))
        })
        .collect();
    let windows = windows(ports, tenant).await?;
    let mark = mark(&windows);
    let mut wanted: BTreeSet<JobId> = known
        .iter()
        .take(MAX_CHECKED_JOBS)
        .map(|(id, ..)| *id)
        .collect();
    let groups: HashMap<JobId, &str> = known.iter().map(|(id, _, group)| (*id, *group)).collect();
    let is_changed = mark != known_mark;
    // The status group in which each changed job must be; `None` if it only must have left the open ones.
    let mut moved: BTreeMap<JobId, Option<StatusGroup>> = BTreeMap::new();
    if is_changed {
        for window in &windows {
            let unlike = |id: &&JobId| groups.get(id) != Some(&window.status_group.name());
            let ids = window.ids.iter().filter(unlike);
            moved.extend(ids.map(|id| (*id, Some(window.status_group))));
        }
        moved.extend(left_open(&windows, &known).map(|id| (id, None)));
        wanted.extend(moved.keys());
    }
    let jobs = rows(ports, &wanted).await?;
    // The rows are read eventually consistently, so one may be older than the lists or missing, and an older release leaves
    // out those of a newer one. Without a mark the page asks again.
    let is_settled = moved.iter().all(|(id, group)| {
        let row = jobs.iter().find(|job| job.id == *id);
        let is_in = row.map(|job| job.state.status_group());
        match group {
            Some(group) => is_in == Some(*group),
            None => is_in != Some(StatusGroup::Open),
        }
    });
    let is_visible =
        |job: &&Job| job.tenant == *tenant && connection.shows(job.input.uploaded_by.as_deref());
    let visible: Vec<&Job> = jobs.iter().filter(is_visible).collect();
    let has_gap = is_changed
        && windows
            .iter()
            .any(|window| has_gap(window, &visible, &groups));
    let has_older = |job: &Job| {
        let mut all = known_jobs.iter().take(MAX_KNOWN_JOBS);
        let revision = job.marks.as_ref().map_or(0, |marks| marks.revision);
        let id = job.id.to_string();
        all.find(|known| known.0 == id)
            .is_none_or(|known| known.1 < job.version || known.3 < revision)
    };
    let mut newer: Vec<Job> = visible
        .into_iter()
        .filter(|job| has_older(job))
        .cloned()
        .collect();
    newer.sort_by_key(|job| std::cmp::Reverse((job.created_at, job.id)));
    Ok(PushMessage::snapshot(
        &newer,
        !connection.hides_contents,
        has_gap,
        is_settled.then_some(mark),
    ))
}

async fn windows<P: JobList>(ports: &P, tenant: &Tenant) -> Result<Vec<ListedJobs>, Unavailable> {
    let mut windows = Vec::new();
    for (status_group, limit) in SNAPSHOT_LIMITS {
        let list = JobListKey::OfTenant(tenant.clone(), status_group);
        let page = ports.list_entries(&list, TimeRange::ALL, limit).await?;
        windows.push(ListedJobs {
            status_group,
            ids: page.items.iter().map(|entry| entry.job).collect(),
            more: page.more,
        });
    }
    Ok(windows)
}

/// Jobs that the page shows as open and that are open no more.
fn left_open<'a>(
    windows: &'a [ListedJobs],
    known: &'a [(JobId, u64, &str)],
) -> impl Iterator<Item = JobId> + 'a {
    let open = windows
        .iter()
        .find(|window| window.status_group == StatusGroup::Open && !window.more);
    known
        .iter()
        .filter(move |(id, _, group)| {
            *group == StatusGroup::Open.name() && open.is_some_and(|open| !open.ids.contains(id))
        })
        .map(|(id, ..)| *id)
}

/// Whether the page may lack jobs that are older than the window: it does not know the window's oldest job that it may
/// see.
fn has_gap(window: &ListedJobs, visible: &[&Job], groups: &HashMap<JobId, &str>) -> bool {
    if !window.more {
        return false;
    }
    let is_known = |id: &JobId| groups.contains_key(id);
    let may_see = |id: &&JobId| is_known(id) || visible.iter().any(|job| job.id == **id);
    let oldest = window.ids.iter().rfind(may_see);
    !oldest.is_some_and(is_known)
}

async fn rows<P: JobList>(ports: &P, ids: &BTreeSet<JobId>) -> Result<Vec<Job>, LoadError> {
    let ids: Vec<JobId> = ids.iter().copied().collect();
    let mut jobs = Vec::with_capacity(ids.len());
    for ids in ids.chunks(MAX_ROWS_PER_READ) {
        jobs.extend(ports.get_jobs(ids).await?);
    }
    Ok(jobs)
}

/// A text that changes when a job enters or leaves a window.
fn mark(windows: &[ListedJobs]) -> String {
    let mut hasher = DefaultHasher::new();
    for window in windows {
        // Jobs of the same millisecond have no order in an index.
        window.ids.iter().collect::<BTreeSet<_>>().hash(&mut hasher);
        window.more.hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}
