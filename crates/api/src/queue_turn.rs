//! The place of a queued job among those of its tenant, in words.

use std::time::Duration;

use crate::ready_by::next_release;
use jobs::id::JobId;
use jobs::job::Job;
use jobs::lane::Lane;
use jobs::pause::Pauses;
use jobs::ports::{Clock, JobIndex, KeyValueStore, QueuedJob, Unavailable};
use jobs::queue_position;
use jobs::release_window::TurnLimits;

/// Queued jobs of a tenant in a pipeline that are counted: those whose turns may be known.
const MAX_COUNTED: usize = TurnLimits::SHOWN.jobs;
/// Index entries read per query.
const PAGE_SIZE: u16 = 1000;

/// Such as `12th of 40 in its organization's turn, next release in about 2 min`; `None` if the job is no longer queued, or the
/// index lags behind its row. A query for each thousand queued jobs of its tenant for the place, and some for each tenant that
/// waits for the time.
///
/// # Errors
/// If a dependency does not answer.
pub(crate) async fn turn<P: JobIndex + KeyValueStore + Clock>(
    ports: &P,
    job: &Job,
    pauses: &Pauses,
) -> Result<Option<String>, Unavailable> {
    let Some(position) = job.queue_position() else {
        return Ok(None);
    };
    let is_urgent = queue_position::is_urgent(position);
    let shard = queue_position::shard(&job.pipeline);
    let first = queue_position::first_position(position);
    // Urgent jobs of all tenants are in one queue.
    let is_in_queue = |found: &&QueuedJob| {
        let is_of_tenant = is_urgent || found.tenant == job.tenant;
        let position = found.position.position;
        let is_same = queue_position::first_position(position) == first;
        found.pipeline == job.pipeline && is_of_tenant && is_same
    };
    let (mut ids, mut after) = (Vec::<JobId>::new(), None);
    let more = loop {
        let page = ports.queued_jobs(shard, first, after, PAGE_SIZE).await?;
        let queue = page.items.iter().filter(is_in_queue);
        ids.extend(queue.map(|found| found.position.job));
        let last_is_in_queue = page.items.last().is_some_and(|last| is_in_queue(&last));
        after = page.next.filter(|_| last_is_in_queue);
        if after.is_none() || ids.len() >= MAX_COUNTED {
            break after.is_some();
        }
    };
    let all = if more {
        format!("more than {}", ids.len())
    } else {
        ids.len().to_string()
    };
    let whose = match job.input.labels.lane {
        _ if is_urgent => "urgent documents",
        Lane::Standard => "its organization's turn",
        Lane::Bulk => "its organization's turn, lane bulk",
    };
    let place = match ids.iter().position(|id| *id == job.id) {
        Some(at) => format!("{} of {all} in {whose}", ordinal(at + 1)),
        None if more => format!("behind {} in {whose}", ids.len()),
        None => return Ok(None),
    };
    let next = next_release(ports, &job.pipeline, &ids, pauses).await?;
    Ok(Some(match next {
        Some(at) => {
            let wait = at.since(ports.now());
            format!("{place}, next release {}", in_about(wait))
        }
        None => place,
    }))
}

/// Such as `in about 2 min`.
fn in_about(wait: Duration) -> String {
    let seconds = wait.as_secs();
    match seconds {
        0..10 => "in a moment".to_owned(),
        10..90 => format!("in about {} s", seconds.div_ceil(10) * 10),
        90..5400 => format!("in about {} min", (seconds + 30) / 60),
        _ => format!("in about {} h", (seconds + 1800) / 3600),
    }
}

fn ordinal(number: usize) -> String {
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::{in_about, ordinal};
    use std::time::Duration;

    #[test]
    fn remaining_waiting_times_are_rounded_to_readable_units() {
        let words = [0, 9, 10, 41, 89, 90, 149, 150, 5399, 5400, 9000];
        let words = words.map(|seconds| in_about(Duration::from_secs(seconds)));
        let expected = [
            "in a moment",
            "in a moment",
            "in about 10 s",
            "in about 50 s",
            "in about 90 s",
            "in about 2 min",
            "in about 2 min",
            "in about 3 min",
            "in about 90 min",
            "in about 2 h",
            "in about 3 h",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn ordinals_end_as_in_english() {
        let all = [1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111, 112];
        let words = all.map(ordinal).join(" ");
        let expected = "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 101st 111th 112th";
        assert_eq!(words, expected);
    }
}
