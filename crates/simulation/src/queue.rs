//! SQS and the pollers that feed functions from it: at least once, visibility timeout, receive count, dead letters.

use std::collections::{BTreeMap, BTreeSet};

use aws_lambda_events::sqs::{SqsMessage, SqsMessageAttribute};
use jobs::id::{InferenceId, Timestamp};
use jobs::ports::Queue;
use jobs::state::{Cause, State};

use crate::check;
use crate::fault::Fault;
use crate::lambda::{FnId, Task};
use crate::mistake::Mistake;
use crate::world::{Event, MINUTE, SECOND, World};

/// `maxReceiveCount` in `infra/service.yaml`.
const MAX_RECEIVES: u32 = 5;
/// `BatchSize` in `infra/service.yaml`.
const MAX_BATCH: u64 = 10;

/// `MaximumConcurrency`, size `standard` in `infra/service.yaml`, and more.
const fn concurrency(queue: Queue) -> usize {
    match queue {
        Queue::Uploads => 16,
        Queue::InferenceSuccess | Queue::InferenceError => 8,
        Queue::Checks => 4,
    }
}

/// What a message really is: for the checks, never for the functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An upload.
    Upload,
    /// A success of this request, with its output's key.
    Success(InferenceId, String),
    /// A failure.
    Failure(InferenceId),
    /// A wake-up.
    CheckRequest,
    /// SageMaker's test.
    Test,
    /// What support replayed.
    Replayed,
    /// Something that belongs into quarantine.
    Junk,
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) body: String,
    pub(crate) kind: Kind,
    /// The id of the first message that carried this text, if it was sent again.
    pub(crate) first_id: Option<String>,
    /// Since when it has been a dead letter, if it was sent back.
    pub(crate) dead_since: Option<Timestamp>,
}

impl Message {
    pub(crate) const fn new(body: String, kind: Kind) -> Self {
        Self {
            body,
            kind,
            first_id: None,
            dead_since: None,
        }
    }
}

#[derive(Debug)]
struct Held {
    message: Message,
    visible_at: u64,
    received: u32,
}

/// A dead letter, with the id that it had.
#[derive(Debug)]
pub(crate) struct Dead {
    pub(crate) id: u64,
    pub(crate) message: Message,
    pub(crate) visible_at: u64,
}

impl Dead {
    pub(crate) fn receipt_is(&self, receipt: &str) -> bool {
        self.id.to_string() == receipt
    }
}

#[derive(Debug, Default)]
pub(crate) struct Line {
    held: BTreeMap<u64, Held>,
    /// Dead letters.
    pub(crate) dead: Vec<Dead>,
    working: usize,
    /// Moments for which a look at the queue is planned.
    planned: BTreeSet<u64>,
}

/// All queues.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    queues: [Line; 4],
}

impl Queues {
    pub(crate) const fn get(&mut self, name: Queue) -> &mut Line {
        &mut self.queues[name as usize]
    }

    /// Nothing waits and nothing is being worked off; dead letters count as waiting.
    pub(crate) fn are_empty(&self) -> bool {
        self.queues
            .iter()
            .all(|queue| queue.held.is_empty() && queue.working == 0 && queue.dead.is_empty())
    }

    pub(crate) fn left(&self) -> String {
        let each = Queue::ALL.map(|name| {
            let queue = &self.queues[name as usize];
            format!(
                "{} {}+{} dead",
                name.name(),
                queue.held.len(),
                queue.dead.len()
            )
        });
        each.join(", ")
    }
}

impl World {
    /// Sends a message that arrives after `delay` milliseconds.
    pub(crate) fn send(&mut self, queue: Queue, delay: u64, message: Message) {
        self.after(delay, Event::Arrive(queue, Box::new(message)));
    }

    pub(crate) fn arrive(&mut self, name: Queue, message: Message) {
        let id = self.fresh_id();
        let late = if self.strikes(Fault::MessageLate) {
            self.between(SECOND, MINUTE)
        } else {
            0
        };
        self.log(|| format!("{:<10} m{id} arrives: {:?}", name.name(), message.kind));
        let visible_at = self.now + late;
        self.queues.get(name).held.insert(
            id,
            Held {
                message,
                visible_at,
                received: 0,
            },
        );
        self.look(name, visible_at);
    }

    /// Plans a look at the queue.
    fn look(&mut self, name: Queue, at: u64) {
        let at = at.max(self.now);
        if self.queues.get(name).planned.insert(at) {
            self.after(at - self.now, Event::Poll(name));
        }
    }

    /// Hands visible messages to functions.
    pub(crate) fn poll(&mut self, name: Queue) {
        let now = self.now;
        let queue = self.queues.get(name);
        queue.planned.remove(&now);
        let mut visible: Vec<u64> = queue
            .held
            .iter()
            .filter(|(_, held)| held.visible_at <= now)
            .map(|(id, _)| *id)
            .collect();
        // A standard queue keeps no order.
        for i in (1..visible.len()).rev() {
            let j = usize::try_from(self.rng.up_to(i as u64)).unwrap_or(0);
            visible.swap(i, j);
        }
        while !visible.is_empty() && self.queues.get(name).working < concurrency(name) {
            let size = usize::try_from(self.between(1, MAX_BATCH)).unwrap_or(1);
            let rest = visible.split_off(size.min(visible.len()));
            let batch = std::mem::replace(&mut visible, rest);
            self.hand_over(name, &batch);
        }
    }

