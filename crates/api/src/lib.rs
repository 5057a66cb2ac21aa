//! Use cases and types of the HTTP API, without HTTP.
//!
//! Every use case takes a [`Principal`], decides from it what the caller may see and do, and returns a type of
//! [`crate::types`] or an [`ApiError`]. The function `support-api` maps both to HTTP.

pub mod audit;
pub mod batches;
pub mod commands;
pub mod data_deletion;
pub mod data_export;
pub mod digests;
pub mod downloads;
mod error;
pub mod events;
pub mod explain;
pub mod feed;
pub mod forgotten_batches;
pub mod job_detail;
pub mod job_list;
pub mod lease;
#[cfg(feature = "schema")]
pub mod limits;
pub mod marks;
mod may_delete;
pub mod name;
pub mod pauses;
pub mod permission;
pub mod ports;
mod principal;
mod program;
pub mod quarantine;
mod queue_turn;
mod ready_by;
pub mod receipts;
pub mod retention;
pub mod retry_plans;
pub mod search;
pub mod search_index;
pub mod sign_ins;
pub mod snapshot;
pub mod summary;
pub mod tenants;
pub mod tickets;
pub mod types;
pub mod uploads;
pub mod usage;
pub mod webhooks;

pub use error::ApiError;
pub use permission::Permission;
pub use principal::{Principal, Role};
pub use program::ClientProgram;
