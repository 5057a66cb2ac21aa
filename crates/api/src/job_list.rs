//! Lists of jobs: some places of one or more indexes, merged in their order, and the rows at them.
//!
//! One answer looks at no more than [`MOST_ROWS`] rows and asks each index at most a few times, however many jobs there
//! are. What it did not look at, the next page does.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::{ApiError, Principal};
use crate::ports::{JobList, JobListEntry, JobListKey, TimeRange};
use crate::types::{JobPage, JobQuery};
use jobs::id::{JobId, Tenant, Timestamp};
use jobs::job::Job;
use jobs::state::StatusGroup;
use jobs::view::JobView;

/// The most rows that are looked at for one answer.
pub const MOST_ROWS: usize = 500;
/// How many places of a list are asked for at once: the rows at them are one request.
const PAGE: u16 = 100;
/// The most jobs of one answer.
const MOST_JOBS: u16 = 100;
/// How many jobs an answer has if it is not said.
const JOBS: u16 = 50;
/// The most tenants that are listed together.
const MOST_TENANTS: usize = 10;

/// How far a list was looked through: up to this time, and of this very time these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    at: u64,
    seen: Vec<String>,
}

/// Indexes whose places are merged, all in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    lists: Vec<JobListKey>,
    span: TimeRange,
}

impl Source {
    /// The failed jobs of a tenant, or of all, within a span of time. The time is that of the failure, for a tenant that
    /// of the upload.
    pub fn failed(tenant: Option<&Tenant>, span: TimeRange) -> Self {
        let lists = match tenant {
            Some(tenant) => vec![JobListKey::OfTenant(tenant.clone(), StatusGroup::Failed)],
            None => (0..JobId::SHARDS).map(JobListKey::Failed).collect(),
        };
        Self { lists, span }
    }

    /// The open jobs of all tenants, by when somebody must look at them.
    pub fn open() -> Self {
        Self {
            lists: (0..JobId::SHARDS).map(JobListKey::Open).collect(),
            span: TimeRange::ALL,
        }
    }

    /// The jobs of some tenants.
    pub fn of_tenants<'a>(
        tenants: impl IntoIterator<Item = &'a Tenant>,
        classes: &[StatusGroup],
        span: TimeRange,
    ) -> Self {
        let of = |tenant: &Tenant| {
            let list = |class: &StatusGroup| JobListKey::OfTenant(tenant.clone(), *class);
            classes.iter().map(list).collect::<Vec<_>>()
        };
        Self {
            lists: tenants.into_iter().flat_map(of).collect(),
            span,
        }
    }

    fn ascends(&self) -> bool {
        matches!(self.lists.first(), Some(JobListKey::Open(_)))
    }

    /// A list of all tenants is one of people's documents.
    fn shows(&self, job: &Job) -> bool {
        let is_of_all = matches!(
            self.lists.first(),
            Some(JobListKey::Open(_) | JobListKey::Failed(_))
        );
        !(is_of_all && job.tenant.is_probe())
    }

    /// The next places in order, and whether these are all that are left.
    async fn next<P: JobList>(
        &self,
        ports: &P,
        from: Option<&Position>,
    ) -> Result<(Vec<JobListEntry>, bool), ApiError> {
        let mut span = self.span;
        let seen = from.map_or(0, |from| from.seen.len());
        if let Some(from) = from {
            let end = if self.ascends() {
                &mut span.from
            } else {
                &mut span.to
            };
            *end = Timestamp(from.at);
        }
        if span.from > span.to {
            return Ok((vec![], true));
        }
        let limit = PAGE + u16::try_from(seen).unwrap_or(PAGE);
        let pages = self
            .lists
            .iter()
            .map(|list| ports.places(list, span, limit));
        let pages: Vec<(Vec<JobListEntry>, bool)> = try_join_all(pages).await?;
        // A list that has more says nothing about what comes after its last place.
        let more = pages.iter().filter(|(_, more)| *more);
        let ends = more.filter_map(|(page, _)| page.last().map(|last| last.at));
        let frontier = if self.ascends() {
            ends.min()
        } else {
            ends.max()
        };
        let is_new = |place: &JobListEntry| from.is_none_or(|from| !from.has_seen(place));
        let within = |place: &JobListEntry| match frontier {
            Some(frontier) if self.ascends() => place.at <= frontier,
            Some(frontier) => place.at >= frontier,
            None => true,
        };
        let mut places: Vec<JobListEntry> = pages
            .into_iter()
            .flat_map(|(page, _)| page)
            .filter(|place| within(place) && is_new(place))
            .collect();
        places.sort();
        if !self.ascends() {
            places.reverse();
        }
        Ok((places, frontier.is_none()))
    }
}

