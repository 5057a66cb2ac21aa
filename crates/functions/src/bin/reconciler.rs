//! Function `reconciler`: finds lost messages and re-sends them.
//!
//! Trigger: a schedule, every five minutes. Grants: `ReconcilerRole` in `infra/service.yaml`.

use functions::{bootstrap, handlers::reconciler, traces::traced};
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = bootstrap::init_and_connect::<reconciler::Environment>().await?;
    run(service_fn(async |event| {
        traced(event, async |event| reconciler::handle(&app, event).await).await
    }))
    .await
}
