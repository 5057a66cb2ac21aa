//! The commands of support: tenants, retry plans, pauses, quarantine, the audit log.

use clap::{Args, Subcommand};
use jobs::lane::Lane;

use super::PagingArgs;
use super::values::{duration, label, lane, time};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,
    #[command(flatten)]
    pub(crate) paging: PagingArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the whole log, one JSON object a line, newest first; the export itself is an entry of the log
    ///
    /// If it is interrupted, it prints the cursor with which it goes on.
    Export(AuditExportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AuditExportArgs {
    /// Only entries since this time: 30m, 2h, 7d, 2026-11-23 or 2026-11-23T10:30 (UTC) [default: all that are kept]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<u64>,
    /// Only entries before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<u64>,
    /// Go on after an interrupted export, which printed this cursor; with the same times, as milliseconds
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TenantsCommand {
    /// List the known tenants
    List,
    /// Create a tenant, so that documents can be uploaded to it
    Create {
        /// 1 to 40 characters of a-z, 0-9 and '-'
        name: String,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
    },
    /// Set after how many days from their end the data of a tenant's jobs is deleted, also of jobs that have ended (support only)
    ///
    /// It can only be shorter than the pipelines keep data. It begins at the first midnight UTC that is at least a day away; until
    /// then it can be taken back.
    Retention {
        /// The name of a known tenant
        name: String,
        /// Days after a job's end
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..), required_unless_present = "as_pipelines")]
        days: Option<u16>,
        /// Let only the pipelines say how long data is kept
        #[arg(long, conflicts_with = "days")]
        as_pipelines: bool,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RetryPlanCommand {
    /// Select failed jobs, ready ones with --run-again, or open ones with --cancel, and show what that would mean; changes nothing
    Create(Box<CreatePlanArgs>),
    /// List the newest plans
    List,
    /// Show a plan and the outcome of its jobs
    Show {
        /// Id of the plan
        id: String,
    },
    /// Stop a plan: no more of its jobs are started or cancelled
    Stop {
        /// Id of the plan
        id: String,
    },
    /// Start the jobs of a plan, or cancel them, at the plan's rate
    Apply {
        /// Id of the plan
        id: String,
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CreatePlanArgs {
    /// Only jobs of this tenant
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// Only jobs of this pipeline
    #[arg(long)]
    pub(crate) pipeline: Option<String>,
    /// Only jobs that failed with this cause, such as ModelError
    #[arg(long)]
    pub(crate) cause: Option<String>,
    /// Cancel open jobs, in place of retrying failed ones; name a tenant, a pipeline or a time
    #[arg(long, conflicts_with_all = ["cause", "force", "run_again"])]
    pub(crate) cancel: bool,
    /// Run ready jobs again, with the model that their endpoint serves then, in place of retrying failed ones
    #[arg(long, requires = "tenant", conflicts_with_all = ["cause", "force"])]
    pub(crate) run_again: bool,
    /// Only jobs whose result is by this endpoint configuration, or by this model as `docket jobs show` names it
    #[arg(long, requires = "run_again")]
    pub(crate) model: Option<String>,
    /// Only jobs of this batch
    #[arg(long, requires = "tenant", value_parser = label)]
    pub(crate) batch: Option<String>,
    /// Only jobs of this reference
    #[arg(long, requires = "tenant", value_parser = label)]
    pub(crate) reference: Option<String>,
    /// Only jobs with this tag
    #[arg(long, value_name = "NAME=VALUE", requires = "tenant")]
    pub(crate) tag: Option<String>,
    /// Only jobs in this lane: standard or bulk
    #[arg(long, value_parser = lane)]
    pub(crate) lane: Option<Lane>,
    /// Only jobs that failed at or after this time: 30m, 2h, 7d, 2026-11-23 or 2026-11-23T10:30 (UTC)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<u64>,
    /// Only jobs that failed before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<u64>,
    /// Number of jobs to start, or to cancel, per minute
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=600))]
    pub(crate) per_minute: Option<u16>,
    /// Include jobs that failed in the same way several times
    #[arg(long)]
    pub(crate) force: bool,
    /// Reason, for each job's history and the audit log
    #[arg(long, short)]
    pub(crate) reason: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PauseArgs {
    /// Pipeline to pause
    #[arg(long, short)]
    pub(crate) pipeline: Option<String>,
    /// Tenant to pause
    #[arg(long, short)]
    pub(crate) tenant: Option<String>,
    /// How long, at most seven days: 30m, 2h or 7d
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) duration: u64,
    /// Reason, for support and the audit log
    #[arg(long, short)]
    pub(crate) reason: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ResumeArgs {
    /// Pipeline of the pause
    #[arg(long, short)]
    pub(crate) pipeline: Option<String>,
    /// Tenant of the pause
    #[arg(long, short)]
    pub(crate) tenant: Option<String>,
    /// Reason, for the audit log
    #[arg(long, short)]
    pub(crate) reason: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List quarantined messages
    List(PagingArgs),
    /// Show a message and its problem
    Show {
        /// Id of the message
        id: String,
    },
    /// Process a message again, after its problem is fixed
    Redrive {
        /// Id of the message
        id: String,
        /// Reason, for the audit log
        #[arg(long, short)]
        reason: String,
    },
    /// Delete a message
    Discard {
        /// Id of the message
        id: String,
        /// Reason, for the audit log
        #[arg(long, short)]
        reason: String,
    },
}
