//! The whole service in virtual time, from one seed, on one thread.
//!
//! The product's own handlers ([`functions::handlers`]) run over ports to a simulated cloud: S3, SQS, SNS, DynamoDB's
//! conditional writes, EventBridge, WebSocket pages, Lambda with its deadlines, and the model of an asynchronous endpoint
//! ([`async_endpoint::Endpoint`]). At every call of a port other functions continue, and faults may happen:
//! [`fault::FaultKind`] lists them. A history ends when nothing is in progress. The guarantees of the service are
//! checked at every write and at the end.
//!
//! The same seed gives the same history, event by event, on every machine. [`mistake::Mistake`] plants errors between
//! the product and the cloud, to show that the checks would notice them.
//!
//! How the modules depend on each other, from the bottom up:
//!
//! - `time`, `ids`, `timeline`, [`fault`], [`mistake`] and `environment` (clock, chance, faults, trace) know no service.
//! - The services each own their state: `bucket`, `multipart`, `queue`, `topic`, `endpoint`, `table`, `page`, `event_bus`,
//!   `quarantine`, `function`, `call`. Their methods return what follows as events with a delay.
//! - `people` remembers what was asked of the HTTP API, `api_use_cases` carries a request out.
//! - `ledger`, `pauses` and `checks` observe the services. `tamper` plants mistakes that take more than one of them.
//! - `simulation` knows all of them: it passes events and their consequences between them.
//! - `ports` lets the product's `handlers` call the simulation, `lambda` runs them, `driver` takes event by event.
//! - [`history`] runs a history with faults, [`workload`] given uploads without faults (crate `planner` uses it).
//!
//! Not simulated: the AWS adapters and their wire formats, AWS's real latencies, quotas, and errors of a deployment. The
//! end-to-end tests cover those.

#![expect(clippy::print_stderr, reason = "a trace is for the terminal")]

mod api_request;
mod api_use_cases;
mod breakers;
mod bucket;
mod call;
mod capacity;
mod checks;
mod container;
mod docket_scaling;
mod driver;
mod endpoint;
mod environment;
mod event;
mod event_bus;
mod execution_environments;
pub mod fault;
mod function;
mod handlers;
pub mod history;
mod history_plan;
mod ids;
mod lambda;
mod ledger;
mod mailboxes;
mod message;
pub mod mistake;
mod multipart;
mod page;
mod pauses;
mod people;
mod ports;
mod pushed_frame;
mod quarantine;
mod queue;
mod receiver;
mod request;
mod settings;
mod simulation;
mod table;
mod tamper;
mod time;
mod timeline;
mod topic;
mod user_action;
pub mod workload;
