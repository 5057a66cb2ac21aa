//! Function `ws-default`: responds to messages of a page.
//!
//! Trigger: WebSocket `$default`. Grants: `WsDefaultRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::ws_default()
}
