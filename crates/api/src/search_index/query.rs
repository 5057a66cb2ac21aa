//! Searches jobs: first those that are in no block yet, then the blocks, newest first.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::ports::KeyValueStore;
use serde::{Deserialize, Serialize};

use super::{BLOCKS, SearchText, StoredBlock, block_key, postings, slice_collection};
use crate::ApiError;
use crate::job_list::{JobListPosition, JobScan, MAX_EXAMINED_JOBS, scan_jobs};
use crate::ports::{JobList, TimeRange};

/// How many jobs in no block one response examines: a block, and those of the hour in which jobs are not put into blocks.
const MAX_EXAMINED_REST: usize = 1500;
/// How many records of a slice one response reads: a block each, so a million jobs.
const MAX_BLOCKS: u16 = 1000;
/// How many rows are read at once.
const ROWS_AT_ONCE: usize = 100;
/// Sorts after the digits of a block's key.
const AFTER_DIGITS: char = '~';

/// How far a search has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SearchPosition {
    /// Among the jobs in no block, which begin at `from`.
    Rest { from: u64, after: JobListPosition },
    /// Among the blocks: those before a key, and of the last block before it only jobs with lower numbers than `below`.
    Blocks { before: String, below: Option<u16> },
}

/// What a step of a search has found.
pub(crate) struct FoundJobs {
    /// Newest first.
    pub jobs: Vec<Job>,
    /// `None` if all jobs were looked at.
    pub next: Option<SearchPosition>,
    /// Back to when jobs were looked at, if there is more to look at.
    pub back_to: Option<Timestamp>,
}

/// The next jobs that match, at most `limit`.
pub(crate) async fn search<P: JobList + KeyValueStore>(
    ports: &P,
    text: &SearchText,
    from: Option<SearchPosition>,
    limit: usize,
    is_match: &dyn Fn(&Job) -> bool,
) -> Result<FoundJobs, ApiError> {
    let mut found = FoundJobs {
        jobs: vec![],
        next: None,
        back_to: None,
    };
    let (before, below) = match from {
        Some(SearchPosition::Blocks { before, below }) => (before, below),
        from => {
            let (rest_from, after) = match from {
                Some(SearchPosition::Rest { from, after }) => (Timestamp(from), Some(after)),
                Some(SearchPosition::Blocks { .. }) | None => {
                    let newest = StoredBlock::before(ports, None).await?;
                    (StoredBlock::rest_from(newest.as_ref()), None)
                }
            };
            let range = TimeRange {
                from: rest_from,
                ..TimeRange::ALL
            };
            let scan = JobScan::created(range);
            let rest = scan_jobs(ports, &scan, after, limit, MAX_EXAMINED_REST, is_match).await?;
            found.jobs = rest.jobs;
            if let Some(after) = rest.next {
                found.back_to = rest.examined_to;
                let from = rest_from.0;
                found.next = Some(SearchPosition::Rest { from, after });
                return Ok(found);
            }
            if rest_from == Timestamp(0) {
                return Ok(found); // There are no blocks.
            }
            (block_key(rest_from), None)
        }
    };
    search_blocks(ports, text, before, below, limit, is_match, &mut found).await?;
    Ok(found)
}

/// The numbers of jobs that a slice lists, by the key of the block.
type Slice = BTreeMap<String, Vec<u16>>;

