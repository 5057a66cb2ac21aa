//! Function `webhooks`: sends events to the receivers of webhooks.
//!
//! Trigger: queue `webhooks`. Grants: `WebhooksRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::webhooks()
}
