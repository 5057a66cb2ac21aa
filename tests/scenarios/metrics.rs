//! Metrics that the service publishes about itself: results of probes, and the backlog.

use aws_sdk_s3::primitives::ByteStream;
use devstack::Stack;
use serde_json::{Value, json};

use crate::api::{SUPPORT, call_as};
use crate::logs::{logs, service};
use crate::support::{TestTenant, contract, reconcile, run, sample, until};

/// The jobs with a file name in a job list of support.
async fn listed(stack: &Stack, query: &str, name: &str) -> Vec<Value> {
    let page = call_as(stack, SUPPORT, "GET", &format!("/jobs?{query}"), None).await;
    let jobs = page.json()["jobs"].as_array().cloned().unwrap();
    jobs.into_iter().filter(|job| job["name"] == name).collect()
}

/// The values of a metric in a function's log, read by the rules of CloudWatch's embedded metric format.
async fn metric_values(
    stack: &Stack,
    function: &str,
    metric: &str,
    dimensions: &[(&str, &str)],
) -> Vec<Value> {
    let lines = logs(stack, function, metric).await;
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let has_metric = |line: &Value| {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        directive["Namespace"] == "Docket"
            && directive["Dimensions"]
                .as_array()
                .unwrap()
                .contains(&json!(names))
            && dimensions.iter().all(|(name, value)| line[*name] == *value)
    };
    let values = lines.iter().filter(|line| has_metric(line));
    values
        .filter_map(|line| line.get(metric).cloned())
        .collect()
}

/// The schedule of infra/endpoint.yaml makes the same copy to the same key every day.
#[test]
fn daily_probe_becomes_ready_and_is_hidden_from_job_lists() {
    run(async |stack| {
        let (s3, bucket) = (&stack.cloud.s3, &stack.outputs.jobs_bucket_name);
        let document = ByteStream::from(contract());
        let put = s3.put_object().bucket(bucket).key("probe/document.pdf");
        put.body(document).send().await.unwrap();
        for day in 1..=2 {
            let copy = s3.copy_object().bucket(bucket);
            copy.copy_source(format!("{bucket}/probe/document.pdf"))
                .key("inbound/probe/scheduled.pdf")
                .send()
                .await
                .unwrap();
            until("the probe to be ready", async || {
                let query = "tenant=probe&status=ready";
                let ready = listed(stack, query, "scheduled.pdf").await;
                (ready.len() == day).then_some(())
            })
            .await;
        }
        let dimensions = [("Service", service(stack)), ("Pipeline", "legal-review")];
        until("a metric for each probe", async || {
            let ready = metric_values(stack, "inference-success", "ProbesReady", &dimensions).await;
            let count = ready.iter().map(|values| values[0].as_u64().unwrap());
            (count.sum::<u64>() >= 2).then_some(())
        })
        .await;
        let (name, broken) = ("broken-probe.pdf", sample("bad/broken.pdf"));
        let put = s3.put_object().bucket(bucket);
        let put = put.key(format!("inbound/probe/{name}"));
        put.body(broken.into()).send().await.unwrap();
        until("the probe to fail", async || {
            let failed = listed(stack, "tenant=probe&status=failed", name).await;
            (!failed.is_empty()).then_some(())
        })
        .await;
        let shown = listed(stack, "status=failed&limit=100", name).await;
        assert!(shown.is_empty(), "{shown:?}");
    });
}

#[test]
fn reconciler_publishes_the_backlog_of_every_pipeline() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "counted").await;
        let key = acme.upload("inbound/", "nda.pdf", contract()).await;
        let id = acme.job(&key);
        acme.wait_for(&id, |_| true).await;
        let backlog = reconcile(stack, "{}")["open"].clone();
        for pipeline in ["legal-review", "ocr-batch", "doc-understanding"] {
            assert!(backlog[pipeline]["open"].is_u64(), "{backlog}");
            let dimensions = [("Service", service(stack)), ("Pipeline", pipeline)];
            until("the metric in the log", async || {
                let open = metric_values(stack, "reconciler", "JobsOpen", &dimensions).await;
                open.contains(&json!([backlog[pipeline]["open"]]))
                    .then_some(())
            })
            .await;
        }
        acme.ready(&id).await;
    });
}
