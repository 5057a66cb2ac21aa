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
use crate::cloud::{self, Cloud};
use crate::deploy::Outputs;
use crate::model::{ContainerUrl, Model};
use crate::push_client::{PushClient, PushMessage};
use crate::repo;
use crate::run_dir::{self, Acquired, RunDir};
use crate::stack::{ProgressCallback, Stack, StackOptions};
use crate::test_users::{TEST_PASSWORD, TEST_USERS};
use crate::ticket;
use crate::watch::{Style, Terminal};
use crate::web_server::{WEB_APP_NOT_BUILT, WebServer};

const RUN_DIR_NAME: &str = "up";
/// How long a stack may take to stop: longer than the limit for its child processes.
const STOP_TIMEOUT: Duration = Duration::from_secs(40);

/// The addresses of a running stack: `stack.json`.
#[derive(Debug, Deserialize, Serialize)]
struct StackInfo {
    url: String,
    endpoints_url: String,
    endpoints: Vec<String>,
    model_url: String,
    /// The model is a container of the user.
    #[serde(default)]
    is_user_container: bool,
    /// `None` if the web app has not been built.
    #[serde(default)]
    web_app_url: Option<String>,
    outputs: Outputs,
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
/// The stack does not start; the message has the end of its log. Or a stack with another model is running.
pub async fn up(container: Option<ContainerUrl>, starting: &mut Option<Child>) -> Result<()> {
    let mut terminal = Terminal::new();
    if RunDir::is_in_use(RUN_DIR_NAME) {
        let info = running_stack()?;
        if let Some(url) = container.filter(|url| url.as_str() != info.model_url) {
            bail!(
                "a stack with the model {} is already running; stop it with `make down` to start one with {}",
                info.model_url,
                url.as_str()
            );
        }
        terminal.line("a stack is already running; stop it with `make down`");
        return print_stack_info(&info);
    }
    if let Some(url) = &container {
        url.check_ready().await?;
    }
    let log = run_dir::path_of("up.log");
    let write = || format!("cannot write {}", log.display());
    fs::create_dir_all(repo::file(".docket")).with_context(write)?;
    let child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .args(container.iter().flat_map(|url| ["--model", url.as_str()]))
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
    print_stack_info(&running_stack()?)
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
    if let Ok(Acquired::Owned(dir)) = RunDir::acquire(RUN_DIR_NAME) {
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
    match RunDir::acquire(RUN_DIR_NAME)? {
        Acquired::Owned(dir) => Ok(dir),
        Acquired::InUse => bail!("another stack is running"),
    }
}

/// Runs a stack and reports its start to `up` on standard output. Never returns without an error: the caller stops it
/// when a signal arrives.
///
/// # Errors
/// The stack does not start, or a part of it ends unexpectedly.
pub async fn serve(
    container: Option<ContainerUrl>,
    dir: &RunDir,
    children: &ChildProcesses,
) -> Result<()> {
    fs::write(dir.file("pid"), std::process::id().to_string())?;
    let progress: ProgressCallback =
        std::sync::Arc::new(|step: &str| report(&StartupMessage::Step(step.to_owned())));
    let options = container.map_or(StackOptions::DEMO, StackOptions::with_container);
    let is_user_container = matches!(options.model, Model::Container(_));
    let stack = Stack::start(options, dir, children, &progress).await?;
    let web_server = WebServer::start(&stack.outputs, &stack.cloud.url).await?;
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
    };
    fs::write(dir.file("env.sh"), shell_exports(&info))?;
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
    if !RunDir::is_in_use(RUN_DIR_NAME) {
        terminal.line("no stack is running");
        let dir = run_dir::path_of(RUN_DIR_NAME);
        if dir.exists() {
            terminal.line(&format!(
                "the last stack was not stopped with `make down`; its logs stay in {} until the next `make up`",
                dir.display()
            ));
        }
        return Ok(());
    }
    // The process holds the lock, so the process id is current.
    let pid: u32 = fs::read_to_string(run_dir::path_of(RUN_DIR_NAME).join("pid"))
        .ok()
        .and_then(|pid| pid.parse().ok())
        .context("the stack is still starting; try again")?;
    if !terminate(pid).await? {
        bail!("cannot stop process {pid}");
    }
    let deadline = tokio::time::Instant::now() + STOP_TIMEOUT;
    while RunDir::is_in_use(RUN_DIR_NAME) {
        if tokio::time::Instant::now() > deadline {
            bail!(
                "process {pid} did not stop within {} s",
                STOP_TIMEOUT.as_secs()
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if let Acquired::Owned(dir) = RunDir::acquire(RUN_DIR_NAME)? {
        dir.remove();
    }
    fs::remove_file(run_dir::path_of("up.log")).ok();
    terminal.line("the stack is stopped");
    Ok(())
}

fn running_stack() -> Result<StackInfo> {
    if !RunDir::is_in_use(RUN_DIR_NAME) {
        bail!("no stack is running; start one with `make up`");
    }
    let text = fs::read(run_dir::path_of(RUN_DIR_NAME).join("stack.json"))
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

/// Shell commands that configure the AWS CLI for a running stack.
fn shell_exports(info: &StackInfo) -> String {
    let outputs = &info.outputs;
    // `docket` is built beside this program.
    let programs = std::env::current_exe().ok();
    let folders = programs.iter().filter_map(|program| program.parent());
    let mut lines: Vec<String> = folders
        .chain([repo::file(".venv/bin").as_path()])
        .map(|folder| {
            format!(
                "export PATH={}:\"$PATH\"",
                shell_quoted(&folder.to_string_lossy())
            )
        })
        .collect();
    let mut export =
        |name: &str, value: &str| lines.push(format!("export {name}={}", shell_quoted(value)));
    for (name, value) in cloud::environment(&info.url) {
        export(&name, &value);
    }
    export("DOCKET_BUCKET", &outputs.jobs_bucket_name);
    export("DOCKET_JOBS_TABLE", &outputs.jobs_table_name);
    export("DOCKET_CONNECTIONS_TABLE", &outputs.connections_table_name);
    export("DOCKET_RECORDS_TABLE", &outputs.records_table_name);
    export("DOCKET_UPLOADS_QUEUE", &outputs.uploads_queue_url);
    export("DOCKET_CHECKS_QUEUE", &outputs.checks_queue_url);
    export("DOCKET_EVENT_BUS", &outputs.event_bus_name);
    export("DOCKET_WEBSOCKET_MANAGEMENT_URL", &outputs.web_socket_url);
    export("DOCKET_API", &outputs.http_api_url);
    if let Some(page) = &info.web_app_url {
        export("DOCKET_PAGE", page);
    }
    lines.join("\n") + "\n"
}

/// Quotes a word for the shell.
fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn print_stack_info(info: &StackInfo) -> Result<()> {
    use std::io::Write;
    let outputs = &info.outputs;
    let program = shell_quoted(&std::env::current_exe()?.to_string_lossy());
    let env = shell_quoted(
        &run_dir::path_of(RUN_DIR_NAME)
            .join("env.sh")
            .to_string_lossy(),
    );
    let docket = std::env::current_exe()?.with_file_name("docket");
    let docket = shell_quoted(&docket.to_string_lossy());
    let users: Vec<String> = TEST_USERS
        .iter()
        .map(|user| format!("             {:<24} {}", user.email, user.groups.join(", ")))
        .collect();
    let endpoints: Vec<String> = info
        .endpoints
        .iter()
        .map(|name| format!("             {}/_endpoint/{name}", info.endpoints_url))
        .collect();
    let text = format!(
        "
  web app    {web_app}
  HTTP API   {api}
  users      all with the password {TEST_PASSWORD}
{users}
  AWS        {url}
  WebSocket  {websocket}?ticket=<ticket>
             create a ticket, which opens one connection within 60 s: {program} ticket acme
  model      {model}  ({model_kind})
  endpoints  (GET returns the state)
{endpoints}
  logs       {logs}

Use the command line (see also `{docket} help`):

  {docket} login --api {api} --email reviewer@acme.example
  {docket} upload samples/contracts/consulting-agreement.pdf --pipeline legal-review --wait --save target
  {docket} jobs list

To use the AWS CLI, paste the following lines, or run: . {env}
(Repeat this after every `make up`, because the ports change.)

{exports}
For example:

  # upload a contract
  aws s3 cp samples/contracts/consulting-agreement.pdf \"s3://$DOCKET_BUCKET/inbound/acme/\"
  # show the pushes of the tenant acme (stop with Ctrl-C)
  {program} watch acme
  # list the results
  aws s3 ls --recursive \"s3://$DOCKET_BUCKET/outbound/\"

(`aws sqs` also needs --endpoint-url \"$AWS_ENDPOINT_URL\".)
",
        web_app = info.web_app_url.as_deref().unwrap_or(WEB_APP_NOT_BUILT),
        api = outputs.http_api_url,
        users = users.join("\n"),
        url = info.url,
        websocket = outputs.web_socket_url,
        model = info.model_url,
        model_kind = if info.is_user_container {
            "your container"
        } else {
            "the reference model"
        },
        endpoints = endpoints.join("\n"),
        logs = run_dir::path_of(RUN_DIR_NAME).display(),
        exports = shell_exports(info),
    );
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(shell_quoted("/a/b-1.c"), "/a/b-1.c");
        assert_eq!(shell_quoted("/my docs/it's"), r"'/my docs/it'\''s'");
        assert_eq!(shell_quoted(""), "''");
    }
}
