//! Function `ws-authorizer`: authorizes WebSocket connections by their ticket.
//!
//! Trigger: WebSocket `$connect`, as its authorizer. Grants: `WsAuthorizerRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::ws_authorizer()
}
