//! `docket watch`: shows job changes as they arrive over a WebSocket. Snapshots fill in changes that were missed.

use std::collections::HashMap;
use std::time::Duration;

use api::types::{JobPage, JobQuery};
use console::Style;
use jobs::view::{JobView, PushMessage};
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use crate::CommandContext;
use crate::client::retry_delay;
use crate::config;
use crate::error::{CliError, Exit, Result};
use crate::job_detail::has_ended;
use crate::print::{pluralize, relative_time, sanitize, status_style, utc_time};
use crate::url::query_string;
use crate::web_socket::{ReceivedMessage, WebSocket};

/// A snapshot is requested this often, because pushes are best effort.
const SYNC_INTERVAL: Duration = Duration::from_secs(60);
/// A connection without a message for this long is dead: a snapshot is due every minute.
const IDLE_TIMEOUT: Duration = Duration::from_secs(150);
/// Pages of 100 jobs to list if a snapshot does not hold all jobs.
const MAX_PAGES: usize = 5;
/// If more job versions than this are known, those of finished jobs are forgotten.
const MAX_KNOWN_VERSIONS: usize = 200_000;

pub(crate) async fn run(context: &CommandContext, tenant: Option<String>) -> Result<Exit> {
    let mut watch = Watch {
        context,
        tenant,
        known: HashMap::new(),
        first_snapshot_received: false,
        failures: 0,
    };
    loop {
        let error = match watch.stream_frames().await {
            Ok(()) => CliError::new(
                Exit::Unavailable,
                "web-socket",
                "the service closed the connection",
            ),
            Err(error) if error.exit == Exit::Unavailable => error,
            Err(error) => return Err(error),
        };
        watch.failures += 1;
        let delay = retry_delay(watch.failures + 1, None);
        if context.printer.json {
            context.printer.error(&error);
        } else {
            context.printer.info(&format!(
                "{}; reconnecting in {} s",
                sanitize(&error.problem.detail),
                delay.as_secs() + 1
            ));
        }
        tokio::time::sleep(delay).await;
    }
}

/// A line of `--json`.
#[derive(Debug, Serialize)]
struct PrintedChange {
    #[serde(flatten)]
    message: PushMessage,
    /// It was read from a snapshot: the job may have changed long before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    snapshot: bool,
}

#[derive(Debug)]
struct KnownVersion {
    version: u64,
    ended: bool,
}

struct Watch<'a> {
    context: &'a CommandContext,
    tenant: Option<String>,
    /// The newest version of each job that was received.
    known: HashMap<String, KnownVersion>,
    first_snapshot_received: bool,
    /// Connections that failed since the last message.
    failures: u32,
}

