//! Uploads through the API: the service chooses the key and signs requests that bind the uploader to size and type.
//!
//! An [`UploadSession`] records who uploads what, before any request is signed.

use super::{ApiError, Permission, Principal, tenants};
use crate::ports::{JobList, ObjectTransfers, UploadConstraints};
use crate::types::{NewUpload, UploadView};
use jobs::file_name::clean;
use jobs::id::{JobId, Tenant, Timestamp};
use jobs::labels::Tags;
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore, ObjectStore, Record, Unavailable};
use jobs::upload_session::{EXTENSION, SESSION_KEY, UploadSession, new_uuid};
use jobs::upload_session::{collection as session_collection, find, read};

mod idempotency;
mod identical;
mod limits;
mod multipart;
mod validation;

pub use identical::IDENTICAL_ADVICE;
#[cfg(feature = "schema")]
pub(crate) use multipart::MAX_SIGNED_PARTS;
pub use multipart::{PART_BYTES, complete, sign_parts};
pub use validation::{MAX_NAME_BYTES, MAX_NAME_CHARS};

/// Larger files are uploaded in parts, so that a broken connection costs one part only.
pub const MAX_SINGLE_PUT_BYTES: u64 = 100 * 1024 * 1024;
/// How much longer the session is kept, because S3's event may be late.
const SESSION_RETENTION_MS: u64 = DAY_MS;
const DAY_MS: u64 = 86_400_000;
/// The key of the record that holds the job id of the UUID in an object key.
const JOB_KEY: &str = "job";

fn job_collection(uuid: &str) -> String {
    format!("upload#{uuid}")
}

/// The session without signed requests.
pub(super) fn upload_view(session: &UploadSession) -> UploadView {
    UploadView {
        job_id: session.job.clone(),
        tenant: session.tenant.clone(),
        pipeline: session.pipeline.clone(),
        name: session.name.clone(),
        bytes: session.bytes,
        content_type: session.content_type.clone(),
        created_at: session.created_at.0,
        expires_at: session.expires_at.0,
        reference: session.reference.clone(),
        batch: session.batch.clone(),
        tags: Tags::from_lines(session.tags.clone()),
        lane: session.lane,
        uploaded: false,
        put: None,
        multipart: None,
    }
}

fn constraints(session: &UploadSession) -> UploadConstraints {
    UploadConstraints {
        content_type: session.content_type.clone(),
        name: session.name.clone(),
        bytes: session.bytes,
    }
}

