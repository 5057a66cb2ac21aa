//! The processes of a stack: the AWS emulator and the model.

use std::net::TcpListener;
use std::path::Path;

use anyhow::{Context, Result};

use crate::child_processes::{Child, ChildProcesses, Program};
use crate::cloud::{self, Cloud};
use crate::model::Model;
use crate::repo;
use crate::run_dir::RunDir;

/// Environment variable with the path of the file to which the emulator appends its IAM decisions.
const DECISIONS_LOG: &str = "DECISIONS_LOG";
/// The file in the run's folder with the mails that the emulator took, one request of SES per line.
pub(crate) const MAILS_LOG: &str = "mails.jsonl";

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))
        .context("cannot find a free port")?
        .local_addr()?
        .port())
}

/// The environment of child processes: only the path, the language and a directory for temporary files.
pub(crate) fn clean_environment(dir: &RunDir, url: &str) -> Vec<(String, String)> {
    let tmp = dir.file("tmp").to_string_lossy().into_owned();
    let path = std::env::var_os("PATH")
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut environment = cloud::environment(url);
    environment.extend(
        [
            ("PATH", path),
            ("TMPDIR", tmp.clone()),
            // Neither reads nor writes the user's settings and credentials.
            ("HOME", tmp),
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
            ("PYTHONUTF8", "1".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    environment
}

/// Starts the AWS emulator and waits until it answers.
pub(crate) async fn start_ministack(
    children: &ChildProcesses,
    python: &Path,
    dir: &RunDir,
    port: u16,
    endpoint_port: u16,
    function_aws_url: &str,
    for_many_pages: bool,
) -> Result<Child> {
    let cloud = Cloud::new(&format!("http://127.0.0.1:{port}"));
    let mut environment = clean_environment(dir, function_aws_url);
    let mut set = |name: &str, value: String| environment.push((name.to_owned(), value));
    set("GATEWAY_PORT", port.to_string());
    if for_many_pages {
        set("OUTBOX_POLL_SECONDS", "20".to_owned());
    } else {
        // As on AWS, each function has only the permissions of its role.
        set("AUTH", "true".to_owned());
    }
    set(
        "MAILS_LOG",
        dir.file(MAILS_LOG).to_string_lossy().into_owned(),
    );
    let endpoints = format!("http://127.0.0.1:{endpoint_port}");
    set("SAGEMAKER_RUNTIME_URL", endpoints);
    if let Some(log) = std::env::var_os(DECISIONS_LOG) {
        set(DECISIONS_LOG, log.to_string_lossy().into_owned());
    }
    // MiniStack passes its environment to the functions, with AWS_ENDPOINT_URL set to its own value, `function_aws_url`.
    let child = children
        .start(Program {
            name: "MiniStack",
            interpreter: python,
            script: repo::file("crates/devstack/python/stack_process.py"),
            arguments: vec![],
            environment,
            log: dir.file("ministack.log"),
        })
        .await?;
    tokio::select! {
        ready = cloud.wait_until_ready(port) => ready?,
        reason = child.unexpected_end() => anyhow::bail!("{reason}"),
    }
    Ok(child)
}

/// Starts the reference model, unless a container is used. Returns its base URL as well.
pub(crate) async fn start_model(
    children: &ChildProcesses,
    python: &Path,
    dir: &RunDir,
    model: &Model,
) -> Result<(Option<Child>, String)> {
    let (delay, ocr, min_durations) = match model {
        Model::Reference {
            delay,
            ocr,
            min_durations,
        } => (delay, ocr, min_durations),
        Model::Container(url) => return Ok((None, url.as_str().to_owned())),
    };
    let mut arguments = ["--port", "0", "--delay-ms", &delay.as_millis().to_string()]
        .map(str::to_owned)
        .to_vec();
    if !ocr {
        arguments.push("--no-ocr".to_owned());
    }
    if let Some(file) = min_durations {
        arguments.extend([
            "--min-durations".to_owned(),
            file.to_string_lossy().into_owned(),
        ]);
    }
    let child = children
        .start(Program {
            name: "the reference model",
            interpreter: python,
            script: repo::file("crates/devstack/python/reference_model.py"),
            arguments,
            environment: clean_environment(dir, ""),
            log: dir.file("model.log"),
        })
        .await?;
    let url = format!("http://127.0.0.1:{}", child.port);
    Ok((Some(child), url))
}
