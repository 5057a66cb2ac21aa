//! What people do: customers who upload, reviewers who wait, support that finds and repairs.
//!
//! Each use case is told who asks ([`Principal`]), decides by that alone what may be seen and done, and answers in the
//! words of [`crate::types`] or refuses with a [`ApiError`].

pub mod audit;
pub mod commands;
mod error;
pub mod explain;
pub mod job_detail;
pub mod job_list;
pub mod ports;
mod principal;
pub mod quarantine;
pub mod retry_plans;
pub mod search;
pub mod snapshot;
pub mod summary;
pub mod tickets;
pub mod types;
pub mod uploads;

pub use error::ApiError;
pub use principal::{Principal, Role};
