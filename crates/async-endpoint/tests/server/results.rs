//! How accepted requests end: objects, notifications, failures, faults, scaling from zero.

use crate::support::{CloudCall, Container, Fixture, INPUT, NAME, never_scales_out, secs, warm};
use async_endpoint::server::{EndpointEventKind, Server, ServerConfig};
use async_endpoint::{FaultRate, Faults, Settings};
use serde_json::json;

const LOGS: &str = "See the SageMaker Endpoint logs in your account for more information.";

#[tokio::test]
async fn success_is_stored_and_then_published_with_only_the_fields_that_were_sent() {
    let fixture = Fixture::warm().await;
    let call = fixture.client.invoke_endpoint_async();
    let call = call.endpoint_name(NAME).input_location(INPUT);
    let response = call.inference_id("job-1.a1").send().await.unwrap();
    let output = response.output_location().unwrap();
    let mut message = fixture.message("job-1.a1").await;
    for time in ["eventTime", "receivedTime"] {
        let at = message[time].take();
        let at = at.as_str().unwrap();
        assert!(at.starts_with("20") && at.ends_with('Z'), "{at}");
    }
    assert_eq!(
        message,
        json!({
            "awsRegion": "us-east-1",
            "eventTime": null,
            "receivedTime": null,
            "invocationStatus": "Completed",
            "requestParameters": {"endpointName": NAME, "inputLocation": INPUT},
            "responseParameters": {"contentType": "application/json", "outputLocation": output},
            "inferenceId": "job-1.a1",
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        })
    );
    let object = fixture.cloud.object(output).unwrap();
    assert_eq!(object.bytes, "{\"bytes\":14}");
    assert_eq!(object.content_type.as_deref(), Some("application/json"));
    let journal = fixture.cloud.journal();
    let put = journal.iter().position(|e| matches!(e, CloudCall::Put(_)));
    let published = journal
        .iter()
        .position(|e| matches!(e, CloudCall::Published(_, m) if m["inferenceId"] == "job-1.a1"));
    assert!(put.unwrap() < published.unwrap(), "{journal:#?}");
    let CloudCall::Published(topic, _) = &journal[published.unwrap()] else {
        panic!()
    };
    assert!(topic.ends_with(":success"));
}

#[tokio::test]
async fn request_headers_reach_the_container_and_the_notification() {
    let fixture = Fixture::warm().await;
    let call = fixture.client.invoke_endpoint_async();
    call.endpoint_name(NAME)
        .input_location(INPUT)
        .inference_id("job-1.a1")
        .content_type("application/pdf")
        .accept("application/json")
        .custom_attributes("tenant=acme")
        .send()
        .await
        .unwrap();
    let message = fixture.message("job-1.a1").await;
    assert_eq!(
        message["requestParameters"],
        json!({
            "accept": "application/json",
            "contentType": "application/pdf",
            "customAttributes": "tenant=acme",
            "endpointName": NAME,
            "inputLocation": INPUT,
        })
    );
    let (headers, length) = fixture.container.calls().remove(0);
    assert_eq!(length, 14);
    for (name, value) in [
        ("content-length", "14"),
        ("content-type", "application/pdf"),
        ("accept", "application/json"),
        ("x-amzn-sagemaker-inference-id", "job-1.a1"),
        ("x-amzn-sagemaker-custom-attributes", "tenant=acme"),
    ] {
        assert_eq!(headers.get(name).unwrap(), value);
    }
}

