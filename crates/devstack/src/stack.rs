//! A running stack: the emulated cloud with the service deployed to it, the endpoints, the model.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_endpoint::Parameters as EndpointParameters;
use async_endpoint::server::{AwsTarget, EndpointConfig, Observation, Server, ServerConfig};
use jobs::pipeline::{Pipeline, Pipelines};
use tokio::sync::broadcast;

use crate::children::{Child, Children, Program};
use crate::cloud::{self, Cloud};
use crate::deploy::{Cli, Outputs, Parameters, check_zips, deploy};
use crate::model::{ContainerUrl, Model};
use crate::page::{Page, PageError};
use crate::run_dir::RunDir;
use crate::sign_ins::UserPools;
use crate::{place, ticket};

/// Environment variable that names the file to which the emulator adds what it allowed and refused to whom.
const DECISIONS_LOG: &str = "DECISIONS_LOG";

/// What every run is given at least: the model works in real time, however fast the endpoints' clock runs.
pub(crate) const SHORTEST_TIMEOUT: Duration = Duration::from_secs(110);

/// Is told what the start is at.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// How a stack behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many seconds of the endpoints' time pass in a real one: cold starts, scaling, queue TTLs.
    pub time_factor: f64,
    /// Who reads the documents.
    pub model: Model,
    /// Time limit of the functions behind queues, in seconds: one that the template allows. A sixth of the
    /// visibility timeout, so of the time after which a message comes back.
    pub function_timeout_seconds: u32,
    /// Base URL of what stands between the functions and everything they call, and between the endpoints and the
    /// model, if something does: tests cut wires there. It finds the way on from what [`Stack`] says.
    pub wire: Option<String>,
}

impl Options {
    /// To be watched: a five-minute cold start takes five seconds, a review of 45 s less than one.
    pub const DEMO: Self = Self {
        time_factor: 60.0,
        model: Model::Reference {
            delay: Duration::from_millis(750),
            takes: None,
        },
        function_timeout_seconds: 10,
        wire: None,
    };
    /// To be waited for: a cold start takes a second and a half, the model only as long as it needs.
    pub const TESTS: Self = Self {
        time_factor: 200.0,
        model: Model::Reference {
            delay: Duration::ZERO,
            takes: None,
        },
        function_timeout_seconds: 5,
        wire: None,
    };

    /// To be watched with a container of the user's, which works in real time: a cold start takes fifteen seconds,
    /// and a document may wait in the queue for minutes (six hours of the endpoints' time are eighteen).
    pub const fn with_container(url: ContainerUrl) -> Self {
        Self {
            time_factor: 20.0,
            model: Model::Container(url),
            function_timeout_seconds: 10,
            wire: None,
        }
    }
}

/// A running stack. Dropping it lets everything stop; [`Stack::stop`] also waits for the endpoints.
#[derive(Debug)]
pub struct Stack {
    /// Clients.
    pub cloud: Cloud,
    /// Names of what was deployed.
    pub outputs: Outputs,
    /// The pipelines that were deployed.
    pub pipelines: Pipelines,
    /// The endpoints of all pipelines.
    pub endpoints: Server,
    /// Base URL of the model.
    pub model_url: String,
    /// What one document may take, in real time.
    pub(crate) longest_run: Duration,
    ministack: Child,
    /// The reference model, unless a container stands in for it.
    reference_model: Option<Child>,
}

