//! What becomes of accepted requests: objects, messages, failures, faults, waking.

use crate::support::{Container, Entry, INPUT, NAME, World, asleep, secs, warm};
use async_endpoint::server::{Server, ServerConfig, What};
use async_endpoint::{Fault, Faults, Settings};
use serde_json::json;

const LOGS: &str = "See the SageMaker Endpoint logs in your account for more information.";

#[tokio::test]
async fn a_success_is_stored_then_announced_with_only_the_fields_that_were_sent() {
    let world = World::warm().await;
    let call = world.client.invoke_endpoint_async();
    let call = call.endpoint_name(NAME).input_location(INPUT);
    let answer = call.inference_id("job-1.a1").send().await.unwrap();
    let output = answer.output_location().unwrap();
    let mut message = world.message("job-1.a1").await;
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
    let object = world.cloud.object(output).unwrap();
    assert_eq!(object.bytes, "{\"bytes\":14}");
    assert_eq!(object.content_type.as_deref(), Some("application/json"));
    let journal = world.cloud.journal();
    let put = journal.iter().position(|e| matches!(e, Entry::Put(_)));
    let told = journal
        .iter()
        .position(|e| matches!(e, Entry::Published(_, m) if m["inferenceId"] == "job-1.a1"));
    assert!(put.unwrap() < told.unwrap(), "{journal:#?}");
    let Entry::Published(topic, _) = &journal[told.unwrap()] else {
        panic!()
    };
    assert!(topic.ends_with(":success"));
}

