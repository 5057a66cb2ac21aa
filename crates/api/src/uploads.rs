//! Uploads through the API: the service chooses the key and signs requests that bind the uploader to size and type.
//!
//! An [`UploadSession`] records who uploads what, before any request is signed.

use super::{ApiError, Principal};
use crate::ports::{ObjectTransfers, UploadConstraints};
use crate::types::{NewUpload, UploadView};
use jobs::file_name::clean;
use jobs::id::{JobId, Tenant, Timestamp};
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore, ObjectStore, Record, Unavailable};
use jobs::upload_session::{EXTENSION, SESSION_KEY, UploadSession, new_uuid};
use jobs::upload_session::{collection as session_collection, find, read};

mod multipart;
mod validation;

#[cfg(feature = "schema")]
pub(crate) use multipart::MAX_SIGNED_PARTS;
pub use multipart::{PART_BYTES, complete, sign_parts};
#[cfg(feature = "schema")]
pub(crate) use validation::MAX_NAME_CHARS;

/// Larger files are uploaded in parts, so that a broken connection costs one part only.
pub const MAX_SINGLE_PUT_BYTES: u64 = 100 * 1024 * 1024;
/// How much longer the session is kept, because S3's event may be late.
const SESSION_RETENTION_MS: u64 = 86_400_000;
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

/// Creates an upload session: chooses the key and signs the requests that upload the file.
///
/// # Errors
/// If the pipeline does not take such a file.
pub async fn create<P>(
    ports: &P,
    pipelines: &Pipelines,
    bucket: &str,
    principal: &Principal,
    upload: &NewUpload,
) -> Result<UploadView, ApiError>
where
    P: KeyValueStore + ObjectTransfers + Clock,
{
    let pipeline = pipelines.get(&upload.pipeline).ok_or_else(|| {
        let known: Vec<&str> = pipelines.iter().map(|one| one.name.as_str()).collect();
        ApiError::BadRequest(format!(
            "there is no such pipeline; choose one of {}",
            known.join(", ")
        ))
    })?;
    validation::check(upload, pipeline)?;
    let tenant: Tenant = principal.tenant(upload.tenant.as_deref())?;
    let now = ports.now();
    let random = (u128::from(ports.random()) << 64) | u128::from(ports.random());
    let uuid = new_uuid(now, random);
    let key = format!("{}{tenant}/{uuid}{EXTENSION}", pipeline.prefix);
    let id = JobId::of_key(bucket, &key);
    let mut session = UploadSession {
        job: id.to_string(),
        bucket: bucket.to_owned(),
        key,
        tenant: tenant.as_str().to_owned(),
        pipeline: pipeline.name.clone(),
        name: clean(&upload.name).into_owned(),
        bytes: upload.bytes,
        content_type: upload.content_type.clone(),
        uploaded_by: principal.actor.clone(),
        created_at: now,
        expires_at: now.plus(pipelines.upload_expiry()),
        multipart: None,
        closed: false,
    };
    if session.bytes > MAX_SINGLE_PUT_BYTES {
        let to = session.location();
        let upload_id = ports
            .create_multipart_upload(&to, &constraints(&session))
            .await?;
        session.multipart = Some(upload_id);
    }
    let record = Record {
        body: serde_json::to_string(&session).unwrap_or_default(),
        revision: 1,
        expires_at: Some(Timestamp(session.expires_at.0 + SESSION_RETENTION_MS)),
    };
    // Before any request is signed: an object without a session has no known uploader.
    ports
        .put(&session_collection(id), SESSION_KEY, &record)
        .await?;
    let job = Record {
        body: id.to_string(),
        ..record
    };
    ports
        .put(&job_collection(&uuid.to_string()), JOB_KEY, &job)
        .await?;
    signed_view(ports, &session).await
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
    let has_access = principal.tenant(Some(&session.tenant)).is_ok();
    if session.uploaded_by != principal.actor || !has_access {
        return Err(not_found());
    }
    if session.closed {
        return Err(aborted());
    }
    if session.expires_at <= ports.now() {
        return Err(ApiError::Gone(
            "the upload session has expired; create a new upload".to_owned(),
        ));
    }
    Ok((id, session))
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

/// Removes the file's name from the session of a job whose data is being deleted.
///
/// # Errors
/// If the store does not answer.
pub(super) async fn clear_name<P: KeyValueStore>(ports: &P, id: JobId) -> Result<(), ApiError> {
    close(ports, id, |session| session.name.clear()).await
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
    Err(ApiError::Unavailable("try again in a moment".to_owned()))
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
