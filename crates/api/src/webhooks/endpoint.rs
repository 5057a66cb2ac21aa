//! What customers do with their webhooks.

use jobs::id::Tenant;
use jobs::ports::{Clock, KeyValueStore};
use tracing::info;

use super::address::AllowedReceivers;
use super::ports::{NameResolver, WebhookQueue};
use super::records::{read, write};
use super::{
    DeliveryState, Instruction, MAX_WEBHOOKS, PREVIOUS_SECRET_HOURS, ReceiverUrl, Webhook,
    WebhookId, check_addresses, collection, log_collection, signature, state_collection,
};
use crate::events::tenant;
use crate::feed::EventType;
use crate::types::{
    DeliveryList, NewWebhook, RedeliverRequest, WebhookChange, WebhookList, WebhookView,
};
use crate::{ApiError, Principal, feed};

const MAX_DELIVERIES: u16 = 50;
const HOUR_MS: u64 = 3_600_000;

/// Checks a URL, and what its name resolves to now. It is checked again before each request.
async fn check_url<P: NameResolver>(
    ports: &P,
    url: &str,
    allowed: AllowedReceivers,
) -> Result<(), ApiError> {
    let parsed = ReceiverUrl::parse(url, allowed).map_err(ApiError::BadRequest)?;
    let addresses = ports.resolve(&parsed.host, parsed.port).await;
    let addresses = addresses.map_err(|problem| {
        ApiError::BadRequest(format!("url: the name does not resolve: {problem}"))
    })?;
    check_addresses(&addresses, allowed)
        .map_err(|problem| ApiError::BadRequest(format!("url: {problem}")))
}

fn event_types(names: &[String]) -> Result<Vec<EventType>, ApiError> {
    let event_type = |name: &String| {
        let mut all = EventType::ALL.into_iter();
        all.find(|known| known.name() == name).ok_or_else(|| {
            let known = EventType::ALL.map(EventType::name).join(", ");
            ApiError::BadRequest(format!(
                "event_types: there is no event {name:?}; choose from {known}"
            ))
        })
    };
    names.iter().map(event_type).collect()
}

/// Creates a webhook. Events that are recorded from now on are sent to it.
///
/// # Errors
/// If the URL is refused, or the tenant has [`MAX_WEBHOOKS`].
pub async fn create<P: KeyValueStore + Clock + NameResolver + WebhookQueue>(
    ports: &P,
    principal: &Principal,
    new: NewWebhook,
    allowed: AllowedReceivers,
) -> Result<WebhookView, ApiError> {
    let tenant = tenant(principal, new.tenant.as_deref())?;
    let stored = ports
        .list_descending(&collection(&tenant), None, MAX_WEBHOOKS)
        .await?;
    if stored.len() >= usize::from(MAX_WEBHOOKS) {
        return Err(ApiError::Refused(format!(
            "a tenant has at most {MAX_WEBHOOKS} webhooks; delete one first"
        )));
    }
    let event_types = event_types(&new.event_types)?;
    check_url(ports, &new.url, allowed).await?;
    let now = ports.now().0;
    let id = WebhookId {
        key: format!("{:016x}", ports.random()),
        tenant,
    };
    let webhook = Webhook {
        url: new.url,
        event_types,
        include_details: new.include_details,
        secret: signature::new_secret(ports),
        previous_secret: None,
        created_by: principal.actor.clone(),
        created_at: now,
        paused: false,
        enabled_at: now,
    };
    let state = DeliveryState::new(feed::end(ports, &id.tenant).await?);
    write(ports, &state_collection(&id.tenant), &id.key, &state, 1).await?;
    if !write(ports, &collection(&id.tenant), &id.key, &webhook, 1).await? {
        return Err(ApiError::Unavailable("try again in a moment".to_owned()));
    }
    info!(webhook.id = %id, actor = principal.actor, "a webhook was created");
    // Function event-feed reads the list of webhooks eventually consistently.
    let soon = (Instruction::Continue.to_body(&id), 10);
    ports.send_instructions(&[soon]).await?;
    let mut view = view(&id, &webhook, Some(&state));
    view.secret = Some(webhook.secret);
    Ok(view)
}

/// The webhooks of a tenant.
///
/// # Errors
/// If the principal has no access to the tenant, or a dependency does not answer.
pub async fn list<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    named: Option<&str>,
) -> Result<WebhookList, ApiError> {
    let tenant = tenant(principal, named)?;
    let records = ports
        .list_descending(&collection(&tenant), None, 2 * MAX_WEBHOOKS)
        .await?;
    let mut webhooks = Vec::new();
    for (key, record) in records {
        let id = WebhookId {
            tenant: tenant.clone(),
            key,
        };
        let webhook = serde_json::from_str(&record.body);
        let webhook: Webhook = webhook.map_err(|error| ApiError::Unavailable(error.to_string()))?;
        let state = read(ports, &state_collection(&tenant), &id.key).await?;
        webhooks.push(view(&id, &webhook, state.as_ref().map(|(state, _)| state)));
    }
    webhooks.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(WebhookList { webhooks })
}

