//! What a caller sees of the server: through the real SDK, and byte by byte where the SDK would
//! not let us err.

use crate::support::{INPUT, NAME, World};
use async_endpoint::{Fault, Faults};
use aws_sdk_sagemakerruntime::error::ProvideErrorMetadata;
use aws_sdk_sagemakerruntime::operation::invoke_endpoint_async::InvokeEndpointAsyncError;
use aws_sdk_sagemakerruntime::primitives::Blob;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn the_sdk_reads_the_202_and_its_locations() {
    let world = World::warm().await;
    let call = world.client.invoke_endpoint_async();
    let answer = call
        .endpoint_name(NAME)
        .input_location(INPUT)
        .inference_id("job-42.a1")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.inference_id(), Some("job-42.a1"));
    let output = answer.output_location().unwrap();
    let object = output.strip_prefix("s3://out/results/").unwrap();
    assert_eq!(object.strip_suffix(".out").map(str::len), Some(36));
    assert!(!object.contains("job-42"));
    let failure = answer.failure_location().unwrap();
    let object = failure.strip_prefix("s3://out/failure/").unwrap();
    assert!(object.ends_with("-error.out"));
}

#[tokio::test]
async fn an_id_is_made_up_and_no_failure_location_given_where_none_is_configured() {
    let world = World::start(crate::support::warm(), |config| {
        config.endpoints[0].s3_failure_path = None;
    })
    .await;
    let call = world.client.invoke_endpoint_async();
    let answer = call.endpoint_name(NAME).input_location(INPUT);
    let answer = answer.send().await.unwrap();
    let id = answer.inference_id().unwrap();
    assert_eq!(id.len(), 36);
    assert_eq!(answer.failure_location(), None);
    let message = world.message(id).await;
    assert_eq!(message["invocationStatus"], "Completed");
}

#[tokio::test]
async fn extension_and_file_name_steer_the_output_object() {
    let world = World::warm().await;
    let call = || world.client.invoke_endpoint_async().endpoint_name(NAME);
    let answer = call()
        .input_location(INPUT)
        .s3_output_path_extension("job-42/a1")
        .send()
        .await
        .unwrap();
    let output = answer.output_location().unwrap();
    assert!(
        output.starts_with("s3://out/results/job-42/a1/"),
        "{output}"
    );
    assert!(output.ends_with(".out"));
    let answer = call()
        .input_location(INPUT)
        .s3_output_path_extension("/job-42/")
        .filename("result.json")
        .send()
        .await
        .unwrap();
    let output = answer.output_location().unwrap();
    assert_eq!(output, "s3://out/results/job-42/result.json");
}

#[tokio::test]
async fn an_inline_body_is_the_input() {
    let world = World::warm().await;
    let call = || world.client.invoke_endpoint_async().endpoint_name(NAME);
    let answer = call().body(Blob::new(vec![b'x'; 128_000])).send().await;
    let answer = answer.unwrap();
    let message = world.message(answer.inference_id().unwrap()).await;
    assert_eq!(message["invocationStatus"], "Completed");
    assert_eq!(message["requestParameters"].get("inputLocation"), None);
    assert_eq!(world.container.calls()[0].1, 128_000);

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
async fn limits_and_unknown_endpoints_are_validation_errors_with_clear_words() {
    let world = World::warm().await;
    let call = || world.client.invoke_endpoint_async().input_location(INPUT);
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
    world.server.set_in_service(NAME, false).unwrap();
    let answer = call().endpoint_name(NAME).send().await;
    let error = answer.unwrap_err().into_service_error();
    assert!(error.is_validation_error());
    assert_eq!(world.server.state(NAME).unwrap().accepted, 0);
}

#[tokio::test]
async fn injected_refusals_arrive_as_what_they_are() {
    let world = World::warm().await;
    let call = || {
        let call = world.client.invoke_endpoint_async();
        call.endpoint_name(NAME).input_location(INPUT).send()
    };
    world.set_faults(Faults {
        throttle_invoke: Fault::ALWAYS.times(1),
        refuse_invoke: Fault::ALWAYS.times(1),
        break_invoke: Fault::ALWAYS.times(1),
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
async fn a_lost_reply_leaves_the_caller_in_doubt_and_the_request_queued() {
    let world = World::warm().await;
    world.set_faults(Faults {
        lose_invoke_reply: Fault::ALWAYS.times(1),
        ..Faults::default()
    });
    let call = world.client.invoke_endpoint_async();
    let answer = call
        .endpoint_name(NAME)
        .input_location(INPUT)
        .inference_id("job-1.a1")
        .send()
        .await;
    assert!(answer.unwrap_err().as_service_error().is_none());
    let message = world.message("job-1.a1").await;
    assert_eq!(message["invocationStatus"], "Completed");
}

/// Sends raw bytes and reads the whole answer.
async fn raw(world: &World, request: &str) -> String {
    let address = world.server.url();
    let address = address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.to_lowercase()
}

#[tokio::test]
async fn a_call_without_authorization_is_forbidden() {
    let world = World::warm().await;
    let answer = raw(
        &world,
        "POST /endpoints/docket-test/async-invocations HTTP/1.1\r\nhost: x\r\n\
         connection: close\r\ncontent-length: 0\r\n\
         x-amzn-sagemaker-inputlocation: s3://in/a.pdf\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("http/1.1 403 "), "{answer}");
    let kind = "x-amzn-errortype: missingauthenticationtokenexception";
    assert!(answer.contains(kind), "{answer}");
    assert!(answer.ends_with("{\"message\":\"missing authentication token\"}"));
}

#[tokio::test]
async fn the_202_has_the_documented_headers_and_body() {
    let world = World::warm().await;
    let answer = raw(
        &world,
        "POST /endpoints/docket-test/async-invocations HTTP/1.1\r\nhost: x\r\n\
         connection: close\r\ncontent-length: 0\r\nauthorization: any\r\n\
         X-Amzn-SageMaker-InputLocation: s3://in/a.pdf\r\n\
         X-Amzn-SageMaker-Inference-Id: j1\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("http/1.1 202 "), "{answer}");
    for header in [
        "\r\nx-amzn-sagemaker-outputlocation: s3://out/results/",
        "\r\nx-amzn-sagemaker-failurelocation: s3://out/failure/",
        "\r\ncontent-type: application/json\r\n",
        "\r\nx-amzn-requestid: ",
    ] {
        assert!(answer.contains(header), "{header}: {answer}");
    }
    assert!(answer.ends_with("\r\n\r\n{\"inferenceid\":\"j1\"}"));
}

#[tokio::test]
async fn people_can_read_the_state_and_nothing_else_is_there() {
    let world = World::warm().await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let state = raw(&world, &get("/_endpoint/docket-test")).await;
    assert!(state.starts_with("http/1.1 200 "), "{state}");
    assert!(state.contains("\"endpointname\":\"docket-test\""));
    assert!(state.contains("\"desiredinstances\":1"));
    let other = raw(&world, &get("/endpoints/docket-test/async-invocations")).await;
    assert!(other.starts_with("http/1.1 404 "), "{other}");
    assert!(other.contains("x-amzn-errortype: unknownoperationexception"));
}
