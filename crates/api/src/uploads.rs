//! Uploads that are announced here: the service names the key, and signs requests that S3 holds the uploader to.

use super::{ApiError, Principal};
use crate::ports::{ObjectTransfers, UploadConstraints, UploadedPart};
use crate::types::{Multipart, NewUpload, PartsWanted, SignedPart, SignedParts, UploadView};
use jobs::id::{JobId, Tenant, Timestamp};
use jobs::pipeline::{Pipeline, Pipelines};
use jobs::ports::{Clock, KeyValueStore, ObjectStore, Record, Unavailable};
use jobs::upload_session::{EXTENSION, NAME, UploadSession, folder, intent, read};

/// Larger files go in parts: a broken connection then costs one of them. In bytes.
pub const ONE_PIECE: u64 = 100 * 1024 * 1024;
/// How large a part is, in bytes. S3 takes 5 MB and more, and at most 10,000 of them (user guide, "Multipart upload limits").
pub const PART_BYTES: u64 = 16 * 1024 * 1024;
/// How long an upload may take: the lifecycle rule `unfinished-uploads` in `infra/service.yaml` then clears it away.
const LIFETIME_MS: u64 = 7 * 86_400_000;
/// The longest file name, in characters, and in bytes: it travels as object metadata, which has 2 KB.
const MAX_NAME: (usize, usize) = (200, 500);
/// How many parts are signed at once.
const MOST_PARTS: usize = 100;

/// As it is shown, without how to send it.
pub fn view(session: &UploadSession) -> UploadView {
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

fn terms(session: &UploadSession) -> UploadConstraints {
    UploadConstraints {
        content_type: session.content_type.clone(),
        name: session.name.clone(),
        bytes: session.bytes,
    }
}

const fn part_count(session: &UploadSession) -> u64 {
    session.bytes.div_ceil(PART_BYTES)
}

/// How large a part must be; none if there is no such part.
fn part_bytes(session: &UploadSession, number: u32) -> Option<u64> {
    let before = u64::from(number.checked_sub(1)?) * PART_BYTES;
    let left = session.bytes.checked_sub(before).filter(|left| *left > 0)?;
    Some(left.min(PART_BYTES))
}

/// Notes that an upload cannot be gone on with. The announcement stays, so that what arrives all the same is attributed.
async fn close<P: KeyValueStore>(ports: &P, id: JobId, forget_name: bool) -> Result<(), ApiError> {
    let Some((mut intent, there)) = read(ports, id).await? else {
        return Ok(());
    };
    intent.closed = true;
    if forget_name {
        intent.name.clear();
    }
    let document = Record {
        text: serde_json::to_string(&intent).unwrap_or_default(),
        revision: there.revision + 1,
        ..there
    };
    if ports.write(&folder(id), NAME, &document).await? {
        return Ok(());
    }
    Err(ApiError::Unavailable("try again in a moment".to_owned()))
}

/// Forgets the name of an uploaded file, whose data is being deleted.
///
/// # Errors
/// If the documents do not answer.
pub(super) async fn forget_name<P: KeyValueStore>(ports: &P, id: JobId) -> Result<(), ApiError> {
    close(ports, id, true).await
}

/// The job of an upload that was announced here under a key with this UUID.
///
/// # Errors
/// If the documents do not answer.
pub(super) async fn job_of_uuid<P: KeyValueStore>(
    ports: &P,
    uuid: &str,
) -> Result<Option<JobId>, Unavailable> {
    let found = ports.read(&alias(uuid), ALIAS).await?;
    Ok(found.and_then(|document| document.text.parse().ok()))
}

fn alias(uuid: &str) -> String {
    format!("upload#{uuid}")
}

/// The name of the document that says which job the UUID in a key stands for.
const ALIAS: &str = "job";

fn check(upload: &NewUpload, pipeline: &Pipeline) -> Result<(), ApiError> {
    let name = upload.name.trim();
    let (chars, bytes) = MAX_NAME;
    if name.is_empty() || name.chars().count() > chars || name.len() > bytes {
        return Err(ApiError::BadRequest(format!(
            "a file's name has 1 to {chars} characters, and {bytes} bytes at most"
        )));
    }
    // Characters that turn the direction of text can make one name look like another (Unicode Technical Report 36).
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if name.chars().any(|c| c.is_control() || turns(c)) || name.contains(['/', '\\']) {
        return Err(ApiError::BadRequest(
            "a file's name has no slashes and no control characters".to_owned(),
        ));
    }
    if pipeline.retired {
        return Err(ApiError::Refused(format!(
            "the pipeline {} no longer takes uploads",
            pipeline.name
        )));
    }
    if !pipeline.content_types.contains(&upload.content_type) {
        return Err(ApiError::UnsupportedType(format!(
            "the pipeline {} takes {}",
            pipeline.name,
            pipeline.content_types.join(", ")
        )));
    }
    if upload.bytes == 0 {
        return Err(ApiError::BadRequest("the file is empty".to_owned()));
    }
    if upload.bytes > pipeline.max_bytes {
        return Err(ApiError::TooLarge(format!(
            "the file has {} bytes; the pipeline {} takes at most {}",
            upload.bytes, pipeline.name, pipeline.max_bytes
        )));
    }
    Ok(())
}

/// Announces an upload: names its key, and signs what sends it.
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
        ApiError::BadRequest(format!("the pipelines are {}", known.join(", ")))
    })?;
    check(upload, pipeline)?;
    let tenant: Tenant = principal.tenant(upload.tenant.as_deref())?;
    let now = ports.now();
    let random = (u128::from(ports.random()) << 64) | u128::from(ports.random());
    let uuid = uuid::Builder::from_random_bytes(random.to_be_bytes()).into_uuid();
    let key = format!("{}{tenant}/{uuid}{EXTENSION}", pipeline.prefix);
    let id = JobId::of_key(bucket, &key);
    let mut intent = UploadSession {
        job: id.to_string(),
        bucket: bucket.to_owned(),
        key,
        tenant: tenant.as_str().to_owned(),
        pipeline: pipeline.name.clone(),
        name: upload.name.trim().to_owned(),
        bytes: upload.bytes,
        content_type: upload.content_type.clone(),
        uploaded_by: principal.actor.clone(),
        created_at: now,
        expires_at: Timestamp(now.0 + LIFETIME_MS),
        multipart: None,
        closed: false,
    };
    if intent.bytes > ONE_PIECE {
        let to = intent.location();
        intent.multipart = Some(ports.begin(&to, &terms(&intent)).await?);
    }
    let document = Record {
        text: serde_json::to_string(&intent).unwrap_or_default(),
        revision: 1,
        // A day longer than it may be completed: so long its events may be late.
        expires_at: Some(Timestamp(intent.expires_at.0 + 86_400_000)),
    };
    // Before any request is signed: an object without its announcement would be nobody's.
    ports.write(&folder(id), NAME, &document).await?;
    let job = Record {
        text: id.to_string(),
        ..document
    };
    ports.write(&alias(&uuid.to_string()), ALIAS, &job).await?;
    sendable(ports, &intent).await
}

