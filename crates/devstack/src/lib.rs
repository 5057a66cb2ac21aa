//! The whole service on one machine, for people who try it and for tests. Never deployed.
//!
//! ```text
//!   this process                       its children (Python, from .venv)
//!   ┌──────────────────────────┐       ┌───────────────────────────────────────────────┐
//!   │ async endpoints ◀────────┼───────┼─ MiniStack: S3 SQS SNS DynamoDB EventBridge   │
//!   │   │      └── S3, SNS ────┼──────▶│   API Gateway, and Lambda, which runs         │
//!   │   │                      │       │   the very zips that ship                     │
//!   │   └── POST /invocations ─┼──────▶│ reference model: reads the PDF for real       │
//!   │ demo or test ── page ────┼──────▶│                                               │
//!   └──────────────────────────┘       └───────────────────────────────────────────────┘
//! ```
//!
//! A container that the user runs can take the reference model's place ([`Model`]).
//!
//! [`Stack::start`] deploys `infra/service.yaml` as it is; only parameters differ from a deployment to AWS.
//! The children end when this process does, however it ends ([`children`]).

pub mod background;
pub mod children;
pub mod cloud;
pub mod demo;
mod deploy;
pub mod endpoints;
mod model;
mod page;
mod place;
mod probe;
pub mod replay;
mod run_dir;
mod sign_ins;
mod signed;
mod site;
mod stack;
mod ticket;
mod upload;
mod watch;

pub use deploy::Outputs;
pub use model::{ContainerUrl, Model};
pub use page::{Arrival, Frame, Page, PageError, PageFailure, PageJob};
pub use place::{file, python};
pub use run_dir::RunDir;
pub use sign_ins::{PASSWORD, SIGN_INS, SignIn};
pub use signed::{root, signed};
pub use site::Site;
pub use stack::{Options, Progress, Stack};
pub use upload::upload;
