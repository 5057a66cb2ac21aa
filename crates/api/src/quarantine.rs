//! Messages in quarantine: looking at them, sending them again after a fix, discarding them.

use super::{ApiError, Principal, audit};
use crate::ports::{QuarantineItem, QuarantineStore};
use crate::types::{QuarantineEntry, QuarantinePage};
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, DeadLetter, DeadLetters, KeyValueStore, Queue};

/// How many messages are answered at once.
const PAGE: u16 = 50;
/// How much of a message that is thrown away stays in the audit log, in bytes.
const LOGGED_BYTES: usize = 2000;
/// How much of a message is shown, in bytes.
const SHOWN_BYTES: usize = 64 * 1024;

/// A message as it is listed.
pub fn listed(kept: &QuarantineItem) -> QuarantineEntry {
    let entry = &kept.entry;
    QuarantineEntry {
        id: format!("{}:{}", entry.source, entry.message_id),
        source: entry.source.clone(),
        cause: entry.cause.to_string(),
        problem: entry.problem.clone(),
        at: entry.at.0,
        body_bytes: kept.body_bytes,
        body: None,
    }
}

/// Some messages. Answers the page without its cursor, and where to go on.
///
/// # Errors
/// For all but support, and if the quarantine does not answer.
pub async fn list<P: QuarantineStore>(
    ports: &P,
    principal: &Principal,
    after: Option<&str>,
) -> Result<(QuarantinePage, Option<String>), ApiError> {
    principal.must_be_support()?;
    let after = after.and_then(|id| id.split_once(':'));
    let (found, more) = ports.kept(after, PAGE).await?;
    let entries: Vec<QuarantineEntry> = found.iter().map(listed).collect();
    let next = entries.last().map(|entry| entry.id.clone());
    let page = QuarantinePage {
        entries,
        cursor: None,
    };
    Ok((page, next.filter(|_| more)))
}

async fn entry<P: QuarantineStore>(ports: &P, id: &str) -> Result<QuarantineItem, ApiError> {
    let kept = match id.split_once(':') {
        Some((source, message_id)) => ports.entry(source, message_id).await?,
        None => None,
    };
    kept.ok_or_else(|| {
        let id: String = id.chars().take(120).collect();
        ApiError::NotFound(format!(
            "there is no message {id:?} in quarantine; perhaps somebody sent it again or discarded it: see the audit log"
        ))
    })
}

/// One message with its text.
///
/// # Errors
/// For all but support, and if there is no such message.
pub async fn show<P: QuarantineStore>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<QuarantineEntry, ApiError> {
    principal.must_be_support()?;
    let kept = entry(ports, id).await?;
    let body = &kept.entry.body;
    Ok(QuarantineEntry {
        body: Some(body[..body.floor_char_boundary(SHOWN_BYTES)].to_owned()),
        ..listed(&kept)
    })
}

/// Sends a message to its queue again. It leaves the quarantine, and comes back if it fails again.
///
/// # Errors
/// For all but support, and if there is no such message.
pub async fn replay<P>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    id: &str,
    reason: &str,
) -> Result<QuarantineEntry, ApiError>
where
    P: QuarantineStore + DeadLetters + KeyValueStore + Clock,
{
    principal.must_be_support()?;
    let kept = entry(ports, id).await?;
    let (source, message_id) = (&kept.entry.source, &kept.entry.message_id);
    let queue = Queue::from_name(source)
        .ok_or_else(|| ApiError::Refused(format!("there is no queue {source:?} any more")))?;
    let line = audit::begin(
        ports,
        pipelines,
        principal,
        "replay",
        id,
        (None, None),
        reason,
    )
    .await?;
    let now = ports.now();
    // Marked first: should it fail again before it is taken out here, it is kept anew and stays.
    let sent = async {
        if !ports.mark(source, message_id, now).await? {
            return Err(ApiError::Changed(
                "somebody else is sending it again just now, or has taken it out".to_owned(),
            ));
        }
        let letter = DeadLetter {
            first_id: message_id.clone(),
            dead_since: None,
            body: kept.entry.body.clone(),
            trace_id: None,
            receipt: String::new(),
        };
        ports.redrive_letter(queue, &letter, now).await?;
        Ok(ports.take_out(source, message_id, Some(now)).await?)
    };
    match sent.await {
        Ok(()) => {
            let problem = &kept.entry.problem;
            line.end(ports, format!("sent to {source}; it was {problem}"))
                .await;
            Ok(listed(&kept))
        }
        Err(refusal) => Err(line.refuse(ports, refusal).await),
    }
}

/// Throws a message away. What it was is in the audit log.
///
/// # Errors
/// For all but support, and if there is no such message.
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
    principal.must_be_support()?;
    let kept = entry(ports, id).await?;
    let line = audit::begin(
        ports,
        pipelines,
        principal,
        "discard",
        id,
        (None, None),
        reason,
    )
    .await?;
    ports
        .take_out(&kept.entry.source, &kept.entry.message_id, None)
        .await?;
    let body = &kept.entry.body;
    let body = &body[..body.floor_char_boundary(LOGGED_BYTES)];
    let problem = &kept.entry.problem;
    line.end(ports, format!("it was {problem}: {body}")).await;
    Ok(())
}
