//! `docket`: the command line of Docket, for those who upload, fetch, find and repair.
//!
//! It speaks the HTTP API and nothing else: what it may do, the service decides. What it keeps is the sign-in
//! (`$XDG_CONFIG_HOME/docket`) and which uploads are unfinished (`$XDG_STATE_HOME/docket`).
//!
//! | exit code | means |
//! |---|---|
//! | 0 | done |
//! | 1 | refused, or the job failed |
//! | 2 | the command line is wrong |
//! | 3 | not signed in, or not allowed |
//! | 4 | not found |
//! | 5 | the service cannot be reached, or cannot answer now |
//! | 130 | interrupted |
//!
//! Of several things the first that failed decides. With `--json` standard output holds one JSON document of the
//! API's types (JSON lines from `watch` and `upload`), and standard error one problem (RFC 9457) for each failure.

mod account;
mod api;
mod cli;
mod config;
mod desk;
mod doctor;
mod exit;
mod http;
mod jobs_list;
mod jobs_orders;
mod jobs_show;
mod plans;
mod print;
mod quarantine;
mod save;
mod session;
mod sign_in;
mod socket;
mod upload;
mod watch;

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::Parser;

use crate::api::Api;
use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure, Outcome};
use crate::print::Print;
use crate::session::{Sessions, api_address};

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) api: Api,
    pub(crate) print: Print,
    /// What is said if Ctrl-C comes now.
    on_interrupt: Mutex<Option<String>>,
}

impl Context {
    fn new(cli: &Cli, print: Print) -> Outcome<Self> {
        let mut sessions = Sessions::load()?;
        let named = cli.api.as_deref().map(api_address).transpose()?;
        let Some(address) = named.or_else(|| sessions.api.take()) else {
            return Err(Failure::usage("which service? none is known yet")
                .hint("run `docket login --api URL`, or set DOCKET_API"));
        };
        let session = sessions.sign_ins.remove(&address);
        Ok(Self {
            api: Api::new(address, session),
            print,
            on_interrupt: Mutex::default(),
        })
    }

    /// Sets what is said if Ctrl-C comes from now on.
    pub(crate) fn on_interrupt(&self, said: &str) {
        *self
            .on_interrupt
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(said.to_owned());
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Completions { shell } = cli.command {
        return cli::completions(shell);
    }
    let print = Print::new(cli.json, cli.utc);
    let context = match Context::new(&cli, print) {
        Ok(context) => context,
        Err(failure) => {
            Print::new(cli.json, cli.utc).failure(&failure);
            return ExitCode::from(failure.exit.code());
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            context
                .print
                .failure(&Failure::here(format!("cannot start: {error}")));
            return ExitCode::from(Exit::Failed.code());
        }
    };
    let ended = runtime.block_on(async {
        tokio::select! {
            ended = run(cli.command, &context) => ended,
            Ok(()) = tokio::signal::ctrl_c() => Err(interrupted(&context)),
        }
    });
    // A question that nobody answered would hold the program up.
    runtime.shutdown_background();
    context.print.bars.clear().ok();
    let exit = match ended {
        Ok(exit) => exit,
        Err(failure) => {
            context.print.failure(&failure);
            failure.exit
        }
    };
    ExitCode::from(exit.code())
}

fn interrupted(context: &Context) -> Failure {
    let said = context
        .on_interrupt
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let failure = Failure::local(Exit::Interrupted, "interrupted", "interrupted");
    match said {
        Some(said) => failure.hint(said),
        None => failure,
    }
}

async fn run(command: Command, context: &Context) -> Outcome<Exit> {
    match command {
        Command::Login(login) => account::login(context, login).await,
        Command::Logout => account::logout(context).await,
        Command::Whoami => account::whoami(context).await,
        Command::Upload(upload) => upload::run(context, upload).await,
        Command::Jobs(command) => jobs_list::run(context, command).await,
        Command::RetryPlan(command) => plans::run(context, command).await,
        Command::Quarantine(command) => quarantine::run(context, command).await,
        Command::Audit(paging) => desk::audit(context, paging).await,
        Command::Summary { tenant } => desk::summary(context, tenant).await,
        Command::Watch { tenant } => watch::run(context, tenant).await,
        Command::Doctor { tenant } => doctor::run(context, tenant).await,
        // Answered before there is a service to speak of.
        Command::Completions { .. } => Ok(Exit::Done),
    }
}
