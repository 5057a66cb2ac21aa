//! Idempotency keys: a repeated request to create an upload returns the upload of the first one.
//!
//! A key belongs to its caller. Its record names the upload session and is written before it. So requests at the same time, and
//! requests that were interrupted, all create the same session.

use sha2::{Digest, Sha256};

use super::{NewSession, try_again};
use crate::types::NewUpload;
use crate::{ApiError, Principal};
use jobs::id::{Timestamp, hex};
use jobs::labels::Labels;
use jobs::ports::{Clock, KeyValueStore, Record};

/// How long a key is remembered.
const LIFETIME_MS: u64 = 86_400_000;
const MAX_KEY_CHARS: usize = 128;
/// The key of the record within its collection. Each idempotency key has a collection of its own, since one shared collection
/// would put all into one partition of the table.
const KEY: &str = "-";

/// What is stored about a key: the SHA-256 of the request, and the session, one value per line.
fn encode(request: &str, session: &NewSession) -> String {
    format!("{request}\n{}\n{}", session.uuid, session.created_at.0)
}

fn decode(body: &str) -> Option<(&str, NewSession)> {
    let (request, session) = body.split_once('\n')?;
    let (uuid, created_at) = session.split_once('\n')?;
    let session = NewSession {
        uuid: uuid.to_owned(),
        created_at: Timestamp(created_at.parse().ok()?),
    };
    Some((request, session))
}

/// SHA-256 of a request with these labels: of every field, but not of the order of the tags.
pub(super) fn hash_of(upload: &NewUpload, labels: &Labels) -> String {
    let NewUpload {
        pipeline,
        tenant,
        name,
        bytes,
        content_type,
        reference: _,
        batch: _,
        tags: _,
        sha256,
        run_anyway,
        lane,
    } = upload;
    let bytes = bytes.to_string();
    let mut fields: Vec<Option<&str>> = vec![
        Some(pipeline.as_str()),
        tenant.as_deref(),
        Some(name.as_str()),
        Some(bytes.as_str()),
        Some(content_type.as_str()),
        labels.reference.as_deref(),
        labels.batch.as_deref(),
        Some(labels.tags.lines()),
        sha256.as_deref(),
        run_anyway.then_some("run-anyway"),
    ];
    // Requests without a lane have the hash that they had before there were lanes.
    fields.extend(lane.map(|lane| Some(lane.name())));
    hash(&fields)
}

/// The upload session that belongs to an idempotency key.
#[derive(Debug)]
pub(super) struct Claim {
    /// Names the record, for [`forget`].
    pub(super) record: String,
    pub(super) session: NewSession,
    /// An earlier request with the key, or one at the same time, may have created the session.
    pub(super) is_repeated: bool,
}

/// The session of an earlier request with the same key, or else `new`, which the key then belongs to.
///
/// # Errors
/// If the key is not valid, or was used for another request within the last day.
pub(super) async fn claim<P: KeyValueStore + Clock>(
    ports: &P,
    principal: &Principal,
    key: &str,
    request: &str,
    new: &NewSession,
) -> Result<Claim, ApiError> {
    let is_printable = |b: u8| (b' '..=b'~').contains(&b);
    if key.is_empty() || key.len() > MAX_KEY_CHARS || !key.bytes().all(is_printable) {
        return Err(ApiError::BadRequest(format!(
            "the header Idempotency-Key must have 1 to {MAX_KEY_CHARS} characters of ASCII"
        )));
    }
    let record = hash(&[Some(&principal.actor), Some(key)]);
    let collection = collection(&record);
    let body = encode(request, new);
    // Another request may write the record between the two calls: then it is read again.
    for _ in 0..3 {
        let stored = ports.get(&collection, KEY).await?;
        let now = ports.now();
        // Expired records stay for a while (DynamoDB developer guide, "Using time to live").
        let is_valid = |stored: &&Record| stored.expires_at.is_some_and(|at| now < at);
        if let Some(valid) = stored.as_ref().filter(is_valid) {
            let (first, session) = decode(&valid.body).ok_or_else(try_again)?;
            if first != request {
                return Err(ApiError::IdempotencyKeyReused(
                    "this Idempotency-Key was used for another request within the last 24 hours; send another key, or repeat the request unchanged"
                        .to_owned(),
                ));
            }
            return Ok(Claim {
                record,
                session,
                is_repeated: true,
            });
        }
        let claimed = Record {
            body: body.clone(),
            revision: stored.map_or(1, |stored| stored.revision + 1),
            expires_at: Some(Timestamp(now.0 + LIFETIME_MS)),
        };
        if ports.put(&collection, KEY, &claimed).await? {
            return Ok(Claim {
                record,
                session: new.clone(),
                is_repeated: false,
            });
        }
    }
    Err(try_again())
}

/// Deletes the record of a key.
///
/// # Errors
/// If the store does not answer.
pub(super) async fn forget<P: KeyValueStore>(ports: &P, record: &str) -> Result<(), ApiError> {
    Ok(ports.delete(&collection(record), KEY).await?)
}

fn collection(record: &str) -> String {
    format!("idempotency#{record}")
}

/// SHA-256 in hexadecimal digits. The lengths separate the fields.
pub(super) fn hash(fields: &[Option<&str>]) -> String {
    let mut hash = Sha256::new();
    for field in fields {
        let length = field.map_or(u64::MAX, |text| text.len() as u64);
        hash.update(length.to_le_bytes());
        hash.update(field.unwrap_or_default().as_bytes());
    }
    hex(&hash.finalize())
}
