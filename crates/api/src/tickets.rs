//! Tickets for WebSockets: a browser cannot send an `Authorization` header when it opens one.

use super::{ApiError, Permission, Principal};
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
    let sees_all = principal.has_for_all_tenants(Permission::SeeJobs);
    let (subscription, whole_tenant, hides_contents) = if sees_all && request.tenant.is_none() {
        let reads_all = principal.has_for_all_tenants(Permission::ReadContents);
        (ALL_TENANTS.to_owned(), true, !reads_all)
    } else {
        let tenant = principal.tenant(Permission::SeeJobs, request.tenant.as_deref())?;
        let whole_tenant = principal.has_for_whole_tenant(Permission::SeeJobs, &tenant);
        let reads_all = principal.has_for_whole_tenant(Permission::ReadContents, &tenant);
        // Of customers who see more than their own uploads, the page keeps the names that it knows.
        let hides_contents = whole_tenant && !reads_all;
        (tenant.as_str().to_owned(), whole_tenant, hides_contents)
    };
    let secret = format!("{:016x}{:016x}", ports.random(), ports.random());
    let expires_at = Timestamp(ports.now().0 + TICKET_LIFETIME_MS);
    let ticket = Ticket {
        subscription,
        uploader: (!whole_tenant).then(|| principal.actor.clone()),
        hides_contents,
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
