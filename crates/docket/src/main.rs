//! `docket`: the command line of Docket. It uploads documents, finds jobs, fetches results and repairs failures.
//!
//! It talks only to the HTTP API (and to a container under `model check`; `verify`, and `plan` without `--since`, talk to nothing); the service decides what a user may do. Two things are stored on this machine: the
//! sign-in (`$XDG_CONFIG_HOME/docket`) and which uploads are unfinished (`$XDG_STATE_HOME/docket`).
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | success |
//! | 1 | refused, the job failed, a check failed, or no planned setting keeps the SLO |
//! | 2 | the command line is wrong |
//! | 3 | not signed in, or not allowed |
//! | 4 | not found |
//! | 5 | the service cannot be reached, or cannot answer now |
//! | 6 | the same content was uploaded before |
//! | 7 | files were skipped (`--skip-bad`); all else succeeded |
//! | 130 | interrupted |
//!
//! A command that works on several things exits with the code of the first failure. With `--json`, standard output holds
//! one JSON document of the API's types (JSON lines from `watch` and `upload`), and standard error holds one problem
//! (RFC 9457) per failure.

mod account;
mod audit;
mod batches;
mod browser;
mod cli;
mod client;
mod cognito;
mod company;
mod completion;
mod config;
mod digests;
mod doctor;
mod download;
mod error;
mod events;
mod http_client;
mod id_token;
mod job_commands;
mod job_detail;
mod job_ids;
mod job_list;
mod keyring;
mod logout;
mod loopback;
mod machine;
mod marks;
mod model_check;
mod my_data;
mod oauth;
mod open;
mod paging;
mod password;
mod pauses;
mod pipelines;
mod plan;
mod print;
mod prompt;
mod quarantine;
mod receipts;
mod result_check;
mod results;
mod retry_plans;
mod session;
mod sign_in;
mod summary;
mod tenants;
mod upload;
mod url;
mod usage;
mod watch;
mod web_socket;
mod webhooks;

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::Parser;

use crate::cli::{Cli, Command, JobsCommand};
use crate::client::ApiClient;
use crate::download::Download;
use crate::error::{CliError, Exit, Result};
use crate::job_ids::whole_id;
use crate::machine::MachineClient;
use crate::model_check::ModelCommand;
use crate::print::Printer;
use crate::result_check::ResultCommand;
use crate::session::{Sessions, parse_api_address};
use crate::sign_in::SignIn;

/// What every command needs.
#[derive(Debug)]
pub(crate) struct CommandContext {
    pub(crate) client: ApiClient,
    pub(crate) printer: Printer,
    /// The hint to print if Ctrl-C is pressed now.
    interrupt_hint: Mutex<Option<String>>,
}

impl CommandContext {
    fn new(cli: &Cli, printer: Printer) -> Result<Self> {
        let mut sessions = Sessions::load()?;
        let named = cli.api.clone().or_else(|| config::variable("DOCKET_API"));
        let named = named.as_deref().map(parse_api_address).transpose()?;
        let Some(address) = named.or_else(|| sessions.api.take()) else {
            return Err(CliError::usage("the service's address is not known yet")
                .with_hint("run `docket login --api URL`, or set DOCKET_API"));
        };
        let user = sessions.sign_ins.remove(&address).map(SignIn::User);
        let machine = MachineClient::from_environment()?;
        let machine = machine.map(|client| SignIn::Machine(client.with_stored_token(&address)));
        Ok(Self {
            client: ApiClient::new(address, machine.or(user)),
            printer,
            interrupt_hint: Mutex::default(),
        })
    }

    /// Sets the hint to print if Ctrl-C is pressed from now on.
    pub(crate) fn set_interrupt_hint(&self, hint: &str) {
        *self
            .interrupt_hint
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(hint.to_owned());
    }

    fn take_interrupt_hint(&self) -> Option<String> {
        self.interrupt_hint
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

fn main() -> ExitCode {
    completion::answer_shell();
    let cli = Cli::parse();
    if let Command::Completions { shell } = cli.command {
        return completion::print_script(shell);
    }
    if let Command::Notices = cli.command {
        return cli::notices();
    }
    let printer = Printer::new(cli.json, cli.utc);
    if let Command::Model(ModelCommand::Check(args)) = &cli.command {
        let run = model_check::run(&printer, args);
        return exit_code(&printer, block_on(run, || interrupted(None)));
    }
    if let Command::Result(ResultCommand::Check(args)) = &cli.command {
        return exit_code(&printer, result_check::run(&printer, args));
    }
    if let Command::Verify(args) = &cli.command {
        return exit_code(&printer, receipts::verify(&printer, args));
    }
    if let Command::Plan(args) = &cli.command
        && args.since.is_none()
    {
        let result = plan::for_numbers(&printer, args);
        return exit_code(&printer, result);
    }
    let context = match CommandContext::new(&cli, printer) {
        Ok(context) => context,
        Err(error) => {
            Printer::new(cli.json, cli.utc).error(&error);
            return ExitCode::from(error.exit.code());
        }
    };
    let result = block_on(run(cli.command, &context), || {
        interrupted(context.take_interrupt_hint())
    });
    exit_code(&context.printer, result)
}

/// Runs a command until it ends or Ctrl-C is pressed.
fn block_on(
    command: impl Future<Output = Result<Exit>>,
    interrupted: impl Fn() -> CliError,
) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::local(format!("cannot start: {error}")))?;
    let result = runtime.block_on(async {
        tokio::select! {
            result = command => result,
            Ok(()) = tokio::signal::ctrl_c() => Err(interrupted()),
        }
    });
    // Dropping the runtime would wait for a thread that still reads standard input.
    runtime.shutdown_background();
    result
}

