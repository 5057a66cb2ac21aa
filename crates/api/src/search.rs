//! Finds jobs by any id that a caller may hold.

use super::quarantine::list_entry;
use super::{ApiError, Permission, Principal, uploads};
use crate::job_list::{
    DEFAULT_PAGE_SIZE, JobScan, MAX_EXAMINED_JOBS, label_tenants, matches, scan_jobs,
};
use crate::name::key_forms;
use crate::ports::{JobList, QuarantineStore, TimeRange};
use crate::ready_by::add_estimates;
use crate::search_index::query::{SearchPosition, search as index_search};
use crate::search_index::{SearchText, trace_digits};
use crate::types::{JobPage, JobQuery, QuarantineEntry};
use jobs::id::{InferenceId, JobId, Location, Tenant};
use jobs::job::Job;
use jobs::labels::check_text;
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, JobIndex, JobStore, KeyValueStore, ObjectStore, Queue};
use jobs::view::JobView;

/// The longest id is an object's URL.
pub(crate) const MAX_ID_BYTES: usize = 1024;
/// A message id has at most 100 characters (SQS); the queue's name may precede it.
const MAX_MESSAGE_ID_BYTES: usize = 120;
/// How many jobs with the same reference are returned; `GET /jobs?reference=` lists them all.
const MAX_OF_REFERENCE: usize = 50;
/// How many versions of an object have their jobs looked up.
const MAX_VERSIONS: usize = 10;

/// Finds jobs by a job id, an inference id, a trace id, an event's id, an object's key or URL, an output's key, the UUID in a key, or a reference. For
/// support, also finds messages in quarantine by their ids.
///
/// # Errors
/// If the text cannot be an id, or a dependency does not answer. Finding nothing is not an error.
pub async fn find<
    P: JobStore + JobList + JobIndex + ObjectStore + QuarantineStore + KeyValueStore + Clock,
>(
    ports: &P,
    pipelines: &Pipelines,
    bucket: &str,
    principal: &Principal,
    tenant: Option<&str>,
    text: &str,
) -> Result<JobPage, ApiError> {
    let text = without_signature(text.trim());
    if text.is_empty() || text.len() > MAX_ID_BYTES || !text.chars().all(may_be_in_an_id) {
        return Err(ApiError::BadRequest(format!(
            "find takes an id of 1 to {MAX_ID_BYTES} bytes, without control characters"
        )));
    }
    let only = tenant
        .map(|name| principal.tenant(Permission::SeeJobs, Some(name)))
        .transpose()?;
    let mut found: Vec<Job> = Vec::new();
    for id in candidate_ids(pipelines, bucket, principal, tenant, text)? {
        if let Some(job) = ports.load(id).await? {
            found.push(job);
        }
    }
    if let Ok(uuid) = text.to_lowercase().parse::<JobId>()
        && let Some(id) = uploads::job_of_upload(ports, &uuid.to_string()).await?
    {
        found.extend(ports.load(id).await?);
    }
    found.extend(of_reference(ports, principal, tenant, text).await?);
    if let Some(key) = object_key(bucket, text)
        && pipelines.of_key(&key).is_some()
    {
        // Jobs of later versions have ids made of key and version.
        for key in key_forms(&key) {
            let versions = ports.versions(bucket, &key).await?;
            for version in versions.iter().take(MAX_VERSIONS) {
                let id = JobId::of_version(bucket, &key, &version.version);
                found.extend(ports.load(id).await?);
            }
        }
    }
    // Once its data is deleted, a document's key finds nothing any more: ids do.
    let by_key = object_key(bucket, text).is_some();
    // Nor does it for those who may not read its name.
    let is_found = |job: &Job| {
        let is_named = by_key && (job.is_erased() || !principal.reads(job));
        !is_named || text.contains(&job.id.to_string())
    };
    let is_of_tenant = |job: &Job| only.as_ref().is_none_or(|only| job.tenant == *only);
    found.retain(|job| principal.sees(job) && is_of_tenant(job) && is_found(job));
    found.sort_by_key(|job| std::cmp::Reverse((job.created_at, job.id)));
    found.dedup_by_key(|job| job.id);
    let quarantine = if principal.has(Permission::ManageQuarantine) {
        find_messages(ports, principal, text).await?
    } else {
        vec![]
    };
    let mut jobs: Vec<JobView> = found.iter().map(|job| principal.view(job)).collect();
    add_estimates(ports, &found, &mut jobs).await;
    Ok(JobPage {
        jobs,
        quarantine,
        ..JobPage::default()
    })
}

