//! The ports of e-mail digests and of the user pool in memory.

use api::digests::Mail;
use api::digests::ports::{DigestQueue, DirectoryUser, MailError, Mailer, UserDirectory};
use api::ports::UserSessions;
use jobs::ports::Unavailable;

use super::Memory;

impl Mailer for Memory {
    async fn send_mail(&self, mail: &Mail) -> Result<(), MailError> {
        let scripted = self.state().mail_responses.pop_front();
        if let Some(Err(error)) = scripted {
            return Err(error);
        }
        let sent = self.operation("send_mail", |state| state.mails.push(mail.clone()));
        sent.map_err(|error| MailError::NotNow(error.to_string()))
    }
}

impl UserDirectory for Memory {
    async fn find_user(&self, username: &str) -> Result<Option<DirectoryUser>, Unavailable> {
        self.operation("find_user", |state| state.directory.get(username).cloned())
    }
}

impl UserSessions for Memory {
    async fn end_sessions(&self, username: &str) -> Result<(), Unavailable> {
        self.operation("end_sessions", |state| {
            state.ended_sessions.push(username.to_owned());
        })
    }
}

impl DigestQueue for Memory {
    async fn send_digest_message(&self, body: &str, delay_seconds: u32) -> Result<(), Unavailable> {
        self.operation("send_digest_message", |state| {
            state.digest_messages.push((body.to_owned(), delay_seconds));
        })
    }
}
