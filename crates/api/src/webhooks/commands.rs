//! What customers do with their webhooks. The audit log has each change.

use jobs::id::Timestamp;
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore};
use tracing::info;

use super::address::AllowedReceivers;
use super::endpoint::{find, view, view_of};
use super::ports::{NameResolver, WebhookQueue};
use super::records::{read, write};
use super::url::origin;
use super::{
    DeliveryState, Instruction, MAX_WEBHOOKS, PREVIOUS_SECRET_HOURS, ReceiverUrl, Webhook,
    WebhookId, check_addresses, collection, signature, state_collection,
};
use crate::audit::{self, AuditTarget};
use crate::events::tenant;
use crate::feed::EventType;
use crate::lease::SentBy;
use crate::types::{AuditAction, NewWebhook, RedeliverRequest, WebhookChange, WebhookView};
use crate::usage::utc;
use crate::{ApiError, Permission, Principal, feed};

const HOUR_MS: u64 = 3_600_000;

/// Carries out a change between the two writes of its entry in the audit log. The change returns what to record of it: never
/// a secret, and of a URL only the origin, since its path may be one.
async fn audited<P: KeyValueStore + Clock, T>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    id: &WebhookId,
    action: AuditAction,
    change: impl Future<Output = Result<(T, String), ApiError>>,
) -> Result<T, ApiError> {
    let name = id.to_string();
    let target = AuditTarget {
        id: &name,
        tenant: Some(&id.tenant),
        pipeline: None,
    };
    let pending = audit::begin_without_reason(ports, pipelines, principal, action, target).await?;
    match change.await {
        Ok((changed, outcome)) => {
            info!(webhook.id = %id, actor = principal.actor, action = action.name(), "a webhook was changed");
            pending.finish(ports, outcome).await;
            Ok(changed)
        }
        Err(error) => Err(pending.refuse(ports, error).await),
    }
}

fn settings(webhook: &Webhook) -> String {
    let details = if webhook.include_details {
        ", with details"
    } else {
        ""
    };
    let (origin, events) = (origin(&webhook.url), listed(&webhook.event_types));
    format!("{origin}, {events}{details}")
}

fn difference(before: &Webhook, after: &Webhook, enabled: Option<bool>) -> String {
    let mut changes = Vec::new();
    if before.url != after.url {
        changes.push(format!(
            "url from {} to {}",
            origin(&before.url),
            origin(&after.url)
        ));
    }
    if before.event_types != after.event_types {
        changes.push(listed(&after.event_types));
    }
    if before.include_details != after.include_details {
        let word = if after.include_details {
            "with"
        } else {
            "without"
        };
        changes.push(format!("{word} details"));
    }
    match enabled {
        Some(true) => changes.push("enabled".to_owned()),
        Some(false) => changes.push("paused".to_owned()),
        None => {}
    }
    if changes.is_empty() {
        changes.push("nothing changed".to_owned());
    }
    changes.join("; ")
}

fn listed(event_types: &[EventType]) -> String {
    if event_types.is_empty() {
        return "all events".to_owned();
    }
    let names: Vec<&str> = event_types.iter().map(|one| one.name()).collect();
    names.join(", ")
}

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
    let mut found = Vec::new();
    for name in names {
        let event_type = event_type(name)?;
        if !found.contains(&event_type) {
            found.push(event_type);
        }
    }
    Ok(found)
}

/// Creates a webhook. Events that are recorded from now on are sent to it.
///
/// # Errors
/// If the URL is refused, or the tenant has [`MAX_WEBHOOKS`].
pub async fn create<P: KeyValueStore + Clock + NameResolver + WebhookQueue>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    new: NewWebhook,
    allowed: AllowedReceivers,
) -> Result<WebhookView, ApiError> {
    let tenant = tenant(principal, Permission::ChangeWebhooks, new.tenant.as_deref())?;
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
        earlier_secrets: vec![],
        created_by: principal.actor.clone(),
        created_at: now,
        paused: false,
        enabled_at: now,
    };
    let work = async {
        let state = DeliveryState::new(feed::end(ports, &id.tenant).await?);
        write(ports, &state_collection(&id.tenant), &id.key, &state, 1).await?;
        if !write(ports, &collection(&id.tenant), &id.key, &webhook, 1).await? {
            return Err(ApiError::Unavailable("try again in a moment".to_owned()));
        }
        // Function event-feed reads the list of webhooks eventually consistently.
        let soon = (Instruction::Continue.to_body(&id, SentBy::User), 10);
        ports.send_instructions(&[soon]).await?;
        let mut view = view(&id, &webhook, Some(&state));
        view.secret = Some(webhook.secret.clone());
        Ok((view, format!("created: {}", settings(&webhook))))
    };
    let action = AuditAction::CreateWebhook;
    audited(ports, pipelines, principal, &id, action, work).await
}

