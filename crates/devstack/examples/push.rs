//! `make bench-push`: measures the time from a result in S3 to the push on the local stack.
//!
//! Uploads two hundred contracts, four at a time, so that none waits for another. In between it measures a baseline, which
//! is the share of the emulator and the machine: a message through an empty queue, and a WebSocket message that the
//! service answers without reading a table.
//! Prints percentiles in milliseconds, and the difference to the baseline last. This is not a test: machines differ.

#![expect(clippy::print_stdout, reason = "a command-line program")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use async_endpoint::server::EndpointEventKind;
use aws_smithy_types::byte_stream::ByteStream;
use devstack::{ChildProcesses, PushClient, PushMessage, RunDir, Stack, StackOptions};
use jobs::id::JobId;
use tokio::sync::broadcast::error::RecvError;

const CONTRACT_COUNT: usize = 200;
const CONCURRENCY: usize = 4;
const READY_TIMEOUT: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() -> Result<()> {
    let dir = RunDir::create_unique("bench")?;
    let children = ChildProcesses::default();
    let progress: devstack::ProgressCallback = Arc::new(|step| eprintln!("{step}"));
    let stack = Stack::start(StackOptions::TESTS, &dir, &children, &progress).await?;
    let measured = tokio::select! {
        measured = measure(&stack) => measured,
        reason = stack.failed() => bail!("{reason}"),
    };
    stack.stop().await;
    let (push_times, baseline_times) = measured?;
    for (name, times) in [("push", &push_times), ("baseline", &baseline_times)] {
        println!("{name:<14}{}", describe(times));
    }
    let above = |percent| {
        percentile(&push_times, percent).saturating_sub(percentile(&baseline_times, percent))
    };
    println!(
        "difference    p50 {:>6.1} ms  p99 {:>6.1} ms",
        ms(above(50)),
        ms(above(99))
    );
    Ok(())
}

async fn measure(stack: &Stack) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let contract = std::fs::read(devstack::repo_file(
        "samples/contracts/NDA Halden-Brightwater.pdf",
    ))?;
    let mut client = stack.open_push_client("bench").await?;
    let mut baseline_client = stack.open_push_client("bench-empty").await?;
    let queue = stack
        .cloud
        .sqs
        .create_queue()
        .queue_name("bench")
        .send()
        .await?
        .queue_url
        .context("the queue has no URL")?;
    let (mut push_times, mut baseline_times) = (Vec::new(), Vec::new());
    // The first contract is not counted: it waits for the endpoint to scale out and for the functions to start.
    measure_batch(stack, &mut client, &contract, 0, 1).await?;
    measure_baseline(stack, &mut baseline_client, &queue).await?;
    for first in (1..=CONTRACT_COUNT).step_by(CONCURRENCY) {
        push_times.extend(measure_batch(stack, &mut client, &contract, first, CONCURRENCY).await?);
        baseline_times.push(measure_baseline(stack, &mut baseline_client, &queue).await?);
    }
    push_times.sort_unstable();
    baseline_times.sort_unstable();
    Ok((push_times, baseline_times))
}

/// Uploads `count` contracts and returns the time from the result to the push of each.
async fn measure_batch(
    stack: &Stack,
    client: &mut PushClient,
    contract: &[u8],
    first: usize,
    count: usize,
) -> Result<Vec<Duration>> {
    let bucket = &stack.outputs.jobs_bucket_name;
    let mut events = stack.endpoint_events();
    let mut stored_at: BTreeMap<String, Instant> = BTreeMap::new();
    let mut pushed_at: BTreeMap<String, Instant> = BTreeMap::new();
    let mut ids = Vec::new();
    for number in first..first + count {
        let key = format!("inbound/bench/{number}.pdf");
        ids.push(JobId::of_key(bucket, &key).to_string());
        let put = stack.cloud.s3.put_object().bucket(bucket).key(&key);
        put.content_type("application/pdf")
            .body(ByteStream::from(contract.to_vec()))
            .send()
            .await?;
    }
    let both = async {
        while ids
            .iter()
            .any(|id| !stored_at.contains_key(id) || !pushed_at.contains_key(id))
        {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(event) => {
                        let at = Instant::now();
                        let id = event.inference_id.as_deref().and_then(|id| id.split_once(".a"));
                        if let (EndpointEventKind::Completed { .. }, Some((id, _))) = (&event.kind, id) {
                            stored_at.entry(id.to_owned()).or_insert(at);
                        }
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => bail!("the endpoints have stopped"),
                },
                message = client.next() => {
                    let message = message.context("the connection is closed")?;
                    if let PushMessage::JobChanged { job } = &message.frame
                        && job.status == "Ready"
                    {
                        pushed_at.entry(job.id.clone()).or_insert(message.at);
                    }
                }
            }
        }
        Ok(())
    };
    match tokio::time::timeout(READY_TIMEOUT, both).await {
        Ok(done) => done?,
        Err(_) => bail!(
            "a contract was not ready within {} s",
            READY_TIMEOUT.as_secs()
        ),
    }
    let time = |id: &String| {
        Some(
            pushed_at
                .get(id)?
                .saturating_duration_since(*stored_at.get(id)?),
        )
    };
    Ok(ids.iter().filter_map(time).collect())
}

/// Measures the baseline: a message through a queue, and one through the WebSocket API and a function.
async fn measure_baseline(stack: &Stack, client: &mut PushClient, queue: &str) -> Result<Duration> {
    let sqs = &stack.cloud.sqs;
    let started_at = Instant::now();
    let receive = sqs.receive_message().queue_url(queue).wait_time_seconds(5);
    let send = sqs.send_message().queue_url(queue).message_body("x");
    let (sent, received) = tokio::join!(send.send(), receive.send());
    sent?;
    let through_queue = started_at.elapsed();
    for message in received?.messages.unwrap_or_default() {
        let receipt = message.receipt_handle.unwrap_or_default();
        let delete = sqs.delete_message().queue_url(queue);
        delete.receipt_handle(receipt).send().await?;
    }
    let started_at = Instant::now();
    client.send("hello").await?;
    loop {
        let message = client.next().await.context("the connection is closed")?;
        if matches!(message.frame, PushMessage::Error { .. }) {
            return Ok(through_queue + message.at.saturating_duration_since(started_at));
        }
    }
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn describe(sorted: &[Duration]) -> String {
    format!(
        "p50 {:>6.1} ms  p99 {:>6.1} ms  ({} samples)",
        ms(percentile(sorted, 50)),
        ms(percentile(sorted, 99)),
        sorted.len()
    )
}
