//! The caller of a request, and what it may see and do.

use std::collections::BTreeSet;

use super::ApiError;
use jobs::id::{Tenant, Timestamp};
use jobs::job::Job;

/// A role, granted by membership in the user pool's group of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(
    feature = "schema",
    schemars(rename = "CallerRole", rename_all = "lowercase")
)]
pub enum Role {
    /// Uploads documents and sees the jobs of its own uploads.
    Customer,
    /// Sees all jobs of its tenants.
    Reviewer,
    /// Sees and repairs the jobs of all tenants.
    Support,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Customer, Self::Reviewer, Self::Support];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Reviewer => "reviewer",
            Self::Support => "support",
        }
    }
}

const TENANT_GROUP_PREFIX: &str = "tenant:";

/// A caller who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name in job histories and in the audit log.
    pub actor: String,
    pub roles: BTreeSet<Role>,
    /// The tenants that the caller belongs to.
    pub tenants: BTreeSet<Tenant>,
    pub expires_at: Timestamp,
}

impl Principal {
    /// A principal of these user pool groups. Ignores groups that are neither a role nor `tenant:<name>`.
    pub fn of_groups<'a>(
        actor: &str,
        groups: impl IntoIterator<Item = &'a str>,
        expires_at: Timestamp,
    ) -> Self {
        let mut principal = Self {
            actor: actor.to_owned(),
            roles: BTreeSet::new(),
            tenants: BTreeSet::new(),
            expires_at,
        };
        for group in groups {
            principal
                .roles
                .extend(Role::ALL.into_iter().find(|role| role.name() == group));
            let tenant = group.strip_prefix(TENANT_GROUP_PREFIX);
            principal
                .tenants
                .extend(tenant.and_then(|name| name.parse::<Tenant>().ok()));
        }
        principal
    }

    pub fn is_support(&self) -> bool {
        self.roles.contains(&Role::Support)
    }

    /// `Some(actor)` for customers, who see only their own uploads; `None` for roles that see the whole tenant.
    pub fn only_uploads_of(&self) -> Option<&str> {
        let sees_all = self.is_support() || self.roles.contains(&Role::Reviewer);
        (!sees_all).then_some(self.actor.as_str())
    }

    /// Whether the principal may see a job. If so, it may also fetch its result, retry it and cancel it.
    pub fn sees(&self, job: &Job) -> bool {
        if self.is_support() {
            return true;
        }
        let uploader = job.input.uploaded_by.as_deref();
        let is_of_other_uploader = self.only_uploads_of().is_some_and(|own| {
            // A job without a known uploader is visible to the whole tenant.
            uploader.is_some_and(|uploader| uploader != own)
        });
        self.has_role() && self.tenants.contains(&job.tenant) && !is_of_other_uploader
    }

    /// # Errors
    /// If the sign-in has expired, or the principal has no role or no tenant.
    pub fn check(&self, now: Timestamp) -> Result<(), ApiError> {
        if self.expires_at <= now {
            return Err(ApiError::Forbidden(
                "your sign-in has expired; sign in again".to_owned(),
            ));
        }
        if !self.has_role() || (self.tenants.is_empty() && !self.is_support()) {
            return Err(ApiError::Forbidden(format!(
                "{} has no role or no tenant; ask the operators of this service for one of the groups customer, reviewer or support, and for a group tenant:<name>",
                self.actor
            )));
        }
        Ok(())
    }

    /// # Errors
    /// [`ApiError::Forbidden`] unless the principal is support.
    pub fn must_be_support(&self) -> Result<(), ApiError> {
        if self.is_support() {
            return Ok(());
        }
        Err(ApiError::Forbidden("only support may do this".to_owned()))
    }

    /// The tenant of a request: the named one if the principal has access to it, or else the principal's only tenant.
    ///
    /// # Errors
    /// If the principal has no access to the named tenant, or names none and has several.
    pub fn tenant(&self, named: Option<&str>) -> Result<Tenant, ApiError> {
        match named {
            Some(name) => {
                let tenant: Tenant = name.parse().map_err(|_| {
                    ApiError::BadRequest(format!(
                        "{name:?} is not a tenant name: 1 to 40 characters of a-z, 0-9 and '-'"
                    ))
                })?;
                if self.is_support() || self.tenants.contains(&tenant) {
                    Ok(tenant)
                } else {
                    Err(ApiError::Forbidden(format!(
                        "{} has no access to tenant {tenant}",
                        self.actor
                    )))
                }
            }
            None => {
                let mut all = self.tenants.iter();
                match (all.next(), all.next()) {
                    (Some(only), None) => Ok(only.clone()),
                    (None | Some(_), _) => Err(ApiError::BadRequest(
                        "you have access to several tenants; name one: tenant=<name>".to_owned(),
                    )),
                }
            }
        }
    }

    fn has_role(&self) -> bool {
        !self.roles.is_empty()
    }
}
