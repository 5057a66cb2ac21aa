//! Removes a job from the search index.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use jobs::id::{JobId, Timestamp};
use jobs::ports::{KeyValueStore, Record};

use super::{StoredBlock, block_key, postings, slice_collection};
use crate::ApiError;

/// Removes a job from slices, if it is in a block already. A block that is built later does not list it there, since its row
/// has changed before.
pub(crate) async fn remove_job<P: KeyValueStore>(
    ports: &P,
    job: JobId,
    created_at: Timestamp,
    slices: BTreeSet<u16>,
) -> Result<(), ApiError> {
    if slices.is_empty() {
        return Ok(());
    }
    let after = block_key(Timestamp(created_at.0 + 1));
    let Some(stored) = StoredBlock::before(ports, Some(&after)).await? else {
        return Ok(());
    };
    let number = stored.block.ids().iter().position(|id| *id == job);
    let Some(number) = number.and_then(|number| u16::try_from(number).ok()) else {
        return Ok(());
    };
    let removals = slices
        .iter()
        .map(|slice| remove_number(ports, *slice, &stored.key, number));
    try_join_all(removals).await.map(drop)
}

async fn remove_number<P: KeyValueStore>(
    ports: &P,
    slice: u16,
    key: &str,
    number: u16,
) -> Result<(), ApiError> {
    let collection = slice_collection(slice);
    for _ in 0..3 {
        let Some(stored) = ports.get(&collection, key).await? else {
            return Ok(());
        };
        let mut numbers = postings::decode(&stored.body);
        let before = numbers.len();
        numbers.retain(|listed| *listed != number);
        if numbers.len() == before {
            return Ok(());
        }
        let record = Record {
            body: postings::encode(&numbers),
            revision: stored.revision + 1,
            expires_at: stored.expires_at,
        };
        if ports.put(&collection, key, &record).await? {
            return Ok(());
        }
    }
    Err(ApiError::Unavailable(
        "the search index is changed at the same time by another request; try again".to_owned(),
    ))
}
