//! In-memory implementation of the suite's actions outside the ports.

use super::Memory;
use crate::conformance::TestEnvironment;
use jobs::id::Timestamp;
use jobs::job::Job;
use jobs::ports::{DeadLetter, Queue, Ticket};

impl TestEnvironment for Memory {
    fn bucket(&self) -> String {
        "docket-jobs".to_owned()
    }

    async fn upload(&self, key: &str, content: &[u8]) -> String {
        self.put(&self.bucket(), key, content)
    }

    async fn delete(&self, key: &str) {
        self.put_object(&self.bucket(), key, None);
    }

    async fn issue_ticket(&self, secret: &str, subscription: &str, expires_at: Timestamp) {
        let ticket = Ticket {
            uploader: None,
            hides_contents: false,
            subscription: subscription.to_owned(),
            actor: "test".to_owned(),
            expires_at,
            token_expires_at: expires_at,
        };
        self.state().tickets.insert(secret.to_owned(), ticket);
    }

    async fn add_dead_letter(&self, queue: Queue, body: &str) {
        let mut state = self.state();
        let number = state.dead_letters.len();
        let letter = DeadLetter {
            first_id: format!("m{number}"),
            dead_since: None,
            body: body.to_owned(),
            trace_id: None,
            receipt: format!("receipt-{number}"),
        };
        state.dead_letters.push((queue, letter));
    }

    async fn fail_redriven(&self, queue: Queue) {
        let mut state = self.state();
        let sent = std::mem::take(&mut state.redriven);
        let (again, rest) = sent.into_iter().partition(|(at, _)| *at == queue);
        state.dead_letters.extend::<Vec<_>>(again);
        state.redriven = rest;
    }

    async fn save_as_newer_release(&self, job: &Job) {
        let mut state = self.state();
        state.jobs.insert(job.id, job.clone());
        state.newer_schema.insert(job.id);
    }
}
