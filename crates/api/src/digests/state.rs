//! How far a tenant's feed was read for digests, and which digests are not sent yet.

use std::collections::BTreeMap;

use jobs::id::Timestamp;
use serde::{Deserialize, Serialize};

use crate::feed::{FeedEvent, FeedPosition};
use crate::lease::Lease;

/// The time whose events a digest of documents without a batch covers, in milliseconds.
pub const WINDOW_MS: u64 = 900_000;
/// A batch is complete if none of its jobs is open and no event of it arrived for this time, in milliseconds: the next document
/// may still be on its way, and the index of batches lags behind the rows.
pub const QUIET_MS: u64 = 60_000;
/// A batch that is not complete after this time, in milliseconds, is reported as it is.
pub const MAX_BATCH_MS: u64 = 86_400_000;
/// How long a digest that cannot be sent is tried again, in milliseconds.
pub const RETRY_MS: u64 = 3 * 86_400_000;
/// Maximum number of digests of a tenant that wait. Further events are added to the next one.
pub const MAX_WAITING_DIGESTS: usize = 20;
/// With this number of events a digest is due before its time, since sending it reads all of them at once.
pub const MAX_DIGEST_EVENTS: u64 = 2000;
/// How many batches are waited for at once. For one more, the one that waits the longest is reported as it is.
const MAX_BATCHES: usize = 100;
/// How much earlier a message may arrive than its time, by the clock of the function that gets it.
const MAX_CLOCK_DIFFERENCE_MS: u64 = 4_000;

/// Events that the next digest of documents without a batch reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventWindow {
    /// The position before the first.
    pub from: FeedPosition,
    /// When the first was recorded.
    pub since: u64,
}

/// A batch with events that no digest has reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenBatch {
    pub since: u64,
    /// When its jobs are looked at next.
    #[serde(default)]
    pub check_at: u64,
}

/// What a digest is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DigestSubject {
    /// The events without a batch after `from`, up to the sequence `to`.
    Events {
        from: FeedPosition,
        to: u64,
    },
    Batch {
        name: String,
    },
}

/// A digest that is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingDigest {
    pub subject: DigestSubject,
    pub created_at: u64,
    /// Not tried before.
    pub due: u64,
    /// How often sending had to stop, since SES took no mail.
    pub attempts: u16,
    /// Recipients are tried in descending order of their keys; those from this one on were tried.
    pub before: Option<String>,
    /// Only these recipients, since the others had their mail; `None`: all.
    pub only: Option<Vec<String>>,
    /// Recipients whose mail SES refused in this pass over the recipients.
    pub refused: Vec<String>,
}

impl PendingDigest {
    /// Whether this recipient still has to get its mail.
    pub fn is_for(&self, key: &str) -> bool {
        let is_named = self
            .only
            .as_ref()
            .is_none_or(|only| only.iter().any(|it| it == key));
        is_named && self.before.as_deref().is_none_or(|before| key < before)
    }

    /// SES takes no mail now. The digest continues later with the next recipient.
    pub fn postpone(&mut self, now: Timestamp) {
        let doublings = self.attempts.min(4);
        self.attempts += 1;
        self.due = now.0 + (QUIET_MS << doublings).min(WINDOW_MS);
    }
}

/// The digest state of a tenant or user, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestState {
    /// All events up to here are in `window`, `batches` or `digests`, or were reported.
    pub position: FeedPosition,
    pub window: Option<EventWindow>,
    pub batches: BTreeMap<String, OpenBatch>,
    pub digests: Vec<PendingDigest>,
    /// When the next message to continue arrives, if one was sent.
    pub continue_at: Option<u64>,
    pub lease: Option<Lease>,
}

impl DigestState {
    pub const fn new(position: FeedPosition) -> Self {
        Self {
            position,
            window: None,
            batches: BTreeMap::new(),
            digests: Vec::new(),
            continue_at: None,
            lease: None,
        }
    }

    /// The tenant has no recipients: everything up to here is done.
    pub fn skip_to(&mut self, end: FeedPosition) {
        *self = Self {
            lease: self.lease.take(),
            ..Self::new(end)
        };
    }

