//! User actions: customers upload and delete, support retries and cancels, and junk arrives in the queues.

use std::rc::Rc;

use api::types::NewUpload;
use jobs::id::{JobId, Tenant};
use jobs::ports::Queue;
use jobs::state::State;

use crate::api_request::ClientRequest;
use crate::bucket::{BUCKET, ObjectSource, StoredObject, upload_event};
use crate::environment::SimulationEnvironment;
use crate::fault::FaultKind;
use crate::table::JobTable;

#[derive(Debug)]
pub(crate) enum UserAction {
    Upload {
        key: String,
        poisoned: bool,
    },
    /// Upload a PDF of this size that the model can read.
    UploadPdf {
        key: String,
        bytes: u64,
    },
    /// Upload the bytes of the current version again, or those that were there before.
    UploadAgain {
        key: String,
        restore: bool,
    },
    Delete {
        key: String,
    },
    /// A lifecycle rule of the customer's moves the document to an archive.
    Archive {
        key: String,
    },
    /// Support picks a job in a suitable state and cancels or retries it.
    Support {
        cancel: bool,
    },
    /// Support runs a ready job again.
    RunAgain,
    /// Support lets a queued job start before the others.
    MakeUrgent,
    /// Support deletes the data of a job that has ended.
    DeleteData,
    /// Support makes a retry plan, for all tenants or one, and applies it.
    PlanRetries {
        tenant: Option<String>,
    },
    /// Support pauses a pipeline, a tenant or both for a time, and may resume it before its end.
    Pause {
        pipeline: Option<String>,
        tenant: Option<String>,
        lasts: u64,
        resumed_after: Option<u64>,
    },
    /// A customer uploads a file through an upload session.
    StartUpload {
        new: Rc<NewUpload>,
        poisoned: bool,
    },
    /// A client sends the file of its upload session.
    SendFile {
        client: usize,
        key: String,
    },
    /// A tenant makes a new secret for its webhook.
    RotateSecret {
        tenant: Tenant,
    },
    /// A tenant gives the new secret to its receiver.
    InstallSecret {
        tenant: Tenant,
    },
    /// A tenant lets the events that were recorded so many milliseconds ago or later be sent to its webhook again.
    Redeliver {
        tenant: Tenant,
        ago: u64,
    },
    /// A person sends a request to the HTTP API.
    Ask(ClientRequest),
    SendJunk {
        number: u64,
    },
}

/// The object of [`UserAction::Upload`]. A check of the input sees a part of the poison, the rest only the model sees.
pub(crate) fn uploaded_object(env: &mut SimulationEnvironment, poisoned: bool) -> StoredObject {
    let (first, bytes): (&[u8], u64) = match (poisoned, env.rng.up_to(3)) {
        (true, 0) => (b"", 0),
        (true, 1) => (b"PK\x03\x04", 1000),
        _ => (b"%PDF-1.7\n", 20_000),
    };
    StoredObject {
        bytes,
        first: Rc::from(first),
        sealed_at: env.strikes(FaultKind::InputSealed).then_some(env.now),
        source: ObjectSource::Upload { poisoned },
        same_bytes_as: None,
    }
}

/// A PDF. `poisoned`: the model will refuse it.
pub(crate) fn uploaded_pdf(bytes: u64, poisoned: bool) -> StoredObject {
    StoredObject {
        bytes,
        first: Rc::from(&b"%PDF-1.7\n"[..]),
        sealed_at: None,
        source: ObjectSource::Upload { poisoned },
        same_bytes_as: None,
    }
}

/// A random job in a suitable state.
pub(crate) fn job_for_support(
    env: &mut SimulationEnvironment,
    table: &JobTable,
    suits: impl Fn(&State) -> bool,
) -> Option<JobId> {
    let jobs: Vec<JobId> = table
        .rows()
        .filter(|row| suits(&row.job.state))
        .map(|row| row.job.id)
        .collect();
    (!jobs.is_empty()).then(|| env.pick(&jobs))
}

/// A message that belongs into quarantine, and its queue.
pub(crate) fn junk(
    env: &mut SimulationEnvironment,
    table: &JobTable,
    number: u64,
) -> (Queue, String) {
    let stray = JobId::of_key("unknown-bucket", &number.to_string());
    let about = |job: JobId, status: &str, attempt: &str| {
        format!(
            r#"{{"invocationStatus":"{status}","eventSource":"aws:sagemaker","eventName":"InferenceResult","inferenceId":"{job}.{attempt}","responseParameters":{{"outputLocation":"s3://{BUCKET}/outbound/legal-review/{number}.out"}}}}"#
        )
    };
    let result = |status: &str, attempt: &str| about(stray, status, attempt);
    if env.rng.up_to(1) == 0
        && let Some(job) = job_for_support(env, table, |_| true)
    {
        // An attempt that was never made.
        return (Queue::InferenceError, about(job, "Failed", "a99"));
    }
    match env.rng.up_to(7) {
        0 => (
            Queue::Uploads,
            format!("{{\"Records\":[{{\"n\":{number}}}]}}"),
        ),
        1 => (
            Queue::Uploads,
            upload_event(&format!("elsewhere/{number}.pdf"), "v0", "etag-v0", 1),
        ),
        2 => (Queue::InferenceSuccess, result("Completed", "a1")),
        3 => (Queue::InferenceError, result("Failed", "a1")),
        4 => (Queue::InferenceError, result("Failed", "b7")),
        5 => (
            Queue::Checks,
            format!(r#"{{"job_id":"{stray}","attempt":1}}"#),
        ),
        6 => (
            Queue::Events,
            format!(
                r#"{{"detail-type":"JobReady","detail":{{"job":{{"id":"{stray}","tenant":"acme"}}}}}}"#
            ),
        ),
        _ => (Queue::InferenceSuccess, format!("no JSON {number}")),
    }
}
