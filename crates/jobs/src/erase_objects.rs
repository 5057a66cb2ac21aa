//! Deletes the objects of a job whose data is deleted: everything that the service and the endpoint wrote about it.

use crate::error::MessageError;
use crate::id::{JobId, Location};
use crate::job::Job;
use crate::ports::{JobStore, ListedVersion, LoadError, ObjectDeletion, ObjectStore, Unavailable};
use crate::same_bytes::SameBytes;

/// Deletes the uploaded version of a job, and later and earlier uploads of the same bytes that made no job of their own. Returns
/// their version ids.
///
/// # Errors
/// If a service does not answer. Repeating the call deletes the rest.
pub async fn delete_input<P: JobStore + ObjectStore + ObjectDeletion>(
    ports: &P,
    job: &Job,
    input: &Location,
) -> Result<Vec<String>, LoadError> {
    let own = &job.input.version;
    // S3 does not list some invalid keys.
    let listed = if input.key.chars().any(char::is_control) {
        vec![]
    } else {
        ports.versions(&input.bucket, &input.key).await?
    };
    let same = SameBytes::neighbours(&listed, true, own);
    let same = same.map_or(&[][..], |same| same.versions());
    let at = same.iter().position(|known| known.version == *own);
    let (newer, older) = same.split_at(at.unwrap_or(0));
    let mut versions = versions_without_a_job(ports, job, input, newer.iter().rev()).await?;
    versions.extend(versions_without_a_job(ports, job, input, older.iter().skip(1)).await?);
    // Its own version last: without it a repetition would not find the others.
    versions.push(own.clone());
    for version in &versions {
        ports.delete_version(input, version).await?;
    }
    Ok(versions)
}

/// The versions up to the first that has a job of its own, or was put after the deletion of this job's data.
async fn versions_without_a_job<P: JobStore>(
    ports: &P,
    job: &Job,
    input: &Location,
    versions: impl Iterator<Item = &ListedVersion>,
) -> Result<Vec<String>, LoadError> {
    let of_key = ports.load(JobId::of_key(&input.bucket, &input.key)).await?;
    let of_key = of_key.filter(|other| other.id != job.id);
    let mut found = Vec::new();
    for ListedVersion {
        version, put_at, ..
    } in versions
    {
        let own = ports
            .load(JobId::of_version(&input.bucket, &input.key, version))
            .await?;
        let mut jobs = own.iter().chain(&of_key);
        if *put_at >= job.ended_or_erased_at() || jobs.any(|other| other.input.version == *version)
        {
            break;
        }
        found.push(version.clone());
    }
    Ok(found)
}

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
            ports.delete_version(&object, &version.version).await?;
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