async fn sendable<P: ObjectTransfers>(
    ports: &P,
    intent: &UploadSession,
) -> Result<UploadView, ApiError> {
    let mut view = view(&intent);
    let to = intent.location();
    match &intent.multipart {
        None => view.put = Some(ports.sign_put(&to, &terms(&intent)).await?),
        Some(upload) => {
            let arrived = ports.arrived(&to, upload).await?;
            let complete =
                |part: &UploadedPart| part_bytes(&intent, part.number) == Some(part.bytes);
            let all = || (1..=u32::try_from(part_count(&intent)).unwrap_or(0)).collect();
            view.multipart = Some(Multipart {
                part_bytes: PART_BYTES,
                parts: u32::try_from(part_count(&intent)).unwrap_or(0),
                // No such upload any more: it was completed.
                arrived: arrived.map_or_else(all, |parts| {
                    let complete = parts.iter().filter(|part| complete(part));
                    complete.map(|part| part.number).collect()
                }),
            });
        }
    }
    Ok(view)
}

/// The announcement of an upload that is the person's own and may still be completed.
async fn own<P: KeyValueStore + Clock>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<(JobId, UploadSession), ApiError> {
    let none = || {
        let id: String = id.chars().take(80).collect();
        ApiError::NotFound(format!("there is no upload {id:?}, or it is not yours"))
    };
    let id: JobId = id.parse().map_err(|_| none())?;
    let intent = intent(ports, id).await?.ok_or_else(none)?;
    let still_his = principal.tenant(Some(&intent.tenant)).is_ok();
    if intent.uploaded_by != principal.actor || !still_his {
        return Err(none());
    }
    if intent.closed {
        return Err(ApiError::Gone(
            "the upload was given up; announce it again".to_owned(),
        ));
    }
    if intent.expires_at <= ports.now() {
        return Err(ApiError::Gone(
            "the upload was not completed in time; announce it again".to_owned(),
        ));
    }
    Ok((id, intent))
}

