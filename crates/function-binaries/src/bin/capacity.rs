//! Function `capacity`: sets the number of instances of the endpoints whose scaling is `docket`.
//!
//! Trigger: a schedule, every minute. Grants: `CapacityRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::capacity()
}
