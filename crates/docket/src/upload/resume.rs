//! Unfinished uploads: which job a file is becoming. How far it has come, the service knows.
//!
//! One small file each in `$XDG_STATE_HOME/docket/uploads`, named by a hash of the service, the pipeline, the tenant
//! and the file with its size and time of change: a file that was changed is another upload.

use std::path::PathBuf;

use api::types::UploadView;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config;

use super::plan::Item;

/// So long is remembered which job a file has become, in milliseconds: an upload is open for seven days at most, and a job
/// for another.
const KEEP: u64 = 7 * 24 * 3600 * 1000;

/// Which upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key(String);

/// What is remembered of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// As it was announced, without what was signed.
    pub(super) upload: UploadView,
}

impl Record {
    pub(super) fn of(view: &UploadView) -> Self {
        Self {
            upload: UploadView {
                put: None,
                ..view.clone()
            },
        }
    }
}

impl Key {
    /// The key of a file on its way to a service.
    pub(super) fn of(api: &str, pipeline: &str, tenant: Option<&str>, item: &Item) -> Self {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            // The length keeps two neighbors apart.
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        add(api.as_bytes());
        add(pipeline.as_bytes());
        add(tenant.unwrap_or_default().as_bytes());
        add(item.full.as_os_str().as_encoded_bytes());
        add(item.content_type.as_bytes());
        add(&item.bytes.to_le_bytes());
        add(&item.modified.to_le_bytes());
        let hash = hash.finalize();
        let name: String = hash[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self(name)
    }

    fn path(&self) -> Option<PathBuf> {
        Some(folder()?.join(format!("{}.json", self.0)))
    }

    /// What is remembered. What cannot be read is as good as nothing: the upload begins anew.
    pub(super) fn load(&self) -> Option<Record> {
        let text = std::fs::read(self.path()?).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Remembers it. A machine that cannot keep anything can still upload.
    pub(super) fn save(&self, record: &Record) {
        if let (Some(path), Ok(text)) = (self.path(), serde_json::to_vec(record)) {
            config::write_private(&path, &text).ok();
        }
    }

    /// It is finished.
    pub(super) fn forget(&self) {
        if let Some(path) = self.path() {
            std::fs::remove_file(path).ok();
        }
    }
}

fn folder() -> Option<PathBuf> {
    Some(config::state_dir().ok()?.join("uploads"))
}

/// Forgets what nobody will come back to.
pub(super) fn forget_old() {
    let Some(entries) = folder().and_then(|folder| std::fs::read_dir(folder).ok()) else {
        return;
    };
    let now = config::now();
    for entry in entries.flatten() {
        let modified = entry.metadata().and_then(|about| about.modified());
        if modified.is_ok_and(|at| config::millis(at) + KEEP < now) {
            std::fs::remove_file(entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> Item {
        Item {
            path: "a.pdf".into(),
            full: "/x/a.pdf".into(),
            name: "a.pdf".to_owned(),
            bytes: 10,
            modified: 20,
            content_type: "application/pdf".to_owned(),
        }
    }

    #[test]
    fn a_key_changes_with_everything_that_makes_another_upload() {
        let key = |item: &Item| Key::of("https://a", "p", None, item);
        let first = key(&item());
        assert_eq!(first, key(&item()));
        let renamed = Item {
            full: "/x/b.pdf".into(),
            ..item()
        };
        let longer = Item {
            bytes: 11,
            ..item()
        };
        let newer = Item {
            modified: 21,
            ..item()
        };
        for other in [renamed, longer, newer] {
            assert_ne!(first, key(&other));
        }
        assert_ne!(first, Key::of("https://b", "p", None, &item()));
        assert_ne!(first, Key::of("https://a", "q", None, &item()));
        assert_ne!(first, Key::of("https://a", "p", Some("t"), &item()));
        // What was named in another way is the same file.
        let elsewhere = Item {
            path: "../x/a.pdf".into(),
            ..item()
        };
        assert_eq!(first, key(&elsewhere));
    }

    #[test]
    fn signed_addresses_are_not_kept() {
        let view: UploadView = serde_json::from_value(serde_json::json!({
            "job_id": "j", "tenant": "t", "pipeline": "p", "name": "n", "bytes": 1, "content_type": "c",
            "created_at": 1, "expires_at": 2,
            "put": {"method": "PUT", "url": "https://s3/secret", "headers": [], "expires_at": 2}
        }))
        .unwrap();
        let kept = serde_json::to_string(&Record::of(&view)).unwrap();
        assert!(!kept.contains("secret"));
        assert!(serde_json::from_str::<Record>(&kept).is_ok());
    }
}
