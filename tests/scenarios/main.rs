//! The whole flow on the local stack: the template and the zips that ship. `make test` runs it after building the zips.
//!
//! All scenarios share one stack and run concurrently, each with a tenant of its own; those that inject faults into
//! calls share a second stack. They start in the order of their names, so the longest have names that come early.
//! No scenario waits for a fixed time: a wait ends with its condition, or fails after [`support::WAIT_TIMEOUT`].

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail like tests"
)]

mod support;

mod api;
mod breaker;
mod browser;
#[cfg(target_os = "linux")]
mod burst_of_uploads;
mod company_sign_in;
mod conformance;
mod contract;
mod dead_letters;
mod digests;
#[cfg(target_os = "linux")]
mod document_release_killed;
#[cfg(target_os = "linux")]
mod fault_proxy;
#[cfg(target_os = "linux")]
mod function_killed;
mod game_day;
mod instances;
mod invalid_document;
mod least_privilege;
mod logs;
mod lost_notifications;
mod metrics;
mod multipart_upload;
mod object_keys;
mod older_release;
mod other_emulators;
mod output_evidence;
mod overwritten_object;
mod quarantine;
#[cfg(target_os = "linux")]
mod reconciler_killed;
mod s3_clients;
mod trace_id;
mod upload_to_ready;
mod webhooks;
mod websocket_page;
