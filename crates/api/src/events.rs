//! The feed of events, for programs.

use jobs::id::{Tenant, Timestamp};
use jobs::ports::{Clock, KeyValueStore, Sleep};
use std::time::Duration;

use super::{ApiError, Permission, Principal};
use crate::feed::{self, FeedError, FeedEvent, FeedPosition, MAX_EVENTS_PER_PAGE, RETENTION_DAYS};
use crate::types::{EventPage, EventQuery, EventView};

/// How long a request may wait for an event. API Gateway gives up after 30 s (its quotas, "HTTP API integration timeout"), the
/// function after 29, and the last read of the feed may take 8.
pub const MAX_WAIT_SECONDS: u16 = 20;
/// How often a waiting request reads the head of the feed: five read units in [`MAX_WAIT_SECONDS`], the first read included.
const READ_INTERVAL: Duration = Duration::from_secs(5);

/// The tenant of a request about the whole tenant: its feed, its webhooks, its usage.
///
/// # Errors
/// If the principal does not have the permission, or has no access to the tenant.
pub fn tenant(
    principal: &Principal,
    permission: Permission,
    named: Option<&str>,
) -> Result<Tenant, ApiError> {
    principal.must(permission)?;
    principal.tenant(permission, named)
}

/// The events after a position, or from a time on. Waits for an event if the query says so and there is none. The caller adds
/// the cursor, of the returned position.
///
/// # Errors
/// [`ApiError::Gone`] if events after the position have expired.
pub async fn list<P: KeyValueStore + Clock + Sleep>(
    ports: &P,
    tenant: &Tenant,
    query: &EventQuery,
    since: Option<FeedPosition>,
) -> Result<(EventPage, FeedPosition), ApiError> {
    let limit = query.limit.unwrap_or(MAX_EVENTS_PER_PAGE);
    if !(1..=MAX_EVENTS_PER_PAGE).contains(&limit) {
        return Err(ApiError::BadRequest(format!(
            "limit: 1 to {MAX_EVENTS_PER_PAGE}"
        )));
    }
    let wait = query.wait.unwrap_or(0);
    if wait > MAX_WAIT_SECONDS {
        return Err(ApiError::BadRequest(format!(
            "wait: at most {MAX_WAIT_SECONDS} seconds"
        )));
    }
    if since.is_some() && query.from.is_some() {
        return Err(ApiError::BadRequest(
            "since and from exclude each other".to_owned(),
        ));
    }
    let after = match since {
        Some(position) => position,
        None => {
            let from = Timestamp(query.from.unwrap_or(0));
            feed::position_at(ports, tenant, from).await?
        }
    };
    let mut page = feed::read(ports, tenant, &after, limit).await?;
    let mut left = Duration::from_secs(wait.into());
    while page.events.is_empty() && !left.is_zero() {
        let pause = READ_INTERVAL.min(left);
        ports.sleep(pause).await;
        left -= pause;
        page = feed::read(ports, tenant, &after, limit).await?;
    }
    let last = page.events.last().map(FeedPosition::from);
    let last = last.unwrap_or_else(|| after.clone());
    let view = EventPage {
        tenant: tenant.to_string(),
        count: u16::try_from(page.events.len()).unwrap_or(u16::MAX),
        events: page.events.iter().map(EventView::from).collect(),
        previous_hash: after.hash,
        sequence: last.sequence,
        hash: last.hash.clone(),
        end_sequence: page.end.sequence,
        end_hash: page.end.hash,
        cursor: String::new(),
    };
    Ok((view, last))
}

impl From<&FeedEvent> for EventView {
    fn from(event: &FeedEvent) -> Self {
        Self {
            sequence: event.sequence,
            id: event.event.id(),
            event_type: event.event.event_type,
            job_id: event.event.job.to_string(),
            version: event.event.version,
            recorded_at: event.recorded_at.0,
            hash: event.hash.clone(),
        }
    }
}

impl From<FeedError> for ApiError {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Unavailable(error) => error.into(),
            FeedError::Expired(_) => Self::Gone(format!(
                "events after this position have expired, since events are kept for {RETENTION_DAYS} days; compare your jobs with GET /jobs, and start again without since"
            )),
            FeedError::NotContinued(sequence) => Self::Gone(format!(
                "the feed does not continue after sequence {sequence}: it was restored from a backup; compare your jobs with GET /jobs, and start again without since"
            )),
            FeedError::Contended | FeedError::Leased | FeedError::Unreadable(_) => {
                tracing::error!(problem = %error, "a feed was not read");
                Self::Unavailable("try again in a moment".to_owned())
            }
        }
    }
}
