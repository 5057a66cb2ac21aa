//! `make up` and `make down`: a stack that stays in the background, to play with.
//!
//! `up` starts this program a second time, as `serve`, and waits until that says it is ready. The lock of
//! `.docket/up` says whether it runs; `.docket/up/stack.json` says what is where.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::children::{Children, tail};
use crate::cloud::{self, Cloud};
use crate::deploy::Outputs;
use crate::model::{ContainerUrl, Model};
use crate::page::{Frame, Page};
use crate::place;
use crate::run_dir::{self, RunDir, Taken};
use crate::sign_ins::{PASSWORD, SIGN_INS};
use crate::site::{NOT_BUILT, Site};
use crate::stack::{Options, Progress, Stack};
use crate::ticket;
use crate::watch::{Screen, Style};

const NAME: &str = "up";
/// How long a stack may take to stop: longer than its slowest child.
const STOP: Duration = Duration::from_secs(40);

/// A running stack, as others find it.
#[derive(Debug, Deserialize, Serialize)]
struct Running {
    url: String,
    endpoints_url: String,
    endpoints: Vec<String>,
    model_url: String,
    /// The model is a container of the user's.
    #[serde(default)]
    own_model: bool,
    /// Where the page is, if it has been built.
    #[serde(default)]
    page_url: Option<String>,
    outputs: Outputs,
}

/// What `serve` tells `up`, a line each.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum News {
    Step(String),
    Ready,
}

/// Starts a stack in the background, unless one runs, and says how to use it. While it starts it is in `starting`:
/// whoever drops this future must [`give_up`] that.
///
/// # Errors
/// It does not start; the text has the end of its log. Or one runs with another model than the container asked for.
pub async fn up(container: Option<ContainerUrl>, starting: &mut Option<Child>) -> Result<()> {
    let mut screen = Screen::new().await;
    if RunDir::is_busy(NAME) {
        let running = running()?;
        if let Some(url) = container.filter(|url| url.as_str() != running.model_url) {
            bail!(
                "a stack is running already, with the model {}; stop it with `make down`, then start one with {}",
                running.model_url,
                url.as_str()
            );
        }
        screen.line("it is running already; `make down` stops it");
        return explain(&running);
    }
    if let Some(url) = &container {
        url.check().await?;
    }
    let log = run_dir::path_of("up.log");
    let write = || format!("{} cannot be written", log.display());
    fs::create_dir_all(place::file(".docket")).with_context(write)?;
    let child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .args(container.iter().flat_map(|url| ["--model", url.as_str()]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&log).with_context(write)?)
        // A Ctrl-C that is meant for something else in this terminal must not reach it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let child = starting.insert(child);
    let mut lines = BufReader::new(child.stdout.take().context("a pipe is missing")?).lines();
    loop {
        let Some(line) = lines.next_line().await? else {
            // On a full disk the log is empty.
            run_dir::check_space(&place::file(".docket"))?;
            bail!("the stack did not start\n{}", tail(&log));
        };
        match serde_json::from_str(&line)? {
            News::Step(step) => screen.line(&step),
            News::Ready => break,
        }
    }
    // From now on it lives on its own.
    if let Some(child) = starting.take() {
        detach(child);
    }
    let ready = screen.paint(Style::Green, "ready; `make down` stops it");
    screen.line(&ready);
    explain(&running()?)
}

/// Lets a child live on: it is killed when it is dropped, so it is not.
fn detach(child: Child) {
    std::mem::forget(child);
}

/// Stops a stack that is just starting, with all that it has started, and removes what it wrote.
pub async fn give_up(mut starting: Child) {
    if let Some(id) = starting.id() {
        terminate(id).await.ok();
    }
    // One that is deaf is killed; its children then end by themselves.
    if tokio::time::timeout(STOP, starting.wait()).await.is_err() {
        starting.kill().await.ok();
    }
    if let Ok(Taken::Ours(dir)) = RunDir::take(NAME) {
        dir.remove();
    }
    fs::remove_file(run_dir::path_of("up.log")).ok();
}

/// Asks a process to end. False: there is none, or not of this user's.
async fn terminate(id: u32) -> Result<bool> {
    let id = id.to_string();
    let asked = Command::new("kill").args(["-TERM", &id]).status().await?;
    Ok(asked.success())
}

