//! Function `inference-success`: records the endpoint's success notifications.
//!
//! Trigger: queue `inference-success` (SNS). Grants: `InferenceSuccessRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::inference_success()
}
