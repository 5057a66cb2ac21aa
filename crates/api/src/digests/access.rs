//! Whether a recipient may still be mailed.

use jobs::id::{Tenant, Timestamp};
use jobs::ports::Unavailable;

use super::ports::UserDirectory;
use super::{DigestScope, Recipient};
use crate::{Permission, Principal};

/// Looks the user up before each mail: who has left the tenant, lost the role or changed the address gets none.
/// Returns why not.
pub(super) async fn check<P: UserDirectory>(
    ports: &P,
    tenant: &Tenant,
    recipient: &Recipient,
) -> Result<Result<(), &'static str>, Unavailable> {
    let Some(user) = ports.find_user(&recipient.username).await? else {
        return Ok(Err("your account was deleted"));
    };
    if !user.enabled {
        return Ok(Err("your account was disabled"));
    }
    let email = user.email.filter(|_| user.email_verified);
    if email.as_deref() != Some(&recipient.address) {
        return Ok(Err(
            "the address of your account changed, or is no longer verified",
        ));
    }
    let groups = user.groups.iter().map(String::as_str);
    let never = Timestamp(u64::MAX);
    let principal = Principal::of_groups(&recipient.address, groups, never);
    let permission = Permission::ReceiveDigests;
    if !principal.has_for_tenant(permission, tenant) {
        return Ok(Err("you no longer have access to the organization"));
    }
    let sees_all = principal.has_for_whole_tenant(permission, tenant);
    if recipient.scope == DigestScope::Tenant && !sees_all {
        return Ok(Err(
            "you no longer have access to all documents of the organization",
        ));
    }
    Ok(Ok(()))
}
