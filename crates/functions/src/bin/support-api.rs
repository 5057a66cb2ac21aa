//! Function `support-api`: the HTTP API for customers, reviewers and support.
//!
//! Trigger: the HTTP API. Grants: `SupportApiRole` in `infra/service.yaml`.

use functions::{bootstrap, handlers::api, traces::traced};
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let api = api::Api::new(bootstrap::init_and_connect::<api::Environment>().await?);
    run(service_fn(async |event| {
        traced(event, async |event| api::handle(&api, event).await).await
    }))
    .await
}
