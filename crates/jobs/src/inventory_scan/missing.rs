//! Objects without a job.

use std::collections::BTreeMap;

use tracing::info;

use crate::id::{JobId, TraceId};
use crate::input::is_folder_marker;
use crate::pipeline::Pipelines;
use crate::ports::{JobIndex, ListedObject, Unavailable, UploadQueue};
use crate::submit::UploadEvent;

/// Versions listed per request: the maximum of S3. A page is either completed or repeated; a page whose objects all lack a
/// job takes some forty calls in a row.
pub(super) const PAGE: u16 = 1000;

/// What is scanned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) bucket: &'a str,
    pub(super) pipelines: &'a Pipelines,
}

/// Re-sends the upload events of the covered objects that have no job. Returns how many.
pub(super) async fn resend_missing<P>(
    ports: &P,
    bucket: &str,
    objects: &[ListedObject],
    is_covered: impl Fn(&ListedObject) -> bool,
) -> Result<u64, Unavailable>
where
    P: JobIndex + UploadQueue,
{
    let mut missing: Vec<&ListedObject> = objects
        .iter()
        .filter(|object| !is_folder_marker(&object.key, object.bytes))
        .filter(|object| is_covered(object))
        .collect();
    // Nearly all objects have the job id of their key; later versions at a key have an id of their own.
    let of_key = |object: &ListedObject| JobId::of_key(bucket, &object.key);
    let of_version =
        |object: &ListedObject| JobId::of_version(bucket, &object.key, &object.version);
    drop_known(ports, &mut missing, of_key).await?;
    drop_known(ports, &mut missing, of_version).await?;
    if missing.is_empty() {
        return Ok(0);
    }
    let uploads: Vec<UploadEvent> = missing
        .iter()
        .map(|object| UploadEvent {
            bucket: bucket.to_owned(),
            key: object.key.clone(),
            version: Some(object.version.clone()),
            bytes: object.bytes,
            etag: object.etag.clone(),
            trace_id: None,
        })
        .collect();
    for upload in &uploads {
        // The key may contain personal data, so log the job id that it will have, or has if it was overwritten.
        let id = JobId::of_key(bucket, &upload.key);
        info!(job.id = %id, trace.id = %TraceId::of_job(id), upload.version, "upload event re-sent for an object without a job");
    }
    let failed = ports.enqueue(&uploads).await;
    if failed.is_empty() {
        Ok(uploads.len() as u64)
    } else {
        Err(Unavailable {
            what: "the queue of uploads",
            source: format!(
                "{} of {} messages were not accepted",
                failed.len(),
                uploads.len()
            )
            .into(),
        })
    }
}

async fn drop_known<P: JobIndex>(
    ports: &P,
    objects: &mut Vec<&ListedObject>,
    id_of: impl Fn(&ListedObject) -> JobId,
) -> Result<(), Unavailable> {
    if objects.is_empty() {
        return Ok(());
    }
    let ids: Vec<JobId> = objects.iter().map(|object| id_of(object)).collect();
    let known: BTreeMap<JobId, String> = ports.versions_of(&ids).await?;
    objects.retain(|object| known.get(&id_of(object)) != Some(&object.version));
    Ok(())
}
