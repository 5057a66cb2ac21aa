//! How long it takes from a result in S3 until a page has "Ready", on the local stack: `make bench-push`.
//!
//! Two hundred contracts, four at a time, so that none waits for another. Between them the same hops are measured with
//! nothing of ours in them, which is the emulator's and the machine's part of the figure: a message through a queue of
//! its own, and a WebSocket message that is answered without a look at any table.
//! Prints percentiles in milliseconds, those of the difference last. Nothing here is a test: machines differ.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use async_endpoint::server::What;
use aws_smithy_types::byte_stream::ByteStream;
use devstack::children::Children;
use devstack::{Frame, Options, Page, RunDir, Stack};
use jobs::id::JobId;
use tokio::sync::broadcast::error::RecvError;

const CONTRACTS: usize = 200;
const AT_ONCE: usize = 4;
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() -> Result<()> {
    let dir = RunDir::unique("bench")?;
    let children = Children::default();
    let progress: devstack::Progress = Arc::new(|step| eprintln!("{step}"));
    let stack = Stack::start(Options::TESTS, &dir, &children, &progress).await?;
    let measured = tokio::select! {
        measured = measure(&stack) => measured,
        why = stack.failed() => bail!("{why}"),
    };
    stack.stop().await;
    let (ready, empty) = measured?;
    for (name, times) in [("to the page", &ready), ("empty chain", &empty)] {
        println!("{name:<14}{}", percentiles(times));
    }
    let above = |percent| at(&ready, percent).saturating_sub(at(&empty, percent));
    println!(
        "above it      p50 {:>6.1} ms  p99 {:>6.1} ms",
        ms(above(50)),
        ms(above(99))
    );
    Ok(())
}

async fn measure(stack: &Stack) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let contract = std::fs::read(devstack::file(
        "samples/contracts/NDA Halden-Brightwater.pdf",
    ))?;
    let mut page = stack.open_page("bench").await?;
    let mut empty_page = stack.open_page("bench-empty").await?;
    let queue = stack
        .cloud
        .sqs
        .create_queue()
        .queue_name("bench")
        .send()
        .await?
        .queue_url
        .context("the queue has no address")?;
    let (mut ready, mut empty) = (Vec::new(), Vec::new());
    // The first contract wakes the endpoint and every function; it is not counted.
    batch(stack, &mut page, &contract, 0, 1).await?;
    empty_chain(stack, &mut empty_page, &queue).await?;
    for first in (1..=CONTRACTS).step_by(AT_ONCE) {
        ready.extend(batch(stack, &mut page, &contract, first, AT_ONCE).await?);
        empty.push(empty_chain(stack, &mut empty_page, &queue).await?);
    }
    ready.sort_unstable();
    empty.sort_unstable();
    Ok((ready, empty))
}

/// Uploads some contracts and answers the time from each one's result to the page.
async fn batch(
    stack: &Stack,
    page: &mut Page,
    contract: &[u8],
    first: usize,
    count: usize,
) -> Result<Vec<Duration>> {
    let bucket = &stack.outputs.jobs_bucket_name;
    let mut seen = stack.observations();
    let mut written: BTreeMap<String, Instant> = BTreeMap::new();
    let mut told: BTreeMap<String, Instant> = BTreeMap::new();
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
            .any(|id| !written.contains_key(id) || !told.contains_key(id))
        {
            tokio::select! {
                seen = seen.recv() => match seen {
                    Ok(seen) => {
                        let at = Instant::now();
                        let id = seen.inference_id.as_deref().and_then(|id| id.split_once(".a"));
                        if let (What::Completed { .. }, Some((id, _))) = (&seen.what, id) {
                            written.entry(id.to_owned()).or_insert(at);
                        }
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => bail!("the endpoints are gone"),
                },
                arrival = page.next() => {
                    let arrival = arrival.context("the page was cut off")?;
                    if let Frame::JobChanged { job } = &arrival.frame
                        && job.status == "Ready"
                    {
                        told.entry(job.id.clone()).or_insert(arrival.at);
                    }
                }
            }
        }
        Ok(())
    };
    match tokio::time::timeout(PATIENCE, both).await {
        Ok(done) => done?,
        Err(_) => bail!("a contract was not ready within {} s", PATIENCE.as_secs()),
    }
    let time = |id: &String| Some(told.get(id)?.saturating_duration_since(*written.get(id)?));
    Ok(ids.iter().filter_map(time).collect())
}

/// The same hops without us: through a queue, and through the WebSocket API and a function to a page.
async fn empty_chain(stack: &Stack, page: &mut Page, queue: &str) -> Result<Duration> {
    let sqs = &stack.cloud.sqs;
    let began = Instant::now();
    let receive = sqs.receive_message().queue_url(queue).wait_time_seconds(5);
    let send = sqs.send_message().queue_url(queue).message_body("x");
    let (sent, received) = tokio::join!(send.send(), receive.send());
    sent?;
    let through_queue = began.elapsed();
    for message in received?.messages.unwrap_or_default() {
        let receipt = message.receipt_handle.unwrap_or_default();
        let delete = sqs.delete_message().queue_url(queue);
        delete.receipt_handle(receipt).send().await?;
    }
    let began = Instant::now();
    page.send("hello").await?;
    loop {
        let arrival = page.next().await.context("the page was cut off")?;
        if matches!(arrival.frame, Frame::Error { .. }) {
            return Ok(through_queue + arrival.at.saturating_duration_since(began));
        }
    }
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn percentiles(sorted: &[Duration]) -> String {
    format!(
        "p50 {:>6.1} ms  p99 {:>6.1} ms  ({} samples)",
        ms(at(sorted, 50)),
        ms(at(sorted, 99)),
        sorted.len()
    )
}
