//! WebSocket connections of pages: tickets, push messages, and the removal of closed and stale connections.

use aws_sdk_dynamodb::types::AttributeValue;
use devstack::{JobView, PushClientError, PushMessage, Stack};
use serde_json::json;

use crate::api::{SUPPORT, call_as};
use crate::support::{
    DOC_UNDERSTANDING, EndpointFaults, RunResult, TestTenant, UnreportedJob, contract, run,
    run_alone, until,
};

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
                Err(PushClientError::Rejected(401 | 403)) => {}
                other => panic!("a connection opened with {refused:?}: {other:?}"),
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
            matches!(&frame, PushMessage::Error { message } if message.contains("sync")),
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
        until("the end of the registration", async || {
            connections(stack, "closed").await.is_empty().then_some(())
        })
        .await;
    });
}

/// API Gateway does not always report a disconnect; the next push then fails with `GoneException`.
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
    const CANCELLED: &str = "gone-at-last";
    run_alone(async |stack| {
        let mut tenant = TestTenant::new(stack, NAME).await;
        let faults = EndpointFaults::lose_notifications(stack, DOC_UNDERSTANDING);
        let output = RunResult::Output;
        let job = UnreportedJob::create(&mut tenant, "first.pdf", contract(), output).await;
        // Function inference-error.
        add_stale_connection(stack, NAME).await;
        job.publish_error(stack).await;
        tenant.wait_for_status(&job.id, "RetryScheduled").await;
        wait_for_one_connection(stack, NAME).await;
        // Function retry.
        add_stale_connection(stack, NAME).await;
        let is_second_attempt = |job: &JobView| job.status == "InProgress" && job.attempt == 2;
        tenant.wait_for(&job.id, is_second_attempt).await;
        wait_for_one_connection(stack, NAME).await;
        // Function inference-success.
        add_stale_connection(stack, NAME).await;
        job.publish_success(stack).await;
        tenant.ready(&job.id).await;
        wait_for_one_connection(stack, NAME).await;
        // Function support-api.
        let mut tenant = TestTenant::new(stack, CANCELLED).await;
        let job = UnreportedJob::create(&mut tenant, "second.pdf", contract(), output).await;
        drop(faults);
        add_stale_connection(stack, CANCELLED).await;
        let reason = Some(json!({"reason": "no longer wanted"}));
        let path = format!("/jobs/{}/cancel", job.id);
        let cancelled = call_as(stack, SUPPORT, "POST", &path, reason).await;
        assert_eq!(cancelled.status, 200);
        wait_for_one_connection(stack, CANCELLED).await;
    });
}

/// Registers a connection that does not exist any more.
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

/// Waits until a tenant's only registered connection is the open one.
async fn wait_for_one_connection(stack: &Stack, tenant: &str) {
    until("the removal of the stale connection", async || {
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
        let job = support.ready(&id).await;
        assert_eq!(job.tenant, "watched");
    });
}
