//! The commands and options that the program accepts.

mod jobs;
mod programs;
mod sign_in;
mod support;
mod upload;
mod values;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::model_check::ModelCommand;
use crate::plan::PlanArgs;
use crate::print;
use crate::result_check::ResultCommand;
use crate::usage::UsageArgs;

pub(crate) use self::jobs::{BatchArgs, JobCommandArgs, JobListArgs, JobsCommand, OpenArgs};
pub(crate) use programs::{DigestsCommand, EventsArgs, WebhooksCommand};
pub(crate) use sign_in::{AuthenticatorCommand, LoginArgs, LogoutArgs, PasswordCommand, UserArgs};
pub(crate) use support::{
    AuditArgs, AuditCommand, AuditExportArgs, CreatePlanArgs, PauseArgs, QuarantineCommand,
    ResumeArgs, RetryPlanCommand, TenantsCommand,
};
pub(crate) use upload::{LabelArgs, UploadArgs};

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
    // Not `env`: clap would show it as given in the usage of every error.
    /// Address of the service [env: DOCKET_API] [default: that of the last login]
    #[arg(long, global = true, value_name = "URL", help_heading = GLOBAL)]
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
    /// sign-in: set DOCKET_CLIENT_ID and DOCKET_CLIENT_SECRET. Their token is kept
    /// in a file that only its owner can read, and serves all commands until shortly before it expires, after an hour.
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

impl PagingArgs {
    pub(crate) fn max_items(&self) -> usize {
        if self.all {
            usize::MAX
        } else {
            usize::try_from(self.limit).unwrap_or(usize::MAX)
        }
    }
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
