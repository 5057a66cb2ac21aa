//! Checks that messages are deleted or quarantined correctly.

use jobs::state::{Cause, State};

use super::guarantees::{GUARANTEE_4, GUARANTEE_6, NO_FALSE_QUARANTINE};
use crate::bucket::{SimulatedBucket, StoredObject};
use crate::environment::SimulationEnvironment;
use crate::ids::short_request;
use crate::ledger::Ledger;
use crate::message::MessageKind;
use crate::people::People;
use crate::quarantine::QuarantineTable;
use crate::queue::Queues;
use crate::table::JobTable;

/// Checks a message that was deleted from its queue as processed: a success of any attempt counts unless the job is
/// `Ready` or `Cancelled`, or run again and the attempt one before that, or if its output cannot be read.
pub(crate) fn check_deleted(
    env: &mut SimulationEnvironment,
    table: &JobTable,
    bucket: &SimulatedBucket,
    message: &MessageKind,
) {
    let MessageKind::Success(inference, output) = message else {
        return;
    };
    let Some(row) = table.row(inference.job) else {
        return;
    };
    let input = &row.job.input;
    let replaced = bucket.is_replaced(&input.key, &input.version);
    let counted = match &row.job.state {
        State::Ready { .. } | State::Cancelled { .. } | State::Erased { .. } => true,
        State::Failed { failure, .. } => failure.cause == Cause::Superseded || replaced,
        State::Queued { .. }
        | State::Submitting { .. }
        | State::InProgress { .. }
        | State::RetryScheduled { .. } => replaced || inference.attempt <= row.job.earlier_result(),
    };
    let is_readable = |object: &StoredObject| object.sealed_at.is_none();
    let found = bucket.current(output);
    if !counted && found.is_some_and(|(_, object)| is_readable(object)) {
        let (state, name) = (row.job.state.name(), short_request(*inference));
        env.violation(GUARANTEE_4, || {
            format!("the success of {name} was acknowledged, its output is there, and the job is {state}")
        });
    }
}

/// At rest, the quarantine contains all junk messages and nothing else.
pub(crate) fn check_quarantine(
    env: &mut SimulationEnvironment,
    queues: &Queues,
    quarantine: &QuarantineTable,
    ledger: &Ledger,
    people: &People,
) {
    if !queues.are_empty() {
        env.violation(GUARANTEE_6, || {
            format!("messages are left: {}", queues.depths())
        });
    }
    let entries = &quarantine.entries;
    for body in &ledger.junk {
        // A deletion of data discards the messages that name its job.
        let mut deleted = people.deletions.keys();
        let is_discarded = deleted.any(|job| body.contains(&job.to_string()));
        if !is_discarded && !entries.iter().any(|entry| entry.body == *body) {
            env.violation(GUARANTEE_6, || {
                format!("{body:?} is gone and not in quarantine")
            });
        }
    }
    for entry in entries {
        if !ledger.junk.contains(&entry.body) {
            env.violation(NO_FALSE_QUARANTINE, || {
                format!(
                    "quarantined: {} of {}: {}",
                    entry.cause, entry.source, entry.problem
                )
            });
        }
    }
}
