//! Objects without a job.

use std::collections::BTreeMap;

use tracing::info;

use crate::id::{JobId, TraceId};
use crate::input::{check_key, is_folder_marker};
use crate::pipeline::Pipelines;
use crate::ports::{JobIndex, JobInput, ListedObject, Unavailable, UploadQueue};
use crate::same_bytes::{MAX_SAME_BYTES, SameBytes, row_takes_upload};
use crate::submit::UploadEvent;

/// Versions listed per request: the maximum of S3. A page is either completed or repeated; a page whose objects all lack a
/// job takes some forty calls in a row.
pub(super) const PAGE_SIZE: u16 = 1000;

/// The bucket that is scanned, and the pipelines whose prefixes count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) bucket: &'a str,
    pub(super) pipelines: &'a Pipelines,
}

/// Re-sends the upload events of the covered objects that have no job. Returns how many.
pub(super) async fn resend_missing<P>(
    ports: &P,
    target: Target<'_>,
    objects: &[ListedObject],
    is_covered: impl Fn(&ListedObject) -> bool,
) -> Result<u64, Unavailable>
where
    P: JobIndex + UploadQueue,
{
    let bucket = target.bucket;
    let mut missing: Vec<&ListedObject> = objects
        .iter()
        .filter(|object| !is_folder_marker(&object.key, object.bytes))
        .filter(|object| is_covered(object))
        .collect();
    // Nearly all objects have the job id of their key; later versions at a key have an id of their own.
    let of_version =
        |object: &ListedObject, version: &str| JobId::of_version(bucket, &object.key, version);
    drop_known(ports, target, &mut missing, |object| {
        vec![JobId::of_key(bucket, &object.key)]
    })
    .await?;
    drop_known(ports, target, &mut missing, |object| {
        vec![of_version(object, &object.version)]
    })
    .await?;
    // Few are left: what was written again with the same bytes, to the job of a later version.
    drop_known(ports, target, &mut missing, |object| {
        let same = neighbours(object).map_or(&[][..], |same| same.versions());
        let others = same
            .iter()
            .rev()
            .filter(|known| known.version != object.version);
        let ids = others.map(|known| of_version(object, &known.version));
        ids.take(MAX_SAME_BYTES).collect()
    })
    .await?;
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
    target: Target<'_>,
    objects: &mut Vec<&ListedObject>,
    ids_of: impl Fn(&ListedObject) -> Vec<JobId>,
) -> Result<(), Unavailable> {
    let ids: Vec<JobId> = objects.iter().flat_map(|object| ids_of(object)).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let known: BTreeMap<JobId, JobInput> = ports.inputs_of(&ids).await?;
    objects.retain(|object| {
        let rows = ids_of(object);
        let mut rows = rows.iter().filter_map(|id| known.get(id));
        !rows.any(|row| is_input(target, object, row))
    });
    Ok(())
}

fn neighbours(object: &ListedObject) -> Option<SameBytes<'_>> {
    SameBytes::neighbours(&object.versions, object.has_all_versions, &object.version)
}

/// Whether a row is about the object: about its version, or about the same bytes.
fn is_input(target: Target<'_>, object: &ListedObject, row: &JobInput) -> bool {
    if row.version == object.version {
        return true;
    }
    let are_same = |same: SameBytes<'_>| same.are_of(&row.version, &row.etag, row.bytes);
    let pipeline = target.pipelines.of_key(&object.key);
    neighbours(object).is_some_and(are_same)
        && pipeline.is_some_and(|pipeline| {
            let (tenant, _) = check_key(pipeline, &object.key);
            row_takes_upload(row, &tenant, pipeline, object.put_at)
        })
}
