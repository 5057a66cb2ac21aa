//! Function `digests`: sends e-mail digests to users who asked for them.
//!
//! Trigger: queue `digests`. Grants: `DigestsRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::digests()
}