/// How to go on with an upload.
///
/// # Errors
/// If there is no such upload of the person's.
pub async fn show<P: KeyValueStore + ObjectTransfers + Clock>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<UploadView, ApiError> {
    let (_, intent) = own(ports, principal, id).await?;
    sendable(ports, &intent).await
}

fn in_parts(intent: &UploadSession) -> Result<&str, ApiError> {
    intent.multipart.as_deref().ok_or_else(|| {
        ApiError::BadRequest("this upload goes in one piece; send it as its `put` says".to_owned())
    })
}

/// Signs the sending of some parts.
///
/// # Errors
/// If there are no such parts.
pub async fn parts<P: KeyValueStore + ObjectTransfers + Clock>(
    ports: &P,
    principal: &Principal,
    id: &str,
    wanted: &PartsWanted,
) -> Result<SignedParts, ApiError> {
    let (_, intent) = own(ports, principal, id).await?;
    let upload = in_parts(&intent)?;
    if wanted.numbers.is_empty() || wanted.numbers.len() > MOST_PARTS {
        return Err(ApiError::BadRequest(format!(
            "name 1 to {MOST_PARTS} parts"
        )));
    }
    let to = intent.location();
    let mut parts = Vec::new();
    for number in &wanted.numbers {
        let bytes = part_bytes(&intent, *number).ok_or_else(|| {
            ApiError::BadRequest(format!("the parts are 1 to {}", part_count(&intent)))
        })?;
        let request = ports.sign_part(&to, upload, *number, bytes).await?;
        parts.push(SignedPart {
            number: *number,
            request,
        });
    }
    Ok(SignedParts { parts })
}

/// Makes the object of the parts that have arrived.
///
/// # Errors
/// [`ApiError::PartsMissing`] names those that have not.
pub async fn complete<P>(ports: &P, principal: &Principal, id: &str) -> Result<UploadView, ApiError>
where
    P: KeyValueStore + ObjectTransfers + ObjectStore + Clock,
{
    let (_, intent) = own(ports, principal, id).await?;
    let upload = in_parts(&intent)?;
    let to = intent.location();
    let Some(arrived) = ports.arrived(&to, upload).await? else {
        // Completed before, and the answer was lost, or given up.
        return match ports.head(&to).await? {
            Some(_) => Ok(view(&intent)),
            None => Err(ApiError::Gone(
                "the upload was given up; announce it again".to_owned(),
            )),
        };
    };
    let has = |number: u32| {
        let part = arrived.iter().find(|part| part.number == number);
        part.is_some_and(|part| Some(part.bytes) == part_bytes(&intent, number))
    };
    let all = 1..=u32::try_from(part_count(&intent)).unwrap_or(0);
    let missing: Vec<String> = all
        .filter(|number| !has(*number))
        .map(|number| number.to_string())
        .collect();
    if !missing.is_empty() {
        return Err(ApiError::PartsMissing(format!(
            "these parts have not arrived: {}",
            missing.join(", ")
        )));
    }
    ports.complete(&to, upload, &arrived).await?;
    // S3 answers a repeated or overtaken call in several ways; what is there is what counts.
    match ports.head(&to).await? {
        Some(_) => Ok(view(&intent)),
        None => Err(ApiError::Unavailable(
            "S3 has not put the parts together yet; complete it once more".to_owned(),
        )),
    }
}

/// Gives an upload up.
///
/// # Errors
/// If there is no such upload of the person's.
pub async fn abort<P>(ports: &P, principal: &Principal, id: &str) -> Result<(), ApiError>
where
    P: KeyValueStore + ObjectTransfers + ObjectStore + Clock,
{
    let (id, intent) = own(ports, principal, id).await?;
    if ports.head(&intent.location()).await?.is_some() {
        return Err(ApiError::Refused(
            "the file has arrived; cancel its job instead".to_owned(),
        ));
    }
    if let Some(upload) = &intent.multipart {
        ports.abort(&intent.location(), upload).await?;
    }
    close(ports, id, false).await
}
