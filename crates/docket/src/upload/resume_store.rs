//! Remembers unfinished uploads, so that a later command can resume them. How much of a file has arrived is known to the
//! service.
//!
//! Each upload is a small file in `$XDG_STATE_HOME/docket/uploads`. Its name is a hash of the service, the pipeline, the
//! tenant, the labels and the file with its size and time of change, so a file that was changed is another upload.

use std::path::PathBuf;

use api::types::UploadView;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cli::LabelArgs;
use crate::config;

use super::files::UploadFile;

/// Unfinished uploads are forgotten after this time: an upload is open for seven days at most, and a command with `--wait`
/// may wait for its job as long again.
const MAX_AGE_MS: u64 = 7 * 24 * 3600 * 1000;

/// Identifies an upload across commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResumeKey(String);

/// An unfinished upload, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnfinishedUpload {
    /// The service's answer that created it, without signed URLs.
    pub(super) upload: UploadView,
}

impl UnfinishedUpload {
    pub(super) fn new(view: &UploadView) -> Self {
        Self {
            upload: UploadView {
                put: None,
                ..view.clone()
            },
        }
    }
}

impl ResumeKey {
    pub(super) fn new(
        api: &str,
        pipeline: &str,
        tenant: Option<&str>,
        labels: &LabelArgs,
        file: &UploadFile,
    ) -> Self {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            // The length separates neighboring fields.
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        add(api.as_bytes());
        add(pipeline.as_bytes());
        add(tenant.unwrap_or_default().as_bytes());
        add(file.canonical.as_os_str().as_encoded_bytes());
        add(file.content_type.as_bytes());
        add(&file.bytes.to_le_bytes());
        add(&file.modified.to_le_bytes());
        // An upload keeps the labels that it was created with.
        add(labels.reference.as_deref().unwrap_or_default().as_bytes());
        add(labels.batch.as_deref().unwrap_or_default().as_bytes());
        for (name, value) in &labels.tags {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        if let Some(lane) = labels.lane {
            add(lane.name().as_bytes());
        }
        Self(jobs::id::hex(&hash.finalize()[..16]))
    }

    fn path(&self) -> Option<PathBuf> {
        Some(directory()?.join(format!("{}.json", self.0)))
    }

    /// Loads the stored upload. If it cannot be read, the upload starts again from the beginning.
    pub(super) fn load(&self) -> Option<UnfinishedUpload> {
        let text = std::fs::read(self.path()?).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Stores the upload. Errors are ignored: without a store, uploads work but cannot be resumed.
    pub(super) fn save(&self, upload: &UnfinishedUpload) {
        if let (Some(path), Ok(text)) = (self.path(), serde_json::to_vec(upload)) {
            config::write_private(&path, &text).ok();
        }
    }

    pub(super) fn delete(&self) {
        if let Some(path) = self.path() {
            std::fs::remove_file(path).ok();
        }
    }
}

fn directory() -> Option<PathBuf> {
    Some(config::state_dir().ok()?.join("uploads"))
}

/// Deletes uploads that were stored longer ago than [`MAX_AGE_MS`].
pub(super) fn delete_expired() {
    let Some(entries) = directory().and_then(|directory| std::fs::read_dir(directory).ok()) else {
        return;
    };
    let now = config::now();
    for entry in entries.flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        if modified.is_ok_and(|at| config::millis(at) + MAX_AGE_MS < now) {
            std::fs::remove_file(entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> UploadFile {
        UploadFile {
            path: "a.pdf".into(),
            canonical: "/x/a.pdf".into(),
            name: "a.pdf".to_owned(),
            bytes: 10,
            modified: 20,
            content_type: "application/pdf".to_owned(),
        }
    }

    #[test]
    fn resume_key_depends_on_service_pipeline_tenant_and_file_version() {
        let none = LabelArgs::default();
        let key = |file: &UploadFile| ResumeKey::new("https://a", "p", None, &none, file);
        let first = key(&file());
        assert_eq!(first, key(&file()));
        let renamed = UploadFile {
            canonical: "/x/b.pdf".into(),
            ..file()
        };
        let longer = UploadFile {
            bytes: 11,
            ..file()
        };
        let newer = UploadFile {
            modified: 21,
            ..file()
        };
        for other in [renamed, longer, newer] {
            assert_ne!(first, key(&other));
        }
        assert_ne!(
            first,
            ResumeKey::new("https://b", "p", None, &none, &file())
        );
        assert_ne!(
            first,
            ResumeKey::new("https://a", "q", None, &none, &file())
        );
        assert_ne!(
            first,
            ResumeKey::new("https://a", "p", Some("t"), &none, &file())
        );
        let text = Some("4711".to_owned());
        let reference = LabelArgs {
            reference: text.clone(),
            ..LabelArgs::default()
        };
        let batch = LabelArgs {
            batch: text,
            ..LabelArgs::default()
        };
        let with = |labels: &LabelArgs| ResumeKey::new("https://a", "p", None, labels, &file());
        assert_ne!(first, with(&reference));
        assert_ne!(with(&reference), with(&batch));
        // The same file by another path.
        let elsewhere = UploadFile {
            path: "../x/a.pdf".into(),
            ..file()
        };
        assert_eq!(first, key(&elsewhere));
    }

    #[test]
    fn stored_upload_contains_no_signed_url() {
        let view: UploadView = serde_json::from_value(serde_json::json!({
            "job_id": "j", "tenant": "t", "pipeline": "p", "name": "n", "bytes": 1, "content_type": "c",
            "created_at": 1, "expires_at": 2,
            "put": {"method": "PUT", "url": "https://s3/secret", "headers": {}, "expires_at": 2}
        }))
        .unwrap();
        let stored = serde_json::to_string(&UnfinishedUpload::new(&view)).unwrap();
        assert!(!stored.contains("secret"));
        assert!(serde_json::from_str::<UnfinishedUpload>(&stored).is_ok());
    }
}
