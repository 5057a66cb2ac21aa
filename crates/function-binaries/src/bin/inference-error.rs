//! Function `inference-error`: records the endpoint's error notifications.
//!
//! Trigger: queue `inference-error` (SNS). Grants: `InferenceErrorRole` in `infra/service.yaml`.

fn main() -> Result<(), lambda_runtime::Error> {
    function_binaries::inference_error()
}
