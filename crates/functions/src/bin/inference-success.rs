//! Function `inference-success`: records the endpoint's success notifications.
//!
//! Trigger: queue `inference-success` (SNS). Grants: `InferenceSuccessRole` in `infra/service.yaml`.

use functions::{bootstrap, handlers::inference_success, traces::traced};
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = bootstrap::init_and_connect::<inference_success::Environment>().await?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            inference_success::handle(&app, event).await
        })
        .await
    }))
    .await
}
