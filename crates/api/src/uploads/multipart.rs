//! Multipart uploads: signing parts, and completing the object.

use super::{aborted, own_session, upload_view};
use crate::ports::{ObjectTransfers, UploadedPart};
use crate::types::{MultipartUploadView, SignPartsRequest, SignedPart, SignedParts, UploadView};
use crate::{ApiError, Principal};
use jobs::ports::{Clock, KeyValueStore, ObjectStore};
use jobs::upload_session::UploadSession;

/// S3 takes at most 10,000 parts of at least 5 MB (user guide, "Multipart upload limits").
pub const PART_BYTES: u64 = 16 * 1024 * 1024;
/// How many parts one request signs.
pub(crate) const MAX_SIGNED_PARTS: usize = 100;

fn part_count(session: &UploadSession) -> u32 {
    u32::try_from(session.bytes.div_ceil(PART_BYTES)).unwrap_or(0)
}

/// The size that a part must have; `None` if there is no such part.
fn part_bytes(session: &UploadSession, part_number: u32) -> Option<u64> {
    let before = u64::from(part_number.checked_sub(1)?) * PART_BYTES;
    let left = session.bytes.checked_sub(before).filter(|left| *left > 0)?;
    Some(left.min(PART_BYTES))
}

fn is_complete(session: &UploadSession, part: &UploadedPart) -> bool {
    part_bytes(session, part.part_number) == Some(part.bytes)
}

/// `parts` are those that S3 has stored; `None` if the upload was completed.
pub(super) fn view(session: &UploadSession, parts: Option<&[UploadedPart]>) -> MultipartUploadView {
    let uploaded_parts = match parts {
        Some(parts) => parts
            .iter()
            .filter(|part| is_complete(session, part))
            .map(|part| part.part_number)
            .collect(),
        None => (1..=part_count(session)).collect(),
    };
    MultipartUploadView {
        part_bytes: PART_BYTES,
        part_count: part_count(session),
        uploaded_parts,
    }
}

fn upload_id(session: &UploadSession) -> Result<&str, ApiError> {
    session.multipart.as_deref().ok_or_else(|| {
        ApiError::BadRequest(
            "this is not a multipart upload; send the file with the request in `put`".to_owned(),
        )
    })
}

/// Signs the upload of some parts.
///
/// # Errors
/// If the upload has no such parts.
pub async fn sign_parts<P: KeyValueStore + ObjectTransfers + Clock>(
    ports: &P,
    principal: &Principal,
    id: &str,
    request: &SignPartsRequest,
) -> Result<SignedParts, ApiError> {
    let (_, session) = own_session(ports, principal, id).await?;
    let upload_id = upload_id(&session)?;
    let part_numbers = &request.part_numbers;
    if part_numbers.is_empty() || part_numbers.len() > MAX_SIGNED_PARTS {
        return Err(ApiError::BadRequest(format!(
            "name 1 to {MAX_SIGNED_PARTS} part numbers"
        )));
    }
    let to = session.location();
    let mut parts = Vec::new();
    for part_number in part_numbers.iter().copied() {
        let bytes = part_bytes(&session, part_number).ok_or_else(|| {
            ApiError::BadRequest(format!(
                "part numbers are 1 to {} for this upload",
                part_count(&session)
            ))
        })?;
        let request = ports
            .sign_upload_part(&to, upload_id, part_number, bytes)
            .await?;
        parts.push(SignedPart {
            part_number,
            request,
        });
    }
    Ok(SignedParts { parts })
}

/// Creates the object from its parts.
///
/// # Errors
/// [`ApiError::PartsMissing`] names the parts that are not uploaded yet.
pub async fn complete<P>(ports: &P, principal: &Principal, id: &str) -> Result<UploadView, ApiError>
where
    P: KeyValueStore + ObjectTransfers + ObjectStore + Clock,
{
    let (_, session) = own_session(ports, principal, id).await?;
    let upload_id = upload_id(&session)?;
    let to = session.location();
    let Some(uploaded) = ports.list_parts(&to, upload_id).await? else {
        // Either an earlier call completed it and the response was lost, or it was aborted.
        return match ports.head(&to).await? {
            Some(_) => Ok(upload_view(&session)),
            None => Err(aborted()),
        };
    };
    let is_uploaded = |part_number: u32| {
        let part = uploaded.iter().find(|part| part.part_number == part_number);
        part.is_some_and(|part| is_complete(&session, part))
    };
    let missing: Vec<String> = (1..=part_count(&session))
        .filter(|part_number| !is_uploaded(*part_number))
        .map(|part_number| part_number.to_string())
        .collect();
    if !missing.is_empty() {
        return Err(ApiError::PartsMissing(format!(
            "these parts are not uploaded yet: {}",
            missing.join(", ")
        )));
    }
    ports
        .complete_multipart_upload(&to, upload_id, &uploaded)
        .await?;
    // S3 answers a repeated or concurrent call in several ways; whether the object exists decides.
    match ports.head(&to).await? {
        Some(_) => Ok(upload_view(&session)),
        None => Err(ApiError::Unavailable(
            "S3 has not created the object yet; complete the upload again".to_owned(),
        )),
    }
}
