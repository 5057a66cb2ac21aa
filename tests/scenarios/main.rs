//! The whole flow on the local stack, as a person would see it. `make test` runs this after building the zips.
//!
//! All scenarios share one stack and run side by side; each has a tenant of its own. Nothing waits for a fixed
//! time: every wait ends with what it waits for, or fails after [`support::WAIT_TIMEOUT`].

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail like tests"
)]

mod support;
#[cfg(target_os = "linux")]
mod wire;

mod a_contract_becomes_ready;
#[cfg(target_os = "linux")]
mod a_function_is_killed;
mod a_gigabyte;
mod a_message_nobody_understands;
mod a_message_of_any_queue;
mod a_page;
mod a_probe;
mod an_overwritten_object;
mod an_unsuitable_document;
mod an_unusual_key;
mod conformance;
mod api;
mod logs;
mod lost_notifications;
mod one_trace;
mod endpoint_notifications;
mod outside_the_grants;
mod the_page;
#[cfg(target_os = "linux")]
mod the_reconciler_is_killed;
#[cfg(target_os = "linux")]
mod twenty_contracts_come_at_once;
