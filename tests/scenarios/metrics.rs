//! What the service finds out about itself: by documents of its own, and by counting.

use aws_sdk_s3::primitives::ByteStream;
use devstack::Stack;
use serde_json::{Value, json};

use crate::api::{SUPPORT, api};
use crate::logs::{logs, service};
use crate::lost_notifications::reconcile;
use crate::support::{TestTenant, contract, run, sample, until};

/// The jobs that a list of support's has of a file name.
async fn listed(stack: &Stack, query: &str, name: &str) -> Vec<Value> {
    let page = api(stack, SUPPORT, "GET", &format!("/jobs?{query}"), None).await;
    let jobs = page.json()["jobs"].as_array().cloned().unwrap();
    jobs.into_iter().filter(|job| job["name"] == name).collect()
}

/// The figures of a metric that a function has written, by CloudWatch's rules for what is a metric in a log line.
async fn figures(stack: &Stack, function: &str, metric: &str, of: &[(&str, &str)]) -> Vec<Value> {
    let lines = logs(stack, function, metric).await;
    let wanted: Vec<&str> = of.iter().map(|(name, _)| *name).collect();
    let is_of = |line: &Value| {
        let told = &line["_aws"]["CloudWatchMetrics"][0];
        told["Namespace"] == "Docket"
            && told["Dimensions"]
                .as_array()
                .unwrap()
                .contains(&json!(wanted))
            && of.iter().all(|(name, value)| line[*name] == *value)
    };
    let values = lines.iter().filter(|line| is_of(line));
    values
        .filter_map(|line| line.get(metric).cloned())
        .collect()
}

/// As the schedule of infra/endpoint.yaml has it made every day: the same copy to the same key.
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
        let by = [("Service", service(stack)), ("Pipeline", "legal-review")];
        until("both figures", async || {
            let ready = figures(stack, "inference-success", "ProbesReady", &by).await;
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
        acme.see(&id, |_| true).await;
        let counted = reconcile(stack, "{}")["open"].clone();
        for pipeline in ["legal-review", "ocr-batch", "doc-understanding"] {
            assert!(counted[pipeline]["open"].is_u64(), "{counted}");
            let by = [("Service", service(stack)), ("Pipeline", pipeline)];
            until("the figure in the log", async || {
                let open = figures(stack, "reconciler", "JobsOpen", &by).await;
                open.contains(&json!([counted[pipeline]["open"]]))
                    .then_some(())
            })
            .await;
        }
        acme.ready(&id).await;
    });
}
