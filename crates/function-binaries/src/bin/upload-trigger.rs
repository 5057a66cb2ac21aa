//! Starts a job for every object uploaded under a pipeline's prefix.
//!
//! Trigger: queue `uploads` (S3 `ObjectCreated:*`). Grants: `UploadTriggerRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::upload_trigger()
}
