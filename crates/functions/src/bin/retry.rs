//! Function `retry`: starts due attempts and checks overdue ones.
//!
//! Trigger: queue `checks`. Grants: `RetryRole` in `infra/service.yaml`.

use functions::{bootstrap, handlers::retry, traces::traced};
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = bootstrap::init_and_connect::<retry::Environment>().await?;
    run(service_fn(async |event| {
        traced(event, async |event| retry::handle(&app, event).await).await
    }))
    .await
}
