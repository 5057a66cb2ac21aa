//! What happens once per execution environment, before the first event. Lambda does not throttle the CPU of this phase,
//! so what every event needs is done here.

use std::sync::Arc;

use crate::aws::Aws;
use crate::config::{self, BadEnvironment, Has, ReadEnvironment, variable};
use crate::traces;

/// What a handler works with: the ports, and the settings `E` of its function.
#[derive(Debug)]
pub struct App<P, E = ()> {
    pub ports: P,
    pub environment: Arc<E>,
}

/// Sets up logging, reads the environment, makes the clients.
///
/// # Errors
/// [`BadEnvironment`] says what is missing. Lambda then reports the function as failing to start.
pub fn init<E: ReadEnvironment>() -> Result<App<Aws<E>, E>, BadEnvironment> {
    traces::subscribe(config::otlp_endpoint().as_deref());
    let (aws, environment) = config::from_env::<E>()?;
    let environment = Arc::new(environment);
    Ok(App {
        ports: Aws::new(aws, Arc::clone(&environment)),
        environment,
    })
}

/// As [`init`], and opens the TLS connection to DynamoDB: for functions whose every event reads the job table.
///
/// # Errors
/// As [`init`]. A connection that does not open is no error.
pub async fn init_and_connect<E>() -> Result<App<Aws<E>, E>, BadEnvironment>
where
    E: ReadEnvironment + Has<variable::JobsTable>,
{
    let app = init::<E>()?;
    app.ports.open_connection().await;
    Ok(app)
}
