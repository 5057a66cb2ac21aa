//! Puts `infra/service.yaml` and the zips that ship into the emulated cloud, with the AWS CLI, as one would on AWS.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::process::Command;

use crate::place;

/// What the deployed stack says about itself (`Outputs` of `infra/service.yaml`).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Outputs {
    /// The bucket of inputs and outputs.
    pub jobs_bucket_name: String,
    /// The job table.
    pub jobs_table_name: String,
    /// The table of open pages.
    pub connections_table_name: String,
    /// The table of tickets and quarantined messages.
    pub records_table_name: String,
    /// Queue of announced uploads.
    pub uploads_queue_url: String,
    /// Its dead letters.
    pub uploads_dead_letters_url: String,
    /// Queue of successes.
    pub inference_success_queue_url: String,
    /// Its dead letters.
    pub inference_success_dead_letters_url: String,
    /// Queue of errors.
    pub inference_error_queue_url: String,
    /// Its dead letters.
    pub inference_error_dead_letters_url: String,
    /// Queue of wake-ups.
    pub checks_queue_url: String,
    /// Its dead letters.
    pub checks_dead_letters_url: String,
    /// Topic of successes.
    pub inference_success_topic_arn: String,
    /// Topic of errors.
    pub inference_error_topic_arn: String,
    /// The bus that `JobReady` and `JobFailed` come out of.
    pub event_bus_name: String,
    /// The function that looks for what was lost.
    pub reconciler_function_name: String,
    /// Where pages connect, with `?ticket=<ticket>`.
    pub web_socket_url: String,
    /// Where messages to pages are posted.
    pub web_socket_management_url: String,
    /// The HTTP API, without a slash at its end.
    pub http_api_url: String,
    /// Where people are added.
    pub user_pool_id: String,
    /// What people sign in with.
    pub user_pool_client_id: String,
}

/// A client on the command line.
#[derive(Debug)]
pub(crate) struct Cli<'a> {
    pub(crate) python: &'a Path,
    pub(crate) environment: Vec<(String, String)>,
}

impl Cli<'_> {
    /// Runs a command of the AWS CLI and answers its standard output.
    pub(crate) async fn aws(&self, arguments: &[&str]) -> Result<String> {
        let mut all = vec!["-m", "awscli"];
        all.extend(arguments);
        self.python(&all).await.with_context(|| {
            let words: Vec<&str> = arguments.iter().take(2).copied().collect();
            format!("`aws {}` failed", words.join(" "))
        })
    }

    async fn python(&self, arguments: &[&str]) -> Result<String> {
        let done = Command::new(self.python)
            .args(arguments)
            .current_dir(place::root())
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .output()
            .await?;
        if !done.status.success() {
            let text = [done.stderr, done.stdout].concat();
            bail!("{}", String::from_utf8_lossy(&text).trim());
        }
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }
}

/// Checks the zips that `make package` created, which are those that ship: Cargo's own folder may hold programs that
/// were built for tests. Returns a source that is newer than them, if there is one.
///
/// # Errors
/// The zip of a program in `crates/functions/src/bin` is missing.
pub(crate) fn check_zips() -> Result<Option<PathBuf>> {
    let mut oldest: Option<SystemTime> = None;
    for entry in std::fs::read_dir(place::file(PROGRAMS)).context(PROGRAMS)? {
        let program = entry?.path();
        let name = program.file_stem().context(PROGRAMS)?;
        let zip = place::file(ZIPS).join(name).with_extension("zip");
        let Ok(meta) = zip.metadata() else {
            bail!("{} is not there; `make package` makes it", zip.display());
        };
        let made = meta.modified()?;
        oldest = Some(oldest.map_or(made, |oldest| oldest.min(made)));
    }
    let mut folders = SHIPPED.map(place::file).to_vec();
    while let (Some(path), Some(oldest)) = (folders.pop(), oldest) {
        if path.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                folders.push(entry?.path());
            }
        } else if path.metadata()?.modified()? > oldest {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The parameters in which a local deployment differs from one on AWS.
#[derive(Debug)]
pub(crate) struct Parameters {
    pub(crate) execute_api_url: String,
    pub(crate) sagemaker_runtime_url: String,
    /// Where people send their password.
    pub(crate) sign_in_url: String,
    /// Time limit of the functions behind queues, in seconds; six times this is the queues' visibility timeout.
    pub(crate) function_timeout_seconds: u32,
}

const TEMPLATE: &str = "infra/service.yaml";
/// Where the functions' programs are: one file, and one zip, per function.
const PROGRAMS: &str = "crates/functions/src/bin";
const ZIPS: &str = "target/lambda";
/// What the zips are made of.
const SHIPPED: [&str; 4] = [
    "crates/jobs/src",
    "crates/functions/src",
    "infra/pipelines.toml",
    "Cargo.lock",
];
const STACK: &str = "docket";
const CODE_BUCKET: &str = "docket-code";
const CODE_PREFIX: &str = "zips/";

/// Uploads the zips and creates the stack.
pub(crate) async fn deploy(
    cli: &Cli<'_>,
    s3: &aws_sdk_s3::Client,
    parameters: &Parameters,
) -> Result<Outputs> {
    s3.create_bucket()
        .bucket(CODE_BUCKET)
        .send()
        .await
        .context("the bucket for the zips cannot be made")?;
    let target = format!("s3://{CODE_BUCKET}/{CODE_PREFIX}");
    cli.aws(&["s3", "cp", "--recursive", "--quiet", ZIPS, &target])
        .await?;
    // The machine's own kind: the zips were built on it.
    let architecture = if std::env::consts::ARCH == "aarch64" {
        "arm64"
    } else {
        std::env::consts::ARCH
    };
    let overrides = [
        format!("CodeBucket={CODE_BUCKET}"),
        format!("CodePrefix={CODE_PREFIX}"),
        format!("Architecture={architecture}"),
        "Scale=small".to_owned(),
        format!("ExecuteApiUrl={}", parameters.execute_api_url),
        format!("SageMakerRuntimeUrl={}", parameters.sagemaker_runtime_url),
        format!("SignInUrl={}", parameters.sign_in_url),
        "TableDeletionProtection=false".to_owned(),
        format!(
            "FunctionTimeoutSeconds={}",
            parameters.function_timeout_seconds
        ),
    ];
    let mut arguments = vec![
        "cloudformation",
        "deploy",
        "--stack-name",
        STACK,
        "--template-file",
        TEMPLATE,
        "--s3-bucket",
        CODE_BUCKET,
        "--capabilities",
        "CAPABILITY_IAM",
        "CAPABILITY_AUTO_EXPAND",
        "--parameter-overrides",
    ];
    arguments.extend(overrides.iter().map(String::as_str));
    cli.aws(&arguments).await?;
    let described = cli
        .aws(&[
            "cloudformation",
            "describe-stacks",
            "--stack-name",
            STACK,
            "--query",
            "Stacks[0].Outputs",
            "--output",
            "json",
        ])
        .await?;
    outputs(&described)
}

fn outputs(described: &str) -> Result<Outputs> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Row {
        output_key: String,
        output_value: String,
    }
    let rows: Vec<Row> =
        serde_json::from_str(described).context("the stack's outputs cannot be read")?;
    let map = rows
        .into_iter()
        .map(|row| (row.output_key, Value::String(row.output_value)))
        .collect();
    serde_json::from_value(Value::Object(map)).context("the stack lacks an output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_output_is_named() {
        let error = format!("{:#}", outputs("[]").unwrap_err());
        assert!(error.contains("JobsBucketName"), "{error}");
    }
}
