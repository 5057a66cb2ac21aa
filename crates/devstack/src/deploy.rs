//! Deploys `infra/service.yaml` and the functions' zips to the emulator with the AWS CLI, as on AWS.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::process::Command;

use crate::repo;

/// The domain of the address that mails are sent from. It is not a real one.
const EMAIL_DOMAIN: &str = "docket.example";

/// The `Outputs` of `infra/service.yaml`. Those with a default are empty for a release from before they existed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Outputs {
    pub jobs_bucket_name: String,
    pub jobs_table_name: String,
    pub connections_table_name: String,
    pub records_table_name: String,
    pub uploads_queue_url: String,
    pub uploads_dead_letters_url: String,
    pub inference_success_queue_url: String,
    pub inference_success_dead_letters_url: String,
    pub inference_error_queue_url: String,
    pub inference_error_dead_letters_url: String,
    pub checks_queue_url: String,
    pub checks_dead_letters_url: String,
    #[serde(default)]
    pub events_queue_url: String,
    #[serde(default)]
    pub events_dead_letters_url: String,
    #[serde(default)]
    pub webhooks_queue_url: String,
    #[serde(default)]
    pub webhooks_dead_letters_url: String,
    #[serde(default)]
    pub digests_queue_url: String,
    #[serde(default)]
    pub digests_dead_letters_url: String,
    pub inference_success_topic_arn: String,
    pub inference_error_topic_arn: String,
    pub receipt_key_arn: String,
    /// The bus for `JobReady` and `JobFailed`.
    pub event_bus_name: String,
    pub reconciler_function_name: String,
    /// The URL for WebSocket connections, with `?ticket=<ticket>`.
    pub web_socket_url: String,
    /// The URL of API Gateway's connection management API.
    pub web_socket_management_url: String,
    /// Without a trailing slash.
    pub http_api_url: String,
    pub user_pool_id: String,
    pub user_pool_client_id: String,
    /// Base URL of the user pool's domain, with companies.
    #[serde(default)]
    pub company_sign_in_url: Option<String>,
    #[serde(default)]
    pub company_sign_in_client_id: Option<String>,
}

/// Runs the AWS CLI.
#[derive(Debug)]
pub(crate) struct AwsCli<'a> {
    pub(crate) python: &'a Path,
    pub(crate) environment: Vec<(String, String)>,
}

