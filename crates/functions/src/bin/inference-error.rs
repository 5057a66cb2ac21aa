//! Function `inference-error`: records the endpoint's error notifications.
//!
//! Trigger: queue `inference-error` (SNS). Grants: `InferenceErrorRole` in `infra/service.yaml`.

use functions::{bootstrap, handlers::inference_error, traces::traced};
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = bootstrap::init_and_connect::<inference_error::Environment>().await?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            inference_error::handle(&app, event).await
        })
        .await
    }))
    .await
}
