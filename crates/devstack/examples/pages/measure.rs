//! The phases of the bench: jobs are made, pages opened, left idle, told of changes, and cut off.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_endpoint::{FaultRate, Faults};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use devstack::{PushMessage, Stack, root_credentials, sign_request};
use http::Request;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jobs::id::JobId;
use jobs::state::StatusGroup;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::pages::Pages;
use crate::proxy::{Proxy, Usage};

/// A tenant, and a user who sees all its jobs.
#[derive(Clone, Copy, Debug)]
struct Tenant {
    name: &'static str,
    user: &'static str,
}

/// Its lists are as long as a snapshot, for the read units of an idle page.
const LONG_LISTS: Tenant = Tenant {
    name: "acme",
    user: "reviewer@acme.example",
};
/// It has few jobs: the emulator sorts a whole list for each query, and a thousand pages with long lists would measure that.
const MANY_PAGES: Tenant = Tenant {
    name: "globex",
    user: "reviewer@globex.example",
};
const FEW_JOBS: usize = 12;
const IDLE_PAGES: usize = 100;
const ENDPOINT: &str = "docket-legal-review";
/// As many as a page's first snapshot reads of each status group (`SNAPSHOT_LIMITS` in crates/api/src/snapshot.rs).
const READY: usize = 50;
const FAILED: usize = 20;
const OPEN: usize = 50;
/// Results that arrive while the pages are open.
const CHANGES: usize = 6;
/// Opening a page costs the emulator more than anything else that a page does.
const OPENING_PER_PAGE: Duration = Duration::from_millis(200);
const IDLE_MINUTES: u32 = 2;
/// The time in which the syncs of the third minute are answered, with their second try.
const AFTER_LAST_MINUTE: Duration = Duration::from_secs(25);
const MAX_WAIT: Duration = Duration::from_secs(300);

/// The limits that docs/capacity.md states.
const MIN_ANSWERED: f64 = 0.99;
/// A tenth of what a full snapshot reads.
const MAX_READ_UNITS: f64 = 12.5;
const MAX_OUTCOME_SECONDS: f64 = 2.0;

/// What was measured.
#[derive(Debug)]
pub(crate) struct Figures {
    pages: usize,
    /// The share of syncs that were answered in each minute after the cut.
    answered: Vec<f64>,
    /// Requests answered with 429, and those that API Gateway would have.
    refused: u64,
    read_units_per_page_minute: f64,
    outcome_seconds_max: f64,
    /// Pages that two changes in a row did not reach.
    left_out_twice: u64,
}

impl Figures {
    pub(crate) fn json(&self) -> Value {
        json!({
            "pages": self.pages,
            "answered": self.answered,
            "refused": self.refused,
            "read_units_per_page_minute": self.read_units_per_page_minute,
            "outcome_seconds_max": self.outcome_seconds_max,
        })
    }

    /// What is worse than its limit.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        let mut check = |holds: bool, what: &str| {
            if !holds {
                failures.push(what.to_owned());
            }
        };
        check(
            self.answered.iter().all(|share| *share >= MIN_ANSWERED),
            "fewer than 99 % of the syncs of a minute were answered",
        );
        check(self.refused == 0, "requests were refused with 429");
        check(
            self.read_units_per_page_minute <= MAX_READ_UNITS,
            "an idle page reads more than 12.5 units a minute",
        );
        check(
            self.outcome_seconds_max <= MAX_OUTCOME_SECONDS,
            "a change takes the outcome function longer than 2 s",
        );
        check(
            self.left_out_twice == 0,
            "a page was left out twice in a row",
        );
        failures
    }
}

#[derive(Deserialize)]
struct Synced {
    pages: usize,
}

#[derive(Deserialize)]
struct Missed {
    /// By change.
    missed: Vec<u64>,
    twice: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    answered: Vec<f64>,
    refused: u64,
    failed_requests: u64,
}

