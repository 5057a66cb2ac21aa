//! A running stack: the AWS emulator with the deployed service, the endpoints and the model.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_endpoint::EndpointParameters;
use async_endpoint::server::{AwsTarget, EndpointConfig, EndpointEvent, Server, ServerConfig};
use futures_util::future::select_all;
use jobs::pipeline::{Pipeline, Pipelines};
use serde_json::Value;
use tokio::sync::broadcast;

use crate::child_processes::{Child, ChildProcesses};
use crate::cloud::{self, Cloud};
use crate::companies::{Companies, prepare};
use crate::deploy::{
    AwsCli, Outputs, TemplateParameters, check_zips, deploy, deploy_release, verify_email_domain,
};
use crate::model::{ContainerUrl, Model};
use crate::push_client::{PushClient, PushClientError};
use crate::run_dir::RunDir;
use crate::stack_processes::{
    MAILS_LOG, clean_environment, free_port, start_ministack, start_model,
};
use crate::test_users::{UserPools, create_tenants};
use crate::{repo, ticket};

/// Minimum timeout of an invocation: the model runs in real time, even if the endpoints' clock runs faster.
pub(crate) const MIN_INVOCATION_TIMEOUT: Duration = Duration::from_secs(110);

/// Called with each step of the start.
pub type ProgressCallback = Arc<dyn Fn(&str) + Send + Sync>;

#[derive(Clone, Debug)]
pub struct StackOptions {
    /// How many seconds of the endpoints' clock pass in a real second. It applies to cold starts, scaling, queue TTLs.
    pub time_factor: f64,
    pub model: Model,
    /// Timeout of the functions behind queues: a value that the template allows. The visibility timeout of the queues,
    /// after which a message is delivered again, is six times this.
    pub function_timeout_seconds: u32,
    /// Base URL of a proxy between the functions and all services that they call, and between the endpoints and the
    /// model, for tests that inject faults. The proxy takes the target addresses from [`Stack`].
    pub proxy_url: Option<String>,
    /// For very many pages. The emulator leaves out what takes most of its time then: the checks of IAM, and a look for
    /// messages to each open WebSocket twice a second, after which it also notices the end of a connection later.
    pub for_many_pages: bool,
    /// Folder of a release that `make release` made, to deploy instead of this checkout.
    pub release: Option<PathBuf>,
    /// Companies that sign users in, and programs with clients of their own; not with a release.
    pub companies: Option<Companies>,
}

impl StackOptions {
    /// For demos: a five-minute cold start takes five seconds, a review of 45 s less than one.
    pub const DEMO: Self = Self {
        time_factor: 60.0,
        model: Model::Reference {
            delay: Duration::from_millis(750),
            ocr: true,
            min_durations: None,
        },
        function_timeout_seconds: 5,
        proxy_url: None,
        for_many_pages: false,
        release: None,
        companies: None,
    };
    /// For tests: a cold start takes a second and a half, and the model adds no delay and recognizes nothing. Its own tests
    /// cover the recognition, which would take ten minutes for a batch of a gibibyte.
    pub const TESTS: Self = Self {
        time_factor: 200.0,
        model: Model::Reference {
            delay: Duration::ZERO,
            ocr: false,
            min_durations: None,
        },
        function_timeout_seconds: 5,
        proxy_url: None,
        for_many_pages: false,
        release: None,
        companies: None,
    };

    /// For demos with a container of the user, which runs in real time: a cold start takes fifteen seconds, and a
    /// document may wait in the queue for minutes (six hours of the endpoints' clock take eighteen minutes).
    pub const fn with_container(url: ContainerUrl) -> Self {
        Self {
            time_factor: 20.0,
            model: Model::Container(url),
            function_timeout_seconds: 10,
            proxy_url: None,
            for_many_pages: false,
            release: None,
            companies: None,
        }
    }
}

/// A running stack. Dropping it stops everything; [`Stack::stop`] also waits for the endpoints.
#[derive(Debug)]
pub struct Stack {
    pub cloud: Cloud,
    pub outputs: Outputs,
    pub pipelines: Pipelines,
    /// The endpoints of all pipelines.
    pub endpoints: Server,
    /// Base URL of the model.
    pub model_url: String,
    /// The mails that SES took, one request per line.
    pub mails_log: PathBuf,
    /// How long one invocation may take, in real time.
    pub(crate) max_invocation_time: Duration,
    /// How the service was deployed: environment of the AWS CLI, and what the template was given.
    deployed: (Vec<(String, String)>, TemplateParameters),
    /// The emulator, the reference model unless a container of the user replaces it, and the companies' providers.
    processes: Vec<Child>,
}

