//! SQS and the event source mappings that feed functions from it: at-least-once delivery, visibility timeout, receive
//! count, dead-letter queues.

use std::collections::{BTreeMap, BTreeSet};

use aws_lambda_events::sqs::{SqsMessage, SqsMessageAttribute};
use jobs::id::Timestamp;
use jobs::ports::{DeadLetter, Queue};

use crate::environment::SimulationEnvironment;
use crate::fault::FaultKind;
use crate::ids::FunctionId;
use crate::message::{MessageKind, OutgoingMessage, QueueMessage, send};
use crate::mistake::Mistake;
use crate::time::{MINUTE, SECOND};
use crate::timeline::After;

/// `maxReceiveCount` in `infra/service.yaml`.
const MAX_RECEIVES: u32 = 5;
/// `BatchSize` in `infra/service.yaml`.
const MAX_BATCH: u64 = 10;
/// How long a received dead letter stays invisible: `INVISIBLE_SECONDS` of the AWS adapter.
const DEAD_LETTER_INVISIBLE: u64 = 3 * MINUTE;
/// `ReceiveMessage` returns at most ten messages.
const MAX_DEAD_LETTERS: usize = 10;

/// The event source mapping's maximum concurrency in size `standard` of `infra/service.yaml`, and more.
const fn max_concurrency(queue: Queue) -> usize {
    match queue {
        Queue::Uploads => 16,
        Queue::InferenceSuccess | Queue::InferenceError => 8,
        Queue::Checks => 4,
        // More than in the template, so that functions add to a feed at once.
        Queue::Events => 4,
        Queue::Webhooks => 6,
        Queue::Digests => 4,
    }
}

#[derive(Debug)]
pub(crate) enum QueueEvent {
    Arrive(OutgoingMessage),
    /// Messages may be visible.
    Poll(Queue),
}

/// A batch that a function is to process.
#[derive(Debug)]
pub(crate) struct MessageBatch {
    pub(crate) queue: Queue,
    pub(crate) records: Vec<SqsMessage>,
}

#[derive(Debug)]
struct StoredQueueMessage {
    message: QueueMessage,
    visible_at: u64,
    receives: u32,
}

/// A message in the dead-letter queue, with the id that it had in its own queue.
#[derive(Debug)]
struct DeadMessage {
    id: u64,
    message: QueueMessage,
    visible_at: u64,
}

impl DeadMessage {
    fn has_receipt(&self, receipt: &str) -> bool {
        self.id.to_string() == receipt
    }
}

#[derive(Debug, Default)]
struct QueueState {
    messages: BTreeMap<u64, StoredQueueMessage>,
    dead: Vec<DeadMessage>,
    batches_in_flight: usize,
    /// When polls are planned.
    polls: BTreeSet<u64>,
}

/// Messages that were received for one batch.
pub(crate) struct Received {
    /// By message id. Empty if the delivery was throttled.
    pub(crate) records: Vec<(u64, SqsMessage)>,
    pub(crate) polls: Vec<After<QueueEvent>>,
}

/// The result of a batch.
pub(crate) struct BatchEnd {
    /// Messages that were deleted from the queue.
    pub(crate) deleted: Vec<MessageKind>,
    pub(crate) poll: Option<After<QueueEvent>>,
}

#[derive(Debug, Default)]
pub(crate) struct Queues {
    queues: [QueueState; 7],
}

impl Queues {
    const fn get(&mut self, queue: Queue) -> &mut QueueState {
        &mut self.queues[queue as usize]
    }

    /// Whether no message is stored or in flight, dead letters included.
    pub(crate) fn are_empty(&self) -> bool {
        self.queues.iter().all(|queue| {
            queue.messages.is_empty() && queue.batches_in_flight == 0 && queue.dead.is_empty()
        })
    }

    /// The number of messages in each queue, as text.
    pub(crate) fn depths(&self) -> String {
        let each = Queue::ALL.map(|name| {
            let queue = &self.queues[name as usize];
            format!(
                "{} {}+{} dead",
                name.name(),
                queue.messages.len(),
                queue.dead.len()
            )
        });
        each.join(", ")
    }

