//! The instances of an endpoint, and the model that it serves: `InstanceControl`, `ModelDescription`. Their number belongs to SageMaker, its limits to Application Auto
//! Scaling.

use std::time::Duration;

use jobs::model_version::{DescribedModel, ModelVersion};
use jobs::ports::{
    EndpointInstances, InstanceControl, InstancesResponse, ModelDescription, Sleep, Unavailable,
};
use serde::Deserialize;
use serde_json::json;

use super::json_call::{JsonError, JsonService};
use super::{Aws, broken, unavailable};
use crate::config::{Environment, Has, variable};

/// The only variant of an endpoint, as in `infra/endpoint.yaml`.
const VARIANT: &str = "main";

const SAGEMAKER: JsonService = JsonService {
    name: "sagemaker",
    target: "SageMaker",
};
const AUTO_SCALING: JsonService = JsonService {
    name: "application-autoscaling",
    target: "AnyScaleFrontendService",
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribedEndpoint {
    endpoint_status: String,
    endpoint_config_name: Option<String>,
    /// Present while another configuration is being deployed (API reference, `DescribeEndpoint`).
    pending_deployment_summary: Option<PendingDeployment>,
    #[serde(default)]
    production_variants: Vec<DescribedVariant>,
    async_inference_config: Option<AsyncInferenceConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribedVariant {
    variant_name: String,
    #[serde(default)]
    deployed_images: Vec<DeployedImage>,
    #[serde(default)]
    current_instance_count: u32,
    #[serde(default)]
    desired_instance_count: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PendingDeployment {}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeployedImage {
    /// With the digest, whatever tag the model names.
    resolved_image: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AsyncInferenceConfig {
    client_config: Option<ClientConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ClientConfig {
    max_concurrent_invocations_per_instance: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribedTargets {
    scalable_targets: Vec<ScalableTarget>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScalableTarget {
    min_capacity: u32,
    max_capacity: u32,
}

/// SageMaker's error for an endpoint that does not exist, is updating, or cannot have this number of instances (API
/// reference, `UpdateEndpointWeightsAndCapacities`: no other error is listed but a reached quota).
const REFUSALS: [&str; 4] = [
    "ValidationException",
    "ResourceLimitExceeded",
    "ResourceInUse",
    "ConflictException",
];

fn refusal(error: &JsonError) -> Option<String> {
    let service = error.as_service_error()?;
    let code = service.code().filter(|code| REFUSALS.contains(code))?;
    Some(format!("{code}: {}", service.message().unwrap_or_default()))
}

impl<E> Aws<E>
where
    E: Environment + Has<variable::SageMakerUrl>,
{
    /// `None` if there is no such endpoint.
    async fn describe(&self, endpoint: &str) -> Result<Option<DescribedEndpoint>, Unavailable> {
        let input = json!({"EndpointName": endpoint});
        let url = self.name::<variable::SageMakerUrl>();
        let described = self
            .call_json(SAGEMAKER, url, "DescribeEndpoint", &input)
            .await;
        match described {
            Ok(described) => Ok(Some(described)),
            Err(error) if refusal(&error).is_some() => Ok(None),
            Err(error) => Err(unavailable("SageMaker DescribeEndpoint", error)),
        }
    }
}

impl<E> ModelDescription for Aws<E>
where
    E: Environment + Has<variable::SageMakerUrl>,
{
    async fn served_model(&self, endpoint: &str) -> Result<Option<DescribedModel>, Unavailable> {
        let described = self.describe(endpoint).await?;
        Ok(described.and_then(|it| {
            let variants = &it.production_variants;
            let variant = variants.iter().find(|it| it.variant_name == VARIANT);
            let image = variant.and_then(|variant| variant.deployed_images.first());
            let image = image.and_then(|image| image.resolved_image.as_deref());
            Some(DescribedModel {
                version: ModelVersion::new(it.endpoint_config_name.as_deref()?, image),
                being_replaced: it.pending_deployment_summary.is_some(),
            })
        }))
    }
}

impl<E> InstanceControl for Aws<E>
where
    E: Environment + Has<variable::SageMakerUrl> + Has<variable::AutoScalingUrl>,
{
    async fn instances(&self, endpoint: &str) -> Result<Option<EndpointInstances>, Unavailable> {
        let Some(described) = self.describe(endpoint).await? else {
            return Ok(None);
        };
        let variants = described.production_variants.iter();
        // An endpoint that is being created has no variants yet.
        let Some(variant) = variants.into_iter().find(|it| it.variant_name == VARIANT) else {
            return Ok(None);
        };
        let input = json!({
            "ServiceNamespace": "sagemaker",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
            "ResourceIds": [format!("endpoint/{endpoint}/variant/{VARIANT}")],
        });
        let what = "Application Auto Scaling DescribeScalableTargets";
        let url = self.name::<variable::AutoScalingUrl>();
        let targets: DescribedTargets = self
            .call_json(AUTO_SCALING, url, "DescribeScalableTargets", &input)
            .await
            .map_err(|error| unavailable(what, error))?;
        let Some(target) = targets.scalable_targets.first() else {
            return Ok(None);
        };
        let client = described
            .async_inference_config
            .and_then(|it| it.client_config);
        let concurrent = client.and_then(|it| it.max_concurrent_invocations_per_instance);
        // SageMaker chooses a number if none is set, and does not tell.
        let Some(concurrent_runs) = concurrent.filter(|runs| *runs > 0) else {
            return Err(broken(
                "SageMaker DescribeEndpoint",
                format!("{endpoint} does not set MaxConcurrentInvocationsPerInstance"),
            ));
        };
        Ok(Some(EndpointInstances {
            in_service: variant.current_instance_count,
            desired: variant.desired_instance_count,
            min: target.min_capacity,
            max: target.max_capacity,
            concurrent_runs,
            updating: described.endpoint_status != "InService",
        }))
    }

    async fn set_instances(
        &self,
        endpoint: &str,
        instances: u32,
    ) -> Result<InstancesResponse, Unavailable> {
        let input = json!({
            "EndpointName": endpoint,
            "DesiredWeightsAndCapacities": [
                {"VariantName": VARIANT, "DesiredInstanceCount": instances},
            ],
        });
        let url = self.name::<variable::SageMakerUrl>();
        let operation = "UpdateEndpointWeightsAndCapacities";
        let response: Result<serde_json::Value, JsonError> =
            self.call_json(SAGEMAKER, url, operation, &input).await;
        match response {
            Ok(_) => Ok(InstancesResponse::Accepted),
            Err(error) => match refusal(&error) {
                Some(problem) => Ok(InstancesResponse::Refused(problem)),
                None => Err(unavailable(
                    "SageMaker UpdateEndpointWeightsAndCapacities",
                    error,
                )),
            },
        }
    }
}

impl<E: Environment> Sleep for Aws<E> {
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
