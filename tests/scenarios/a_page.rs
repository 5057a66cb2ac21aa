//! Pages: who may open one, and what becomes of those that went away.

use aws_sdk_dynamodb::types::AttributeValue;
use devstack::{Frame, PageError, Stack};

use crate::support::{Tenant, contract, run, soon, until};

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
                Err(PageError::Refused(401 | 403)) => {}
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
            matches!(&frame, Frame::Error { message } if message.contains("sync")),
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
        let put = stack
            .cloud
            .dynamodb
            .put_item()
            .table_name(&stack.outputs.connections_table_name);
        let number = |n: u64| AttributeValue::N(n.to_string());
        let put = put.item("tenant", AttributeValue::S("gone".to_owned()));
        let put = put.item(
            "connection_id",
            AttributeValue::S("L0SM9cOFvHcCIhw=".to_owned()),
        );
        let put = put
            .item("registered_at", number(1))
            .item("token_expires_at", number(u64::MAX >> 12));
        put.item("expires_at", number(u64::MAX >> 12))
            .send()
            .await
            .unwrap();

        let mut tenant = Tenant::new(stack, "gone").await;
        let key = tenant.upload("inbound/", "nda.pdf", contract()).await;
        let id = tenant.job(&key);
        tenant.ready(&id).await;
        until("the page to be forgotten", async || {
            (connections(stack, "gone").await.len() == 1).then_some(())
        })
        .await;
    });
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
