//! Tickets for WebSockets: a browser cannot send an `Authorization` header when it opens one.

use super::{ApiError, Principal};
use crate::types::{NewTicket, TicketView};
use jobs::effects::ALL_TENANTS;
use jobs::id::Timestamp;
use jobs::ports::{Clock, Ticket, Tickets};

const TICKET_LIFETIME_MS: u64 = 60_000;

/// Issues a ticket for one connection to `url`.
///
/// # Errors
/// If the principal has no access to the tenant, or the ticket cannot be stored.
pub async fn issue<P: Tickets + Clock>(
    ports: &P,
    principal: &Principal,
    url: &str,
    request: &NewTicket,
) -> Result<TicketView, ApiError> {
    let is_all_tenants = principal.is_support() && request.tenant.is_none();
    let subscription = if is_all_tenants {
        ALL_TENANTS.to_owned()
    } else {
        principal
            .tenant(request.tenant.as_deref())?
            .as_str()
            .to_owned()
    };
    let secret = format!("{:016x}{:016x}", ports.random(), ports.random());
    let expires_at = Timestamp(ports.now().0 + TICKET_LIFETIME_MS);
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
