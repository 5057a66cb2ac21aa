//! Reads a feed.

use futures_util::{StreamExt, TryStreamExt, stream};
use jobs::id::{Tenant, Timestamp};
use jobs::ports::{Clock, KeyValueStore};
use serde::{Deserialize, Serialize};

use super::{
    EVENTS_PER_SEGMENT, FIRST_HASH, FeedError, FeedEvent, HEAD_KEY, StoredEvents, head_collection,
    segment_collection, segment_key,
};

pub const MAX_EVENTS_PER_PAGE: u16 = 100;
/// A page of the maximum size touches eleven segments.
const CONCURRENT_READS: usize = 11;

/// A position in a feed: the last event that a reader has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedPosition {
    /// 0 before the first event.
    pub sequence: u64,
    pub hash: String,
}

impl FeedPosition {
    /// Before the first event.
    pub fn start() -> Self {
        Self {
            sequence: 0,
            hash: FIRST_HASH.to_owned(),
        }
    }
}

impl From<&FeedEvent> for FeedPosition {
    fn from(event: &FeedEvent) -> Self {
        Self {
            sequence: event.sequence,
            hash: event.hash.clone(),
        }
    }
}

/// Events after a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    pub events: Vec<FeedEvent>,
    /// The position of the feed's last event.
    pub end: FeedPosition,
}

async fn head<P: KeyValueStore>(ports: &P, tenant: &Tenant) -> Result<StoredEvents, FeedError> {
    let record = ports.get(&head_collection(tenant), HEAD_KEY).await?;
    let head = record.map(|record| StoredEvents::parse(&record.body));
    head.transpose().map(Option::unwrap_or_default)
}

/// The position of the last of a head's events.
fn end_of(head: &StoredEvents, events: &[FeedEvent]) -> FeedPosition {
    events.last().map_or_else(
        || FeedPosition {
            sequence: head.before,
            hash: head.hash.clone(),
        },
        FeedPosition::from,
    )
}

/// The position of the feed's last event.
///
/// # Errors
/// If the feed cannot be read.
pub async fn end<P: KeyValueStore>(ports: &P, tenant: &Tenant) -> Result<FeedPosition, FeedError> {
    let head = head(ports, tenant).await?;
    Ok(end_of(&head, &head.events()?))
}

/// The sequence of the feed's last event; 0 if it has none.
///
/// # Errors
/// If the feed cannot be read.
pub async fn end_sequence<P: KeyValueStore>(ports: &P, tenant: &Tenant) -> Result<u64, FeedError> {
    Ok(head(ports, tenant).await?.end())
}

/// At most `limit` events after a position, and at most [`MAX_EVENTS_PER_PAGE`].
///
/// # Errors
/// [`FeedError::Expired`] if events after the position have expired, [`FeedError::NotContinued`] if the feed does not have
/// the position's event.
pub async fn read<P: KeyValueStore + Clock>(
    ports: &P,
    tenant: &Tenant,
    after: &FeedPosition,
    limit: u16,
) -> Result<FeedPage, FeedError> {
    let head = head(ports, tenant).await?;
    let newest = head.events()?;
    let end = end_of(&head, &newest);
    if after.sequence > end.sequence {
        return Err(FeedError::NotContinued(after.sequence));
    }
    let until = end
        .sequence
        .min(after.sequence + u64::from(limit.min(MAX_EVENTS_PER_PAGE)));
    let first = after.sequence / EVENTS_PER_SEGMENT;
    let last = until.min(head.before).div_ceil(EVENTS_PER_SEGMENT);
    let stored: Vec<StoredEvents> = stream::iter(first..last)
        .map(async |number| {
            let found = segment(ports, tenant, number).await?;
            found.ok_or(FeedError::Expired(after.sequence))
        })
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await?;
    let mut parts = Vec::with_capacity(stored.len() + 1);
    for segment in stored {
        let events = segment.events()?;
        parts.push((segment, events));
    }
    if until >= head.before {
        parts.push((head, newest));
    }
    let mut events = Vec::new();
    let mut is_continued = after.sequence == 0 && after.hash == FIRST_HASH;
    for (part, in_part) in parts {
        is_continued |= part.before == after.sequence && part.hash == after.hash;
        for event in in_part {
            is_continued |= event.sequence == after.sequence && event.hash == after.hash;
            if event.sequence > after.sequence && event.sequence <= until {
                events.push(event);
            }
        }
    }
    if !is_continued {
        return Err(FeedError::NotContinued(after.sequence));
    }
    Ok(FeedPage { events, end })
}

/// The event with this sequence; `None` if there is none, or if it has expired.
///
/// # Errors
/// If the feed cannot be read.
pub async fn event<P: KeyValueStore + Clock>(
    ports: &P,
    tenant: &Tenant,
    sequence: u64,
) -> Result<Option<FeedEvent>, FeedError> {
    let Some(before) = sequence.checked_sub(1) else {
        return Ok(None);
    };
    let head = head(ports, tenant).await?;
    let stored = if before >= head.before {
        Some(head)
    } else {
        segment(ports, tenant, before / EVENTS_PER_SEGMENT).await?
    };
    let events = stored.map(|stored| stored.events()).transpose()?;
    let mut events = events.into_iter().flatten();
    Ok(events.find(|event| event.sequence == sequence))
}

/// A segment, unless it has expired. DynamoDB deletes expired records with a delay.
async fn segment<P: KeyValueStore + Clock>(
    ports: &P,
    tenant: &Tenant,
    number: u64,
) -> Result<Option<StoredEvents>, FeedError> {
    let collection = segment_collection(tenant);
    let record = ports.get(&collection, &segment_key(number)).await?;
    let now = ports.now();
    let kept = record.filter(|record| record.expires_at.is_none_or(|at| at > now));
    kept.map(|record| StoredEvents::parse(&record.body))
        .transpose()
}

/// The position after which all events that were added at `from` or later follow; with 0, that before the oldest event that is
/// kept.
///
/// Searches by bisection, since segments expire in their order.
///
/// # Errors
/// If the feed cannot be read.
pub async fn position_at<P: KeyValueStore + Clock>(
    ports: &P,
    tenant: &Tenant,
    from: Timestamp,
) -> Result<FeedPosition, FeedError> {
    let head = head(ports, tenant).await?;
    let is_earlier = |stored: &StoredEvents| stored.last_recorded_at() < from;
    let (mut low, mut high) = (0, head.before / EVENTS_PER_SEGMENT);
    let mut found = head;
    while low < high {
        let middle = low + (high - low) / 2;
        match segment(ports, tenant, middle).await? {
            Some(stored) if !is_earlier(&stored) => {
                found = stored;
                high = middle;
            }
            Some(_) | None => low = middle + 1,
        }
    }
    let mut position = FeedPosition {
        sequence: found.before,
        hash: found.hash.clone(),
    };
    for event in found.events()? {
        if event.recorded_at >= from {
            break;
        }
        position = FeedPosition::from(&event);
    }
    Ok(position)
}
