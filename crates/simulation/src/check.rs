//! The promises, and what must hold once everything has come to rest.

use jobs::id::{Attempt, Timestamp};
use jobs::state::{RetryBudget, State};

use functions::handlers::batch;
use jobs::id::InferenceId;

use crate::page::{PageConnection, is_listed};
use crate::queue::{Kind, Message};
use crate::world::{Published, World, short};
use jobs::ports::{QuarantinedMessage, Queue};

pub(crate) const PROMISE_1: &str = "1. Every object version that is current when it is processed has exactly one job, whatever S3 events are lost, doubled or reordered.";
pub(crate) const PROMISE_2: &str = "2. Every job reaches Ready, Failed or Cancelled within a bound that its pipeline states, whatever messages are lost, doubled, late or swapped, and wherever a function dies.";
pub(crate) const PROMISE_3: &str = "3. Ready means: the output object is there, its location is recorded, and it was made from this version of the input.";
pub(crate) const PROMISE_4: &str = "4. A final state is never overwritten by a late or doubled message, with one exception: a success of any attempt counts unless the job is Ready or Cancelled.";
pub(crate) const PROMISE_5: &str = "5. A duplicate event costs no second GPU run. Only a lost answer or record of the invoke call, or an attempt past its deadline, may repeat one.";
pub(crate) const PROMISE_6: &str = "6. Nothing is dropped with a 200: what cannot be understood is quarantined, visible to support, and alarmed.";
pub(crate) const PROMISE_7: &str = "7. A connected page shows what the table says within a second of a change if the push arrives, within a minute if it was lost, and at once after any reconnect.";
pub(crate) const PROMISE_8: &str =
    "8. No one sees, is pushed, retries or downloads another tenant's job.";
pub(crate) const PROMISE_9: &str =
    "9. A support action names its actor and its reason, and is kept.";
pub(crate) const PROMISE_10: &str = "10. Whatever a state asks for (invoke, retry message, push, event) is carried out at least once.";

impl World {
    /// Everything is at rest: nothing is under way, and no fault has struck for a while.
    pub(crate) fn check_at_rest(&mut self) {
        let rows: Vec<_> = self
            .table
            .rows
            .values()
            .map(|row| row.job.clone())
            .collect();
        for job in &rows {
            let id = short(job.id);
            let ready = matches!(job.state, State::Ready { .. });
            match job.state {
                State::Submitting { .. }
                | State::InProgress { .. }
                | State::RetryScheduled { .. } => {
                    self.broken(PROMISE_2, || format!("{id} is still {}", job.state.name()));
                }
                State::Ready { .. } | State::Failed { .. } => {
                    let event = Published {
                        job: job.id,
                        version: job.version,
                        ready,
                    };
                    if !self.published.contains(&event) {
                        self.broken(PROMISE_10, || {
                            format!(
                                "no event says that {id} v{} is {}",
                                job.version,
                                job.state.name()
                            )
                        });
                    }
                }
                State::Cancelled { .. } => {}
            }
        }
        let inputs: Vec<(String, String)> = self
            .bucket
            .objects
            .keys()
            .filter(|key| self.pipelines.of_key(key).is_some())
            .filter_map(|key| Some((key.clone(), self.bucket.current(key)?.0.id.clone())))
            .collect();
        for (key, version) in inputs {
            if self.table.job_of(&key, &version).is_none() {
                self.broken(PROMISE_1, || format!("{key} {version} has no job"));
            }
        }
        self.check_quarantine();
        for at in 0..self.pages.len() {
            self.check_page(at, "after its last sync");
        }
    }

    /// What support does after an outage that was longer than the reconciler's patience.
    pub(crate) fn replay_dead_letters(&mut self) {
        let junk = &self.ledger.junk;
        let (again, rest): (Vec<QuarantinedMessage>, Vec<QuarantinedMessage>) =
            std::mem::take(&mut self.quarantine)
                .into_iter()
                .partition(|entry| entry.cause == "DeadLetter" && !junk.contains(&entry.body));
        self.quarantine = rest;
        for entry in again {
            let Some(queue) = Queue::ALL
                .into_iter()
                .find(|queue| queue.name() == entry.source)
            else {
                continue;
            };
            self.log(|| {
                format!(
                    "support    replays {} of {}",
                    entry.message_id, entry.source
                )
            });
            let message = Message {
                first_id: Some(entry.message_id),
                ..Message::new(entry.body, Kind::Replayed)
            };
            self.send(queue, 20, message);
        }
    }

    fn check_quarantine(&mut self) {
        if !self.queues.are_empty() {
            let left = self.queues.left();
            self.broken(PROMISE_6, || format!("messages are left: {left}"));
        }
        let missing: Vec<String> = self
            .ledger
            .junk
            .iter()
            .filter(|body| !self.quarantine.iter().any(|entry| entry.body == **body))
            .cloned()
            .collect();
        for body in missing {
            self.broken(PROMISE_6, || {
                format!("{body:?} is gone and not in quarantine")
            });
        }
        let wrong: Vec<String> = self
            .quarantine
            .iter()
            .filter(|entry| !self.ledger.junk.contains(&entry.body))
            .map(|entry| format!("{} of {}: {}", entry.cause, entry.source, entry.problem))
            .collect();
        for entry in wrong {
            self.broken(
                "The protocol never sends what it cannot understand.",
                || format!("quarantined: {entry}"),
            );
        }
    }

    /// An open page shows what the table says.
    pub(crate) fn check_page(&mut self, at: usize, when: &str) {
        let page = &self.pages[at];
        if !page.complete || !matches!(page.connection, PageConnection::Open { .. }) {
            return;
        }
        let tenant = page.subscription.clone();
        let stale: Vec<String> = self
            .table
            .rows
            .values()
            .filter(|row| row.job.tenant.as_str() == tenant && is_listed(row))
            .filter(|row| page.known.get(&row.job.id.to_string()) != Some(&row.job.version))
            .map(|row| {
                format!(
                    "{} v{} as {:?}",
                    short(row.job.id),
                    row.job.version,
                    page.known.get(&row.job.id.to_string())
                )
            })
            .collect();
        for job in stale {
            self.broken(PROMISE_7, || format!("page {at} shows {job} {when}"));
        }
    }

    /// Something that belongs into quarantine was sent.
    pub(crate) fn expect_in_quarantine(&mut self, body: &str, kind: &Kind) {
        if *kind == Kind::Junk {
            self.ledger.junk.insert(body.to_owned());
        }
    }
}

/// For a planted mistake: a failure's message with the newest attempt instead of its own.
pub(crate) fn rename_attempt(world: &World, record: &mut batch::Message) {
    let ids = world
        .table
        .rows
        .values()
        .map(|row| (row.job.id, row.job.state.attempt()));
    for (job, newest) in ids {
        for number in 1..newest.0 {
            let told = InferenceId {
                job,
                attempt: Attempt(number),
            }
            .to_string();
            if record.body.contains(&format!("{told}\"")) {
                let instead = InferenceId {
                    job,
                    attempt: newest,
                }
                .to_string();
                record.body = record.body.replace(&told, &instead);
                return;
            }
        }
    }
}

/// For a planted mistake: a finished job as if it were not.
pub(crate) const fn reopened(world: &World, attempt: Attempt) -> State {
    let far = Timestamp(world.wall().0 + 3_600_000);
    State::InProgress {
        attempt,
        deadline: far,
        budget: RetryBudget {
            last_attempt: Attempt(attempt.0 + 1),
            expires_at: far,
        },
    }
}
