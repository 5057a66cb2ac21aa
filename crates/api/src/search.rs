//! Finding a job by whatever id a person holds.

use super::quarantine::listed;
use super::{ApiError, Principal, uploads};
use crate::ports::QuarantineStore;
use crate::types::{JobPage, QuarantineEntry};
use jobs::id::{InferenceId, JobId, Location, Tenant};
use jobs::job::Job;
use jobs::pipeline::Pipelines;
use jobs::ports::{JobStore, KeyValueStore, ObjectStore, Queue};
use jobs::view::JobView;

/// The longest text that can be an id, in bytes: an object's address.
const MAX_BYTES: usize = 1024;
/// The most versions of an object whose jobs are looked for.
const VERSIONS: usize = 10;

/// Finds jobs by the id of a job or an inference, an object's key or address, an output's, or the UUID in a key; and
/// for support, messages in quarantine by their ids.
///
/// # Errors
/// If the text can be no id, or something does not answer. Finding nothing is no error.
pub async fn find<P: JobStore + ObjectStore + QuarantineStore + KeyValueStore>(
    ports: &P,
    pipelines: &Pipelines,
    bucket: &str,
    principal: &Principal,
    tenant: Option<&str>,
    text: &str,
) -> Result<JobPage, ApiError> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAX_BYTES || text.chars().any(char::is_control) {
        return Err(ApiError::BadRequest("that is no id".to_owned()));
    }
    let mut found: Vec<Job> = Vec::new();
    for id in ids(pipelines, bucket, principal, tenant, text)? {
        if let Some(job) = ports.load(id).await? {
            found.push(job);
        }
    }
    if let Ok(uuid) = text.to_lowercase().parse::<JobId>()
        && let Some(id) = uploads::job_of_uuid(ports, &uuid.to_string()).await?
    {
        found.extend(ports.load(id).await?);
    }
    if let Some(key) = key(bucket, text)
        && pipelines.of_key(&key).is_some()
    {
        // Later versions at the key have jobs of their own.
        let versions = ports.versions(bucket, &key).await?;
        for version in versions.iter().take(VERSIONS) {
            let id = JobId::of_version(bucket, &key, version);
            found.extend(ports.load(id).await?);
        }
    }
    found.retain(|job| principal.sees(job));
    found.sort_by_key(|job| std::cmp::Reverse((job.created_at, job.id)));
    found.dedup_by_key(|job| job.id);
    let quarantine = if principal.is_support() {
        quarantined(ports, text).await?
    } else {
        vec![]
    };
    Ok(JobPage {
        jobs: found.iter().map(JobView::from).collect(),
        quarantine,
        ..JobPage::default()
    })
}

/// The key in a text that is a key or an address in our bucket.
fn key(bucket: &str, text: &str) -> Option<String> {
    match text.parse::<Location>() {
        Ok(location) => (location.bucket == bucket).then_some(location.key),
        Err(_) => text.contains('/').then(|| text.to_owned()),
    }
}

/// The ids that the text may stand for.
fn ids(
    pipelines: &Pipelines,
    bucket: &str,
    principal: &Principal,
    tenant: Option<&str>,
    text: &str,
) -> Result<Vec<JobId>, ApiError> {
    let lower = text.to_lowercase();
    let mut ids: Vec<JobId> = Vec::new();
    ids.extend(lower.parse::<JobId>().ok());
    ids.extend(
        lower
            .parse::<InferenceId>()
            .ok()
            .map(|inference| inference.job),
    );
    if let Some(key) = key(bucket, text) {
        ids.push(JobId::of_key(bucket, &key));
        // `outbound/<pipeline>/<job>/a1/…`: an output.
        let segments = key.split('/');
        ids.extend(segments.filter_map(|segment| segment.parse::<JobId>().ok()));
    } else if let Ok(uuid) = lower.parse::<JobId>() {
        // The UUID in a key.
        let tenants: Vec<Tenant> = match tenant {
            Some(_) => vec![principal.tenant(tenant)?],
            None => principal.tenants.iter().cloned().collect(),
        };
        for pipeline in pipelines.iter() {
            let prefix = &pipeline.prefix;
            ids.push(JobId::of_key(bucket, &format!("{prefix}{uuid}.pdf")));
            let of =
                |tenant: &Tenant| JobId::of_key(bucket, &format!("{prefix}{tenant}/{uuid}.pdf"));
            ids.extend(tenants.iter().map(of));
        }
    }
    ids.sort();
    ids.dedup();
    Ok(ids)
}

async fn quarantined<P: QuarantineStore>(
    ports: &P,
    text: &str,
) -> Result<Vec<QuarantineEntry>, ApiError> {
    let named = text.split_once(':');
    let mut found = Vec::new();
    // An id of a message has no more than 100 characters (SQS).
    if text.len() > 120 {
        return Ok(vec![]);
    }
    for queue in Queue::ALL {
        let message_id = match named {
            Some((source, id)) if source == queue.name() => id,
            Some(_) => continue,
            None => text,
        };
        let kept = ports.entry(queue.name(), message_id).await?;
        found.extend(kept.as_ref().map(listed));
    }
    Ok(found)
}