pub(crate) async fn measure(stack: &Stack, proxy: &Proxy, count: usize) -> Result<Figures> {
    make_long_lists(stack).await?;
    let read_units = measure_idle(stack, proxy).await?;
    eprintln!("an idle page reads {read_units:.1} units a minute");
    let contract = contract()?;
    for number in 0..FEW_JOBS {
        upload(
            stack,
            MANY_PAGES,
            &format!("{number}.pdf"),
            contract.clone(),
        )
        .await?;
    }
    wait_for_jobs(stack, MANY_PAGES, StatusGroup::Ready, FEW_JOBS).await?;
    let mut pages = open_pages(stack, MANY_PAGES, count).await?;
    let (outcome_seconds_max, left_out_twice) = measure_changes(stack, &mut pages).await?;
    eprintln!("cutting all connections");
    let refused = proxy.sockets.refused();
    let _: Value = pages.ask("cut").await?;
    proxy.sockets.cut();
    sleep(Duration::from_secs(180) + AFTER_LAST_MINUTE).await;
    let report: Report = pages.ask("report").await?;
    eprintln!("{} requests to the HTTP API failed", report.failed_requests);
    Ok(Figures {
        pages: count,
        answered: report.answered,
        refused: report.refused + proxy.sockets.refused() - refused,
        read_units_per_page_minute: (read_units * 10.0).round() / 10.0,
        outcome_seconds_max,
        left_out_twice,
    })
}

/// The read units of all functions per page and minute, while nothing changes.
async fn measure_idle(stack: &Stack, proxy: &Proxy) -> Result<f64> {
    let _pages = open_pages(stack, LONG_LISTS, IDLE_PAGES).await?;
    eprintln!("{IDLE_MINUTES} idle minutes");
    // The first sync after a snapshot settles what the page knows.
    sleep(Duration::from_secs(60)).await;
    *proxy.usage() = Usage::default();
    sleep(Duration::from_secs(60) * IDLE_MINUTES).await;
    let usage = std::mem::take(&mut *proxy.usage());
    if let Some(unknown) = usage.unknown.first() {
        eprintln!(
            "{} requests are not counted: {unknown}",
            usage.unknown.len()
        );
    }
    let page_minutes = f64::from(IDLE_MINUTES) * f64::from(u32::try_from(IDLE_PAGES)?);
    let mut total = 0.0;
    for (operation, half_units) in &usage.half_units {
        let units = f64::from(u32::try_from(*half_units)?) / 2.0 / page_minutes;
        if units > 0.0 {
            eprintln!("{units:>6.2} units  {operation}");
        }
        total += units;
    }
    Ok(total)
}

