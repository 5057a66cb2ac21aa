//! Builds blocks of the search index.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use jobs::id::{JobId, Timestamp};
use jobs::job::Job;
use jobs::ports::{Clock, KeyValueStore, Record, Unavailable};

use super::remove::remove_job;
use super::{BLOCKS, Block, StoredBlock, block_key, postings, slice_collection, slices_of};
use crate::ApiError;
use crate::ports::{JobList, JobListEntry, JobListKey, TimeRange};

/// Only jobs of this age are put into a block: most have an output by then, and every row is visible in the index of jobs.
const MIN_AGE_MS: u64 = 3_600_000;
/// How many entries of each shard a query reads. A block has 64 of each, on average.
const ENTRIES_PER_SHARD: u16 = 200;
/// How many records are written at once.
const WRITES_AT_ONCE: usize = 32;
/// How many rows are read at once.
const ROWS_AT_ONCE: usize = 100;
const DAY_MS: u64 = 86_400_000;

/// Completes a block that an earlier call began, and builds further ones until there are too few jobs or the time is over.
/// Returns the number of jobs in the blocks that it completed. Two calls at once build the same blocks.
///
/// # Errors
/// If a dependency does not answer. The next call goes on.
pub async fn index_jobs<P: JobList + KeyValueStore + Clock>(
    ports: &P,
    jobs_per_block: usize,
    longest_row_days: u16,
    until: Timestamp,
) -> Result<u64, ApiError> {
    let mut indexed = 0;
    while ports.now() < until {
        let newest = StoredBlock::before(ports, None).await?;
        let begun = match newest {
            Some(newest) if !newest.block.complete => newest,
            newest => {
                let from = StoredBlock::rest_from(newest.as_ref());
                match begin_block(ports, from, jobs_per_block, longest_row_days).await? {
                    Some(begun) => begun,
                    None => break,
                }
            }
        };
        indexed += complete_block(ports, begun).await?;
    }
    Ok(indexed)
}

/// Stores which jobs the next block has. `None` if there are too few yet.
async fn begin_block<P: JobList + KeyValueStore + Clock>(
    ports: &P,
    from: Timestamp,
    jobs_per_block: usize,
    longest_row_days: u16,
) -> Result<Option<StoredBlock>, ApiError> {
    let now = ports.now();
    let to = Timestamp(now.0.saturating_sub(MIN_AGE_MS));
    let entries = next_entries(ports, TimeRange { from, to }, jobs_per_block).await?;
    let Some(last) = entries.get(jobs_per_block - 1) else {
        return Ok(None);
    };
    // All jobs of the last millisecond, so that the next block can begin with the next one.
    let of_block = entries.iter().filter(|entry| entry.at <= last.at);
    let bits = of_block.map(|entry| format!("{:032x}", entry.job.bits()));
    let block = Block {
        to: last.at.0,
        jobs: bits.collect(),
        complete: false,
    };
    let key = entries.first().map(|first| block_key(first.at));
    let key = key.unwrap_or_default();
    let record = Record {
        body: serde_json::to_string(&block).unwrap_or_default(),
        revision: 1,
        // A row is kept for at most `longest_row_days` after its job's end. A job that was retried may end later than others.
        expires_at: Some(Timestamp(now.0 + 2 * u64::from(longest_row_days) * DAY_MS)),
    };
    let is_stored = ports.put(BLOCKS, &key, &record).await?;
    // Otherwise another call has begun it.
    Ok(is_stored.then_some(StoredBlock { key, block, record }))
}

