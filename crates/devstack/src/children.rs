//! Python programs that run beside this process and never outlive it.
//!
//! Each holds the read end of a pipe on its standard input and ends at its end, so that a child also ends when this
//! process is killed. They run in process groups of their own: Ctrl-C in a terminal reaches only this process, which
//! stops them in order.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot, watch};

/// What a child may take to stop by itself: MiniStack gives its functions time and was seen to need 10 s.
const STOP: Duration = Duration::from_secs(20);
/// What a child may take to say where it listens.
const HELLO: Duration = Duration::from_secs(60);

/// All children of this process.
#[derive(Debug)]
pub struct Children {
    alive: mpsc::Sender<()>,
    drained: mpsc::Receiver<()>,
}

impl Default for Children {
    fn default() -> Self {
        let (alive, drained) = mpsc::channel(1);
        Self { alive, drained }
    }
}

/// How a child is started.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    /// What people call it.
    pub(crate) name: &'static str,
    /// The Python to run it with.
    pub(crate) python: &'a Path,
    /// The script.
    pub(crate) script: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Its whole environment: nothing of ours is handed on.
    pub(crate) environment: Vec<(String, String)>,
    /// Where its standard error goes.
    pub(crate) log: PathBuf,
}

/// The first line of a child's standard output.
#[derive(Debug, Deserialize)]
struct Hello {
    port: u16,
}

/// A running child. Dropping it lets it stop; [`Children::drained`] waits for that.
#[derive(Debug)]
pub(crate) struct Child {
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    ended: watch::Receiver<Option<String>>,
    _stop: oneshot::Sender<()>,
}

impl Child {
    /// Says why it ended, when it did so without being asked.
    pub(crate) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => "it was stopped".to_owned(),
        }
    }
}

impl Children {
    /// Starts a program and waits until it says where it will listen.
    pub(crate) async fn start(&self, program: Program<'_>) -> Result<Child> {
        let Program { name, log, .. } = program;
        let file =
            File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let mut child = Command::new(program.python)
            .arg(&program.script)
            .args(&program.arguments)
            .env_clear()
            .envs(program.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("a pipe is missing")?;

        let (stop, stopped) = oneshot::channel::<()>();
        let (report, ended) = watch::channel(None);
        let token = self.alive.clone();
        let why_log = log.clone();
        tokio::spawn(async move {
            let _token = token;
            let stdin = stdin;
            tokio::select! {
                status = child.wait() => {
                    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                    report.send_replace(Some(format!("{name} ended ({status})\n{}", tail(&why_log))));
                }
                _ = stopped => {
                    drop(stdin);
                    if tokio::time::timeout(STOP, child.wait()).await.is_err() {
                        // It is deaf; what it started watches a pipe from it and follows.
                        child.kill().await.ok();
                    }
                }
            }
        });

        let mut line = String::new();
        let mut lines = BufReader::new(stdout);
        tokio::time::timeout(HELLO, lines.read_line(&mut line))
            .await
            .map_err(|_| {
                anyhow!(
                    "{name} said nothing for {} s; see {}",
                    HELLO.as_secs(),
                    log.display()
                )
            })?
            .with_context(|| format!("{name} cannot be heard"))?;
        let hello: Hello = match serde_json::from_str(&line) {
            Ok(hello) => hello,
            Err(_) => bail!("{name} did not start\n{}", tail(&log)),
        };
        Ok(Child {
            port: hello.port,
            ended,
            _stop: stop,
        })
    }

    /// Waits until every child that was let go has ended.
    pub async fn drained(mut self) {
        drop(self.alive);
        while self.drained.recv().await.is_some() {}
    }
}

/// The last lines of a log, to be read in an error.
pub(crate) fn tail(log: &Path) -> String {
    const LINES: usize = 15;
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    format!("{last}\n(all of it is in {})", log.display())
}
