//! What happens once per execution environment, before the first event: Lambda does not throttle the CPU of this
//! phase, so what every event needs is done here, for functions that move jobs the TLS connection to DynamoDB included.

use api::types::Configuration;
use jobs::pipeline::Pipelines;

use crate::aws::Aws;
use crate::config::{self, BadEnvironment, Config, Var};
use crate::traces;

/// What a handler works with.
#[derive(Debug)]
pub struct App<P = Aws> {
    /// The outside world.
    pub ports: P,
    /// The name of this service: a dimension of its metrics. Empty in functions that measure nothing.
    pub service: String,
    /// The pipelines; none in functions that do not touch jobs.
    pub pipelines: Option<Pipelines>,
    /// The bucket of inputs and outputs; empty in functions that do not ask for it.
    pub bucket: String,
    /// The origin that pages come from.
    pub page_origin: String,
    /// What programs must know before anyone has signed in; empty in functions that nobody asks.
    pub configuration: Configuration,
}

/// Sets up logging, reads the configuration, makes the clients, opens the first connection.
///
/// # Errors
/// [`BadEnvironment`] says what is missing. Lambda then reports the function as failing to start.
pub async fn init(needs: &[Var]) -> Result<App, BadEnvironment> {
    traces::subscribe(config::otlp_endpoint().as_deref());
    let config = Config::from_env(needs)?;
    let moves_jobs = needs.contains(&Var::ChecksQueueUrl);
    let pipelines = if moves_jobs {
        Some(config::pipelines()?)
    } else {
        None
    };
    let page_origin = config.get(Var::PageOrigin).to_owned();
    let bucket = config.get(Var::Bucket).to_owned();
    let service = config.get(Var::ServiceName).to_owned();
    let configuration = Configuration {
        sign_in_url: config.get(Var::SignInUrl).to_owned(),
        client_id: config.get(Var::UserPoolClientId).to_owned(),
        web_socket_url: config.get(Var::WebsocketPagesUrl).to_owned(),
    };
    let ports = Aws::new(config);
    if moves_jobs {
        ports.open_connection().await;
    }
    Ok(App {
        ports,
        service,
        pipelines,
        bucket,
        page_origin,
        configuration,
    })
}