/// The folder of the stack in the background. Whoever holds it is that stack, until all its children are gone.
///
/// # Errors
/// Another one runs.
pub fn claim() -> Result<RunDir> {
    match RunDir::take(NAME)? {
        Taken::Ours(dir) => Ok(dir),
        Taken::Busy => bail!("another stack runs"),
    }
}

/// Runs a stack until a signal ends it (the caller sees to that), telling `up` on standard output how far it is.
///
/// # Errors
/// It does not start, or a part of it breaks down.
pub async fn serve(
    container: Option<ContainerUrl>,
    dir: &RunDir,
    children: &Children,
) -> Result<()> {
    fs::write(dir.file("pid"), std::process::id().to_string())?;
    let progress: Progress = std::sync::Arc::new(|step: &str| tell(&News::Step(step.to_owned())));
    let options = container.map_or(Options::DEMO, Options::with_container);
    let own_model = matches!(options.model, Model::Container(_));
    let stack = Stack::start(options, dir, children, &progress).await?;
    let site = Site::start(&stack.outputs, &stack.cloud.url).await?;
    let running = Running {
        url: stack.cloud.url.clone(),
        endpoints_url: stack.endpoints.url(),
        endpoints: stack
            .pipelines
            .iter()
            .map(|pipeline| pipeline.endpoint.clone())
            .collect(),
        model_url: stack.model_url.clone(),
        own_model,
        page_url: site.as_ref().map(|site| site.url.clone()),
        outputs: stack.outputs.clone(),
    };
    fs::write(dir.file("env.sh"), exports(&running))?;
    // Written beside and renamed: nobody reads half of it.
    fs::write(
        dir.file("stack.json.part"),
        serde_json::to_vec_pretty(&running)?,
    )?;
    fs::rename(dir.file("stack.json.part"), dir.file("stack.json"))?;
    tell(&News::Ready);
    let why = stack.failed().await;
    bail!("a part of the stack broke down: {why}")
}

/// `up` may be gone, which is no reason to fail.
fn tell(news: &News) {
    use std::io::Write;
    if let Ok(line) = serde_json::to_string(news) {
        writeln!(std::io::stdout().lock(), "{line}").ok();
    }
}

