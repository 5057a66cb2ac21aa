//! Messages in quarantine: list them, show one, redrive one after a fix, discard one.

use super::audit::{self, AuditTarget, count};
use super::{ApiError, Permission, Principal};
use crate::ports::{QuarantineStore, StoredMessage};
use crate::types::{AuditAction, QuarantineEntry, QuarantinePage};
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, DeadLetter, DeadLetters, KeyValueStore, Queue};

const PAGE_SIZE: u16 = 50;
pub(crate) const MAX_SHOWN_BODY_BYTES: usize = 64 * 1024;

/// The message without its body, as lists show it. What is wrong with it may quote it.
pub(super) fn list_entry(principal: &Principal, stored: &StoredMessage) -> QuarantineEntry {
    let message = &stored.message;
    let reads = principal.has(Permission::ReadMessages);
    QuarantineEntry {
        id: format!("{}:{}", message.source, message.message_id),
        source: message.source.clone(),
        cause: message.cause.to_string(),
        problem: if reads {
            message.problem.clone()
        } else {
            String::new()
        },
        at: message.at.0,
        body_bytes: stored.body_bytes,
        body: None,
    }
}

/// A page of messages without its cursor, and the id to continue after.
///
/// # Errors
/// Unless the caller may manage the quarantine, and if the store does not answer.
pub async fn list<P: QuarantineStore>(
    ports: &P,
    principal: &Principal,
    after: Option<&str>,
) -> Result<(QuarantinePage, Option<String>), ApiError> {
    principal.must(Permission::ManageQuarantine)?;
    let after = after.and_then(|id| id.split_once(':'));
    let found = ports.list_messages(after, PAGE_SIZE).await?;
    let entries: Vec<QuarantineEntry> = found
        .items
        .iter()
        .map(|stored| list_entry(principal, stored))
        .collect();
    let next = entries.last().map(|entry| entry.id.clone());
    let page = QuarantinePage {
        entries,
        cursor: None,
    };
    Ok((page, next.filter(|_| found.more)))
}

async fn get<P: QuarantineStore>(ports: &P, id: &str) -> Result<StoredMessage, ApiError> {
    let stored = match id.split_once(':') {
        Some((source, message_id)) => ports.get_message(source, message_id).await?,
        None => None,
    };
    stored.ok_or_else(|| {
        let id: String = id.chars().take(120).collect();
        ApiError::NotFound(format!(
            "there is no message {id:?} in quarantine; the audit log shows whether it was redriven or discarded"
        ))
    })
}

/// One message, with its body if the principal may read it.
///
/// # Errors
/// Unless the caller may manage the quarantine, and if there is no such message.
pub async fn show<P: QuarantineStore>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<QuarantineEntry, ApiError> {
    principal.must(Permission::ManageQuarantine)?;
    let stored = get(ports, id).await?;
    let body = &stored.message.body;
    Ok(QuarantineEntry {
        body: principal
            .has(Permission::ReadMessages)
            .then(|| body[..body.floor_char_boundary(MAX_SHOWN_BODY_BYTES)].to_owned()),
        ..list_entry(principal, &stored)
    })
}

/// Sends a message to its queue again and removes it from quarantine. If it fails again, it is quarantined again.
///
/// # Errors
/// Unless the caller may manage the quarantine, and if there is no such message.
pub async fn redrive<P>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    id: &str,
    reason: &str,
) -> Result<QuarantineEntry, ApiError>
where
    P: QuarantineStore + DeadLetters + KeyValueStore + Clock,
{
    principal.must(Permission::ManageQuarantine)?;
    let stored = get(ports, id).await?;
    let (source, message_id) = (&stored.message.source, &stored.message.message_id);
    let queue = Queue::from_name(source)
        .ok_or_else(|| ApiError::Refused(format!("the queue {source:?} no longer exists")))?;
    let target = AuditTarget::id(id);
    let audit = audit::begin(
        ports,
        pipelines,
        principal,
        AuditAction::Redrive,
        target,
        reason,
    )
    .await?;
    let now = ports.now();
    // Marked first: if the message fails again before it is removed here, the new entry replaces it and stays.
    let redriven = async {
        if !ports.mark_redriven(source, message_id, now).await? {
            return Err(ApiError::Changed(
                "the message was redriven within the last minute, or is no longer in quarantine"
                    .to_owned(),
            ));
        }
        let letter = DeadLetter {
            first_id: message_id.clone(),
            dead_since: None,
            body: stored.message.body.clone(),
            trace_id: None,
            receipt: String::new(),
        };
        ports.redrive_letter(queue, &letter, now).await?;
        Ok(ports.remove_message(source, message_id, Some(now)).await?)
    };
    match redriven.await {
        Ok(()) => {
            let cause = &stored.message.cause;
            audit
                .finish(ports, format!("sent to {source}; its cause was {cause}"))
                .await;
            Ok(list_entry(principal, &stored))
        }
        Err(error) => Err(audit.refuse(ports, error).await),
    }
}

/// Deletes a message. The audit log keeps its cause and size, but nothing of its body: that may name a document, whose
/// data can be deleted.
///
/// # Errors
/// Unless the caller may manage the quarantine, and if there is no such message.
pub async fn discard<P>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    id: &str,
    reason: &str,
) -> Result<(), ApiError>
where
    P: QuarantineStore + KeyValueStore + Clock,
{
    principal.must(Permission::ManageQuarantine)?;
    let stored = get(ports, id).await?;
    let message = &stored.message;
    let target = AuditTarget::id(id);
    let audit = audit::begin(
        ports,
        pipelines,
        principal,
        AuditAction::Discard,
        target,
        reason,
    )
    .await?;
    ports
        .remove_message(&message.source, &message.message_id, None)
        .await?;
    let cause = &message.cause;
    let bytes = count(message.body.len() as u64, "byte", "bytes");
    audit
        .finish(ports, format!("{bytes}; its cause was {cause}"))
        .await;
    Ok(())
}
