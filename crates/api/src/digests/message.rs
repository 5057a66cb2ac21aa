//! The messages of function `digests`.

use jobs::id::Tenant;
use jobs::ports::{KeyValueStore, Unavailable};
use serde::{Deserialize, Serialize};

use super::ports::DigestQueue;
use super::recipient_collection;
use crate::lease::SentBy;

/// A message of queue `digests`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DigestMessage {
    /// Look for new events and send what is due.
    Continue(Tenant, SentBy),
    /// What became of a mail.
    Feedback(Feedback),
}

/// A mail came back for good, or its recipient called it spam.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    pub tenant: Tenant,
    /// The key of the recipient.
    pub recipient: String,
    pub addresses: Vec<String>,
    pub reason: &'static str,
}

#[derive(Debug, Serialize, Deserialize)]
struct ContinueBody {
    tenant: String,
    #[serde(default, skip_serializing_if = "SentBy::is_user")]
    sent_by: SentBy,
}

/// An event of EventBridge with the event of SES in it (SES developer guide, "Examples of event data"), with the fields that
/// are used.
#[derive(Debug, Deserialize)]
struct SesBusEvent {
    detail: SesEvent,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SesEvent {
    event_type: String,
    mail: SesMail,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
}

#[derive(Debug, Deserialize)]
struct SesMail {
    #[serde(default)]
    tags: MailTags,
}

/// The tags that every digest has ([`super::Mail`]). SES sends them as lists.
#[derive(Debug, Default, Deserialize)]
struct MailTags {
    #[serde(default)]
    tenant: Vec<String>,
    #[serde(default)]
    recipient: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
    #[serde(default)]
    bounced_recipients: Vec<Address>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    #[serde(default)]
    complained_recipients: Vec<Address>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    email_address: String,
}

impl DigestMessage {
    /// Reads a message; `None` for a bounce after which the next mail may arrive.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(body: &str) -> Result<Option<Self>, String> {
        if let Ok(ContinueBody { tenant, sent_by }) = serde_json::from_str(body) {
            let tenant = tenant
                .parse()
                .map_err(|_| format!("{tenant:?} is not a tenant"))?;
            return Ok(Some(Self::Continue(tenant, sent_by)));
        }
        let event: SesBusEvent = serde_json::from_str(body)
            .map_err(|error| format!("neither an instruction nor an event of SES: {error}"))?;
        let SesEvent {
            event_type,
            mail,
            bounce,
            complaint,
        } = event.detail;
        let (recipients, reason) = match (event_type.as_str(), bounce, complaint) {
            ("Bounce", Some(bounce), _) if bounce.bounce_type == "Permanent" => {
                (bounce.bounced_recipients, "mail to your address came back")
            }
            ("Bounce", Some(_), _) => return Ok(None),
            ("Complaint", _, Some(complaint)) => (
                complaint.complained_recipients,
                "a mail was reported as spam",
            ),
            (other, ..) => return Err(format!("not a bounce and not a complaint: {other:?}")),
        };
        let Some((tenant, recipient)) = mail.tags.tenant.first().zip(mail.tags.recipient.first())
        else {
            return Err("the mail has no tags tenant and recipient".to_owned());
        };
        Ok(Some(Self::Feedback(Feedback {
            tenant: tenant
                .parse()
                .map_err(|_| format!("{tenant:?} is not a tenant"))?,
            recipient: recipient.clone(),
            addresses: recipients.into_iter().map(|it| it.email_address).collect(),
            reason,
        })))
    }
}

/// Sends a message to continue, delayed by at most 900 seconds.
pub(super) async fn send_continue<P: DigestQueue>(
    ports: &P,
    tenant: &Tenant,
    sent_by: SentBy,
    delay_seconds: u32,
) -> Result<(), Unavailable> {
    let body = ContinueBody {
        tenant: tenant.to_string(),
        sent_by,
    };
    let body = serde_json::to_string(&body).unwrap_or_default();
    ports.send_digest_message(&body, delay_seconds).await
}

/// Tells function `digests` that a tenant has new events, if a user of it ever asked for digests.
///
/// # Errors
/// If a dependency does not answer: the message that brought the events must be redelivered.
pub async fn notify<P: KeyValueStore + DigestQueue>(
    ports: &P,
    tenant: &Tenant,
) -> Result<(), Unavailable> {
    let collection = recipient_collection(tenant);
    if ports
        .list_descending(&collection, None, 1)
        .await?
        .is_empty()
    {
        return Ok(());
    }
    send_continue(ports, tenant, SentBy::Feed, 0).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(event_type: &str, detail: &str) -> String {
        format!(
            r#"{{"version":"0","detail-type":"Email Bounced","source":"aws.ses","detail":{{"eventType":"{event_type}",
            "mail":{{"messageId":"m","tags":{{"tenant":["acme"],"recipient":["00ff"],"ses:from-domain":["x.example"]}}}},{detail}}}}}"#
        )
    }

    #[test]
    fn permanent_bounces_and_complaints_are_feedback() {
        let permanent = event(
            "Bounce",
            r#""bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"a@x.example","status":"5.1.1"}]}"#,
        );
        let complaint = event(
            "Complaint",
            r#""complaint":{"complainedRecipients":[{"emailAddress":"a@x.example"}]}"#,
        );
        for body in [permanent, complaint] {
            let Ok(Some(DigestMessage::Feedback(feedback))) = DigestMessage::parse(&body) else {
                panic!("{body}");
            };
            assert_eq!(feedback.tenant.as_str(), "acme");
            assert_eq!(
                (feedback.recipient.as_str(), feedback.addresses.as_slice()),
                ("00ff", &["a@x.example".to_owned()][..])
            );
        }
    }

    #[test]
    fn full_mailbox_stops_nothing_and_other_messages_are_errors() {
        let full = event("Bounce", r#""bounce":{"bounceType":"Transient"}"#);
        assert_eq!(DigestMessage::parse(&full), Ok(None));
        for body in [
            "{}",
            "no JSON",
            r#"{"tenant":"Not a tenant"}"#,
            &event("Delivery", r#""delivery":{}"#),
            &event("Bounce", r#""x":1"#),
        ] {
            assert!(DigestMessage::parse(body).is_err(), "{body}");
        }
    }
}