/// Stops the stack that `up` started, and nothing else.
///
/// # Errors
/// It does not stop.
pub async fn down() -> Result<()> {
    let mut screen = Screen::new().await;
    if !RunDir::is_busy(NAME) {
        screen.line("nothing is running");
        let dir = run_dir::path_of(NAME);
        if dir.exists() {
            screen.line(&format!(
                "the last stack was not stopped with `make down`; its logs are in {} until the next `make up`",
                dir.display()
            ));
        }
        return Ok(());
    }
    // Its owner holds the lock, so the number is that of a living process and of no other.
    let pid: u32 = fs::read_to_string(run_dir::path_of(NAME).join("pid"))
        .ok()
        .and_then(|pid| pid.parse().ok())
        .context("it is just starting; try again")?;
    if !terminate(pid).await? {
        bail!("process {pid} cannot be stopped");
    }
    let give_up = tokio::time::Instant::now() + STOP;
    while RunDir::is_busy(NAME) {
        if tokio::time::Instant::now() > give_up {
            bail!("process {pid} has not stopped after {} s", STOP.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    if let Taken::Ours(dir) = RunDir::take(NAME)? {
        dir.remove();
    }
    fs::remove_file(run_dir::path_of("up.log")).ok();
    screen.line("stopped");
    Ok(())
}

fn running() -> Result<Running> {
    if !RunDir::is_busy(NAME) {
        bail!("nothing is running; `make up` starts a stack");
    }
    let text = fs::read(run_dir::path_of(NAME).join("stack.json"))
        .context("it is just starting; try again")?;
    Ok(serde_json::from_slice(&text)?)
}

/// A ticket of the running stack, as the whole URL to connect to.
///
/// # Errors
/// Nothing is running.
pub async fn ticket(subscription: &str) -> Result<String> {
    let running = running()?;
    let cloud = Cloud::new(&running.url);
    let ticket = ticket::issue(
        &cloud.dynamodb,
        &running.outputs.records_table_name,
        subscription,
    )
    .await?;
    Ok(format!(
        "{}?ticket={ticket}",
        running.outputs.web_socket_url
    ))
}

/// Prints what a page of the running stack is told, until the connection or the process ends.
///
/// # Errors
/// Nothing is running, or the connection is lost.
pub async fn watch(subscription: &str) -> Result<()> {
    let url = ticket(subscription).await?;
    let (url, ticket) = url
        .split_once("?ticket=")
        .context("the URL has no ticket")?;
    let mut page = Page::connect(url, ticket).await?;
    let mut screen = Screen::new().await;
    // At once, then as a page does: against lost pushes, and so that the connection is not closed as idle (after 10 min).
    let mut sync = tokio::time::interval(Duration::from_secs(60));
    loop {
        tokio::select! {
            arrival = page.next() => match arrival.context("the connection is gone")?.frame {
                Frame::JobChanged { job } => screen.line(&describe(&job)),
                Frame::Snapshot { jobs, more } => {
                    let and_more = if more { " and more" } else { "" };
                    let noun = if jobs.len() == 1 { "job" } else { "jobs" };
                    screen.line(&format!("{} {noun}{and_more}", jobs.len()));
                    for job in &jobs {
                        screen.line(&format!("  {}", describe(job)));
                    }
                }
                Frame::Error { message } => screen.line(&message),
            },
            _ = sync.tick() => page.sync().await?,
        }
    }
}

fn describe(job: &crate::PageJob) -> String {
    let failure = job.failure.as_ref().map_or_else(String::new, |why| {
        format!("  {}: {}", why.cause, why.detail)
    });
    let text = format!(
        "{} v{}  {:<14}  {}  {}{failure}",
        job.id, job.version, job.status, job.pipeline, job.name
    );
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// The lines that make the AWS CLI talk to a running stack.
fn exports(running: &Running) -> String {
    let outputs = &running.outputs;
    let mut lines = vec![format!(
        "export PATH={}:\"$PATH\"",
        quoted(&place::file(".venv/bin").to_string_lossy())
    )];
    let mut export =
        |name: &str, value: &str| lines.push(format!("export {name}={}", quoted(value)));
    for (name, value) in cloud::environment(&running.url) {
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
    lines.join("\n") + "\n"
}

/// A word for the shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn explain(running: &Running) -> Result<()> {
    use std::io::Write;
    let outputs = &running.outputs;
    let program = quoted(&std::env::current_exe()?.to_string_lossy());
    let env = quoted(&run_dir::path_of(NAME).join("env.sh").to_string_lossy());
    let docket = std::env::current_exe()?.with_file_name("docket");
    let docket = quoted(&docket.to_string_lossy());
    let people: Vec<String> = SIGN_INS
        .iter()
        .map(|one| format!("             {:<24} {}", one.email, one.groups.join(", ")))
        .collect();
    let endpoints: Vec<String> = running
        .endpoints
        .iter()
        .map(|name| format!("             {}/_endpoint/{name}", running.endpoints_url))
        .collect();
    let text = format!(
        "
  page       {page}
  API        {api}
  sign-ins   all with the password {PASSWORD}
{people}
  AWS        {url}
  WebSocket  {websocket}?ticket=<ticket>
             a ticket opens one connection within 60 s: {program} ticket acme
  model      {model}  ({whose})
  endpoints  (GET shows how each stands)
{endpoints}
  logs       {logs}

With the command line (`{docket} help` says more):

  {docket} login --api {api} --email reviewer@acme.example
  {docket} upload samples/contracts/consulting-agreement.pdf --pipeline legal-review --wait --save target
  {docket} jobs list

For the AWS CLI, paste this, or: . {env}
(Anew after every `make up`: the ports change.)

{exports}
Then, for example:

  # a contract goes in
  aws s3 cp samples/contracts/consulting-agreement.pdf \"s3://$DOCKET_BUCKET/inbound/acme/\"
  # what a page of the tenant acme is told (Ctrl-C ends it)
  {program} watch acme
  # the results
  aws s3 ls --recursive \"s3://$DOCKET_BUCKET/outbound/\"

(`aws sqs` is the one command that also wants --endpoint-url \"$AWS_ENDPOINT_URL\".)
",
        page = running.page_url.as_deref().unwrap_or(NOT_BUILT),
        api = outputs.http_api_url,
        people = people.join("\n"),
        url = running.url,
        websocket = outputs.web_socket_url,
        model = running.model_url,
        whose = if running.own_model {
            "your container"
        } else {
            "the reference model"
        },
        endpoints = endpoints.join("\n"),
        logs = run_dir::path_of(NAME).display(),
        exports = exports(running),
    );
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_survive_the_shell() {
        assert_eq!(quoted("/a/b-1.c"), "/a/b-1.c");
        assert_eq!(quoted("/my docs/it's"), r"'/my docs/it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
