//! The model of an endpoint fails every document: the circuit breaker opens, uploads wait, one job probes, and the rest goes
//! on when the endpoint works again.

use aws_sdk_dynamodb::types::AttributeValue;
use devstack::Stack;

use crate::api::{CliUser, SUPPORT};
use crate::support::{
    DOC_UNDERSTANDING, EndpointFaults, RunResult, TestTenant, UnreportedJob, contract,
    expire_deadline, reconcile, row, run_alone, text, until,
};

/// The line of the breaker in the pause record.
const LINE: &str = "!doc-understanding:*\t";
/// `failures` of a pipeline that does not set it.
const FAILURES: usize = 5;

#[test]
fn jobs_wait_while_their_endpoint_fails_every_document_and_go_on_after_a_probe() {
    run_alone(async |stack| {
        let mut acme = TestTenant::new(stack, "breaker").await;
        let faults = EndpointFaults::lose_notifications(stack, DOC_UNDERSTANDING);
        let mut ids = Vec::new();
        for number in 0..FAILURES {
            let name = format!("{number}.pdf");
            let job = UnreportedJob::create(&mut acme, &name, contract(), RunResult::Output).await;
            ids.push(job.id.clone());
            job.publish_error(stack).await;
            until("the failure", async || {
                let row = row(stack, &job.id).await;
                let attempt = row["attempts"].as_l().unwrap()[0].as_m().unwrap();
                attempt.contains_key("closed_at").then_some(())
            })
            .await;
        }
        let last = ids.last().unwrap();
        assert_eq!(text(&row(stack, last).await, &["status"]), "Queued");
        assert!(probe_at(stack).await.is_some());

        let key = acme
            .upload("inbound-documents/", "waits.pdf", contract())
            .await;
        let waits = acme.job(&key);
        acme.wait_for_status(&waits, "Queued").await;
        let support = CliUser::sign_in(stack, SUPPORT).await;
        let listed = support.docket(&["pauses"]).await;
        assert!(
            listed.stdout.contains("circuit breaker"),
            "{}",
            listed.stdout
        );
        let explained = support.docket(&["jobs", "explain", &waits]).await;
        let said = &explained.stdout;
        assert!(said.contains("one job probes the endpoint"), "{said}");
        lists_open_jobs(&support, ids.last().into_iter().chain([&waits])).await;
        // No probe is due.
        reconcile(stack, "{}");
        assert_eq!(text(&row(stack, &waits).await, &["status"]), "Queued");

        drop(faults);
        let_probe_start(stack).await;
        // A retry that began before the breaker opened lost its notification, too.
        for id in &ids {
            if text(&row(stack, id).await, &["status"]) == "InProgress" {
                expire_deadline(stack, id).await;
            }
        }
        ids.push(waits);
        for id in &ids {
            until("the job to be ready", async || {
                if text(&row(stack, id).await, &["status"]) == "Ready" {
                    return Some(());
                }
                reconcile(stack, "{}");
                None
            })
            .await;
        }
        assert_eq!(probe_at(stack).await, None, "the breaker is closed");
    });
}

/// The list of all tenants' open jobs and the summary have the jobs that the breaker holds, each once.
async fn lists_open_jobs(support: &CliUser, held: impl Iterator<Item = &String>) {
    let list = support.json(&["jobs", "list", "--status", "open"]).await;
    let jobs = list["jobs"].as_array().unwrap();
    let mut count = 0;
    for id in held {
        let of_job = jobs.iter().filter(|job| job["id"] == id.as_str());
        assert_eq!(of_job.count(), 1, "{id}: {list}");
        count += 1;
    }
    let summary = support.json(&["summary"]).await;
    assert!(summary["open"].as_u64() >= Some(count), "{summary}");
}

async fn body(stack: &Stack) -> String {
    let get = stack.cloud.dynamodb.get_item();
    let get = get
        .table_name(&stack.outputs.records_table_name)
        .key("pk", AttributeValue::S("pauses".to_owned()))
        .key("sk", AttributeValue::S("now".to_owned()))
        .consistent_read(true);
    let item = get.send().await.unwrap().item.unwrap_or_default();
    item.get("body")
        .and_then(|body| body.as_s().ok().cloned())
        .unwrap_or_default()
}

/// When the next probe is due; `None` if the breaker is closed.
async fn probe_at(stack: &Stack) -> Option<u64> {
    let body = body(stack).await;
    let line = body.lines().find_map(|line| line.strip_prefix(LINE))?;
    let (probe_at, _) = line.split_once('\t')?;
    probe_at.parse().ok().filter(|probe_at| *probe_at != 0)
}

/// Moves the time of the next probe into the past.
async fn let_probe_start(stack: &Stack) {
    let probe_at = probe_at(stack).await.unwrap();
    let body = body(stack).await;
    let earlier = probe_at - 60_000;
    let body = body.replace(
        &format!("{LINE}{probe_at}\t"),
        &format!("{LINE}{earlier}\t"),
    );
    let update = stack.cloud.dynamodb.update_item();
    update
        .table_name(&stack.outputs.records_table_name)
        .key("pk", AttributeValue::S("pauses".to_owned()))
        .key("sk", AttributeValue::S("now".to_owned()))
        .update_expression("SET #body = :body")
        .expression_attribute_names("#body", "body")
        .expression_attribute_values(":body", AttributeValue::S(body))
        .send()
        .await
        .unwrap();
}