async fn search_blocks<P: JobList + KeyValueStore>(
    ports: &P,
    text: &SearchText,
    before: String,
    below: Option<u16>,
    limit: usize,
    is_match: &dyn Fn(&Job) -> bool,
    found: &mut FoundJobs,
) -> Result<(), ApiError> {
    if found.jobs.len() >= limit {
        found.back_to = before
            .trim_end_matches(AFTER_DIGITS)
            .parse()
            .ok()
            .map(Timestamp);
        found.next = Some(SearchPosition::Blocks { before, below });
        return Ok(());
    }
    let alternatives = text.alternatives();
    let numbers: BTreeSet<u16> = alternatives.iter().flatten().copied().collect();
    let reads = numbers
        .iter()
        .map(|slice| read_slice(ports, *slice, &before));
    let read: Vec<(Slice, Option<String>)> = try_join_all(reads).await?;
    // Nothing is known about the blocks before the last record of a slice that has more.
    let end = read.iter().filter_map(|(_, end)| end.clone()).max();
    let slices: BTreeMap<u16, Slice> = numbers
        .into_iter()
        .zip(read.into_iter().map(|(slice, _)| slice))
        .collect();
    let keys: BTreeSet<&String> = slices
        .values()
        .flat_map(BTreeMap::keys)
        .filter(|key| end.as_ref().is_none_or(|end| *key >= end))
        .collect();
    let mut examined = 0;
    for key in keys.into_iter().rev() {
        let with_key = format!("{key}{AFTER_DIGITS}");
        let mut candidates = candidates(&slices, &alternatives, key);
        if let Some(below) = below.filter(|_| before == with_key) {
            candidates.retain(|number| *number < below);
        }
        if candidates.is_empty() {
            continue;
        }
        let Some(record) = ports.get(BLOCKS, key).await? else {
            continue;
        };
        let ids = StoredBlock::from_record((key.clone(), record))?.block.ids();
        let newest_first: Vec<u16> = candidates.into_iter().rev().collect();
        for chunk in newest_first.chunks(ROWS_AT_ONCE) {
            let of_chunk = chunk
                .iter()
                .filter_map(|number| ids.get(usize::from(*number)));
            let of_chunk: Vec<_> = of_chunk.copied().collect();
            let rows = ports.get_jobs(&of_chunk).await?;
            for number in chunk {
                examined += 1;
                let id = ids.get(usize::from(*number));
                let row = rows.iter().find(|row| Some(&row.id) == id);
                found.jobs.extend(row.filter(|row| is_match(row)).cloned());
                if found.jobs.len() >= limit || examined >= MAX_EXAMINED_JOBS {
                    found.back_to = row.map(|row| row.created_at);
                    found.next = Some(SearchPosition::Blocks {
                        before: with_key,
                        below: Some(*number),
                    });
                    return Ok(());
                }
            }
        }
    }
    found.back_to = end.as_ref().and_then(|end| end.parse().ok()).map(Timestamp);
    found.next = end.map(|before| SearchPosition::Blocks {
        before,
        below: None,
    });
    Ok(())
}

/// The records of a slice before a key, and the key of the last one if there may be more.
async fn read_slice<P: KeyValueStore>(
    ports: &P,
    slice: u16,
    before: &str,
) -> Result<(Slice, Option<String>), ApiError> {
    let collection = slice_collection(slice);
    let records = ports
        .list_descending(&collection, Some(before), MAX_BLOCKS)
        .await?;
    let is_full = records.len() >= usize::from(MAX_BLOCKS);
    let end = records
        .last()
        .filter(|_| is_full)
        .map(|(key, _)| key.clone());
    let slice = records
        .into_iter()
        .map(|(key, record)| (key, postings::decode(&record.body)))
        .collect();
    Ok((slice, end))
}

/// The numbers of the jobs of a block that are in all slices of an alternative.
fn candidates(
    slices: &BTreeMap<u16, Slice>,
    alternatives: &[Vec<u16>],
    key: &str,
) -> BTreeSet<u16> {
    let listed = |slice: &u16| -> BTreeSet<u16> {
        let numbers = slices.get(slice).and_then(|slice| slice.get(key));
        numbers.into_iter().flatten().copied().collect()
    };
    let of_alternative = |alternative: &Vec<u16>| {
        let mut lists = alternative.iter().map(listed);
        let first = lists.next().unwrap_or_default();
        lists.fold(first, |left, list| &left & &list)
    };
    alternatives.iter().flat_map(of_alternative).collect()
}
