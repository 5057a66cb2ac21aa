//! The functions on AWS Lambda: handlers, settings and AWS adapters. Crate `function-binaries` makes programs of them.
//!
//! A handler parses the event, calls a use
//! case (crates [`jobs`] and [`api`]) and maps the result. The use cases reach AWS through [`aws::Aws`], which implements
//! every port and builds a client when a function first needs it, so that a function carries only the code of the
//! services that it uses.

pub mod aws;
pub mod bootstrap;
pub mod config;
pub mod handlers;
mod log_format;
pub mod metrics;
pub mod traces;
