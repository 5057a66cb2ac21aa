//! Tickets for WebSockets: a browser cannot send its sign-in along with one.

use super::{ApiError, Principal};
use crate::types::{NewTicket, TicketView};
use jobs::effects::ALL_TENANTS;
use jobs::id::Timestamp;
use jobs::ports::{Clock, Ticket, Tickets};

/// How long a ticket may wait to be used, in milliseconds.
const LIFETIME_MS: u64 = 60_000;

/// Issues a ticket for one connection to `url`.
///
/// # Errors
/// If the tenant is not the person's, or the ticket cannot be kept.
pub async fn issue<P: Tickets + Clock>(
    ports: &P,
    principal: &Principal,
    url: &str,
    asked: &NewTicket,
) -> Result<TicketView, ApiError> {
    let everywhere = principal.is_support() && asked.tenant.is_none();
    let subscription = if everywhere {
        ALL_TENANTS.to_owned()
    } else {
        principal
            .tenant(asked.tenant.as_deref())?
            .as_str()
            .to_owned()
    };
    let secret = format!("{:016x}{:016x}", ports.random(), ports.random());
    let expires_at = Timestamp(ports.now().0 + LIFETIME_MS);
    let ticket = Ticket {
        subscription,
        uploader: principal.only_uploads_of().map(str::to_owned),
        actor: principal.actor.clone(),
        expires_at,
        token_expires_at: principal.expires_at,
    };
    ports.issue(&secret, &ticket).await?;
    Ok(TicketView {
        url: format!("{url}?ticket={secret}"),
        expires_at: expires_at.0,
    })
}
