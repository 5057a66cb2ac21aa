//! Function `capacity` sets the number of instances of a pipeline whose scaling is `docket`.

use async_endpoint::server::EndpointEventKind;
use async_endpoint::{EndpointParameters, ScaleIn, Settings};
use aws_sdk_dynamodb::types::AttributeValue;
use devstack::Stack;
use serde_json::Value;

use crate::api::{CliUser, SUPPORT};
use crate::support::{
    EndpointFaults, PAST_MS, TestTenant, aws_cli, contract, deploy_shipped, deploy_with_settings,
    reconcile, text, until, update_row,
};

const PIPELINE: &str = "ocr-batch";
const ENDPOINT: &str = "docket-ocr-batch";
/// As many as its endpoint's `MaxInstances`: a request for the maximum does not wait for further uploads.
const BURST: u32 = 4;
const FUNCTION: &str = "capacity";

/// Only the function scales the endpoint, until this is dropped: the endpoint has no policies. Its objective is one that a
/// test can wait for.
struct ScaledByDocket {
    stack: &'static Stack,
}

impl ScaledByDocket {
    fn begin(stack: &'static Stack) -> Self {
        let capacity = "capacity = { drain_within_seconds = 1, idle_seconds = 3600, typical_cold_start_seconds = 1 }";
        let policies = Settings {
            scale_from_zero_datapoints: u32::MAX,
            scale_out_datapoints: u32::MAX,
            scale_in: ScaleIn::Off,
            ..Settings::default()
        };
        stack.endpoints.set_scaling(ENDPOINT, &policies).unwrap();
        deploy_with_settings(stack, FUNCTION, PIPELINE, capacity);
        let timeout = ["--function-name", "docket-capacity", "--timeout", "12"];
        // One evaluation per run.
        aws_cli(
            stack,
            &[&["lambda", "update-function-configuration"][..], &timeout].concat(),
        );
        Self { stack }
    }

    fn evaluate(&self) -> Value {
        let answer = std::env::temp_dir().join(format!("adjusted-{}.json", std::process::id()));
        let invoke = ["lambda", "invoke", "--function-name", "docket-capacity"];
        let payload = ["--payload", "{}", answer.to_str().unwrap()];
        let printed = aws_cli(self.stack, &[&invoke[..], &payload].concat());
        let text = std::fs::read_to_string(&answer).unwrap();
        std::fs::remove_file(&answer).unwrap();
        assert!(!printed.contains("FunctionError"), "{printed}{text}");
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["incomplete"], false, "{report}");
        report
    }

    /// Waits until the idle time is over, in the function's eyes, and it has stopped all instances.
    async fn stop_all(&self) {
        until("no instance", async || {
            self.evaluate();
            age_observations(self.stack).await;
            (self.desired() == 0).then_some(())
        })
        .await;
    }

    fn desired(&self) -> u32 {
        let state = self.stack.endpoints.state(ENDPOINT).unwrap();
        state.desired_instances
    }
}

impl Drop for ScaledByDocket {
    fn drop(&mut self) {
        deploy_shipped(self.stack, FUNCTION);
        let file = include_str!("../../infra/endpoints/ocr-batch.json");
        let settings = EndpointParameters::parse(file).unwrap().settings;
        let endpoints = &self.stack.endpoints;
        let settings = settings.scaled_by_aws();
        endpoints.set_scaling(ENDPOINT, &settings).unwrap();
    }
}

/// The number of instances that have started since the receiver was made.
fn started(
    events: &mut tokio::sync::broadcast::Receiver<async_endpoint::server::EndpointEvent>,
) -> u32 {
    let mut count = 0;
    while let Ok(event) = events.try_recv() {
        let is_start = matches!(event.kind, EndpointEventKind::InstanceStarting { .. });
        count += u32::from(is_start && &*event.endpoint == ENDPOINT);
    }
    count
}

/// No instance is stopped while a job is open, and a burst out of zero is answered with one request.
#[test]
fn burst_out_of_zero_gets_its_instances_at_once_and_they_stop_after_it() {
    crate::support::run_alone(async |stack| {
        let mut acme = TestTenant::new(stack, "instances").await;
        let docket = ScaledByDocket::begin(stack);
        // Earlier scenarios may have left instances.
        docket.stop_all().await;
        reconcile(stack, "{}");
        let mut events = stack.endpoint_events();
        let mut jobs = Vec::new();
        for number in 0..BURST {
            let name = format!("batch {number}.pdf");
            let key = acme.upload("inbound-batches/", &name, contract()).await;
            jobs.push(acme.job(&key));
        }
        for job in &jobs {
            acme.wait_for_status(job, "InProgress").await;
        }
        until("instances", async || {
            docket.evaluate();
            (docket.desired() == BURST).then_some(())
        })
        .await;
        docket.evaluate();
        for job in &jobs {
            acme.ready(job).await;
        }
        assert_eq!(started(&mut events), BURST);

        // A job whose result is lost keeps the instances as long as there may be one.
        let silent = EndpointFaults::lose_notifications(stack, ENDPOINT);
        let key = acme
            .upload("inbound-batches/", "lost.pdf", contract())
            .await;
        let lost = acme.job(&key);
        acme.wait_for_status(&lost, "InProgress").await;
        // So old that the function looks at the row, whose attempt has only begun.
        let past = AttributeValue::N(PAST_MS.to_owned());
        // The tag is of a model that no endpoint serves any more: it is looked up and not named.
        let values = [(":past", past), (":tag", AttributeValue::N("7".to_owned()))];
        let expression = "SET created_at = :past, attempts[0].model_tag = :tag";
        update_row(stack, &lost, expression, &values).await;
        let support = CliUser::sign_in(stack, SUPPORT).await;
        let detail = support.json(&["jobs", "show", &lost]).await;
        assert!(detail["attempts"][0]["model"].is_null(), "{detail}");
        age_observations(stack).await;
        docket.evaluate();
        assert_eq!(docket.desired(), BURST);
        drop(silent);
        crate::support::expire_deadline(stack, &lost).await;
        reconcile(stack, "{}");
        acme.ready(&lost).await;

        docket.stop_all().await;
        assert_eq!(started(&mut events), 0);
    });
}

/// Changes what the function has observed, if it has: all of it was long ago.
async fn age_observations(stack: &Stack) {
    let key = |name: &str, value: &str| (name.to_owned(), AttributeValue::S(value.to_owned()));
    let key = [key("pk", "capacity"), key("sk", PIPELINE)];
    let table = &stack.outputs.records_table_name;
    let dynamodb = &stack.cloud.dynamodb;
    let get = dynamodb.get_item().table_name(table).consistent_read(true);
    let found = get.set_key(Some(key.clone().into())).send().await.unwrap();
    let Some(record) = found.item else { return };
    let mut seen: Value = serde_json::from_str(text(&record, &["body"])).unwrap();
    let past: u64 = PAST_MS.parse().unwrap();
    for name in ["serving_since", "last_ended_at", "last_open_at"] {
        seen[name] = past.into();
    }
    let update = dynamodb.update_item().table_name(table);
    update
        .set_key(Some(key.into()))
        .update_expression("SET body = :body")
        .expression_attribute_values(":body", AttributeValue::S(seen.to_string()))
        .send()
        .await
        .unwrap();
}
