//! Function `retry`: starts due attempts and checks overdue ones.
//!
//! Trigger: queue `checks`. Grants: `RetryRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::retry()
}