/// Some jobs and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The jobs, in the order of the list.
    pub jobs: Vec<Job>,
    /// Where to go on; none at the end of the list.
    pub next: Option<Position>,
    /// The time of the last place that was looked at; none if there was none.
    pub looked_to: Option<Timestamp>,
}

/// Looks through a list until `limit` jobs are found that `wanted` wants, or `most` rows were looked at.
///
/// # Errors
/// If something does not answer.
pub async fn look_through<P: JobList>(
    ports: &P,
    source: &Source,
    from: Option<Position>,
    limit: usize,
    most: usize,
    wanted: impl Fn(&Job) -> bool,
) -> Result<Found, ApiError> {
    let mut position = from;
    let mut jobs = Vec::new();
    let mut looked_at = 0;
    let mut looked_to = None;
    // A job that is moved meanwhile, from one class or time to another, may stand in two places.
    let mut once = BTreeSet::new();
    loop {
        let (places, is_end) = source.next(ports, position.as_ref()).await?;
        // A page has more places than were seen of its time, so that there is always a new one until the end.
        let is_end = is_end || places.is_empty();
        let mut rest = places.as_slice();
        while !rest.is_empty() {
            // At first as many rows as are wanted; if some were not, as many as one request can have.
            let page = if looked_at == 0 {
                limit.min(usize::from(PAGE))
            } else {
                usize::from(PAGE)
            };
            let count = rest.len().min(page).min(most - looked_at);
            let (chunk, after) = rest.split_at(count);
            rest = after;
            let ids: Vec<JobId> = chunk.iter().map(|place| place.job).collect();
            let rows = ports.rows(&ids).await?;
            for place in chunk {
                let row = rows.iter().find(|row| row.id == place.job);
                let row = row.filter(|row| source.shows(row) && wanted(row) && once.insert(row.id));
                jobs.extend(row.cloned());
                looked_at += 1;
                looked_to = Some(place.at);
                position = Some(Position::after(position.take(), place));
                if jobs.len() >= limit || looked_at >= most {
                    let at_end = is_end && rest.is_empty() && chunk.last() == Some(place);
                    return Ok(Found {
                        jobs,
                        next: position.filter(|_| !at_end),
                        looked_to,
                    });
                }
            }
        }
        if is_end {
            return Ok(Found {
                jobs,
                next: None,
                looked_to,
            });
        }
    }
}

impl Position {
    /// Eight hex digits of an id tell the few hundred jobs of one moment apart, and keep a cursor short enough for a URL.
    fn short(job: JobId) -> String {
        job.to_string().chars().take(8).collect()
    }

    fn has_seen(&self, place: &JobListEntry) -> bool {
        place.at.0 == self.at && self.seen.contains(&Self::short(place.job))
    }

    fn after(before: Option<Self>, place: &JobListEntry) -> Self {
        let id = Self::short(place.job);
        match before {
            Some(mut before) if before.at == place.at.0 => {
                before.seen.push(id);
                before
            }
            Some(_) | None => Self {
                at: place.at.0,
                seen: vec![id],
            },
        }
    }
}

