//! Function `ws-disconnect`: removes a closed connection.
//!
//! Trigger: WebSocket `$disconnect`. Grants: `WsDisconnectRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::ws_disconnect()
}
