//! Marks: who reviewed a contract, who is to, a note, who has opened it, and how many findings were counted.

use sha2::{Digest, Sha256};

use super::audit::{self, AuditTarget};
use super::commands::command_result;
use super::job_detail::visible_job;
use super::{ApiError, Permission, Principal};
use crate::ports::MarksStore;
use crate::types::{AuditAction, JobCommandResult, MarksChange};
use jobs::apply::RunContext;
use jobs::effects::push_update;
use jobs::id::{Attempt, JobId, Timestamp};
use jobs::job::Job;
use jobs::marks::{MAX_ASSIGNEE_CHARS, MAX_NOTE_CHARS, MAX_READERS, Marks, Opened, Reviewed};
use jobs::ports::{Clock, Connections, JobStore, KeyValueStore, Pusher};
use jobs::state::StatusGroup;
use jobs::text::is_visible_text;

/// Saves are tried so often, since other users may change the same marks at once.
const MAX_TRIES: usize = 4;

/// A caller in the list of who has opened a result: eight hexadecimal digits of a hash of the name, since there is no room for
/// names.
pub fn reader_id(actor: &str) -> String {
    let digest = Sha256::digest(actor.as_bytes());
    let start = digest.iter().take(4);
    start.map(|byte| format!("{byte:02x}")).collect()
}

/// Changes the marks of a job that the principal may see. Customers may only say that they have opened it, what their page has
/// counted, and that they corrected it.
///
/// # Errors
/// If the change is invalid or not allowed, the job has no result for it, or its data was deleted.
pub async fn change<P>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
    change: &MarksChange,
    push_until: Timestamp,
) -> Result<JobCommandResult, ApiError>
where
    P: JobStore + MarksStore + KeyValueStore + Connections + Pusher + Clock,
{
    let is_judgement =
        change.reviewed.is_some() || change.assigned_to.is_some() || change.note.is_some();
    let permission = if is_judgement {
        Permission::JudgeContracts
    } else {
        Permission::MarkJobs
    };
    principal.must(permission)?;
    let mut job = visible_job(ports, run, principal, permission, id).await?;
    let marked = apply(&job, principal, change, ports.now())?;
    if marked == job.marks.as_deref().cloned().unwrap_or_default() {
        return Ok(command_result(principal, &job, false));
    }
    let audit = match (principal.is_support() && is_judgement, &change.reason) {
        (false, _) => None,
        (true, reason) => Some(
            audit::begin(
                ports,
                run.pipelines,
                principal,
                AuditAction::Mark,
                AuditTarget::job(id, &job),
                reason.as_deref().unwrap_or_default(),
            )
            .await?,
        ),
    };
    let saved = save(ports, run, principal, &mut job, change).await;
    match (saved, audit) {
        (Ok(()), Some(audit)) => audit.finish(ports, "marked").await,
        (Err(error), Some(audit)) => return Err(audit.refuse(ports, error).await),
        (saved, None) => saved?,
    }
    let result = command_result(principal, &job, false);
    push_update(ports, job, push_until).await;
    Ok(result)
}

/// Saves the change over what is there, also if another request changes the marks at the same time.
async fn save<P: JobStore + MarksStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    job: &mut Job,
    change: &MarksChange,
) -> Result<(), ApiError> {
    for _ in 0..MAX_TRIES {
        let marks = apply(job, principal, change, ports.now())?;
        if ports.save_marks(job.id, &marks).await? {
            job.marks = Some(Box::new(marks));
            return Ok(());
        }
        let id = job.id.to_string();
        *job = visible_job(ports, run, principal, Permission::MarkJobs, &id).await?;
    }
    Err(ApiError::Unavailable(
        "others are changing the marks of this contract; try again in a moment".to_owned(),
    ))
}

/// The marks after the change. Those of an equal change are equal, with the same revision.
fn apply(
    job: &Job,
    principal: &Principal,
    change: &MarksChange,
    now: Timestamp,
) -> Result<Marks, ApiError> {
    if job.is_erased() {
        return Err(ApiError::Refused(
            "the contract's data was deleted, so there is nothing to mark".to_owned(),
        ));
    }
    let before = job.marks.as_deref().cloned().unwrap_or_default();
    let mut marks = before.clone();
    if let Some(is_reviewed) = change.reviewed {
        marks.reviewed = if is_reviewed {
            let attempt = result_attempt(job)?;
            let known = marks
                .reviewed
                .take()
                .filter(|known| known.attempt == attempt);
            Some(known.unwrap_or_else(|| Reviewed {
                by: principal.actor.clone(),
                at: now.0,
                attempt,
            }))
        } else {
            None
        };
    }
    if let Some(name) = &change.assigned_to {
        marks.assigned_to = line("assigned_to", name, MAX_ASSIGNEE_CHARS)?;
    }
    if let Some(note) = &change.note {
        marks.note = line("note", note, MAX_NOTE_CHARS)?;
    }
    if let Some(id) = &change.corrected_by {
        let id: JobId = id
            .to_lowercase()
            .parse()
            .map_err(|_| ApiError::BadRequest("corrected_by is not the id of a job".to_owned()))?;
        if job.state.status_group() != StatusGroup::Failed || id == job.id {
            return Err(ApiError::Refused(
                "only a failed job can have a corrected version".to_owned(),
            ));
        }
        marks.corrected_by = Some(id.to_string());
    }
    if let Some(findings) = change.findings {
        if findings.attempt != result_attempt(job)? {
            return Err(ApiError::Refused(
                "the findings are those of another attempt than the job's result; load the job again"
                    .to_owned(),
            ));
        }
        let unclear = change.unclear_findings.unwrap_or_default();
        if unclear > findings.other {
            return Err(ApiError::BadRequest(
                "unclear_findings is more than findings.other, which has them too".to_owned(),
            ));
        }
        marks.findings = Some(findings);
        marks.unclear_findings = unclear;
    } else if change.unclear_findings.is_some() {
        return Err(ApiError::BadRequest(
            "unclear_findings needs findings".to_owned(),
        ));
    }
    if change.opened {
        open(&mut marks, job, &principal.actor);
    }
    if marks != before {
        marks.revision = before.revision + 1;
    }
    Ok(marks)
}

fn open(marks: &mut Marks, job: &Job, actor: &str) {
    let attempt = job.state.attempt().0;
    let known = marks.opened.take().filter(|one| one.attempt == attempt);
    let mut opened = known.unwrap_or(Opened {
        attempt,
        by: vec![],
    });
    let reader = reader_id(actor);
    if !opened.by.contains(&reader) {
        let excess = (opened.by.len() + 1).saturating_sub(MAX_READERS);
        opened.by.drain(..excess);
        opened.by.push(reader);
    }
    marks.opened = Some(opened);
}

fn result_attempt(job: &Job) -> Result<u8, ApiError> {
    let attempt = if job.state.status_group() == StatusGroup::Ready {
        job.state.attempt()
    } else {
        job.earlier_result()
    };
    if attempt == Attempt::NONE {
        return Err(ApiError::Refused(format!(
            "the job is {} and has no result to review",
            job.state.name()
        )));
    }
    Ok(attempt.0)
}

/// A text of one line; `None` for the empty one.
fn line(name: &str, text: &str, max_chars: usize) -> Result<Option<String>, ApiError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let fits = text.chars().count() <= max_chars && !text.chars().any(char::is_control);
    if fits && is_visible_text(text) {
        return Ok(Some(text.to_owned()));
    }
    Err(ApiError::BadRequest(format!(
        "{name} must be one line of at most {max_chars} characters that can be seen"
    )))
}
