//! The job table: `JobStore`.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::builders::KeysAndAttributesBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure,
};
use jobs::id::{JobId, Tenant};
use jobs::job::Job;
use jobs::ports::{JobStore, LoadError, NewestJobs, SaveError, Unavailable};
use jobs::save_request::SaveRequest;
use jobs::state::StatusGroup;

use super::row::read::from_item;
use super::row::reader::BadRow;
use super::row::write::to_item;
use super::row::{Item, MARKS, MARKS_REVISION, OWNED, tenant_status_group};
use super::{Aws, broken, client, retries, timeouts, unavailable};
use crate::config::{Environment, Has, variable};

/// Maximum number of keys of `BatchGetItem` (API reference).
pub(super) const MAX_BATCH_GET_KEYS: usize = 100;

impl<E: Environment> Aws<E> {
    pub(super) fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.dynamodb.get_or_init(|| {
            client!(
                self,
                aws_sdk_dynamodb,
                self.endpoint("DYNAMODB"),
                timeouts(),
                retries()
            )
        })
    }
}

impl<E: Has<variable::JobsTable>> Aws<E> {
    /// Opens the connection to DynamoDB while the CPU is not throttled yet, by reading a row that does not exist:
    /// half a read unit per cold start. A failure is ignored: the first real call opens its own connection.
    pub(crate) async fn open_connection(&self) {
        let no_job = AttributeValue::S("-".to_owned());
        let table = self.name::<variable::JobsTable>();
        let _ = self
            .dynamodb()
            .get_item()
            .table_name(table)
            .key("job_id", no_job)
            .send()
            .await;
    }

    async fn write(
        &self,
        job: &Job,
        condition: &str,
        expected: Option<u64>,
    ) -> Result<(), SaveError> {
        let item = to_item(job);
        let mut names = HashMap::new();
        let mut values = HashMap::new();
        let mut set = Vec::new();
        let mut remove = Vec::new();
        for (i, name) in OWNED.iter().enumerate() {
            match item.get(*name) {
                Some(value) => {
                    set.push(format!("#{i} = :{i}"));
                    values.insert(format!(":{i}"), value.clone());
                }
                // A new row has nothing to remove.
                None if expected.is_none() => continue,
                None => remove.push(format!("#{i}")),
            }
            names.insert(format!("#{i}"), (*name).to_owned());
        }
        if job.is_erased() {
            remove.extend([MARKS.to_owned(), MARKS_REVISION.to_owned()]);
        }
        let mut update = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            update.push_str(" REMOVE ");
            update.push_str(&remove.join(", "));
        }
        if let Some(version) = expected {
            values.insert(
                ":expected".to_owned(),
                AttributeValue::N(version.to_string()),
            );
        }
        let response = self
            .dynamodb()
            .update_item()
            .table_name(self.name::<variable::JobsTable>())
            .key("job_id", AttributeValue::S(job.id.to_string()))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match response {
            Ok(_) => Ok(()),
            Err(error) => refused(job, error),
        }
    }
}

/// A failed condition is a conflict, unless the stored row equals the one to be written: then an earlier try of this
/// write succeeded and its response was lost.
fn refused(job: &Job, error: SdkError<UpdateItemError>) -> Result<(), SaveError> {
    let Some(UpdateItemError::ConditionalCheckFailedException(failed)) = error.as_service_error()
    else {
        return Err(unavailable("DynamoDB UpdateItem", error).into());
    };
    let Some(there) = &failed.item else {
        return Err(SaveError::Conflict(None));
    };
    let row = read(job.id, there)?;
    if row.is_same_save(job) {
        Ok(())
    } else {
        Err(SaveError::Conflict(Some(Box::new(row))))
    }
}

fn read(id: JobId, item: &Item) -> Result<Job, LoadError> {
    from_item(item).map_err(|bad| match bad {
        BadRow::Newer => LoadError::NewerSchema(id),
        BadRow::Wrong(problem) => LoadError::Unreadable { id, problem },
    })
}