    /// Takes an event over from the feed. `batch` is the batch of its document. Returns whether there was a place for it;
    /// if not, it has to wait until digests were sent.
    pub fn take(&mut self, event: &FeedEvent, batch: Option<&str>) -> bool {
        let at = event.recorded_at.0;
        match batch {
            Some(name) => {
                if !self.batches.contains_key(name) && !self.has_place_for_batch(event.recorded_at)
                {
                    return false;
                }
                let batch = self.batches.entry(name.to_owned()).or_insert(OpenBatch {
                    since: at,
                    check_at: 0,
                });
                batch.check_at = at + QUIET_MS;
            }
            None => {
                // A digest is read at once when it is sent. A window this large waits for its place among the digests.
                if self.window_events() >= MAX_DIGEST_EVENTS {
                    return false;
                }
                let from = &self.position;
                self.window.get_or_insert_with(|| EventWindow {
                    from: from.clone(),
                    since: at,
                });
            }
        }
        self.position = event.into();
        true
    }

    fn window_events(&self) -> u64 {
        let window = self.window.as_ref();
        window.map_or(0, |window| self.position.sequence - window.from.sequence)
    }

    fn has_place_for_batch(&mut self, now: Timestamp) -> bool {
        if self.batches.len() < MAX_BATCHES {
            return true;
        }
        if self.digests.len() >= MAX_WAITING_DIGESTS {
            return false;
        }
        let oldest = self.batches.iter().min_by_key(|(_, batch)| batch.since);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.batch_checked(&name, true, now);
        }
        true
    }

    /// Makes a digest of the window if it is due.
    pub fn close_window(&mut self, now: Timestamp) {
        let events = self.window_events();
        let due = self.window.take_if(|window| {
            let is_due = window.since + WINDOW_MS <= now.0 || events >= MAX_DIGEST_EVENTS;
            is_due && self.digests.len() < MAX_WAITING_DIGESTS
        });
        if let Some(window) = due {
            let to = self.position.sequence;
            let from = window.from;
            self.add(DigestSubject::Events { from, to }, now);
        }
    }

    /// The batches whose jobs are to be looked at, each with whether it is reported in any case.
    pub fn batches_to_check(&self, now: Timestamp) -> Vec<(String, bool)> {
        let free = MAX_WAITING_DIGESTS.saturating_sub(self.digests.len());
        let candidates = self.batches.iter().filter_map(|(name, batch)| {
            let is_late = batch.since + MAX_BATCH_MS <= now.0;
            (is_late || batch.check_at <= now.0).then(|| (name.clone(), is_late))
        });
        candidates.take(free).collect()
    }

    /// Makes a digest of a batch, or checks the batch again later, while it has open jobs. The last job may end without an event:
    /// when it is cancelled or its data is deleted.
    pub fn batch_checked(&mut self, name: &str, is_reported: bool, now: Timestamp) {
        if is_reported {
            self.batches.remove(name);
            let name = name.to_owned();
            self.add(DigestSubject::Batch { name }, now);
        } else if let Some(batch) = self.batches.get_mut(name) {
            batch.check_at = now.0 + WINDOW_MS;
        }
    }

    fn add(&mut self, subject: DigestSubject, now: Timestamp) {
        self.digests.push(PendingDigest {
            subject,
            created_at: now.0,
            due: now.0,
            attempts: 0,
            before: None,
            only: None,
            refused: Vec::new(),
        });
    }

    /// The first digest that is due.
    pub fn due(&self, now: Timestamp) -> Option<usize> {
        self.digests.iter().position(|digest| digest.due <= now.0)
    }

    /// Mails to all recipients were tried. Refused mails are tried again in an hour. Returns how many are given up.
    pub fn turn_ended(&mut self, index: usize, now: Timestamp) -> u32 {
        const HOUR_MS: u64 = 3_600_000;
        let Some(digest) = self.digests.get_mut(index) else {
            return 0;
        };
        let is_too_old = digest.created_at + RETRY_MS <= now.0;
        if digest.refused.is_empty() || is_too_old {
            let given_up = digest.refused.len();
            self.digests.remove(index);
            return u32::try_from(given_up).unwrap_or(u32::MAX);
        }
        digest.only = Some(std::mem::take(&mut digest.refused));
        digest.before = None;
        digest.due = now.0 + HOUR_MS;
        0
    }

    /// Whether all events up to this sequence were reported and no digest waits.
    pub fn is_idle_at(&self, sequence: u64) -> bool {
        let waits = self.window.is_some() || !self.batches.is_empty() || !self.digests.is_empty();
        self.position.sequence == sequence && !waits
    }

    /// Whether a message that arrives now may be the one that was sent last: no other is on its way.
    pub fn is_awaited(&self, now: Timestamp) -> bool {
        let at = self.continue_at;
        at.is_none_or(|at| at <= now.0 + MAX_CLOCK_DIFFERENCE_MS)
    }

    /// When to look again: the first time at which something is due. `None` if nothing waits.
    pub fn next_due(&self, now: Timestamp) -> Option<u64> {
        let digests = self.digests.iter().map(|digest| digest.due);
        let is_full = self.digests.len() >= MAX_WAITING_DIGESTS;
        let window = self.window.as_ref().map(|window| window.since + WINDOW_MS);
        let batches = self.batches.values();
        let batches = batches.map(|batch| batch.check_at.min(batch.since + MAX_BATCH_MS));
        let waiting = window.into_iter().chain(batches).filter(|_| !is_full);
        digests.chain(waiting).min().map(|due| due.max(now.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{EventType, NewEvent};

    fn event(sequence: u64, at: u64) -> FeedEvent {
        let job = jobs::id::JobId::of_key("bucket", &format!("inbound/acme/{sequence}.pdf"));
        FeedEvent {
            sequence,
            event: NewEvent {
                job,
                version: 3,
                event_type: EventType::JobReady,
            },
            recorded_at: Timestamp(at),
            hash: format!("hash {sequence}"),
        }
    }

    #[test]
    fn documents_without_batch_are_one_digest_per_quarter_of_an_hour() {
        let mut state = DigestState::new(FeedPosition::start());
        state.take(&event(1, 1_000), None);
        state.take(&event(2, 500_000), None);
        state.close_window(Timestamp(900_999));
        assert_eq!(state.digests.len(), 0);
        assert_eq!(state.next_due(Timestamp(500_000)), Some(901_000));
        state.close_window(Timestamp(901_000));
        let from = FeedPosition::start();
        assert_eq!(
            state.digests[0].subject,
            DigestSubject::Events { from, to: 2 }
        );
        assert_eq!(state.window, None);
        // The next event begins the next one.
        state.take(&event(3, 901_001), None);
        assert_eq!(state.window.as_ref().unwrap().from.sequence, 2);
    }

    #[test]
    fn batch_waits_until_it_is_quiet_and_at_most_a_day() {
        let mut state = DigestState::new(FeedPosition::start());
        state.take(&event(1, 1_000), Some("data room"));
        assert_eq!(state.batches_to_check(Timestamp(60_999)), []);
        let check = |is_late| [("data room".to_owned(), is_late)];
        assert_eq!(state.batches_to_check(Timestamp(61_000)), check(false));
        state.batch_checked("data room", false, Timestamp(61_000));
        // It has open jobs, so it is looked at again after its next event, or after a while.
        assert_eq!(state.batches_to_check(Timestamp(600_000)), []);
        let again = 61_000 + WINDOW_MS;
        assert_eq!(state.next_due(Timestamp(600_000)), Some(again));
        assert_eq!(state.batches_to_check(Timestamp(again)), check(false));
        state.take(&event(2, 700_000), Some("data room"));
        assert_eq!(state.batches_to_check(Timestamp(760_000)), check(false));
        state.batch_checked("data room", false, Timestamp(760_000));
        let late = Timestamp(1_000 + MAX_BATCH_MS);
        assert_eq!(state.batches_to_check(late), check(true));
        state.batch_checked("data room", true, late);
        assert_eq!((state.batches.len(), state.digests.len()), (0, 1));
    }

    #[test]
    fn refused_mails_are_tried_again_for_three_days_without_the_others() {
        let mut state = DigestState::new(FeedPosition::start());
        state.take(&event(1, 0), None);
        state.close_window(Timestamp(WINDOW_MS));
        state.digests[0].refused.push("b".to_owned());
        state.digests[0].before = Some("a".to_owned());
        assert_eq!(state.turn_ended(0, Timestamp(WINDOW_MS)), 0);
        assert!(!state.digests[0].is_for("a") && state.digests[0].is_for("b"));
        assert_eq!(state.due(Timestamp(WINDOW_MS + 3_599_999)), None);
        state.digests[0].refused.push("b".to_owned());
        assert_eq!(state.turn_ended(0, Timestamp(WINDOW_MS + RETRY_MS)), 1);
        assert_eq!(state.digests, []);
    }

    #[test]
    fn events_wait_while_too_many_digests_do() {
        let mut state = DigestState::new(FeedPosition::start());
        for sequence in 1..=MAX_WAITING_DIGESTS as u64 + 1 {
            state.take(&event(sequence, sequence * WINDOW_MS), None);
            state.close_window(Timestamp((sequence + 1) * WINDOW_MS));
        }
        assert_eq!(state.digests.len(), MAX_WAITING_DIGESTS);
        assert_eq!(state.window.as_ref().unwrap().from.sequence, 20);
        for digest in &mut state.digests {
            digest.due = u64::MAX;
        }
        assert_eq!(state.next_due(Timestamp(0)), Some(u64::MAX));
    }
}
