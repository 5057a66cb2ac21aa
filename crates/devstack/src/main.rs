//! `devstack`: the demo and the local stack. `make help` lists the make targets that run it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use devstack::background::UpOptions;
use devstack::{ChildProcesses, ContainerUrl, RunDir, background, demo, endpoints, replay};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
devstack: runs the whole service on this machine

  devstack demo [--model URL] [--] [FILE|FOLDER]...
                                   upload the samples, or your own PDFs, and show the progress
                                   (exit status 0: every job ended as expected)
  devstack replay PLAN.json        upload the bursts of a business day as `planner live-plan` planned them, and compare
                                   with its forecast (exit status 0: every job became ready)
  devstack up [--model URL] [--company]
                                   start a stack in the background and print how to use it
  devstack down                    stop that stack
  devstack watch [TENANT]          print the pushes for a tenant (default acme; * for all)
  devstack ticket [TENANT]         print a WebSocket URL with a ticket, which opens one connection within 60 s
  devstack serve [--model URL] [--company]
                                   run a stack in the foreground (used by `up`)
  devstack endpoints               run only the asynchronous endpoints; reads one line of JSON from standard input

  --model URL    use a running container with SageMaker's contract (GET /ping, POST /invocations)
                 instead of the reference model
  --company      with a company whose identity provider signs users in, and a program that signs in by itself
";

/// The exit status for an invalid command line.
const USAGE_ERROR: u8 = 2;
/// Printed when a signal arrives.
const STOPPING: &str = "\nstopping the stack; this takes a few seconds\n";

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let mut arguments = std::env::args_os().skip(1);
    let command = arguments.next().unwrap_or_default();
    let (options, rest) = match parse_arguments(arguments) {
        Ok(read) => read,
        Err(error) => {
            fail(&error);
            return ExitCode::from(USAGE_ERROR);
        }
    };
    let tenant = rest.first().map_or_else(
        || "acme".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    runtime.block_on(async {
        match (command.to_str(), rest.len()) {
            (Some("serve"), 0) => run_serve(options).await,
            (Some("up"), 0) => run_up(options).await,
            (Some(command), _) if options.company => no_option(command, "--company"),
            (Some("demo"), _) => run_demo(&rest, options.container).await,
            (Some(command), _) if options.container.is_some() => no_option(command, "--model"),
            (Some("replay"), 1) => run_replay(&rest[0]).await,
            (Some("down"), 0) => simple(background::down()).await,
            (Some("endpoints"), 0) => simple(endpoints::serve()).await,
            (Some("watch"), 0 | 1) => simple(background::watch(&tenant)).await,
            (Some("ticket"), 0 | 1) => simple(print_ticket(&tenant)).await,
            (Some("help" | "--help" | "-h"), _) => print(USAGE, ExitCode::SUCCESS),
            _ => {
                report(USAGE);
                ExitCode::from(USAGE_ERROR)
            }
        }
    })
}

fn no_option(command: &str, option: &str) -> ExitCode {
    report(&format!("devstack: {command} has no option {option}\n"));
    ExitCode::from(USAGE_ERROR)
}

/// Separates options from the other arguments.
fn parse_arguments(
    mut arguments: impl Iterator<Item = OsString>,
) -> Result<(UpOptions, Vec<PathBuf>)> {
    let mut options = UpOptions::default();
    let mut rest = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--") => rest.extend(arguments.by_ref().map(PathBuf::from)),
            Some("--model") => {
                let url = arguments.next().context("--model needs a URL")?;
                options.container = Some(ContainerUrl::parse(&url.to_string_lossy())?);
            }
            Some("--company") => options.company = true,
            Some(option) if option.starts_with('-') => {
                bail!("unknown option {option}; see `devstack help`")
            }
            _ => rest.push(argument.into()),
        }
    }
    Ok((options, rest))
}

async fn run_replay(plan: &Path) -> ExitCode {
    let plan = match replay::LivePlan::read(plan) {
        Ok(plan) => plan,
        Err(error) => {
            fail(&error);
            return ExitCode::from(USAGE_ERROR);
        }
    };
    run_with_own_stack("replay", async |dir, children| {
        replay::run(plan, dir, children).await
    })
    .await
}

async fn run_demo(paths: &[PathBuf], container: Option<ContainerUrl>) -> ExitCode {
    run_with_own_stack("demo", async |dir, children| {
        demo::run(paths, container, dir, children).await
    })
    .await
}