/// A webhook that the principal may see, and its revision.
async fn find<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<(WebhookId, Webhook, u64), ApiError> {
    let not_found = || ApiError::NotFound(format!("there is no webhook {id:?}"));
    let id: WebhookId = id.parse().map_err(|_| not_found())?;
    tenant(principal, Some(id.tenant.as_str())).map_err(|_| not_found())?;
    let found = read(ports, &collection(&id.tenant), &id.key).await?;
    let (webhook, revision) = found.ok_or_else(not_found)?;
    Ok((id, webhook, revision))
}

async fn view_of<P: KeyValueStore>(
    ports: &P,
    id: &WebhookId,
    webhook: &Webhook,
) -> Result<WebhookView, ApiError> {
    let state = read(ports, &state_collection(&id.tenant), &id.key).await?;
    Ok(view(id, webhook, state.as_ref().map(|(state, _)| state)))
}

/// One webhook.
///
/// # Errors
/// [`ApiError::NotFound`], also for one of another tenant.
pub async fn show<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<WebhookView, ApiError> {
    let (id, webhook, _) = find(ports, principal, id).await?;
    view_of(ports, &id, &webhook).await
}

/// Changes a webhook.
///
/// # Errors
/// As [`create`] and [`show`]; [`ApiError::Changed`] if somebody else changed it at the same time.
pub async fn change<P: KeyValueStore + Clock + NameResolver + WebhookQueue>(
    ports: &P,
    principal: &Principal,
    id: &str,
    change: WebhookChange,
    allowed: AllowedReceivers,
) -> Result<WebhookView, ApiError> {
    let (id, mut webhook, revision) = find(ports, principal, id).await?;
    if let Some(url) = change.url {
        check_url(ports, &url, allowed).await?;
        webhook.url = url;
    }
    if let Some(names) = change.event_types {
        webhook.event_types = event_types(&names)?;
    }
    if let Some(include_details) = change.include_details {
        webhook.include_details = include_details;
    }
    if let Some(enabled) = change.enabled {
        webhook.paused = !enabled;
        if enabled {
            // Later than the time at which it was disabled, whatever the clocks say.
            let state =
                read::<_, DeliveryState>(ports, &state_collection(&id.tenant), &id.key).await?;
            let disabled = state.and_then(|(state, _)| state.disabled);
            let disabled_at = disabled.map_or(0, |(at, _)| at);
            webhook.enabled_at = ports.now().0.max(disabled_at + 1);
        }
    }
    save(ports, principal, &id, &webhook, revision).await?;
    if change.enabled == Some(true) {
        instruct(ports, &id, Instruction::Continue).await?;
    }
    view_of(ports, &id, &webhook).await
}

async fn save<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    id: &WebhookId,
    webhook: &Webhook,
    revision: u64,
) -> Result<(), ApiError> {
    if !write(
        ports,
        &collection(&id.tenant),
        &id.key,
        webhook,
        revision + 1,
    )
    .await?
    {
        return Err(ApiError::Changed(
            "somebody else changed the webhook; read it again".to_owned(),
        ));
    }
    info!(webhook.id = %id, actor = principal.actor, "a webhook was changed");
    Ok(())
}

/// Makes a new secret. For [`PREVIOUS_SECRET_HOURS`] each request has signatures with both.
///
/// # Errors
/// As [`change`].
pub async fn rotate_secret<P: KeyValueStore + Clock>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<WebhookView, ApiError> {
    let (id, mut webhook, revision) = find(ports, principal, id).await?;
    let until = ports.now().0 + PREVIOUS_SECRET_HOURS * HOUR_MS;
    let new = signature::new_secret(ports);
    let old = std::mem::replace(&mut webhook.secret, new);
    webhook.previous_secret = Some((old, until));
    save(ports, principal, &id, &webhook, revision).await?;
    let mut view = view_of(ports, &id, &webhook).await?;
    view.secret = Some(webhook.secret);
    Ok(view)
}

/// Deletes a webhook. A request that is under way may still arrive.
///
/// # Errors
/// As [`show`].
pub async fn delete<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<(), ApiError> {
    let (id, ..) = find(ports, principal, id).await?;
    ports.delete(&collection(&id.tenant), &id.key).await?;
    ports.delete(&state_collection(&id.tenant), &id.key).await?;
    info!(webhook.id = %id, actor = principal.actor, "a webhook was deleted");
    Ok(())
}