/// Searches jobs by a part of their texts and by any id. The first page also has what [`find`] finds. Returns the page without
/// its cursor, and the position to continue from.
///
/// # Errors
/// If the text is too short or cannot be an id, or a dependency does not answer. Finding nothing is not an error.
pub async fn search<
    P: JobStore + JobList + JobIndex + ObjectStore + QuarantineStore + KeyValueStore + Clock,
>(
    ports: &P,
    pipelines: &Pipelines,
    bucket: &str,
    principal: &Principal,
    query: &JobQuery,
    from: Option<SearchPosition>,
) -> Result<(JobPage, Option<SearchPosition>), ApiError> {
    let text = query.search.as_deref().unwrap_or_default();
    let tenant = query.tenant.as_deref();
    let tenant = tenant
        .map(|name| principal.tenant(Permission::SeeJobs, Some(name)))
        .transpose()?;
    let mut page = JobPage::default();
    let of_text = JobQuery {
        tenant: query.tenant.clone(),
        search: query.search.clone(),
        limit: query.limit,
        ..JobQuery::default()
    };
    if from.is_none() && *query == of_text {
        let tenant = query.tenant.as_deref();
        page = find(ports, pipelines, bucket, principal, tenant, text).await?;
    }
    // The search looks for names and labels. A caller who may read none finds jobs by id only, as above.
    if !principal.has(Permission::ReadContents) {
        return Ok((page, None));
    }
    let parsed = match SearchText::parse(text) {
        Ok(parsed) => parsed,
        // Short references are found, although no text of that length is.
        Err(_) if !(page.jobs.is_empty() && page.quarantine.is_empty()) => return Ok((page, None)),
        Err(error) => return Err(error),
    };
    let is_of_tenant = |job: &Job| match &tenant {
        Some(tenant) => job.tenant == *tenant,
        // The service's own test documents.
        None => !job.tenant.is_probe(),
    };
    let is_match = |job: &Job| {
        principal.reads(job)
            && is_of_tenant(job)
            && matches(job, query, false)
            && parsed.matches(job)
    };
    let limit = usize::from(query.limit.unwrap_or(DEFAULT_PAGE_SIZE));
    let found = index_search(ports, &parsed, from, limit, &is_match).await?;
    let views = found.jobs.iter().map(|job| principal.view(job));
    let mut views: Vec<JobView> = views.collect();
    add_estimates(ports, &found.jobs, &mut views).await;
    views.retain(|view| page.jobs.iter().all(|known| known.id != view.id));
    page.jobs.extend(views);
    page.searched_back_to = found.back_to.map(|at| at.0);
    Ok((page, found.next))
}

/// The part of a search that looks for texts: without ids that lead to a job's row. For benches.
///
/// # Errors
/// If the text is too short, or a dependency does not answer.
pub async fn search_texts<P: JobList + KeyValueStore>(
    ports: &P,
    principal: &Principal,
    text: &str,
    from: Option<SearchPosition>,
) -> Result<(Vec<Job>, Option<SearchPosition>), ApiError> {
    let parsed = SearchText::parse(text)?;
    let is_match = |job: &Job| principal.reads(job) && parsed.matches(job);
    let limit = usize::from(DEFAULT_PAGE_SIZE);
    let found = index_search(ports, &parsed, from, limit, &is_match).await?;
    Ok((found.jobs, found.next))
}

/// The newest jobs whose reference is the text.
async fn of_reference<P: JobList>(
    ports: &P,
    principal: &Principal,
    tenant: Option<&str>,
    text: &str,
) -> Result<Vec<Job>, ApiError> {
    let Ok(reference) = check_text(text) else {
        return Ok(vec![]);
    };
    let Some(tenants) = label_tenants(principal, tenant)? else {
        return Ok(vec![]);
    };
    let scan = JobScan::of_reference(&tenants, &reference, TimeRange::ALL);
    let is_match =
        |job: &Job| principal.reads(job) && job.input.labels.reference.as_ref() == Some(&reference);
    let found = scan_jobs(
        ports,
        &scan,
        None,
        MAX_OF_REFERENCE,
        MAX_EXAMINED_JOBS,
        &is_match,
    );
    Ok(found.await?.jobs)
}

