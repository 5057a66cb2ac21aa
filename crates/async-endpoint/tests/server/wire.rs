//! The HTTP API: through the AWS SDK, and with raw requests that the SDK cannot send.

use crate::support::{Fixture, INPUT, NAME};
use async_endpoint::server::EndpointEventKind;
use async_endpoint::{FaultRate, Faults, Settings};
use aws_sdk_sagemakerruntime::error::ProvideErrorMetadata;
use aws_sdk_sagemakerruntime::operation::invoke_endpoint_async::InvokeEndpointAsyncError;
use aws_sdk_sagemakerruntime::primitives::Blob;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn sdk_reads_the_202_and_its_locations() {
    let fixture = Fixture::warm().await;
    let call = fixture.client.invoke_endpoint_async();
    let response = call
        .endpoint_name(NAME)
        .input_location(INPUT)
        .inference_id("job-42.a1")
        .send()
        .await
        .unwrap();
    assert_eq!(response.inference_id(), Some("job-42.a1"));
    let output = response.output_location().unwrap();
    let object = output.strip_prefix("s3://out/results/").unwrap();
    assert_eq!(object.strip_suffix(".out").map(str::len), Some(36));
    assert!(!object.contains("job-42"));
    let failure = response.failure_location().unwrap();
    let object = failure.strip_prefix("s3://out/failure/").unwrap();
    assert!(object.ends_with("-error.out"));
}

#[tokio::test]
async fn inference_id_is_generated_and_failure_location_is_optional() {
    let fixture = Fixture::start(crate::support::warm(), |config| {
        config.endpoints[0].s3_failure_path = None;
    })
    .await;
    let call = fixture.client.invoke_endpoint_async();
    let response = call.endpoint_name(NAME).input_location(INPUT);
    let response = response.send().await.unwrap();
    let id = response.inference_id().unwrap();
    assert_eq!(id.len(), 36);
    assert_eq!(response.failure_location(), None);
    let message = fixture.message(id).await;
    assert_eq!(message["invocationStatus"], "Completed");
}

#[tokio::test]
async fn path_extension_and_file_name_determine_the_output_location() {
    let fixture = Fixture::warm().await;
    let call = || fixture.client.invoke_endpoint_async().endpoint_name(NAME);
    let response = call()
        .input_location(INPUT)
        .s3_output_path_extension("job-42/a1")
        .send()
        .await
        .unwrap();
    let output = response.output_location().unwrap();
    assert!(
        output.starts_with("s3://out/results/job-42/a1/"),
        "{output}"
    );
    assert!(output.ends_with(".out"));
    let response = call()
        .input_location(INPUT)
        .s3_output_path_extension("/job-42/")
        .filename("result.json")
        .send()
        .await
        .unwrap();
    let output = response.output_location().unwrap();
    assert_eq!(output, "s3://out/results/job-42/result.json");
}

#[tokio::test]
async fn inline_body_is_accepted_up_to_its_limit() {
    let fixture = Fixture::warm().await;
    let call = || fixture.client.invoke_endpoint_async().endpoint_name(NAME);
    let response = call().body(Blob::new(vec![b'x'; 128_000])).send().await;
    let response = response.unwrap();
    let message = fixture.message(response.inference_id().unwrap()).await;
    assert_eq!(message["invocationStatus"], "Completed");
    assert_eq!(message["requestParameters"].get("inputLocation"), None);
    assert_eq!(fixture.container.calls()[0].1, 128_000);

    let long = call().body(Blob::new(vec![b'x'; 128_001])).send().await;
    let error = long.unwrap_err().into_service_error();
    assert!(error.is_validation_error());
    assert!(error.message().unwrap().contains("128000"), "{error:?}");
    let both = call().input_location(INPUT).body(Blob::new("x")).send();
    let error = both.await.unwrap_err().into_service_error();
    assert!(error.is_validation_error());
    let none = call().send().await.unwrap_err().into_service_error();
    assert!(none.is_validation_error());
}

