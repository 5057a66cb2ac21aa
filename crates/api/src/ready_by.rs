//! When open jobs will be ready: the estimates of [`jobs::ready_by`] in the views of the API.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::ports::{Clock, KeyValueStore};
use jobs::ready_by::{Basis, NoEstimate, QueueSnapshot, estimate, load};
use jobs::state::StatusGroup;
use jobs::view::{JobView, ReadyByView};

use crate::explain::is_stalled;

/// Adds to the view of each open job when it will be ready. Reads one record per pipeline of these jobs. If a record
/// cannot be read, its jobs have no estimate: a list must not fail for it.
pub(crate) async fn add_estimates<P: KeyValueStore + Clock>(
    ports: &P,
    jobs: &[Job],
    views: &mut [JobView],
) {
    let is_open = |job: &&Job| job.state.status_group() == StatusGroup::Open;
    let mut snapshots: BTreeMap<&str, Option<QueueSnapshot>> = jobs
        .iter()
        .filter(is_open)
        .map(|job| (job.pipeline.as_str(), None))
        .collect();
    let reads = snapshots.iter_mut().map(async |(pipeline, snapshot)| {
        *snapshot = load(ports, pipeline).await.unwrap_or_else(|error| {
            tracing::warn!(error = %error, pipeline, "a queue's snapshot was not read");
            None
        });
    });
    join_all(reads).await;
    let now = ports.now();
    for (job, view) in jobs.iter().zip(views) {
        let snapshot = snapshots.get(job.pipeline.as_str());
        view.ready_by = ready_by(job, snapshot.and_then(Option::as_ref), now);
    }
}

/// `None` if the job is final.
fn ready_by(job: &Job, snapshot: Option<&QueueSnapshot>, now: Timestamp) -> Option<ReadyByView> {
    let unknown = |note: &str| {
        Some(ReadyByView {
            note: note.to_owned(),
            ..ReadyByView::default()
        })
    };
    if is_stalled(&job.state, now) {
        return unknown("The job's check is overdue, so nothing can be said.");
    }
    let found = match estimate(job, snapshot, now) {
        Ok(found) => found,
        Err(NoEstimate::Final) => return None,
        Err(NoEstimate::Paused) => {
            return unknown("It is paused; it is sent to the model when the pause ends.");
        }
        Err(NoEstimate::EndpointDown) => {
            return unknown(
                "Its model does not work at the moment; it is sent as soon as it does.",
            );
        }
        Err(NoEstimate::NotCounted) => {
            return unknown("The waiting jobs have not been counted yet.");
        }
        Err(NoEstimate::Late) => {
            return unknown("It takes longer than expected; the service checks for its result.");
        }
    };
    let note = match found.basis {
        Basis::Measured => "From its place in the queue and the instances.",
        Basis::AssumedDurations => {
            "From its place in the queue and the instances; too few runs or cold starts were measured, so typical \
             durations are used."
        }
        Basis::InferredInstances => {
            "From its place in the queue and how fast jobs ended lately; the instances are not known."
        }
        Basis::NextCheck => {
            "It should have ended by now; the service looks for its result at its next check."
        }
    };
    Some(ReadyByView {
        about: Some(found.about.0),
        earliest: Some(found.earliest.0),
        latest: Some(found.latest.0),
        note: note.to_owned(),
    })
}
