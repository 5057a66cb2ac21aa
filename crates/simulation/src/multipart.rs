//! Multipart uploads in S3, and the presigned requests that send files and parts.

use std::collections::BTreeMap;

use api::ports::UploadedPart;
use api::types::SignedRequest;

use crate::environment::SimulationEnvironment;
use crate::mistake::Mistake;

#[derive(Debug)]
struct MultipartUpload {
    key: String,
    parts: BTreeMap<u32, u64>,
}

/// The multipart uploads that are neither completed nor aborted.
#[derive(Debug, Default)]
pub(crate) struct MultipartUploads {
    uploads: BTreeMap<String, MultipartUpload>,
    created: u64,
}

impl MultipartUploads {
    pub(crate) fn create(&mut self, key: &str) -> String {
        self.created += 1;
        let id = format!("upload{}", self.created);
        let upload = MultipartUpload {
            key: key.to_owned(),
            parts: BTreeMap::new(),
        };
        self.uploads.insert(id.clone(), upload);
        id
    }

    pub(crate) fn parts(&self, id: &str) -> Option<Vec<UploadedPart>> {
        let upload = self.uploads.get(id)?;
        let part = |(number, bytes): (&u32, &u64)| UploadedPart {
            part_number: *number,
            etag: format!("part{number}"),
            bytes: *bytes,
        };
        Some(upload.parts.iter().map(part).collect())
    }

    /// A client sends a part with a request that [`signed_part`] made.
    pub(crate) fn put_part(&mut self, signed: &SignedRequest) {
        let mut words = signed.url.split(' ');
        let (Some(id), Some(Ok(number)), Some(Ok(bytes))) = (
            words.next(),
            words.next().map(str::parse),
            words.next().map(str::parse),
        ) else {
            return;
        };
        if let Some(upload) = self.uploads.get_mut(id) {
            upload.parts.insert(number, bytes);
        }
    }

    /// Completes an upload. Returns the key and the size of the object; `None` if there is no such upload any more.
    pub(crate) fn complete(
        &mut self,
        env: &SimulationEnvironment,
        id: &str,
    ) -> Option<(String, u64)> {
        let upload = self.uploads.get(id)?;
        let object = (upload.key.clone(), upload.parts.values().sum());
        if !env.has(Mistake::CompletedUploadStays) {
            self.uploads.remove(id);
        }
        Some(object)
    }

    pub(crate) fn abort(&mut self, id: &str) {
        self.uploads.remove(id);
    }
}

/// The request that sends a file. Its URL is the object's key.
pub(crate) fn signed_file(key: &str) -> SignedRequest {
    SignedRequest {
        method: "PUT".to_owned(),
        url: key.to_owned(),
        headers: BTreeMap::new(),
        expires_at: u64::MAX,
    }
}

/// The request that sends a part of a multipart upload.
pub(crate) fn signed_part(id: &str, number: u32, bytes: u64) -> SignedRequest {
    signed_file(&format!("{id} {number} {bytes}"))
}
