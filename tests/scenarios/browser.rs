//! The page in a real browser, connected to the real functions. `web/e2e/stack.test.ts` drives it.

use std::path::Path;
use std::process::Stdio;

use devstack::{Stack, WebServer};
use functions::aws::Aws;
use futures_util::{StreamExt, stream};
use jobs::id::{JobId, Timestamp};
use jobs::ports::{Clock, JobStore, ObjectDeletion as _, ObjectStore};
use jobs::save_request::SaveRequest;
use jobs::state::{Cause, Failure, State};
use jobs::transition::Event;
use testkit::fixture::AdvanceJob as _;
use tokio::process::Command;

use crate::support::{aws, contract, run_alone, until};

/// Number of rows that the page has to show.
const MANY_JOBS: u64 = 1000;

/// What the browser test needs and this machine lacks.
fn missing_prerequisite() -> Option<&'static str> {
    let web = devstack::repo_file("web");
    if !web.join("node_modules").is_dir() || !web.join("dist/index.html").is_file() {
        return Some("the page is not built: run `make web`, which needs Node");
    }
    let browser = std::env::var_os("CHROMIUM").unwrap_or_else(|| "/usr/bin/chromium".into());
    (!Path::new(&browser).is_file()).then_some("Chromium is not installed (CHROMIUM is its path)")
}

functions::environment! {
    struct BrowserTables {
        jobs_table: JobsTable,
        bucket: Bucket,
    }
}

fn ports(stack: &Stack) -> Aws<BrowserTables> {
    let outputs = &stack.outputs;
    let tables = BrowserTables {
        jobs_table: outputs.jobs_table_name.clone(),
        bucket: outputs.jobs_bucket_name.clone(),
    };
    aws(stack, tables)
}

/// Creates ready jobs of tenant `globex`.
async fn create_ready_jobs(stack: &Stack, count: u64) {
    let ports = ports(stack);
    let bucket = &stack.outputs.jobs_bucket_name;
    let template = testkit::conformance::full_job(bucket, "globex", 0);
    let now = ports.now();
    stream::iter(0..count)
        .for_each_concurrent(8, async |number| {
            let mut job = template.clone();
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

/// Creates a failed job of tenant `acme` that a retry makes ready: a ready job whose output is deleted and whose state
/// is overwritten. A model error cannot be caused at will, and a broken document would fail again.
async fn create_failed_job(stack: &Stack, name: &str) {
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
        ports
            .delete_version(&output, &version.version)
            .await
            .unwrap();
    }
    let failure = Failure::new(Cause::ModelError, "the model failed");
    let attempt = ready.state.attempt();
    let event = Event::AttemptFailed {
        attempt,
        failure: failure.clone(),
    };
    let failed = ready.advanced(&event, State::Failed { attempt, failure }, ports.now());
    ports.save(SaveRequest::for_tests(&failed)).await.unwrap();
}

/// Alone, because the browser and the functions need both cores.
#[test]
fn browser_page_shows_the_job_table() {
    if let Some(missing) = missing_prerequisite() {
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
        create_failed_job(stack, name).await;
        create_ready_jobs(stack, MANY_JOBS).await;
        let tests = Command::new("node")
            .args(["scripts/run.mjs", "--test", "e2e", "stack.test"])
            .current_dir(devstack::repo_file("web"))
            .env("PAGE_URL", url)
            .env("PAGE_FAILED", name)
            .env("PAGE_MANY", MANY_JOBS.to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let output = String::from_utf8_lossy(&tests.stdout);
        assert!(
            tests.status.success(),
            "{output}{}",
            String::from_utf8_lossy(&tests.stderr)
        );
    });
}