impl Stack {
    /// Starts everything; takes about ten seconds. Logs go to `dir`.
    ///
    /// # Errors
    /// Says what did not start, with the end of its log.
    pub async fn start(
        options: Options,
        dir: &RunDir,
        children: &Children,
        progress: &Progress,
    ) -> Result<Self> {
        let python = place::python()?;
        let port = free_port()?;
        let cloud = Cloud::new(&format!("http://127.0.0.1:{port}"));
        let cli = Cli {
            python: &python,
            environment: clean_environment(dir, &cloud.url),
        };

        if let Some(newer) = check_zips()? {
            let newer = newer.display();
            progress(&format!(
                "(`make package` was not run since {newer} changed)"
            ));
        }
        let services = "MiniStack (S3, SQS, SNS, DynamoDB, Lambda, API Gateway, EventBridge)";
        progress(&match &options.model {
            Model::Reference { .. } => format!("starting {services} and the reference model"),
            Model::Container(url) => {
                format!("starting {services}; the model is {}", url.as_str())
            }
        });
        let wire = options.wire.as_deref();
        let seen = wire.unwrap_or(&cloud.url);
        // Held until the server takes it, so that nobody else gets it meanwhile.
        let reserved = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
        let endpoint_port = reserved.local_addr()?.port();
        let ministack = start_ministack(children, &python, dir, port, endpoint_port, seen);
        let model = start_model(children, &python, dir, &options.model);
        let (ministack, (reference_model, model_url)) = tokio::try_join!(ministack, model)?;

        progress("deploying infra/service.yaml");
        let parameters = Parameters {
            execute_api_url: format!("{seen}/_aws/execute-api"),
            // Through the emulator, which knows who may call the endpoints.
            sagemaker_runtime_url: seen.to_owned(),
            sign_in_url: cloud.url.clone(),
            function_timeout_seconds: options.function_timeout_seconds,
        };
        let outputs = deploy(&cli, &cloud.s3, &parameters).await?;
        UserPools::new(&cloud.url)
            .add_all(&outputs.user_pool_id)
            .await
            .context("the sign-ins cannot be made")?;

        progress(&format!(
            "starting the asynchronous endpoints (their clock runs {} times as fast)",
            options.time_factor
        ));
        let pipelines = read_pipelines()?;
        drop(reserved);
        let config = endpoints(
            &options,
            &cloud,
            &outputs,
            &pipelines,
            wire.unwrap_or(&model_url),
            endpoint_port,
        )?;
        let longest_run = config.shortest_timeout;
        let endpoints = Server::start(config)
            .await
            .context("the endpoints do not start")?;
        Ok(Self {
            cloud,
            outputs,
            pipelines,
            endpoints,
            model_url,
            longest_run,
            ministack,
            reference_model,
        })
    }

    /// What goes on at the endpoints from now on.
    pub fn observations(&self) -> broadcast::Receiver<Observation> {
        self.endpoints.events()
    }

    /// A ticket that opens one WebSocket for a tenant (`*`: every tenant), within 60 s.
    ///
    /// # Errors
    /// The table does not take it.
    pub async fn issue_ticket(&self, subscription: &str) -> Result<String> {
        ticket::issue(
            &self.cloud.dynamodb,
            &self.outputs.records_table_name,
            subscription,
        )
        .await
    }

    /// Signs one of [`SIGN_INS`](crate::SIGN_INS) in: an ID token for the HTTP API, good for an hour.
    ///
    /// # Errors
    /// Nobody has that e-mail.
    pub async fn id_token(&self, email: &str) -> Result<String> {
        UserPools::new(&self.cloud.url)
            .id_token(&self.outputs.user_pool_client_id, email)
            .await
    }

    /// Opens a page that watches a tenant, and asks for its first snapshot.
    ///
    /// # Errors
    /// The connection is refused.
    pub async fn open_page(&self, subscription: &str) -> Result<Page> {
        let ticket = self.issue_ticket(subscription).await?;
        let mut page = self.connect(&ticket).await?;
        page.sync().await?;
        Ok(page)
    }

    /// Connects with a ticket and does nothing more.
    ///
    /// # Errors
    /// The connection is refused.
    pub async fn connect(&self, ticket: &str) -> Result<Page, PageError> {
        Page::connect(&self.outputs.web_socket_url, ticket).await
    }

    /// Comes back only if a part of the stack ends without being asked, and says why.
    pub async fn failed(&self) -> String {
        let model = async {
            match &self.reference_model {
                Some(model) => model.ended().await,
                // What becomes of a container is its owner's business; its jobs fail with a reason.
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            why = self.ministack.ended() => why,
            why = model => why,
        }
    }

    /// Stops the endpoints and lets the children stop; [`Children::drained`] waits for these.
    pub async fn stop(self) {
        self.endpoints.shutdown().await;
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))
        .context("no free port")?
        .local_addr()?
        .port())
}

