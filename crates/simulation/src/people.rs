//! What people have asked of the HTTP API and must see through: data deletions, retry plans and uploads.

use std::collections::BTreeMap;
use std::rc::Rc;

use api::types::{NewUpload, RetryPlanOutcome};
use jobs::id::JobId;
use jobs::job::Job;

use crate::bucket::{BUCKET, SimulatedBucket};

/// A deletion of a job's data. Support repeats it until it is complete or refused.
#[derive(Clone, Debug)]
pub(crate) struct Deletion {
    /// The key and the version of the input, and its name if it came through an upload session.
    pub(crate) key: String,
    pub(crate) version: String,
    /// When that version was put.
    pub(crate) put_at: u64,
    pub(crate) name: Option<String>,
    pub(crate) is_complete: bool,
}

impl Deletion {
    pub(crate) fn of(job: &Job, bucket: &SimulatedBucket) -> Self {
        let input = &job.input;
        Self {
            put_at: bucket.put_at(&input.key, &input.version),
            key: job.input.key.clone(),
            version: job.input.version.clone(),
            name: job.input.name.clone(),
            is_complete: false,
        }
    }
}

/// A retry plan that was applied.
#[derive(Clone, Debug)]
pub(crate) struct AppliedPlan {
    pub(crate) jobs: u32,
    /// It cancels jobs.
    pub(crate) cancel: bool,
    pub(crate) applied_at: u64,
    /// What the API said at the end.
    pub(crate) outcome: Option<RetryPlanOutcome>,
}

/// An upload through an upload session.
#[derive(Clone, Debug)]
pub(crate) struct ClientUpload {
    pub(crate) new: Rc<NewUpload>,
    /// The model will refuse it.
    pub(crate) poisoned: bool,
    /// The session that the client uses.
    pub(crate) id: Option<String>,
    pub(crate) part_count: u32,
    /// The client sent the file, or asked to complete it.
    pub(crate) may_be_complete: bool,
    /// S3 or the API confirmed that the file is there.
    pub(crate) is_complete: bool,
    pub(crate) is_aborted: bool,
}

#[derive(Debug, Default)]
pub(crate) struct People {
    pub(crate) deletions: BTreeMap<JobId, Deletion>,
    /// By plan id.
    pub(crate) plans: BTreeMap<String, AppliedPlan>,
    pub(crate) uploads: Vec<ClientUpload>,
}

impl People {
    /// Whether the model will refuse the file that is uploaded to a key.
    pub(crate) fn is_poisoned(&self, key: &str) -> bool {
        let id = Some(JobId::of_key(BUCKET, key).to_string());
        let mut uploads = self.uploads.iter();
        uploads.any(|upload| upload.id == id && upload.poisoned)
    }

    /// Whether the data of a job was deleted completely.
    pub(crate) fn has_deleted(&self, job: JobId) -> bool {
        self.deletions
            .get(&job)
            .is_some_and(|deletion| deletion.is_complete)
    }
}