impl Watch<'_> {
    /// Connects and shows messages until the connection ends.
    async fn stream_frames(&mut self) -> Result<()> {
        let mut socket = WebSocket::open(self.context, self.tenant.as_deref()).await?;
        let mut sync = interval(SYNC_INTERVAL);
        sync.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut deadline = Instant::now() + IDLE_TIMEOUT;
        loop {
            let frame = tokio::select! {
                _ = sync.tick() => {
                    socket.sync().await?;
                    continue;
                }
                frame = timeout_at(deadline, socket.next()) => frame,
            };
            let Ok(frame) = frame else {
                return Ok(());
            };
            let Some(frame) = frame? else {
                return Ok(());
            };
            deadline = Instant::now() + IDLE_TIMEOUT;
            if self.failures > 0 {
                self.failures = 0;
                if !self.context.printer.json {
                    self.context.printer.info("reconnected");
                }
            }
            self.handle(frame).await?;
        }
    }

    async fn handle(&mut self, frame: ReceivedMessage) -> Result<()> {
        match frame {
            ReceivedMessage::JobChanged { job, trace_id } => {
                if self.is_new(&job) {
                    self.print(job, trace_id, false)?;
                }
                Ok(())
            }
            ReceivedMessage::Snapshot { mut jobs, more } => {
                if more {
                    jobs.extend(self.list_jobs().await?);
                }
                self.show_snapshot(jobs)
            }
            ReceivedMessage::Error { message } => {
                self.context.printer.info(&sanitize(&message));
                Ok(())
            }
            ReceivedMessage::Other => Ok(()),
        }
    }

    /// Shows the jobs that are new. For people, the first snapshot shows only open jobs.
    fn show_snapshot(&mut self, mut jobs: Vec<JobView>) -> Result<()> {
        let first = !self.first_snapshot_received;
        self.first_snapshot_received = true;
        jobs.sort_by_key(|job| job.updated_at);
        let only_open = first && !self.context.printer.json;
        if only_open {
            let open = jobs.iter().filter(|job| !has_ended(job)).count();
            self.context.printer.info(&format!(
                "{} now; waiting for changes",
                pluralize(open as u64, "open job", "open jobs")
            ));
        }
        for job in jobs {
            if self.is_new(&job) && !(only_open && has_ended(&job)) {
                self.print(job, None, true)?;
            }
        }
        Ok(())
    }

    /// Lists jobs that a snapshot has no room for: a tenant's newest jobs, or the open and failed jobs of all tenants.
    async fn list_jobs(&self) -> Result<Vec<JobView>> {
        let statuses: &[Option<&str>] = if self.tenant.is_some() {
            &[None]
        } else {
            &[Some("open"), Some("failed")]
        };
        let mut out = Vec::new();
        for status in statuses {
            let mut cursor = None;
            for _ in 0..MAX_PAGES {
                let filters = JobQuery {
                    tenant: self.tenant.clone(),
                    status: status.map(str::to_owned),
                    limit: Some(100),
                    cursor,
                    ..JobQuery::default()
                };
                let path = format!("/jobs{}", query_string(&filters));
                let page: JobPage = self.context.client.get(&path).await?;
                out.extend(page.jobs);
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(out)
    }

    /// Whether this version of the job was not seen yet. Remembers it.
    fn is_new(&mut self, job: &JobView) -> bool {
        let known = self.known.get(&job.id).map_or(0, |known| known.version);
        if job.version <= known {
            return false;
        }
        if self.known.len() >= MAX_KNOWN_VERSIONS {
            self.known.retain(|_, known| !known.ended);
        }
        let version = KnownVersion {
            version: job.version,
            ended: has_ended(job),
        };
        self.known.insert(job.id.clone(), version);
        true
    }

    fn print(&self, job: JobView, trace_id: Option<String>, snapshot: bool) -> Result<()> {
        let printer = &self.context.printer;
        if printer.json {
            let job = Box::new(job);
            let message = PushMessage::JobChanged { job, trace_id };
            printer.json_line(&PrintedChange { message, snapshot })?;
            return printer.stop_without_reader();
        }
        let at = if printer.utc {
            utc_time(job.updated_at)
        } else {
            let exact = utc_time(job.updated_at);
            exact.split(' ').next_back().unwrap_or_default().to_owned()
        };
        let failure = job.failure.as_ref().map_or_else(String::new, |failure| {
            format!("  {}: {}", failure.cause, failure.detail)
        });
        let retry = job.retry_at.map_or_else(String::new, |at| {
            format!("  next attempt {}", relative_time(at, config::now()))
        });
        let line = format!(
            "{}  {}  {}  {}",
            printer.paint(Style::new().dim(), &at),
            printer.paint(
                status_style(&job.status),
                &format!("{:<14}", sanitize(&job.status))
            ),
            sanitize(&job.id),
            sanitize(&format!(
                "{}  {}/{}  attempt {}{retry}{failure}",
                job.name, job.tenant, job.pipeline, job.attempt
            ))
        );
        printer.truncated_line(&line)?;
        printer.stop_without_reader()
    }
}
