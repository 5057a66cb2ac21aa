//! The commands about jobs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::PagingArgs;
use super::values::{label, time};
use crate::job_ids::job_id;
use crate::marks::MarkArgs;
use crate::results::ResultArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List jobs, newest first
    List(JobListArgs),
    /// Find jobs by a part of their name, uploader, reference, batch or tags, or by any id
    ///
    /// Looks at all jobs that you may see, whatever their tenant and state. Case, accents and dashes are ignored; every word must
    /// occur. Ids: of a job or its first 8 characters, of an inference, a trace, a version, an output or a quarantined message, an
    /// S3 key or address.
    Find {
        /// At least 3 letters or digits, or an id
        text: String,
        /// Only jobs of this tenant
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Show the progress of a batch; with --retry, try its failures again
    Batch(BatchArgs),
    /// Show everything about a job
    Show {
        /// Id of the job, or its first 8 characters
        #[arg(value_parser = job_id)]
        id: String,
    },
    /// Explain a job's state, what happens next and what helps
    Explain {
        /// Id of the job, or its first 8 characters
        #[arg(value_parser = job_id)]
        id: String,
    },
    /// Download results: of jobs, of all ready ones, or of a batch
    ///
    /// With --json, prints the service's answer, which holds a download URL that is valid for some minutes. The result
    /// itself is then saved only if --output names a file.
    Result(ResultArgs),
    /// Save a signed receipt of a job's result
    ///
    /// It says which document, which model and when, with the hashes of both files. `docket verify` checks it.
    Receipt {
        /// Id of the job, or its first 8 characters
        #[arg(value_parser = job_id)]
        id: String,
        /// The result of this attempt, if the job was run again [default: the job's]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=20))]
        attempt: Option<u8>,
        /// File to save it to, `-` for standard output [default: the job's id with .receipt]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Overwrite an existing file
        #[arg(long)]
        force: bool,
    },
    /// Mark contracts as reviewed, assign or note them
    Mark(MarkArgs),
    /// Download a job's document, in the version that the job processes
    ///
    /// With --json, prints the service's answer, which holds a download URL that is valid for some minutes. The document
    /// itself is then saved only if --output names a file.
    Document {
        /// Id of the job, or its first 8 characters
        #[arg(value_parser = job_id)]
        id: String,
        /// File to save it to, `-` for standard output [default: the document's name, in the current directory]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Overwrite an existing file
        #[arg(long)]
        force: bool,
    },
    /// Retry failed jobs
    Retry {
        #[command(flatten)]
        args: JobCommandArgs,
        /// Retry even if the same input failed in the same way several times (support, operators)
        #[arg(long)]
        force: bool,
    },
    /// Run ready jobs again with the model that their endpoint serves now; their results stay (support, operators)
    RunAgain {
        #[command(flatten)]
        args: JobCommandArgs,
    },
    /// Let queued jobs start before all others of their pipeline (support, operators)
    Urgent {
        #[command(flatten)]
        args: JobCommandArgs,
    },
    /// Cancel open jobs
    Cancel {
        #[command(flatten)]
        args: JobCommandArgs,
    },
    /// Delete a job's document and result permanently
    ///
    /// Support may always do it; customers their own uploads and reviewers those of their tenant, if the pipeline has
    /// `customers_may_delete`.
    DeleteData {
        /// Id of the job, or its first 8 characters
        #[arg(value_parser = job_id)]
        id: String,
        /// Reason, for the audit log
        #[arg(long, short)]
        reason: String,
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct JobCommandArgs {
    /// Ids of the jobs, or their first 8 characters
    #[arg(required = true, value_name = "ID", value_parser = job_id)]
    pub(crate) ids: Vec<String>,
    /// Reason, for the job's history and the audit log
    #[arg(long, short)]
    pub(crate) reason: String,
    /// Do nothing if the job is no longer at this version; only with one job
    #[arg(long, value_name = "VERSION")]
    pub(crate) expected_version: Option<u64>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct BatchArgs {
    /// The batch, as it was named at the upload
    pub(crate) name: String,
    /// The tenant of the batch; required if you see all tenants
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// Retry the failed jobs of the batch, for this reason
    #[arg(long, value_name = "REASON")]
    pub(crate) retry: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct JobListArgs {
    /// Only jobs of this tenant
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// Only jobs with this status
    #[arg(long, value_parser = ["open", "failed", "ready", "cancelled", "erased"])]
    pub(crate) status: Option<String>,
    /// Only jobs of this pipeline
    #[arg(long)]
    pub(crate) pipeline: Option<String>,
    /// Only jobs that failed with this cause, such as ModelError
    #[arg(long)]
    pub(crate) cause: Option<String>,
    /// Only jobs since this time: 30m, 2h, 7d, 2026-11-23 or 2026-11-23T10:30 (UTC)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<u64>,
    /// Only jobs with this reference; those who see all tenants must name one
    #[arg(long, value_parser = label)]
    pub(crate) reference: Option<String>,
    /// Only jobs of this batch; those who see all tenants must name one
    #[arg(long, value_parser = label)]
    pub(crate) batch: Option<String>,
    /// Only files whose name starts with this, in upper or lower case
    #[arg(long, value_name = "PREFIX")]
    pub(crate) name: Option<String>,
    /// Only documents that this person uploaded
    #[arg(long, value_name = "PERSON")]
    pub(crate) uploaded_by: Option<String>,
    /// Only contracts that are assigned to this person; empty: unassigned ones
    #[arg(long, value_name = "PERSON")]
    pub(crate) assigned_to: Option<String>,
    /// Only contracts whose result is reviewed, or is not
    #[arg(long, value_name = "true|false")]
    pub(crate) reviewed: Option<bool>,
    /// Only contracts in whose result the model found something serious, anything, or nothing
    #[arg(long, value_parser = ["serious", "any", "none"])]
    pub(crate) found: Option<String>,
    #[command(flatten)]
    pub(crate) paging: PagingArgs,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct OpenArgs {
    /// Id of the job, or its first 8 characters
    #[arg(value_parser = job_id)]
    pub(crate) id: String,
    /// Print the address of the page, and open nothing
    #[arg(long)]
    pub(crate) print: bool,
    /// Address of the page, without a path [default: the one that the service names]
    #[arg(long, env = "DOCKET_PAGE", value_name = "URL", hide_env_values = true)]
    pub(crate) page: Option<String>,
}
