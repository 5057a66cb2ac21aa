//! Function `ws-default`: responds to messages of a page.
//!
//! Trigger: WebSocket `$default`. Grants: `WsDefaultRole` in `infra/service.yaml`.

use functions::{bootstrap, handlers::ws_default, traces::traced};
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = bootstrap::init::<ws_default::Environment>()?;
    run(service_fn(async |event| {
        traced(event, async |event| ws_default::handle(&app, event).await).await
    }))
    .await
}