    fn hand_over(&mut self, name: Queue, batch: &[u64]) {
        let again = self.now + self.timing.visibility;
        let throttled = self.strikes(Fault::DeliveryThrottled);
        let mut records = Vec::new();
        for id in batch {
            let doubled = !throttled && self.strikes(Fault::MessageDoubled);
            let soon = self.now
                + if doubled {
                    self.between(1, 40 * SECOND)
                } else {
                    0
                };
            let queue = self.queues.get(name);
            let Some(held) = queue.held.get_mut(id) else {
                continue;
            };
            held.received += 1;
            if held.received > MAX_RECEIVES {
                if let Some(held) = queue.held.remove(id) {
                    queue.dead.push(Dead {
                        id: *id,
                        message: held.message,
                        visible_at: 0,
                    });
                    self.log(|| format!("{:<10} m{id} becomes a dead letter", name.name()));
                }
                continue;
            }
            held.visible_at = if doubled { soon } else { again };
            let mut record = SqsMessage::default();
            record.message_id = Some(format!("m{id}"));
            record.body = Some(held.message.body.clone());
            record.attributes.insert(
                "ApproximateReceiveCount".to_owned(),
                held.received.to_string(),
            );
            if let Some(first) = &held.message.first_id {
                let mut value = SqsMessageAttribute::default();
                value.string_value = Some(first.clone());
                let attributes = &mut record.message_attributes;
                attributes.insert("first-message-id".to_owned(), value);
            }
            records.push((*id, record));
            self.look(name, if doubled { soon } else { again });
        }
        if throttled || records.is_empty() {
            return;
        }
        if self.made(Mistake::EvidenceOfAnotherAttempt) && name == Queue::InferenceError {
            records
                .iter_mut()
                .for_each(|(_, record)| check::rename_attempt(self, record));
        }
        if self.made(Mistake::LateSuccessDropped) && name == Queue::InferenceSuccess {
            let dropped: Vec<u64> = batch
                .iter()
                .copied()
                .filter(|id| self.is_late_success(name, *id))
                .collect();
            records.retain(|(id, _)| !dropped.contains(id));
            for id in &dropped {
                self.acknowledged(name, *id);
                self.delete(name, *id);
            }
            if records.is_empty() {
                return;
            }
        }
        self.queues.get(name).working += 1;
        let task = Task::Batch(
            name,
            records.into_iter().map(|(_, record)| record).collect(),
        );
        let delay = self.between(1, 60);
        self.after(delay, Event::Start(Box::new(task)));
    }

    fn is_late_success(&mut self, name: Queue, id: u64) -> bool {
        let Some(Kind::Success(inference, _)) = self
            .queues
            .get(name)
            .held
            .get(&id)
            .map(|held| held.message.kind.clone())
        else {
            return false;
        };
        let row = self.table.rows.get(&inference.job);
        row.is_some_and(|row| matches!(row.job.state, State::Failed { .. }))
    }

    /// A function that worked off a batch has ended. `failures` are the messages that it wants back, all if it died.
    pub(crate) fn batch_ended(
        &mut self,
        name: Queue,
        function: FnId,
        batch: &[String],
        failures: Option<&[String]>,
    ) {
        self.queues.get(name).working -= 1;
        if let Some(mut failures) = failures {
            if self.made(Mistake::FailuresAcknowledged) {
                failures = &[];
            }
            self.log(|| {
                format!(
                    "f{:<9} ends, {} of {} messages come back",
                    function.0,
                    failures.len(),
                    batch.len()
                )
            });
            for id in batch.iter().filter(|id| !failures.contains(id)) {
                if self.strikes(Fault::DeletionLost) {
                    continue;
                }
                if let Some(id) = id.strip_prefix('m').and_then(|id| id.parse().ok()) {
                    self.acknowledged(name, id);
                    self.delete(name, id);
                }
            }
        }
        self.look(name, self.now);
    }

    fn delete(&mut self, name: Queue, id: u64) {
        self.queues.get(name).held.remove(&id);
    }

    /// "A success of any attempt counts unless the job is `Ready` or `Cancelled`."
    fn acknowledged(&mut self, name: Queue, id: u64) {
        let Some(Kind::Success(inference, output)) = self
            .queues
            .get(name)
            .held
            .get(&id)
            .map(|held| held.message.kind.clone())
        else {
            return;
        };
        self.acknowledged += 1;
        let Some(row) = self.table.rows.get(&inference.job) else {
            return;
        };
        let replaced = self
            .bucket
            .current(&row.job.input.key)
            .is_some_and(|(version, _)| version.id != row.job.input.version);
        let counted = match &row.job.state {
            State::Ready { .. } | State::Cancelled { .. } => true,
            State::Failed { failure, .. } => failure.cause == Cause::Superseded || replaced,
            State::Submitting { .. } | State::InProgress { .. } | State::RetryScheduled { .. } => {
                replaced
            }
        };
        if !counted && self.bucket.current(&output).is_some() {
            let (state, name) = (row.job.state.name(), Self::short(inference));
            self.broken(check::PROMISE_4, || {
                format!("the success of {name} was acknowledged, its output is there, and the job is {state}")
            });
        }
    }
}
