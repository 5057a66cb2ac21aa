//! `make upgrade FROM=<release> TO=<release>`: updates a service from one release to another and back on the local stack,
//! each time with open jobs of the other one, and checks that every document ends as it would have without.
//!
//! A release is a folder that `make release` made; an empty path is this checkout. `--capture FOLDER` writes rows of open
//! jobs as FROM wrote them: `tests/scenarios/older_release` has those of one release.

#![expect(clippy::print_stdout, reason = "a command-line program")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use async_endpoint::{FaultRate, Faults};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::byte_stream::ByteStream;
use devstack::{ChildProcesses, PushClient, RunDir, Stack, StackOptions, has_ended};
use jobs::id::JobId;
use serde_json::{Value, json};

/// Documents per direction that wait for an instance.
const WAITING: usize = 16;
/// Documents per direction that the endpoint refuses until the update is over.
const REFUSED: usize = 8;
/// The endpoints' clock: a cold start of five minutes takes thirty seconds, longer than an update.
const TIME_FACTOR: f64 = 10.0;
const MAX_WAIT: Duration = Duration::from_secs(300);
const WAITING_AT: &str = "docket-legal-review";
const REFUSING: &str = "docket-doc-understanding";

type Item = HashMap<String, AttributeValue>;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next();
    let (from, to) = (next().context("FROM")?, next().context("TO")?);
    let capture = match (next().as_deref(), next()) {
        (None, None) => None,
        (Some("--capture"), Some(folder)) => Some(PathBuf::from(folder)),
        _ => bail!("upgrade FROM TO [--capture FOLDER]"),
    };
    let release = |path: &str| (!path.is_empty()).then(|| PathBuf::from(path));
    let (from, to) = (release(&from), release(&to));
    let dir = RunDir::create_unique("upgrade")?;
    let children = ChildProcesses::default();
    let progress: devstack::ProgressCallback = Arc::new(|step| println!("{step}"));
    let options = StackOptions {
        time_factor: TIME_FACTOR,
        release: from.clone(),
        ..StackOptions::TESTS
    };
    let stack = Stack::start(options, &dir, &children, &progress).await?;
    let steps = async {
        step(&stack, "upgrade", to.as_deref(), capture.as_deref()).await?;
        step(&stack, "downgrade", from.as_deref(), None).await
    };
    let done = tokio::select! {
        done = steps => done,
        reason = stack.failed() => bail!("{reason}"),
    };
    stack.stop().await;
    done
}

/// Uploads documents, updates the service while their jobs are open, and waits for the end of each.
async fn step(
    stack: &Stack,
    tenant: &'static str,
    release: Option<&Path>,
    capture: Option<&Path>,
) -> Result<()> {
    wait_for_no_instance(stack).await?;
    let mut page = stack.open_push_client(tenant).await?;
    let refuse = Faults {
        invoke_unavailable: FaultRate::ALWAYS,
        ..Faults::default()
    };
    stack.endpoints.set_faults(REFUSING, refuse)?;
    let mut ids = Vec::new();
    for number in 0..WAITING {
        ids.push(upload(stack, "inbound", tenant, number).await?);
    }
    for number in 0..REFUSED {
        ids.push(upload(stack, "inbound-documents", tenant, number).await?);
    }
    wait(&mut page, "jobs are open", |page| {
        ids.iter().all(|id| page.jobs.contains_key(id))
            && statuses(page, &ids).get("RetryScheduled") == Some(&REFUSED)
            && statuses(page, &ids).get("InProgress") == Some(&WAITING)
    })
    .await?;
    if let Some(folder) = capture {
        write_capture(stack, &ids, folder).await?;
    }
    println!("{tenant}: before the update {:?}", statuses(&page, &ids));
    let began = Instant::now();
    stack.update(release).await?;
    let took = began.elapsed();
    // `page` has not read yet what was pushed during the update. A new client starts from a snapshot.
    let mut after = stack.open_push_client(tenant).await?;
    wait(&mut after, "the snapshot", |page| {
        ids.iter().all(|id| page.jobs.contains_key(id))
    })
    .await?;
    println!(
        "{tenant}: after the update of {:.1} s {:?}",
        took.as_secs_f64(),
        statuses(&after, &ids)
    );
    ensure!(
        ids.iter().any(|id| !has_ended(&after.jobs[id])),
        "no job was open any more: the update tested nothing"
    );
    stack.endpoints.set_faults(REFUSING, Faults::default())?;
    wait(&mut after, "every job has ended", |page| {
        ids.iter().all(|id| has_ended(&page.jobs[id]))
    })
    .await?;
    let runs: u32 = ids.iter().map(|id| u32::from(after.jobs[id].attempt)).sum();
    println!(
        "{tenant}: at the end {:?}, {runs} attempts",
        statuses(&after, &ids)
    );
    ensure!(
        statuses(&after, &ids).get("Ready") == Some(&ids.len()),
        "every document should be ready"
    );
    ensure!(runs as usize == ids.len(), "a document was run twice");
    Ok(())
}

