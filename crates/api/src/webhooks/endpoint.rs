//! What customers read of their webhooks.

use jobs::id::Tenant;
use jobs::ports::KeyValueStore;

use super::ports::WebhookQueue;
use super::records::read;
use super::url::origin;
use super::{
    DeliveryState, Instruction, MAX_WEBHOOKS, Webhook, WebhookId, collection, log_collection,
    state_collection,
};
use crate::events::tenant;
use crate::lease::SentBy;
use crate::types::{DeliveryList, WebhookList, WebhookView};
use crate::{ApiError, Permission, Principal};

const MAX_DELIVERIES: u16 = 50;

/// The webhooks of a tenant.
///
/// # Errors
/// If the principal has no access to the tenant, or a dependency does not answer.
pub async fn list<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    named: Option<&str>,
) -> Result<WebhookList, ApiError> {
    let tenant = tenant(principal, Permission::ReadWebhooks, named)?;
    let webhooks = of_tenant(ports, &tenant).await?;
    Ok(WebhookList {
        webhooks: webhooks
            .into_iter()
            .map(|view| shown(principal, view))
            .collect(),
    })
}

/// All webhooks of a tenant, oldest first.
///
/// # Errors
/// If a dependency does not answer.
pub(crate) async fn of_tenant<P: KeyValueStore>(
    ports: &P,
    tenant: &Tenant,
) -> Result<Vec<WebhookView>, ApiError> {
    let records = ports
        .list_descending(&collection(tenant), None, 2 * MAX_WEBHOOKS)
        .await?;
    let mut webhooks = Vec::new();
    for (key, record) in records {
        let id = WebhookId {
            tenant: tenant.clone(),
            key,
        };
        let webhook = serde_json::from_str(&record.body);
        let webhook: Webhook = webhook.map_err(|error| ApiError::Unavailable(error.to_string()))?;
        let state = read(ports, &state_collection(tenant), &id.key).await?;
        webhooks.push(view(&id, &webhook, state.as_ref().map(|(state, _)| state)));
    }
    webhooks.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(webhooks)
}

/// A webhook for which the principal has a permission, and its revision.
pub(super) async fn find<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    permission: Permission,
    id: &str,
) -> Result<(WebhookId, Webhook, u64), ApiError> {
    principal.must(permission)?;
    let not_found = || ApiError::NotFound(format!("there is no webhook {id:?}"));
    let id: WebhookId = id.parse().map_err(|_| not_found())?;
    tenant(principal, permission, Some(id.tenant.as_str())).map_err(|_| not_found())?;
    let found = read(ports, &collection(&id.tenant), &id.key).await?;
    let (webhook, revision) = found.ok_or_else(not_found)?;
    Ok((id, webhook, revision))
}

pub(super) async fn view_of<P: KeyValueStore>(
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
    let (id, webhook, _) = find(ports, principal, Permission::ReadWebhooks, id).await?;
    Ok(shown(principal, view_of(ports, &id, &webhook).await?))
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
    let (id, ..) = find(ports, principal, Permission::ChangeWebhooks, id).await?;
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

/// The path of a URL may be a secret: only those who may change the webhook see it.
fn shown(principal: &Principal, mut view: WebhookView) -> WebhookView {
    let tenant = view.tenant.parse::<Tenant>();
    let may_change = tenant
        .is_ok_and(|tenant| principal.has_for_whole_tenant(Permission::ChangeWebhooks, &tenant));
    if !may_change {
        view.url = origin(&view.url).to_owned();
    }
    view
}

pub(super) fn view(
    id: &WebhookId,
    webhook: &Webhook,
    state: Option<&DeliveryState>,
) -> WebhookView {
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
        expired: state.map_or(0, |state| state.expired),
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
        .map(|id| (Instruction::Continue.to_body(id, SentBy::Feed), 0))
        .collect();
    ports.send_instructions(&bodies).await
}
