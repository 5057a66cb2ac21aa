//! The commands and options that the program accepts.

use std::path::PathBuf;
use std::process::ExitCode;

use api::digests::DigestScope;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use jobs::labels;
use jobs::lane::{Lane, UnknownLane};

use crate::config;
use crate::job_ids::job_id;
use crate::marks::MarkArgs;
use crate::model_check::ModelCommand;
use crate::plan::PlanArgs;
use crate::print;
use crate::result_check::ResultCommand;
use crate::results::ResultArgs;
use crate::usage::UsageArgs;

const HELP_FOOTER: &str = "\
Exit codes:
  0    success
  1    refused, the job failed, or a check failed
  2    the command line is wrong
  3    not signed in, or not allowed
  4    not found
  5    the service cannot be reached, or cannot answer now
  6    the same content was uploaded before
  7    files were skipped (--skip-bad); all else succeeded
  130  interrupted

Environment:
  DOCKET_API       address of the service, like --api
  DOCKET_PAGE      address of the page, like --page of `docket open`
  DOCKET_EMAIL     e-mail address for `docket login`, like --email
  DOCKET_PASSWORD  password for `docket login`
  DOCKET_CODE      code of the authenticator app, or from the e-mail of `docket password forgot`
  DOCKET_CLIENT_ID, DOCKET_CLIENT_SECRET
                   sign-in of a program, such as a CI job; `docket login` is then not needed
  DOCKET_KEYRING   `off` keeps the tokens in a file instead of the keyring
  NO_COLOR         turn colors off
  SSL_CERT_FILE    certificates to trust instead of the system's";