#[tokio::test]
async fn values_out_of_range_and_unknown_endpoints_are_validation_errors() {
    let fixture = Fixture::warm().await;
    let call = || fixture.client.invoke_endpoint_async().input_location(INPUT);
    for (call, words) in [
        (
            call().endpoint_name(NAME).request_ttl_seconds(59),
            "between 60 and 21600",
        ),
        (
            call().endpoint_name(NAME).invocation_timeout_seconds(3601),
            "between 1 and 3600",
        ),
        (
            call().endpoint_name(NAME).inference_id("x".repeat(65)),
            "less than or equal to 64",
        ),
        (
            call().endpoint_name("elsewhere"),
            "Endpoint elsewhere of account 000000000000 not found.",
        ),
    ] {
        let error = call.send().await.unwrap_err().into_service_error();
        assert!(error.is_validation_error(), "{error:?}");
        assert!(error.message().unwrap().contains(words), "{error:?}");
    }
    fixture.server.set_in_service(NAME, false).unwrap();
    let response = call().endpoint_name(NAME).send().await;
    let error = response.unwrap_err().into_service_error();
    assert!(error.is_validation_error());
    assert_eq!(fixture.server.state(NAME).unwrap().accepted, 0);
}

#[tokio::test]
async fn injected_errors_arrive_as_the_sdk_errors_of_aws() {
    let fixture = Fixture::warm().await;
    let call = || {
        let call = fixture.client.invoke_endpoint_async();
        call.endpoint_name(NAME).input_location(INPUT).send()
    };
    fixture.set_faults(Faults {
        invoke_throttled: FaultRate::ALWAYS.times(1),
        invoke_unavailable: FaultRate::ALWAYS.times(1),
        invoke_internal_failure: FaultRate::ALWAYS.times(1),
        ..Faults::default()
    });
    let error = call().await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("ThrottlingException"));
    let error = call().await.unwrap_err();
    let status = error.raw_response().map(|r| r.status().as_u16());
    assert_eq!(status, Some(503));
    assert!(matches!(
        error.into_service_error(),
        InvokeEndpointAsyncError::ServiceUnavailable(_)
    ));
    let error = call().await.unwrap_err();
    let status = error.raw_response().map(|r| r.status().as_u16());
    assert_eq!(status, Some(500));
    assert!(matches!(
        error.into_service_error(),
        InvokeEndpointAsyncError::InternalFailure(_)
    ));
    call().await.unwrap();
}

#[tokio::test]
async fn lost_response_is_an_sdk_error_but_the_request_is_processed() {
    let fixture = Fixture::warm().await;
    fixture.set_faults(Faults {
        lose_invoke_response: FaultRate::ALWAYS.times(1),
        ..Faults::default()
    });
    let call = fixture.client.invoke_endpoint_async();
    let response = call
        .endpoint_name(NAME)
        .input_location(INPUT)
        .inference_id("job-1.a1")
        .send()
        .await;
    assert!(response.unwrap_err().as_service_error().is_none());
    let message = fixture.message("job-1.a1").await;
    assert_eq!(message["invocationStatus"], "Completed");
}

/// Sends raw bytes and reads the whole response.
async fn raw(fixture: &Fixture, request: &str) -> String {
    let address = fixture.server.url();
    let address = address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.to_lowercase()
}

#[tokio::test]
async fn call_without_authorization_is_forbidden() {
    let fixture = Fixture::warm().await;
    let response = raw(
        &fixture,
        "POST /endpoints/docket-test/async-invocations HTTP/1.1\r\nhost: x\r\n\
         connection: close\r\ncontent-length: 0\r\n\
         x-amzn-sagemaker-inputlocation: s3://in/a.pdf\r\n\r\n",
    )
    .await;
    assert!(response.starts_with("http/1.1 403 "), "{response}");
    let kind = "x-amzn-errortype: missingauthenticationtokenexception";
    assert!(response.contains(kind), "{response}");
    assert!(response.ends_with("{\"message\":\"missing authentication token\"}"));
}

