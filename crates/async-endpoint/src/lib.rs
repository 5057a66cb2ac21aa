//! A model of a SageMaker *asynchronous inference* endpoint, and a local server that hosts it.
//!
//! An asynchronous endpoint is a model behind a queue. A caller sends `InvokeEndpointAsync` with
//! the location of an S3 object and gets a 202 at once. Later the endpoint writes the output to S3
//! and publishes a notification to an SNS topic. In between it may have to scale out from zero,
//! which takes minutes; the request may expire in the queue, time out, or lose its instance and
//! run again. No AWS emulator offers such an endpoint, so this crate does.
//!
//! ```text
//!            invoke            StartInvocation                    PutOutput           Publish
//!  caller ───────────▶ queue ───────────────────▶ container ──▶ ───────────▶ S3 ──▶ ──────────▶ SNS
//!                        │ TTL         ▲               │ timeout, lost instance
//!                        ▼             │               ▼
//!                     expired    scaling policies   queue again, or failed
//! ```
//!
//! The crate has two parts:
//! - [`Endpoint`], the **model**: pure, without clock, I/O or randomness of its own. The driver
//!   passes the time in as [`Millis`] with every call, randomness comes from a seeded [`Rng`], and
//!   the model returns the work to do as [`EndpointAction`]s. A simulation of a million requests, a
//!   capacity planner and the local server all drive the same model.
//! - [`server`], the **local server**: `POST /endpoints/{name}/async-invocations` as the AWS SDKs
//!   send it, a real container behind `POST /invocations` and `GET /ping`, objects in S3,
//!   notifications on SNS, and a time factor that shortens a five-minute cold start to seconds.
//!
//! The behaviour follows the SageMaker API reference (`InvokeEndpointAsync`,
//! `AsyncInferenceConfig`), the developer guide's pages on asynchronous inference, and published
//! examples of notifications. Where these do not say, the code notes it and either takes the
//! reading that is harder on the caller or makes it a setting.
//!
//! A model driven by hand:
//!
//! ```
//! use async_endpoint::{
//!     Endpoint, EndpointAction, Faults, InvocationStatus, Millis, Request, Rng, Settings,
//! };
//!
//! let settings = Settings { min_instances: 1, ..Settings::default() };
//! let mut endpoint = Endpoint::new(settings, Faults::default(), Rng::from_seed(42));
//! endpoint.invoke(Millis(0), Request::new("contract.pdf")).unwrap();
//! let mut now = Millis(0);
//! let mut published = 0;
//! while let Some(at) = endpoint.next_event_at().filter(|_| published == 0) {
//!     now = now.max(at);
//!     for action in endpoint.advance(now) {
//!         match action {
//!             EndpointAction::StartInvocation { run, .. } => {
//!                 now = now + Millis::from_secs(45); // the container is working
//!                 endpoint.invocation_finished(now, run, InvocationStatus::Completed);
//!             }
//!             EndpointAction::PutOutput { run, .. } => {
//!                 endpoint.object_stored(now, run, true);
//!             }
//!             EndpointAction::Publish(notification) => {
//!                 assert_eq!(notification.request, "contract.pdf");
//!                 published += 1;
//!             }
//!             _ => {}
//!         }
//!     }
//! }
//! assert_eq!((published, endpoint.open_requests()), (1, 0));
//! ```

mod faults;
mod model;
pub mod server;
mod settings;
mod time;

pub use faults::{FaultRate, Faults, Rng};
pub use model::{
    AbandonReason, AcceptedInvocation, Endpoint, EndpointAction, InstanceId, InstanceStatus,
    InstanceView, InvocationFailure, InvocationStatus, InvokeEndpointError, Request, RequestId,
    ResultNotification, RunId, Stats, StopReason, TIMEOUT_LIMITS, TTL_LIMITS,
    UpdateInstanceCountError,
};
pub use settings::{
    Days, EndpointParameters, ParameterError, ScaleIn, Settings, WarmHours, WarmHoursChange,
};
pub use time::Millis;