/// Creates an upload session: chooses the key and signs the requests that upload the file. A repeated request with the same
/// idempotency key returns the same session.
///
/// # Errors
/// If the pipeline does not take such a file, the tenant has used up a limit, the idempotency key was used for another request,
/// or the content was uploaded before ([`ApiError::Identical`]).
pub async fn create<P>(
    ports: &P,
    pipelines: &Pipelines,
    bucket: &str,
    principal: &Principal,
    upload: &NewUpload,
    idempotency_key: Option<&str>,
) -> Result<UploadView, ApiError>
where
    P: KeyValueStore + JobList + ObjectStore + ObjectTransfers + Clock,
{
    let pipeline = pipelines.get(&upload.pipeline).ok_or_else(|| {
        let known: Vec<&str> = pipelines.iter().map(|one| one.name.as_str()).collect();
        ApiError::BadRequest(format!(
            "there is no such pipeline; choose one of {}",
            known.join(", ")
        ))
    })?;
    let labels = validation::check(upload, pipeline)?;
    let permission = Permission::UploadDocuments;
    principal.must(permission)?;
    let tenant: Tenant = principal.tenant(permission, upload.tenant.as_deref())?;
    tenants::must_be_created(ports, principal, &tenant).await?;
    let content = identical::content_of(&tenant, upload)?;
    let now = ports.now();
    let random = (u128::from(ports.random()) << 64) | u128::from(ports.random());
    let new = NewSession {
        uuid: new_uuid(now, random).to_string(),
        created_at: now,
    };
    let claim = match idempotency_key {
        None => None,
        Some(key) => {
            let request = idempotency::hash_of(upload, &labels);
            Some(idempotency::claim(ports, principal, key, &request, &new).await?)
        }
    };
    let NewSession { uuid, created_at } = claim.as_ref().map_or(new, |claim| claim.session.clone());
    let key = format!("{}{tenant}/{uuid}{EXTENSION}", pipeline.prefix);
    let id = JobId::of_key(bucket, &key);
    let is_repeated = claim.as_ref().is_some_and(|claim| claim.is_repeated);
    if !is_repeated || find(ports, id).await?.is_none() {
        limits::check(ports, pipelines, pipeline, &tenant).await?;
        if let Some(content) = &content
            && !upload.run_anyway
        {
            identical::refuse_identical(ports, pipelines, principal, content, id).await?;
        }
    }
    let session = UploadSession {
        job: id.to_string(),
        bucket: bucket.to_owned(),
        key,
        tenant: tenant.as_str().to_owned(),
        pipeline: pipeline.name.clone(),
        name: clean(&upload.name).into_owned(),
        bytes: upload.bytes,
        content_type: upload.content_type.clone(),
        uploaded_by: principal.actor.clone(),
        created_at,
        expires_at: created_at.plus(pipelines.upload_expiry()),
        multipart: None,
        closed: false,
        reference: labels.reference,
        batch: labels.batch,
        tags: labels.tags.lines().to_owned(),
        lane: labels.lane,
        idempotency_record: claim.map(|claim| claim.record),
        content,
    };
    let (session, is_new) = store(ports, id, session, is_repeated).await?;
    let job = Record {
        body: id.to_string(),
        revision: 1,
        expires_at: Some(record_expiry(&session)),
    };
    ports.put(&job_collection(&uuid), JOB_KEY, &job).await?;
    if let Some(content) = session.content.as_deref().filter(|_| is_new) {
        let days = u64::from(pipeline.retention_days.output);
        let until = Timestamp(session.expires_at.0 + days * DAY_MS);
        identical::record(ports, content, id, until).await;
    }
    if !is_new {
        check_open(ports, &session)?;
        if ports.head(&session.location()).await?.is_some() {
            return Ok(UploadView {
                uploaded: true,
                ..upload_view(&session)
            });
        }
    }
    signed_view(ports, &session).await
}

fn record_expiry(session: &UploadSession) -> Timestamp {
    Timestamp(session.expires_at.0 + SESSION_RETENTION_MS)
}

/// Stores a session, or finds the one that an equal request has stored. Returns whether it is new.
async fn store<P: KeyValueStore + ObjectTransfers>(
    ports: &P,
    id: JobId,
    mut session: UploadSession,
    is_repeated: bool,
) -> Result<(UploadSession, bool), ApiError> {
    if is_repeated && let Some(first) = find(ports, id).await? {
        return Ok((first, false));
    }
    let to = session.location();
    if session.bytes > MAX_SINGLE_PUT_BYTES {
        let constraints = constraints(&session);
        session.multipart = Some(ports.create_multipart_upload(&to, &constraints).await?);
    }
    let record = Record {
        body: serde_json::to_string(&session).unwrap_or_default(),
        revision: 1,
        expires_at: Some(record_expiry(&session)),
    };
    // Before any request is signed: an object without a session has no known uploader.
    if ports
        .put(&session_collection(id), SESSION_KEY, &record)
        .await?
    {
        return Ok((session, true));
    }
    // An equal request at the same time was faster, and has its own multipart upload.
    if let Some(upload_id) = &session.multipart {
        ports.abort_multipart_upload(&to, upload_id).await?;
    }
    let first = find(ports, id).await?.ok_or_else(try_again)?;
    Ok((first, false))
}

/// What identifies a session, before it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NewSession {
    /// The UUID in the object's key.
    uuid: String,
    created_at: Timestamp,
}

fn try_again() -> ApiError {
    ApiError::Unavailable("try again in a moment".to_owned())
}

/// The session with what the uploader needs to continue.
async fn signed_view<P: ObjectTransfers>(
    ports: &P,
    session: &UploadSession,
) -> Result<UploadView, ApiError> {
    let mut view = upload_view(session);
    let to = session.location();
    match &session.multipart {
        None => view.put = Some(ports.sign_put(&to, &constraints(session)).await?),
        Some(upload_id) => {
            let parts = ports.list_parts(&to, upload_id).await?;
            view.multipart = Some(multipart::view(session, parts.as_deref()));
        }
    }
    Ok(view)
}

