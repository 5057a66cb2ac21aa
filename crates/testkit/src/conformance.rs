//! The conformance suite of the ports: what every adapter must do. The in-memory ports and the AWS adapters both pass it.
//!
//! Each function checks one port and panics with the expectation that does not hold. The parameter `unique` isolates runs
//! that share a store.

#![expect(
    async_fn_in_trait,
    reason = "a test suite: these futures are never boxed"
)]

use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::ports::Queue;

mod api;
mod connections;
mod fixtures;
mod job_store;
mod object_store;
mod quarantine;
mod recent;
mod reconcile;

pub use api::{job_list, key_value_store, marks_store};
pub use connections::{connections, tickets};
pub use fixtures::{full_job, job_in_state, one_in_every_state, open_attempt};
pub use job_store::{job_store, newest_jobs};
pub use object_store::object_store;
pub use quarantine::{quarantine, quarantine_store};
pub use recent::{recent_jobs, recent_starts};
pub use reconcile::{dead_letters, folders, inventory, job_index};

/// What the suite does outside the ports: the actions of customers, of SQS and of other releases.
pub trait TestEnvironment {
    /// The bucket of the suite.
    fn bucket(&self) -> String;
    /// Puts an object as a customer would, and returns its version id.
    async fn upload(&self, key: &str, content: &[u8]) -> String;
    /// Deletes an object as a customer would.
    async fn delete(&self, key: &str);
    /// Stores a ticket with this secret.
    async fn issue_ticket(&self, secret: &str, subscription: &str, expires_at: Timestamp);
    /// Adds a dead letter to a queue, as SQS does with a message that failed too often.
    async fn add_dead_letter(&self, queue: Queue, body: &str);
    /// Turns the messages that were redriven to a queue into dead letters again.
    async fn fail_redriven(&self, queue: Queue);
    /// Writes a row as a newer release would.
    async fn save_as_newer_release(&self, job: &Job);
}
