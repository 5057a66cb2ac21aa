//! The table of quarantined messages, and support's redrives of dead letters in it.

use std::collections::BTreeSet;

use jobs::ports::{QuarantinedMessage, Queue};

use crate::environment::SimulationEnvironment;
use crate::message::{MessageKind, OutgoingMessage, QueueMessage, send};
use crate::mistake::Mistake;
use crate::timeline::After;

#[derive(Debug, Default)]
pub(crate) struct QuarantineTable {
    pub(crate) entries: Vec<QuarantinedMessage>,
}

impl QuarantineTable {
    pub(crate) fn insert(&mut self, env: &mut SimulationEnvironment, entry: &QuarantinedMessage) {
        let known = self
            .entries
            .iter()
            .any(|known| known.source == entry.source && known.message_id == entry.message_id);
        if !known && !env.has(Mistake::QuarantineDrops) {
            env.log(|| format!("quarantine {} {}", entry.cause, entry.problem));
            self.entries.push(entry.clone());
        }
    }

    /// Support redrives all dead letters that are no junk: after an outage that was longer than the reconciler's redrive
    /// window.
    pub(crate) fn redrive_dead_letters(
        &mut self,
        env: &mut SimulationEnvironment,
        junk: &BTreeSet<String>,
    ) -> Vec<After<OutgoingMessage>> {
        let (redriven, rest) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition::<Vec<_>, _>(|entry| {
                entry.cause == "DeadLetter" && !junk.contains(&entry.body)
            });
        self.entries = rest;
        let mut messages = Vec::new();
        for entry in redriven {
            let Some(queue) = Queue::from_name(&entry.source) else {
                continue;
            };
            env.log(|| {
                format!(
                    "support    redrives {} of {}",
                    entry.message_id, entry.source
                )
            });
            let message = QueueMessage {
                first_id: Some(entry.message_id),
                ..QueueMessage::new(entry.body, MessageKind::RedriveReport)
            };
            messages.push(send(queue, 20, message));
        }
        messages
    }
}