fn exit_code(printer: &Printer, result: Result<Exit>) -> ExitCode {
    printer.bars.clear().ok();
    let exit = match result {
        Ok(exit) => exit,
        Err(error) => {
            printer.error(&error);
            error.exit
        }
    };
    ExitCode::from(exit.code())
}

fn interrupted(hint: Option<String>) -> CliError {
    let error = CliError::new(Exit::Interrupted, "interrupted", "interrupted");
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

async fn run(command: Command, context: &CommandContext) -> Result<Exit> {
    match command {
        Command::Login(args) => account::login(context, args).await,
        Command::Logout(args) => logout::run(context, args).await,
        Command::Whoami => account::whoami(context).await,
        Command::Password(command) => password::run(context, command).await,
        Command::Authenticator(command) => password::authenticator(context, command).await,
        Command::Upload(args) => upload::run(context, args).await,
        Command::Jobs(command) => run_jobs(context, command).await,
        Command::Open(args) => open::run(context, args).await,
        Command::RetryPlan(command) => retry_plans::run(context, command).await,
        Command::Pauses => pauses::list(context).await,
        Command::Pause(args) => pauses::pause(context, args).await,
        Command::Resume(args) => pauses::resume(context, args).await,
        Command::Quarantine(command) => quarantine::run(context, command).await,
        Command::Webhooks(command) => webhooks::run(context, command).await,
        Command::Digests(command) => digests::run(context, command).await,
        Command::Events(args) => events::run(context, args).await,
        Command::Tenants(command) => tenants::run(context, command).await,
        Command::ReceiptKeys => receipts::keys(context).await,
        Command::Audit(args) => audit::run(context, args).await,
        Command::MyData => my_data::run(context).await,
        Command::Summary { tenant } => summary::run(context, tenant).await,
        Command::Usage(args) => usage::run(context, args).await,
        Command::Watch { tenant } => watch::run(context, tenant).await,
        Command::Doctor { tenant } => doctor::run(context, tenant).await,
        Command::Plan(args) => match args.since {
            Some(since) => plan::for_past_jobs(context, &args, since).await,
            None => plan::for_numbers(&context.printer, &args),
        },
        // Handled in `main`, since they need no service.
        Command::Model(_)
        | Command::Result(_)
        | Command::Verify(_)
        | Command::Completions { .. }
        | Command::Notices => Ok(Exit::Success),
    }
}

async fn run_jobs(context: &CommandContext, command: JobsCommand) -> Result<Exit> {
    match command {
        JobsCommand::List(args) => job_list::list(context, args).await,
        JobsCommand::Find { text, tenant } => job_list::find(context, text, tenant).await,
        JobsCommand::Batch(args) => batches::run(context, args).await,
        JobsCommand::Show { id } => job_detail::show(context, &whole_id(context, &id).await?).await,
        JobsCommand::Explain { id } => {
            job_detail::explain(context, &whole_id(context, &id).await?).await
        }
        JobsCommand::Result(args) => results::run(context, args).await,
        JobsCommand::Mark(args) => marks::run(context, args).await,
        JobsCommand::Document { id, output, force } => {
            let id = whole_id(context, &id).await?;
            download::run(context, &id, Download::Document, output, force).await
        }
        JobsCommand::Receipt {
            id,
            attempt,
            output,
            force,
        } => {
            let id = whole_id(context, &id).await?;
            receipts::save(context, &id, attempt, output, force).await
        }
        JobsCommand::Retry { args, force } => job_commands::retry(context, args, force).await,
        JobsCommand::RunAgain { args } => job_commands::run_again(context, args).await,
        JobsCommand::Urgent { args } => job_commands::urgent(context, args).await,
        JobsCommand::Cancel { args } => job_commands::cancel(context, args).await,
        JobsCommand::DeleteData { id, reason, yes } => {
            let id = whole_id(context, &id).await?;
            job_commands::delete_data(context, &id, reason, yes).await
        }
    }
}
