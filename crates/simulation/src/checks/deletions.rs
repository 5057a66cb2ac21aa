//! After the deletion of a job's data, nothing of the document is left, whatever comes later.

use jobs::event::EventKind;
use jobs::id::JobId;
use jobs::job::Job;

use super::guarantees::DELETION;
use crate::bucket::{ObjectSource, SimulatedBucket};
use crate::container::words_about;
use crate::ids::short;
use crate::people::Deletion;
use crate::simulation::Simulation;

/// The collection of the inventory scan's checkpoint.
const STATE: &str = "state";
/// The collection of the deletions that are not complete yet.
const UNFINISHED: &str = "data-deletion";

pub(crate) fn check_at_rest(simulation: &mut Simulation) {
    let deleted: Vec<JobId> = simulation.people.deletions.keys().copied().collect();
    for job in deleted {
        if simulation.people.has_deleted(job) {
            check(simulation, job, true);
        } else {
            simulation
                .env
                .violation(DELETION, || format!("{} is not complete", short(job)));
        }
    }
}

/// Checks that nothing is left of the document of a job whose data was deleted. At rest, the inventory scan has moved on too:
/// its checkpoint names the key at which it continues.
pub(crate) fn check(simulation: &mut Simulation, job: JobId, at_rest: bool) {
    let Some(deletion) = simulation.people.deletions.get(&job) else {
        return;
    };
    let mut left = Vec::new();
    if let Some(row) = simulation.table.row(job) {
        left.extend(left_in_row(&row.job));
    }
    let row = simulation.table.row(job).map(|row| &*row.job);
    left.extend(left_in_bucket(&simulation.bucket, row, deletion));
    let words = [
        Some(words_about(job)),
        deletion.name.clone(),
        // A later version at the key is another document.
        Some(deletion.key.clone()).filter(|key| !is_shared(simulation, job, key)),
    ];
    let is_left = |text: &str| words.iter().flatten().any(|words| text.contains(words));
    let id = job.to_string();
    for (collection, key, record) in simulation.records.iter() {
        // A session of the same file that became no job is another upload.
        let session = collection.strip_prefix("upload#");
        // That of an earlier version at the key is completed later.
        let of_other = collection == UNFINISHED && key != id;
        let is_meant = session.is_none_or(|session| session == id)
            && (at_rest || collection != STATE && !of_other);
        if is_meant && is_left(&record.body) {
            left.push(format!("record {collection} {key}: {}", record.body));
        }
    }
    for entry in &simulation.quarantine.entries {
        // A later message that cannot be understood is kept, though it names the job.
        let names_job = !at_rest && entry.body.contains(&id);
        if is_left(&entry.body) || is_left(&entry.problem) || names_job {
            left.push(format!("message {} in quarantine", entry.message_id));
        }
    }
    for what in left {
        simulation
            .env
            .violation(DELETION, || format!("of {} is left: {what}", short(job)));
    }
}

fn left_in_row(job: &Job) -> Option<String> {
    let input = &job.input;
    let is_clean = job.is_erased()
        && input.key.is_empty()
        && input.etag.is_empty()
        && input.name.is_none()
        && job
            .history
            .iter()
            .all(|entry| entry.reason.is_none() || entry.event == EventKind::Erase)
        && job
            .attempts
            .iter()
            .filter_map(|record| record.failure.as_ref())
            .all(|failure| failure.detail.is_empty());
    (!is_clean || format!("{job:?}").contains(&words_about(job.id))).then(|| format!("row {job:?}"))
}

fn left_in_bucket(bucket: &SimulatedBucket, job: Option<&Job>, deletion: &Deletion) -> Vec<String> {
    let Some(row) = job else { return vec![] };
    let (id, copy) = (row.id, format!("/{}", row.id));
    // What the endpoint wrote without telling the service can be attributed only if its key names the job and is listed.
    let is_known = |key: &str| {
        let mut named = row.attempts.iter().flat_map(|record| {
            let objects = [&record.output, &record.failure_object];
            objects.into_iter().flatten()
        });
        (key.contains(&id.to_string()) && bucket.current(key).is_some())
            || named.any(|object| object.key == key)
    };
    let mut left = Vec::new();
    for (key, versions) in &bucket.objects {
        for version in versions {
            let is_ours = match version.object.as_ref().map(|object| &object.source) {
                Some(ObjectSource::Output { job, .. } | ObjectSource::Failure { job }) => {
                    *job == id && is_known(key)
                }
                Some(ObjectSource::Copy { .. }) => key.ends_with(&copy),
                Some(ObjectSource::Upload { .. }) => {
                    *key == deletion.key && version.id == deletion.version
                }
                None => false,
            };
            if is_ours {
                left.push(format!("object {key} {}", version.id));
            }
        }
    }
    left
}

/// Whether a key says nothing about a document, or is that of another document too.
fn is_shared(simulation: &Simulation, id: JobId, key: &str) -> bool {
    let mut uploads = simulation.people.uploads.iter();
    let session = Some(JobId::of_key(crate::bucket::BUCKET, key).to_string());
    let mut rows = simulation.table.rows();
    uploads.any(|upload| upload.id == session)
        || simulation.bucket.objects.contains_key(key)
        || rows.any(|row| row.job.id != id && row.job.input.key == key)
}
