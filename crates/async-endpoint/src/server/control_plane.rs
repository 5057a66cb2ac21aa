//! The calls about an endpoint's instances: `DescribeEndpoint` and `UpdateEndpointWeightsAndCapacities` of SageMaker,
//! `DescribeScalableTargets` of Application Auto Scaling. All are `POST /` with a header that names the operation (JSON 1.1).

use super::driver::{HostedEndpoint, HostedEndpoints};
use super::wire::WireError;
use crate::{InstanceStatus, UpdateInstanceCountError};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// The only variant of an endpoint.
const VARIANT: &str = "main";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfEndpoint {
    endpoint_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    endpoint_name: String,
    desired_weights_and_capacities: Vec<DesiredCapacity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DesiredCapacity {
    variant_name: String,
    desired_instance_count: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfTargets {
    resource_ids: Vec<String>,
}

/// Answers an operation, named as in `X-Amz-Target`.
pub(super) fn answer(
    endpoints: &HostedEndpoints,
    target: &str,
    body: &[u8],
) -> Result<Value, WireError> {
    match target {
        "SageMaker.DescribeEndpoint" => {
            let call: OfEndpoint = parse(body)?;
            Ok(describe(find(endpoints, &call.endpoint_name)?))
        }
        "SageMaker.UpdateEndpointWeightsAndCapacities" => {
            let call: Update = parse(body)?;
            update(find(endpoints, &call.endpoint_name)?, &call)
        }
        "AnyScaleFrontendService.DescribeScalableTargets" => {
            let call: OfTargets = parse(body)?;
            let found = call.resource_ids.iter().filter_map(|id| {
                let name = id.strip_prefix("endpoint/")?;
                let name = name.strip_suffix(&format!("/variant/{VARIANT}"))?;
                endpoints.get(name)
            });
            let targets: Vec<Value> = found.map(|endpoint| scalable_target(endpoint)).collect();
            Ok(json!({"ScalableTargets": targets}))
        }
        _ => Err(WireError::new(
            StatusCode::BAD_REQUEST,
            "UnknownOperationException",
            format!("{target} is not an operation of this service"),
        )),
    }
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, WireError> {
    serde_json::from_slice(body).map_err(|error| {
        let problem = error.to_string();
        WireError::new(StatusCode::BAD_REQUEST, "SerializationException", problem)
    })
}

fn refused(message: String) -> WireError {
    WireError::new(StatusCode::BAD_REQUEST, "ValidationException", message)
}

fn find<'a>(endpoints: &'a HostedEndpoints, name: &str) -> Result<&'a HostedEndpoint, WireError> {
    let found = endpoints.get(name).map(|found| &**found);
    found.ok_or_else(|| refused(format!("Could not find endpoint \"{name}\".")))
}

fn describe(endpoint: &HostedEndpoint) -> Value {
    let now = endpoint.clock.now();
    let runs = endpoint.config.settings.max_concurrent_per_instance;
    endpoint.report(|model, _| {
        let in_service = model
            .instances()
            .filter(|it| it.status == InstanceStatus::InService);
        let status = if !model.is_in_service() || model.is_updating() {
            "Updating"
        } else {
            "InService"
        };
        json!({
            "EndpointName": &*endpoint.name,
            "EndpointConfigName": format!("{}-local", endpoint.name),
            "EndpointStatus": status,
            "ProductionVariants": [{
                "VariantName": VARIANT,
                "CurrentInstanceCount": in_service.count(),
                "DesiredInstanceCount": model.desired_instances(),
            }],
            "AsyncInferenceConfig": {"ClientConfig": {"MaxConcurrentInvocationsPerInstance": runs}},
            // Model time, which no caller uses.
            "LastModifiedTime": now.0 / 1000,
        })
    })
}

fn update(endpoint: &HostedEndpoint, call: &Update) -> Result<Value, WireError> {
    let [wanted] = &*call.desired_weights_and_capacities else {
        return Err(refused("The endpoint has one variant.".to_owned()));
    };
    if wanted.variant_name != VARIANT {
        let name = &wanted.variant_name;
        return Err(refused(format!("The endpoint has no variant {name}.")));
    }
    let count = wanted.desired_instance_count;
    let name = &endpoint.name;
    endpoint
        .report(|model, now| model.update_instance_count(now, count))
        .map_err(|problem| match problem {
            UpdateInstanceCountError::Updating => refused(format!(
                "Cannot update in-progress endpoint \"{name}\": its status is Updating."
            )),
            // SageMaker does not check the limits of Application Auto Scaling. This server does, so that a caller that ignores
            // them gets an error.
            UpdateInstanceCountError::OutsideLimits => refused(format!(
                "{count} instances are outside of the limits of the scalable target."
            )),
        })?;
    Ok(json!({"EndpointArn": format!("arn:aws:sagemaker:us-east-1:000000000000:endpoint/{name}")}))
}

fn scalable_target(endpoint: &HostedEndpoint) -> Value {
    let (min, max) = endpoint.report(|model, _| model.instance_limits());
    json!({
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ResourceId": format!("endpoint/{}/variant/{VARIANT}", endpoint.name),
        "MinCapacity": min,
        "MaxCapacity": max,
    })
}