/// Runs `work` with its own run directory until it ends or a signal arrives, then stops everything.
async fn run_with_own_stack(
    name: &str,
    work: impl AsyncFnOnce(&RunDir, &ChildProcesses) -> Result<bool>,
) -> ExitCode {
    let dir = match RunDir::create_unique(name) {
        Ok(dir) => dir,
        Err(error) => return fail(&error),
    };
    let children = ChildProcesses::default();
    let ended = or_signal(work(&dir, &children)).await;
    if let WorkEnd::Signal(_) = ended {
        report(STOPPING);
    }
    let all_stopped = wait_for_children(children).await;
    match ended {
        WorkEnd::Signal(code) => {
            dir.remove();
            report(if all_stopped {
                "stopped\n"
            } else {
                "\nnot waiting any longer; the remaining processes stop on their own\n"
            });
            code
        }
        WorkEnd::Done(Ok(success)) => {
            dir.remove();
            if success {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        WorkEnd::Done(Err(error)) => {
            let code = fail(&error);
            if let Err(full) = dir.check_space() {
                report(&format!("{full:#}\n"));
            }
            if dir.file("ministack.log").exists() {
                report(&format!("the logs are in {}\n", dir.path().display()));
            } else {
                dir.remove();
            }
            code
        }
    }
}

async fn run_up(options: UpOptions) -> ExitCode {
    let mut starting = None;
    let ended = or_signal(background::up(options, &mut starting)).await;
    if let (WorkEnd::Signal(_), Some(child)) = (&ended, starting) {
        report(STOPPING);
        background::abort_start(child).await;
        report("stopped\n");
    }
    exit_code(ended)
}

async fn run_serve(options: UpOptions) -> ExitCode {
    let dir = match background::lock_run_dir() {
        Ok(dir) => dir,
        Err(error) => return fail(&error),
    };
    let children = ChildProcesses::default();
    let ended = or_signal(background::serve(options, &dir, &children)).await;
    wait_for_children(children).await;
    // Releases the lock, now that all child processes have ended.
    drop(dir);
    match ended {
        WorkEnd::Signal(_) | WorkEnd::Done(Ok(())) => ExitCode::SUCCESS,
        WorkEnd::Done(Err(error)) => fail(&error),
    }
}

async fn simple(work: impl Future<Output = Result<()>>) -> ExitCode {
    exit_code(or_signal(work).await)
}

fn exit_code(ended: WorkEnd<Result<()>>) -> ExitCode {
    match ended {
        WorkEnd::Signal(code) => code,
        WorkEnd::Done(Ok(())) => ExitCode::SUCCESS,
        WorkEnd::Done(Err(error)) => fail(&error),
    }
}

async fn print_ticket(tenant: &str) -> Result<()> {
    let url = background::ticket(tenant).await?;
    print(&format!("{url}\n"), ExitCode::SUCCESS);
    Ok(())
}

/// How some work ended.
enum WorkEnd<T> {
    Done(T),
    /// A signal arrived, and the work was dropped.
    Signal(ExitCode),
}

async fn or_signal<T>(work: impl Future<Output = T>) -> WorkEnd<T> {
    tokio::select! {
        done = work => WorkEnd::Done(done),
        number = termination_signal() => WorkEnd::Signal(ExitCode::from(128 + number)),
    }
}

/// Waits for the child processes to end. False if a second signal arrived: they still end, but nothing waits for them.
async fn wait_for_children(children: ChildProcesses) -> bool {
    tokio::select! {
        () = children.wait_all() => true,
        _ = termination_signal() => false,
    }
}

/// Waits for a signal that asks this process to end, and returns its number.
async fn termination_signal() -> u8 {
    let streams = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    );
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = streams else {
        // Without handlers, the signals end the process at once.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => 2,
        _ = terminate.recv() => 15,
        _ = hangup.recv() => 1,
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    report(&format!("devstack: {error:#}\n"));
    ExitCode::FAILURE
}

fn print(text: &str, code: ExitCode) -> ExitCode {
    use std::io::Write;
    std::io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .map_or(ExitCode::FAILURE, |()| code)
}

fn report(text: &str) {
    use std::io::Write;
    std::io::stderr().lock().write_all(text.as_bytes()).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<(UpOptions, Vec<PathBuf>)> {
        parse_arguments(arguments.iter().map(OsString::from))
    }

    #[test]
    fn options_are_separated_from_the_files() {
        let (options, rest) =
            read(&["--model", "http://127.0.0.1:8080/", "a b.pdf", "--", "--x"]).unwrap();
        assert_eq!(options.container.unwrap().as_str(), "http://127.0.0.1:8080");
        assert!(!options.company);
        assert_eq!(rest, ["a b.pdf", "--x"].map(PathBuf::from));
        let (options, rest) = read(&["--company"]).unwrap();
        assert!(options.company && options.container.is_none() && rest.is_empty());
    }

    #[test]
    fn invalid_options_are_named_in_the_error() {
        for (arguments, why) in [
            (&["--model"][..], "--model needs a URL"),
            (&["--model", "8080"], "http://"),
            (&["--modle", "http://h"], "--modle"),
        ] {
            let error = read(arguments).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
