//! Function `events-api`: the paths of the HTTP API for events.
//!
//! Trigger: the HTTP API. Grants: `EventsApiRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::events_api()
}
