//! The whole service in virtual time, from one seed, on one thread.
//!
//! The product's own handlers ([`functions::handlers`]) run over ports that lead into a simulated cloud: S3, SQS, SNS,
//! DynamoDB's conditional writes, EventBridge, WebSocket pages, Lambda with its deadlines, and the model of an
//! asynchronous endpoint ([`async_endpoint::Endpoint`]). Every call of a port is a point at which other functions go on
//! and at which something may fail: [`fault::Fault`] is the list. A history ends when everything has come to rest;
//! what must hold then, and at every write before, are the promises of the service.
//!
//! The same seed gives the same history, event by event, on every machine. [`mistake::Mistake`] plants errors between
//! the product and the cloud, to show that the checks would notice.
//!
//! Not simulated: the AWS adapters and their wire formats, latency as AWS has it, quotas, and what a deployment can get
//! wrong. The end-to-end tests see to those.

#![expect(clippy::print_stderr, reason = "a trace is for the terminal")]

mod bucket;
mod call;
mod check;
mod endpoint;
pub mod fault;
pub mod history;
mod lambda;
mod ledger;
pub mod mistake;
mod page;
mod ports;
mod queue;
mod reconcile;
mod scenario;
mod table;
mod topic;
pub mod workload;
mod world;
