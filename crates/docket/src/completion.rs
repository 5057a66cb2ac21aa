//! Completion in the shell. `docket completions SHELL` prints a script with which the shell asks this program what can
//! follow: commands, options, and the names of pipelines and tenants, for which it asks the service.

use std::ffi::OsStr;
use std::process::ExitCode;
use std::time::Duration;

use api::types::{CallerView, TenantList};
use clap::{Arg, Command, CommandFactory, Parser};
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};

use crate::CommandContext;
use crate::cli::Cli;
use crate::error::Result;
use crate::print::Printer;

/// The variable with which the script says that the program is asked for completions.
const VARIABLE: &str = "COMPLETE";
/// A shell that waits longer than this is worse than one that completes nothing.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Answers the shell and ends the program, if the shell asks.
pub(crate) fn answer_shell() {
    CompleteEnv::with_factory(|| with_names(Cli::command()))
        .var(VARIABLE)
        .complete();
}

/// Prints the script that a shell reads at its start.
pub(crate) fn print_script(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let written = shells
        .completer(&shell.to_string())
        .map(|known| known.write_registration(VARIABLE, "docket", "docket", "docket", &mut script));
    if !matches!(written, Some(Ok(()))) {
        return ExitCode::FAILURE;
    }
    let printed = Printer::new(false, false).bytes(&script);
    ExitCode::from(printed.map_or_else(|error| error.exit.code(), |()| 0))
}

/// Makes the options that take the name of a pipeline or a tenant complete it, in all commands.
fn with_names(command: Command) -> Command {
    let complete = |arg: Arg| match arg.get_id().as_str() {
        "pipeline" => arg.add(ArgValueCompleter::new(|typed: &OsStr| {
            candidates(Names::Pipelines, typed)
        })),
        "tenant" => arg.add(ArgValueCompleter::new(|typed: &OsStr| {
            candidates(Names::Tenants, typed)
        })),
        _ => arg,
    };
    command.mut_args(complete).mut_subcommands(with_names)
}

#[derive(Clone, Copy, Debug)]
enum Names {
    Pipelines,
    Tenants,
}

/// The names that begin with what is typed; none without a sign-in or an answer in time.
fn candidates(names: Names, typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return vec![];
    };
    let found = runtime.block_on(async { tokio::time::timeout(MAX_WAIT, fetch(names)).await });
    runtime.shutdown_background();
    let Ok(Ok(found)) = found else {
        return vec![];
    };
    let fitting = found.into_iter().filter(|name| name.starts_with(&*typed));
    fitting.map(CompletionCandidate::new).collect()
}

async fn fetch(names: Names) -> Result<Vec<String>> {
    // Any command will do: only the address of the service is read, from the environment.
    let cli = Cli::parse_from(["docket", "whoami"]);
    let context = CommandContext::new(&cli, Printer::new(true, true))?;
    let me: CallerView = context.client.get("/me").await?;
    Ok(match names {
        Names::Pipelines => me.pipelines.into_iter().map(|one| one.name).collect(),
        Names::Tenants if me.permissions.iter().any(|one| one == "read-tenants") => {
            let known: TenantList = context.client.get("/tenants").await?;
            known.tenants.into_iter().map(|one| one.name).collect()
        }
        Names::Tenants => me.tenants,
    })
}
