//! Function `ws-authorizer`: authorizes WebSocket connections by their ticket.
//!
//! Trigger: WebSocket `$connect`, as its authorizer. Grants: `WsAuthorizerRole` in `infra/service.yaml`.

use functions::{bootstrap, handlers::ws_authorizer, traces::traced};
use lambda_runtime::{Error, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let app = bootstrap::init::<ws_authorizer::Environment>()?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            ws_authorizer::handle(&app, event).await
        })
        .await
    }))
    .await
}
