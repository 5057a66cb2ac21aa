//! Forgets the name of a batch after the data of one of its documents was deleted.

use jobs::id::Timestamp;
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore};

use super::count::{Hour, change_day, rows_kept_days, within_batches};
use super::progress::{Progress, hour_of};
use super::rows::InstanceReading;
use super::{DAY_MS, HOUR_MS, Month, day_key};
use crate::ApiError;
use crate::forgotten_batches::ForgottenBatch;
use crate::ports::JobList;

/// An hour is counted again only if all its rows are kept for at least this time from now.
const MARGIN_MS: u64 = 7 * DAY_MS;

/// Counts the hour of the document again, in which it no longer has a batch. If rows of that hour may be gone, or are too many
/// for this call, all documents of the batch in that hour count as documents without a batch. `recounted` is the hour that was
/// counted again last.
pub(crate) async fn forget_batch<P: JobList + KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    forgotten: &ForgottenBatch,
    recounted: &mut Option<u64>,
    until: Timestamp,
) -> Result<(), ApiError> {
    let now = ports.now();
    let hour = hour_of(Timestamp(forgotten.created_at));
    // An hour that has not been counted yet will be counted without the batch.
    if *recounted == Some(hour) || hour >= Progress::load(ports, now).await?.next {
        return Ok(());
    }
    let rows_go_at = hour + rows_kept_days(pipelines) * DAY_MS;
    if now.0 + MARGIN_MS < rows_go_at {
        let reading = InstanceReading { ports, until };
        if let Some(read) = Hour::read(&reading, pipelines, hour).await? {
            read.store(ports).await?;
            *recounted = Some(hour);
            return Ok(());
        }
    }
    let at = Timestamp(hour);
    let (month, day) = Month::of(at);
    let of_day = u8::try_from(hour % DAY_MS / HOUR_MS).unwrap_or_default();
    change_day(ports, month, &day_key(&forgotten.tenant, day), at, |day| {
        let Some(sums) = day.hours.get_mut(&of_day) else {
            return;
        };
        for sum in sums.iter_mut() {
            if sum.pipeline == forgotten.pipeline && sum.batch == forgotten.batch {
                sum.batch.clear();
            }
        }
        *sums = within_batches(sums, usize::MAX);
    })
    .await
}
