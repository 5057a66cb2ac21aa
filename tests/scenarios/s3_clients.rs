//! Customers upload with S3 clients of others: `tests/clients/s3/client.py`. What Docket shows of the document is what the client
//! said, and neither the same file again nor another metadata costs a second run.

use std::process::Stdio;
use std::time::Duration;

use async_endpoint::server::{EndpointEvent, EndpointEventKind};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::broadcast::Receiver;

use crate::api::{SUPPORT, call_as};
use crate::support::{TestTenant, messages, row, run, text, until, within_timeout};

const DOCUMENT: &str = "contracts/NDA Halden-Brightwater.pdf";
/// The name in the metadata, and the name that Docket shows.
const REFERENCE: (&str, &str) = ("INV%2F4711%20M%C3%BCller", "INV/4711 Müller");

/// A client, its tenant, and the place of its document.
struct Upload<'a> {
    client: &'a str,
    tenant: TestTenant,
    key: String,
}

impl Upload<'_> {
    async fn step(&self, step: &str, reference: &str) {
        let python = devstack::repo_file("target/venv-s3-clients/bin/python");
        let mut command = Command::new(python);
        command
            .arg(devstack::repo_file("tests/clients/s3/client.py"))
            .args([self.client, step, self.tenant.bucket(), &self.key])
            .arg(devstack::repo_file("samples").join(DOCUMENT))
            .arg(reference)
            .envs(devstack::cloud::environment(&self.tenant.stack.cloud.url))
            .stdin(Stdio::null());
        let done = within_timeout(self.client, command.output()).await.unwrap();
        let printed = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success(), "{} {step}: {printed}", self.client);
    }

    /// Waits until all that was uploaded before is processed: another document is ready, and no event waits.
    async fn settle(&mut self) {
        let last = self.tenant.upload("inbound/", "last.pdf", last()).await;
        let last = self.tenant.job(&last);
        self.tenant.ready(&last).await;
        let queue = &self.tenant.stack.outputs.uploads_queue_url;
        until("an empty queue of uploads", async || {
            (messages(self.tenant.stack, queue).await == 0).then_some(())
        })
        .await;
    }

    async fn get(&self, path: &str) -> Value {
        let answer = call_as(self.tenant.stack, SUPPORT, "GET", path, None).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.json()
    }
}

/// Another document than the client's.
fn last() -> Vec<u8> {
    crate::support::sample("contracts/consulting-agreement.pdf")
}

/// How many runs of these jobs began since the receiver was made.
async fn runs(events: &mut Receiver<EndpointEvent>, jobs: &[String]) -> usize {
    let mut runs = 0;
    while let Ok(Ok(seen)) = tokio::time::timeout(Duration::ZERO, events.recv()).await {
        let is_run = matches!(seen.kind, EndpointEventKind::InvocationStarted { .. });
        let inference = seen.inference_id.unwrap_or_default();
        runs += usize::from(is_run && jobs.iter().any(|job| inference.starts_with(job)));
    }
    runs
}

fn try_client(client: &'static str, tenant: &'static str) {
    let python = devstack::repo_file("target/venv-s3-clients/bin/python");
    if !python.exists() {
        assert!(std::env::var_os("CI").is_none(), "run: make venv-clients");
        eprintln!("skipped: make venv-clients");
        return;
    }
    run(async |stack| {
        let mut events = stack.endpoint_events();
        let mut upload = Upload {
            client,
            tenant: TestTenant::new(stack, tenant).await,
            key: format!("inbound/{tenant}/nda.pdf"),
        };
        upload.step("upload", REFERENCE.0).await;
        let id = upload.tenant.job(&upload.key);
        upload.tenant.ready(&id).await;
        let detail = upload.get(&format!("/jobs/{id}")).await;
        let job = &detail["job"];
        assert_eq!(job["name"], "nda.pdf");
        let file = devstack::repo_file("samples").join(DOCUMENT);
        assert_eq!(job["bytes"], std::fs::metadata(file).unwrap().len());
        assert_eq!(job["reference"], REFERENCE.1);
        assert_eq!(job["batch"], "2026-05");
        assert_eq!(job["tags"], json!({"matter": "47-11", "client": "ACME"}));
        let row = row(stack, &id).await;
        assert_eq!(text(&row, &["input", "type"]), "application/pdf");

        upload.step("upload", REFERENCE.0).await;
        upload.step("change", "another").await;
        upload.settle().await;
        let listed = upload.get(&format!("/jobs?tenant={tenant}")).await;
        let jobs = listed["jobs"].as_array().unwrap();
        let ids: Vec<String> = jobs
            .iter()
            .map(|job| job["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids.len(), 2, "{client}: one job per content: {listed}");
        assert!(ids.contains(&id));
        assert_eq!(runs(&mut events, &ids).await, 2, "{client}: a run each");
        let after = upload.get(&format!("/jobs/{id}")).await;
        assert_eq!(after["job"]["reference"], REFERENCE.1);
    });
}

#[test]
fn aws_cli_makes_one_job_per_content() {
    try_client("awscli", "s3-awscli");
}

#[test]
fn boto3_makes_one_job_per_content() {
    try_client("boto3", "s3-boto3");
}

#[test]
fn minio_makes_one_job_per_content() {
    try_client("minio", "s3-minio");
}

#[test]
fn obstore_makes_one_job_per_content() {
    try_client("obstore", "s3-obstore");
}

#[test]
fn rclone_makes_one_job_per_content() {
    try_client("rclone", "s3-rclone");
}

#[test]
fn s3cmd_makes_one_job_per_content() {
    try_client("s3cmd", "s3-s3cmd");
}
