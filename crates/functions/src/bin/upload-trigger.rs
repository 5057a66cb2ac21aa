//! Starts a job for every object uploaded under a pipeline's prefix.
//!
//! Trigger: queue `uploads` (S3 `ObjectCreated:*`). Grants: `UploadTriggerRole` in `infra/service.yaml`.

use functions::{bootstrap, handlers::upload_trigger, traces::traced};
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = bootstrap::init_and_connect::<upload_trigger::Environment>().await?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            upload_trigger::handle(&app, event).await
        })
        .await
    }))
    .await
}
