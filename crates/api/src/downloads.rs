//! The downloads of a job's document and result.

use crate::audit::{self, AuditTarget};
use crate::job_detail::visible_job;
use crate::ports::{ContentDisposition, ObjectTransfers, SignedDownload};
use crate::types::{AuditAction, ResultView};
use crate::{ApiError, Permission, Principal};
use jobs::apply::RunContext;
use jobs::id::{Attempt, Location};
use jobs::job::Job;
use jobs::pipeline::Pipeline;
use jobs::ports::{Clock, HeadError, JobStore, KeyValueStore, ObjectHead, ObjectStore};
use jobs::state::State;

const PDF: &str = "application/pdf";

/// What can be downloaded of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downloadable {
    /// The uploaded file, in exactly the version that the job processes.
    Document,
    /// Of an attempt, or of the job.
    Result(Option<u8>),
}

/// Signs a download, which the audit log records: one write.
///
/// # Errors
/// If the job has no result, what is asked for was deleted, or the audit log cannot be written.
pub async fn sign<P: JobStore + ObjectStore + ObjectTransfers + KeyValueStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
    what: Downloadable,
) -> Result<ResultView, ApiError> {
    let job = visible_job(ports, run, principal, Permission::ReadContents, id).await?;
    let gone = |why: &str| ApiError::Gone(why.to_owned());
    if job.is_erased() {
        return Err(gone("the job's data was deleted"));
    }
    let (from, version) = locate(&job, what)?;
    let found = match what {
        // The reader gets a reason instead of S3's.
        Downloadable::Document => readable_document(ports, &from, version).await?,
        Downloadable::Result(_) => ports.head(&from).await?,
    };
    let Some(current) = found else {
        return Err(gone(match what {
            Downloadable::Document => {
                "the document was deleted: its retention time is over, or a user deleted it"
            }
            Downloadable::Result(_) => "the result was deleted: its retention time is over",
        }));
    };
    if let Some(version) = version.filter(|version| **version != current.version) {
        let versions = ports.versions(&from.bucket, &from.key).await?;
        if !versions.iter().any(|one| one.version == *version) {
            return Err(gone(
                "this version of the document was deleted: a newer one was uploaded under its name",
            ));
        }
    }
    let pipeline = run.pipelines.get(&job.pipeline);
    let (name, content_type, disposition) = match what {
        Downloadable::Document => {
            // S3 clients often store another type with a PDF. Browsers show a PDF in their own reader; anything else could
            // bring scripts.
            let only_pdf = pipeline.is_some_and(|pipeline| pipeline.content_types == [PDF]);
            let name = job.display_name().into_owned();
            if only_pdf || job.input.content_type == PDF {
                (name, PDF, ContentDisposition::Inline)
            } else {
                let content_type = job.input.content_type.as_str();
                (name, content_type, ContentDisposition::Attachment)
            }
        }
        Downloadable::Result(attempt) => {
            let (content_type, extension) = pipeline
                .map_or(("application/octet-stream", "out"), |pipeline| {
                    (pipeline.output.content_type(), pipeline.output.extension())
                });
            let name = result_name(&job.display_name(), attempt, extension);
            (name, content_type, ContentDisposition::Attachment)
        }
    };
    let download = SignedDownload {
        version: version.map(String::as_str),
        name: &name,
        content_type,
        disposition,
    };
    let request = ports.sign_get(&from, &download).await?;
    record(ports, run, principal, &job, what).await?;
    let paths = pipeline.filter(|_| what != Downloadable::Document);
    let paths = paths.into_iter().flat_map(Pipeline::result_paths);
    Ok(ResultView {
        request,
        content_type: content_type.to_owned(),
        bytes: version.map_or(current.bytes, |_| job.input.bytes),
        paths: paths
            .map(|(part, path)| (part.to_owned(), path.to_owned()))
            .collect(),
        name,
    })
}

/// The current version of a document, as far as it is known.
///
/// # Errors
/// If S3 does not let this service read the job's version.
async fn readable_document<P: ObjectStore>(
    ports: &P,
    from: &Location,
    version: Option<&String>,
) -> Result<Option<ObjectHead>, ApiError> {
    let why = match ports.head_current(&from.bucket, &from.key).await {
        Err(HeadError::Unreadable(why) | HeadError::Denied(why)) => why,
        found => return Ok(found?),
    };
    let listed = ports.versions(&from.bucket, &from.key).await?;
    match listed.into_iter().next() {
        // What cannot be read is a newer version.
        Some(newest) if version.is_some_and(|own| *own != newest.version) => Ok(Some(ObjectHead {
            version: newest.version,
            ..ObjectHead::default()
        })),
        Some(_) | None => Err(ApiError::Refused(format!(
            "the document cannot be read ({why}): it is archived, or a policy or its encryption key denies it"
        ))),
    }
}

async fn record<P: KeyValueStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    job: &Job,
    what: Downloadable,
) -> Result<(), ApiError> {
    let (action, detail) = match what {
        Downloadable::Document => (AuditAction::DownloadDocument, "signed".to_owned()),
        Downloadable::Result(None) => (AuditAction::DownloadResult, "signed".to_owned()),
        Downloadable::Result(Some(attempt)) => (
            AuditAction::DownloadResult,
            format!("signed, of attempt {attempt}"),
        ),
    };
    let id = job.id.to_string();
    let target = AuditTarget::job(&id, job);
    audit::record_at_once(ports, run.pipelines, principal, action, target, &detail).await
}

/// Where it is, and in which version if not in the current one.
fn locate(job: &Job, what: Downloadable) -> Result<(Location, Option<&String>), ApiError> {
    let attempt = match what {
        Downloadable::Document => {
            let input = &job.input;
            let from = Location {
                bucket: input.bucket.clone(),
                key: input.key.clone(),
            };
            return Ok((from, Some(&input.version)));
        }
        Downloadable::Result(Some(attempt)) => Attempt(attempt),
        Downloadable::Result(None) => match job.state {
            State::Ready { attempt } => attempt,
            State::Queued { .. }
            | State::Submitting { .. }
            | State::InProgress { .. }
            | State::RetryScheduled { .. }
            | State::Failed { .. }
            | State::Cancelled { .. }
            | State::Erased { .. } => job.earlier_result(),
        },
    };
    let mut results = job.results();
    let result = results.find(|(record, _)| record.attempt == attempt);
    let (_, output) = result.ok_or_else(|| {
        let of = match what {
            Downloadable::Result(Some(attempt)) => format!(" of attempt {attempt}"),
            Downloadable::Result(None) | Downloadable::Document => String::new(),
        };
        let state = job.state.name();
        ApiError::NotReady(format!("job {} is {state} and has no result{of}", job.id))
    })?;
    Ok((output.clone(), None))
}

/// The document's name with the result's extension in place of `.pdf`, and with the attempt if one was named.
fn result_name(document: &str, attempt: Option<u8>, extension: &str) -> String {
    let split = document
        .len()
        .checked_sub(4)
        .and_then(|at| document.split_at_checked(at));
    let stem = match split {
        Some((stem, end)) if end.eq_ignore_ascii_case(".pdf") => stem,
        Some(_) | None => document,
    };
    let attempt = attempt.map_or_else(String::new, |attempt| format!(" (attempt {attempt})"));
    format!("{stem}{attempt}.{extension}")
}