impl AwsCli<'_> {
    /// Runs a command and returns its standard output.
    pub(crate) async fn aws(&self, arguments: &[&str]) -> Result<String> {
        let mut all = vec!["-m", "awscli"];
        all.extend(arguments);
        self.python(&all).await.with_context(|| {
            let words: Vec<&str> = arguments.iter().take(2).copied().collect();
            format!("`aws {}` failed", words.join(" "))
        })
    }

    pub(crate) async fn python(&self, arguments: &[&str]) -> Result<String> {
        let done = Command::new(self.python)
            .args(arguments)
            .current_dir(repo::root())
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
/// The zip of a program in `crates/function-binaries/src/bin` is missing.
pub(crate) fn check_zips() -> Result<Option<PathBuf>> {
    let mut oldest: Option<SystemTime> = None;
    for entry in std::fs::read_dir(repo::file(PROGRAMS)).context(PROGRAMS)? {
        let program = entry?.path();
        let name = program.file_stem().context(PROGRAMS)?;
        let zip = repo::file(ZIPS).join(name).with_extension("zip");
        let Ok(meta) = zip.metadata() else {
            bail!("{} does not exist; run `make package`", zip.display());
        };
        let made = meta.modified()?;
        oldest = Some(oldest.map_or(made, |oldest| oldest.min(made)));
    }
    let mut folders = ZIP_SOURCES.map(repo::file).to_vec();
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

/// How the template is deployed for companies.
#[derive(Clone, Debug)]
pub(crate) struct CompanyParameters {
    pub(crate) template: PathBuf,
    pub(crate) page_origin: Option<String>,
}

/// The template parameters whose values differ from a deployment to AWS.
#[derive(Clone, Debug)]
pub(crate) struct TemplateParameters {
    pub(crate) execute_api_url: String,
    pub(crate) sagemaker_runtime_url: String,
    pub(crate) sign_in_url: String,
    /// Timeout of the functions behind queues. The queues' visibility timeout is six times this.
    pub(crate) function_timeout_seconds: u32,
    pub(crate) companies: Option<CompanyParameters>,
}

const TEMPLATE: &str = "infra/service.yaml";
/// The folder of the zips in a release that `make release` made.
const RELEASE_ZIPS: &str = "functions";
/// The functions' programs: one file, and one zip, per function.
const PROGRAMS: &str = "crates/function-binaries/src/bin";
const ZIPS: &str = "target/lambda";
const ZIP_SOURCES: [&str; 6] = [
    "crates/api/src",
    "crates/jobs/src",
    "crates/functions/src",
    "crates/function-binaries/src",
    "infra/pipelines.toml",
    "Cargo.lock",
];
const STACK_NAME: &str = "docket";
const CODE_BUCKET: &str = "docket-code";
/// Also the name that templates before parameter `BucketName` give to the bucket.
const JOBS_BUCKET: &str = "docket-jobs-000000000000-us-east-1";

/// Creates the bucket for the zips, and deploys.
pub(crate) async fn deploy(
    cli: &AwsCli<'_>,
    s3: &aws_sdk_s3::Client,
    parameters: &TemplateParameters,
    release: Option<&Path>,
) -> Result<Outputs> {
    s3.create_bucket()
        .bucket(CODE_BUCKET)
        .send()
        .await
        .context("cannot create the bucket for the zips")?;
    deploy_release(cli, parameters, release).await
}

/// Verifies the domain of the sender, which on AWS is an operator's task.
pub(crate) async fn verify_email_domain(cli: &AwsCli<'_>) -> Result<()> {
    let arguments = [
        "sesv2",
        "create-email-identity",
        "--email-identity",
        EMAIL_DOMAIN,
    ];
    cli.aws(&arguments).await.map(drop)
}

/// Uploads the zips and creates or updates the CloudFormation stack: of a release in a folder, or of this checkout.
pub(crate) async fn deploy_release(
    cli: &AwsCli<'_>,
    parameters: &TemplateParameters,
    release: Option<&Path>,
) -> Result<Outputs> {
    let (zips, template) = release.map_or_else(
        || (PathBuf::from(ZIPS), PathBuf::from(TEMPLATE)),
        |folder| (folder.join(RELEASE_ZIPS), folder.join(TEMPLATE)),
    );
    // A stack's functions are updated if the prefix changes.
    let name = release.and_then(Path::file_name);
    let prefix = name.map_or_else(
        || "zips/".to_owned(),
        |name| format!("zips/{}/", name.to_string_lossy()),
    );
    let target = format!("s3://{CODE_BUCKET}/{prefix}");
    let companies = parameters.companies.as_ref();
    let template = companies.map_or(template, |companies| companies.template.clone());
    let (zips, template) = (zips.to_string_lossy(), template.to_string_lossy());
    cli.aws(&["s3", "cp", "--recursive", "--quiet", &zips, &target])
        .await?;
    // This machine's architecture, because the zips were built on it.
    let architecture = if std::env::consts::ARCH == "aarch64" {
        "arm64"
    } else {
        std::env::consts::ARCH
    };
    let mut overrides = vec![
        format!("BucketName={JOBS_BUCKET}"),
        format!("CodeBucket={CODE_BUCKET}"),
        format!("CodePrefix={prefix}"),
        format!("Architecture={architecture}"),
        "Scale=small".to_owned(),
        "WebhookReceivers=loopback".to_owned(),
        format!("EmailSender=digests@{EMAIL_DOMAIN}"),
        format!("ExecuteApiUrl={}", parameters.execute_api_url),
        format!("SageMakerRuntimeUrl={}", parameters.sagemaker_runtime_url),
        format!("SageMakerUrl={}", parameters.sagemaker_runtime_url),
        format!(
            "ApplicationAutoScalingUrl={}",
            parameters.sagemaker_runtime_url
        ),
        format!("SignInUrl={}", parameters.sign_in_url),
        "TableDeletionProtection=false".to_owned(),
        format!(
            "FunctionTimeoutSeconds={}",
            parameters.function_timeout_seconds
        ),
    ];
    if let Some(companies) = companies {
        overrides.push("SignInDomain=docket-local".to_owned());
        overrides.push(format!("SignInDomainUrl={}", parameters.sign_in_url));
        let origin = companies.page_origin.iter();
        overrides.extend(origin.map(|origin| format!("PageOrigin={origin}")));
    }
    let mut arguments = vec![
        "cloudformation",
        "deploy",
        "--stack-name",
        STACK_NAME,
        "--template-file",
        &template,
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
            STACK_NAME,
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
    struct StackOutput {
        output_key: String,
        output_value: String,
    }
    let rows: Vec<StackOutput> =
        serde_json::from_str(described).context("cannot read the stack's outputs")?;
    let map = rows
        .into_iter()
        .map(|row| (row.output_key, Value::String(row.output_value)))
        .collect();
    serde_json::from_value(Value::Object(map)).context("an output is missing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_output_is_named_in_the_error() {
        let error = format!("{:#}", outputs("[]").unwrap_err());
        assert!(error.contains("JobsBucketName"), "{error}");
    }
}
