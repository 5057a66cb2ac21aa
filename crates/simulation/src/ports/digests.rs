//! The ports of e-mail digests.

use api::digests::Mail;
use api::digests::ports::{DigestQueue, DirectoryUser, MailError, Mailer, UserDirectory};
use jobs::ports::{Queue, Unavailable};

use super::call::Ports;
use crate::message::{MessageKind, QueueMessage, send};
use crate::mistake::Mistake;
use crate::simulation::Simulation;
use crate::time::SECOND;

impl Mailer for Ports {
    async fn send_mail(&self, mail: &Mail) -> Result<(), MailError> {
        let answer = self
            .call("send mail", |Simulation { mailboxes, env, .. }| {
                mailboxes.take(env, mail)
            })
            .await;
        answer.map_err(|error| MailError::NotNow(error.to_string()))?
    }
}

impl UserDirectory for Ports {
    async fn find_user(&self, username: &str) -> Result<Option<DirectoryUser>, Unavailable> {
        self.call("find user", |Simulation { mailboxes, .. }| {
            mailboxes.find_user(username)
        })
        .await
    }
}

impl DigestQueue for Ports {
    async fn send_digest_message(&self, body: &str, delay_seconds: u32) -> Result<(), Unavailable> {
        self.call("send", |simulation| {
            // A mistake: what is due later is not sent.
            if simulation.env.has(Mistake::DelayedDigestsLost) && delay_seconds > 0 {
                return;
            }
            let delay = u64::from(delay_seconds) * SECOND + 20;
            let message = QueueMessage::new(body.to_owned(), MessageKind::Instruction);
            simulation.plan([send(Queue::Digests, delay, message)]);
        })
        .await
    }
}
