//! The log of deliveries: what was sent to a receiver, and what it answered.
//!
//! An entry can name a document: in the request, and in the response of a receiver that repeats the request. Such an entry is
//! also listed by its job, so that it is deleted with the job's data.

use jobs::id::{JobId, Tenant, Timestamp};
use jobs::job::Job;
use jobs::ports::{Clock, JobStore, KeyValueStore, Record, Unavailable};
use tracing::{info, warn};

use super::{LOG_DAYS, MAX_REQUEST_BYTES, WebhookId, log_collection};
use crate::types::DeliveryView;

const ENTRIES_PER_READ: u16 = 100;

/// What became of a request.
pub(super) struct PostResult {
    pub(super) problem: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) response: String,
}

impl PostResult {
    pub(super) const fn failed(problem: String) -> Self {
        Self {
            problem: Some(problem),
            status: None,
            response: String::new(),
        }
    }
}

/// An attempt to deliver an event.
pub(super) struct DeliveryAttempt<'a> {
    pub(super) at: Timestamp,
    pub(super) event_id: String,
    pub(super) sequence: u64,
    pub(super) number: u16,
    pub(super) body: &'a str,
    pub(super) outcome: PostResult,
    pub(super) retry_at: Option<u64>,
    /// The job whose document the body names, if it names one.
    pub(super) named_job: Option<JobId>,
}

/// The collection that lists the entries that name the document of a job, by webhook and entry.
fn job_collection(job: JobId) -> String {
    format!("webhook-log-of#{job}")
}

/// Writes an entry. What was sent matters more than the log of it, so a failure is only noted.
pub(super) async fn write<P: KeyValueStore + Clock + JobStore>(
    ports: &P,
    id: &WebhookId,
    url: &str,
    attempt: DeliveryAttempt<'_>,
) {
    let outcome = &attempt.outcome;
    info!(
        webhook.id = %id,
        sequence = attempt.sequence,
        attempt = attempt.number,
        status = outcome.status,
        problem = outcome.problem,
        "webhook sent"
    );
    if let Err(error) = write_entry(ports, id, url, attempt).await {
        warn!(webhook.id = %id, error = %error, "an attempt is not in the log of the webhook");
    }
}

async fn write_entry<P: KeyValueStore + Clock + JobStore>(
    ports: &P,
    id: &WebhookId,
    url: &str,
    attempt: DeliveryAttempt<'_>,
) -> Result<(), Unavailable> {
    let DeliveryAttempt { at, sequence, .. } = attempt;
    let body = attempt.body;
    let entry = DeliveryView {
        at: at.0,
        event_id: attempt.event_id,
        sequence,
        attempt: attempt.number,
        url: url.to_owned(),
        request_bytes: u32::try_from(body.len()).unwrap_or(u32::MAX),
        request: body[..body.floor_char_boundary(MAX_REQUEST_BYTES)].to_owned(),
        status: attempt.outcome.status,
        response: attempt.outcome.response,
        problem: attempt.outcome.problem,
        retry_at: attempt.retry_at,
    };
    let expires_at = Some(Timestamp(at.0 + LOG_DAYS * 86_400_000));
    let record = |body: String| Record {
        body,
        revision: 1,
        expires_at,
    };
    let key = format!("{:013}-{sequence:012}-{:08x}", at.0, ports.random() >> 32);
    if let Some(job) = attempt.named_job {
        // Before the entry, so that none is without it.
        let listed = record(String::new());
        let name = format!("{}#{key}", id.key);
        ports.put(&job_collection(job), &name, &listed).await?;
    }
    let collection = log_collection(&id.tenant, &id.key);
    let text = serde_json::to_string(&entry).unwrap_or_default();
    ports.put(&collection, &key, &record(text)).await?;
    // The data of the job may have been deleted after its row was read, and before the entry was written.
    if let Some(job) = attempt.named_job
        && ports
            .load(job)
            .await
            .is_ok_and(|job| job.is_none_or(|it| it.is_erased()))
    {
        forget(ports, &id.tenant, job).await?;
    }
    Ok(())
}

/// Deletes the entries that name the document of a job whose data is deleted.
///
/// # Errors
/// If the store does not answer.
pub(crate) async fn forget_deliveries<P: KeyValueStore>(
    ports: &P,
    job: &Job,
) -> Result<(), Unavailable> {
    forget(ports, &job.tenant, job.id).await
}

async fn forget<P: KeyValueStore>(
    ports: &P,
    tenant: &Tenant,
    job: JobId,
) -> Result<(), Unavailable> {
    let listed_in = job_collection(job);
    let mut before: Option<String> = None;
    loop {
        let page = ports
            .list_descending(&listed_in, before.as_deref(), ENTRIES_PER_READ)
            .await?;
        for (name, _) in &page {
            if let Some((webhook, key)) = name.split_once('#') {
                ports.delete(&log_collection(tenant, webhook), key).await?;
            }
            ports.delete(&listed_in, name).await?;
        }
        before = page.last().map(|(name, _)| name.clone());
        if page.len() < usize::from(ENTRIES_PER_READ) {
            return Ok(());
        }
    }
}
