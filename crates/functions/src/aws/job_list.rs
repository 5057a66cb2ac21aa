//! The indexes of the job table, for the lists of the API: `JobList`.

use api::ports::{JobList, JobListEntry, JobListKey, Page, TimeRange};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use jobs::id::JobId;
use jobs::job::Job;
use jobs::ports::{LoadError, Unavailable};

use super::dynamodb::MAX_BATCH_GET_KEYS;
use super::job_index::key;
use super::row::reader::{BadRow, Reader};
use super::row::{BATCH, Item, REFERENCE, n, tenant_label, tenant_status_group};
use super::{Aws, unavailable};
use crate::config::{Has, variable};

/// The index of a list: its name, its key attributes, and the partition.
fn index(list: &JobListKey) -> (&'static str, &'static str, &'static str, AttributeValue) {
    match list {
        JobListKey::OfTenant(tenant, class) => {
            let partition = AttributeValue::S(tenant_status_group(tenant.as_str(), *class));
            ("by_tenant", "tenant_status_group", "created_at", partition)
        }
        JobListKey::OfReference(tenant, reference) => {
            let partition = AttributeValue::S(tenant_label(tenant.as_str(), reference));
            ("by_reference", REFERENCE, "created_at", partition)
        }
        JobListKey::OfBatch(tenant, batch) => {
            let partition = AttributeValue::S(tenant_label(tenant.as_str(), batch));
            ("by_batch", BATCH, "created_at", partition)
        }
        JobListKey::Created(shard) | JobListKey::CreatedOldestFirst(shard) => {
            ("by_created", "shard", "created_at", n(shard))
        }
        JobListKey::Failed(shard) => ("by_failed", "failed_shard", "failed_at", n(shard)),
        JobListKey::Open(shard) => ("by_next_check", "check_shard", "next_check_at", n(shard)),
        JobListKey::Queued(shard) => ("by_queue", "queue_shard", "queue_position", n(shard)),
    }
}

fn entry(item: &Item, sorted_by: &'static str) -> Result<JobListEntry, BadRow> {
    let row = Reader { item, path: "" };
    Ok(JobListEntry {
        at: row.time(sorted_by)?,
        job: row.parsed("job_id")?,
    })
}

impl<E: Has<variable::JobsTable>> JobList for Aws<E> {
    async fn list_entries(
        &self,
        list: &JobListKey,
        range: TimeRange,
        limit: u16,
    ) -> Result<Page<JobListEntry>, Unavailable> {
        let (index, partition_key, sort_key, partition) = index(list);
        let response = self
            .dynamodb()
            .query()
            .table_name(self.name::<variable::JobsTable>())
            .index_name(index)
            .key_condition_expression("#partition = :partition AND #sort BETWEEN :from AND :to")
            .expression_attribute_names("#partition", partition_key)
            .expression_attribute_names("#sort", sort_key)
            .expression_attribute_values(":partition", partition)
            .expression_attribute_values(":from", n(range.from.0))
            .expression_attribute_values(":to", n(range.to.0))
            .scan_index_forward(list.is_ascending())
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB Query", error))?;
        // An unreadable row must not hide the others.
        let entries = response.items().iter().filter_map(|item| {
            entry(item, sort_key)
                .inspect_err(
                    |bad| tracing::error!(problem = ?bad, "an entry of a list cannot be read"),
                )
                .ok()
        });
        let more = response
            .last_evaluated_key()
            .is_some_and(|key| !key.is_empty());
        Ok(Page {
            items: entries.collect(),
            more,
        })
    }

    async fn get_jobs(&self, ids: &[JobId]) -> Result<Vec<Job>, LoadError> {
        let mut rows = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(MAX_BATCH_GET_KEYS) {
            let keys = chunk.iter().map(|id| key(*id)).collect();
            // Eventually consistent: a list is a moment old anyway, and the read costs half as much.
            let wanted = KeysAndAttributes::builder();
            rows.extend(
                self.load_all(self.name::<variable::JobsTable>(), keys, wanted)
                    .await?,
            );
        }
        Ok(rows)
    }
}
