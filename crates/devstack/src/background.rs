//! `make up` and `make down`: a stack in the background.
//!
//! `up` starts this program again as `serve` and waits until that reports that it is ready. A stack is running while the
//! lock of `.docket/up` is held; `.docket/up/stack.json` has its addresses.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jobs::view::JobView;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::child_processes::{ChildProcesses, log_tail};
use crate::cloud::Cloud;
use crate::companies::{self, Companies, CompanySignIns};
use crate::guide::StackInfo;
use crate::model::{ContainerUrl, Model};
use crate::push_client::{PushClient, PushMessage};
use crate::repo;
use crate::run_dir::{self, Acquired, RunDir};
use crate::stack::{ProgressCallback, Stack, StackOptions};
use crate::ticket;
use crate::watch::{Style, Terminal};
use crate::web_server::ReservedAddress;

/// How long a stack may take to stop: longer than the limit for its child processes.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);

/// What a stack in the background is started with.
#[derive(Clone, Debug, Default)]
pub struct UpOptions {
    /// The user's own model.
    pub container: Option<ContainerUrl>,
    /// With a company that signs users in, and a program that signs in by itself.
    pub company: bool,
}

impl UpOptions {
    /// As `devstack up` and `devstack serve` take them.
    fn arguments(&self) -> Vec<&str> {
        let model = self.container.iter();
        let mut all: Vec<&str> = model.flat_map(|url| ["--model", url.as_str()]).collect();
        all.extend(self.company.then_some("--company"));
        all
    }

    /// # Errors
    /// A running stack is not what these options ask for.
    fn check_running(&self, info: &StackInfo) -> Result<()> {
        if let Some(url) = &self.container
            && url.as_str() != info.model_url
        {
            bail!(
                "a stack with the model {} is already running; stop it with `make down` to start one with {}",
                info.model_url,
                url.as_str()
            );
        }
        if self.company && info.company.is_none() {
            bail!(
                "a stack without a company is already running; stop it with `make down` to start one with COMPANY=1"
            );
        }
        Ok(())
    }

    /// # Errors
    /// This machine lacks what the options need.
    async fn check_prerequisites(&self) -> Result<()> {
        if let Some(url) = &self.container {
            url.check_ready().await?;
        }
        if self.company {
            companies::check_prerequisites().await?;
        }
        Ok(())
    }
}

/// What `serve` reports to `up`, one JSON value per line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum StartupMessage {
    Step(String),
    Ready,
}

/// Starts a stack in the background, unless one is running, and prints how to use it. While it starts, its process is
/// in `starting`: a caller that drops this future must pass it to [`abort_start`].
///
/// # Errors
/// The stack does not start; the message has the end of its log. Or a stack with other options is running.
pub async fn up(options: UpOptions, starting: &mut Option<Child>) -> Result<()> {
    let mut terminal = Terminal::new();
    if RunDir::is_in_use(run_dir::BACKGROUND) {
        let info = running_stack()?;
        options.check_running(&info)?;
        terminal.line("a stack is already running; stop it with `make down`");
        return info.print();
    }
    options.check_prerequisites().await?;
    let log = run_dir::path_of("up.log");
    let write = || format!("cannot write {}", log.display());
    fs::create_dir_all(repo::file(".docket")).with_context(write)?;
    let child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .args(options.arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&log).with_context(write)?)
        // Ctrl-C in this terminal must not reach it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let child = starting.insert(child);
    let mut lines = BufReader::new(
        child
            .stdout
            .take()
            .context("the process has no standard output")?,
    )
    .lines();
    loop {
        let Some(line) = lines.next_line().await? else {
            // If the disk is full, the log is empty.
            run_dir::check_space(&repo::file(".docket"))?;
            bail!("the stack did not start\n{}", log_tail(&log));
        };
        match serde_json::from_str(&line)? {
            StartupMessage::Step(step) => terminal.line(&step),
            StartupMessage::Ready => break,
        }
    }
    // From now on it runs independently.
    if let Some(child) = starting.take() {
        detach(child);
    }
    let ready = terminal.paint(Style::Green, "the stack is ready; stop it with `make down`");
    terminal.line(&ready);
    running_stack()?.print()
}