#[tokio::test]
async fn container_errors_are_published_with_the_failure_reasons_of_aws() {
    let fixture = Fixture::warm().await;
    let from_model = |what: &str| format!("ClientError: Received {what} from model. {LOGS}");
    for (word, reason, object) in [
        (
            "status=400",
            from_model("client error (400)"),
            "rejected by the model",
        ),
        (
            "status=500",
            from_model("server error (500)"),
            "rejected by the model",
        ),
        ("die", from_model("server error (0)"), ""),
        (
            "chunked",
            "The response from container did not specify the required Content-Length header"
                .to_owned(),
            "",
        ),
        (
            "headers",
            "The response from container exceeded the maximum header size of 4096 bytes".to_owned(),
            "",
        ),
    ] {
        let call = fixture.client.invoke_endpoint_async();
        let response = call
            .endpoint_name(NAME)
            .input_location(INPUT)
            .inference_id(word)
            .custom_attributes(word)
            .send()
            .await
            .unwrap();
        let message = fixture.message(word).await;
        assert_eq!(message["invocationStatus"], "Failed", "{word}");
        assert_eq!(message["failureReason"], reason);
        assert_eq!(message.get("responseParameters"), None);
        let at = response.failure_location().unwrap();
        let stored = fixture.cloud.object(at).unwrap().bytes;
        let expected = if object.is_empty() { &reason } else { object };
        assert_eq!(stored, expected.as_bytes(), "{word}");
        let output = response.output_location().unwrap();
        assert!(fixture.cloud.object(output).is_none());
    }
    let errors = fixture.cloud.journal().into_iter().filter(
        |e| matches!(e, CloudCall::Published(t, m) if t.ends_with(":error") && m["inferenceId"] != json!(null)),
    );
    assert_eq!(errors.count(), 5);
}

#[tokio::test]
async fn missing_input_fails_after_the_202_and_does_not_reach_the_container() {
    let fixture = Fixture::warm().await;
    let call = fixture.client.invoke_endpoint_async();
    call.endpoint_name(NAME)
        .input_location("s3://in/gone.pdf")
        .inference_id("job-1.a1")
        .send()
        .await
        .unwrap();
    let message = fixture.message("job-1.a1").await;
    assert_eq!(message["invocationStatus"], "Failed");
    assert!(
        message["failureReason"]
            .as_str()
            .unwrap()
            .starts_with("Failed to download the input from S3")
    );
    assert!(fixture.container.calls().is_empty());
}

#[tokio::test]
async fn unwritable_output_is_published_as_a_failure() {
    let fixture = Fixture::warm().await;
    fixture.cloud.reject_writes();
    fixture.invoke("job-1.a1", "").await;
    let message = fixture.message("job-1.a1").await;
    let reason = "Failed to upload the response to the S3 output location.";
    assert_eq!(message["failureReason"], reason);
}

#[tokio::test]
async fn large_inputs_and_outputs_are_streamed() {
    let fixture = Fixture::warm().await;
    let large = vec![b'x'; 24 * 1024 * 1024];
    fixture.cloud.put("/in/large.pdf", &large);
    let call = fixture.client.invoke_endpoint_async();
    let response = call
        .endpoint_name(NAME)
        .input_location("s3://in/large.pdf")
        .inference_id("job-1.a1")
        .custom_attributes("bytes=9000000")
        .send()
        .await
        .unwrap();
    let message = fixture.message("job-1.a1").await;
    assert_eq!(
        message["responseParameters"]["contentType"],
        "application/pdf"
    );
    assert_eq!(fixture.container.calls()[0].1, large.len());
    let output = fixture.cloud.object(response.output_location().unwrap());
    let output = output.unwrap();
    assert_eq!(output.bytes.len(), 9_000_000);
    assert!(output.bytes.iter().all(|byte| *byte == b'x'));

    let call = fixture.client.invoke_endpoint_async();
    call.endpoint_name(NAME)
        .input_location("s3://in/large.pdf")
        .inference_id("job-2.a1")
        .custom_attributes("reject-unread")
        .send()
        .await
        .unwrap();
    let message = fixture.message("job-2.a1").await;
    assert_eq!(message["invocationStatus"], "Failed", "{message}");
}

#[tokio::test]
async fn response_is_included_in_the_notification_if_configured_and_small_enough() {
    let fixture = Fixture::start(warm(), |config| {
        config.endpoints[0].response_in_success = true;
    })
    .await;
    fixture.invoke("job-1.a1", "bytes=3").await;
    let message = fixture.message("job-1.a1").await;
    assert_eq!(message["responseBody"]["content"], "eHh4");
    assert_eq!(message["responseBody"]["encoding"], "BASE64");
    fixture.invoke("job-2.a1", "bytes=131073").await;
    assert_eq!(fixture.message("job-2.a1").await.get("responseBody"), None);
    fixture.invoke("job-3.a1", "status=400").await;
    assert_eq!(fixture.message("job-3.a1").await.get("responseBody"), None);
}

