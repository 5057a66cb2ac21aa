//! `devstack`: the demo, and a stack to play with. `make help` lists the ways to start it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use devstack::children::Children;
use devstack::{ContainerUrl, RunDir, background, demo, endpoints, replay};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
devstack: the whole service on this machine

  devstack demo [--model URL] [--] [FILE|FOLDER]...
                                   upload the samples, or your own PDFs, and watch (exit 0: all ended as they should)
  devstack replay PLAN.json        upload the bursts of a business day as `planner live-plan` planned them, and compare
                                   with its forecast (exit 0: all became ready)
  devstack up [--model URL]        start a stack in the background and say how to use it
  devstack down                    stop it
  devstack watch [TENANT]          print what a page is told (tenant acme; * for all)
  devstack ticket [TENANT]         print a WebSocket URL that opens one connection within 60 s
  devstack serve [--model URL]     what `up` runs
  devstack endpoints               asynchronous endpoints alone, as one line of JSON on standard input says

  --model URL    a container that runs already and speaks SageMaker's contract (GET /ping, POST /invocations),
                 in place of the reference model
";

/// The exit status when the command line is wrong.
const USAGE_ERROR: u8 = 2;
/// Said at once when a signal comes.
const STOPPING: &str = "\nstopping what was started; this takes some seconds\n";

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
    let (container, rest) = match options(arguments) {
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
            (Some("demo"), _) => run_demo(&rest, container).await,
            (Some("serve"), 0) => run_serve(container).await,
            (Some("up"), 0) => run_up(container).await,
            (Some(command), _) if container.is_some() => {
                report(&format!("devstack: {command} takes no --model\n"));
                ExitCode::from(USAGE_ERROR)
            }
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

/// Takes `--model URL` out of the arguments; the others stay as they are.
fn options(
    mut arguments: impl Iterator<Item = OsString>,
) -> Result<(Option<ContainerUrl>, Vec<PathBuf>)> {
    let mut container = None;
    let mut rest = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--") => rest.extend(arguments.by_ref().map(PathBuf::from)),
            Some("--model") => {
                let url = arguments.next().context("--model needs a URL")?;
                container = Some(ContainerUrl::parse(&url.to_string_lossy())?);
            }
            Some(option) if option.starts_with('-') => {
                bail!("there is no option {option}; `devstack help` lists them")
            }
            _ => rest.push(argument.into()),
        }
    }
    Ok((container, rest))
}

async fn run_replay(plan: &Path) -> ExitCode {
    let plan = match replay::LivePlan::read(plan) {
        Ok(plan) => plan,
        Err(error) => {
            fail(&error);
            return ExitCode::from(USAGE_ERROR);
        }
    };
    run_here("replay", async |dir, children| {
        replay::run(plan, dir, children).await
    })
    .await
}

async fn run_demo(paths: &[PathBuf], container: Option<ContainerUrl>) -> ExitCode {
    run_here("demo", async |dir, children| {
        demo::run(paths, container, dir, children).await
    })
    .await
}

/// Runs something with a stack of its own until it ends or a signal comes, and takes everything down again.
async fn run_here(
    name: &str,
    work: impl AsyncFnOnce(&RunDir, &Children) -> Result<bool>,
) -> ExitCode {
    let dir = match RunDir::unique(name) {
        Ok(dir) => dir,
        Err(error) => return fail(&error),
    };
    let children = Children::default();
    let ended = or_signal(work(&dir, &children)).await;
    if let Ended::Signal(_) = ended {
        report(STOPPING);
    }
    let drained = drain(children).await;
    match ended {
        Ended::Signal(code) => {
            dir.remove();
            report(if drained {
                "stopped\n"
            } else {
                "\nnot waited for; what was started ends by itself\n"
            });
            code
        }
        Ended::Done(Ok(right)) => {
            dir.remove();
            if right {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Ended::Done(Err(error)) => {
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

async fn run_up(container: Option<ContainerUrl>) -> ExitCode {
    let mut starting = None;
    let ended = or_signal(background::up(container, &mut starting)).await;
    if let (Ended::Signal(_), Some(child)) = (&ended, starting) {
        report(STOPPING);
        background::give_up(child).await;
        report("stopped\n");
    }
    exit_code(ended)
}

async fn run_serve(container: Option<ContainerUrl>) -> ExitCode {
    let dir = match background::claim() {
        Ok(dir) => dir,
        Err(error) => return fail(&error),
    };
    let children = Children::default();
    let ended = or_signal(background::serve(container, &dir, &children)).await;
    drain(children).await;
    // Only now is the lock let go.
    drop(dir);
    match ended {
        Ended::Signal(_) | Ended::Done(Ok(())) => ExitCode::SUCCESS,
        Ended::Done(Err(error)) => fail(&error),
    }
}

async fn simple(work: impl Future<Output = Result<()>>) -> ExitCode {
    exit_code(or_signal(work).await)
}

fn exit_code(ended: Ended<Result<()>>) -> ExitCode {
    match ended {
        Ended::Signal(code) => code,
        Ended::Done(Ok(())) => ExitCode::SUCCESS,
        Ended::Done(Err(error)) => fail(&error),
    }
}

async fn print_ticket(tenant: &str) -> Result<()> {
    let url = background::ticket(tenant).await?;
    print(&format!("{url}\n"), ExitCode::SUCCESS);
    Ok(())
}

/// How work ended.
enum Ended<T> {
    /// By itself.
    Done(T),
    /// By a signal; the work was dropped.
    Signal(ExitCode),
}

async fn or_signal<T>(work: impl Future<Output = T>) -> Ended<T> {
    tokio::select! {
        done = work => Ended::Done(done),
        number = signaled() => Ended::Signal(ExitCode::from(128 + number)),
    }
}

/// Waits for the children to end. False if a second signal came: they end all the same, but are not waited for.
async fn drain(children: Children) -> bool {
    tokio::select! {
        () = children.drained() => true,
        _ = signaled() => false,
    }
}

/// The number of the next signal that asks this process to end.
async fn signaled() -> u8 {
    let streams = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    );
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = streams else {
        // Without handlers the signals end the process at once.
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

    fn read(arguments: &[&str]) -> Result<(Option<ContainerUrl>, Vec<PathBuf>)> {
        options(arguments.iter().map(OsString::from))
    }

    #[test]
    fn the_model_is_taken_out_and_files_stay() {
        let (container, rest) =
            read(&["--model", "http://127.0.0.1:8080/", "a b.pdf", "--", "--x"]).unwrap();
        assert_eq!(container.unwrap().as_str(), "http://127.0.0.1:8080");
        assert_eq!(rest, ["a b.pdf", "--x"].map(PathBuf::from));
        assert_eq!(read(&[]).unwrap(), (None, vec![]));
    }

    #[test]
    fn what_is_not_understood_is_named() {
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
