//! Function `retention`: deletes the data of jobs of tenants whose retention is shorter than that of the pipelines.
//!
//! Trigger: a schedule, every hour. Grants: `RetentionRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::retention()
}
