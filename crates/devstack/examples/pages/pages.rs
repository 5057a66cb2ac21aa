//! The process that runs the pages.

use std::process::Stdio;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Node with the pages. It ends when its standard input does.
#[derive(Debug)]
pub(crate) struct Pages {
    _process: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Pages {
    pub(crate) fn open(options: &Value) -> Result<Self> {
        let mut process = Command::new("node")
            .current_dir(devstack::repo_file("web"))
            .args(["scripts/run.mjs", "bench/pages.ts", &options.to_string()])
            // Node has no WebSocket without it before version 22.
            .env("NODE_OPTIONS", "--experimental-websocket")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start node")?;
        let commands = process.stdin.take().context("node has no standard input")?;
        let answers = process
            .stdout
            .take()
            .context("node has no standard output")?;
        Ok(Self {
            _process: process,
            commands,
            answers: BufReader::new(answers).lines(),
        })
    }

    /// Sends a command and returns its answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&mut self, command: &str) -> Result<T> {
        self.commands
            .write_all(format!("{command}\n").as_bytes())
            .await?;
        let answer = self.answers.next_line().await?;
        let answer = answer.context("the pages have ended")?;
        serde_json::from_str(&answer).with_context(|| format!("not an answer: {answer}"))
    }
}