/// What our programs see of this process's environment: where programs are, and a folder for temporary files.
fn clean_environment(dir: &RunDir, url: &str) -> Vec<(String, String)> {
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
            // No settings or credentials of the user's are read, and none written.
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

async fn start_ministack(
    children: &Children,
    python: &Path,
    dir: &RunDir,
    port: u16,
    endpoint_port: u16,
    seen: &str,
) -> Result<Child> {
    let cloud = Cloud::new(&format!("http://127.0.0.1:{port}"));
    let mut environment = clean_environment(dir, seen);
    let mut set = |name: &str, value: String| environment.push((name.to_owned(), value));
    set("GATEWAY_PORT", port.to_string());
    // As on AWS, each function may do what its role grants and no more.
    set("AUTH", "true".to_owned());
    let endpoints = format!("http://127.0.0.1:{endpoint_port}");
    set("SAGEMAKER_RUNTIME_URL", endpoints);
    if let Some(log) = std::env::var_os(DECISIONS_LOG) {
        set(DECISIONS_LOG, log.to_string_lossy().into_owned());
    }
    // MiniStack hands its environment to the functions and overrides AWS_ENDPOINT_URL in theirs with its own,
    // which is `seen`.
    let child = children
        .start(Program {
            name: "MiniStack",
            python,
            script: place::file("crates/devstack/python/stack_process.py"),
            arguments: vec![],
            environment,
            log: dir.file("ministack.log"),
        })
        .await?;
    tokio::select! {
        ready = cloud.ready(port) => ready?,
        why = child.ended() => anyhow::bail!("{why}"),
    }
    Ok(child)
}

async fn start_model(
    children: &Children,
    python: &Path,
    dir: &RunDir,
    model: &Model,
) -> Result<(Option<Child>, String)> {
    let (delay, takes) = match model {
        Model::Reference { delay, takes } => (delay, takes),
        Model::Container(url) => return Ok((None, url.as_str().to_owned())),
    };
    let mut arguments = ["--port", "0", "--delay-ms", &delay.as_millis().to_string()]
        .map(str::to_owned)
        .to_vec();
    if let Some(file) = takes {
        arguments.extend(["--takes".to_owned(), file.to_string_lossy().into_owned()]);
    }
    let child = children
        .start(Program {
            name: "the reference model",
            python,
            script: place::file("crates/devstack/python/reference_model.py"),
            arguments,
            environment: clean_environment(dir, ""),
            log: dir.file("model.log"),
        })
        .await?;
    let url = format!("http://127.0.0.1:{}", child.port);
    Ok((Some(child), url))
}

/// The pipelines that the zips have.
pub(crate) fn read_pipelines() -> Result<Pipelines> {
    let path = place::file("infra/pipelines.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(Pipelines::parse(&text)?)
}

/// One endpoint per pipeline, with the numbers of its parameter file and the paths of the design.
fn endpoints(
    options: &Options,
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
    let shortest_timeout = match options.model {
        Model::Reference { .. } => SHORTEST_TIMEOUT,
        Model::Container(_) => {
            for EndpointConfig { settings, .. } in &mut all {
                // One container is one instance: more of them would only crowd it.
                settings.max_instances = 1;
                settings.min_instances = settings.min_instances.min(1);
            }
            let limits = pipelines.iter().map(|one| one.invocation_timeout_seconds);
            Duration::from_secs(limits.max().unwrap_or_default().into()).max(SHORTEST_TIMEOUT)
        }
    };
    Ok(ServerConfig {
        port,
        time_factor: options.time_factor,
        shortest_timeout,
        ..ServerConfig::new(all, aws)
    })
}

fn endpoint(outputs: &Outputs, pipeline: &Pipeline, model_url: &str) -> Result<EndpointConfig> {
    let path = place::file(&format!("infra/endpoints/{}.json", pipeline.name));
    let what = || format!("{} cannot be used", path.display());
    let parameters = EndpointParameters::parse(&std::fs::read_to_string(&path).with_context(what)?)
        .with_context(what)?;
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
