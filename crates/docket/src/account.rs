//! `docket login`, `logout`, `whoami`.

use api::types::{CallerView, ClientConfiguration};

use crate::CommandContext;
use crate::cli::LoginArgs;
use crate::client::ApiClient;
use crate::cognito::{CognitoClient, SignInResult};
use crate::config;
use crate::error::{CliError, Exit, Result};
use crate::print::{Printer, byte_size, duration, sanitize};
use crate::session::{Session, Sessions};

pub(crate) async fn login(context: &CommandContext, args: LoginArgs) -> Result<Exit> {
    let response = context.client.get_public("/configuration").await?;
    let configuration: ClientConfiguration = context.client.decode(&response)?;
    let email = match args.email {
        Some(email) => email,
        None => ask("E-mail address: ").await?,
    };
    let email = email.trim();
    if email.is_empty() {
        return Err(CliError::usage(
            "an e-mail address is required; give one with --email",
        ));
    }
    let password = secret(
        "DOCKET_PASSWORD",
        &format!("Password of {}: ", sanitize(email)),
    )
    .await?;
    let cognito = CognitoClient {
        http: &context.client.http,
        url: &configuration.sign_in_url,
        client_id: &configuration.client_id,
    };
    let tokens = match cognito.sign_in(email, &password).await? {
        SignInResult::SignedIn(tokens) => tokens,
        SignInResult::NewPasswordRequired { session } => {
            let new = new_password().await?;
            match cognito.set_new_password(email, &new, &session).await? {
                SignInResult::SignedIn(tokens) => tokens,
                SignInResult::NewPasswordRequired { .. } => {
                    return Err(CliError::not_signed_in("the new password was not accepted"));
                }
            }
        }
    };
    let api = context.client.address();
    store(api, tokens.into_session(&cognito, email))?;
    let me: CallerView = ApiClient::new(api.to_owned(), Sessions::load()?.sign_ins.remove(api))
        .get("/me")
        .await?;
    if context.printer.json {
        context.printer.json_document(&me)?;
    } else {
        context
            .printer
            .line(&format!("signed in to {api} as {}", identity(&me)))?;
    }
    Ok(Exit::Success)
}

fn store(api: &str, session: Session) -> Result<()> {
    let mut all = Sessions::load()?;
    all.api = Some(api.to_owned());
    all.sign_ins.insert(api.to_owned(), session);
    all.save()
}

pub(crate) async fn logout(context: &CommandContext) -> Result<Exit> {
    let api = context.client.address();
    let session = Sessions::load()?.sign_ins.remove(api);
    Sessions::update(api, None)?;
    if let Some(session) = &session
        && let Some(token) = &session.refresh_token
    {
        let cognito = CognitoClient {
            http: &context.client.http,
            url: &session.sign_in_url,
            client_id: &session.client_id,
        };
        // Deleting the file has signed the user out of this machine. Revoking the token protects against copies of it;
        // if that fails, the command still succeeds.
        if let Err(error) = cognito.revoke(token).await {
            context.printer.info(&format!(
                "signed out here, but the refresh token could not be revoked: {}",
                sanitize(&error.problem.detail)
            ));
        }
    }
    if !context.printer.json {
        context.printer.line(&match session {
            Some(session) => format!("signed out {} from {api}", sanitize(&session.email)),
            None => format!("not signed in to {api}"),
        })?;
    }
    Ok(Exit::Success)
}

pub(crate) async fn whoami(context: &CommandContext) -> Result<Exit> {
    let me: CallerView = context.client.get("/me").await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&me)?;
        return Ok(Exit::Success);
    }
    printer.field("signed in as", &sanitize(&me.actor))?;
    printer.field("service", context.client.address())?;
    printer.field("roles", &comma_list(&me.roles))?;
    printer.field("tenants", &tenants(&me))?;
    printer.field("expires", &Printer::time_and_age(me.expires_at))?;
    for pipeline in &me.pipelines {
        printer.field(
            "pipeline",
            &sanitize(&format!(
                "{}: {} up to {}, ready within {}, a run usually takes {}",
                pipeline.name,
                pipeline.content_types.join(" or "),
                byte_size(pipeline.max_bytes),
                duration(u64::from(pipeline.slo_seconds) * 1000),
                duration(u64::from(pipeline.typical_run_seconds) * 1000)
            )),
        )?;
    }
    Ok(Exit::Success)
}

/// The user's name, roles and tenants in one line.
pub(crate) fn identity(me: &CallerView) -> String {
    sanitize(&format!(
        "{} ({}; {})",
        me.actor,
        comma_list(&me.roles),
        tenants(me)
    ))
}

fn tenants(me: &CallerView) -> String {
    if me.roles.iter().any(|role| role == "support") {
        return "all tenants".to_owned();
    }
    comma_list(&me.tenants)
}

fn comma_list(items: &[String]) -> String {
    if items.is_empty() {
        "none".to_owned()
    } else {
        sanitize(&items.join(", "))
    }
}

async fn new_password() -> Result<String> {
    let new = secret(
        "DOCKET_NEW_PASSWORD",
        "The password must be changed. New password: ",
    )
    .await?;
    // Typing is not echoed, so ask twice.
    let typed = config::variable("DOCKET_NEW_PASSWORD").is_none() && Printer::is_interactive();
    if typed && secret("DOCKET_NEW_PASSWORD", "Repeat the new password: ").await? != new {
        return Err(CliError::usage("the two passwords differ"));
    }
    Ok(new)
}

/// Reads a secret: from the environment, from the terminal without echo, or from a line of standard input.
async fn secret(name: &str, prompt: &str) -> Result<String> {
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
async fn ask(prompt: &str) -> Result<String> {
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

/// Asks for confirmation; every answer but yes means no. Without a terminal, `--yes` is required.
pub(crate) async fn confirm(context: &CommandContext, question: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if context.printer.json || !Printer::is_interactive() {
        return Err(CliError::new(
            Exit::Usage,
            "not-confirmed",
            "confirmation is required; without a terminal, use --yes",
        ));
    }
    let reply = ask(&format!("{question} [y/N] ")).await.unwrap_or_default();
    if matches!(reply.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Failed,
        "not-confirmed",
        "cancelled; nothing was done",
    ))
}