#[tokio::test]
async fn what_the_caller_sends_reaches_the_container_and_comes_back_in_the_message() {
    let world = World::warm().await;
    let call = world.client.invoke_endpoint_async();
    call.endpoint_name(NAME)
        .input_location(INPUT)
        .inference_id("job-1.a1")
        .content_type("application/pdf")
        .accept("application/json")
        .custom_attributes("tenant=acme")
        .send()
        .await
        .unwrap();
    let message = world.message("job-1.a1").await;
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
    let (headers, length) = world.container.calls().remove(0);
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
async fn what_goes_wrong_in_the_container_is_told_as_aws_tells_it() {
    let world = World::warm().await;
    let from_model = |what: &str| format!("ClientError: Received {what} from model. {LOGS}");
    for (word, reason, object) in [
        (
            "status=400",
            from_model("client error (400)"),
            "the model says no",
        ),
        (
            "status=500",
            from_model("server error (500)"),
            "the model says no",
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
        let call = world.client.invoke_endpoint_async();
        let answer = call
            .endpoint_name(NAME)
            .input_location(INPUT)
            .inference_id(word)
            .custom_attributes(word)
            .send()
            .await
            .unwrap();
        let message = world.message(word).await;
        assert_eq!(message["invocationStatus"], "Failed", "{word}");
        assert_eq!(message["failureReason"], reason);
        assert_eq!(message.get("responseParameters"), None);
        let at = answer.failure_location().unwrap();
        let stored = world.cloud.object(at).unwrap().bytes;
        let expected = if object.is_empty() { &reason } else { object };
        assert_eq!(stored, expected.as_bytes(), "{word}");
        let output = answer.output_location().unwrap();
        assert!(world.cloud.object(output).is_none());
    }
    let errors = world.cloud.journal().into_iter().filter(
        |e| matches!(e, Entry::Published(t, m) if t.ends_with(":error") && m["inferenceId"] != json!(null)),
    );
    assert_eq!(errors.count(), 5);
}

#[tokio::test]
async fn a_missing_input_fails_after_the_202_and_never_reaches_the_container() {
    let world = World::warm().await;
    let call = world.client.invoke_endpoint_async();
    call.endpoint_name(NAME)
        .input_location("s3://in/gone.pdf")
        .inference_id("job-1.a1")
        .send()
        .await
        .unwrap();
    let message = world.message("job-1.a1").await;
    assert_eq!(message["invocationStatus"], "Failed");
    assert!(
        message["failureReason"]
            .as_str()
            .unwrap()
            .starts_with("Failed to download the input from S3")
    );
    assert!(world.container.calls().is_empty());
}

#[tokio::test]
async fn an_unwritable_output_is_a_failure_that_is_still_told() {
    let world = World::warm().await;
    world.cloud.make_read_only();
    world.invoke("job-1.a1", "").await;
    let message = world.message("job-1.a1").await;
    let reason = "Failed to upload the response to the S3 output location.";
    assert_eq!(message["failureReason"], reason);
}

#[tokio::test]
async fn large_inputs_and_answers_pass_through() {
    let world = World::warm().await;
    let large = vec![b'x'; 24 * 1024 * 1024];
    world.cloud.put("/in/large.pdf", &large);
    let call = world.client.invoke_endpoint_async();
    let answer = call
        .endpoint_name(NAME)
        .input_location("s3://in/large.pdf")
        .inference_id("job-1.a1")
        .custom_attributes("bytes=9000000")
        .send()
        .await
        .unwrap();
    let message = world.message("job-1.a1").await;
    assert_eq!(
        message["responseParameters"]["contentType"],
        "application/pdf"
    );
    assert_eq!(world.container.calls()[0].1, large.len());
    let output = world.cloud.object(answer.output_location().unwrap());
    let output = output.unwrap();
    assert_eq!(output.bytes.len(), 9_000_000);
    assert!(output.bytes.iter().all(|byte| *byte == b'x'));

    let call = world.client.invoke_endpoint_async();
    call.endpoint_name(NAME)
        .input_location("s3://in/large.pdf")
        .inference_id("job-2.a1")
        .custom_attributes("refuse-unread")
        .send()
        .await
        .unwrap();
    let message = world.message("job-2.a1").await;
    assert_eq!(message["invocationStatus"], "Failed", "{message}");
}

#[tokio::test]
async fn the_answer_is_included_where_the_endpoint_says_so() {
    let world = World::start(warm(), |config| {
        config.endpoints[0].response_in_success = true;
    })
    .await;
    world.invoke("job-1.a1", "bytes=3").await;
    let message = world.message("job-1.a1").await;
    assert_eq!(message["responseBody"]["content"], "eHh4");
    assert_eq!(message["responseBody"]["encoding"], "BASE64");
    world.invoke("job-2.a1", "bytes=131073").await;
    assert_eq!(world.message("job-2.a1").await.get("responseBody"), None);
    world.invoke("job-3.a1", "status=400").await;
    assert_eq!(world.message("job-3.a1").await.get("responseBody"), None);
}

#[tokio::test]
async fn an_endpoint_at_zero_wakes_and_tells_both_topics_of_each_capacity_change() {
    let mut world = World::start(Settings::default(), |config| config.time_factor = 600.0).await;
    let topics = world.cloud.test_notifications(2).await;
    assert!(topics[0].ends_with(":success") && topics[1].ends_with(":error"));
    world.invoke("job-1.a1", "").await;
    world.observe_what(What::Queued { capacity: false }).await;
    world
        .observe(|seen| matches!(seen.what, What::Waking { .. }))
        .await;
    world
        .observe_what(What::InstanceInService { instance: 1 })
        .await;
    let running = world
        .observe(|seen| matches!(seen.what, What::Running { .. }))
        .await;
    // The alarm's first minute and the cold start: no machine is fast enough to be earlier.
    assert!(running.at >= secs(60 + 300), "{running:?}");
    assert_eq!(running.inference_id.as_deref(), Some("job-1.a1"));
    world.message("job-1.a1").await;
    assert!(world.container.pings() > 0);
    world
        .observe_what(What::InstanceStopped {
            instance: 1,
            lost: false,
        })
        .await;
    assert_eq!(world.cloud.test_notifications(6).await.len(), 6);
}

#[tokio::test]
async fn no_work_is_given_to_a_container_that_does_not_answer_its_ping() {
    let container = Container::start().await;
    container.set_sick(true);
    let mut world = World::start(warm(), |config| {
        config.endpoints[0].container_url = container.url();
    })
    .await;
    world.invoke("job-1.a1", "").await;
    world.observe_what(What::Queued { capacity: false }).await;
    crate::support::until(|| container.pings() >= 2).await;
    let state = world.server.state(NAME).unwrap();
    assert_eq!((state.waiting, state.running), (1, 0));
    assert_eq!(state.instances[0].phase, "Checking");
    container.set_sick(false);
    world.message("job-1.a1").await;
}

#[tokio::test]
async fn a_run_past_its_timeout_fails_without_a_status() {
    let world = World::start(warm(), |config| {
        config.time_factor = 20.0;
        config.shortest_timeout = std::time::Duration::ZERO;
    })
    .await;
    let call = world.client.invoke_endpoint_async();
    call.endpoint_name(NAME)
        .input_location(INPUT)
        .inference_id("job-1.a1")
        .invocation_timeout_seconds(2)
        .custom_attributes("hang")
        .send()
        .await
        .unwrap();
    let message = world.message("job-1.a1").await;
    let reason = format!("ClientError: Received server error (0) from model. {LOGS}");
    assert_eq!(message["failureReason"], reason);
}

#[tokio::test]
async fn a_request_nobody_takes_expires() {
    let mut world = World::start(asleep(), |config| config.time_factor = 600.0).await;
    let call = world.client.invoke_endpoint_async();
    call.endpoint_name(NAME)
        .input_location(INPUT)
        .inference_id("job-1.a1")
        .request_ttl_seconds(60)
        .send()
        .await
        .unwrap();
    world.observe_what(What::Expired).await;
    let message = world.message("job-1.a1").await;
    assert!(
        message["failureReason"]
            .as_str()
            .unwrap()
            .contains("expired")
    );
    assert_eq!(world.server.state(NAME).unwrap().expired, 1);
}

#[tokio::test]
async fn a_killed_instance_makes_the_request_run_again_and_end_once() {
    let mut world = World::start(warm(), |config| config.time_factor = 600.0).await;
    let running = |delivery| move |seen: &async_endpoint::server::Observation| matches!(seen.what, What::Running { delivery: d, .. } if d == delivery);
    let call = world.client.invoke_endpoint_async();
    let call = call.endpoint_name(NAME).input_location(INPUT);
    call.inference_id("job-1.a1")
        .invocation_timeout_seconds(3600)
        .custom_attributes("hang")
        .send()
        .await
        .unwrap();
    world.observe(running(1)).await;
    crate::support::until(|| world.container.calls().len() == 1).await;
    assert!(world.server.kill_instance(NAME).unwrap());
    world.observe_what(What::Redelivered).await;
    world.observe(running(2)).await;
    crate::support::until(|| world.container.calls().len() == 2).await;
    world.container.go_on();
    let message = world.message("job-1.a1").await;
    assert_eq!(message["invocationStatus"], "Completed");
    let state = world.server.state(NAME).unwrap();
    assert_eq!((state.accepted, state.completed), (1, 1));
}

#[tokio::test]
async fn notifications_are_lost_doubled_and_late_on_demand() {
    let mut world = World::start(warm(), |config| config.time_factor = 600.0).await;
    world.set_faults(Faults {
        lose_notification: Fault::ALWAYS.times(1),
        double_notification: Fault::ALWAYS.times(1),
        delay_notification: Fault::ALWAYS.times(2),
        longest_delay: secs(300),
        ..Faults::default()
    });
    world.invoke("lost", "").await;
    world.observe_what(What::NotificationLost).await;
    world.invoke("twice", "").await;
    let copies = world.cloud.result_messages("twice", 2).await;
    assert_eq!(copies[0], copies[1]);
    world.invoke("fine", "").await;
    world.message("fine").await;
    let journal = world.cloud.journal();
    let lost = |e: &&Entry| matches!(e, Entry::Published(_, m) if m["inferenceId"] == "lost");
    assert_eq!(journal.iter().filter(lost).count(), 0);
    let outputs = journal.iter().filter(|e| matches!(e, Entry::Put(_)));
    assert_eq!(outputs.count(), 3, "the output of the lost one is there");
}

#[tokio::test]
async fn a_server_that_is_shut_down_is_gone() {
    let world = World::warm().await;
    world.invoke("job-1.a1", "hang").await;
    let url = world.server.url();
    world.server.shutdown().await;
    let address = url.strip_prefix("http://").unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_wrong_configuration_is_refused_by_name() {
    let world = World::warm().await;
    let right = || {
        let endpoint = crate::support::endpoint(&world.container, warm());
        let aws = async_endpoint::server::AwsTarget {
            endpoint_url: world.cloud.url(),
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
