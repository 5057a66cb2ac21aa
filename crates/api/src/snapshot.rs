//! The first frame of a connection: registers it, and reads the jobs it shows.

use jobs::effects::ALL_TENANTS;
use jobs::error::MessageError;
use jobs::id::Tenant;
use jobs::job::Job;
use jobs::ports::{Connection, Connections, JobStore};
use jobs::state::StatusGroup;
use jobs::view::PushMessage;

/// How many jobs of each status group a snapshot reads.
const SNAPSHOT_LIMITS: [(StatusGroup, usize); 3] = [
    (StatusGroup::Open, 50),
    (StatusGroup::Failed, 20),
    (StatusGroup::Ready, 50),
];

/// Registers the connection, then reads the snapshot. In this order a change between the two is pushed to the
/// connection; in the other order it would be missed.
///
/// # Errors
/// If the connection cannot be registered or the table cannot be read. The page tries again.
pub async fn sync<P: Connections + JobStore>(
    ports: &P,
    connection: &Connection,
) -> Result<PushMessage, MessageError> {
    ports.register(connection).await?;
    if connection.subscription == ALL_TENANTS {
        // Support pages read their lists through the API, which pages and filters. The connection only gets changes.
        return Ok(PushMessage::Snapshot {
            jobs: vec![],
            more: true,
        });
    }
    let tenant: Tenant = connection.subscription.parse().map_err(|_| {
        MessageError::NotOurs(format!("{:?} is not a tenant", connection.subscription))
    })?;
    let mut jobs: Vec<Job> = Vec::new();
    let mut more = false;
    for (status_group, limit) in SNAPSHOT_LIMITS {
        let newest = ports.newest(&tenant, status_group, limit).await?;
        // A job that has just changed its status group may be in two lists for a moment.
        for job in newest.jobs {
            let is_visible = connection.shows(job.input.uploaded_by.as_deref());
            if is_visible && !jobs.iter().any(|known| known.id == job.id) {
                jobs.push(job);
            }
        }
        more |= newest.more;
    }
    Ok(PushMessage::snapshot(&jobs, more))
}