/// Changes a webhook.
///
/// # Errors
/// As [`create`] and [`super::show`]; [`ApiError::Changed`] if another request changed it at the same time.
pub async fn change<P: KeyValueStore + Clock + NameResolver + WebhookQueue>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    id: &str,
    change: WebhookChange,
    allowed: AllowedReceivers,
) -> Result<WebhookView, ApiError> {
    let (id, mut webhook, revision) =
        find(ports, principal, Permission::ChangeWebhooks, id).await?;
    let before = webhook.clone();
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
    let work = async {
        save(ports, &id, &webhook, revision).await?;
        if change.enabled == Some(true) {
            instruct(ports, &id, Instruction::Continue).await?;
        }
        let outcome = difference(&before, &webhook, change.enabled);
        Ok((view_of(ports, &id, &webhook).await?, outcome))
    };
    let action = AuditAction::ChangeWebhook;
    audited(ports, pipelines, principal, &id, action, work).await
}

async fn save<P: KeyValueStore>(
    ports: &P,
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
            "another request changed the webhook at the same time; read it again".to_owned(),
        ));
    }
    Ok(())
}

/// Makes a new secret. For [`PREVIOUS_SECRET_HOURS`] each request has signatures with both; after a further rotation within
/// that time with all of them, at most [`super::MAX_PREVIOUS_SECRETS`] besides the newest.
///
/// # Errors
/// As [`change`].
pub async fn rotate_secret<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    id: &str,
) -> Result<WebhookView, ApiError> {
    let (id, mut webhook, revision) =
        find(ports, principal, Permission::ChangeWebhooks, id).await?;
    let until = Timestamp(ports.now().0 + PREVIOUS_SECRET_HOURS * HOUR_MS);
    webhook.replace_secret(signature::new_secret(ports), until);
    let work = async {
        save(ports, &id, &webhook, revision).await?;
        let mut view = view_of(ports, &id, &webhook).await?;
        view.secret = Some(webhook.secret.clone());
        let outcome = format!("the previous secret is used for {PREVIOUS_SECRET_HOURS} h more");
        Ok((view, outcome))
    };
    let action = AuditAction::RotateWebhookSecret;
    audited(ports, pipelines, principal, &id, action, work).await
}

/// Deletes a webhook. A request that is under way may still arrive.
///
/// # Errors
/// As [`super::show`].
pub async fn delete<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    id: &str,
) -> Result<(), ApiError> {
    let (id, webhook, _) = find(ports, principal, Permission::ChangeWebhooks, id).await?;
    let work = async {
        ports.delete(&collection(&id.tenant), &id.key).await?;
        ports.delete(&state_collection(&id.tenant), &id.key).await?;
        Ok(((), format!("deleted: {}", settings(&webhook))))
    };
    let action = AuditAction::DeleteWebhook;
    audited(ports, pipelines, principal, &id, action, work).await
}

/// Sends a test event, once.
///
/// # Errors
/// As [`super::show`].
pub async fn send_test<P: KeyValueStore + WebhookQueue>(
    ports: &P,
    principal: &Principal,
    id: &str,
) -> Result<(), ApiError> {
    let (id, ..) = find(ports, principal, Permission::ResendEvents, id).await?;
    instruct(ports, &id, Instruction::Test).await
}

/// Sends one event, or all from a time on, again.
///
/// # Errors
/// As [`super::show`]; [`ApiError::BadRequest`] if the time is in the future; [`ApiError::Refused`] while the webhook is paused or
/// disabled.
pub async fn redeliver<P: KeyValueStore + Clock + WebhookQueue>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    id: &str,
    request: RedeliverRequest,
) -> Result<(), ApiError> {
    let (id, webhook, _) = find(ports, principal, Permission::ResendEvents, id).await?;
    let instruction = match (request.sequence, request.from) {
        (Some(sequence), None) => Instruction::Sequence(sequence),
        (None, Some(from)) => Instruction::From(from),
        (None, None) | (Some(_), Some(_)) => {
            return Err(ApiError::BadRequest("one of sequence and from".to_owned()));
        }
    };
    if request
        .from
        .is_some_and(|from| Timestamp(from) > ports.now())
    {
        return Err(ApiError::BadRequest(
            "from: this time is in the future; name the time of the first event to send again"
                .to_owned(),
        ));
    }
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
    let work = async {
        instruct(ports, &id, instruction).await?;
        let outcome = match (request.sequence, request.from) {
            (Some(sequence), _) => format!("event {sequence}"),
            (None, from) => {
                let from = Timestamp(from.unwrap_or_default());
                format!("events from {} on", utc(from))
            }
        };
        Ok(((), outcome))
    };
    let action = AuditAction::RedeliverEvents;
    audited(ports, pipelines, principal, &id, action, work).await
}

async fn instruct<P: WebhookQueue>(
    ports: &P,
    id: &WebhookId,
    instruction: Instruction,
) -> Result<(), ApiError> {
    let message = (instruction.to_body(id, SentBy::User), 0);
    Ok(ports.send_instructions(&[message]).await?)
}
