//! Function `ws-connect`: registers a new connection.
//!
//! Trigger: WebSocket `$connect`. Grants: `WsConnectRole` in `infra/service.yaml`.

use functions::{bootstrap, handlers::ws_connect, traces::traced};
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = bootstrap::init::<ws_connect::Environment>()?;
    run(service_fn(async |event| {
        traced(event, async |event| ws_connect::handle(&app, event).await).await
    }))
    .await
}
