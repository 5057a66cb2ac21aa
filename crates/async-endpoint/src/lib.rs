//! A model of a SageMaker *asynchronous inference* endpoint, and a local server that hosts it.
//!
//! An asynchronous endpoint is a queue with a model behind it. A caller names an S3 object and
//! gets a 202 at once; some time later the answer lies in S3 and a message on an SNS topic says
//! so. In between the endpoint may have to wake an instance from zero, which takes minutes; the
//! request may expire in the queue, run too long, or lose its instance and run again. No emulator
//! offers such an endpoint, so this crate does.
//!
//! ```text
//!            invoke            StartInvocation                    PutOutput           Publish
//!  caller ───────────▶ queue ───────────────────▶ container ──▶ ───────────▶ S3 ──▶ ──────────▶ SNS
//!                        │ TTL         ▲               │ timeout, lost instance
//!                        ▼             │               ▼
//!                     expired    scaling policies   queue again, or failed
//! ```
//!
//! There are two parts:
//! - [`Endpoint`], the **model**: pure, without a clock, I/O or randomness of its own. Time is
//!   [`Millis`] handed in with each call, chance comes from a seeded [`Rng`], and what is to be
//!   done is given out as [`Action`]s. So a simulation of a million requests can drive it, a
//!   capacity planner can, and so does
//! - [`server`], the **local server**: `POST /endpoints/{name}/async-invocations` as the AWS SDKs
//!   speak it, a real container behind `POST /invocations` and `GET /ping`, objects in S3,
//!   messages on SNS, and a time factor that makes a five-minute cold start last seconds.
//!
//! How AWS behaves is taken from the SageMaker API reference (`InvokeEndpointAsync`,
//! `AsyncInferenceConfig`), the developer guide's pages on asynchronous inference, and published
//! captures of notifications. Where these are silent the code says so and takes the reading that
//! is harder on the caller, or makes it a setting.
//!
//! A model driven by hand:
//!
//! ```
//! use async_endpoint::{Action, Endpoint, Faults, Millis, Outcome, Request, Rng, Settings};
//!
//! let settings = Settings { min_instances: 1, ..Settings::default() };
//! let mut endpoint = Endpoint::new(settings, Faults::default(), Rng::from_seed(42));
//! endpoint.invoke(Millis(0), Request::new("contract.pdf")).unwrap();
//! let mut now = Millis(0);
//! let mut published = 0;
//! while let Some(at) = endpoint.next_wake().filter(|_| published == 0) {
//!     now = now.max(at);
//!     for action in endpoint.advance(now) {
//!         match action {
//!             Action::StartInvocation { run, .. } => {
//!                 now = now + Millis::from_secs(45); // the model thinks
//!                 endpoint.model_answered(now, run, Outcome::Completed);
//!             }
//!             Action::PutOutput { run, .. } => {
//!                 endpoint.stored(now, run, true);
//!             }
//!             Action::Publish(notice) => {
//!                 assert_eq!(notice.request, "contract.pdf");
//!                 published += 1;
//!             }
//!             _ => {}
//!         }
//!     }
//! }
//! assert_eq!((published, endpoint.open()), (1, 0));
//! ```

mod faults;
mod model;
pub mod server;
mod settings;
mod time;

pub use faults::{Fault, Faults, Rng};
pub use model::{
    Abandoned, Accepted, Action, ApiError, Endpoint, Failure, InstanceId, InstanceView, Notice,
    Outcome, Phase, Request, RequestId, RunId, Stats, Stopped, TIMEOUT_LIMITS, TTL_LIMITS,
};
pub use settings::{Days, ParameterError, Parameters, ScaleIn, Settings, WarmHours};
pub use time::Millis;
