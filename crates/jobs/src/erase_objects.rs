//! Deletes the objects of a job whose data is deleted: everything that the service and the endpoint wrote about it.

use crate::error::MessageError;
use crate::id::Location;
use crate::job::Job;
use crate::ports::{ObjectDeletion, ObjectStore, Unavailable};

/// Deletes every version of the outputs and failure objects of a job, and of `others`. Returns the number of versions.
///
/// # Errors
/// If S3 does not answer. Repeating the call deletes the rest.
pub async fn delete_results<P: ObjectStore + ObjectDeletion>(
    ports: &P,
    job: &Job,
    others: impl IntoIterator<Item = Location>,
) -> Result<usize, Unavailable> {
    let bucket = &job.input.bucket;
    let mut objects: Vec<Location> = others.into_iter().collect();
    for record in &job.attempts {
        objects.extend(record.output.iter().cloned());
        objects.extend(record.failure_object.iter().cloned());
    }
    // Outputs of calls whose response was lost.
    let outputs = ports.list(bucket, &job.output_prefix()).await?;
    objects.extend(outputs.into_iter().map(|key| Location {
        bucket: bucket.clone(),
        key,
    }));
    objects.sort_by_key(ToString::to_string);
    objects.dedup();
    let mut deleted = 0;
    for object in objects {
        for version in ports.versions(&object.bucket, &object.key).await? {
            ports.delete_version(&object, &version).await?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

/// Deletes what an attempt wrote although the data of its job was deleted before. A notification reports it.
///
/// # Errors
/// If S3 does not answer. The redelivered message deletes the rest.
pub(crate) async fn delete_late_results<P: ObjectStore + ObjectDeletion>(
    ports: &P,
    job: &Job,
    reported: Option<Location>,
) -> Result<(), MessageError> {
    let deleted = delete_results(ports, job, reported).await?;
    if deleted > 0 {
        tracing::warn!(job.id = %job.id, trace.id = %job.trace(), versions = deleted, "a late result of a job whose data was deleted is deleted");
    }
    Ok(())
}
