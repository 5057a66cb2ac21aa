//! The link in a mail that stops digests without a sign-in (RFC 8058).

use jobs::id::Tenant;
use jobs::ports::KeyValueStore;
use tracing::info;

use super::{Recipient, recipient_collection};
use crate::ApiError;
use crate::webhooks::records::{read, write};

/// How many other writes at the same time may come first.
const MAX_TRIES: u8 = 5;

/// `<tenant>.<recipient>.<token>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsubscribeLink {
    pub tenant: Tenant,
    pub recipient: String,
    pub token: String,
}

impl std::str::FromStr for UnsubscribeLink {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || "this link is not complete; use the one in the mail".to_owned();
        let is_hex =
            |part: &&str| part.len() == 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut parts = text.split('.');
        let tenant = parts.next().and_then(|tenant| tenant.parse().ok());
        let recipient = parts.next().filter(is_hex);
        let token = parts.next().filter(is_hex);
        let end = parts.next().is_none().then_some(());
        let (Some(tenant), Some(recipient), Some(token), Some(())) =
            (tenant, recipient, token, end)
        else {
            return Err(bad());
        };
        Ok(Self {
            tenant,
            recipient: recipient.to_owned(),
            token: token.to_owned(),
        })
    }
}

impl std::fmt::Display for UnsubscribeLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.tenant, self.recipient, self.token)
    }
}

/// Whether two tokens are equal, in a time that does not depend on where they differ.
fn is_equal(a: &str, b: &str) -> bool {
    let differences = a
        .bytes()
        .zip(b.bytes())
        .fold(0, |all, (a, b)| all | (a ^ b));
    a.len() == b.len() && differences == 0
}

/// Stops the digests of a link's recipient. Does the same if they are off already.
///
/// # Errors
/// [`ApiError::NotFound`] if the link is not one of a mail, whatever of it is wrong.
pub async fn unsubscribe<P: KeyValueStore>(ports: &P, link: &str) -> Result<(), ApiError> {
    let link: UnsubscribeLink = link.parse().map_err(ApiError::NotFound)?;
    let collection = recipient_collection(&link.tenant);
    for _ in 0..MAX_TRIES {
        let found = read::<_, Recipient>(ports, &collection, &link.recipient).await?;
        let found = found.filter(|(recipient, _)| is_equal(&recipient.token, &link.token));
        let Some((mut recipient, revision)) = found else {
            return Err(ApiError::NotFound(
                "this link is not valid; stop the mails on your account page".to_owned(),
            ));
        };
        if !recipient.enabled {
            return Ok(());
        }
        recipient.enabled = false;
        recipient.off_reason = Some("you unsubscribed by the link in a mail".to_owned());
        if write(
            ports,
            &collection,
            &link.recipient,
            &recipient,
            revision + 1,
        )
        .await?
        {
            info!(tenant = %link.tenant, recipient = link.recipient, "digests were unsubscribed");
            return Ok(());
        }
    }
    Err(ApiError::Unavailable("try again in a moment".to_owned()))
}
