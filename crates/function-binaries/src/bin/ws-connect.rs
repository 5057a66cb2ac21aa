//! Function `ws-connect`: registers a new connection.
//!
//! Trigger: WebSocket `$connect`. Grants: `WsConnectRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::ws_connect()
}
