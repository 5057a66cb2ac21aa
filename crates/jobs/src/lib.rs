//! The job protocol: what a job is, what may happen to it, and what it owes the outside world.
//!
//! A job is one version of an uploaded object on its way through a SageMaker asynchronous endpoint.
//! The endpoint has no status call, no cancel and no retry, and its notifications may be late, doubled or missing.
//! This crate holds the rules that make one result or one honest failure out of that.
//!
//! ```text
//!   message ──▶ use case ──▶ transition(state, event) ──▶ conditional save ──▶ effects ──▶ acknowledge
//!               submit           pure, total                one writer           invoke, retry
//!               record_outcome                              (apply.rs)           message, event, push
//!               retry
//! ```
//!
//! It names no AWS type, reads no clock and no environment, and needs no async runtime: the outside world
//! enters through [`ports`].
//!
//! | our word | SageMaker says | job queues say |
//! |---|---|---|
//! | job, attempt | inference request, `InferenceId` | job, attempt |
//! | `Submitting` | (call not answered yet) | available |
//! | `InProgress` | accepted (202), output awaited | running |
//! | `RetryScheduled` | – | retryable |
//! | `Ready`, `Failed`, `Cancelled` | `Completed`, `Failed`, – | completed, discarded, cancelled |
//! | watcher | – | subscriber |
//! | quarantine | – | dead letter that a person looks at |

#![deny(clippy::wildcard_enum_match_arm)]

pub mod apply;
pub mod backlog;
pub mod classify;
pub mod commands;
pub mod effects;
pub mod evidence;
pub mod id;
pub mod input;
pub mod inventory_scan;
pub mod job;
pub mod pipeline;
pub mod ports;
pub mod reconcile;
pub mod record_outcome;
pub mod retry;
pub mod state;
pub mod submit;
pub mod trace;
pub mod transition;
pub mod upload_session;
pub mod view;
