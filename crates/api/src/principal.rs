//! Who asks, and what that person may see and do.

use std::collections::BTreeSet;

use super::ApiError;
use jobs::id::{Tenant, Timestamp};
use jobs::job::Job;

/// What somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Uploads, and sees what came of it.
    Customer,
    /// Waits for a tenant's contracts, and reads them.
    Reviewer,
    /// Finds and repairs, for all tenants.
    Support,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Customer, Self::Reviewer, Self::Support];

    /// Its name, which is that of its group of users.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Reviewer => "reviewer",
            Self::Support => "support",
        }
    }
}

/// How the group of a tenant's users begins.
const TENANT_GROUP: &str = "tenant:";

/// Somebody who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name that histories and the audit log know.
    pub actor: String,
    /// What the person is.
    pub roles: BTreeSet<Role>,
    /// Whose jobs the person works with.
    pub tenants: BTreeSet<Tenant>,
    /// When the sign-in ends.
    pub expires_at: Timestamp,
}

impl Principal {
    /// A person of these groups. Groups that mean nothing here are passed over.
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
            let tenant = group.strip_prefix(TENANT_GROUP);
            principal
                .tenants
                .extend(tenant.and_then(|name| name.parse::<Tenant>().ok()));
        }
        principal
    }

    /// Whether the person is support.
    pub fn is_support(&self) -> bool {
        self.roles.contains(&Role::Support)
    }

    /// Whose uploads alone the person sees: a customer's own. None: those of everyone in the tenant.
    pub fn only_uploads_of(&self) -> Option<&str> {
        let sees_all = self.is_support() || self.roles.contains(&Role::Reviewer);
        (!sees_all).then_some(self.actor.as_str())
    }

    /// Whether the person may see a job, and so fetch its result and have it retried or canceled.
    pub fn sees(&self, job: &Job) -> bool {
        if self.is_support() {
            return true;
        }
        let uploader = job.input.uploaded_by.as_deref();
        let of_others = self.only_uploads_of().is_some_and(|own| {
            // What nobody is known to have uploaded is the whole tenant's.
            uploader.is_some_and(|uploader| uploader != own)
        });
        self.has_role() && self.tenants.contains(&job.tenant) && !of_others
    }

    /// Somebody without a role may do nothing at all.
    ///
    /// # Errors
    /// Says whom to ask.
    pub fn check(&self, now: Timestamp) -> Result<(), ApiError> {
        if self.expires_at <= now {
            return Err(ApiError::Forbidden(
                "the sign-in has expired; sign in again".to_owned(),
            ));
        }
        if !self.has_role() || (self.tenants.is_empty() && !self.is_support()) {
            return Err(ApiError::Forbidden(format!(
                "{} has no role or no tenant here; ask whoever runs this service for the group customer, reviewer or support, and for tenant:<name>",
                self.actor
            )));
        }
        Ok(())
    }

    /// Only support may go on.
    ///
    /// # Errors
    /// For everyone else.
    pub fn must_be_support(&self) -> Result<(), ApiError> {
        if self.is_support() {
            return Ok(());
        }
        Err(ApiError::Forbidden("only support may do this".to_owned()))
    }

    /// The tenant that a request is about: the one it names, if the person works with it, or else the only one.
    ///
    /// # Errors
    /// If it is somebody else's, or there is a choice.
    pub fn tenant(&self, named: Option<&str>) -> Result<Tenant, ApiError> {
        match named {
            Some(name) => {
                let tenant: Tenant = name.parse().map_err(|_| {
                    ApiError::BadRequest(format!(
                        "{name:?} is no tenant: 1 to 40 of a-z, 0-9 and '-'"
                    ))
                })?;
                if self.is_support() || self.tenants.contains(&tenant) {
                    Ok(tenant)
                } else {
                    Err(ApiError::Forbidden(format!(
                        "{} does not work with tenant {tenant}",
                        self.actor
                    )))
                }
            }
            None => {
                let mut all = self.tenants.iter();
                match (all.next(), all.next()) {
                    (Some(only), None) => Ok(only.clone()),
                    (None | Some(_), _) => Err(ApiError::BadRequest(
                        "name the tenant, since there are several: tenant=<name>".to_owned(),
                    )),
                }
            }
        }
    }

    fn has_role(&self) -> bool {
        !self.roles.is_empty()
    }
}