/// The caller's own session, if it can still be completed.
async fn own_session<P: KeyValueStore + Clock>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<(JobId, UploadSession), ApiError> {
    let not_found = || {
        let id: String = id.chars().take(80).collect();
        ApiError::NotFound(format!("there is no upload {id:?}, or it is not yours"))
    };
    let id: JobId = id.parse().map_err(|_| not_found())?;
    let session = find(ports, id).await?.ok_or_else(not_found)?;
    let permission = Permission::UploadDocuments;
    let has_access = principal.tenant(permission, Some(&session.tenant)).is_ok();
    if session.uploaded_by != principal.actor || !has_access {
        return Err(not_found());
    }
    check_open(ports, &session)?;
    Ok((id, session))
}

/// # Errors
/// [`ApiError::Gone`] if the upload was aborted or has expired.
fn check_open<P: Clock>(ports: &P, session: &UploadSession) -> Result<(), ApiError> {
    if session.closed {
        return Err(aborted());
    }
    if session.expires_at <= ports.now() {
        return Err(ApiError::Gone(
            "the upload session has expired; create a new upload".to_owned(),
        ));
    }
    Ok(())
}

fn aborted() -> ApiError {
    ApiError::Gone("the upload was aborted; create a new upload".to_owned())
}

/// How to continue an upload.
///
/// # Errors
/// If the caller has no such upload.
pub async fn show<P: KeyValueStore + ObjectTransfers + Clock>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<UploadView, ApiError> {
    let (_, session) = own_session(ports, principal, id).await?;
    signed_view(ports, &session).await
}

/// Aborts an upload.
///
/// # Errors
/// If the caller has no such upload, or the file is already uploaded.
pub async fn abort<P>(ports: &P, principal: &Principal, id: &str) -> Result<(), ApiError>
where
    P: KeyValueStore + ObjectTransfers + ObjectStore + Clock,
{
    let (id, session) = own_session(ports, principal, id).await?;
    let to = session.location();
    if ports.head(&to).await?.is_some() {
        return Err(ApiError::Refused(
            "the file is already uploaded; cancel its job instead".to_owned(),
        ));
    }
    if let Some(upload_id) = &session.multipart {
        ports.abort_multipart_upload(&to, upload_id).await?;
    }
    close(ports, id, |_| ()).await
}

/// Removes the file's name and labels from the session of a job whose data is being deleted, and forgets the idempotency key
/// and the content.
///
/// # Errors
/// If the store does not answer.
pub(super) async fn erase<P: KeyValueStore>(ports: &P, id: JobId) -> Result<(), ApiError> {
    if let Some(session) = find(ports, id).await? {
        if let Some(record) = &session.idempotency_record {
            idempotency::forget(ports, record).await?;
        }
        if let Some(content) = &session.content {
            identical::forget(ports, content).await?;
        }
    }
    close(ports, id, |session| {
        session.content = None;
        session.name.clear();
        session.reference = None;
        session.batch = None;
        session.tags.clear();
        session.idempotency_record = None;
    })
    .await
}

/// Closes a session. It is kept, so that a file that is uploaded all the same still has a known uploader.
async fn close<P: KeyValueStore>(
    ports: &P,
    id: JobId,
    change: impl FnOnce(&mut UploadSession),
) -> Result<(), ApiError> {
    let Some((mut session, stored)) = read(ports, id).await? else {
        return Ok(());
    };
    session.closed = true;
    change(&mut session);
    let record = Record {
        body: serde_json::to_string(&session).unwrap_or_default(),
        revision: stored.revision + 1,
        ..stored
    };
    if ports
        .put(&session_collection(id), SESSION_KEY, &record)
        .await?
    {
        return Ok(());
    }
    Err(try_again())
}

/// The job of the upload session whose object key contains this UUID.
///
/// # Errors
/// If the store does not answer.
pub(super) async fn job_of_upload<P: KeyValueStore>(
    ports: &P,
    uuid: &str,
) -> Result<Option<JobId>, Unavailable> {
    let found = ports.get(&job_collection(uuid), JOB_KEY).await?;
    Ok(found.and_then(|record| record.body.parse().ok()))
}
