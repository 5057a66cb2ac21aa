//! Initialization, once per execution environment and before the first event. Lambda does not throttle the CPU in this
//! phase, so everything that each event needs is prepared here.

use std::sync::Arc;

use jobs::ports::KnownModels;

use crate::aws::Aws;
use crate::config::{self, BadEnvironment, Has, ReadEnvironment, variable};
use crate::traces;

/// The ports and the settings `E` of a function, for its handler.
#[derive(Debug)]
pub struct App<P, E = ()> {
    pub ports: P,
    pub environment: Arc<E>,
}

/// Sets up logging, reads the environment and creates the ports.
///
/// # Errors
/// [`BadEnvironment`] names what is missing. Lambda then reports that the function fails to start.
pub fn init<E: ReadEnvironment>() -> Result<App<Aws<E>, E>, BadEnvironment> {
    traces::subscribe(config::trace_settings().as_ref());
    let (aws, environment) = config::from_env::<E>()?;
    let environment = Arc::new(environment);
    Ok(App {
        ports: Aws::new(aws, Arc::clone(&environment)),
        environment,
    })
}

/// Sets up logging and reads the environment, for a function that calls no AWS service.
///
/// # Errors
/// As [`init`].
pub fn init_without_aws<E: ReadEnvironment>() -> Result<E, BadEnvironment> {
    traces::subscribe(config::trace_settings().as_ref());
    config::own_from_env()
}

/// As [`init`], and opens the TLS connection to DynamoDB: for functions whose every event reads the job table.
///
/// # Errors
/// As [`init`]. A failure to open the connection is not an error.
pub async fn init_and_connect<E>() -> Result<App<Aws<E>, E>, BadEnvironment>
where
    E: ReadEnvironment + Has<variable::JobsTable>,
{
    let app = init::<E>()?;
    app.ports.open_connection().await;
    Ok(app)
}

/// As [`init`], and reads what the endpoints serve, which opens the TLS connection to DynamoDB: for the functions behind
/// queues.
///
/// # Errors
/// As [`init`]. A failure to read is not an error.
pub async fn init_and_read_models<E>() -> Result<App<Aws<E>, E>, BadEnvironment>
where
    E: ReadEnvironment + Has<variable::RecordsTable>,
{
    let app = init::<E>()?;
    app.ports.known_models().await;
    Ok(app)
}
