//! The job protocol: the states of a job, the events that move it, and the side effects that each state requires.
//!
//! A job is one version of an uploaded object on its way through a SageMaker asynchronous endpoint.
//! The endpoint has no status call, no cancel and no retry. Its notifications can be late, duplicated or lost.
//! This crate ensures that every job still ends with exactly one result or one recorded failure.
//!
//! ```text
//!   message ──▶ use case ──▶ transition(state, event) ──▶ conditional save ──▶ effects ──▶ acknowledge
//!               submit           pure, total                single writer        invoke, retry
//!               record_outcome                              (apply.rs)           message, event, push
//!               retry
//! ```
//!
//! The crate names no AWS type, reads no clock and no environment variable, and needs no async runtime.
//! Use cases reach the outside world through the traits in [`ports`].
//!
//! | this crate | SageMaker | job queues |
//! |---|---|---|
//! | job, attempt | inference request, `InferenceId` | job, attempt |
//! | `Queued` | – | paused queue, queue behind an open circuit breaker |
//! | `Submitting` | (call not answered yet) | available |
//! | `InProgress` | accepted (202), output awaited | running |
//! | `RetryScheduled` | – | retryable |
//! | `Ready`, `Failed`, `Cancelled` | `Completed`, `Failed`, – | completed, discarded, cancelled |
//! | `Erased` | – | – |
//! | check | – | delayed message, timer |
//! | lease | – | lock, visibility timeout |
//! | connection | – | subscriber |
//! | quarantine | – | dead letters kept for manual review |

#![deny(clippy::wildcard_enum_match_arm)]

pub mod adjust_instances;
pub mod apply;
pub mod breaker;
pub mod capacity;
mod characters;
pub mod classify;
pub mod commands;
pub mod container_error;
pub mod contents;
pub mod decision;
pub mod effects;
pub mod encoded_word;
pub mod erase_objects;
pub mod error;
pub mod event;
pub mod evidence;
pub mod expected_work;
pub mod fair_queue;
pub mod file_name;
pub mod id;
pub mod input;
pub mod instance_history;
pub mod inventory_scan;
mod invoke;
pub mod job;
pub mod labels;
pub mod lane;
pub mod marks;
pub mod model_version;
pub mod observe_models;
pub mod open_jobs;
pub mod pause;
pub mod pipeline;
pub mod policy;
pub mod ports;
pub mod queue_position;
pub mod random;
pub mod ready_by;
pub mod reconcile;
pub mod record_outcome;
pub mod release;
pub mod release_window;
pub mod result_pages;
pub mod retry;
pub mod same_bytes;
pub mod save_request;
pub mod state;
pub mod submit;
pub mod tenants;
pub mod text;
pub mod transition;
pub mod upload_session;
pub mod view;
pub mod window;
