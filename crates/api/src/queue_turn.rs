//! The place of a queued job among those of its tenant, in words.

use jobs::job::Job;
use jobs::ports::{JobIndex, Unavailable};
use jobs::queue_position;

/// Queued jobs of a tenant in a pipeline that are counted.
const MAX_COUNTED: u16 = 200;

/// Such as `12th of 40 in its organisation's turn`; `None` if the job is no longer queued, or the index lags behind its row. One
/// query, however many jobs are queued.
///
/// # Errors
/// If the index is unavailable.
pub(crate) async fn turn<P: JobIndex>(ports: &P, job: &Job) -> Result<Option<String>, Unavailable> {
    let Some(position) = job.queue_position() else {
        return Ok(None);
    };
    let shard = queue_position::shard(&job.pipeline);
    let first = queue_position::first_position(position);
    let page = ports.queued_jobs(shard, first, None, MAX_COUNTED).await?;
    let own = |found: &&jobs::ports::QueuedJob| {
        found.pipeline == job.pipeline && found.tenant == job.tenant
    };
    let ids = page
        .items
        .iter()
        .filter(own)
        .map(|found| found.position.job);
    let ids: Vec<_> = ids.collect();
    let last_is_own = page.items.last().is_some_and(|last| own(&last));
    let more = page.next.is_some() && last_is_own;
    let all = if more {
        format!("more than {}", ids.len())
    } else {
        ids.len().to_string()
    };
    let place = ids.iter().position(|id| *id == job.id);
    Ok(match place {
        Some(at) => Some(format!(
            "{} of {all} in its organisation's turn",
            ordinal(at + 1)
        )),
        None if more => Some(format!("behind {} in its organisation's turn", ids.len())),
        None => None,
    })
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
    use super::ordinal;

    #[test]
    fn ordinals_end_as_in_english() {
        let all = [1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111, 112];
        let words = all.map(ordinal).join(" ");
        let expected = "1st 2nd 3rd 4th 11th 12th 13th 21st 22nd 101st 111th 112th";
        assert_eq!(words, expected);
    }
}
