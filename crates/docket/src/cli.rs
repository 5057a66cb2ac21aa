//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::account::Login;
use crate::config;
use crate::print;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    refused, or the job failed
  2    the command line is wrong
  3    not signed in, or not allowed
  4    not found
  5    the service cannot be reached, or cannot answer now
  130  interrupted

Environment:
  DOCKET_API        the service's address, as --api
  DOCKET_PASSWORD   the password for `docket login`
  NO_COLOR          no colors
  SSL_CERT_FILE     certificates to trust in place of the machine's";

/// Uploads documents, shows where they are, fetches results, and repairs what went wrong.
#[derive(Debug, Parser)]
#[command(name = "docket", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// The service's address; the one of the last login if it is not said
    #[arg(
        long,
        global = true,
        env = "DOCKET_API",
        value_name = "URL",
        hide_env_values = true
    )]
    pub(crate) api: Option<String>,
    /// For programs: JSON in the API's own types, problems on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Exact times (UTC) in tables instead of "3 min ago"
    #[arg(long, global = true)]
    pub(crate) utc: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign in and stay signed in
    Login(Login),
    /// Forget the sign-in
    Logout,
    /// Who is signed in, and what that person may do
    Whoami,
    /// Upload documents; with --wait until their results are there
    ///
    /// Large files go in parts and can be resumed: run the same command again. With --json each file is one line: its
    /// upload, or with --wait its job.
    Upload(Upload),
    /// Find jobs, read about them, and decide
    #[command(subcommand)]
    Jobs(Jobs),
    /// Retry many failed jobs at a measured pace
    #[command(subcommand)]
    RetryPlan(RetryPlan),
    /// Messages that could not be understood
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Who did what, and why
    Audit(Paging),
    /// How many jobs are open, stalled, failed
    Summary {
        /// Only of this tenant
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Show each change as it happens
    Watch {
        /// Which tenant, if you have several; support sees all
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Check the configuration, the connection and the sign-in, and say what to do
    Doctor {
        /// Which tenant to try an upload for; support must name one
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Upload {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// For which pipeline; needed if there are several
    #[arg(long, short)]
    pub(crate) pipeline: Option<String>,
    /// For which tenant; needed if you have several
    #[arg(long, short)]
    pub(crate) tenant: Option<String>,
    /// The media type, if the file does not show it
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) content_type: Option<String>,
    /// Wait for the results and save them
    #[arg(long, short)]
    pub(crate) wait: bool,
    /// Where to save the results; beside each file if it is not said
    #[arg(long, value_name = "DIR", requires = "wait")]
    pub(crate) save: Option<PathBuf>,
    /// Overwrite results that are there
    #[arg(long, requires = "wait")]
    pub(crate) force: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Paging {
    /// How many at most; with --json whole pages
    #[arg(long, short = 'n', default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
    /// Where to go on, as an earlier answer said
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

impl Paging {
    /// How many are wanted.
    pub(crate) fn wanted(&self) -> usize {
        if self.all {
            usize::MAX
        } else {
            usize::try_from(self.limit).unwrap_or(usize::MAX)
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Jobs {
    /// List jobs, newest first
    List(List),
    /// Find a job by any id: of a job or an inference, an object's key or address, a message
    Find {
        /// The id
        id: String,
    },
    /// Everything about a job
    Show {
        /// The job
        id: String,
    },
    /// Where a job stands, in plain words, and what helps
    Explain {
        /// The job
        id: String,
    },
    /// Fetch a job's result
    ///
    /// With --json the answer of the service is printed, with an address that is good for minutes, and a file is
    /// written only if --output names one.
    Result {
        /// The job
        id: String,
        /// Where to save it, `-` for standard output; its own name in this folder if it is not said
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Overwrite a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Have jobs run once more
    Retry {
        #[command(flatten)]
        order: Order,
        /// Although the same input has failed the same way again and again (support)
        #[arg(long)]
        force: bool,
    },
    /// Give jobs up
    Cancel {
        #[command(flatten)]
        order: Order,
    },
    /// Delete a job's document and result for good (support)
    DeleteData {
        /// The job
        id: String,
        /// Why, for the audit log
        #[arg(long, short)]
        reason: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Order {
    /// The jobs
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Why, for the job's history and the audit log
    #[arg(long, short)]
    pub(crate) reason: String,
    /// Only if the job is still at this version
    #[arg(long, value_name = "VERSION")]
    pub(crate) seen: Option<u64>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct List {
    /// Of which tenant
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// Only these
    #[arg(long, value_parser = ["open", "failed", "ready", "cancelled"])]
    pub(crate) status: Option<String>,
    /// Of which pipeline
    #[arg(long)]
    pub(crate) pipeline: Option<String>,
    /// Failed by which cause, such as ModelError
    #[arg(long)]
    pub(crate) cause: Option<String>,
    /// Not older than this: 30m, 2h, 7d, 2026-11-23 or 2026-11-23T10:30 (UTC)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<u64>,
    /// How the file's name begins
    #[arg(long, value_name = "PREFIX")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) paging: Paging,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RetryPlan {
    /// Choose failed jobs and show what a retry would do; nothing is started
    Create(CreatePlan),
    /// The newest plans
    List,
    /// A plan and what became of it
    Show {
        /// The plan
        id: String,
    },
    /// Start the jobs of a plan, so many a minute
    Apply {
        /// The plan
        id: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CreatePlan {
    /// Of which tenant
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// Of which pipeline
    #[arg(long)]
    pub(crate) pipeline: Option<String>,
    /// Failed by which cause, such as ModelError
    #[arg(long)]
    pub(crate) cause: Option<String>,
    /// Failed at or after this time: 30m, 2h, 7d, 2026-11-23 or 2026-11-23T10:30 (UTC)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<u64>,
    /// Failed before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<u64>,
    /// How many jobs to start in a minute
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=600))]
    pub(crate) per_minute: Option<u16>,
    /// Also those that have failed the same way again and again
    #[arg(long)]
    pub(crate) force: bool,
    /// Why, for each job's history and the audit log
    #[arg(long, short)]
    pub(crate) reason: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// What is set aside
    List(Paging),
    /// A message and what is wrong with it
    Show {
        /// Its id
        id: String,
    },
    /// Have a message read again, after what was wrong is mended
    Replay {
        /// Its id
        id: String,
        /// Why, for the audit log
        #[arg(long, short)]
        reason: String,
    },
    /// Throw a message away
    Discard {
        /// Its id
        id: String,
        /// Why, for the audit log
        #[arg(long, short)]
        reason: String,
    },
}

fn time(text: &str) -> Result<u64, String> {
    print::parse_time(text, config::now())
}

/// Prints a completion script.
pub(crate) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "docket", &mut script);
    let printed = print::Print::new(false, false).bytes(&script);
    ExitCode::from(printed.map_or_else(|failure| failure.exit.code(), |()| 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_names_every_exit_code() {
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
    fn orders_need_a_reason() {
        let read = |words: &[&str]| Cli::try_parse_from(["docket"].iter().chain(words));
        assert!(read(&["jobs", "retry", "a", "b", "--reason", "r"]).is_ok());
        for words in [
            &["jobs", "retry", "a"][..],
            &["jobs", "cancel", "a"],
            &["jobs", "delete-data", "a"],
            &["retry-plan", "create"],
            &["quarantine", "replay", "a"],
            &["quarantine", "discard", "a"],
        ] {
            assert_eq!(read(words).unwrap_err().exit_code(), 2, "{words:?}");
        }
        assert!(read(&["jobs", "list", "--since", "soon"]).is_err());
        assert!(read(&["upload", "a.pdf", "--save", "x"]).is_err());
    }
}