/// Sends a test event, once.
///
/// # Errors
/// As [`show`].
pub async fn send_test<P: KeyValueStore + WebhookQueue>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<(), ApiError> {
    let (id, ..) = find(ports, principal, id).await?;
    instruct(ports, &id, Instruction::Test).await
}

/// Sends one event, or all from a time on, again.
///
/// # Errors
/// As [`show`]; [`ApiError::Refused`] while the webhook is paused or disabled.
pub async fn redeliver<P: KeyValueStore + Clock + WebhookQueue>(
    ports: &P,
    principal: &Principal,
    id: &str,
    request: RedeliverRequest,
) -> Result<(), ApiError> {
    let (id, webhook, _) = find(ports, principal, id).await?;
    let instruction = match (request.sequence, request.from) {
        (Some(sequence), None) => Instruction::Sequence(sequence),
        (None, Some(from)) => Instruction::From(from),
        (None, None) | (Some(_), Some(_)) => {
            return Err(ApiError::BadRequest("one of sequence and from".to_owned()));
        }
    };
    if !view_of(ports, &id, &webhook).await?.enabled {
        return Err(ApiError::Refused("enable the webhook first".to_owned()));
    }
    if let Instruction::Sequence(sequence) = instruction
        && feed::event(ports, &id.tenant, sequence).await?.is_none()
    {
        return Err(ApiError::NotFound(format!(
            "there is no event {sequence}, or it has expired"
        )));
    }
    instruct(ports, &id, instruction).await
}

async fn instruct<P: WebhookQueue>(
    ports: &P,
    id: &WebhookId,
    instruction: Instruction,
) -> Result<(), ApiError> {
    let message = (instruction.to_body(id), 0);
    Ok(ports.send_instructions(&[message]).await?)
}

/// The newest attempts.
///
/// # Errors
/// As [`show`].
pub async fn deliveries<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<DeliveryList, ApiError> {
    let (id, ..) = find(ports, principal, id).await?;
    let collection = log_collection(&id.tenant, &id.key);
    let records = ports
        .list_descending(&collection, None, MAX_DELIVERIES)
        .await?;
    let entries = records
        .iter()
        .filter_map(|(_, record)| serde_json::from_str(&record.body).ok());
    Ok(DeliveryList {
        deliveries: entries.collect(),
    })
}

fn view(id: &WebhookId, webhook: &Webhook, state: Option<&DeliveryState>) -> WebhookView {
    let disabled = state.filter(|state| state.is_disabled(webhook));
    let disabled = disabled.and_then(|state| state.disabled.clone());
    WebhookView {
        id: id.to_string(),
        tenant: id.tenant.to_string(),
        url: webhook.url.clone(),
        event_types: webhook.event_types.clone(),
        include_details: webhook.include_details,
        created_by: webhook.created_by.clone(),
        created_at: webhook.created_at,
        enabled: !webhook.paused && disabled.is_none(),
        disabled_reason: disabled.map(|(_, reason)| reason),
        failing_since: state.and_then(|state| state.failing_since),
        sequence: state.map_or(0, |state| state.position.sequence),
        waiting: state.map_or(0, |state| {
            u16::try_from(state.waiting.len()).unwrap_or(u16::MAX)
        }),
        secret: None,
        previous_secret_until: webhook.previous_secret.as_ref().map(|(_, until)| *until),
    }
}

/// The ids of a tenant's webhooks, for function `event-feed`.
pub(super) async fn ids<P: KeyValueStore>(
    ports: &P,
    tenant: &Tenant,
) -> Result<Vec<WebhookId>, jobs::ports::Unavailable> {
    let records = ports
        .list_descending(&collection(tenant), None, 2 * MAX_WEBHOOKS)
        .await?;
    let id = |(key, _)| WebhookId {
        tenant: tenant.clone(),
        key,
    };
    Ok(records.into_iter().map(id).collect())
}

/// Tells function `webhooks` that a tenant has new events.
///
/// # Errors
/// If a dependency does not answer: the message that brought the events must be redelivered.
pub async fn notify<P: KeyValueStore + WebhookQueue>(
    ports: &P,
    tenant: &Tenant,
) -> Result<(), jobs::ports::Unavailable> {
    let ids = ids(ports, tenant).await?;
    if ids.is_empty() {
        return Ok(());
    }
    let bodies: Vec<(String, u32)> = ids
        .iter()
        .map(|id| (Instruction::Continue.to_body(id), 0))
        .collect();
    ports.send_instructions(&bodies).await
}
