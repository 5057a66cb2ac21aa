//! Runs each function: handler, settings and AWS adapters together, one function here per binary.
//!
//! Generic code and the bodies of `async` functions are compiled where they are used. Here the use cases, the adapters and
//! the SDKs' calls are compiled once for all functions; in the binaries, each would compile them again. This is a package
//! of its own so that the tests of the handlers need not compile them at all.

use functions::bootstrap;
use functions::handlers;
use functions::traces::traced;
use lambda_runtime::{Error, run, service_fn};

/// Starts a job for every uploaded object.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn upload_trigger() -> Result<(), Error> {
    let app = bootstrap::init_and_read_models::<handlers::upload_trigger::Environment>().await?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::upload_trigger::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// Records the endpoint's success notifications.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn inference_success() -> Result<(), Error> {
    let app = bootstrap::init_and_read_models::<handlers::inference_success::Environment>().await?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::inference_success::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// Records the endpoint's error notifications.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn inference_error() -> Result<(), Error> {
    let app = bootstrap::init_and_read_models::<handlers::inference_error::Environment>().await?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::inference_error::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// Starts due attempts and checks overdue ones.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn retry() -> Result<(), Error> {
    let app = bootstrap::init_and_read_models::<handlers::retry::Environment>().await?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::retry::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// Finds lost messages and re-sends them.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn reconciler() -> Result<(), Error> {
    let app = bootstrap::init_and_connect::<handlers::reconciler::Environment>().await?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::reconciler::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// Sets the number of instances.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn capacity() -> Result<(), Error> {
    let app = bootstrap::init_and_connect::<handlers::capacity::Environment>().await?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::capacity::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// Publishes the audit log.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn audit_events() -> Result<(), Error> {
    let app = bootstrap::init::<handlers::audit_events::Environment>()?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::audit_events::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// Deletes data whose retention has ended.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn retention() -> Result<(), Error> {
    let app = bootstrap::init_and_connect::<handlers::retention::Environment>().await?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::retention::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// The HTTP API.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn support_api() -> Result<(), Error> {
    let app =
        handlers::api::Api::new(bootstrap::init_and_connect::<handlers::api::Environment>().await?);
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::api::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// The paths of the HTTP API for events.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn events_api() -> Result<(), Error> {
    use handlers::api::events;
    let app = bootstrap::init::<events::Environment>()?;
    let api = events::EventsApi::new(app);
    run(service_fn(async |event| {
        traced(event, async |event| events::handle(&api, event).await).await
    }))
    .await
}

/// Adds events to the feeds of their tenants.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn event_feed() -> Result<(), Error> {
    let app = bootstrap::init::<handlers::event_feed::Environment>()?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::event_feed::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// Sends events to the receivers of webhooks.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn webhooks() -> Result<(), Error> {
    let app = bootstrap::init::<handlers::webhooks::Environment>()?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::webhooks::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// Sends e-mail digests.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn digests() -> Result<(), Error> {
    let app = bootstrap::init::<handlers::digests::Environment>()?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::digests::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// Authorizes WebSocket connections by their ticket.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn ws_authorizer() -> Result<(), Error> {
    let app = bootstrap::init::<handlers::ws_authorizer::Environment>()?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::ws_authorizer::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// Registers a new connection.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn ws_connect() -> Result<(), Error> {
    let app = bootstrap::init::<handlers::ws_connect::Environment>()?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::ws_connect::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// Responds to messages of a page.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn ws_default() -> Result<(), Error> {
    let app = bootstrap::init::<handlers::ws_default::Environment>()?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::ws_default::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// Removes a closed connection.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn ws_disconnect() -> Result<(), Error> {
    let app = bootstrap::init::<handlers::ws_disconnect::Environment>()?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            handlers::ws_disconnect::handle(&app, event).await
        })
        .await
    }))
    .await
}

/// Turns the groups of a company into groups of Docket.
///
/// # Errors
/// If the environment is incomplete. Lambda then reports that the function fails to start.
#[tokio::main(flavor = "current_thread")]
pub async fn sign_in_groups() -> Result<(), Error> {
    use handlers::sign_in_groups;
    let environment = bootstrap::init_without_aws::<sign_in_groups::Environment>()?;
    let mapping = sign_in_groups::mapping(&environment)?;
    run(service_fn(async |event| {
        traced(event, async |event| {
            sign_in_groups::handle(&mapping, event).await
        })
        .await
    }))
    .await
}
