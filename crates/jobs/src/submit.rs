//! Processes an upload event: creates the job, once, and submits its first attempt.

use tracing::info;

use crate::apply::{Change, RunContext, apply, context, log_change};
use crate::error::MessageError;
use crate::file_name::clean;
use crate::id::{Attempt, CLOCK_SKEW, JobId, Tenant, Timestamp, TraceId};
use crate::input::{
    Input, InputProblem, check_contents, check_key, is_folder_marker, is_folder_type,
};
pub use crate::invoke::IfDenied;
use crate::invoke::{denied, invoke_endpoint, invoke_if_input_is_current};
use crate::job::{Job, NewJob};
use crate::pipeline::Pipeline;
use crate::ports::{
    Clock, HeadError, InferenceEndpoint, JobStore, KeyValueStore, ObjectHead, ObjectStore,
    SaveError,
};
use crate::state::{Cause, Failure, State};
use crate::transition::{Event, IgnoreReason, first};
use crate::upload_session::{self, UploadSession, is_session_key};

/// An S3 event about an object version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadEvent {
    pub bucket: String,
    /// Decoded.
    pub key: String,
    /// S3 version id; events of an unversioned bucket have none.
    pub version: Option<String>,
    pub bytes: u64,
    /// Without quotes.
    pub etag: String,
    /// The trace id of the upload, if it had one.
    pub trace_id: Option<TraceId>,
}

/// Creates the job of an upload and submits it. Returns the jobs with pending effects.
///
/// An object that S3 does not let this service read fails its job if `if_denied` says so.
///
/// # Errors
/// See [`MessageError::disposition`] for what to do with the message.
pub async fn submit<P>(
    ports: &P,
    run: &RunContext<'_>,
    upload: &UploadEvent,
    if_denied: IfDenied,
) -> Result<Vec<Job>, MessageError>
where
    P: JobStore + ObjectStore + InferenceEndpoint + KeyValueStore + Clock,
{
    if upload.bucket != run.bucket {
        return Err(MessageError::NotOurs(format!(
            "the event is about the bucket {:?}, not about {:?}",
            upload.bucket, run.bucket
        )));
    }
    let Some(pipeline) = run.pipelines.of_key(&upload.key) else {
        return Err(MessageError::NotOurs(format!(
            "no pipeline has a prefix of the key {:?}",
            upload.key
        )));
    };
    if is_folder_marker(&upload.key, upload.bytes) {
        info!(upload.version, "a folder marker makes no job");
        return Ok(vec![]);
    }
    let first_id = JobId::of_key(&upload.bucket, &upload.key);
    let (tenant, problem) = check_key(pipeline, &upload.key);
    let (object, problem) = match problem {
        // No request for an invalid key: some cannot even be encoded in a URL.
        Some(problem) => (None, Some(problem)),
        None => match ports.head_current(&upload.bucket, &upload.key).await {
            Ok(object) => (object, None),
            Err(HeadError::Unreadable(why)) => (None, Some(InputProblem::Unreadable(why))),
            Err(HeadError::Denied(why)) => (None, Some(denied(why, if_denied)?)),
            Err(HeadError::Unavailable(error)) => return Err(error.into()),
        },
    };
    let is_folder = |object: &ObjectHead| is_folder_type(&object.content_type, object.bytes);
    if object.as_ref().is_some_and(is_folder) {
        info!(upload.version, "a folder marker makes no job");
        return Ok(vec![]);
    }
    let key_is_usable = matches!(
        problem,
        None | Some(InputProblem::Unreadable(_) | InputProblem::Denied(_))
    );
    let upload_check = UploadCheck::new(pipeline, upload, problem, object.as_ref());
    let session = if is_session_key(pipeline, &upload.key) {
        upload_session::find(ports, first_id).await?
    } else {
        None
    };
    let input = input_of(upload, &upload_check, object, session);
    let row = create(ports, run, upload, pipeline, tenant, input, &upload_check).await?;
    let (id, created_at) = (row.job().id, row.job().created_at);
    (run.on_job_found)(row.job());

    let mut pending = match row {
        JobRow::Created(job) => invoke_endpoint(ports, run, job, if_denied).await?,
        JobRow::Existing(job) => {
            let was_replaced = matches!(upload_check.validity, UploadValidity::Superseded);
            let event = if was_replaced {
                Event::Overwritten
            } else {
                Event::Uploaded
            };
            match apply(ports, run, job, async |_, _| Ok(event.clone())).await? {
                (job, Change::Advanced) => {
                    invoke_if_input_is_current(ports, run, job, if_denied).await?
                }
                (_, Change::Ignored(IgnoreReason::Leased)) => return Err(MessageError::Leased),
                (job, Change::Ignored(IgnoreReason::AlreadyApplied)) => vec![job],
                (_, Change::Ignored(_)) => vec![],
            }
        }
    };
    if id != first_id && key_is_usable {
        pending.extend(close_older(ports, run, upload, &upload_check.version, created_at).await?);
    }
    Ok(pending)
}