impl<E: Has<variable::JobsTable>> JobStore for Aws<E> {
    async fn load(&self, id: JobId) -> Result<Option<Job>, LoadError> {
        let key = AttributeValue::S(id.to_string());
        let request = self
            .dynamodb()
            .get_item()
            .table_name(self.name::<variable::JobsTable>())
            .key("job_id", key)
            .consistent_read(true);
        let response = request
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB GetItem", error))?;
        response.item.map(|item| read(id, &item)).transpose()
    }

    async fn create(&self, job: &Job) -> Result<(), SaveError> {
        self.write(job, "attribute_not_exists(job_id)", None).await
    }

    async fn save(&self, request: SaveRequest<'_>) -> Result<(), SaveError> {
        let job = request.job();
        self.write(job, "version = :expected", Some(job.version - 1))
            .await
    }

    async fn newest(
        &self,
        tenant: &Tenant,
        class: StatusGroup,
        limit: usize,
    ) -> Result<NewestJobs, LoadError> {
        let table = self.name::<variable::JobsTable>();
        let wanted = limit.min(MAX_BATCH_GET_KEYS);
        let response = self
            .dynamodb()
            .query()
            .table_name(table)
            .index_name("by_tenant")
            .key_condition_expression("tenant_status_group = :class")
            .expression_attribute_values(
                ":class",
                AttributeValue::S(tenant_status_group(tenant.as_str(), class)),
            )
            .scan_index_forward(false)
            .limit(i32::try_from(wanted + 1).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| unavailable("DynamoDB Query", error))?;
        let mut keys: Vec<Item> = response.items.unwrap_or_default();
        let more = keys.len() > wanted;
        keys.truncate(wanted);
        for key in &mut keys {
            key.retain(|name, _| name == "job_id");
        }
        let wanted = KeysAndAttributes::builder().consistent_read(true);
        let mut jobs = self.load_all(table, keys, wanted).await?;
        jobs.sort_by_key(|job| std::cmp::Reverse((job.created_at, job.id)));
        Ok(NewestJobs { jobs, more })
    }
}

impl<E: Has<variable::JobsTable>> Aws<E> {
    /// Reads rows by their keys, at most 100, with the options of `wanted`.
    pub(super) async fn load_all(
        &self,
        table: &str,
        keys: Vec<Item>,
        wanted: KeysAndAttributesBuilder,
    ) -> Result<Vec<Job>, LoadError> {
        let mut jobs = Vec::with_capacity(keys.len());
        for item in self.batch_get(table, keys, wanted).await? {
            // An unreadable row must not hide the others from the page.
            match from_item(&item) {
                Ok(job) => jobs.push(job),
                Err(bad) => tracing::warn!(problem = ?bad, "a row in a list cannot be read"),
            }
        }
        Ok(jobs)
    }

    /// Reads items by their keys, at most 100, with the options of `wanted`.
    pub(super) async fn batch_get(
        &self,
        table: &str,
        mut keys: Vec<Item>,
        wanted: KeysAndAttributesBuilder,
    ) -> Result<Vec<Item>, Unavailable> {
        let mut items = Vec::with_capacity(keys.len());
        // DynamoDB returns keys as unprocessed if it lacks capacity. Two rounds are as long as a page waits.
        for _ in 0..3 {
            if keys.is_empty() {
                return Ok(items);
            }
            let request = wanted.clone().set_keys(Some(keys)).build();
            let request = request.map_err(|error| broken("DynamoDB BatchGetItem", error))?;
            let response = self
                .dynamodb()
                .batch_get_item()
                .request_items(table, request)
                .send()
                .await;
            let response = response.map_err(|error| unavailable("DynamoDB BatchGetItem", error))?;
            let found = response.responses.into_iter().flatten();
            items.extend(found.flat_map(|(_, items)| items));
            keys = response
                .unprocessed_keys
                .into_iter()
                .flatten()
                .flat_map(|(_, rest)| rest.keys)
                .collect();
        }
        Err(broken("DynamoDB BatchGetItem", "keys stayed unprocessed"))
    }
}
