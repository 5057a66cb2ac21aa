//! Processes an upload event: creates the job, once, and submits its first attempt.

mod versions;

use tracing::info;

use crate::apply::{Change, RunContext, apply, context, log_change};
use crate::error::{IfUnusable, MessageError};
use crate::file_name::clean;
use crate::id::{Attempt, CLOCK_SKEW, JobId, Tenant, Timestamp, TraceId};
use crate::input::{
    Input, InputProblem, check_contents, check_key, is_folder_marker, is_folder_type,
};
pub use crate::invoke::IfDenied;
use crate::invoke::{denied, invoke_endpoint, invoke_if_input_is_current, refused};
use crate::job::{Job, NewJob};
use crate::labels::LabelMetadata;
use crate::pause::{self, Hold};
use crate::pipeline::Pipeline;
use crate::ports::{
    CheckQueue, Clock, HeadError, InferenceEndpoint, JobStore, KeyValueStore, ListedVersion,
    ObjectHead, ObjectStore, RecentStarts, SaveError,
};
use crate::release_window;
use crate::same_bytes::SameBytes;
use crate::state::{Cause, Failure, State};
use crate::transition::{Event, IgnoreReason, first, first_queued};
use crate::upload_session::{self, UploadSession, is_session_key};
use versions::{VersionsAtKey, is_current, job_of_same_bytes};

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

/// What this delivery of an upload's message does about an object that may change before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What to do if S3 does not let this service read the object.
    pub if_denied: IfDenied,
    /// Whether an empty object is waited for: programs that mount a bucket write an empty object first, then the file.
    pub if_empty: IfUnusable,
}

/// Creates the job of an upload and submits it. Returns the jobs with pending effects.
///
/// An object that S3 does not let this service read, and one that is empty, fails its job if `delivery` says so. An empty version
/// that was replaced makes no job.
///
/// # Errors
/// See [`MessageError::disposition`] for what to do with the message.
pub async fn submit<P>(
    ports: &P,
    run: &RunContext<'_>,
    upload: &UploadEvent,
    delivery: Delivery,
) -> Result<Vec<Job>, MessageError>
where
    P: JobStore
        + ObjectStore
        + InferenceEndpoint
        + KeyValueStore
        + CheckQueue
        + RecentStarts
        + Clock,
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
    let Delivery {
        if_denied,
        if_empty,
    } = delivery;
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
    let versions = VersionsAtKey::new(ports, &upload.bucket, &upload.key);
    let is_current = is_current(
        &versions,
        upload.version.as_deref(),
        (&upload.etag, upload.bytes),
        object.as_ref(),
    )
    .await?;
    if let Some(object) = &object {
        let is_replaced = upload.bytes == 0 && !is_current;
        let may_be_filled = is_current
            && object.bytes == 0
            && if_empty == IfUnusable::Redeliver
            && !is_session_key(pipeline, &upload.key);
        // A row that exists already may have effects pending.
        if (is_replaced || may_be_filled) && !has_row(ports, upload, object).await? {
            if may_be_filled {
                return Err(MessageError::InputEmpty);
            }
            info!(
                upload.version,
                "an empty version that was replaced makes no job"
            );
            return Ok(vec![]);
        }
    }
    // An older version may be current because this one was deleted by its id.
    let problem = match &upload.version {
        Some(own) if !is_current && problem.is_none() => {
            let listed = versions.list().await?;
            let is_stored = listed.iter().any(|known| known.version == *own);
            (!is_stored).then_some(InputProblem::Deleted)
        }
        Some(_) | None => problem,
    };
    let upload_check = UploadCheck::new(pipeline, upload, problem, object.as_ref(), is_current);
    let session = if is_session_key(pipeline, &upload.key) {
        upload_session::find(ports, first_id).await?
    } else {
        None
    };
    let input = input_of(upload, pipeline, &upload_check, object, session);
    let new = ReceivedUpload {
        upload,
        pipeline,
        tenant,
        input,
        upload_check: &upload_check,
    };
    let versions = key_is_usable.then_some(&versions);
    let row = create(ports, run, new, versions).await?;
    let (id, created_at) = (row.job().id, row.job().created_at);
    let version = row.job().input.version.clone();
    (run.on_job_found)(row.job());

    let mut pending = match row {
        CreateResult::Created { job, hold } => {
            if hold == Hold::Place {
                notice_burst(ports, pipeline).await;
            }
            invoke_endpoint(ports, run, job, if_denied, refused).await?
        }
        CreateResult::Existing(job) => {
            let was_replaced = matches!(upload_check.validity, UploadValidity::Superseded);
            let event = if was_replaced {
                Event::Overwritten
            } else {
                Event::Uploaded
            };
            match apply(ports, run, job, async |_, _| Ok(event.clone())).await? {
                (job, Change::Advanced) => {
                    invoke_if_input_is_current(ports, run, job, if_denied, refused).await?
                }
                (_, Change::Ignored(IgnoreReason::Leased)) => return Err(MessageError::Leased),
                (job, Change::Ignored(IgnoreReason::AlreadyApplied)) => vec![job],
                (_, Change::Ignored(_)) => vec![],
            }
        }
    };
    if let Some(versions) = versions
        && id != first_id
    {
        pending.extend(close_older(ports, run, upload, versions, &version, created_at).await?);
    }
    Ok(pending)
}