/// The jobs of a time range in the order of their creation: at least as many as a block has, if the range has that many.
async fn next_entries<P: JobList>(
    ports: &P,
    range: TimeRange,
    jobs_per_block: usize,
) -> Result<Vec<JobListEntry>, Unavailable> {
    let TimeRange { mut from, to } = range;
    let mut found: Vec<JobListEntry> = Vec::new();
    while from <= to && found.len() < jobs_per_block {
        let lists: Vec<JobListKey> = (0..JobId::SHARDS)
            .map(JobListKey::CreatedOldestFirst)
            .collect();
        let range = TimeRange { from, to };
        let pages = lists
            .iter()
            .map(|list| ports.list_entries(list, range, ENTRIES_PER_SHARD));
        let pages = try_join_all(pages).await?;
        // Nothing is known about what follows the last entry of a shard that has more.
        let ends = pages.iter().filter(|page| page.more);
        let end = ends
            .filter_map(|page| page.items.last())
            .map(|last| last.at)
            .min();
        let known = |entry: &JobListEntry| end.is_none_or(|end| entry.at < end);
        let before = found.len();
        found.extend(pages.into_iter().flat_map(|page| page.items).filter(known));
        match end {
            Some(end) if found.len() > before => from = end,
            Some(_) | None => break,
        }
    }
    found.sort();
    Ok(found)
}

/// Writes the slices of a block, and then that it is complete. Returns the number of its jobs.
async fn complete_block<P: JobList + KeyValueStore>(
    ports: &P,
    begun: StoredBlock,
) -> Result<u64, ApiError> {
    let ids = begun.block.ids();
    let rows = rows(ports, &ids).await?;
    let mut slices: BTreeMap<u16, Vec<u16>> = BTreeMap::new();
    for (number, id) in (0..).zip(&ids) {
        for slice in rows.get(id).map(slices_of).into_iter().flatten() {
            slices.entry(slice).or_default().push(number);
        }
    }
    let slices: Vec<(u16, String)> = slices
        .into_iter()
        .map(|(slice, numbers)| (slice, postings::encode(&numbers)))
        .collect();
    for chunk in slices.chunks(WRITES_AT_ONCE) {
        let writes = chunk.iter().map(|(slice, body)| {
            write_slice(ports, *slice, &begun.key, body, begun.record.expires_at)
        });
        try_join_all(writes).await?;
    }
    // The data of a job may have been deleted between reading its row and writing the slices.
    for (id, row) in &self::rows(ports, &ids).await? {
        let before = rows.get(id).filter(|before| !before.is_erased());
        if row.is_erased()
            && let Some(before) = before
        {
            let stale = slices_of(before)
                .difference(&slices_of(row))
                .copied()
                .collect();
            remove_job(ports, row.id, row.created_at, stale).await?;
        }
    }
    let block = Block {
        complete: true,
        ..begun.block
    };
    let record = Record {
        body: serde_json::to_string(&block).unwrap_or_default(),
        revision: begun.record.revision + 1,
        expires_at: begun.record.expires_at,
    };
    // A call at the same time may have completed it.
    ports.put(BLOCKS, &begun.key, &record).await?;
    Ok(ids.len() as u64)
}

async fn rows<P: JobList>(ports: &P, ids: &[JobId]) -> Result<BTreeMap<JobId, Job>, ApiError> {
    let mut rows = BTreeMap::new();
    for chunk in ids.chunks(ROWS_AT_ONCE) {
        let found = ports.get_jobs(chunk).await?;
        rows.extend(found.into_iter().map(|job| (job.id, job)));
    }
    Ok(rows)
}

/// Writes a slice's record, or writes it again.
async fn write_slice<P: KeyValueStore>(
    ports: &P,
    slice: u16,
    key: &str,
    body: &str,
    expires_at: Option<Timestamp>,
) -> Result<(), ApiError> {
    let collection = slice_collection(slice);
    let mut record = Record {
        body: body.to_owned(),
        revision: 1,
        expires_at,
    };
    for _ in 0..3 {
        if ports.put(&collection, key, &record).await? {
            return Ok(());
        }
        let stored = ports.get(&collection, key).await?;
        record.revision = stored.map_or(1, |stored| stored.revision + 1);
    }
    Err(ApiError::Unavailable(
        "the search index is changed at the same time by another call".to_owned(),
    ))
}
