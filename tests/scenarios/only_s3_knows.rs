//! The endpoint has done its work and told nobody, or the wrong thing: what S3 has settles it.

use async_endpoint::{FaultRate, Faults};
use aws_sdk_dynamodb::types::AttributeValue;
use devstack::Stack;
use serde_json::Value;

use crate::nobody_says_a_word::reconcile;
use crate::support::{
    Tenant, contract, let_the_deadline_pass, row, run_alone, s3_event, sample, text, until,
};

const ENDPOINT: &str = "docket-doc-understanding";
const PAST: &str = "1767607442118";

/// The endpoint tells nobody what became of a run, until this is dropped.
pub(crate) struct Silence(&'static Stack);

impl Silence {
    pub(crate) fn of(stack: &'static Stack) -> Self {
        let silent = Faults {
            lose_notification: FaultRate::ALWAYS,
            ..Faults::default()
        };
        stack.endpoints.set_faults(ENDPOINT, silent).unwrap();
        Self(stack)
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let Self(stack) = self;
        stack
            .endpoints
            .set_faults(ENDPOINT, Faults::default())
            .unwrap();
    }
}

/// A document whose run is over, though its job does not know.
pub(crate) struct Unheard {
    pub(crate) key: String,
    pub(crate) id: String,
    /// The key of what the first attempt left: an output (`out`) or a failure (`err`).
    pub(crate) left: String,
}

/// Uploads a document to a silent endpoint, and waits until its run has left something.
pub(crate) async fn unheard(
    tenant: &mut Tenant,
    name: &str,
    bytes: Vec<u8>,
    leaves: &str,
) -> Unheard {
    let key = tenant.upload("inbound-documents/", name, bytes).await;
    let id = tenant.job(&key);
    tenant.see(&id, |job| job.status == "InProgress").await;
    let row = row(tenant.stack, &id).await;
    let attempt = row["attempts"].as_l().unwrap()[0].as_m().unwrap();
    let left = text(attempt, &[leaves]).to_owned();
    let s3 = &tenant.stack.cloud.s3;
    until("what the run leaves", async || {
        let head = s3.head_object().bucket(tenant.bucket()).key(&left);
        head.send().await.ok()
    })
    .await;
    Unheard { key, id, left }
}

async fn delete(tenant: &Tenant, key: &str) {
    let delete = tenant.stack.cloud.s3.delete_object();
    let delete = delete.bucket(tenant.bucket()).key(key);
    delete.send().await.unwrap();
}

/// Changes the row of a job behind everybody's back.
async fn change(stack: &Stack, id: &str, expression: &str, values: &[(&str, AttributeValue)]) {
    let update = stack.cloud.dynamodb.update_item();
    let update = update
        .table_name(&stack.outputs.jobs_table_name)
        .key("job_id", AttributeValue::S(id.to_owned()));
    let names = [
        ("#status", "status"),
        ("#state", "state"),
        ("#last", "last"),
        ("#until", "until"),
    ];
    let mut update = update.update_expression(expression);
    for (name, means) in names.iter().filter(|(name, _)| expression.contains(name)) {
        update = update.expression_attribute_names(*name, *means);
    }
    for (name, value) in values {
        update = update.expression_attribute_values(*name, value.clone());
    }
    update.send().await.unwrap();
}

fn number(text: &str) -> AttributeValue {
    AttributeValue::N(text.to_owned())
}

/// Publishes a notification as the endpoint would, from an example in `events`.
pub(crate) async fn publish(stack: &Stack, topic: &str, example: &str, id: &str, output: &str) {
    let example = std::fs::read(devstack::repo_file("events").join(example)).unwrap();
    let mut message: Value = serde_json::from_slice(&example).unwrap();
    message["inferenceId"] = format!("{id}.a1").into();
    if message.get("responseParameters").is_some() {
        message["responseParameters"]["outputLocation"] = output.into();
    }
    let publish = aws_sdk_sns::Client::new(stack.cloud.config()).publish();
    let publish = publish.topic_arn(topic).message(message.to_string());
    publish.send().await.unwrap();
}

/// "Every job reaches `Ready`, `Failed` or `Cancelled` within a bound that its pipeline states, whatever messages are
/// lost, doubled, late or swapped, and wherever a function dies." Here the input is gone too.
#[test]
fn about_a_failure_and_it_is_found_at_the_deadline() {
    run_alone(async |stack| {
        let mut acme = Tenant::new(stack, "lost-failure").await;
        let silence = Silence::of(stack);
        let job = unheard(&mut acme, "broken.pdf", sample("bad/broken.pdf"), "err").await;
        delete(&acme, &job.key).await;
        drop(silence);
        let_the_deadline_pass(stack, &job.id).await;
        assert_eq!(reconcile(stack, "{}")["woken"], 1);
        let seen = acme
            .see(&job.id, |job| job.status == "RetryScheduled")
            .await;
        let detail = seen.failure.unwrap().detail;
        assert!(detail.contains("broken PDF"), "{detail}");
        // The second attempt finds no input.
        let (cause, detail) = acme.failed(&job.id).await;
        assert_eq!(acme.page.jobs[&job.id].attempt, 2, "{cause}: {detail}");
    });
}

/// "`Ready` means: the output object is there, its location is recorded, and it was made from this version of the
/// input." It was, though the input has been deleted since.
#[test]
fn that_the_result_is_of_a_deleted_input() {
    run_alone(async |stack| {
        let mut acme = Tenant::new(stack, "deleted-input").await;
        let silence = Silence::of(stack);
        let job = unheard(&mut acme, "document.pdf", contract(), "out").await;
        drop(silence);
        delete(&acme, &job.key).await;
        let output = format!("s3://{}/{}", acme.bucket(), job.left);
        let topic = &stack.outputs.inference_success_topic_arn;
        let example = "inference-success/completed.json";
        publish(stack, topic, example, &job.id, &output).await;
        acme.ready(&job.id).await;
    });
}

/// "`Ready` means: the output object is there, its location is recorded, and it was made from this version of the
/// input." A job that may not run again fails.
#[test]
fn that_an_output_is_missing_and_the_last_attempt_fails() {
    run_alone(async |stack| {
        let mut acme = Tenant::new(stack, "missing-at-last").await;
        let silence = Silence::of(stack);
        let job = unheard(&mut acme, "document.pdf", contract(), "out").await;
        drop(silence);
        delete(&acme, &job.left).await;
        change(
            stack,
            &job.id,
            "SET #state.#last = :one",
            &[(":one", number("1"))],
        )
        .await;
        let output = format!("s3://{}/{}", acme.bucket(), job.left);
        let topic = &stack.outputs.inference_success_topic_arn;
        let example = "inference-success/completed.json";
        publish(stack, topic, example, &job.id, &output).await;
        let (_, detail) = acme.failed(&job.id).await;
        assert!(detail.contains(&output), "{detail}");
    });
}

/// "A duplicate event costs no second GPU run." Whoever submitted the document died before saying that the endpoint
/// took it, and the endpoint takes it no second time: the result is there all the same.
#[test]
fn of_a_result_whose_submission_was_not_recorded() {
    run_alone(async |stack| {
        let mut acme = Tenant::new(stack, "unrecorded").await;
        let silence = Silence::of(stack);
        let job = unheard(&mut acme, "document.pdf", contract(), "out").await;
        let expression = "SET #status = :submitting, #state.claim = :claim, #state.lease_expires_at = :past, \
             #state.#until = :past";
        let values = [
            (":submitting", AttributeValue::S("Submitting".to_owned())),
            (":claim", number("1")),
            (":past", number(PAST)),
        ];
        change(stack, &job.id, expression, &values).await;
        let refuses = Faults {
            invoke_unavailable: FaultRate::ALWAYS,
            ..Faults::default()
        };
        stack.endpoints.set_faults(ENDPOINT, refuses).unwrap();
        let version = text(&row(stack, &job.id).await, &["input", "version"]).to_owned();
        let event = s3_event(acme.bucket(), &job.key, &version);
        let send = stack.cloud.sqs.send_message();
        let send = send.queue_url(&stack.outputs.uploads_queue_url);
        send.message_body(event).send().await.unwrap();
        assert_eq!(acme.ready(&job.id).await.attempt, 1);
        drop(silence);
    });
}
