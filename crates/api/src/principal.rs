//! The caller of a request, and what it may see and do.

use std::collections::BTreeSet;

use super::ApiError;
use crate::ClientProgram;
use crate::permission::{Permission, Scope};
use jobs::id::{Tenant, Timestamp};
use jobs::job::Job;
use jobs::view::JobView;

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
    /// Sees and repairs the jobs of all tenants, without contents.
    Operator,
    /// Reads the audit log, the histories of jobs, receipts, usage and settings of its tenants, or of all with the group
    /// `tenant:*`. Changes nothing, and sees no contents.
    Auditor,
}

impl Role {
    pub const ALL: [Self; 5] = [
        Self::Customer,
        Self::Reviewer,
        Self::Support,
        Self::Operator,
        Self::Auditor,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Reviewer => "reviewer",
            Self::Support => "support",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }
}

const TENANT_GROUP_PREFIX: &str = "tenant:";
const ALL_TENANTS_GROUP: &str = "tenant:*";

/// A caller who has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The name in job histories and in the audit log.
    pub actor: String,
    pub roles: BTreeSet<Role>,
    /// The tenants that the caller belongs to.
    pub tenants: BTreeSet<Tenant>,
    /// The caller has the group `tenant:*`, which counts only for auditors.
    pub audits_all_tenants: bool,
    /// For the audit log.
    pub program: ClientProgram,
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
            audits_all_tenants: false,
            program: ClientProgram::Unknown,
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
            principal.audits_all_tenants |= group == ALL_TENANTS_GROUP;
        }
        principal
    }

    /// Whether a role of the principal has the permission, for some job or tenant.
    pub fn has(&self, permission: Permission) -> bool {
        self.roles.iter().any(|role| permission.is_of(*role))
    }

    /// Whether the principal has the permission for this job.
    pub fn may(&self, permission: Permission, job: &Job) -> bool {
        let has_role = |role: &Role| permission.is_of(*role) && self.role_covers_job(*role, job);
        self.roles.iter().any(has_role)
    }

    /// Whether the principal has the permission for all tenants.
    pub fn has_for_all_tenants(&self, permission: Permission) -> bool {
        let covers_all = |role: &Role| match role.scope() {
            Scope::AllTenants => true,
            Scope::OwnOrAllTenants => self.audits_all_tenants,
            Scope::OwnTenants | Scope::OwnUploads => false,
        };
        let mut roles = self.roles.iter().filter(|role| permission.is_of(**role));
        roles.any(covers_all)
    }

    /// Whether the principal has the permission for this tenant, if perhaps only for its own uploads there.
    pub fn has_for_tenant(&self, permission: Permission, tenant: &Tenant) -> bool {
        self.has_for_all_tenants(permission)
            || (self.has(permission) && self.tenants.contains(tenant))
    }

    /// Whether the principal has the permission for all jobs of this tenant.
    pub fn has_for_whole_tenant(&self, permission: Permission, tenant: &Tenant) -> bool {
        let is_of_tenant = |role: &Role| role.scope() != Scope::OwnUploads;
        let has_role = |role: &Role| permission.is_of(*role) && is_of_tenant(role);
        self.has_for_all_tenants(permission)
            || (self.tenants.contains(tenant) && self.roles.iter().any(has_role))
    }

    fn role_covers_job(&self, role: Role, job: &Job) -> bool {
        let is_of_own_tenant = self.tenants.contains(&job.tenant);
        match role.scope() {
            Scope::AllTenants => true,
            Scope::OwnOrAllTenants => self.audits_all_tenants || is_of_own_tenant,
            Scope::OwnTenants => is_of_own_tenant,
            // A job without a known uploader is visible to the whole tenant.
            Scope::OwnUploads => {
                let uploader = job.input.uploaded_by.as_deref();
                is_of_own_tenant && uploader.is_none_or(|uploader| uploader == self.actor)
            }
        }
    }

    pub fn is_support(&self) -> bool {
        self.roles.contains(&Role::Support)
    }

    /// `Some(actor)` for customers, who see only their own uploads; `None` for roles that see the whole tenant.
    pub fn only_uploads_of(&self) -> Option<&str> {
        let sees_all = |role: &Role| role.scope() != Scope::OwnUploads;
        (!self.roles.iter().any(sees_all)).then_some(self.actor.as_str())
    }

    /// Whether the principal may see a job.
    pub fn sees(&self, job: &Job) -> bool {
        self.may(Permission::SeeJobs, job)
    }

    /// Whether the principal may read the contents of a job.
    pub fn reads(&self, job: &Job) -> bool {
        self.may(Permission::ReadContents, job)
    }

    /// The view of a job that the principal sees.
    pub fn view(&self, job: &Job) -> JobView {
        JobView::for_reader(job, self.reads(job))
    }

    /// # Errors
    /// If the sign-in has expired, or the principal has no role or no tenant.
    pub fn check(&self, now: Timestamp) -> Result<(), ApiError> {
        if self.expires_at <= now {
            return Err(ApiError::Forbidden(
                "your sign-in has expired; sign in again".to_owned(),
            ));
        }
        let has_tenant = !self.tenants.is_empty() || self.has_for_all_tenants(Permission::SeeJobs);
        if self.roles.is_empty() || !has_tenant {
            let roles = Role::ALL.map(Role::name).join(", ");
            return Err(ApiError::Forbidden(format!(
                "{} has no role or no tenant; ask the administrators of this service for one of the groups {roles}, and for a group tenant:<name>",
                self.actor
            )));
        }
        Ok(())
    }

    /// # Errors
    /// [`ApiError::Forbidden`] unless a role of the principal has the permission. For which jobs and tenants is checked apart.
    pub fn must(&self, permission: Permission) -> Result<(), ApiError> {
        if self.has(permission) {
            return Ok(());
        }
        Err(self.refusal(permission))
    }

    /// # Errors
    /// [`ApiError::Forbidden`] unless the principal has the permission for this job.
    pub fn must_for(&self, permission: Permission, job: &Job) -> Result<(), ApiError> {
        if self.may(permission, job) {
            return Ok(());
        }
        Err(self.refusal(permission))
    }

    /// # Errors
    /// [`ApiError::Forbidden`] unless the principal has the permission for all jobs of the tenant, or of all tenants if none is named.
    pub fn must_for_whole(
        &self,
        permission: Permission,
        tenant: Option<&Tenant>,
    ) -> Result<(), ApiError> {
        let has = match tenant {
            Some(tenant) => self.has_for_whole_tenant(permission, tenant),
            None => self.has_for_all_tenants(permission),
        };
        if has {
            return Ok(());
        }
        Err(self.refusal(permission))
    }

    fn refusal(&self, permission: Permission) -> ApiError {
        let names = |roles: &mut dyn Iterator<Item = &Role>| {
            let names: Vec<&str> = roles.map(|role| role.name()).collect();
            names.join(", ")
        };
        ApiError::Forbidden(format!(
            "only {} may {}; your roles: {}",
            names(&mut permission.roles().iter()),
            permission.description(),
            names(&mut self.roles.iter()),
        ))
    }

    /// The tenant of a request: the named one if the principal has the permission there, or else the principal's only tenant.
    ///
    /// # Errors
    /// If the principal has no access to the named tenant, or names none and has several.
    pub fn tenant(&self, permission: Permission, named: Option<&str>) -> Result<Tenant, ApiError> {
        match named {
            Some(name) => {
                let tenant: Tenant = name.parse().map_err(|_| {
                    ApiError::BadRequest(format!(
                        "{name:?} is not a tenant name: 1 to 40 characters of a-z, 0-9 and '-'"
                    ))
                })?;
                if self.has_for_tenant(permission, &tenant) {
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
}
