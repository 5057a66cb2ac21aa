//! Everything that ships to AWS Lambda.
//!
//! One binary per function (`src/bin`), each three statements over its handler.
//! A handler is parse → use case (crate [`jobs`]) → map; the use cases reach AWS through [`aws::Aws`],
//! which implements every port and builds a client only when a function first needs it, so that a function
//! carries the code of the services it uses and no other.

pub mod aws;
pub mod bootstrap;
pub mod config;
pub mod handlers;
mod lines;
pub mod metrics;
pub mod traces;