/// Upload documents, follow their jobs, fetch results and repair failures
#[derive(Debug, Parser)]
#[command(name = "docket", version, after_help = HELP_FOOTER)]
pub(crate) struct Cli {
    /// Address of the service [default: that of the last login]
    #[arg(
        long,
        global = true,
        env = "DOCKET_API",
        value_name = "URL",
        hide_env_values = true,
        help_heading = GLOBAL
    )]
    pub(crate) api: Option<String>,
    /// Print JSON in the API's types, and errors as JSON on standard error
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
    /// Show exact times in UTC instead of "3 min ago"
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) utc: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The heading of the options that every command takes.
const GLOBAL: &str = "Global options";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign in and store the sign-in on this machine
    ///
    /// If your company signs you in, the browser opens; with --email it asks for a password instead. Programs need no
    /// sign-in: set DOCKET_CLIENT_ID and DOCKET_CLIENT_SECRET, and every command gets its own token, which is not stored.
    Login(LoginArgs),
    /// Sign out and delete the stored sign-in
    Logout(LogoutArgs),
    /// Show who is signed in and what they may do
    Whoami,
    /// Change your password, or replace one that you forgot
    #[command(subcommand)]
    Password(PasswordCommand),
    /// Sign in with a code of an authenticator app besides the password
    #[command(subcommand)]
    Authenticator(AuthenticatorCommand),
    /// Upload documents; with --wait, also save their results
    ///
    /// Large files are uploaded in parts. To resume an interrupted upload, run the same command again. With --json, each
    /// file prints one line: its upload, or with --wait its job.
    Upload(UploadArgs),
    /// Find, explain, retry and cancel jobs
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Open the page of a job in the browser
    Open(OpenArgs),
    /// Retry many failed jobs, run many ready ones again, or cancel many open ones, at a limited rate
    #[command(subcommand)]
    RetryPlan(RetryPlanCommand),
    /// Show what is paused, and until when
    Pauses,
    /// Pause a pipeline, a tenant or both: their jobs wait, and can be cancelled before anything runs (support, operators)
    ///
    /// What the endpoint already has continues. The pause ends by itself.
    Pause(PauseArgs),
    /// End a pause before its time (support, operators)
    Resume(ResumeArgs),
    /// Inspect, redrive or discard messages that could not be processed
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// List and create tenants
    #[command(subcommand)]
    Tenants(TenantsCommand),
    /// Show who did what, and why
    Audit(AuditArgs),
    /// Print everything that is stored about you, one JSON object a line: your uploads, what names you, your settings, your part
    /// of the audit log
    MyData,
    /// Count open, stalled and failed jobs
    Summary {
        /// Count only this tenant's jobs
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Say what tenants have used in a month: documents, bytes, the time of runs, and the cost
    ///
    /// Needs the permission read-usage (docs/api.md). For those who see all tenants, without --tenant, also the instances with their starts and idle time.
    Usage(UsageArgs),
    /// List a tenant's events in the order in which they were recorded
    ///
    /// Needs the permission read-events (docs/api.md). With --verify the hashes of the events are computed: they fit only if none is
    /// missing or changed.
    Events(EventsArgs),
    /// Send a tenant's events to a program
    #[command(subcommand)]
    Webhooks(WebhooksCommand),
    /// Get an e-mail when your documents are ready or have failed
    #[command(subcommand)]
    Digests(DigestsCommand),
    /// Show job changes as they happen
    ///
    /// With --json, a line about a job as it was found when the connection opened, or when a change was missed, has
    /// `"snapshot": true`.
    Watch {
        /// Tenant to watch; required if you have several [default for those who see all tenants: all]
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Check the configuration, the connection and the sign-in
    ///
    /// Each check prints ok, warn or fail, and how to fix it. The last check creates an upload and deletes it again.
    Doctor {
        /// Tenant to test an upload for [default: your first one; required if you see all tenants]
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Check a model container before it goes behind an endpoint
    #[command(subcommand)]
    Model(ModelCommand),
    /// Check the results that a model writes
    #[command(subcommand)]
    Result(ResultCommand),
    /// Print the public keys that receipts are signed with
    ReceiptKeys,
    /// Check a receipt, and the files that it is about
    ///
    /// It needs neither the service nor a sign-in.
    Verify(VerifyArgs),
    /// Say what an endpoint costs, how long documents wait, and the cheapest settings that keep the SLO
    ///
    /// With --since it plans for past documents, read through the API; otherwise it needs neither a sign-in nor the service.
    Plan(Box<PlanArgs>),
    /// Print a script for the shell that completes commands, options, pipelines and tenants
    ///
    /// For bash: `source <(docket completions bash)` in ~/.bashrc. The names of pipelines and tenants come from the service.
    Completions { shell: Shell },
    /// Print the licence notices of the libraries in this program
    Notices,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The receipt, as `docket jobs receipt` saved it
    pub(crate) receipt: PathBuf,
    /// The public keys, as `docket receipt-keys` printed them
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: PathBuf,
    /// The document that was uploaded
    #[arg(long, value_name = "FILE")]
    pub(crate) document: Option<PathBuf>,
    /// The result, as it was downloaded
    #[arg(long, value_name = "FILE")]
    pub(crate) result: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct UserArgs {
    /// E-mail address of the user [default: ask]
    #[arg(long, short, env = "DOCKET_EMAIL", hide_env_values = true)]
    pub(crate) email: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub(crate) user: UserArgs,
    /// Sign in by your company, in the browser [default on a terminal, without --email]
    #[expect(
        clippy::option_option,
        reason = "clap: the option, with or without a value"
    )]
    #[arg(long, value_name = "PROVIDER", num_args = 0..=1)]
    pub(crate) company: Option<Option<String>>,
    /// Sign in by your company in a browser on any machine, and paste the code that it shows [default over SSH]
    #[arg(long)]
    pub(crate) paste: bool,
    /// How long to wait for the sign-in in the browser
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LogoutArgs {
    /// End the sign-ins on all devices, with a password or by a company
    ///
    /// Tokens that were issued work until they expire, within an hour. A browser that your company has signed in may be signed in
    /// again without a question until its session at the sign-in page is over, an hour after the last sign-in there.
    #[arg(long)]
    pub(crate) everywhere: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PasswordCommand {
    /// Replace the password, which must be known
    Change(UserArgs),
    /// Have a code sent to your e-mail address, and set a new password with it
    Forgot(UserArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthenticatorCommand {
    /// Show a key for the app; sign-in asks for its code from then on
    On(UserArgs),
    /// Sign in with the password alone again
    Off(UserArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct UploadArgs {
    /// Files to upload, and folders of which all files are uploaded, without hidden ones
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Upload the other files if some cannot be uploaded; each of these is named, and the exit code is 7
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// Pipeline that processes the files; required if there are several
    #[arg(long, short)]
    pub(crate) pipeline: Option<String>,
    /// Tenant that owns the files; required if you have several
    #[arg(long, short)]
    pub(crate) tenant: Option<String>,
    /// Media type of the files [default: detected from name and content]
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) content_type: Option<String>,
    #[command(flatten)]
    pub(crate) labels: LabelArgs,
    /// Process files although the same content was uploaded before
    #[arg(long)]
    pub(crate) run_anyway: bool,
    /// Wait for the results and save them
    #[arg(long, short)]
    pub(crate) wait: bool,
    /// Directory for the results [default: next to each file]
    #[arg(long, value_name = "DIR", requires = "wait")]
    pub(crate) save: Option<PathBuf>,
    /// Overwrite existing results
    #[arg(long, requires = "wait")]
    pub(crate) force: bool,
}

/// What is attached to the uploaded files.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct LabelArgs {
    /// Your own id of the document, 1 to 64 characters; `docket jobs find` finds its job by it
    #[arg(long, value_parser = label)]
    pub(crate) reference: Option<String>,
    /// Batch that the files belong to, 1 to 64 characters; `docket jobs list --batch` lists its jobs
    #[arg(long, value_parser = label)]
    pub(crate) batch: Option<String>,
    /// `bulk` for files that can wait: they give way to files of `standard`. Without it, the pipeline decides
    #[arg(long, value_name = "LANE", value_parser = lane)]
    pub(crate) lane: Option<Lane>,
    /// Tag, may be given eight times
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = tag)]
    pub(crate) tags: Vec<(String, String)>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct PagingArgs {
    /// Maximum number of entries; with --json, rounded up to whole pages
    #[arg(long, short = 'n', default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// Show all entries
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
    /// Continue from the `cursor` of an earlier answer
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

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
pub(crate) enum WebhooksCommand {
    /// List a tenant's webhooks
    List {
        /// Tenant; required if you see all tenants or have several
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Create a webhook, and print its secret once
    Create {
        /// Where events are posted to: https://…
        url: String,
        /// Only this event, job.ready or job.failed; repeat it for several [default: all]
        #[arg(long = "event", value_name = "TYPE")]
        events: Vec<String>,
        /// Also send the file's name and the model's words about a failure
        #[arg(long)]
        include_details: bool,
        /// Tenant; required if you see all tenants or have several
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Show a webhook
    Show { id: String },
    /// Change where a webhook posts to, and what
    Change {
        id: String,
        /// Where events are posted to: https://…
        #[arg(long)]
        url: Option<String>,
        /// Only this event; repeat it for several
        #[arg(long = "event", value_name = "TYPE")]
        events: Vec<String>,
        /// Whether to send the file's name and the model's words about a failure
        #[arg(long)]
        include_details: Option<bool>,
    },
    /// Continue where a webhook stopped, after it was paused or disabled
    Enable { id: String },
    /// Send nothing until it is enabled
    Pause { id: String },
    /// Make a new secret, and print it once; the old one is used too for 24 hours
    RotateSecret { id: String },
    /// Delete a webhook
    Delete { id: String },
    /// Send a test event
    Test { id: String },
    /// Send one event, or all since a time, again
    #[command(group = clap::ArgGroup::new("what").required(true))]
    Redeliver {
        id: String,
        /// The event's sequence, as `docket events` prints it
        #[arg(long, group = "what")]
        sequence: Option<u64>,
        /// All events since this time: 30m, 2h, 7d, 2026-11-23 or 2026-11-23T10:30 (UTC)
        #[arg(long, value_name = "TIME", value_parser = time, group = "what")]
        from: Option<u64>,
    },
    /// List the newest attempts
    Deliveries { id: String },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DigestsCommand {
    /// Show your settings
    Show {
        /// Tenant; required if you see all tenants or have several
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Get e-mail digests: one per batch when it is complete, else one per quarter of an hour
    ///
    /// They are sent to the verified address of your account. Options that are not given stay as they are; at first, mails
    /// are about your own documents, whether they are ready or have failed.
    On {
        /// Which documents: own, or tenant for all of the tenant (reviewers and support)
        #[arg(long, value_name = "own|tenant", value_parser = digest_scope)]
        scope: Option<DigestScope>,
        /// Whether to report documents that are ready
        #[arg(long)]
        ready: Option<bool>,
        /// Whether to report documents that failed
        #[arg(long)]
        failed: Option<bool>,
        /// Tenant; required if you see all tenants or have several
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Get no more e-mail digests
    Off {
        /// Tenant; required if you see all tenants or have several
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Set whether the mails of a tenant have the names of files and batches (support only)
    Names {
        tenant: String,
        /// true or false
        #[arg(action = clap::ArgAction::Set)]
        include: bool,
        /// Why, for the audit log
        #[arg(long)]
        reason: String,
    },
}

fn digest_scope(word: &str) -> Result<DigestScope, String> {
    DigestScope::from_name(word).ok_or_else(|| "own or tenant".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Only events after those of an earlier call, which printed this cursor
    #[arg(long, value_name = "CURSOR", conflicts_with = "from")]
    pub(crate) since: Option<String>,
    /// Only events since this time: 30m, 2h, 7d, 2026-11-23 or 2026-11-23T10:30 (UTC) [default: all that are kept]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<u64>,
    /// Stop after so many events; rounded up to whole pages of 100
    #[arg(long, short = 'n', default_value_t = u64::MAX, hide_default_value = true)]
    pub(crate) limit: u64,
    /// Compute the hashes, and fail if an event is missing or changed
    #[arg(long)]
    pub(crate) verify: bool,
    /// Print only events that are not in this file: lines with their ids, or JSON lines with `id` or `event_id`
    #[arg(long, value_name = "FILE")]
    pub(crate) received: Option<PathBuf>,
    /// Tenant; required if you see all tenants or have several
    #[arg(long)]
    pub(crate) tenant: Option<String>,
}

impl PagingArgs {
    pub(crate) fn max_items(&self) -> usize {
        if self.all {
            usize::MAX
        } else {
            usize::try_from(self.limit).unwrap_or(usize::MAX)
        }
    }
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
    /// Only contracts in which so much was found
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

fn lane(name: &str) -> Result<Lane, UnknownLane> {
    name.parse()
}

/// A reference or the name of a batch, as the service takes it.
fn label(text: &str) -> Result<String, String> {
    labels::check_text(text).map_err(|problem| problem.to_string())
}

fn tag(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=');
    let (name, value) = pair.ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn time(text: &str) -> Result<u64, String> {
    print::parse_time(text, config::now())
}

/// A number and a unit: m, h or d. In milliseconds.
fn duration(text: &str) -> Result<u64, String> {
    let minutes = |unit: char| match unit {
        'm' => Some(1),
        'h' => Some(60),
        'd' => Some(1440),
        _ => None,
    };
    let parsed = text.char_indices().next_back().and_then(|(at, unit)| {
        let count: u32 = text.get(..at)?.parse().ok()?;
        Some(u64::from(count) * minutes(unit)? * 60_000)
    });
    let parsed = parsed.filter(|duration| *duration > 0);
    parsed.ok_or_else(|| "write it as 30m, 2h or 7d".to_owned())
}

/// Prints the licence notices, which are part of the program, so that they travel with it.
pub(crate) fn notices() -> ExitCode {
    let printed = print::Printer::new(false, false).bytes(include_bytes!("../THIRD-PARTY-NOTICES"));
    ExitCode::from(printed.map_or_else(|error| error.exit.code(), |()| 0))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn command_line_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_lists_every_exit_code() {
        let help = Cli::command().render_help().to_string();
        for code in ["0", "1", "2", "3", "4", "5", "130"] {
            assert!(
                help.lines()
                    .any(|line| line.trim_start().starts_with(&format!("{code} "))),
                "{code}"
            );
        }
    }

    #[test]
    fn commands_that_change_something_require_a_reason() {
        let read = |words: &[&str]| Cli::try_parse_from(["docket"].iter().chain(words));
        assert!(read(&["jobs", "retry", "a", "b", "--reason", "r"]).is_ok());
        for words in [
            &["jobs", "retry", "a"][..],
            &["jobs", "cancel", "a"],
            &["jobs", "delete-data", "a"],
            &["retry-plan", "create"],
            &["quarantine", "redrive", "a"],
            &["quarantine", "discard", "a"],
            &["pause", "--pipeline", "a", "--for", "2h"],
            &["pause", "--pipeline", "a", "--for", "2", "--reason", "r"],
            &["resume", "--pipeline", "a"],
        ] {
            assert_eq!(read(words).unwrap_err().exit_code(), 2, "{words:?}");
        }
        assert!(read(&["jobs", "list", "--since", "soon"]).is_err());
        assert!(read(&["upload", "a.pdf", "--save", "x"]).is_err());
    }

    #[test]
    fn labels_that_the_service_refuses_are_refused_at_once() {
        let read =
            |words: &[&str]| Cli::try_parse_from(["docket", "upload", "a.pdf"].iter().chain(words));
        let long = "x".repeat(65);
        assert!(read(&["--reference", "4711", "--batch", "May", "--tag", "a=b=c"]).is_ok());
        for words in [
            ["--reference", ""],
            ["--reference", "a\nb"],
            ["--batch", &long],
            ["--tag", "a"],
        ] {
            assert_eq!(read(&words).unwrap_err().exit_code(), 2, "{words:?}");
        }
    }
}
