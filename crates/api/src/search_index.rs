//! The search index: which jobs may contain a text, without reading their rows.
//!
//! The jobs of all tenants in the order of their creation form blocks of about a thousand. For each block there are up to 512
//! records, called slices. A word of a job is cut into pieces of three characters; each piece belongs to one slice by its hash,
//! and the slice lists the jobs of the block that have such a piece. A search reads a few slices, intersects them, and checks
//! the rows of what is left. The jobs after the last block are read one by one.
//!
//! The reconciler builds blocks ([`build`]), `GET /jobs?search=` reads them ([`query`]), and the deletion of a document's data
//! removes its job from them (`remove`).

pub mod build;
mod postings;
pub mod query;
pub(crate) mod remove;
mod terms;

pub(crate) use terms::{SearchText, slices_of, trace_digits};

use jobs::id::{JobId, Timestamp};
use jobs::ports::{KeyValueStore, Record, Unavailable};
use serde::{Deserialize, Serialize};

/// How many slices a block has. With more, a slice lists fewer jobs but a block costs more writes.
const SLICES: u16 = 512;
/// How many jobs a block has. All jobs of the last millisecond belong to it, so it may have a few more.
pub const JOBS_PER_BLOCK: usize = 1024;
/// The records of blocks, by the time of the first job.
const BLOCKS: &str = "search-block";

/// The collection of a slice: a record for each block.
fn slice_collection(slice: u16) -> String {
    format!("search-slice-{slice:03}")
}

/// The key of a block's records. Keys sort by time.
fn block_key(first: Timestamp) -> String {
    format!("{:015}", first.0)
}

/// The jobs of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Block {
    /// When the last job was created, in milliseconds since 1970 UTC.
    to: u64,
    /// The ids, 32 hexadecimal digits each, in the order of creation. Slices name jobs by their number in this list.
    jobs: String,
    /// Whether all slices are written. The jobs of an incomplete block are read one by one.
    complete: bool,
}

impl Block {
    fn ids(&self) -> Vec<JobId> {
        let chunks = self.jobs.as_bytes().chunks(32);
        let id = |chunk: &[u8]| {
            let bits = u128::from_str_radix(str::from_utf8(chunk).ok()?, 16).ok()?;
            Some(JobId::of_bits(bits))
        };
        chunks.filter_map(id).collect()
    }
}

/// A block with the key and the record that it was read from.
struct StoredBlock {
    key: String,
    block: Block,
    record: Record,
}

impl StoredBlock {
    fn from_record((key, record): (String, Record)) -> Result<Self, Unavailable> {
        let block = serde_json::from_str(&record.body).map_err(|error| Unavailable {
            what: "the search index",
            source: format!("block {key} cannot be read: {error}").into(),
        })?;
        Ok(Self { key, block, record })
    }

    /// The newest block that begins before the key; without one, the newest.
    async fn before<P: KeyValueStore>(
        ports: &P,
        key: Option<&str>,
    ) -> Result<Option<Self>, Unavailable> {
        let found = ports.list_descending(BLOCKS, key, 1).await?;
        found.into_iter().next().map(Self::from_record).transpose()
    }

    /// From when on jobs are in no complete block.
    fn rest_from(newest: Option<&Self>) -> Timestamp {
        match newest {
            None => Timestamp(0),
            Some(newest) if newest.block.complete => Timestamp(newest.block.to + 1),
            Some(newest) => Timestamp(newest.key.parse().unwrap_or(0)),
        }
    }
}
