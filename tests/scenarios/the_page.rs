//! The page in a real browser, over the real functions: `web/e2e/stack.test.ts` drives it.

use std::path::Path;
use std::process::Stdio;

use api::ports::ObjectTransfers;
use devstack::{Stack, WebServer};
use functions::aws::Aws;
use functions::config::Var;
use futures_util::{StreamExt, stream};
use jobs::id::{JobId, Timestamp};
use jobs::ports::{Clock, JobStore, ObjectStore};
use jobs::state::{Cause, Failure, State};
use jobs::transition::Event;
use tokio::process::Command;

use crate::support::{aws, contract, run_alone, until};

/// How many rows a page has to show.
const MANY: u64 = 1000;

/// What the browser tests need that a machine for Rust may not have.
fn missing() -> Option<&'static str> {
    let web = devstack::repo_file("web");
    if !web.join("node_modules").is_dir() || !web.join("dist/index.html").is_file() {
        return Some("the page is not built: needs Node, run make web");
    }
    let browser = std::env::var_os("CHROMIUM").unwrap_or_else(|| "/usr/bin/chromium".into());
    (!Path::new(&browser).is_file())
        .then_some("there is no Chromium (CHROMIUM names another place)")
}

fn ports(stack: &Stack) -> Aws {
    let outputs = &stack.outputs;
    let names = [
        (Var::JobsTable, outputs.jobs_table_name.as_str()),
        (Var::Bucket, &outputs.jobs_bucket_name),
    ];
    aws(stack, &names)
}

/// As many ready jobs of the other tenant as a page may have to show.
async fn many_jobs(stack: &Stack, many: u64) {
    let ports = ports(stack);
    let bucket = &stack.outputs.jobs_bucket_name;
    let model = testkit::conformance::full_job(bucket, "globex", 0);
    let now = ports.now();
    stream::iter(0..many)
        .for_each_concurrent(8, async |number| {
            let mut job = model.clone();
            job.input.key = format!("inbound/globex/Contract {number}.pdf");
            job.input.name = None;
            job.input.uploaded_by = None;
            job.id = JobId::of_key(bucket, &job.input.key);
            job.created_at = Timestamp(now.0 - number * 60_000);
            job.state = State::Ready {
                attempt: job.state.attempt(),
            };
            ports.create(&job).await.unwrap();
        })
        .await;
}

/// A job of the reviewer's tenant that failed, and that a retry makes ready: one that was ready, as if its result had
/// never come. Failures of the model cannot be had at will, and those of documents stay.
async fn failed_job(stack: &Stack, name: &str) {
    let outputs = &stack.outputs;
    let bucket = &outputs.jobs_bucket_name;
    let key = format!("inbound/acme/{name}");
    let put = stack.cloud.s3.put_object().bucket(bucket).key(&key);
    put.content_type("application/pdf")
        .body(contract().into())
        .send()
        .await
        .unwrap();
    let ports = ports(stack);
    let id = JobId::of_key(bucket, &key);
    let ready = until("the job to be ready", async || {
        let job = ports.load(id).await.unwrap()?;
        matches!(job.state, State::Ready { .. }).then_some(job)
    })
    .await;
    let output = ready.output().unwrap().clone();
    for version in ports.versions(bucket, &output.key).await.unwrap() {
        ports.delete(&output, &version).await.unwrap();
    }
    let failure = Failure::new(Cause::ModelError, "the model broke down");
    let attempt = ready.state.attempt();
    let event = Event::AttemptFailed {
        attempt,
        failure: failure.clone(),
    };
    let failed = ready.advanced(&event, State::Failed { attempt, failure }, ports.now());
    ports.save(&failed).await.unwrap();
}

/// By itself: a browser and the functions want both cores.
#[test]
fn in_a_real_browser_is_what_the_table_says() {
    if let Some(missing) = missing() {
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        eprintln!("skipped: {missing}");
        return;
    }
    run_alone(async |stack| {
        let site = WebServer::start(&stack.outputs, &stack.cloud.url)
            .await
            .unwrap();
        let url = site.as_ref().map(|site| site.url.as_str()).unwrap();
        let name = "A contract that failed.pdf";
        failed_job(stack, name).await;
        many_jobs(stack, MANY).await;
        let tests = Command::new("node")
            .args(["scripts/run.mjs", "--test", "e2e", "stack.test"])
            .current_dir(devstack::repo_file("web"))
            .env("PAGE_URL", url)
            .env("PAGE_FAILED", name)
            .env("PAGE_MANY", MANY.to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&tests.stdout);
        assert!(
            tests.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&tests.stderr)
        );
    });
}
