//! The local stack: the whole service on one machine, for demos and for tests. Never deployed.
//!
//! ```text
//!   this process                       its child processes (Python, from .venv)
//!   ┌──────────────────────────┐       ┌───────────────────────────────────────────────┐
//!   │ async endpoints ◀────────┼───────┼─ MiniStack: S3 SQS SNS DynamoDB EventBridge   │
//!   │   │      └── S3, SNS ────┼──────▶│   API Gateway, and Lambda, which runs         │
//!   │   │                      │       │   the same zips that are deployed             │
//!   │   └── POST /invocations ─┼──────▶│ reference model: reads the PDF's text         │
//!   │ demo or test: WebSocket ─┼──────▶│                                               │
//!   └──────────────────────────┘       └───────────────────────────────────────────────┘
//! ```
//!
//! A container of the user can replace the reference model ([`Model`]).
//!
//! [`Stack::start`] deploys `infra/service.yaml` unchanged; only parameters differ from a deployment to AWS ([`Companies`]
//! are written into it as `make generate` does).
//! The child processes end with this process, even if it is killed ([`ChildProcesses`]).

pub mod background;
mod child_processes;
pub mod cloud;
mod companies;
pub mod contract;
pub mod demo;
mod deploy;
pub mod endpoints;
mod guide;
mod http_status;
mod model;
mod push_client;
pub mod replay;
mod repo;
mod run_dir;
mod sigv4;
mod stack;
mod stack_processes;
mod test_users;
mod ticket;
mod upload;
mod watch;
mod web_server;

pub use child_processes::ChildProcesses;
pub use cloud::root_credentials;
pub use companies::Companies;
pub use deploy::Outputs;
pub use jobs::view::{FailureView, JobView};
pub use model::{ContainerUrl, Model};
pub use push_client::{PushClient, PushClientError, PushMessage, ReceivedPush, has_ended};
pub use repo::{file as repo_file, venv_python};
pub use run_dir::RunDir;
pub use sigv4::sign_request;
pub use stack::{ProgressCallback, Stack, StackOptions};
pub use test_users::{TEST_PASSWORD, TEST_USERS, TestUser};
pub use upload::upload;
pub use web_server::{ReservedAddress, WebServer};
