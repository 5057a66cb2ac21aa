//! Function `support-api`: the HTTP API for customers, reviewers and support.
//!
//! Trigger: the HTTP API. Grants: `SupportApiRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::support_api()
}
