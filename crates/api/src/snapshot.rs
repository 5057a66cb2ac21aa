//! Open pages: registering one, and telling it what the table says.

use jobs::apply::Error;
use jobs::effects::EVERY_TENANT;
use jobs::id::Tenant;
use jobs::job::Job;
use jobs::ports::{JobStore, Watcher, Watchers};
use jobs::state::Class;
use jobs::view::Frame;

/// How many jobs of each class a snapshot asks for: what waits is what the reviewer looks at.
const SNAPSHOT: [(Class, usize); 3] = [(Class::Open, 50), (Class::Failed, 20), (Class::Ready, 50)];

/// Registers the page, then answers what the table says. In this order a change in between is pushed,
/// in the other it would be missed.
///
/// # Errors
/// If the page could not be registered or the table not be read; the page asks again.
pub async fn sync<P: Watchers + JobStore>(ports: &P, watcher: &Watcher) -> Result<Frame, Error> {
    ports.register(watcher).await?;
    if watcher.watches == EVERY_TENANT {
        // Support pages list through the API, which pages and filters; here they get the changes.
        return Ok(Frame::Snapshot {
            jobs: vec![],
            more: true,
        });
    }
    let tenant: Tenant = watcher
        .watches
        .parse()
        .map_err(|_| Error::NotOurs(format!("{:?} is not a tenant", watcher.watches)))?;
    let mut jobs: Vec<Job> = Vec::new();
    let mut more = false;
    for (class, limit) in SNAPSHOT {
        let (some, rest) = ports.newest(&tenant, class, limit).await?;
        // A job that just changed its class may stand in two lists for a moment.
        for job in some {
            let shown = watcher.shows(job.input.uploaded_by.as_deref());
            if shown && !jobs.iter().any(|known| known.id == job.id) {
                jobs.push(job);
            }
        }
        more |= rest;
    }
    Ok(Frame::snapshot(&jobs, more))
}
