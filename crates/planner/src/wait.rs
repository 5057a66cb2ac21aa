//! Where the time of a document went, from what the simulation measured.

use simulation::workload::{DocumentEnd, DocumentResult, EndpointSample};

use crate::arrivals::UploadArrival;
use crate::day::{ReplayedDocument, Wait};

/// What became of a document of the day's plan.
pub(crate) fn document(
    arrival: &UploadArrival,
    result: &DocumentResult,
    samples: &[EndpointSample],
) -> ReplayedDocument {
    let (ended_at, failure) = match result.end {
        DocumentEnd::Open => (None, None),
        DocumentEnd::Ready { at } | DocumentEnd::Cancelled { at } => (Some(at), None),
        DocumentEnd::Failed { at, cause } => (Some(at), Some(cause)),
    };
    ReplayedDocument {
        burst: arrival.burst,
        key: arrival.key.clone(),
        uploaded_at: result.uploaded_at,
        model_ms: arrival.model_ms,
        ended_at,
        wait: wait(result, samples),
        failure,
        requests: result.requests.len(),
        readings: result.readings.clone(),
        job: result.job.clone(),
    }
}

fn wait(result: &DocumentResult, samples: &[EndpointSample]) -> Option<Wait> {
    let DocumentEnd::Ready { at: ready_at } = result.end else {
        return None;
    };
    let accepted = result.requests.first()?.accepted_at;
    // The run that made the result had ended when the job became ready; a later request may still be running.
    let run = result
        .requests
        .iter()
        .rev()
        .filter_map(|request| request.run)
        .find(|run| run.until <= ready_at)?;
    let cold_start = without_instances(samples, accepted, run.from);
    let queue = run.from.saturating_sub(accepted + cold_start);
    let in_model = run.until - run.from;
    let docket = (ready_at - result.uploaded_at).saturating_sub(cold_start + queue + in_model);
    Some(Wait {
        cold_start,
        queue,
        run: in_model,
        docket,
    })
}

/// How much of a time span passed without an instance in service.
fn without_instances(samples: &[EndpointSample], from: u64, until: u64) -> u64 {
    let ends = samples.iter().skip(1).map(|next| next.at).chain([u64::MAX]);
    samples
        .iter()
        .zip(ends)
        .filter(|(sample, _)| sample.in_service == 0)
        .map(|(sample, end)| end.min(until).saturating_sub(sample.at.max(from)))
        .sum()
}