/// Lists jobs as `query` asks, as far as the person may see them. Answers the page without its cursor, and where to go on.
///
/// # Errors
/// If the question makes no sense, or something does not answer.
pub async fn list<P: JobList>(
    ports: &P,
    principal: &Principal,
    query: &JobQuery,
    from: Option<Position>,
) -> Result<(JobPage, Option<Position>), ApiError> {
    let source = source(principal, query)?;
    let limit = match query.limit {
        None => JOBS,
        Some(limit) if (1..=MOST_JOBS).contains(&limit) => limit,
        Some(_) => {
            return Err(ApiError::BadRequest(format!(
                "limit is 1 to {MOST_JOBS} jobs"
            )));
        }
    };
    let of_all = principal.is_support() && query.tenant.is_none();
    let wanted = |job: &Job| principal.sees(job) && matches(job, query, of_all);
    let found = look_through(ports, &source, from, usize::from(limit), MOST_ROWS, wanted).await?;
    let page = JobPage {
        jobs: found.jobs.iter().map(JobView::from).collect(),
        searched_back_to: found
            .looked_to
            // Open jobs of all tenants are listed by when to look at them, which lies ahead.
            .filter(|_| found.next.is_some() && !source.ascends())
            .map(|at| at.0),
        ..JobPage::default()
    };
    Ok((page, found.next))
}

fn source(principal: &Principal, query: &JobQuery) -> Result<Source, ApiError> {
    let class = match query.status.as_deref() {
        None => None,
        Some(name) => Some(
            StatusGroup::ALL
                .into_iter()
                .find(|class| class.name() == name)
                .ok_or_else(|| {
                    ApiError::BadRequest(format!(
                        "status {name:?} is none of open, ready, failed, cancelled"
                    ))
                })?,
        ),
    };
    let span = TimeRange {
        from: Timestamp(query.since.unwrap_or(0)),
        ..TimeRange::ALL
    };
    let classes = match class {
        Some(class) => vec![class],
        None => StatusGroup::ALL.to_vec(),
    };
    if query.tenant.is_none() && principal.is_support() {
        return match class {
            Some(StatusGroup::Failed) => Ok(Source::failed(None, span)),
            Some(StatusGroup::Open) => Ok(Source::open()),
            Some(StatusGroup::Ready | StatusGroup::Cancelled) | None => Err(ApiError::BadRequest(
                "of all tenants, only open or failed jobs can be listed; name the tenant, or the status: open or failed"
                    .to_owned(),
            )),
        };
    }
    let all = query.tenant.is_none() && principal.tenants.len() <= MOST_TENANTS;
    if all {
        return Ok(Source::of_tenants(&principal.tenants, &classes, span));
    }
    let tenant = principal.tenant(query.tenant.as_deref())?;
    Ok(Source::of_tenants([&tenant], &classes, span))
}

/// Whether a row is what the question asks for. The lists it came from may have been a moment behind.
fn matches(job: &Job, query: &JobQuery, of_all: bool) -> bool {
    let is = |asked: &Option<String>, has: &str| asked.as_deref().is_none_or(|asked| asked == has);
    let cause = job.failure().map_or("", |failure| failure.cause.name());
    let begins = |prefix: &String| {
        job.input
            .display_name()
            .to_lowercase()
            .starts_with(&prefix.to_lowercase())
    };
    is(&query.status, job.state.status_group().name())
        && is(&query.pipeline, &job.pipeline)
        && is(&query.cause, cause)
        && query.q.as_ref().is_none_or(begins)
        && query.since.is_none_or(|since| time(job, of_all).0 >= since)
}

/// The time that `since` is about: when the job was made, or if failed jobs of all tenants are listed, when it failed.
fn time(job: &Job, of_all: bool) -> Timestamp {
    match job.state.status_group() {
        StatusGroup::Failed if of_all => job.updated_at,
        StatusGroup::Failed | StatusGroup::Open | StatusGroup::Ready | StatusGroup::Cancelled => {
            job.created_at
        }
    }
}