    pub(crate) fn arrive(
        &mut self,
        env: &mut SimulationEnvironment,
        outgoing: OutgoingMessage,
    ) -> Option<After<QueueEvent>> {
        let OutgoingMessage { queue, message } = outgoing;
        let id = env.fresh_id();
        let late = if env.strikes(FaultKind::MessageLate) {
            env.between(SECOND, MINUTE)
        } else {
            0
        };
        env.log(|| format!("{:<10} m{id} arrives: {:?}", queue.name(), message.kind));
        let visible_at = env.now + late;
        self.get(queue).messages.insert(
            id,
            StoredQueueMessage {
                message,
                visible_at,
                receives: 0,
            },
        );
        self.plan_poll(queue, env.now, visible_at)
    }

    fn plan_poll(&mut self, queue: Queue, now: u64, at: u64) -> Option<After<QueueEvent>> {
        let at = at.max(now);
        self.get(queue)
            .polls
            .insert(at)
            .then(|| After::new(at - now, QueueEvent::Poll(queue)))
    }

    /// The visible messages, shuffled: a standard queue keeps no order.
    pub(crate) fn visible(&mut self, env: &mut SimulationEnvironment, queue: Queue) -> Vec<u64> {
        let now = env.now;
        let state = self.get(queue);
        state.polls.remove(&now);
        let mut visible: Vec<u64> = state
            .messages
            .iter()
            .filter(|(_, stored)| stored.visible_at <= now)
            .map(|(id, _)| *id)
            .collect();
        for i in (1..visible.len()).rev() {
            let j = usize::try_from(env.rng.up_to(i as u64)).unwrap_or(0);
            visible.swap(i, j);
        }
        visible
    }

    /// Receives some of the visible messages for a batch. `None`: there are no more, or enough functions are running.
    pub(crate) fn receive(
        &mut self,
        env: &mut SimulationEnvironment,
        queue: Queue,
        visible: &mut Vec<u64>,
    ) -> Option<Received> {
        if visible.is_empty() || self.get(queue).batches_in_flight >= max_concurrency(queue) {
            return None;
        }
        let size = usize::try_from(env.between(1, MAX_BATCH)).unwrap_or(1);
        let rest = visible.split_off(size.min(visible.len()));
        let ids = std::mem::replace(visible, rest);
        let throttled = env.strikes(FaultKind::DeliveryThrottled);
        let mut received = Received {
            records: Vec::new(),
            polls: Vec::new(),
        };
        for id in ids {
            let duplicated = !throttled && env.strikes(FaultKind::MessageDuplicated);
            let visible_at = env.now
                + if duplicated {
                    env.between(1, 40 * SECOND)
                } else {
                    env.timing.visibility
                };
            if let Some(record) = self.receive_message(env, queue, id, visible_at) {
                received.records.push((id, record));
                received
                    .polls
                    .extend(self.plan_poll(queue, env.now, visible_at));
            }
        }
        if throttled {
            received.records.clear();
        }
        Some(received)
    }

    /// Receives a message, or moves it to the dead-letter queue if it has been received too often.
    fn receive_message(
        &mut self,
        env: &mut SimulationEnvironment,
        queue: Queue,
        id: u64,
        visible_at: u64,
    ) -> Option<SqsMessage> {
        let state = self.get(queue);
        let stored = state.messages.get_mut(&id)?;
        stored.receives += 1;
        if stored.receives > MAX_RECEIVES {
            if let Some(stored) = state.messages.remove(&id) {
                state.dead.push(DeadMessage {
                    id,
                    message: stored.message,
                    visible_at: 0,
                });
                env.log(|| format!("{:<10} m{id} becomes a dead letter", queue.name()));
            }
            return None;
        }
        stored.visible_at = visible_at;
        let mut record = SqsMessage::default();
        record.message_id = Some(format!("m{id}"));
        record.body = Some(stored.message.body.clone());
        record.attributes.insert(
            "ApproximateReceiveCount".to_owned(),
            stored.receives.to_string(),
        );
        if let Some(first) = &stored.message.first_id {
            let mut value = SqsMessageAttribute::default();
            value.string_value = Some(first.clone());
            let attributes = &mut record.message_attributes;
            attributes.insert("first-message-id".to_owned(), value);
        }
        Some(record)
    }

