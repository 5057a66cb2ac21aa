//! Checks of the tenants' feeds: at each write that readers have nothing new before what they have seen, and at rest that no
//! published event is missing.

use std::collections::BTreeSet;

use api::feed::{
    EVENTS_PER_SEGMENT, FIRST_HASH, FeedEvent, HEAD_KEY, StoredEvents, head_collection,
    segment_collection, segment_key,
};
use jobs::id::Tenant;
use jobs::ports::Record;
use testkit::key_value_map::KeyValueMap;

use super::guarantees::{FEED, WEBHOOKS};
use crate::environment::SimulationEnvironment;
use crate::event_bus::SimulatedEventBus;
use crate::mistake::Mistake;
use crate::receiver::Receivers;

/// Writes a record of a feed, with the planted mistake, and checks it.
pub(crate) fn put(
    env: &mut SimulationEnvironment,
    records: &mut KeyValueMap,
    collection: &str,
    key: &str,
    record: &Record,
) -> bool {
    let before = records.get(collection, key);
    let is_head = key == HEAD_KEY;
    if !is_head && env.has(Mistake::FeedSegmentNotWritten) {
        return true;
    }
    let mut record = record.clone();
    if is_head && env.has(Mistake::FeedHeadOverwritten) {
        record.revision = before.as_ref().map_or(0, |stored| stored.revision) + 1;
    }
    if is_head && let Some(tampered) = tampered_head(env, &record.body) {
        record.body = tampered;
    }
    let is_written = records.put(collection, key, &record);
    if is_head && is_written {
        check_continues(env, collection, before.as_ref(), &record);
    }
    is_written
}

fn tampered_head(env: &SimulationEnvironment, body: &str) -> Option<String> {
    if !env.has(Mistake::FeedEventInserted) && !env.has(Mistake::FeedEventDropped) {
        return None;
    }
    let mut head: serde_json::Value = serde_json::from_str(body).ok()?;
    let lines = head.get_mut("lines")?.as_array_mut()?;
    let last = lines.len().checked_sub(1)?;
    if env.has(Mistake::FeedEventInserted) && last > 0 {
        lines.swap(last - 1, last);
    } else if env.has(Mistake::FeedEventDropped) && lines.len() % 4 == 3 {
        lines.pop();
    } else {
        return None;
    }
    Some(head.to_string())
}

/// What readers could see before stays as it was.
fn check_continues(
    env: &mut SimulationEnvironment,
    collection: &str,
    before: Option<&Record>,
    after: &Record,
) {
    let before = before.and_then(|record| StoredEvents::parse(&record.body).ok());
    let before = before.unwrap_or_default();
    let after = match StoredEvents::parse(&after.body) {
        Ok(after) => after,
        Err(error) => return env.violation(FEED, || format!("{collection}: {error}")),
    };
    // Numbers and hashes follow from what is stored, so what readers could see is the same.
    if after.continues(&before) {
        return;
    }
    let read = before
        .events()
        .and_then(|old| Ok((old, after.events()?, after.end())));
    let (old, new, end) = match read {
        Ok(read) => read,
        Err(error) => return env.violation(FEED, || format!("{collection}: {error}")),
    };
    let differs = |seen: &&FeedEvent| {
        let now = new.iter().find(|event| event.sequence == seen.sequence);
        now.is_some_and(|event| event != *seen)
    };
    if let Some(seen) = old.iter().find(differs) {
        env.violation(FEED, || {
            format!("{collection}: event {} has changed", seen.sequence)
        });
    }
    if end < before.end() {
        env.violation(FEED, || {
            format!("{collection} ended at {}, now at {end}", before.end())
        });
    }
}

/// All events of a feed, from the first on.
fn whole_feed(records: &KeyValueMap, tenant: &Tenant) -> Result<Vec<FeedEvent>, String> {
    let body = |collection: &str, key: &str| records.get(collection, key).map(|it| it.body);
    let parse = |body: &str| StoredEvents::parse(body).map_err(|error| error.to_string());
    let head = match body(&head_collection(tenant), HEAD_KEY) {
        Some(text) => parse(&text)?,
        None => return Ok(vec![]),
    };
    let in_head = head.events().map_err(|error| error.to_string())?;
    let stored = head.end() - in_head.len() as u64;
    let mut events = Vec::new();
    for number in 0..stored / EVENTS_PER_SEGMENT {
        let text = body(&segment_collection(tenant), &segment_key(number));
        let text = text.ok_or_else(|| format!("segment {number} is missing"))?;
        events.extend(parse(&text)?.events().map_err(|error| error.to_string())?);
    }
    events.extend(in_head);
    Ok(events)
}

/// No published event is missing, and the numbers and hashes are those that a reader computes.
pub(crate) fn check_at_rest(
    env: &mut SimulationEnvironment,
    records: &KeyValueMap,
    event_bus: &SimulatedEventBus,
) {
    let tenants: BTreeSet<&Tenant> = event_bus.published().map(|(tenant, _)| tenant).collect();
    for tenant in tenants {
        let events = match whole_feed(records, tenant) {
            Ok(events) => events,
            Err(problem) => {
                env.violation(FEED, || format!("the feed of {tenant}: {problem}"));
                continue;
            }
        };
        let mut hash = FIRST_HASH.to_owned();
        for (event, sequence) in events.iter().zip(1..) {
            let FeedEvent {
                event: what,
                recorded_at,
                ..
            } = event;
            hash = api::feed::next_hash(&hash, sequence, what, *recorded_at);
            if event.sequence != sequence || event.hash != hash {
                env.violation(FEED, || {
                    format!("the feed of {tenant} breaks at event {sequence}")
                });
                break;
            }
        }
        let have: BTreeSet<(String, bool)> = events
            .iter()
            .map(|event| {
                let ready = event.event.event_type == api::feed::EventType::JobReady;
                (event.event.id(), ready)
            })
            .collect();
        for (_, event) in event_bus.published().filter(|(of, _)| *of == tenant) {
            let id = format!("{}:{}", event.job, event.version);
            if !have.contains(&(id.clone(), event.ready)) {
                env.violation(FEED, || format!("the feed of {tenant} lacks event {id}"));
            }
        }
    }
}

/// Every published event has reached the receiver of its tenant.
pub(crate) fn check_receivers(
    env: &mut SimulationEnvironment,
    event_bus: &SimulatedEventBus,
    receivers: &Receivers,
) {
    for (tenant, event) in event_bus.published() {
        let id = format!("{}:{}", event.job, event.version);
        if !receivers.has(tenant, &id) {
            env.violation(WEBHOOKS, || {
                format!("the receiver of {tenant} lacks event {id}")
            });
        }
    }
}