/// What reading the object showed.
struct UploadCheck {
    version: String,
    validity: UploadValidity,
}

enum UploadValidity {
    Valid,
    Superseded,
    Invalid(Failure),
}

impl UploadCheck {
    fn new(
        pipeline: &Pipeline,
        upload: &UploadEvent,
        problem: Option<InputProblem>,
        object: Option<&ObjectHead>,
    ) -> Self {
        let current = object.map(|object| object.version.clone());
        let named = upload.version.clone();
        let is_current = named.is_none() || current.is_none() || named == current;
        let version = named.or(current).unwrap_or_else(|| "null".to_owned());
        let invalid = |problem: InputProblem| UploadValidity::Invalid(problem.failure());
        let validity = match (problem, object) {
            (Some(problem), _) => invalid(problem),
            (None, None) => invalid(InputProblem::Deleted),
            (None, Some(_)) if !is_current => UploadValidity::Superseded,
            (None, Some(_)) if pipeline.retired => UploadValidity::Invalid(Failure::new(
                Cause::PipelineGone,
                format!("the pipeline {} no longer takes uploads", pipeline.name),
            )),
            (None, Some(object)) => check_contents(pipeline, object.bytes, &object.first_bytes)
                .map_or(UploadValidity::Valid, invalid),
        };
        Self { version, validity }
    }
}

enum JobRow {
    Created(Job),
    Existing(Job),
}

impl JobRow {
    const fn job(&self) -> &Job {
        match self {
            Self::Created(job) | Self::Existing(job) => job,
        }
    }
}

/// Creates the row, or finds it. The first version seen at a key has the key's id, later versions an id of their own.
async fn create<P: JobStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    upload: &UploadEvent,
    pipeline: &Pipeline,
    tenant: Tenant,
    input: Input,
    upload_check: &UploadCheck,
) -> Result<JobRow, MessageError> {
    let context = context(ports, run);
    let policy = pipeline.policy();
    let failed = |failure: Failure| State::Failed {
        attempt: Attempt::NONE,
        failure,
    };
    let state = match &upload_check.validity {
        UploadValidity::Valid => first(&context, &policy),
        UploadValidity::Superseded => failed(Failure::new(
            Cause::Superseded,
            "a newer version had already replaced this one when its upload event was processed",
        )),
        UploadValidity::Invalid(failure) => failed(failure.clone()),
    };
    let first_id = JobId::of_key(&upload.bucket, &upload.key);
    let mut job = Job::new(NewJob {
        id: first_id,
        tenant,
        pipeline: pipeline.name.clone(),
        row_ttl_days: pipeline.retention_days.row,
        policy,
        input,
        trace_id: upload.trace_id,
        state,
        created_at: context.now,
    });
    let later_id = JobId::of_version(&upload.bucket, &upload.key, &upload_check.version);
    for id in [first_id, later_id] {
        job.id = id;
        match ports.create(&job).await {
            Ok(()) => {
                log_change(&job.state, &Event::Uploaded, &job);
                return Ok(JobRow::Created(job));
            }
            Err(SaveError::Conflict(row)) => {
                let row = match row {
                    Some(row) => *row,
                    None => ports.load(id).await?.ok_or(MessageError::UnknownJob(id))?,
                };
                // An erased row no longer has the key.
                let is_same = row.is_erased() || row.input.key == upload.key;
                if row.input.bucket != upload.bucket || !is_same {
                    return Err(MessageError::Contradiction(format!(
                        "job {id} is about another object"
                    )));
                }
                if row.input.version == upload_check.version {
                    return Ok(JobRow::Existing(row));
                }
            }
            Err(SaveError::Load(error)) => return Err(error.into()),
            Err(SaveError::Unavailable(error)) => return Err(error.into()),
        }
    }
    Err(MessageError::Contradiction(format!(
        "job {later_id} is about another version"
    )))
}

