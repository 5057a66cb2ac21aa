//! What people do: customers who upload, reviewers who wait, support that finds and repairs.
//!
//! Each use case is told who asks ([`Person`]), decides by that alone what may be seen and done, and answers in the
//! words of [`crate::api`] or refuses with a [`Refusal`].

pub mod audit;
pub mod find;
pub mod list;
pub mod orders;
mod person;
pub mod plans;
pub mod quarantine;
mod refusal;
pub mod show;
pub mod summary;
pub mod tickets;
pub mod uploads;

pub use person::{Person, Role};
pub use refusal::Refusal;
