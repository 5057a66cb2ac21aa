//! What users set about their digests, and support about a tenant's.

use jobs::id::Tenant;
use jobs::pipeline::Pipelines;
use jobs::ports::{Clock, KeyValueStore};
use tracing::info;

use super::ports::DigestQueue;
use super::{
    DigestScope, DigestState, MAX_RECIPIENTS, Recipient, SETTINGS_KEY, STATE_KEY, TenantSettings,
    message, recipient_collection, recipient_key, settings_collection, state_collection,
};
use crate::audit::{self, AuditTarget};
use crate::lease::SentBy;
use crate::types::{
    AuditAction, DigestChange, DigestView, StoredDigestSettings, TenantDigestChange,
    TenantDigestView,
};
use crate::webhooks::records::{read, write};
use crate::{ApiError, Permission, Principal, feed};

/// The caller's account in the user pool, from its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub username: String,
    /// `None` unless the user pool has verified it.
    pub verified_email: Option<String>,
}

pub(super) async fn tenant_settings<P: KeyValueStore>(
    ports: &P,
    tenant: &Tenant,
) -> Result<TenantSettings, jobs::ports::Unavailable> {
    let stored = read(ports, &settings_collection(tenant), SETTINGS_KEY).await?;
    Ok(stored.map_or_else(TenantSettings::default, |(settings, _)| settings))
}

fn view(
    tenant: &Tenant,
    account: &Account,
    recipient: Option<&Recipient>,
    settings: TenantSettings,
    is_available: bool,
) -> DigestView {
    let unavailable_reason = match (is_available, &account.verified_email) {
        (false, _) => Some("this deployment sends no e-mail"),
        (true, None) => Some("the e-mail address of your account is not verified"),
        (true, Some(_)) => None,
    };
    DigestView {
        tenant: tenant.to_string(),
        available: unavailable_reason.is_none(),
        unavailable_reason: unavailable_reason.map(str::to_owned),
        address: account.verified_email.clone(),
        enabled: is_available && recipient.is_some_and(|it| it.enabled),
        scope: recipient.map(|it| it.scope).unwrap_or_default(),
        ready: recipient.is_none_or(|it| it.ready),
        failed: recipient.is_none_or(|it| it.failed),
        off_reason: recipient
            .filter(|it| !it.enabled)
            .and_then(|it| it.off_reason.clone()),
        include_names: settings.include_names,
    }
}

/// The caller's settings as they are stored; `None` if there are none.
///
/// # Errors
/// If the store does not answer.
pub(crate) async fn stored<P: KeyValueStore>(
    ports: &P,
    tenant: &Tenant,
    account: &Account,
) -> Result<Option<StoredDigestSettings>, ApiError> {
    let key = recipient_key(&account.username);
    let stored = read::<_, Recipient>(ports, &recipient_collection(tenant), &key).await?;
    Ok(stored.map(|(recipient, _)| StoredDigestSettings {
        address: recipient.address,
        enabled: recipient.enabled,
        enabled_at: recipient.enabled_at,
        scope: recipient.scope,
        ready: recipient.ready,
        failed: recipient.failed,
        off_reason: recipient.off_reason,
    }))
}

/// The tenant of digests of the caller.
fn own_tenant(principal: &Principal, named: Option<&str>) -> Result<Tenant, ApiError> {
    principal.must(Permission::ReceiveDigests)?;
    principal.tenant(Permission::ReceiveDigests, named)
}

/// The caller's settings.
///
/// # Errors
/// If the caller has no access to the tenant, or a dependency does not answer.
pub async fn show<P: KeyValueStore>(
    ports: &P,
    principal: &Principal,
    account: &Account,
    named: Option<&str>,
    is_available: bool,
) -> Result<DigestView, ApiError> {
    let tenant = own_tenant(principal, named)?;
    let key = recipient_key(&account.username);
    let stored = read(ports, &recipient_collection(&tenant), &key).await?;
    let recipient: Option<Recipient> = stored.map(|(recipient, _)| recipient);
    let settings = tenant_settings(ports, &tenant).await?;
    Ok(view(
        &tenant,
        account,
        recipient.as_ref(),
        settings,
        is_available,
    ))
}

/// Changes the caller's settings.
///
/// # Errors
/// [`ApiError::Refused`] if this deployment sends no e-mail, the address is not verified, or too many users of the tenant
/// receive digests; [`ApiError::Forbidden`] if the caller does not see all documents that it asks for.
pub async fn change<P: KeyValueStore + Clock + DigestQueue>(
    ports: &P,
    principal: &Principal,
    account: &Account,
    change: &DigestChange,
    is_available: bool,
) -> Result<DigestView, ApiError> {
    let tenant = own_tenant(principal, change.tenant.as_deref())?;
    let collection = recipient_collection(&tenant);
    let key = recipient_key(&account.username);
    let stored = read::<_, Recipient>(ports, &collection, &key).await?;
    let settings = tenant_settings(ports, &tenant).await?;
    let was_on = stored.as_ref().is_some_and(|(it, _)| it.enabled);
    let is_on = change.enabled.unwrap_or(was_on);
    if is_on {
        must_be_possible(account, is_available)?;
    }
    let is_new = stored.is_none();
    let (mut recipient, revision) = stored.unwrap_or_else(|| (new_recipient(ports, account), 0));
    apply(&mut recipient, principal, &tenant, account, change, is_on)?;
    if is_new && !is_on {
        return Ok(view(&tenant, account, None, settings, is_available));
    }
    if is_on && !was_on {
        recipient.enabled_at = ports.now().0;
    }
    if is_new {
        must_have_place(ports, &tenant).await?;
        begin(ports, &tenant).await?;
    }
    if !write(ports, &collection, &key, &recipient, revision + 1).await? {
        return Err(ApiError::Changed(
            "your settings changed at the same time; read them again".to_owned(),
        ));
    }
    info!(actor = principal.actor, tenant = %tenant, enabled = is_on, "digests were changed");
    if is_on && !was_on {
        // Function event-feed reads the list of recipients eventually consistently.
        message::send_continue(ports, &tenant, SentBy::User, 10).await?;
    }
    Ok(view(
        &tenant,
        account,
        Some(&recipient),
        settings,
        is_available,
    ))
}

