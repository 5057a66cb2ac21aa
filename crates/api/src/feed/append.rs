//! Adds events to a feed.

use jobs::id::{Tenant, Timestamp};
use jobs::ports::{Clock, KeyValueStore, Record, Unavailable};

use super::{
    EVENTS_PER_SEGMENT, FeedError, HEAD_KEY, NewEvent, RETENTION_MS, StoredEvents, head_collection,
    line, segment_collection, segment_key,
};

/// How often an addition is tried again because another function added events meanwhile. Each time at least one of them
/// succeeds, and few run at once (`MaximumConcurrency` in `infra/service.yaml`).
const MAX_TRIES: u8 = 20;

/// Adds events, in their order. An event that is among the newest of the feed already is not added again.
///
/// # Errors
/// [`FeedError::Unavailable`] or [`FeedError::Contended`]: some of the events may have been added. The caller repeats the call.
pub async fn append<P: KeyValueStore + Clock>(
    ports: &P,
    tenant: &Tenant,
    events: &[NewEvent],
) -> Result<(), FeedError> {
    let chunk_size = usize::try_from(EVENTS_PER_SEGMENT).unwrap_or(1);
    for chunk in events.chunks(chunk_size) {
        append_chunk(ports, tenant, chunk).await?;
    }
    Ok(())
}

async fn append_chunk<P: KeyValueStore + Clock>(
    ports: &P,
    tenant: &Tenant,
    events: &[NewEvent],
) -> Result<(), FeedError> {
    let collection = head_collection(tenant);
    for _ in 0..MAX_TRIES {
        let stored = ports.get(&collection, HEAD_KEY).await?;
        let (mut head, revision) = match &stored {
            Some(record) => (StoredEvents::parse(&record.body)?, record.revision),
            None => (StoredEvents::default(), 0),
        };
        // The clocks of two functions differ.
        let now = ports.now().max(head.last_recorded_at());
        if !add(&mut head.clone(), events, now) {
            return Ok(());
        }
        while head.lines.len() as u64 >= EVENTS_PER_SEGMENT {
            copy_segment(ports, tenant, &mut head).await?;
        }
        add(&mut head, events, now);
        let record = Record {
            body: head.to_body(),
            revision: revision + 1,
            expires_at: None,
        };
        if ports.put(&collection, HEAD_KEY, &record).await? {
            return Ok(());
        }
    }
    Err(FeedError::Contended)
}

/// Adds the events that the head does not hold yet. Returns whether there were any.
fn add(head: &mut StoredEvents, events: &[NewEvent], now: Timestamp) -> bool {
    let before = head.lines.len();
    for event in events {
        let id = event.id();
        let is_held = head
            .lines
            .iter()
            .any(|line| line.split(' ').next() == Some(&id));
        if !is_held {
            head.lines.push(line(event, now));
        }
    }
    head.lines.len() > before
}

/// Copies the first segment of the head to a record of its own, and removes it from `head`.
async fn copy_segment<P: KeyValueStore>(
    ports: &P,
    tenant: &Tenant,
    head: &mut StoredEvents,
) -> Result<(), FeedError> {
    let length = usize::try_from(EVENTS_PER_SEGMENT).unwrap_or(1);
    let rest = head.lines.split_off(length);
    let segment = std::mem::take(head);
    let events = segment.events()?;
    let hash = events.last().map(|event| event.hash.clone());
    let key = segment_key(segment.before / EVENTS_PER_SEGMENT);
    let record = Record {
        body: segment.to_body(),
        revision: 1,
        // Of its last event, so that all functions write the same record.
        expires_at: Some(Timestamp(segment.last_recorded_at().0 + RETENTION_MS)),
    };
    if !ports
        .put(&segment_collection(tenant), &key, &record)
        .await?
    {
        return Err(FeedError::Unavailable(Unavailable {
            what: "the feed",
            source: format!("segment {key} of {tenant} has other events").into(),
        }));
    }
    *head = StoredEvents {
        before: segment.end(),
        hash: hash.unwrap_or_default(),
        lines: rest,
    };
    Ok(())
}