/// Opens pages one after the other, until each has its snapshot.
async fn open_pages(stack: &Stack, tenant: Tenant, count: usize) -> Result<Pages> {
    eprintln!("opening {count} pages");
    let opening = OPENING_PER_PAGE * u32::try_from(count)?;
    let mut pages = Pages::open(&json!({
        "apiUrl": stack.outputs.http_api_url,
        "token": stack.id_token(tenant.user).await?,
        "tenant": tenant.name,
        "pages": count,
        "openingMs": u64::try_from(opening.as_millis())?,
    }))?;
    let since = Instant::now();
    loop {
        let synced: Synced = pages.ask("synced").await?;
        if synced.pages == count {
            return Ok(pages);
        }
        if since.elapsed() > opening + MAX_WAIT {
            bail!("only {} of {count} pages have a snapshot", synced.pages);
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Fills the lists that a page's first snapshot reads.
async fn make_long_lists(stack: &Stack) -> Result<()> {
    eprintln!("making {READY} ready, {FAILED} failed and {OPEN} open jobs");
    let contract = contract()?;
    for number in 0..READY + FAILED {
        let body = if number < READY {
            contract.clone()
        } else {
            b"not a PDF".to_vec()
        };
        upload(stack, LONG_LISTS, &format!("{number}.pdf"), body).await?;
    }
    wait_for_jobs(stack, LONG_LISTS, StatusGroup::Ready, READY).await?;
    wait_for_jobs(stack, LONG_LISTS, StatusGroup::Failed, FAILED).await?;
    let lost = Faults {
        lose_notification: FaultRate::ALWAYS,
        ..Faults::default()
    };
    stack.endpoints.set_faults(ENDPOINT, lost)?;
    for number in 0..OPEN {
        upload(
            stack,
            LONG_LISTS,
            &format!("open-{number}.pdf"),
            contract.clone(),
        )
        .await?;
    }
    wait_for_jobs(stack, LONG_LISTS, StatusGroup::Open, OPEN).await?;
    // The runs must be over before their notifications are wanted again.
    sleep(Duration::from_secs(20)).await;
    stack.endpoints.set_faults(ENDPOINT, Faults::default())?;
    Ok(())
}

/// Waits until the tenant has as many jobs of a status group.
async fn wait_for_jobs(
    stack: &Stack,
    tenant: Tenant,
    group: StatusGroup,
    count: usize,
) -> Result<()> {
    let counting = async {
        loop {
            let query = stack.cloud.dynamodb.query();
            let list = format!("{}#{}", tenant.name, group.name());
            let found = query
                .table_name(&stack.outputs.jobs_table_name)
                .index_name("by_tenant")
                .key_condition_expression("tenant_status_group = :list")
                .expression_attribute_values(":list", AttributeValue::S(list))
                .send()
                .await?;
            if found.items().len() >= count {
                return anyhow::Ok(());
            }
            sleep(Duration::from_secs(1)).await;
        }
    };
    let counted = timeout(MAX_WAIT, counting).await;
    counted.with_context(|| format!("there are no {count} {} jobs", group.name()))?
}

fn contract() -> Result<Vec<u8>> {
    let file = devstack::repo_file("samples/contracts/NDA Halden-Brightwater.pdf");
    Ok(std::fs::read(file)?)
}

/// Returns the id of the upload's job.
async fn upload(stack: &Stack, tenant: Tenant, name: &str, body: Vec<u8>) -> Result<String> {
    let bucket = &stack.outputs.jobs_bucket_name;
    let key = format!("inbound/{}/{name}", tenant.name);
    let put = stack.cloud.s3.put_object().bucket(bucket).key(&key);
    put.content_type("application/pdf")
        .body(ByteStream::from(body))
        .send()
        .await?;
    Ok(JobId::of_key(bucket, &key).to_string())
}

/// Uploads contracts one after the other. Returns the longest run of the outcome function, and how many pages two results
/// in a row did not reach.
async fn measure_changes(stack: &Stack, pages: &mut Pages) -> Result<(f64, u64)> {
    let before = outcome_durations(stack).await?.len();
    let contract = contract()?;
    let mut watcher = stack.open_push_client("*").await?;
    let mut ids = Vec::new();
    for number in 0..CHANGES {
        let id = upload(
            stack,
            MANY_PAGES,
            &format!("change-{number}.pdf"),
            contract.clone(),
        )
        .await?;
        let ready = async {
            loop {
                // A push to this page may be left out as well.
                match timeout(Duration::from_secs(5), watcher.next()).await {
                    Ok(Some(message)) => {
                        if let PushMessage::JobChanged { job } = message.frame
                            && job.id == id
                            && job.status == "Ready"
                        {
                            return anyhow::Ok(());
                        }
                    }
                    Ok(None) => bail!("the connection is closed"),
                    Err(_) => {
                        if outcome_durations(stack).await?.len() > before + ids.len() {
                            return Ok(());
                        }
                    }
                }
            }
        };
        timeout(MAX_WAIT, ready).await??;
        ids.push(id);
        // The function's run ends after the last push.
        sleep(Duration::from_secs(3)).await;
    }
    let missed: Missed = pages.ask(&format!("pushes {}", json!(ids))).await?;
    eprintln!("pages without the push of each change: {:?}", missed.missed);
    let durations = outcome_durations(stack).await?;
    let ours = durations.get(before..).unwrap_or_default();
    eprintln!("runs of the outcome function, in seconds: {ours:?}");
    Ok((ours.iter().copied().fold(0.0, f64::max), missed.twice))
}

/// The durations of all runs of function inference-success in seconds, from the report lines of its log.
async fn outcome_durations(stack: &Stack) -> Result<Vec<f64>> {
    let service = stack
        .outputs
        .reconciler_function_name
        .strip_suffix("-reconciler");
    let query = json!({
        "logGroupName": format!("/docket/{}/inference-success", service.context("no service name")?),
        "filterPattern": "REPORT",
        "limit": 10_000,
    });
    let request = Request::post(format!("{}/", stack.cloud.url))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "Logs_20140328.FilterLogEvents")
        .body(Bytes::from(query.to_string()))?;
    let request = sign_request(request, "logs", &root_credentials())?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let body = client.request(request).await?.into_body().collect().await?;
    let found: Value = serde_json::from_slice(&body.to_bytes())?;
    let events = found.get("events").and_then(Value::as_array);
    let lines = events
        .into_iter()
        .flatten()
        .filter_map(|event| event.get("message").and_then(Value::as_str));
    Ok(lines
        .filter_map(|line| {
            let (_, rest) = line.split_once("\tDuration: ")?;
            let milliseconds: f64 = rest.split_once(" ms")?.0.parse().ok()?;
            Some(milliseconds / 1000.0)
        })
        .collect())
}