/// Whether an id may contain the character. S3 lists keys as XML, which carries neither most control characters nor
/// U+FFFE and U+FFFF (XML 1.0, production `Char`).
fn may_be_in_an_id(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// A download's URL without its signature, which is longer than any id.
fn without_signature(text: &str) -> &str {
    if is_web_address(text) {
        text.split('?').next().unwrap_or_default()
    } else {
        text
    }
}

fn is_web_address(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// The key, if the text is a key or the URL of an object in this service's bucket.
fn object_key(bucket: &str, text: &str) -> Option<String> {
    let decoded;
    let text = if is_web_address(text) {
        decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
        decoded.chars().all(may_be_in_an_id).then_some(&*decoded)?
    } else {
        text
    };
    match text.parse::<Location>() {
        Ok(location) => (location.bucket == bucket).then_some(location.key),
        // Other hosts name the bucket in the path.
        Err(_) => match text.split_once(&format!("/{bucket}/")) {
            Some((_, key)) if is_web_address(text) => Some(key.to_owned()),
            // A key, or a page's address.
            _ => text.contains('/').then(|| text.to_owned()),
        },
    }
}

/// The job ids that the text may stand for.
fn candidate_ids(
    pipelines: &Pipelines,
    bucket: &str,
    principal: &Principal,
    tenant: Option<&str>,
    text: &str,
) -> Result<Vec<JobId>, ApiError> {
    let lower = text.to_lowercase();
    let mut ids: Vec<JobId> = Vec::new();
    ids.extend(lower.parse::<JobId>().ok());
    // The trace of a job is named by its id, unless the upload had a trace of its own.
    let trace = trace_digits(&lower).and_then(|digits| u128::from_str_radix(&digits, 16).ok());
    ids.extend(trace.map(JobId::of_bits));
    ids.extend(
        lower
            .parse::<InferenceId>()
            .ok()
            .map(|inference| inference.job),
    );
    // An event's id is `<job id>:<version>`, also in webhooks.
    let of_event = lower.split_once(':').map(|(job, _)| job);
    ids.extend(of_event.and_then(|job| job.parse::<JobId>().ok()));
    if let Some(key) = object_key(bucket, text) {
        let forms = key_forms(&key);
        ids.extend(forms.iter().map(|key| JobId::of_key(bucket, key)));
        // An output's key contains the job id: `outbound/<pipeline>/<job>/a1/…`.
        let segments = key.split('/');
        ids.extend(segments.filter_map(|segment| segment.parse::<JobId>().ok()));
    } else if let Ok(uuid) = lower.parse::<JobId>() {
        // The UUID in a key, whose pipeline and tenant are not known.
        let tenants: Vec<Tenant> = match tenant {
            Some(_) => vec![principal.tenant(Permission::SeeJobs, tenant)?],
            None => principal.tenants.iter().cloned().collect(),
        };
        for pipeline in pipelines.iter() {
            let prefix = &pipeline.prefix;
            ids.push(JobId::of_key(bucket, &format!("{prefix}{uuid}.pdf")));
            let of_tenant =
                |tenant: &Tenant| JobId::of_key(bucket, &format!("{prefix}{tenant}/{uuid}.pdf"));
            ids.extend(tenants.iter().map(of_tenant));
        }
    }
    ids.sort();
    ids.dedup();
    Ok(ids)
}

/// Messages in quarantine with this id, which may be preceded by the queue's name and a colon.
async fn find_messages<P: QuarantineStore>(
    ports: &P,
    principal: &Principal,
    text: &str,
) -> Result<Vec<QuarantineEntry>, ApiError> {
    let qualified = text.split_once(':');
    let mut found = Vec::new();
    if text.len() > MAX_MESSAGE_ID_BYTES {
        return Ok(vec![]);
    }
    for queue in Queue::ALL {
        let message_id = match qualified {
            Some((source, id)) if source == queue.name() => id,
            Some(_) => continue,
            None => text,
        };
        let stored = ports.get_message(queue.name(), message_id).await?;
        found.extend(stored.as_ref().map(|stored| list_entry(principal, stored)));
    }
    Ok(found)
}
