//! Function `reconciler`: finds lost messages and re-sends them.
//!
//! Trigger: a schedule, every five minutes. Grants: `ReconcilerRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::reconciler()
}
