//! `docket model check`: puts a running container through what a SageMaker asynchronous endpoint does to it, and says what
//! would become of documents.
//!
//! The classification of answers is that of the service (crate `jobs`). Sources of the facts about SageMaker: developer
//! guide, "Custom inference code with hosting services" and the pages about asynchronous inference, and the reports that
//! the code names. Nothing here was tried on AWS itself.

mod answers;
mod args;
mod check_result;
mod documents;
mod load;
mod outcome;
mod pings;
mod refusals;
mod shutdown;
mod target;

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jobs::input::{InputProblem, PEEK_BYTES, check_contents};
use jobs::pipeline::Pipeline;
use tokio::time::sleep;

use crate::error::{CliError, Exit, Result};
use crate::pipelines::read_pipeline;
use crate::print::Printer;

use self::args::ModelCheckArgs;
pub(crate) use self::args::ModelCommand;
use self::check_result::{CheckResult, Report};
use self::documents::Document;
use self::outcome::{JobEffect, describe, short};
use self::pings::{PING_LIMIT, PingLog};
use self::target::{ContainerClient, Exchange, InvocationHeaders, NoAnswer, unreachable_container};

/// Between two tries to reach a container that starts.
const START_INTERVAL: Duration = Duration::from_millis(250);
/// How long a container may take to answer pings again after an error.
const RECOVERY_LIMIT: Duration = Duration::from_secs(10);

/// A container under test, and what was found so far.
#[derive(Debug)]
struct Inspection<'a> {
    container: ContainerClient,
    pipeline: Pipeline,
    document: Document,
    long_document: Option<Document>,
    args: &'a ModelCheckArgs,
    printer: &'a Printer,
    /// Whether the container answered the first pings.
    is_ready: bool,
    pings: PingLog,
    checks: Vec<CheckResult>,
    invocations: u32,
}

pub(crate) async fn run(printer: &Printer, args: &ModelCheckArgs) -> Result<Exit> {
    let container = ContainerClient::parse(&args.url)?;
    let pipeline = read_pipeline(args.pipelines.as_deref(), &args.pipeline)?;
    let content_type = args.content_type.as_deref();
    let content_type = content_type.unwrap_or_else(|| pipeline.content_type());
    let document = match &args.input {
        Some(path) => read_document(path, content_type, &pipeline)?,
        None => Document::sample(content_type.to_owned()),
    };
    let long_input = args.long_input.as_deref();
    let long_document = long_input
        .map(|path| read_document(path, content_type, &pipeline))
        .transpose()?;
    shutdown::check_process(args.pid)?;
    let mut inspection = Inspection {
        container,
        pipeline,
        document,
        long_document,
        args,
        printer,
        is_ready: false,
        pings: PingLog::default(),
        checks: Vec::new(),
        invocations: 0,
    };
    inspection.run().await?;
    let report = Report::new(
        inspection.container.url(),
        &inspection.pipeline,
        inspection.checks,
    );
    report.print(printer)?;
    Ok(report.exit())
}

impl Inspection<'_> {
    async fn run(&mut self) -> Result<()> {
        self.start().await?;
        let took = self.answer().await;
        self.request_headers(took).await;
        self.broken_document(took).await;
        self.empty_document().await;
        self.other_content_type().await;
        self.closed_connection().await;
        self.concurrent_runs(took).await;
        self.largest_document(took).await;
        self.long_run(took).await;
        if self.is_ready {
            self.checks.push(self.pings.check_result(&self.pipeline));
        }
        self.stop(took).await;
        Ok(())
    }

    /// Waits for the first answer, and for the ping that puts an instance in service.
    async fn start(&mut self) -> Result<()> {
        self.progress("ping");
        let started = Instant::now();
        let limit = Duration::from_secs(self.args.wait);
        let mut before = None;
        let last = loop {
            let ping = self.container.ping(PING_LIMIT).await;
            let is_ready = ping.as_ref().is_ok_and(|pong| pong.status == 200);
            if is_ready || started.elapsed() >= limit {
                break ping;
            }
            before = Some(describe(&ping));
            sleep(START_INTERVAL).await;
        };
        match &last {
            Ok(pong) if pong.status == 200 => {
                let before = before.map_or_else(String::new, |before| {
                    format!(" after {}; before: {before}", short(started.elapsed()))
                });
                let seen = format!("200 in {}{before}", short(pong.took));
                self.checks.push(CheckResult::ok("ping", seen));
                self.is_ready = true;
            }
            Ok(_) | Err(NoAnswer::TimedOut(PING_LIMIT)) => {
                let change = "Answer GET /ping with 200 within 2 s as soon as the model is loaded. Without that answer no \
                              instance comes into service, and documents wait until their requests expire. If the container \
                              is still starting, use --wait SECONDS.";
                let checked = CheckResult::fail("ping", describe(&last), change);
                let effect = JobEffect::of(jobs::state::Cause::Expired, &self.pipeline);
                self.checks.push(checked.with_job(effect));
            }
            Err(problem) => return Err(unreachable_container(&self.container.url(), problem)),
        }
        Ok(())
    }

    /// Sends a document as SageMaker would, and pings meanwhile.
    async fn invoke(&mut self, document: &Document) -> Exchange {
        let headers = self.next_headers();
        let run = self.container.invoke(document, &headers, self.limit());
        self.pings.watch(&self.container, run).await
    }

    /// The headers that the service sends.
    fn next_headers(&mut self) -> InvocationHeaders {
        self.invocations += 1;
        InvocationHeaders {
            accept: self.pipeline.output.content_type().to_owned(),
            inference_id: format!("model-check-{}", self.invocations),
            custom_attributes: format!("trace-id=model-check-{}", self.invocations),
        }
    }

    /// How long SageMaker waits for an answer.
    fn limit(&self) -> Duration {
        let configured = u64::from(self.pipeline.invocation_timeout_seconds);
        Duration::from_secs(self.args.timeout.unwrap_or(configured))
    }

    /// Whether the container still answers a ping in time. If it does not, waits until it does, or gives up.
    async fn survived(&self) -> std::result::Result<(), String> {
        if !self.is_ready {
            return Ok(());
        }
        let first = self.container.ping(PING_LIMIT).await;
        if first.as_ref().is_ok_and(|pong| pong.status == 200) {
            return Ok(());
        }
        let started = Instant::now();
        while started.elapsed() < RECOVERY_LIMIT {
            sleep(START_INTERVAL).await;
            let ping = self.container.ping(PING_LIMIT).await;
            if ping.is_ok_and(|pong| pong.status == 200) {
                break;
            }
        }
        Err(describe(&first))
    }

    /// Says on a terminal what is being tried: a check can take minutes.
    fn progress(&self, check: &str) {
        if self.printer.shows_progress_bars() {
            self.printer.info(&format!("trying: {check}"));
        }
    }
}

/// Reads a document that the service would submit.
fn read_document(path: &Path, content_type: &str, pipeline: &Pipeline) -> Result<Document> {
    let shown = path.display();
    let contents = std::fs::read(path)
        .map_err(|error| CliError::usage(format!("cannot read {shown}: {error}")))?;
    let head = &contents[..contents.len().min(PEEK_BYTES)];
    match check_contents(pipeline, contents.len() as u64, head) {
        // A container may be meant for other documents.
        Some(InputProblem::NotPdf) if content_type != pipeline.content_type() => {}
        Some(problem) => {
            return Err(CliError::usage(format!(
                "{shown}: the service would not submit it: {problem}"
            )));
        }
        None => {}
    }
    Ok(Document::new(
        content_type.to_owned(),
        Bytes::from(contents),
    ))
}