#[tokio::test]
async fn endpoint_scales_out_from_zero_and_publishes_a_test_notification_per_capacity_change() {
    let mut fixture =
        Fixture::start(Settings::default(), |config| config.time_factor = 600.0).await;
    let topics = fixture.cloud.test_notifications(2).await;
    assert!(topics[0].ends_with(":success") && topics[1].ends_with(":error"));
    fixture.invoke("job-1.a1", "").await;
    fixture
        .wait_for_event(EndpointEventKind::Queued {
            has_capacity: false,
        })
        .await;
    fixture
        .wait_for("the start of an instance", |seen| {
            matches!(seen.kind, EndpointEventKind::InstanceStarting { .. })
        })
        .await;
    fixture
        .wait_for_event(EndpointEventKind::InstanceInService { instance: 1 })
        .await;
    let running = fixture
        .wait_for("the start of the run", |seen| {
            matches!(seen.kind, EndpointEventKind::InvocationStarted { .. })
        })
        .await;
    // One alarm period and the cold start.
    assert!(running.at >= secs(60 + 300), "{running:?}");
    assert_eq!(running.inference_id.as_deref(), Some("job-1.a1"));
    fixture.message("job-1.a1").await;
    assert!(fixture.container.pings() > 0);
    fixture
        .wait_for_event(EndpointEventKind::InstanceStopped {
            instance: 1,
            lost: false,
        })
        .await;
    assert_eq!(fixture.cloud.test_notifications(6).await.len(), 6);
}

#[tokio::test]
async fn container_that_fails_its_ping_gets_no_invocations() {
    let container = Container::start().await;
    container.set_unhealthy(true);
    let mut fixture = Fixture::start(warm(), |config| {
        config.endpoints[0].container_url = container.url();
    })
    .await;
    fixture.invoke("job-1.a1", "").await;
    fixture
        .wait_for_event(EndpointEventKind::Queued {
            has_capacity: false,
        })
        .await;
    crate::support::wait_until("two pings", || container.pings() >= 2).await;
    let state = fixture.server.state(NAME).unwrap();
    assert_eq!((state.waiting, state.running), (1, 0));
    assert_eq!(state.instances[0].status, "HealthCheck");
    container.set_unhealthy(false);
    fixture.message("job-1.a1").await;
}

#[tokio::test]
async fn timed_out_invocation_is_published_as_server_error_0() {
    let fixture = Fixture::start(warm(), |config| {
        config.time_factor = 20.0;
        config.min_invocation_timeout = std::time::Duration::ZERO;
    })
    .await;
    let call = fixture.client.invoke_endpoint_async();
    call.endpoint_name(NAME)
        .input_location(INPUT)
        .inference_id("job-1.a1")
        .invocation_timeout_seconds(2)
        .custom_attributes("hang")
        .send()
        .await
        .unwrap();
    let message = fixture.message("job-1.a1").await;
    let reason = format!("ClientError: Received server error (0) from model. {LOGS}");
    assert_eq!(message["failureReason"], reason);
}

#[tokio::test]
async fn request_without_capacity_expires() {
    let mut fixture = Fixture::start(never_scales_out(), |config| config.time_factor = 600.0).await;
    let call = fixture.client.invoke_endpoint_async();
    call.endpoint_name(NAME)
        .input_location(INPUT)
        .inference_id("job-1.a1")
        .request_ttl_seconds(60)
        .send()
        .await
        .unwrap();
    fixture.wait_for_event(EndpointEventKind::Expired).await;
    let message = fixture.message("job-1.a1").await;
    assert!(
        message["failureReason"]
            .as_str()
            .unwrap()
            .contains("expired")
    );
    assert_eq!(fixture.server.state(NAME).unwrap().expired, 1);
}

