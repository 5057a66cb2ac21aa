//! The page in real browsers, connected to the real functions. `web/e2e/stack.test.ts` drives Chromium,
//! `web/e2e/main-path.test.ts` the main path in Chromium, Firefox and WebKitGTK.

use std::io::Write;
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

/// Why no browser test can run on this machine.
fn missing_page() -> Option<&'static str> {
    let web = devstack::repo_file("web");
    let is_built = web.join("node_modules").is_dir() && web.join("dist/index.html").is_file();
    (!is_built).then_some("the page is not built: run `make web`, which needs Node")
}

/// What the tests in Chromium need and this machine lacks.
fn missing_prerequisite() -> Option<&'static str> {
    if let Some(missing) = missing_page() {
        return Some(missing);
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

/// Runs a file of browser tests and returns its output, in which skipped tests are marked.
async fn run_in_browser(stack: &Stack, file: &str, settings: &[(&str, &str)]) -> String {
    let site = WebServer::start(&stack.outputs, &stack.cloud.url)
        .await
        .unwrap();
    let tests = Command::new("node")
        .args(["scripts/run.mjs", "--test", "e2e", file])
        .current_dir(devstack::repo_file("web"))
        .env(
            "PAGE_URL",
            site.as_ref().map(|site| site.url.as_str()).unwrap(),
        )
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let output = String::from_utf8_lossy(&tests.stdout).into_owned();
    let errors = String::from_utf8_lossy(&tests.stderr);
    assert!(tests.status.success(), "{output}{errors}");
    output
}

/// Says what is skipped, also when the test passes: the harness captures only what is printed with `eprintln!`.
fn report_skipped(what: &str) {
    assert!(std::env::var_os("CI").is_none(), "{what}");
    let line = format!("skipped: {what}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Alone, because the browser and the functions need both cores.
#[test]
fn browser_page_shows_the_job_table() {
    if let Some(missing) = missing_prerequisite() {
        report_skipped(missing);
        return;
    }
    run_alone(async |stack| {
        let name = "A contract that failed.pdf";
        create_failed_job(stack, name).await;
        create_ready_jobs(stack, MANY_JOBS).await;
        let many = MANY_JOBS.to_string();
        let settings = [("PAGE_FAILED", name), ("PAGE_MANY", many.as_str())];
        run_in_browser(stack, "stack.test", &settings).await;
    });
}

/// Browsers that a developer's machine lacks are skipped and named; in CI they are required.
#[test]
fn main_path_works_in_three_browser_engines() {
    if let Some(missing) = missing_page() {
        report_skipped(missing);
        return;
    }
    run_alone(async |stack| {
        let output = run_in_browser(stack, "main-path.test", &[]).await;
        for line in output.lines().filter(|line| line.contains("# SKIP")) {
            report_skipped(line.trim_start_matches("ok ").trim());
        }
    });
}
