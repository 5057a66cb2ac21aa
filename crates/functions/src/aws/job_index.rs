//! The indexes of the job table: `JobIndex`.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use jobs::id::{Attempt, JobId, Timestamp};
use jobs::ports::{
    JobIndex, JobInput, Listing, OpenJob, QueuePosition, QueuedJob, RecentJobs, ScheduledCheck,
    Unavailable,
};
use jobs::state::StatusGroup;

use super::dynamodb::MAX_BATCH_GET_KEYS;
use super::row::reader::{BadRow, Reader};
use super::row::{Item, n};
use super::{Aws, done_or, unavailable};
use crate::config::{Has, variable};

pub(super) fn key(id: JobId) -> Item {
    HashMap::from([("job_id".to_owned(), AttributeValue::S(id.to_string()))])
}

fn due(item: &Item) -> Result<ScheduledCheck, BadRow> {
    let row = Reader { item, path: "" };
    Ok(ScheduledCheck {
        next_check_at: row.time("next_check_at")?,
        job: row.parsed("job_id")?,
    })
}

impl<E: Has<variable::JobsTable>> Aws<E> {
    /// A query for a page of a shard of the index of open jobs. The caller adds the key condition, which uses `:shard`.
    fn by_next_check(
        &self,
        shard: u8,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> QueryFluentBuilder {
        let start = after.map(|after| {
            let mut start = key(after.job);
            start.insert("check_shard".to_owned(), n(shard));
            start.insert("next_check_at".to_owned(), n(after.next_check_at.0));
            start
        });
        self.dynamodb()
            .query()
            .table_name(self.name::<variable::JobsTable>())
            .index_name("by_next_check")
            .expression_attribute_values(":shard", n(shard))
            .set_exclusive_start_key(start)
            .limit(i32::from(limit))
    }
}

fn open_job(item: &Item) -> Result<OpenJob, BadRow> {
    let row = Reader { item, path: "" };
    let created_at = row.time("created_at")?;
    // In milliseconds after its creation.
    let sent_after: Option<u64> = row.optional("sent_at", Reader::number)?;
    Ok(OpenJob {
        id: row.parsed("job_id")?,
        pipeline: row.text("pipeline")?.to_owned(),
        created_at,
        sent_at: sent_after.map(|ms| Timestamp(created_at.0 + ms)),
    })
}

fn position(item: &Item) -> Result<QueuePosition, BadRow> {
    let row = Reader { item, path: "" };
    Ok(QueuePosition {
        position: row.number("queue_position")?,
        job: row.parsed("job_id")?,
    })
}

fn queued_job(item: &Item) -> Result<QueuedJob, BadRow> {
    let row = Reader { item, path: "" };
    Ok(QueuedJob {
        position: position(item)?,
        attempt: Attempt(row.number("queued_attempt")?),
        pipeline: row.text("pipeline")?.to_owned(),
        tenant: row.parsed("tenant")?,
        bytes: row.number("queued_bytes")?,
    })
}

impl<E: Has<variable::JobsTable>> RecentJobs for Aws<E> {
    async fn recently_created(&self, shard: u8, limit: u16) -> Result<Vec<JobId>, Unavailable> {
        let response = self
            .dynamodb()
            .query()
            .table_name(self.name::<variable::JobsTable>())
            .index_name("by_created")
            // "shard" is a reserved word of DynamoDB.
            .key_condition_expression("#shard = :shard")
            .expression_attribute_names("#shard", "shard")
            .expression_attribute_values(":shard", n(shard))
            .scan_index_forward(false)
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB Query", error))?;
        let ids = response.items().iter().filter_map(|item| {
            let row = Reader { item, path: "" };
            row.parsed("job_id").ok()
        });
        Ok(ids.collect())
    }
}

impl<E: Has<variable::JobsTable>> JobIndex for Aws<E> {
    async fn due_by(
        &self,
        shard: u8,
        by: Timestamp,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Vec<ScheduledCheck>, Unavailable> {
        let response = self
            .by_next_check(shard, after, limit)
            .key_condition_expression("check_shard = :shard AND next_check_at <= :by")
            .expression_attribute_values(":by", n(by.0))
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB Query", error))?;
        // An unreadable row must not hide the others.
        let dues = response.items().iter().filter_map(|item| {
            due(item)
                .inspect_err(|bad| tracing::error!(problem = ?bad, "an open job cannot be read"))
                .ok()
        });
        Ok(dues.collect())
    }

    async fn open_jobs(
        &self,
        shard: u8,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Listing<OpenJob, ScheduledCheck>, Unavailable> {
        let response = self
            .by_next_check(shard, after, limit)
            .key_condition_expression("check_shard = :shard")
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB Query", error))?;
        let bad = |bad: BadRow| Unavailable {
            what: "the index of open jobs",
            source: format!("an entry cannot be read: {bad:?}").into(),
        };
        // An unreadable entry could belong to any pipeline, so every count would be wrong.
        let jobs = response.items().iter().map(open_job);
        let items = jobs.collect::<Result<_, _>>().map_err(bad)?;
        let next = response.last_evaluated_key().map(due).transpose();
        let next = next.map_err(bad)?;
        Ok(Listing { items, next })
    }

    async fn queued_jobs(
        &self,
        shard: u8,
        from: u64,
        after: Option<QueuePosition>,
        limit: u16,
    ) -> Result<Listing<QueuedJob, QueuePosition>, Unavailable> {
        let start = after.map(|after| {
            let mut start = key(after.job);
            start.insert("queue_shard".to_owned(), n(shard));
            start.insert("queue_position".to_owned(), n(after.position));
            start
        });
        let response = self
            .dynamodb()
            .query()
            .table_name(self.name::<variable::JobsTable>())
            .index_name("by_queue")
            .key_condition_expression("queue_shard = :shard AND queue_position >= :from")
            .expression_attribute_values(":shard", n(shard))
            .expression_attribute_values(":from", n(from))
            .set_exclusive_start_key(start)
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB Query", error))?;
        // An unreadable entry must not hide the others.
        let jobs = response.items().iter().filter_map(|item| {
            queued_job(item)
                .inspect_err(|bad| tracing::error!(problem = ?bad, "a queued job cannot be read"))
                .ok()
        });
        let next = response.last_evaluated_key().map(position).transpose();
        let next = next.map_err(|bad| Unavailable {
            what: "the index of queued jobs",
            source: format!("a key cannot be read: {bad:?}").into(),
        })?;
        Ok(Listing {
            items: jobs.collect(),
            next,
        })
    }

    async fn postpone(&self, due: ScheduledCheck, until: Timestamp) -> Result<(), Unavailable> {
        let response = self
            .dynamodb()
            .update_item()
            .table_name(self.name::<variable::JobsTable>())
            .set_key(Some(key(due.job)))
            .update_expression("SET next_check_at = :until")
            .condition_expression("next_check_at = :here")
            .expression_attribute_values(":until", n(until.0))
            .expression_attribute_values(":here", n(due.next_check_at.0))
            .send()
            .await;
        // The condition fails if the job has changed or was deleted meanwhile.
        done_or("DynamoDB UpdateItem", response, |refused| {
            refused.is_conditional_check_failed_exception()
        })
        .map(drop)
    }

    async fn inputs_of(&self, ids: &[JobId]) -> Result<BTreeMap<JobId, JobInput>, Unavailable> {
        // The read is eventually consistent. If it misses a new row, the upload event is re-sent, which changes nothing.
        let wanted = KeysAndAttributes::builder()
            .projection_expression(
                "job_id, #input.#version, #input.etag, #input.#bytes, tenant_status_group, updated_at",
            )
            .expression_attribute_names("#input", "input")
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#bytes", "bytes");
        let mut found = BTreeMap::new();
        for chunk in ids.chunks(MAX_BATCH_GET_KEYS) {
            let keys = chunk.iter().map(|id| key(*id)).collect();
            let table = self.name::<variable::JobsTable>();
            for item in self.batch_get(table, keys, wanted.clone()).await? {
                match job_input(&item) {
                    Ok((id, input)) => {
                        found.insert(id, input);
                    }
                    Err(bad) => {
                        tracing::warn!(problem = ?bad, "a row has no readable input");
                    }
                }
            }
        }
        Ok(found)
    }
}

fn job_input(item: &Item) -> Result<(JobId, JobInput), BadRow> {
    let row = Reader { item, path: "" };
    let group = row.text("tenant_status_group")?;
    let group = group.rsplit_once('#').map_or(group, |(_, group)| group);
    let mut groups = StatusGroup::ALL.into_iter();
    let group = groups.find(|known| known.name() == group);
    let status_group = group.ok_or_else(|| BadRow::Wrong(format!("unknown group {group:?}")))?;
    let updated_at = row.time("updated_at")?;
    let input = row.map("input", |input| {
        Ok(JobInput {
            version: input.text("version")?.to_owned(),
            etag: input.text("etag")?.to_owned(),
            bytes: input.number("bytes")?,
            status_group,
            updated_at,
        })
    })?;
    Ok((row.parsed("job_id")?, input))
}
