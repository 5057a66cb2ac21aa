//! The table of quarantined messages, and support's redrives of dead letters in it.

use std::collections::BTreeSet;

use api::ports::{Page, StoredMessage};
use jobs::ports::{QuarantinedMessage, Queue};

use crate::environment::SimulationEnvironment;
use crate::message::{MessageKind, OutgoingMessage, QueueMessage, send};
use crate::mistake::Mistake;
use crate::timeline::After;

const MAX_LISTED_MESSAGES: u16 = 3;

#[derive(Debug, Default)]
pub(crate) struct QuarantineTable {
    pub(crate) entries: Vec<QuarantinedMessage>,
}

impl QuarantineTable {
    pub(crate) fn insert(&mut self, env: &mut SimulationEnvironment, entry: &QuarantinedMessage) {
        let known = self.position(&entry.source, &entry.message_id);
        if known.is_none() && !env.has(Mistake::QuarantineDrops) {
            env.log(|| format!("quarantine {} {}", entry.cause, entry.problem));
            self.entries.push(entry.clone());
        }
    }

    /// A page of the list, by queue and message id. It has few messages, so that lists have several pages.
    pub(crate) fn page(&self, after: Option<(&str, &str)>, limit: u16) -> Page<StoredMessage> {
        let name = |stored: &StoredMessage| {
            let QuarantinedMessage {
                source, message_id, ..
            } = &stored.message;
            (source.clone(), message_id.clone())
        };
        let after = after.map(|(source, id)| (source.to_owned(), id.to_owned()));
        let mut items: Vec<StoredMessage> = self.entries.iter().map(stored).collect();
        items.retain(|entry| after.as_ref().is_none_or(|after| name(entry) > *after));
        items.sort_by_key(name);
        let limit = usize::from(limit.min(MAX_LISTED_MESSAGES));
        let more = items.len() > limit;
        items.truncate(limit);
        for item in &mut items {
            item.message.body.clear();
        }
        Page { items, more }
    }

    fn position(&self, source: &str, message_id: &str) -> Option<usize> {
        self.entries
            .iter()
            .position(|known| known.source == source && known.message_id == message_id)
    }

    pub(crate) fn get(&self, source: &str, message_id: &str) -> Option<StoredMessage> {
        let at = self.position(source, message_id)?;
        Some(stored(&self.entries[at]))
    }

    pub(crate) fn remove(&mut self, source: &str, message_id: &str) {
        if let Some(at) = self.position(source, message_id) {
            self.entries.remove(at);
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

fn stored(message: &QuarantinedMessage) -> StoredMessage {
    StoredMessage {
        message: message.clone(),
        body_bytes: message.body.len() as u64,
        redriven_at: None,
    }
}