fn must_be_possible(account: &Account, is_available: bool) -> Result<(), ApiError> {
    if !is_available {
        return Err(ApiError::Refused(
            "this deployment sends no e-mail".to_owned(),
        ));
    }
    if account.verified_email.is_none() {
        return Err(ApiError::Refused(
            "the e-mail address of your account is not verified; ask the operators of this service"
                .to_owned(),
        ));
    }
    Ok(())
}

fn new_recipient<P: Clock>(ports: &P, account: &Account) -> Recipient {
    Recipient {
        address: String::new(),
        username: account.username.clone(),
        scope: DigestScope::Own,
        ready: true,
        failed: true,
        token: format!("{:016x}{:016x}", ports.random(), ports.random()),
        enabled: false,
        enabled_at: 0,
        off_reason: None,
    }
}

fn apply(
    recipient: &mut Recipient,
    principal: &Principal,
    tenant: &Tenant,
    account: &Account,
    change: &DigestChange,
    is_on: bool,
) -> Result<(), ApiError> {
    if let Some(address) = &account.verified_email {
        recipient.address.clone_from(address);
    }
    if let Some(name) = &change.scope {
        recipient.scope = DigestScope::from_name(name)
            .ok_or_else(|| ApiError::BadRequest("scope: own or tenant".to_owned()))?;
    }
    recipient.ready = change.ready.unwrap_or(recipient.ready);
    recipient.failed = change.failed.unwrap_or(recipient.failed);
    if is_on && !recipient.ready && !recipient.failed {
        return Err(ApiError::BadRequest(
            "ready, failed: at least one must be true".to_owned(),
        ));
    }
    // A user who lost the role can still switch them off.
    let asks_for_all = recipient.scope == DigestScope::Tenant && (is_on || change.scope.is_some());
    let sees_all = principal.has_for_whole_tenant(Permission::ReceiveDigests, tenant);
    if asks_for_all && !sees_all {
        return Err(ApiError::Forbidden(
            "only reviewers and support may get digests of all documents; use the scope own"
                .to_owned(),
        ));
    }
    recipient.enabled = is_on;
    if is_on || change.enabled.is_some() {
        recipient.off_reason = None;
    }
    Ok(())
}

async fn must_have_place<P: KeyValueStore>(ports: &P, tenant: &Tenant) -> Result<(), ApiError> {
    let collection = recipient_collection(tenant);
    let all = ports
        .list_descending(&collection, None, MAX_RECIPIENTS)
        .await?;
    if all.len() >= usize::from(MAX_RECIPIENTS) {
        return Err(ApiError::Refused(format!(
            "{MAX_RECIPIENTS} users of {tenant} have settings for digests, which is the most"
        )));
    }
    Ok(())
}

/// The first recipient of a tenant: its digests begin with the feed's next event.
async fn begin<P: KeyValueStore>(ports: &P, tenant: &Tenant) -> Result<(), ApiError> {
    let states = state_collection(tenant);
    if read::<_, DigestState>(ports, &states, STATE_KEY)
        .await?
        .is_none()
    {
        let end = feed::end(ports, tenant).await?;
        // Another recipient's request may have been first.
        _ = write(ports, &states, STATE_KEY, &DigestState::new(end), 1).await?;
    }
    Ok(())
}

/// Sets whether the mails of a tenant may have the names of its files and batches.
///
/// # Errors
/// If the caller may not change tenants, gives no reason, or names no tenant.
pub async fn change_tenant<P: KeyValueStore + Clock>(
    ports: &P,
    pipelines: &Pipelines,
    principal: &Principal,
    named: &str,
    change: &TenantDigestChange,
) -> Result<TenantDigestView, ApiError> {
    let permission = Permission::ChangeTenants;
    principal.must(permission)?;
    let tenant = principal.tenant(permission, Some(named))?;
    let target = AuditTarget {
        id: tenant.as_str(),
        tenant: Some(&tenant),
        pipeline: None,
    };
    let action = AuditAction::ChangeDigests;
    let reason = &change.reason;
    let pending = audit::begin(ports, pipelines, principal, action, target, reason).await?;
    let collection = settings_collection(&tenant);
    let work = async {
        let stored = read::<_, TenantSettings>(ports, &collection, SETTINGS_KEY).await?;
        let revision = stored.map_or(0, |(_, revision)| revision);
        let settings = TenantSettings {
            include_names: change.include_names,
        };
        if !write(ports, &collection, SETTINGS_KEY, &settings, revision + 1).await? {
            return Err(ApiError::Changed(
                "another request changed it; try again".to_owned(),
            ));
        }
        Ok(())
    };
    match work.await {
        Ok(()) => {
            let word = if change.include_names {
                "with"
            } else {
                "without"
            };
            pending.finish(ports, format!("digests {word} names")).await;
            Ok(TenantDigestView {
                tenant: tenant.to_string(),
                include_names: change.include_names,
            })
        }
        Err(error) => Err(pending.refuse(ports, error).await),
    }
}