    /// Hands received messages to a function. `None`: there are none.
    pub(crate) fn hand_over(
        &mut self,
        env: &mut SimulationEnvironment,
        queue: Queue,
        records: Vec<SqsMessage>,
    ) -> Option<After<MessageBatch>> {
        if records.is_empty() {
            return None;
        }
        self.get(queue).batches_in_flight += 1;
        let delay = env.between(1, 60);
        Some(After::new(delay, MessageBatch { queue, records }))
    }

    pub(crate) fn kind(&self, queue: Queue, id: u64) -> Option<&MessageKind> {
        let stored = self.queues[queue as usize].messages.get(&id)?;
        Some(&stored.message.kind)
    }

    pub(crate) fn delete(&mut self, queue: Queue, id: u64) -> Option<MessageKind> {
        let stored = self.get(queue).messages.remove(&id)?;
        Some(stored.message.kind)
    }

    /// A function has ended. `failures` are the messages that it reported as failed; `None` if it crashed.
    pub(crate) fn batch_ended(
        &mut self,
        env: &mut SimulationEnvironment,
        queue: Queue,
        function: FunctionId,
        batch: &[String],
        failures: Option<&[String]>,
    ) -> BatchEnd {
        self.get(queue).batches_in_flight -= 1;
        let mut deleted = Vec::new();
        if let Some(mut failures) = failures {
            if env.has(Mistake::FailuresAcknowledged) {
                failures = &[];
            }
            env.log(|| {
                format!(
                    "f{:<9} ends, {} of {} messages come back",
                    function.0,
                    failures.len(),
                    batch.len()
                )
            });
            for id in batch.iter().filter(|id| !failures.contains(id)) {
                if env.strikes(FaultKind::DeletionLost) {
                    continue;
                }
                if let Some(id) = id.strip_prefix('m').and_then(|id| id.parse().ok()) {
                    deleted.extend(self.delete(queue, id));
                }
            }
        }
        BatchEnd {
            deleted,
            poll: self.plan_poll(queue, env.now, env.now),
        }
    }

    pub(crate) fn receive_dead_letters(
        &mut self,
        env: &SimulationEnvironment,
        queue: Queue,
    ) -> Vec<DeadLetter> {
        if env.has(Mistake::DeadLettersForgotten) {
            return vec![];
        }
        let now = env.now;
        let dead = &mut self.get(queue).dead;
        let mut letters = Vec::new();
        for known in dead
            .iter_mut()
            .filter(|known| known.visible_at <= now)
            .take(MAX_DEAD_LETTERS)
        {
            known.visible_at = now + DEAD_LETTER_INVISIBLE;
            let message = &known.message;
            let own_id = || format!("m{}", known.id);
            letters.push(DeadLetter {
                first_id: message.first_id.clone().unwrap_or_else(own_id),
                dead_since: message.dead_since,
                body: message.body.clone(),
                trace_id: None,
                receipt: known.id.to_string(),
            });
        }
        if env.has(Mistake::DeadLettersReceivedOnce) {
            dead.retain(|known| known.visible_at <= now);
        }
        letters
    }

    /// Sends a dead letter to its queue again. It stays a dead letter until it is discarded.
    pub(crate) fn redrive(
        &mut self,
        queue: Queue,
        letter: &DeadLetter,
        dead_since: Timestamp,
    ) -> After<OutgoingMessage> {
        let dead = &self.get(queue).dead;
        let known = dead.iter().find(|known| known.has_receipt(&letter.receipt));
        let kind = known.map_or(MessageKind::RedriveReport, |known| {
            known.message.kind.clone()
        });
        let message = QueueMessage {
            first_id: Some(letter.first_id.clone()),
            dead_since: Some(dead_since),
            ..QueueMessage::new(letter.body.clone(), kind)
        };
        send(queue, 20, message)
    }

    pub(crate) fn discard(&mut self, queue: Queue, letter: &DeadLetter) {
        self.get(queue)
            .dead
            .retain(|known| !known.has_receipt(&letter.receipt));
    }
}