/// Waits until the endpoints have stopped their instances: the documents must then wait for a cold start.
async fn wait_for_no_instance(stack: &Stack) -> Result<()> {
    let end = Instant::now() + MAX_WAIT;
    while !stack.endpoints.state(WAITING_AT)?.instances.is_empty() {
        ensure!(Instant::now() < end, "an instance is still in service");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// How many jobs have which status.
fn statuses(page: &PushClient, ids: &[String]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for job in ids.iter().filter_map(|id| page.jobs.get(id)) {
        *counts.entry(job.status.to_string()).or_default() += 1;
    }
    counts
}

/// Reads messages until the condition holds, and asks for a snapshot now and then.
async fn wait(
    page: &mut PushClient,
    what: &str,
    holds: impl Fn(&PushClient) -> bool,
) -> Result<()> {
    let end = Instant::now() + MAX_WAIT;
    while !holds(page) {
        ensure!(Instant::now() < end, "not within {MAX_WAIT:?}: {what}");
        if tokio::time::timeout(Duration::from_secs(2), page.next())
            .await
            .is_err()
        {
            page.sync().await?;
        }
    }
    Ok(())
}

/// Uploads a contract with a reference, a batch and a tag. Returns the job's id.
async fn upload(stack: &Stack, prefix: &str, tenant: &str, number: usize) -> Result<String> {
    let bucket = &stack.outputs.jobs_bucket_name;
    let key = format!("{prefix}/{tenant}/{number}.pdf");
    let contract = devstack::repo_file("samples/contracts/NDA Halden-Brightwater.pdf");
    let put = stack.cloud.s3.put_object().bucket(bucket).key(&key);
    put.content_type("application/pdf")
        .metadata("docket-reference", format!("INV-{number}"))
        .metadata("docket-batch", "upgrade")
        .metadata("docket-tags", "matter=47-11")
        .body(ByteStream::from_path(contract).await?)
        .send()
        .await?;
    Ok(JobId::of_key(bucket, &key).to_string())
}

/// Writes the first row of each status.
async fn write_capture(stack: &Stack, ids: &[String], folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut written = BTreeSet::new();
    for id in ids {
        let get = stack.cloud.dynamodb.get_item().consistent_read(true);
        let get = get.table_name(&stack.outputs.jobs_table_name);
        let key = AttributeValue::S(id.clone());
        let row = get.key("job_id", key).send().await?;
        let row: Item = row.item.context("a job without a row")?;
        let status = row["status"].as_s().ok().context("status")?.clone();
        if written.insert(status.clone()) {
            let text = serde_json::to_string_pretty(&as_json(&AttributeValue::M(row)))?;
            std::fs::write(folder.join(format!("{status}.json")), text + "\n")?;
        }
    }
    Ok(())
}

/// An attribute value as DynamoDB's JSON, in a fixed order.
fn as_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(flag) => json!({"BOOL": flag}),
        AttributeValue::L(list) => json!({"L": list.iter().map(as_json).collect::<Vec<_>>()}),
        AttributeValue::M(map) => {
            let sorted: BTreeMap<_, _> = map
                .iter()
                .map(|(name, value)| (name, as_json(value)))
                .collect();
            json!({"M": sorted})
        }
        other => json!({"NULL": format!("{other:?}")}),
    }
}
