//! Function `event-feed`: adds the events of jobs to the feeds of their tenants.
//!
//! Trigger: queue `events`. Grants: `EventFeedRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::event_feed()
}
