//! Function `audit-events`: publishes the entries of the audit log on the event bus.
//!
//! Trigger: the stream of table `records`, entries of the audit log only. Grants: `AuditEventsRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::audit_events()
}
