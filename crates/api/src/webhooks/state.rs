//! How far delivery to a receiver has come: which event is next, what waits to be sent again, when it is given up.

use jobs::id::Timestamp;
use serde::{Deserialize, Serialize};

use super::Webhook;
use crate::feed::FeedPosition;
use crate::lease::Lease;

/// The delay after each failed attempt for an event. After the last one it is given up: ten attempts within three days.
pub const RETRY_DELAYS_SECONDS: [u64; 9] =
    [5, 300, 1800, 7200, 18_000, 36_000, 43_200, 64_800, 86_400];
/// While this number of events waits to be sent again, no further ones are sent, since the receiver is probably down. A single
/// event that the receiver refuses does not delay the others.
pub const MAX_WAITING: usize = 20;
/// After this time without a success, while attempts fail, the webhook is disabled: three days.
pub const MAX_FAILING_MS: u64 = 3 * 86_400_000;

/// How much earlier an instruction may arrive than its time, by the clock of the function that gets it.
const MAX_CLOCK_DIFFERENCE_MS: u64 = 4_000;

/// An event that waits to be sent again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub sequence: u64,
    /// How many attempts have failed.
    pub attempts: u16,
    pub due: u64,
}

/// The delivery state of a webhook, as it is stored. The defaults are those of a webhook that has sent nothing yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryState {
    /// The last event that was sent, waits to be sent again, or was given up.
    pub position: FeedPosition,
    pub waiting: Vec<Waiting>,
    /// The first failure since the last success.
    pub failing_since: Option<u64>,
    /// When it was disabled, and why.
    pub disabled: Option<(u64, String)>,
    /// When the next instruction to continue arrives, if one was sent.
    pub continue_at: Option<u64>,
    pub lease: Option<Lease>,
    /// How many events expired before they were delivered.
    #[serde(default)]
    pub expired: u64,
}

impl DeliveryState {
    pub const fn new(position: FeedPosition) -> Self {
        Self {
            position,
            waiting: Vec::new(),
            failing_since: None,
            disabled: None,
            continue_at: None,
            lease: None,
            expired: 0,
        }
    }

    /// The event that is due to be sent again, the longest waiting first.
    pub fn due(&self, now: Timestamp) -> Option<&Waiting> {
        let due = self.waiting.iter().filter(|waiting| waiting.due <= now.0);
        due.min_by_key(|waiting| waiting.due)
    }

    /// Whether an event that was not sent yet may be sent.
    pub fn takes_new_events(&self) -> bool {
        self.waiting.len() < MAX_WAITING
    }

    /// Records that an event was delivered. The receiver is back: what waits is due now.
    pub fn succeeded(&mut self, sequence: u64, now: Timestamp) {
        self.failing_since = None;
        self.waiting.retain(|waiting| waiting.sequence != sequence);
        self.retry_at_once(now);
    }

    /// The receiver answers again: what waits is due now.
    pub fn retry_at_once(&mut self, now: Timestamp) {
        for waiting in &mut self.waiting {
            waiting.due = waiting.due.min(now.0);
        }
    }

    /// Records a failed attempt. Returns when it is tried again; `None` if the event is given up.
    pub fn failed(&mut self, sequence: u64, now: Timestamp) -> Option<u64> {
        self.failing_since.get_or_insert(now.0);
        let at = self
            .waiting
            .iter()
            .position(|waiting| waiting.sequence == sequence);
        let attempts = at.map_or(1, |at| self.waiting[at].attempts + 1);
        let delay = RETRY_DELAYS_SECONDS.get(usize::from(attempts) - 1);
        let due = delay.map(|delay| now.0 + delay * 1000);
        match (at, due) {
            (Some(at), Some(due)) => {
                self.waiting[at].attempts = attempts;
                self.waiting[at].due = due;
            }
            (Some(at), None) => _ = self.waiting.remove(at),
            (None, Some(due)) => self.waiting.push(Waiting {
                sequence,
                attempts,
                due,
            }),
            (None, None) => {}
        }
        due
    }

    /// Whether it has failed for so long that it is disabled.
    pub fn has_failed_too_long(&self, now: Timestamp) -> bool {
        let since = self.failing_since;
        since.is_some_and(|since| now.0.saturating_sub(since) >= MAX_FAILING_MS)
    }

    /// Whether it is disabled and was not enabled since.
    pub fn is_disabled(&self, webhook: &Webhook) -> bool {
        let at = self.disabled.as_ref().map(|(at, _)| *at);
        at.is_some_and(|at| at >= webhook.enabled_at)
    }

    /// It was enabled again: what waits is due.
    pub fn enable(&mut self, now: Timestamp) {
        self.disabled = None;
        self.succeeded(0, now);
    }

    /// Whether an instruction that arrives now may be the one that was sent last: no other is on its way.
    pub fn is_awaited(&self, now: Timestamp) -> bool {
        self.continue_at
            .is_none_or(|at| at <= now.0 + MAX_CLOCK_DIFFERENCE_MS)
    }

    /// Whether there is something to do now: a new event, one that is due again, or one whose instruction was lost.
    pub fn has_work(&self, end: u64, now: Timestamp) -> bool {
        let has_new = self.takes_new_events() && self.position.sequence < end;
        let is_late = self.is_awaited(now) && !self.waiting.is_empty();
        has_new || is_late || self.due(now).is_some() || self.disabled.is_some()
    }

    /// Whether all events up to this sequence were sent and none waits.
    pub fn is_idle_at(&self, sequence: u64) -> bool {
        self.waiting.is_empty() && self.position.sequence == sequence
    }

    /// When the first of the waiting events is due.
    pub fn next_due(&self) -> Option<u64> {
        self.waiting.iter().map(|waiting| waiting.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> DeliveryState {
        DeliveryState::new(FeedPosition::start())
    }

    #[test]
    fn event_is_tried_ten_times_within_three_days_and_then_given_up() {
        let mut state = state();
        let mut now = Timestamp(1_000_000);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let Some(due) = state.failed(7, now) else {
                break;
            };
            assert_eq!(state.due(Timestamp(due - 1)), None);
            now = Timestamp(due);
            assert_eq!(state.due(now).unwrap().sequence, 7);
        }
        assert_eq!((attempts, state.waiting.len()), (10, 0));
        let days = (now.0 - 1_000_000) / 86_400_000;
        assert_eq!(days, 2, "{now:?}");
    }

    #[test]
    fn receiver_that_is_down_is_not_sent_more_than_a_few_events() {
        let mut state = state();
        for sequence in 1..=MAX_WAITING as u64 {
            assert!(state.takes_new_events());
            state.failed(sequence, Timestamp(sequence));
        }
        assert!(!state.takes_new_events());
        assert_eq!(state.next_due(), Some(5001));
        // One success, and everything that waits is due.
        state.succeeded(3, Timestamp(40));
        assert!(state.takes_new_events());
        assert!(state.waiting.iter().all(|waiting| waiting.due <= 40));
        assert_eq!(state.failing_since, None);
    }

    #[test]
    fn webhook_that_fails_for_three_days_is_to_be_disabled() {
        let mut state = state();
        state.failed(1, Timestamp(5));
        assert!(!state.has_failed_too_long(Timestamp(4 + MAX_FAILING_MS)));
        assert!(state.has_failed_too_long(Timestamp(5 + MAX_FAILING_MS)));
        state.succeeded(1, Timestamp(6));
        assert!(!state.has_failed_too_long(Timestamp(5 + MAX_FAILING_MS)));
    }
}
