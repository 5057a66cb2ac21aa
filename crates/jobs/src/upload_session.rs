//! Upload sessions: what the HTTP API records before it signs an upload, and what the submit path reads from it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{JobId, Location, Timestamp};
use crate::labels::{Labels, Tags};
use crate::lane::Lane;
use crate::pipeline::Pipeline;
use crate::ports::{KeyValueStore, Record, Unavailable};

/// The file name extension of every key that the API issues.
pub const EXTENSION: &str = ".pdf";
/// The key of the record within the collection of its upload session.
pub const SESSION_KEY: &str = "-";

/// An upload created through the API. The job made from its object is attributed to `uploaded_by`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadSession {
    pub job: String,
    pub bucket: String,
    pub key: String,
    pub tenant: String,
    pub pipeline: String,
    pub name: String,
    pub bytes: u64,
    pub content_type: String,
    pub uploaded_by: String,
    pub created_at: Timestamp,
    /// When it can no longer be completed.
    pub expires_at: Timestamp,
    /// S3's upload id of a multipart upload.
    pub multipart: Option<String>,
    /// It can no longer be continued. Parts signed before may still arrive; the object then still belongs to its uploader.
    #[serde(default)]
    pub closed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// As [`Tags::lines`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tags: String,
    #[serde(default, skip_serializing_if = "Lane::is_standard")]
    pub lane: Lane,
    /// The record of the idempotency key that the upload was created with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_record: Option<String>,
    /// Names the record of the uploads with the same content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

impl UploadSession {
    pub fn labels(&self) -> Labels {
        Labels {
            reference: self.reference.clone(),
            batch: self.batch.clone(),
            tags: Tags::from_lines(self.tags.clone()),
            lane: self.lane,
            invalid: String::new(),
        }
    }

    pub fn location(&self) -> Location {
        Location {
            bucket: self.bucket.clone(),
            key: self.key.clone(),
        }
    }
}

/// The collection that holds the session of one upload. Each upload has its own, since one shared collection would put all
/// uploads into one partition of the table.
pub fn collection(id: JobId) -> String {
    format!("upload#{id}")
}

/// The upload session that becomes this job; `None` if the object was not uploaded through the API.
///
/// # Errors
/// If the store does not answer or the record cannot be decoded.
pub async fn find<P: KeyValueStore>(
    ports: &P,
    id: JobId,
) -> Result<Option<UploadSession>, Unavailable> {
    Ok(read(ports, id).await?.map(|(session, _)| session))
}

/// Like [`find`], together with the stored record for writing it back.
///
/// # Errors
/// As [`find`].
pub async fn read<P: KeyValueStore>(
    ports: &P,
    id: JobId,
) -> Result<Option<(UploadSession, Record)>, Unavailable> {
    let Some(record) = ports.get(&collection(id), SESSION_KEY).await? else {
        return Ok(None);
    };
    let session = serde_json::from_str(&record.body).map_err(|error| Unavailable {
        what: "the upload session",
        source: error.into(),
    })?;
    Ok(Some((session, record)))
}

/// A new UUID for an upload's key. It is of version 7: it begins with the time, so that recent uploads are found by their
/// keys ([`crate::inventory_scan`]).
pub fn new_uuid(now: Timestamp, random: u128) -> Uuid {
    let [.., a, b, c, d, e, f, g, h, i, j] = random.to_be_bytes();
    uuid::Builder::from_unix_timestamp_millis(now.0, &[a, b, c, d, e, f, g, h, i, j]).into_uuid()
}

/// How the UUIDs of a millisecond begin. Those of later milliseconds are greater.
pub fn name_start(at: Timestamp) -> String {
    let mut text = Uuid::from_u128(u128::from(at.0) << 80).to_string();
    text.truncate("01234567-89ab".len());
    text
}

/// Whether the API may have issued this key: `<prefix><tenant>/<uuid>.pdf`. Saves a read of the session for all other keys.
pub fn is_session_key(pipeline: &Pipeline, key: &str) -> bool {
    let path = key.strip_prefix(&pipeline.prefix);
    let file = path.and_then(|path| path.split_once('/'));
    let name = file.and_then(|(_, file)| file.strip_suffix(EXTENSION));
    name.is_some_and(|name| name.len() == 36 && Uuid::try_parse(name).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_uploads_are_in_order_of_time() {
        let start = 1_767_607_442_118;
        for random in [0, u128::MAX] {
            for after in [0, 1, 255, 65_536, 86_400_000] {
                let at = Timestamp(start + after);
                let name = new_uuid(at, random).to_string();
                assert_eq!(Uuid::parse_str(&name).unwrap().get_version_num(), 7);
                assert!(name > name_start(at), "{name}");
                assert!(name < name_start(Timestamp(at.0 + 1)), "{name}");
            }
        }
    }

    #[test]
    fn only_keys_that_the_api_issues_have_an_upload_session() {
        let pipelines =
            crate::pipeline::Pipelines::parse(include_str!("../../../infra/pipelines.toml"))
                .unwrap();
        let pipeline = pipelines.get("legal-review").unwrap();
        let is_session =
            |name: &str| is_session_key(pipeline, &format!("{}acme/{name}", pipeline.prefix));
        let name = new_uuid(Timestamp(1_767_607_442_118), 7).to_string();
        assert!(is_session(&format!("{name}.pdf")));
        assert!(!is_session(&name));
        assert!(!is_session(&format!("{}.pdf", name.replace('-', ""))));
        assert!(!is_session(&format!("{}.pdf", "x".repeat(36))));
    }
}