impl Stack {
    /// Starts everything, which takes about ten seconds. The logs go to `dir`.
    ///
    /// # Errors
    /// The message names the part that did not start, with the end of its log.
    pub async fn start(
        options: StackOptions,
        dir: &RunDir,
        children: &ChildProcesses,
        progress: &ProgressCallback,
    ) -> Result<Self> {
        let python = repo::venv_python()?;
        let port = free_port()?;
        let cloud = Cloud::new(&format!("http://127.0.0.1:{port}"));
        let cli = AwsCli {
            python: &python,
            environment: clean_environment(dir, &cloud.url),
        };

        if options.release.is_none()
            && let Some(newer) = check_zips()?
        {
            let newer = newer.display();
            progress(&format!(
                "warning: {newer} is newer than the zips; run `make package` to rebuild them"
            ));
        }
        let services = "MiniStack (S3, SQS, SNS, DynamoDB, Lambda, API Gateway, EventBridge)";
        progress(&match &options.model {
            Model::Reference { .. } => format!("starting {services} and the reference model"),
            Model::Container(url) => {
                format!("starting {services}; using the model at {}", url.as_str())
            }
        });
        let proxy_url = options.proxy_url.as_deref();
        let function_aws_url = proxy_url.unwrap_or(&cloud.url);
        // Reserved until the server listens on it, so that no other process takes it.
        let reserved = TcpListener::bind(("127.0.0.1", 0)).context("cannot find a free port")?;
        let endpoint_port = reserved.local_addr()?.port();
        let ministack = start_ministack(
            children,
            &python,
            dir,
            port,
            endpoint_port,
            function_aws_url,
            options.for_many_pages,
        );
        let model = start_model(children, &python, dir, &options.model);
        let (ministack, (reference_model, model_url)) = tokio::try_join!(ministack, model)?;

        let mut processes = vec![ministack];
        processes.extend(reference_model);

        progress("deploying infra/service.yaml");
        let companies = match &options.companies {
            Some(companies) => {
                let (parameters, providers) =
                    prepare(&cli, companies, children, dir, &cloud.url).await?;
                processes.extend(providers);
                Some(parameters)
            }
            None => None,
        };
        let parameters = TemplateParameters {
            companies,
            execute_api_url: format!("{function_aws_url}/_aws/execute-api"),
            // Through the emulator, which checks who may call the endpoints.
            sagemaker_runtime_url: function_aws_url.to_owned(),
            sign_in_url: cloud.url.clone(),
            function_timeout_seconds: options.function_timeout_seconds,
        };
        let release = options.release.as_deref();
        let outputs = deploy(&cli, &cloud.s3, &parameters, release).await?;
        verify_email_domain(&cli)
            .await
            .context("cannot verify the domain of the mails")?;
        UserPools::new(&cloud.url)
            .add_all(&outputs.user_pool_id)
            .await
            .context("cannot create the users")?;
        create_tenants(&cli, &outputs.records_table_name)
            .await
            .context("cannot create the tenants")?;

        progress(&format!(
            "starting the asynchronous endpoints (their clock runs {} times faster)",
            options.time_factor
        ));
        let pipelines = read_pipelines()?;
        drop(reserved);
        let config = server_config(
            &options,
            &cloud,
            &outputs,
            &pipelines,
            proxy_url.unwrap_or(&model_url),
            endpoint_port,
        )?;
        let max_invocation_time = config.min_invocation_timeout;
        let endpoints = Server::start(config)
            .await
            .context("cannot start the endpoints")?;
        Ok(Self {
            cloud,
            outputs,
            pipelines,
            endpoints,
            model_url,
            mails_log: dir.file(MAILS_LOG),
            max_invocation_time,
            deployed: (cli.environment, parameters),
            processes,
        })
    }

    /// Updates the service to a release in a folder, or (`None`) to this checkout, while everything goes on.
    ///
    /// # Errors
    /// The message is that of the AWS CLI.
    pub async fn update(&self, release: Option<&Path>) -> Result<()> {
        let python = repo::venv_python()?;
        let (environment, parameters) = self.deployed.clone();
        let cli = AwsCli {
            python: &python,
            environment,
        };
        deploy_release(&cli, &parameters, release).await?;
        Ok(())
    }

    /// The events of the endpoints from now on.
    pub fn endpoint_events(&self) -> broadcast::Receiver<EndpointEvent> {
        self.endpoints.events()
    }

    /// A ticket that opens one WebSocket connection for a tenant (`*`: all tenants), within 60 s.
    ///
    /// # Errors
    /// The ticket cannot be written.
    pub async fn issue_ticket(&self, subscription: &str) -> Result<String> {
        ticket::issue(
            &self.cloud.dynamodb,
            &self.outputs.records_table_name,
            subscription,
        )
        .await
    }

    /// Signs in one of [`TEST_USERS`](crate::TEST_USERS) and returns an ID token for the HTTP API, valid for an hour.
    ///
    /// # Errors
    /// There is no user with that e-mail.
    pub async fn id_token(&self, email: &str) -> Result<String> {
        UserPools::new(&self.cloud.url)
            .id_token(&self.outputs.user_pool_client_id, email)
            .await
    }