#[tokio::test]
async fn request_of_a_lost_instance_runs_again_and_ends_once() {
    let mut fixture = Fixture::start(warm(), |config| config.time_factor = 600.0).await;
    let running = |delivery| move |seen: &async_endpoint::server::EndpointEvent| matches!(seen.kind, EndpointEventKind::InvocationStarted { delivery: d, .. } if d == delivery);
    let call = fixture.client.invoke_endpoint_async();
    let call = call.endpoint_name(NAME).input_location(INPUT);
    call.inference_id("job-1.a1")
        .invocation_timeout_seconds(3600)
        .custom_attributes("hang")
        .send()
        .await
        .unwrap();
    fixture.wait_for("the first run", running(1)).await;
    crate::support::wait_until("one call", || fixture.container.calls().len() == 1).await;
    assert!(fixture.server.kill_instance(NAME).unwrap());
    fixture.wait_for_event(EndpointEventKind::Redelivered).await;
    fixture.wait_for("the second run", running(2)).await;
    crate::support::wait_until("two calls", || fixture.container.calls().len() == 2).await;
    fixture.container.release_hanging();
    let message = fixture.message("job-1.a1").await;
    assert_eq!(message["invocationStatus"], "Completed");
    let state = fixture.server.state(NAME).unwrap();
    assert_eq!((state.accepted, state.completed), (1, 1));
}

#[tokio::test]
async fn notifications_are_lost_duplicated_and_delayed_by_faults() {
    let mut fixture = Fixture::start(warm(), |config| config.time_factor = 600.0).await;
    fixture.set_faults(Faults {
        lose_notification: FaultRate::ALWAYS.times(1),
        duplicate_notification: FaultRate::ALWAYS.times(1),
        delay_notification: FaultRate::ALWAYS.times(2),
        max_notification_delay: secs(300),
        ..Faults::default()
    });
    fixture.invoke("lost", "").await;
    fixture
        .wait_for_event(EndpointEventKind::NotificationLost)
        .await;
    fixture.invoke("twice", "").await;
    let copies = fixture.cloud.result_messages("twice", 2).await;
    assert_eq!(copies[0], copies[1]);
    fixture.invoke("fine", "").await;
    fixture.message("fine").await;
    let journal = fixture.cloud.journal();
    let lost =
        |e: &&CloudCall| matches!(e, CloudCall::Published(_, m) if m["inferenceId"] == "lost");
    assert_eq!(journal.iter().filter(lost).count(), 0);
    let outputs = journal.iter().filter(|e| matches!(e, CloudCall::Put(_)));
    assert_eq!(
        outputs.count(),
        3,
        "the output without notification is stored too"
    );
}

#[tokio::test]
async fn shut_down_server_no_longer_listens() {
    let fixture = Fixture::warm().await;
    fixture.invoke("job-1.a1", "hang").await;
    let url = fixture.server.url();
    fixture.server.shutdown().await;
    let address = url.strip_prefix("http://").unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn invalid_configuration_is_rejected_with_the_name_of_the_field() {
    let fixture = Fixture::warm().await;
    let right = || {
        let endpoint = crate::support::endpoint(&fixture.container, warm());
        let aws = async_endpoint::server::AwsTarget {
            endpoint_url: fixture.cloud.url(),
            region: "us-east-1".to_owned(),
            access_key: "test".to_owned(),
            secret_key: "test".to_owned(),
        };
        ServerConfig::new(vec![endpoint.clone(), endpoint], aws)
    };
    type Change = fn(&mut ServerConfig);
    let cases: [(Change, &str); 6] = [
        (|_| {}, "twice"),
        (|c| c.endpoints[0].name = "a b".to_owned(), "endpoint name"),
        (|c| c.time_factor = 0.0, "time factor"),
        (
            |c| c.endpoints[0].s3_output_path = "out".to_owned(),
            "S3OutputPath",
        ),
        (
            |c| c.endpoints[0].container_url = "127.0.0.1".to_owned(),
            "container URL",
        ),
        (
            |c| c.endpoints[0].settings.max_concurrent_per_instance = 0,
            "MaxConcurrentInvocationsPerInstance",
        ),
    ];
    for (change, words) in cases {
        let mut config = right();
        if words != "twice" {
            config.endpoints.pop();
        }
        change(&mut config);
        let error = Server::start(config).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}
