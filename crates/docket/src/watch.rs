//! `docket watch`: each change as it happens, over a WebSocket; what was missed comes with the next snapshot.

use std::collections::HashMap;
use std::time::Duration;

use api::types::{JobPage, JobQuery};
use jobs::view::{Frame as Sent, JobView};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use crate::Context;
use crate::api::{pause, query};
use crate::config;
use crate::exit::{Exit, Failure, Outcome};
use crate::print::{Style, count, exact, harmless, status};
use crate::socket::{Frame, Socket};

/// How often is asked where all jobs stand: pushes are best effort.
const SYNC: Duration = Duration::from_secs(60);
/// A connection that says nothing for so long, although it is asked, is dead.
const SILENCE: Duration = Duration::from_secs(150);
/// Pages of 100 jobs that are listed where a snapshot does not hold all.
const PAGES: usize = 5;
/// So many versions are remembered.
const REMEMBERED: usize = 200_000;

pub(crate) async fn run(context: &Context, tenant: Option<String>) -> Outcome<Exit> {
    let mut watch = Watch {
        context,
        tenant,
        seen: HashMap::new(),
        begun: false,
        failures: 0,
    };
    loop {
        let failure = match watch.connected().await {
            Ok(()) => Failure::local(
                Exit::Unavailable,
                "web-socket",
                "the service closed the connection",
            ),
            Err(failure) if failure.exit == Exit::Unavailable => failure,
            Err(failure) => return Err(failure),
        };
        watch.failures += 1;
        let pause = pause(watch.failures + 1, None);
        if context.print.json {
            context.print.failure(&failure);
        } else {
            context.print.note(&format!(
                "{}; connecting again in {} s",
                harmless(&failure.problem.detail),
                pause.as_secs() + 1
            ));
        }
        tokio::time::sleep(pause).await;
    }
}

struct Watch<'a> {
    context: &'a Context,
    tenant: Option<String>,
    /// The highest version of each job that was shown, and whether the job had ended.
    seen: HashMap<String, (u64, bool)>,
    /// The first snapshot has come.
    begun: bool,
    failures: u32,
}

impl Watch<'_> {
    async fn connected(&mut self) -> Outcome<()> {
        let mut socket = Socket::open(self.context, self.tenant.as_deref()).await?;
        let mut sync = interval(SYNC);
        sync.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut deadline = Instant::now() + SILENCE;
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
            deadline = Instant::now() + SILENCE;
            if self.failures > 0 {
                self.failures = 0;
                if !self.context.print.json {
                    self.context.print.note("connected again");
                }
            }
            self.take(frame).await?;
        }
    }

    async fn take(&mut self, frame: Frame) -> Outcome<()> {
        match frame {
            Frame::JobChanged { job, trace_id } => self.show(job, trace_id, false),
            Frame::Snapshot { mut jobs, more } => {
                if more {
                    jobs.extend(self.listed().await?);
                }
                self.snapshot(jobs)
            }
            Frame::Error { message } => {
                self.context.print.note(&harmless(&message));
                Ok(())
            }
            Frame::Other => Ok(()),
        }
    }

    fn snapshot(&mut self, mut jobs: Vec<JobView>) -> Outcome<()> {
        let first = !self.begun;
        self.begun = true;
        jobs.sort_by_key(|job| job.updated_at);
        if first && !self.context.print.json {
            let open = jobs.iter().filter(|job| !has_ended(job)).count();
            self.context.print.note(&format!(
                "{} now; watching",
                count(open as u64, "open job", "open jobs")
            ));
        }
        for job in jobs {
            self.show(job, None, first)?;
        }
        Ok(())
    }

    /// What a snapshot does not hold: the open and the failed jobs of all tenants, the newest of one.
    async fn listed(&self) -> Outcome<Vec<JobView>> {
        let statuses: &[Option<&str>] = if self.tenant.is_some() {
            &[None]
        } else {
            &[Some("open"), Some("failed")]
        };
        let mut out = Vec::new();
        for status in statuses {
            let mut cursor = None;
            for _ in 0..PAGES {
                let filters = JobQuery {
                    tenant: self.tenant.clone(),
                    status: status.map(str::to_owned),
                    limit: Some(100),
                    cursor,
                    ..JobQuery::default()
                };
                let path = format!("/jobs{}", query(&filters));
                let page: JobPage = self.context.api.get(&path).await?;
                out.extend(page.jobs);
                cursor = page.cursor;
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(out)
    }

    /// Shows a job if that is news. People are not told at first what had ended before they came.
    fn show(&mut self, job: JobView, trace_id: Option<String>, first: bool) -> Outcome<()> {
        let ended = has_ended(&job);
        let known = self.seen.get(&job.id).map_or(0, |(version, _)| *version);
        if job.version <= known {
            return Ok(());
        }
        if self.seen.len() >= REMEMBERED {
            self.seen.retain(|_, (_, ended)| !*ended);
        }
        self.seen.insert(job.id.clone(), (job.version, ended));
        let print = &self.context.print;
        if print.json {
            return print.json_line(&Sent::JobChanged { job, trace_id });
        }
        if first && ended {
            return Ok(());
        }
        let at = if print.utc {
            exact(job.updated_at)
        } else {
            let exact = exact(job.updated_at);
            exact.split(' ').next_back().unwrap_or_default().to_owned()
        };
        let why = job.failure.as_ref().map_or_else(String::new, |failure| {
            format!("  {}: {}", failure.cause, failure.detail)
        });
        let retry = job.retry_at.map_or_else(String::new, |at| {
            format!("  again {}", crate::print::relative(at, config::now()))
        });
        let line = format!(
            "{}  {}  {}  {}",
            print.paint(Style::Dim, &at),
            print.paint(
                status(&job.status),
                &format!("{:<14}", harmless(&job.status))
            ),
            harmless(&job.id),
            harmless(&format!(
                "{}  {}/{}  try {}{retry}{why}",
                job.name, job.tenant, job.pipeline, job.attempt
            ))
        );
        print.fitted(&line)
    }
}

fn has_ended(job: &JobView) -> bool {
    matches!(job.status.as_ref(), "Ready" | "Failed" | "Cancelled")
}
