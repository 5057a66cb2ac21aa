//! An SQS queue that a rule on the event bus sends Docket's events to, as a downstream system would have it.

use aws_sdk_sqs::types::QueueAttributeName;
use devstack::Stack;
use serde_json::{Value, json};

use super::json_call::call_json;
use super::within_timeout;

pub(crate) struct EventListener {
    sqs: aws_sdk_sqs::Client,
    queue: String,
}

impl EventListener {
    /// Creates a queue and a rule of this name for the events of one tenant, or of all tenants.
    pub(crate) async fn new(stack: &Stack, name: &str, tenant: Option<&str>) -> Self {
        let sqs = stack.cloud.sqs.clone();
        let created = sqs.create_queue().queue_name(name).send().await;
        let queue = created.unwrap().queue_url.unwrap();
        let arn = QueueAttributeName::QueueArn;
        let get = sqs.get_queue_attributes().queue_url(&queue);
        let got = get.attribute_names(arn.clone()).send().await.unwrap();
        let arn = &got.attributes.unwrap()[&arn];

        let mut pattern = json!({"source": ["docket"]});
        if let Some(tenant) = tenant {
            pattern["detail"] = json!({"job": {"tenant": [tenant]}});
        }
        let bus = &stack.outputs.event_bus_name;
        let rule = json!({"Name": name, "EventBusName": bus, "EventPattern": pattern.to_string()});
        let put = call_json(stack, "events", "AWSEvents.PutRule", &rule).await;
        assert!(put["RuleArn"].is_string(), "{put}");
        let targets = json!([{"Id": "queue", "Arn": arn}]);
        let targets = json!({"Rule": name, "EventBusName": bus, "Targets": targets});
        let put = call_json(stack, "events", "AWSEvents.PutTargets", &targets).await;
        assert_eq!(put["FailedEntryCount"], 0, "{put}");
        Self { sqs, queue }
    }

    pub(crate) async fn next(&self) -> Value {
        let receive = async {
            loop {
                let events = self.receive(1).await.expect("the emulator answers");
                if let Some(event) = events.into_iter().next() {
                    return event;
                }
            }
        };
        within_timeout("an event", receive).await
    }

    /// Receives up to `max` events, waiting for up to five seconds. `None` if the emulator no longer answers.
    pub(crate) async fn receive(&self, max: i32) -> Option<Vec<Value>> {
        let receive = self.sqs.receive_message().queue_url(&self.queue);
        let receive = receive.wait_time_seconds(5).max_number_of_messages(max);
        let received = receive.send().await.ok()?;
        let mut events = Vec::new();
        for message in received.messages.unwrap_or_default() {
            events.push(serde_json::from_str(&message.body.unwrap()).unwrap());
            let delete = self.sqs.delete_message().queue_url(&self.queue);
            let delete = delete.receipt_handle(message.receipt_handle.unwrap());
            delete.send().await.unwrap();
        }
        Some(events)
    }
}