fn input_of(
    upload: &UploadEvent,
    upload_check: &UploadCheck,
    object: Option<ObjectHead>,
    session: Option<UploadSession>,
) -> Input {
    // Event and object differ if this version was replaced; the row is about the version of the event.
    let matching = object.filter(|object| object.version == upload_check.version);
    Input {
        bucket: upload.bucket.clone(),
        key: upload.key.clone(),
        version: upload_check.version.clone(),
        etag: matching
            .as_ref()
            .map_or(&upload.etag, |object| &object.etag)
            .clone(),
        bytes: matching
            .as_ref()
            .map_or(upload.bytes, |object| object.bytes),
        content_type: matching
            .as_ref()
            .map(|object| object.content_type.clone())
            .unwrap_or_default(),
        name: match &session {
            Some(session) => Some(session.name.to_owned()),
            None => matching.and_then(|object| object.name),
        }
        .map(|name| clean(&name).into_owned())
        .filter(|name| !name.is_empty()),
        // Only the upload session is trusted for this; object metadata is chosen by the uploader.
        uploaded_by: session.map(|session| session.uploaded_by),
    }
}

/// How many older versions are checked. Each newer version closes the jobs of the versions before it. What a lost event
/// leaves open beyond that is closed by the check of the input before `Ready`.
const MAX_OLDER_VERSIONS: usize = 20;

/// Closes the open jobs of older versions at the same key. Called only when a key is written again.
async fn close_older<P: JobStore + ObjectStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    upload: &UploadEvent,
    version: &str,
    created_at: Timestamp,
) -> Result<Vec<Job>, MessageError> {
    let versions = ports.versions(&upload.bucket, &upload.key).await?;
    let Some(at) = versions.iter().position(|known| known == version) else {
        return Ok(vec![]);
    };
    let older = &versions[at + 1..];
    let mut ids = vec![JobId::of_key(&upload.bucket, &upload.key)];
    let of_version = |older: &String| JobId::of_version(&upload.bucket, &upload.key, older);
    ids.extend(older.iter().take(MAX_OLDER_VERSIONS).map(of_version));
    let mut closed = Vec::new();
    for id in ids {
        let Some(job) = ports.load(id).await? else {
            continue;
        };
        let is_older = older.contains(&job.input.version);
        // A job that ended before this version's job was created has no effects pending for this message.
        let ended_before =
            job.state.check_deadline().is_none() && job.updated_at.plus(CLOCK_SKEW) < created_at;
        if !is_older || ended_before {
            continue;
        }
        match apply(ports, run, job, async |_, _| Ok(Event::Overwritten)).await? {
            (job, Change::Advanced | Change::Ignored(IgnoreReason::AlreadyApplied)) => {
                closed.push(job)
            }
            (_, Change::Ignored(_)) => {}
        }
    }
    Ok(closed)
}
