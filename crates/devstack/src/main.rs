//! `devstack`: the demo, and a stack to play with. `make help` lists the ways to start it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use devstack::children::Children;
use devstack::{RunDir, background, demo};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
devstack: the whole service on this machine

  devstack demo [FILE|FOLDER]...   upload the samples, or your own PDFs, and watch (exit 0: all ended as they should)
  devstack up                      start a stack in the background and say how to use it
  devstack down                    stop it
  devstack watch [TENANT]          print what a page is told (tenant acme; * for all)
  devstack ticket [TENANT]         print a WebSocket URL that opens one connection within 60 s
  devstack serve                   what `up` runs
";

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
    let rest: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    let tenant = rest.first().map_or_else(
        || "acme".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    runtime.block_on(async {
        match (command.to_str(), rest.len()) {
            (Some("demo"), _) => run_demo(&rest).await,
            (Some("serve"), 0) => run_serve().await,
            (Some("up"), 0) => simple(background::up()).await,
            (Some("down"), 0) => simple(background::down()).await,
            (Some("watch"), 0 | 1) => simple(background::watch(&tenant)).await,
            (Some("ticket"), 0 | 1) => simple(print_ticket(&tenant)).await,
            (Some("help" | "--help" | "-h"), _) => print(USAGE, ExitCode::SUCCESS),
            _ => {
                report(USAGE);
                ExitCode::from(2)
            }
        }
    })
}

async fn run_demo(paths: &[PathBuf]) -> ExitCode {
    let dir = match RunDir::unique("demo") {
        Ok(dir) => dir,
        Err(error) => return fail(&error),
    };
    let children = Children::default();
    let ended = or_signal(demo::run(paths, &dir, &children)).await;
    drain(children).await;
    match ended {
        Ended::Signal(code) => {
            dir.remove();
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
            if dir.file("ministack.log").exists() {
                report(&format!("the logs are in {}\n", dir.path().display()));
            } else {
                dir.remove();
            }
            code
        }
    }
}

async fn run_serve() -> ExitCode {
    let dir = match background::claim() {
        Ok(dir) => dir,
        Err(error) => return fail(&error),
    };
    let children = Children::default();
    let ended = or_signal(background::serve(&dir, &children)).await;
    drain(children).await;
    // Only now is the lock let go.
    drop(dir);
    match ended {
        Ended::Signal(_) | Ended::Done(Ok(())) => ExitCode::SUCCESS,
        Ended::Done(Err(error)) => fail(&error),
    }
}

async fn simple(work: impl Future<Output = Result<()>>) -> ExitCode {
    match or_signal(work).await {
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

/// Waits for the children to end; a second signal does not wait for them (they end all the same).
async fn drain(children: Children) {
    tokio::select! {
        () = children.drained() => {}
        _ = signaled() => {}
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
