//! Runs the program against a fake service that responds like the API and can simulate failures.

#![expect(clippy::unwrap_used, reason = "helpers outside test functions")]

mod closed_output;
mod company;
mod company_paste;
mod company_tokens;
mod completion;
mod container;
mod digests;
mod doctor;
mod errors;
mod events;
mod fake_domain;
mod fake_service;
mod identical;
mod keyring;
mod model_check;
mod open;
mod output;
mod plan;
mod results;
mod retry_plans;
mod setup;
mod sign_in;
mod upload;
mod upload_results;
mod watch;
mod web_sockets;
mod webhooks;
