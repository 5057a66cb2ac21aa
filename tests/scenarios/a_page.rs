//! Pages: who may open one, and what becomes of those that went away.

use aws_sdk_dynamodb::types::AttributeValue;
use devstack::{JobView, PushClientError, PushFrame, Stack};
use serde_json::json;

use crate::desk::{SUPPORT, api};
use crate::only_s3_knows::{Silence, publish, unheard};
use crate::support::{Tenant, contract, run, run_alone, soon, until};

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
fn opens_once_with_a_ticket_and_never_without() {
    run(async |stack| {
        let ticket = stack.issue_ticket("tickets").await.unwrap();
        let page = stack.connect(&ticket).await.unwrap();
        for refused in [ticket.as_str(), "not-a-ticket", ""] {
            match stack.connect(refused).await {
                Err(PushClientError::Rejected(401 | 403)) => {}
                other => panic!("a page opened with {refused:?}: {other:?}"),
            }
        }
        page.close().await;
    });
}

#[test]
fn that_says_something_strange_is_told_what_to_say() {
    run(async |stack| {
        let mut strange = Tenant::new(stack, "strange").await;
        strange.page.send("hello?").await.unwrap();
        let frame = strange.next().await.frame;
        assert!(
            matches!(&frame, PushFrame::Error { message } if message.contains("sync")),
            "{frame:?}"
        );
    });
}

#[test]
fn that_is_closed_is_forgotten() {
    run(async |stack| {
        let tenant = Tenant::new(stack, "closed").await;
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
fn that_is_gone_without_a_word_harms_no_job_and_is_forgotten() {
    run(async |stack| {
        leave_behind(stack, "gone").await;
        let mut tenant = Tenant::new(stack, "gone").await;
        let key = tenant.upload("inbound/", "nda.pdf", contract()).await;
        let id = tenant.job(&key);
        tenant.ready(&id).await;
        is_alone(stack, "gone").await;
    });
}

#[test]
fn that_is_gone_is_forgotten_whoever_finds_out() {
    const NAME: &str = "gone-later";
    const WANTS_LESS: &str = "gone-at-last";
    run_alone(async |stack| {
        let mut tenant = Tenant::new(stack, NAME).await;
        let silence = Silence::of(stack);
        // The function that hears of an error, the one that tries again, and the one that hears of a success.
        let job = unheard(&mut tenant, "first.pdf", contract(), "out").await;
        leave_behind(stack, NAME).await;
        let topic = &stack.outputs.inference_error_topic_arn;
        let example = "inference-error/server-error.json";
        publish(stack, topic, example, &job.id, "").await;
        tenant
            .see(&job.id, |job| job.status == "RetryScheduled")
            .await;
        is_alone(stack, NAME).await;
        leave_behind(stack, NAME).await;
        let is_running = |job: &JobView| job.status == "InProgress" && job.attempt == 2;
        tenant.see(&job.id, is_running).await;
        is_alone(stack, NAME).await;
        leave_behind(stack, NAME).await;
        let output = format!("s3://{}/{}", tenant.bucket(), job.left);
        let topic = &stack.outputs.inference_success_topic_arn;
        let example = "inference-success/completed.json";
        publish(stack, topic, example, &job.id, &output).await;
        tenant.ready(&job.id).await;
        is_alone(stack, NAME).await;
        // And the desk's.
        let mut tenant = Tenant::new(stack, WANTS_LESS).await;
        let job = unheard(&mut tenant, "second.pdf", contract(), "out").await;
        drop(silence);
        leave_behind(stack, WANTS_LESS).await;
        let order = Some(json!({"reason": "no longer wanted"}));
        let path = format!("/jobs/{}/cancel", job.id);
        let cancelled = api(stack, SUPPORT, "POST", &path, order).await;
        assert_eq!(cancelled.status, 200);
        is_alone(stack, WANTS_LESS).await;
    });
}

/// A page of a tenant that went away without a word.
async fn leave_behind(stack: &Stack, tenant: &str) {
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
async fn is_alone(stack: &Stack, tenant: &str) {
    until("the page to be forgotten", async || {
        (connections(stack, tenant).await.len() == 1).then_some(())
    })
    .await;
}

#[test]
fn that_watches_every_tenant_sees_jobs_of_all() {
    run(async |stack| {
        let mut support = Tenant::new(stack, "*").await;
        let one = Tenant::new(stack, "watched").await;
        let key = one.upload("inbound/", "nda.pdf", contract()).await;
        let id = one.job(&key);
        let job = soon("the push", support.ready(&id)).await;
        assert_eq!(job.tenant, "watched");
    });
}
