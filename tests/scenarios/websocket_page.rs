//! Pages: who may open one, and what becomes of those that went away.

use aws_sdk_dynamodb::types::AttributeValue;
use devstack::{Frame, PageError, PageJob, Stack};
use serde_json::json;

use crate::api::{SUPPORT, api};
use crate::endpoint_notifications::{SilencedEndpoint, publish, unreported_job};
use crate::support::{TestTenant, contract, run, run_alone, soon, until};

async fn connections(stack: &Stack, tenant: &str) -> Vec<String> {
    let query = stack
        .cloud
        .dynamodb
        .query()
        .table_name(&stack.outputs.connections_table_name);
    let query = query
        .key_condition_expression("tenant = :tenant")
        .consistent_read(true);
    let found = query
        .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_owned()))
        .send()
        .await
        .unwrap();
    let items = found.items.unwrap_or_default();
    items
        .iter()
        .map(|item| item["connection_id"].as_s().unwrap().clone())
        .collect()
}

#[test]
fn ticket_opens_one_connection_and_reuse_is_refused() {
    run(async |stack| {
        let ticket = stack.issue_ticket("tickets").await.unwrap();
        let page = stack.connect(&ticket).await.unwrap();
        for refused in [ticket.as_str(), "not-a-ticket", ""] {
            match stack.connect(refused).await {
                Err(PageError::Refused(401 | 403)) => {}
                other => panic!("a page opened with {refused:?}: {other:?}"),
            }
        }
        page.close().await;
    });
}

#[test]
fn unknown_frame_is_answered_with_an_error() {
    run(async |stack| {
        let mut strange = TestTenant::new(stack, "strange").await;
        strange.page.send("hello?").await.unwrap();
        let frame = strange.next().await.frame;
        assert!(
            matches!(&frame, Frame::Error { message } if message.contains("sync")),
            "{frame:?}"
        );
    });
}

#[test]
fn closed_connection_is_deregistered() {
    run(async |stack| {
        let tenant = TestTenant::new(stack, "closed").await;
        assert_eq!(connections(stack, "closed").await.len(), 1);
        tenant.page.close().await;
        until("the page to be forgotten", async || {
            connections(stack, "closed").await.is_empty().then_some(())
        })
        .await;
    });
}

/// API Gateway does not always tell when a page is gone; the next push finds out.
#[test]
fn stale_connection_is_removed_by_the_next_push_and_the_job_becomes_ready() {
    run(async |stack| {
        add_stale_connection(stack, "gone").await;
        let mut tenant = TestTenant::new(stack, "gone").await;
        let key = tenant.upload("inbound/", "nda.pdf", contract()).await;
        let id = tenant.job(&key);
        tenant.ready(&id).await;
        wait_for_one_connection(stack, "gone").await;
    });
}

#[test]
fn every_pushing_function_removes_stale_connections() {
    const NAME: &str = "gone-later";
    const WANTS_LESS: &str = "gone-at-last";
    run_alone(async |stack| {
        let mut tenant = TestTenant::new(stack, NAME).await;
        let silence = SilencedEndpoint::of(stack);
        // The function that hears of an error, the one that tries again, and the one that hears of a success.
        let job = unreported_job(&mut tenant, "first.pdf", contract(), "out").await;
        add_stale_connection(stack, NAME).await;
        let topic = &stack.outputs.inference_error_topic_arn;
        let example = "inference-error/server-error.json";
        publish(stack, topic, example, &job.id, "").await;
        tenant
            .see(&job.id, |job| job.status == "RetryScheduled")
            .await;
        wait_for_one_connection(stack, NAME).await;
        add_stale_connection(stack, NAME).await;
        let is_running = |job: &PageJob| job.status == "InProgress" && job.attempt == 2;
        tenant.see(&job.id, is_running).await;
        wait_for_one_connection(stack, NAME).await;
        add_stale_connection(stack, NAME).await;
        let output = format!("s3://{}/{}", tenant.bucket(), job.left);
        let topic = &stack.outputs.inference_success_topic_arn;
        let example = "inference-success/completed.json";
        publish(stack, topic, example, &job.id, &output).await;
        tenant.ready(&job.id).await;
        wait_for_one_connection(stack, NAME).await;
        // And the api's.
        let mut tenant = TestTenant::new(stack, WANTS_LESS).await;
        let job = unreported_job(&mut tenant, "second.pdf", contract(), "out").await;
        drop(silence);
        add_stale_connection(stack, WANTS_LESS).await;
        let order = Some(json!({"reason": "no longer wanted"}));
        let path = format!("/jobs/{}/cancel", job.id);
        let cancelled = api(stack, SUPPORT, "POST", &path, order).await;
        assert_eq!(cancelled.status, 200);
        wait_for_one_connection(stack, WANTS_LESS).await;
    });
}

/// A page of a tenant that went away without a word.
async fn add_stale_connection(stack: &Stack, tenant: &str) {
    let put = stack.cloud.dynamodb.put_item();
    let number = |n: u64| AttributeValue::N(n.to_string());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    put.table_name(&stack.outputs.connections_table_name)
        .item("tenant", text(tenant))
        .item("connection_id", text("L0SM9cOFvHcCIhw="))
        .item("registered_at", number(1))
        .item("token_expires_at", number(u64::MAX >> 12))
        .item("expires_at", number(u64::MAX >> 12))
        .send()
        .await
        .unwrap();
}

/// Waits until a tenant's only page is the one that is open.
async fn wait_for_one_connection(stack: &Stack, tenant: &str) {
    until("the page to be forgotten", async || {
        (connections(stack, tenant).await.len() == 1).then_some(())
    })
    .await;
}

#[test]
fn support_connection_receives_jobs_of_every_tenant() {
    run(async |stack| {
        let mut support = TestTenant::new(stack, "*").await;
        let one = TestTenant::new(stack, "watched").await;
        let key = one.upload("inbound/", "nda.pdf", contract()).await;
        let id = one.job(&key);
        let job = soon("the push", support.ready(&id)).await;
        assert_eq!(job.tenant, "watched");
    });
}
