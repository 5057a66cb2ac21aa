//! What a command asks its user for.

use crate::config;
use crate::error::{CliError, Exit, Result};
use crate::print::Printer;

/// Reads a secret: from the environment, from the terminal without echo, or from a line of standard input.
pub(crate) async fn secret(name: &str, prompt: &str) -> Result<String> {
    if let Some(value) = config::variable(name) {
        return Ok(value);
    }
    if !Printer::is_interactive() {
        return ask("").await;
    }
    let prompt = prompt.to_owned();
    let typed = blocking(move || rpassword::prompt_password(prompt)).await?;
    typed.map_err(|error| match error.kind() {
        std::io::ErrorKind::Interrupted => {
            CliError::new(Exit::Interrupted, "interrupted", "interrupted")
        }
        _ => CliError::local(format!("cannot ask for the password: {error}"))
            .with_hint("set DOCKET_PASSWORD"),
    })
}

/// Reads a line of standard input.
pub(crate) async fn ask(prompt: &str) -> Result<String> {
    use std::io::Write;
    if Printer::is_interactive() {
        let mut err = std::io::stderr().lock();
        write!(err, "{prompt}").and_then(|()| err.flush()).ok();
    }
    let line = blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    })
    .await?
    .map_err(|error| CliError::local(format!("cannot read standard input: {error}")))?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(CliError::usage("no input").with_hint(
            "use --email, and set DOCKET_PASSWORD or write the password to standard input",
        ));
    }
    Ok(line.to_owned())
}

/// Runs blocking input on another thread, so that Ctrl-C still works.
pub(crate) async fn blocking<T: Send + 'static>(
    wait: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(wait)
        .await
        .map_err(|error| CliError::local(format!("cannot read input: {error}")))
}
