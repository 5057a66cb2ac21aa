//! Who may do what: the one table from which the authorization of every route follows.
//!
//! A role gives permissions, and each role has a scope: which jobs and tenants they are for. A caller with several roles may do
//! what any one of them may do within its own scope.

use super::Role;
use super::Role::{Auditor, Customer, Operator, Reviewer, Support};

const EVERYONE: &[Role] = &Role::ALL;
const READERS: &[Role] = &[Customer, Reviewer, Support];

macro_rules! permissions {
    ($($permission:ident: $roles:expr, $name:literal, $description:literal;)*) => {
        /// What a request needs. The order is that of the documentation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[cfg_attr(feature = "schema", schemars(rename_all = "kebab-case"))]
        pub enum Permission {
            $(#[doc = $description] $permission,)*
        }

        impl Permission {
            pub const ALL: &[Self] = &[$(Self::$permission,)*];

            /// The roles that have it.
            pub const fn roles(self) -> &'static [Role] {
                match self {
                    $(Self::$permission => $roles,)*
                }
            }

            /// The name in `GET /me`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$permission => $name,)*
                }
            }

            /// What it allows, after "may".
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$permission => $description,)*
                }
            }
        }
    };
}

permissions! {
    SeeJobs: EVERYONE, "see-jobs",
        "see jobs with their attempts and explanations, and get pushes about them";
    ReadContents: READERS, "read-contents",
        "read contents: the document, the result, its findings, the model's words, and what was written about the document, such as its name and labels";
    UploadDocuments: READERS, "upload-documents",
        "upload documents";
    CommandJobs: &[Customer, Reviewer, Support, Operator], "command-jobs",
        "retry and cancel jobs";
    MarkJobs: READERS, "mark-jobs",
        "say that a contract was opened, what was counted in it, and which upload corrects it";
    JudgeContracts: &[Reviewer, Support], "judge-contracts",
        "mark contracts as reviewed, assign them and write notes";
    ReceiveDigests: READERS, "receive-digests",
        "get e-mail digests";
    ReadReceipts: &[Customer, Reviewer, Support, Auditor], "read-receipts",
        "get receipts of results";
    ReadEvents: &[Reviewer, Support, Operator, Auditor], "read-events",
        "read the events of a whole tenant";
    ReadUsage: &[Reviewer, Support, Operator, Auditor], "read-usage",
        "read the usage of a whole tenant";
    ReadWebhooks: &[Reviewer, Support, Operator, Auditor], "read-webhooks",
        "read the webhooks of a tenant";
    ResendEvents: &[Reviewer, Support, Operator], "resend-events",
        "send test events and send events to a webhook again";
    ChangeWebhooks: &[Reviewer, Support], "change-webhooks",
        "create, change and delete webhooks, and read what was delivered";
    DeleteData: READERS, "delete-data",
        "delete the data of jobs: customers and reviewers only of pipelines with `customers_may_delete`, customers only of their own uploads";
    PrioritizeJobs: &[Support, Operator], "prioritize-jobs",
        "run a ready job again, make a queued job urgent, and force a retry";
    ManagePauses: &[Support, Operator], "manage-pauses",
        "pause pipelines and tenants";
    ReadPlans: &[Support, Operator, Auditor], "read-plans",
        "read retry plans";
    ManagePlans: &[Support, Operator], "manage-plans",
        "create, apply and stop retry plans";
    ManageQuarantine: &[Support, Operator], "manage-quarantine",
        "list, redrive and discard messages in quarantine";
    ReadMessages: &[Support], "read-messages",
        "read what a message in quarantine says";
    ReadAudit: &[Support, Operator, Auditor], "read-audit",
        "read the audit log, and who paused something and why";
    ReadTenants: &[Support, Operator, Auditor], "read-tenants",
        "list the tenants";
    CreateTenants: &[Support, Operator], "create-tenants",
        "create tenants";
    ChangeTenants: &[Support], "change-tenants",
        "change the settings of a tenant";
}

impl Permission {
    pub fn is_of(self, role: Role) -> bool {
        self.roles().contains(&role)
    }
}

/// Which jobs and tenants a role is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The caller's own uploads, and jobs without a known uploader, in the caller's tenants.
    OwnUploads,
    /// The caller's tenants.
    OwnTenants,
    /// The caller's tenants, or all tenants for a caller with the group `tenant:*`.
    OwnOrAllTenants,
    AllTenants,
}

impl Role {
    pub const fn scope(self) -> Scope {
        match self {
            Self::Customer => Scope::OwnUploads,
            Self::Reviewer => Scope::OwnTenants,
            Self::Auditor => Scope::OwnOrAllTenants,
            Self::Support | Self::Operator => Scope::AllTenants,
        }
    }
}