#[tokio::test]
async fn accepted_response_has_the_documented_headers_and_body() {
    let fixture = Fixture::warm().await;
    let response = raw(
        &fixture,
        "POST /endpoints/docket-test/async-invocations HTTP/1.1\r\nhost: x\r\n\
         connection: close\r\ncontent-length: 0\r\nauthorization: any\r\n\
         X-Amzn-SageMaker-InputLocation: s3://in/a.pdf\r\n\
         X-Amzn-SageMaker-Inference-Id: j1\r\n\r\n",
    )
    .await;
    assert!(response.starts_with("http/1.1 202 "), "{response}");
    for header in [
        "\r\nx-amzn-sagemaker-outputlocation: s3://out/results/",
        "\r\nx-amzn-sagemaker-failurelocation: s3://out/failure/",
        "\r\ncontent-type: application/json\r\n",
        "\r\nx-amzn-requestid: ",
    ] {
        assert!(response.contains(header), "{header}: {response}");
    }
    assert!(response.ends_with("\r\n\r\n{\"inferenceid\":\"j1\"}"));
}

#[tokio::test]
async fn endpoint_state_can_be_read_and_other_paths_are_not_found() {
    let fixture = Fixture::warm().await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let state = raw(&fixture, &get("/_endpoint/docket-test")).await;
    assert!(state.starts_with("http/1.1 200 "), "{state}");
    assert!(state.contains("\"endpointname\":\"docket-test\""));
    assert!(state.contains("\"desiredinstances\":1"));
    let other = raw(&fixture, &get("/endpoints/docket-test/async-invocations")).await;
    assert!(other.starts_with("http/1.1 404 "), "{other}");
    assert!(other.contains("x-amzn-errortype: unknownoperationexception"));
}

/// A call of the control plane; the response in lower case.
async fn control(fixture: &Fixture, target: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: any\r\n\
         content-length: {length}\r\nx-amz-target: {target}\r\n\r\n{body}"
    );
    raw(fixture, &request).await
}

#[tokio::test]
async fn instances_are_described_and_set_within_the_limits() {
    let settings = Settings {
        max_instances: 3,
        ..crate::support::warm()
    };
    let mut fixture = Fixture::start(settings, |_| {}).await;
    let in_service = EndpointEventKind::InstanceInService { instance: 1 };
    fixture.wait_for_event(in_service).await;
    let describe = r#"{"EndpointName": "docket-test"}"#;
    let described = control(&fixture, "SageMaker.DescribeEndpoint", describe).await;
    for part in [
        "\"endpointstatus\":\"inservice\"",
        "\"endpointconfigname\":\"docket-test-local\"",
        "\"currentinstancecount\":1",
        "\"desiredinstancecount\":1",
        "\"maxconcurrentinvocationsperinstance\":8",
    ] {
        assert!(described.contains(part), "{described}");
    }
    let targets = r#"{"ServiceNamespace": "sagemaker", "ResourceIds": ["endpoint/docket-test/variant/main"]}"#;
    let operation = "AnyScaleFrontendService.DescribeScalableTargets";
    let limits = control(&fixture, operation, targets).await;
    assert!(limits.contains("\"mincapacity\":1"), "{limits}");
    assert!(limits.contains("\"maxcapacity\":3"), "{limits}");
    let update = |count: u32| {
        format!(
            r#"{{"EndpointName": "docket-test", "DesiredWeightsAndCapacities": [{{"VariantName": "main", "DesiredInstanceCount": {count}}}]}}"#
        )
    };
    let operation = "SageMaker.UpdateEndpointWeightsAndCapacities";
    let refused = control(&fixture, operation, &update(4)).await;
    assert!(refused.starts_with("http/1.1 400 "), "{refused}");
    assert!(refused.contains("\"__type\":\"validationexception\""));
    let accepted = control(&fixture, operation, &update(3)).await;
    assert!(accepted.starts_with("http/1.1 200 "), "{accepted}");
    let updating = control(&fixture, operation, &update(2)).await;
    assert!(updating.contains("in-progress endpoint"), "{updating}");
    let described = control(&fixture, "SageMaker.DescribeEndpoint", describe).await;
    assert!(described.contains("\"endpointstatus\":\"updating\""));
    assert!(described.contains("\"desiredinstancecount\":3"));
    let missing = describe.replace("docket-test", "docket-gone");
    let missing = control(&fixture, "SageMaker.DescribeEndpoint", &missing).await;
    assert!(missing.contains("could not find endpoint"), "{missing}");
}