    /// Calls Amazon Cognito's user pools API with the account's own credentials.
    ///
    /// # Errors
    /// The message is that of Cognito.
    pub async fn user_pools(&self, operation: &str, input: Value) -> Result<Value> {
        UserPools::new(&self.cloud.url).call(operation, input).await
    }

    /// Opens a connection for the pushes of a tenant, and requests a snapshot.
    ///
    /// # Errors
    /// The connection is rejected.
    pub async fn open_push_client(&self, subscription: &str) -> Result<PushClient> {
        let ticket = self.issue_ticket(subscription).await?;
        let mut client = self.connect(&ticket).await?;
        client.sync().await?;
        Ok(client)
    }

    /// Opens a connection with a ticket.
    ///
    /// # Errors
    /// The connection is rejected.
    pub async fn connect(&self, ticket: &str) -> Result<PushClient, PushClientError> {
        PushClient::connect(&self.outputs.web_socket_url, ticket).await
    }

    /// Waits until a part of the stack ends unexpectedly, and returns the reason.
    pub async fn failed(&self) -> String {
        let ends = self
            .processes
            .iter()
            .map(|one| Box::pin(one.unexpected_end()));
        select_all(ends).await.0
    }

    /// Stops the endpoints and asks the child processes to stop; [`ChildProcesses::wait_all`] waits for those.
    pub async fn stop(self) {
        self.endpoints.shutdown().await;
    }
}

/// The pipelines that are also packaged into the zips.
pub(crate) fn read_pipelines() -> Result<Pipelines> {
    let path = repo::file("infra/pipelines.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Pipelines::parse(&text)?)
}

/// The parameters in a file, given by its path in the repository, with all of AWS's policies in force even if the file says
/// `docket`. The clock of a local endpoint runs many times faster than that of function `capacity`, which would let a
/// cold start of seconds wait for the 40 seconds in which it looks for more uploads. Each of them only adds instances, or
/// stops idle ones.
pub(crate) fn endpoint_parameters(path: &str) -> Result<EndpointParameters> {
    let what = || format!("cannot use {path}");
    let text = std::fs::read_to_string(repo::file(path)).with_context(what)?;
    let mut parameters = EndpointParameters::parse(&text).with_context(what)?;
    parameters.settings = parameters.settings.scaled_by_aws();
    Ok(parameters)
}

/// One endpoint per pipeline, with the settings of its parameter file.
fn server_config(
    options: &StackOptions,
    cloud: &Cloud,
    outputs: &Outputs,
    pipelines: &Pipelines,
    model_url: &str,
    port: u16,
) -> Result<ServerConfig> {
    let aws = AwsTarget {
        endpoint_url: cloud.url.clone(),
        region: cloud::REGION.to_owned(),
        access_key: cloud::ACCESS_KEY.to_owned(),
        secret_key: cloud::SECRET_KEY.to_owned(),
    };
    let mut all = pipelines
        .iter()
        .map(|pipeline| endpoint(outputs, pipeline, model_url))
        .collect::<Result<Vec<_>>>()?;
    if let Model::Container(_) = options.model {
        for EndpointConfig { settings, .. } in &mut all {
            // One container is one instance: more instances would only overload it.
            settings.max_instances = 1;
            settings.min_instances = settings.min_instances.min(1);
        }
    }
    let min_invocation_timeout = match options.model {
        Model::Reference { ocr: false, .. } => MIN_INVOCATION_TIMEOUT,
        // These run as long as on AWS.
        Model::Reference { ocr: true, .. } | Model::Container(_) => {
            let limits = pipelines
                .iter()
                .map(|pipeline| pipeline.invocation_timeout_seconds);
            Duration::from_secs(limits.max().unwrap_or_default().into()).max(MIN_INVOCATION_TIMEOUT)
        }
    };
    Ok(ServerConfig {
        port,
        time_factor: options.time_factor,
        min_invocation_timeout,
        ..ServerConfig::new(all, aws)
    })
}

fn endpoint(outputs: &Outputs, pipeline: &Pipeline, model_url: &str) -> Result<EndpointConfig> {
    let parameters = endpoint_parameters(&format!("infra/endpoints/{}.json", pipeline.name))?;
    let bucket = &outputs.jobs_bucket_name;
    Ok(EndpointConfig {
        s3_failure_path: Some(format!("s3://{bucket}/{}", pipeline.failure_prefix())),
        success_topic: Some(outputs.inference_success_topic_arn.clone()),
        error_topic: Some(outputs.inference_error_topic_arn.clone()),
        ..EndpointConfig::new(
            parameters,
            model_url,
            &format!("s3://{bucket}/{}", pipeline.output_prefix()),
        )
    })
}