/// Keeps a process running: dropping it would kill it.
fn detach(child: Child) {
    std::mem::forget(child);
}

/// Stops a stack that is starting, and removes its files.
pub async fn abort_start(mut starting: Child) {
    if let Some(id) = starting.id() {
        terminate(id).await.ok();
    }
    // If it does not stop, it is killed; its child processes then end on their own.
    if tokio::time::timeout(STOP_TIMEOUT, starting.wait())
        .await
        .is_err()
    {
        starting.kill().await.ok();
    }
    if let Ok(Acquired::Owned(dir)) = RunDir::acquire(run_dir::BACKGROUND) {
        dir.remove();
    }
    fs::remove_file(run_dir::path_of("up.log")).ok();
}

/// Sends SIGTERM. False if there is no such process of this user.
async fn terminate(id: u32) -> Result<bool> {
    let id = id.to_string();
    let status = Command::new("kill").args(["-TERM", &id]).status().await?;
    Ok(status.success())
}

/// Locks the run directory of the background stack. The stack holds the lock until all its child processes have ended.
///
/// # Errors
/// Another stack is running.
pub fn lock_run_dir() -> Result<RunDir> {
    match RunDir::acquire(run_dir::BACKGROUND)? {
        Acquired::Owned(dir) => Ok(dir),
        Acquired::InUse => bail!("another stack is running"),
    }
}

/// Runs a stack and reports its start to `up` on standard output. Never returns without an error: the caller stops it
/// when a signal arrives.
///
/// # Errors
/// The stack does not start, or a part of it ends unexpectedly.
pub async fn serve(options: UpOptions, dir: &RunDir, children: &ChildProcesses) -> Result<()> {
    fs::write(dir.file("pid"), std::process::id().to_string())?;
    let progress: ProgressCallback =
        std::sync::Arc::new(|step: &str| report(&StartupMessage::Step(step.to_owned())));
    let page = ReservedAddress::new().await?;
    let companies = options.company.then(|| {
        let origin = page.as_ref().map(|page| page.origin().to_owned());
        Companies::local(origin)
    });
    let has_company = companies.is_some();
    let container = options.container;
    let options = StackOptions {
        companies,
        ..container.map_or(StackOptions::DEMO, StackOptions::with_container)
    };
    let is_user_container = matches!(options.model, Model::Container(_));
    let stack = Stack::start(options, dir, children, &progress).await?;
    let (outputs, cloud_url) = (&stack.outputs, &stack.cloud.url);
    let web_server = page
        .map(|page| page.serve(outputs, cloud_url))
        .transpose()?;
    let company = if has_company {
        Some(CompanySignIns::read(cloud_url, outputs).await?)
    } else {
        None
    };
    let info = StackInfo {
        url: stack.cloud.url.clone(),
        endpoints_url: stack.endpoints.url(),
        endpoints: stack
            .pipelines
            .iter()
            .map(|pipeline| pipeline.endpoint.clone())
            .collect(),
        model_url: stack.model_url.clone(),
        is_user_container,
        web_app_url: web_server.as_ref().map(|server| server.url.clone()),
        outputs: stack.outputs.clone(),
        company,
    };
    fs::write(dir.file("env.sh"), info.shell_exports())?;
    // Written to another file and renamed, so that no reader sees a partial file.
    fs::write(
        dir.file("stack.json.part"),
        serde_json::to_vec_pretty(&info)?,
    )?;
    fs::rename(dir.file("stack.json.part"), dir.file("stack.json"))?;
    report(&StartupMessage::Ready);
    let reason = stack.failed().await;
    bail!("a part of the stack ended unexpectedly: {reason}")
}

/// Ignores errors, because `up` may have ended.
fn report(message: &StartupMessage) {
    use std::io::Write;
    if let Ok(line) = serde_json::to_string(message) {
        writeln!(std::io::stdout().lock(), "{line}").ok();
    }
}