/// Whether the version of an upload has a job.
async fn has_row<P: JobStore>(
    ports: &P,
    upload: &UploadEvent,
    current: &ObjectHead,
) -> Result<bool, MessageError> {
    let (bucket, key) = (&upload.bucket, &upload.key);
    let version = upload.version.as_deref().unwrap_or(&current.version);
    for id in [
        JobId::of_key(bucket, key),
        JobId::of_version(bucket, key, version),
    ] {
        let row = ports.load(id).await?;
        if row.is_some_and(|row| row.input.version == version) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The first uploads of a minute in one execution environment, which are no burst yet.
const UNNOTICED_STARTS: u32 = 4;

/// Asks to look whether the window is full when an execution environment has sent 4, 8, 16 … uploads within a minute: a burst
/// begins between two evaluations of function `capacity`, and the first uploads of it find no full window.
async fn notice_burst<P: RecentStarts + CheckQueue>(ports: &P, pipeline: &Pipeline) {
    let starts = ports.count_start(&pipeline.name);
    if starts >= UNNOTICED_STARTS && starts.is_power_of_two() {
        release_window::request(ports, &pipeline.name).await;
    }
}

/// What reading the object showed.
struct UploadCheck {
    version: String,
    /// There is no current version.
    is_deleted: bool,
    /// The current version is this one, or has the same bytes.
    is_current: bool,
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
        is_current: bool,
    ) -> Self {
        let current = object.map(|object| object.version.clone());
        let named = upload.version.clone();
        let version = named.or(current).unwrap_or_else(|| "null".to_owned());
        let is_deleted = problem.is_none() && object.is_none();
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
        Self {
            version,
            is_deleted,
            is_current,
            validity,
        }
    }
}

enum CreateResult {
    Created {
        job: Job,
        /// What held it, if it is to be processed at all.
        hold: Hold,
    },
    Existing(Job),
}

impl CreateResult {
    const fn job(&self) -> &Job {
        match self {
            Self::Created { job, .. } | Self::Existing(job) => job,
        }
    }
}

struct ReceivedUpload<'a> {
    upload: &'a UploadEvent,
    pipeline: &'a Pipeline,
    tenant: Tenant,
    input: Input,
    upload_check: &'a UploadCheck,
}

