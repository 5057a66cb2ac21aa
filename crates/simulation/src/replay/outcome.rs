//! What became of a document, from what the simulated cloud knows.

use jobs::state::State;

use super::plan::Arrival;
use super::{DecisionContext, Document, Wait};
use crate::world::World;

/// What became of a document that was to come.
pub(super) fn document(world: &World, arrival: &Arrival, moments: &[DecisionContext]) -> Document {
    let key = &arrival.key;
    let mut found = Document {
        burst: arrival.burst,
        key: key.clone(),
        uploaded: arrival.at,
        takes: arrival.takes,
        ended: None,
        wait: None,
        failure: None,
        requests: 0,
    };
    let version = world.bucket.current(key).map(|(version, _)| version);
    let Some((version, job)) =
        version.and_then(|version| Some((version, world.table.job_of(key, &version.id)?)))
    else {
        return found;
    };
    found.uploaded = version.at;
    let requests: Vec<_> = world
        .ledger
        .runs
        .range((job.id, 0)..=(job.id, u8::MAX))
        .flat_map(|(_, requests)| requests)
        .collect();
    found.requests = u32::try_from(requests.len()).unwrap_or(u32::MAX);
    let ended = world.table.rows.get(&job.id).map(|row| row.saved_at);
    let first = requests.first().map(|request| request.accepted);
    // The run that made the result: none that was still going on when it was there.
    let ran = requests
        .iter()
        .rev()
        .filter_map(|request| request.ran.get())
        .find(|(_, until)| ended.is_some_and(|ended| *until <= ended));
    match &job.state {
        State::Ready { .. } => {
            found.ended = ended;
            if let (Some(accepted), Some((began, until)), Some(ended)) = (first, ran, ended) {
                let cold = without_capacity(moments, accepted, began);
                let queue = began.saturating_sub(accepted + cold);
                let run = until - began;
                let docket = (ended - found.uploaded).saturating_sub(cold + queue + run);
                found.wait = Some(Wait {
                    cold,
                    queue,
                    run,
                    docket,
                });
            }
        }
        State::Failed { failure, .. } => {
            found.ended = ended;
            found.failure = Some(failure.cause.name());
        }
        State::Cancelled { .. } => found.ended = ended,
        State::Submitting { .. } | State::InProgress { .. } | State::RetryScheduled { .. } => {}
    }
    found
}

/// How much of a span passed without an instance in service.
fn without_capacity(moments: &[DecisionContext], from: u64, until: u64) -> u64 {
    let ends = moments.iter().skip(1).map(|next| next.at).chain([u64::MAX]);
    moments
        .iter()
        .zip(ends)
        .filter(|(context, _)| context.in_service == 0)
        .map(|(context, end)| end.min(until).saturating_sub(context.at.max(from)))
        .sum()
}
