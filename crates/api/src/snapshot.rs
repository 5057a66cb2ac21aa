//! Open pages: registering one, and telling it what the table says.

use jobs::effects::ALL_TENANTS;
use jobs::error::MessageError;
use jobs::id::Tenant;
use jobs::job::Job;
use jobs::ports::{Connection, Connections, JobStore};
use jobs::state::StatusGroup;
use jobs::view::Frame;

/// How many jobs of each class a snapshot asks for: what waits is what the reviewer looks at.
const SNAPSHOT: [(StatusGroup, usize); 3] = [
    (StatusGroup::Open, 50),
    (StatusGroup::Failed, 20),
    (StatusGroup::Ready, 50),
];

/// Registers the page, then answers what the table says. In this order a change in between is pushed,
/// in the other it would be missed.
///
/// # Errors
/// If the page could not be registered or the table not be read; the page asks again.
pub async fn sync<P: Connections + JobStore>(
    ports: &P,
    connection: &Connection,
) -> Result<Frame, MessageError> {
    ports.register(connection).await?;
    if connection.subscription == ALL_TENANTS {
        // Support pages list through the API, which pages and filters; here they get the changes.
        return Ok(Frame::Snapshot {
            jobs: vec![],
            more: true,
        });
    }
    let tenant: Tenant = connection.subscription.parse().map_err(|_| {
        MessageError::NotOurs(format!("{:?} is not a tenant", connection.subscription))
    })?;
    let mut jobs: Vec<Job> = Vec::new();
    let mut more = false;
    for (class, limit) in SNAPSHOT {
        let newest = ports.newest(&tenant, class, limit).await?;
        // A job that just changed its class may stand in two lists for a moment.
        for job in newest.jobs {
            let shown = connection.shows(job.input.uploaded_by.as_deref());
            if shown && !jobs.iter().any(|known| known.id == job.id) {
                jobs.push(job);
            }
        }
        more |= newest.more;
    }
    Ok(Frame::snapshot(&jobs, more))
}
