//! Function `ws-disconnect`: removes a closed connection.
//!
//! Trigger: WebSocket `$disconnect`. Grants: `WsDisconnectRole` in `infra/service.yaml`.

use functions::{bootstrap, handlers::ws_disconnect, traces::traced};
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = bootstrap::init::<ws_disconnect::Environment>()?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            ws_disconnect::handle(&app, event).await
        })
        .await
    }))
    .await
}