/// Creates the row, or finds it. The first version seen at a key has the key's id, later versions an id of their own, unless
/// they have the same bytes as the version of a job. `versions` is `None` for a key that S3 may not list.
async fn create<P: JobStore + ObjectStore + KeyValueStore + Clock>(
    ports: &P,
    run: &RunContext<'_>,
    new: ReceivedUpload<'_>,
    versions: Option<&VersionsAtKey<'_, P>>,
) -> Result<CreateResult, MessageError> {
    let ReceivedUpload {
        upload,
        pipeline,
        tenant,
        input,
        upload_check,
    } = new;
    let context = context(ports, run);
    let policy = pipeline.policy();
    let failed = |failure: Failure| State::Failed {
        attempt: Attempt::NONE,
        failure,
    };
    let hold = match &upload_check.validity {
        UploadValidity::Valid => pause::hold(ports, &pipeline.name, &tenant, context.now).await?,
        UploadValidity::Superseded | UploadValidity::Invalid(_) => Hold::None,
    };
    let state = match &upload_check.validity {
        UploadValidity::Valid => match hold {
            Hold::By(by) => first_queued(by, context.now, &policy),
            Hold::None | Hold::Place => first(&context, &policy),
        },
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
    job.record_model(None, &Event::Uploaded, run.models);
    let of_key = match create_or_load(ports, &job, upload).await? {
        None => return Ok(CreateResult::Created { job, hold }),
        Some(row) if row.input.version == upload_check.version => {
            return Ok(CreateResult::Existing(row));
        }
        Some(row) => row,
    };
    let own_id = JobId::of_version(&upload.bucket, &upload.key, &upload_check.version);
    // The object was probably deleted with the data of the job. A new row would have the key again, which may name the document.
    // A row that exists already may have effects pending.
    if upload_check.is_deleted && of_key.is_erased() {
        let own = ports.load(own_id).await?;
        return Ok(CreateResult::Existing(own.unwrap_or(of_key)));
    }
    if let Some(versions) = versions
        && let listed = versions.list().await?
        && let Some(same) = SameBytes::neighbours(listed, true, &upload_check.version)
        && let Some(row) =
            job_of_same_bytes(versions, pipeline, same, of_key, &upload_check.version).await?
    {
        return Ok(CreateResult::Existing(row));
    }
    job.id = own_id;
    match create_or_load(ports, &job, upload).await? {
        None => Ok(CreateResult::Created { job, hold }),
        Some(row) if row.input.version == upload_check.version => Ok(CreateResult::Existing(row)),
        Some(row) => Err(MessageError::Contradiction(format!(
            "job {} is about another version",
            row.id
        ))),
    }
}

/// Creates the row of a job. Returns the existing row, if there is one.
async fn create_or_load<P: JobStore>(
    ports: &P,
    job: &Job,
    upload: &UploadEvent,
) -> Result<Option<Job>, MessageError> {
    let id = job.id;
    match ports.create(job).await {
        Ok(()) => {
            log_change(&job.state, &Event::Uploaded, job);
            Ok(None)
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
            Ok(Some(row))
        }
        Err(SaveError::Load(error)) => Err(error.into()),
        Err(SaveError::Unavailable(error)) => Err(error.into()),
    }
}

fn input_of(
    upload: &UploadEvent,
    pipeline: &Pipeline,
    upload_check: &UploadCheck,
    object: Option<ObjectHead>,
    session: Option<UploadSession>,
) -> Input {
    // Event and object differ if this version was replaced; the row is about the version of the event.
    let matching = object.filter(|_| upload_check.is_current);
    let labels = match (&session, &matching) {
        (Some(session), _) => session.labels(),
        (None, object) => object
            .as_ref()
            .map_or_else(LabelMetadata::default, |object| object.labels.clone())
            .labels(pipeline.lane),
    };
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
        labels,
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
    versions: &VersionsAtKey<'_, P>,
    version: &str,
    created_at: Timestamp,
) -> Result<Vec<Job>, MessageError> {
    let versions = versions.list().await?;
    let at = versions.iter().position(|known| known.version == version);
    // If the version was deleted meanwhile, the listing does not say which are older. Then no job is closed, but the effects
    // of those that this message closed before are carried out.
    let older = at.map_or(versions, |at| &versions[at + 1..]);
    let mut ids = vec![JobId::of_key(&upload.bucket, &upload.key)];
    let of_version =
        |older: &ListedVersion| JobId::of_version(&upload.bucket, &upload.key, &older.version);
    ids.extend(older.iter().take(MAX_OLDER_VERSIONS).map(of_version));
    let mut closed = Vec::new();
    for id in ids {
        let Some(job) = ports.load(id).await? else {
            continue;
        };
        let mut versions = older.iter().map(|older| &older.version);
        let is_older = versions.any(|older| *older == job.input.version);
        // A job that ended before this version's job was created has no effects pending for this message.
        let is_open = job.state.is_open();
        let ended_before = !is_open && job.updated_at.plus(CLOCK_SKEW) < created_at;
        if !is_older || ended_before || (is_open && at.is_none()) {
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
