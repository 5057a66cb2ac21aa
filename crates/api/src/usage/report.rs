//! The usage of a month.

use std::collections::BTreeMap;

use jobs::id::{Tenant, Timestamp};
use jobs::instance_history::InstanceHistory;
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore};

use super::progress::Progress;
use super::{Amounts, Month, StoredDay, collection, key_prefix};
use crate::types::{InstanceUsage, UsageQuery, UsageSum, UsageView};
use crate::{ApiError, Permission, Principal, events};

/// How many records one read returns: at most 31 of a tenant's month.
const RECORDS_PER_READ: u16 = 200;

/// Adds up what was counted of a month, for a tenant, or for all tenants if a caller who reads all names none.
///
/// # Errors
/// If the principal sees only its own uploads or has no access to the tenant, or the month is none.
pub async fn report<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    query: &UsageQuery,
) -> Result<UsageView, ApiError> {
    let permission = Permission::ReadUsage;
    let tenant = match &query.tenant {
        None if principal.has_for_all_tenants(permission) => None,
        named => Some(events::tenant(principal, permission, named.as_deref())?),
    };
    if query.batches {
        principal.must_for_whole(Permission::ReadContents, tenant.as_ref())?;
    }
    let now = ports.now();
    let month = match &query.month {
        Some(text) => text
            .parse()
            .map_err(|error| ApiError::BadRequest(format!("month: {text:?} is {error}")))?,
        None => Month::of(now).0,
    };
    let progress = Progress::load(ports, now).await?;
    let to = Timestamp(progress.next.min(month.next().start().0));
    let mut sums: BTreeMap<(String, String, String), Amounts> = BTreeMap::new();
    let mut runs: BTreeMap<String, u64> = BTreeMap::new();
    for (of_tenant, day) in days(ports, month, tenant.as_ref()).await? {
        for sum in day.hours.into_values().flatten() {
            *runs.entry(sum.pipeline.clone()).or_default() += sum.amounts.run_ms;
            let batch = if query.batches {
                sum.batch
            } else {
                String::new()
            };
            let key = (of_tenant.clone(), sum.pipeline, batch);
            sums.entry(key).or_default().add(sum.amounts);
        }
    }
    let mut instances = Vec::new();
    // Tenants share instances.
    if tenant.is_none() {
        for pipeline in pipelines.iter() {
            let run_ms = runs.remove(&pipeline.name).unwrap_or_default();
            let found = instance_usage(ports, &pipeline.name, run_ms, month.start(), to).await?;
            instances.extend(found);
        }
    }
    Ok(UsageView {
        month: month.to_string(),
        counted_until: to.0,
        sums: sums.into_iter().map(UsageSum::from).collect(),
        instances,
    })
}

/// The days of a month with their tenants.
async fn days<P: KeyValueStore>(
    ports: &P,
    month: Month,
    tenant: Option<&Tenant>,
) -> Result<Vec<(String, StoredDay)>, ApiError> {
    let collection = collection(month);
    let prefix = tenant.map(|tenant| key_prefix(tenant.as_str()));
    // After all days of the tenant.
    let mut before = prefix.as_ref().map(|prefix| format!("{prefix}~"));
    let mut days = Vec::new();
    loop {
        let page = ports
            .list_descending(&collection, before.as_deref(), RECORDS_PER_READ)
            .await?;
        let is_last = page.len() < usize::from(RECORDS_PER_READ);
        for (key, record) in page {
            if prefix.as_ref().is_some_and(|it| !key.starts_with(it)) {
                return Ok(days);
            }
            let day = serde_json::from_str(&record.body);
            let day = day.map_err(|error| {
                tracing::error!(key, problem = %error, "a day's usage cannot be read");
                ApiError::Unavailable("try again in a moment".to_owned())
            })?;
            let of_tenant = key.rsplit_once('#').map_or(key.as_str(), |(of, _)| of);
            days.push((of_tenant.to_owned(), day));
            before = Some(key);
        }
        if is_last {
            return Ok(days);
        }
    }
}

/// `None` if function `capacity` has never read the endpoint.
async fn instance_usage<P: KeyValueStore>(
    ports: &P,
    pipeline: &str,
    run_ms: u64,
    from: Timestamp,
    to: Timestamp,
) -> Result<Option<InstanceUsage>, ApiError> {
    let history = InstanceHistory::load(ports, pipeline, from, to).await?;
    let Some(begins_at) = history.begins_at().filter(|begins_at| *begins_at < to) else {
        return Ok(None);
    };
    let time = history.time(from, to);
    let last = history.at(to).unwrap_or_default();
    let concurrent_runs = last.concurrent_runs.max(1);
    let working_ms = run_ms / u64::from(concurrent_runs);
    Ok(Some(InstanceUsage {
        pipeline: pipeline.to_owned(),
        known_since: begins_at.max(from).0,
        starts: time.starts,
        starting_ms: time.starting_ms,
        in_service_ms: time.in_service_ms,
        working_ms: working_ms.min(time.in_service_ms),
        idle_ms: time.in_service_ms.saturating_sub(working_ms),
    }))
}

impl From<((String, String, String), Amounts)> for UsageSum {
    fn from(((tenant, pipeline, batch), amounts): ((String, String, String), Amounts)) -> Self {
        Self {
            tenant,
            pipeline,
            batch: (!batch.is_empty()).then_some(batch),
            documents: amounts.documents,
            bytes: amounts.bytes,
            pages: amounts.pages,
            documents_with_pages: amounts.documents_with_pages,
            ready: amounts.ready,
            failed: amounts.failed,
            cancelled: amounts.cancelled,
            open: amounts.open,
            runs: amounts.runs,
            run_ms: amounts.run_ms,
            max_run_ms: amounts.max_run_ms,
            assumed_runs: amounts.assumed_runs,
        }
    }
}
