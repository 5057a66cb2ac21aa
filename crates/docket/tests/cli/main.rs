//! The program as it is run, against a service that speaks the contract and can be told to misbehave.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests, too")]

mod account;
mod answers;
mod output;
mod server;
mod setup;
mod upload;
mod watch;
