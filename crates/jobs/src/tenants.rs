//! The tenants that the service knows: those that support created, and those under whose folders objects were found.
//!
//! An S3 client may put an object under any prefix. Its document is processed like any other, so that nothing is lost; the
//! inventory scan records the tenant, and support sees that it was found and not created.

use serde::{Deserialize, Serialize};

use crate::id::{Tenant, Timestamp};
use crate::ports::{Clock, KeyValueStore, Record, Unavailable};

/// The records of tenants, by their names.
const COLLECTION: &str = "tenant";
/// How many records one request reads.
const PAGE_SIZE: u16 = 500;

/// What is recorded about a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRecord {
    /// When it was created, or first found in S3, in milliseconds since 1970 UTC.
    pub since: u64,
    /// Who created it. Absent if it was found in S3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Absent if only the pipelines say how long the tenant's data is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<TenantRetention>,
}

/// That a tenant's data is kept for a shorter time than the pipelines say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRetention {
    /// After a job's end.
    pub days: u16,
    /// When it was set.
    pub set_at: Timestamp,
}

fn parsed(body: &str) -> TenantRecord {
    serde_json::from_str(body).unwrap_or_default()
}

/// All known tenants, sorted by name.
///
/// # Errors
/// If the store does not answer.
pub async fn list<P: KeyValueStore>(ports: &P) -> Result<Vec<(Tenant, TenantRecord)>, Unavailable> {
    let mut tenants: Vec<(Tenant, TenantRecord)> = Vec::new();
    let mut before: Option<String> = None;
    loop {
        let page = ports
            .list_descending(COLLECTION, before.as_deref(), PAGE_SIZE)
            .await?;
        let is_last = page.len() < usize::from(PAGE_SIZE);
        before = page.last().map(|(name, _)| name.clone());
        let known = page
            .into_iter()
            .filter_map(|(name, record)| Some((name.parse().ok()?, parsed(&record.body))));
        tenants.extend(known);
        if is_last || before.is_none() {
            tenants.reverse();
            return Ok(tenants);
        }
    }
}

/// What is recorded about a tenant; `None` if it is not known.
///
/// # Errors
/// If the store does not answer.
pub async fn find<P: KeyValueStore>(
    ports: &P,
    tenant: &Tenant,
) -> Result<Option<TenantRecord>, Unavailable> {
    let found = ports.get(COLLECTION, tenant.as_str()).await?;
    Ok(found.map(|record| parsed(&record.body)))
}

/// Records a tenant that support creates, also if it was found in S3 before. Returns whether it was not created before.
///
/// # Errors
/// If the store does not answer.
pub async fn create<P: KeyValueStore + Clock>(
    ports: &P,
    tenant: &Tenant,
    actor: &str,
) -> Result<bool, Unavailable> {
    for _ in 0..3 {
        let stored = ports.get(COLLECTION, tenant.as_str()).await?;
        let before = stored.as_ref().map(|stored| parsed(&stored.body));
        if before
            .as_ref()
            .is_some_and(|before| before.created_by.is_some())
        {
            return Ok(false);
        }
        let created = TenantRecord {
            since: ports.now().0,
            created_by: Some(actor.to_owned()),
            retention: before.and_then(|before| before.retention),
        };
        let revision = stored.map_or(1, |stored| stored.revision + 1);
        if put(ports, tenant, &created, revision).await? {
            return Ok(true);
        }
    }
    Err(changed_meanwhile())
}

/// Sets or removes the retention of a known tenant. Returns what is recorded about it then; `None` if it is not known.
///
/// # Errors
/// If the store does not answer.
pub async fn set_retention<P: KeyValueStore>(
    ports: &P,
    tenant: &Tenant,
    retention: Option<TenantRetention>,
) -> Result<Option<TenantRecord>, Unavailable> {
    for _ in 0..3 {
        let Some(stored) = ports.get(COLLECTION, tenant.as_str()).await? else {
            return Ok(None);
        };
        let changed = TenantRecord {
            retention,
            ..parsed(&stored.body)
        };
        if put(ports, tenant, &changed, stored.revision + 1).await? {
            return Ok(Some(changed));
        }
    }
    Err(changed_meanwhile())
}

fn changed_meanwhile() -> Unavailable {
    Unavailable {
        what: "the list of tenants",
        source: "it is changed by another request at the same time".into(),
    }
}

/// Records a tenant under whose folder objects were found, unless it is known.
///
/// # Errors
/// If the store does not answer.
pub(crate) async fn record_found<P: KeyValueStore + Clock>(
    ports: &P,
    tenant: &Tenant,
) -> Result<(), Unavailable> {
    let found = TenantRecord {
        since: ports.now().0,
        ..TenantRecord::default()
    };
    // If it is known meanwhile, nothing is written.
    if put(ports, tenant, &found, 1).await? {
        tracing::info!(tenant = %tenant, "objects of a tenant that was not created were found");
    }
    Ok(())
}

async fn put<P: KeyValueStore>(
    ports: &P,
    tenant: &Tenant,
    what: &TenantRecord,
    revision: u64,
) -> Result<bool, Unavailable> {
    let record = Record {
        body: serde_json::to_string(what).unwrap_or_default(),
        revision,
        expires_at: None,
    };
    ports.put(COLLECTION, tenant.as_str(), &record).await
}
