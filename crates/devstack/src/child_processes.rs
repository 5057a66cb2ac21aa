//! Child processes (programs in Python, or for Node) that never outlive this process.
//!
//! Each child reads a pipe on its standard input and exits at end of file, so it also ends when this process is killed.
//! Each runs in its own process group: Ctrl-C in a terminal reaches only this process, which then stops its children.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot, watch};

/// How long a child may take to stop: MiniStack waits for its functions, which took up to 10 s.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a child may take to report its port.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The child processes of this process.
#[derive(Debug)]
pub struct ChildProcesses {
    alive: mpsc::Sender<()>,
    all_ended: mpsc::Receiver<()>,
}

impl Default for ChildProcesses {
    fn default() -> Self {
        let (alive, all_ended) = mpsc::channel(1);
        Self { alive, all_ended }
    }
}

/// How to start a child.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    /// Its name in messages.
    pub(crate) name: &'static str,
    /// What runs the script.
    pub(crate) interpreter: &'a Path,
    pub(crate) script: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Its whole environment: it inherits nothing from this process.
    pub(crate) environment: Vec<(String, String)>,
    /// The file for its standard error.
    pub(crate) log: PathBuf,
}

/// The first line of a child's standard output.
#[derive(Debug, Deserialize)]
struct ReadyMessage {
    port: u16,
}

/// A running child. Dropping it asks it to stop; [`ChildProcesses::wait_all`] waits until it has.
#[derive(Debug)]
pub(crate) struct Child {
    /// The port on 127.0.0.1 on which it listens.
    pub(crate) port: u16,
    ended: watch::Receiver<Option<String>>,
    _stop: oneshot::Sender<()>,
}

impl Child {
    /// Waits until it ends on its own, and returns the reason.
    pub(crate) async fn unexpected_end(&self) -> String {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "it was stopped".to_owned(),
        }
    }
}

impl ChildProcesses {
    /// Starts a program and waits until it reports its port.
    pub(crate) async fn start(&self, program: Program<'_>) -> Result<Child> {
        let Program { name, log, .. } = program;
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = Command::new(program.interpreter)
            .arg(&program.script)
            .args(&program.arguments)
            .env_clear()
            .envs(program.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let stdin = child.stdin.take();
        let stdout = child
            .stdout
            .take()
            .context("the child has no standard output")?;

        let (stop, stopped) = oneshot::channel::<()>();
        let (report, ended) = watch::channel(None);
        let token = self.alive.clone();
        let log_path = log.clone();
        tokio::spawn(async move {
            let _token = token;
            let stdin = stdin;
            tokio::select! {
                status = child.wait() => {
                    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    report.send_replace(Some(format!("{name} ended ({status})\n{}", log_tail(&log_path))));
                }
                _ = stopped => {
                    drop(stdin);
                    if tokio::time::timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
                        // It did not stop. The processes that it started read a pipe from it and end with it.
                        child.kill().await.ok();
                    }
                }
            }
        });

        let mut line = String::new();
        let mut lines = BufReader::new(stdout);
        tokio::time::timeout(START_TIMEOUT, lines.read_line(&mut line))
            .await
            .map_err(|_| {
                anyhow!(
                    "{name} did not report its port within {} s; see {}",
                    START_TIMEOUT.as_secs(),
                    log.display()
                )
            })?
            .with_context(|| format!("cannot read the output of {name}"))?;
        let ready: ReadyMessage = match serde_json::from_str(&line) {
            Ok(ready) => ready,
            Err(_) => bail!("{name} did not start\n{}", log_tail(&log)),
        };
        Ok(Child {
            port: ready.port,
            ended,
            _stop: stop,
        })
    }

    /// Waits until every stopped child has ended.
    pub async fn wait_all(mut self) {
        drop(self.alive);
        while self.all_ended.recv().await.is_some() {}
    }
}

/// The last lines of a log, for an error message.
pub(crate) fn log_tail(log: &Path) -> String {
    const LINES: usize = 15;
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    format!("{last}\n(full log: {})", log.display())
}