/// Stops the stack that `up` started.
///
/// # Errors
/// It does not stop.
pub async fn down() -> Result<()> {
    let mut terminal = Terminal::new();
    if !RunDir::is_in_use(run_dir::BACKGROUND) {
        terminal.line("no stack is running");
        let dir = run_dir::path_of(run_dir::BACKGROUND);
        if dir.exists() {
            terminal.line(&format!(
                "the last stack was not stopped with `make down`; its logs stay in {} until the next `make up`",
                dir.display()
            ));
        }
        return Ok(());
    }
    // The process holds the lock, so the process id is current.
    let pid: u32 = fs::read_to_string(run_dir::path_of(run_dir::BACKGROUND).join("pid"))
        .ok()
        .and_then(|pid| pid.parse().ok())
        .context("the stack is still starting; try again")?;
    if !terminate(pid).await? {
        bail!("cannot stop process {pid}");
    }
    let deadline = tokio::time::Instant::now() + STOP_TIMEOUT;
    while RunDir::is_in_use(run_dir::BACKGROUND) {
        if tokio::time::Instant::now() > deadline {
            bail!(
                "process {pid} did not stop within {} s",
                STOP_TIMEOUT.as_secs()
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if let Acquired::Owned(dir) = RunDir::acquire(run_dir::BACKGROUND)? {
        dir.remove();
    }
    fs::remove_file(run_dir::path_of("up.log")).ok();
    terminal.line("the stack is stopped");
    Ok(())
}

fn running_stack() -> Result<StackInfo> {
    if !RunDir::is_in_use(run_dir::BACKGROUND) {
        bail!("no stack is running; start one with `make up`");
    }
    let text = fs::read(run_dir::path_of(run_dir::BACKGROUND).join("stack.json"))
        .context("the stack is still starting; try again")?;
    Ok(serde_json::from_slice(&text)?)
}

/// The WebSocket URL of the running stack with a new ticket.
///
/// # Errors
/// No stack is running.
pub async fn ticket(subscription: &str) -> Result<String> {
    let info = running_stack()?;
    let cloud = Cloud::new(&info.url);
    let ticket = ticket::issue(
        &cloud.dynamodb,
        &info.outputs.records_table_name,
        subscription,
    )
    .await?;
    Ok(format!("{}?ticket={ticket}", info.outputs.web_socket_url))
}

/// Prints the pushes of the running stack, until the connection or the process ends.
///
/// # Errors
/// No stack is running, or the connection is lost.
pub async fn watch(subscription: &str) -> Result<()> {
    let url = ticket(subscription).await?;
    let (url, ticket) = url
        .split_once("?ticket=")
        .context("the URL has no ticket")?;
    let mut client = PushClient::connect(url, ticket).await?;
    let mut terminal = Terminal::new();
    // At once, then every minute as the web app does: a snapshot makes up for lost pushes, and keeps the connection from
    // being closed as idle after 10 minutes.
    let mut sync = tokio::time::interval(Duration::from_secs(60));
    loop {
        tokio::select! {
            message = client.next() => match message.context("the connection is closed")?.frame {
                PushMessage::JobChanged { job } => terminal.line(&describe(&job)),
                PushMessage::Snapshot { jobs, more, .. } => {
                    let and_more = if more { " and more" } else { "" };
                    let noun = if jobs.len() == 1 { "job" } else { "jobs" };
                    terminal.line(&format!("{} {noun}{and_more}", jobs.len()));
                    for job in &jobs {
                        terminal.line(&format!("  {}", describe(job)));
                    }
                }
                PushMessage::Error { message } => terminal.line(&message),
            },
            _ = sync.tick() => client.sync().await?,
        }
    }
}

fn describe(job: &JobView) -> String {
    let failure = job.failure.as_ref().map_or_else(String::new, |failure| {
        format!("  {}: {}", failure.cause, failure.detail)
    });
    let text = format!(
        "{} v{}  {:<14}  {}  {}{failure}",
        job.id, job.version, job.status, job.pipeline, job.name
    );
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
