//! `docket login`, `logout`, `whoami`.

use api::types::{CallerView, ClientConfiguration};

use crate::CommandContext;
use crate::cli::LoginArgs;
use crate::client::ApiClient;
use crate::cognito::{Challenge, CognitoClient, SignInResult, Tokens};
use crate::config;
use crate::error::{CliError, Exit, Result};
use crate::print::{Printer, byte_size, duration, sanitize};
use crate::session::{Session, Sessions};

pub(crate) async fn login(context: &CommandContext, args: LoginArgs) -> Result<Exit> {
    let configuration = configuration(context).await?;
    let email = &email(args).await?;
    let cognito = cognito(context, &configuration);
    let tokens = sign_in(&cognito, email, &password(email).await?).await?;
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

/// The user pool of the service.
pub(crate) async fn configuration(context: &CommandContext) -> Result<ClientConfiguration> {
    let response = context.client.get_public("/configuration").await?;
    context.client.decode(&response)
}

pub(crate) fn cognito<'a>(
    context: &'a CommandContext,
    configuration: &'a ClientConfiguration,
) -> CognitoClient<'a> {
    CognitoClient {
        http: &context.client.http,
        url: &configuration.sign_in_url,
        client_id: &configuration.client_id,
    }
}

pub(crate) async fn email(args: LoginArgs) -> Result<String> {
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
    Ok(email.to_owned())
}

pub(crate) async fn password(email: &str) -> Result<String> {
    let prompt = format!("Password of {}: ", sanitize(email));
    secret("DOCKET_PASSWORD", &prompt).await
}

/// A code of six digits.
pub(crate) async fn code(prompt: &str) -> Result<String> {
    match config::variable("DOCKET_CODE") {
        Some(code) => Ok(code),
        None => Ok(ask(prompt).await?.trim().to_owned()),
    }
}

/// Signs in with a password, and asks for what Cognito wants besides.
pub(crate) async fn sign_in(
    cognito: &CognitoClient<'_>,
    email: &str,
    password: &str,
) -> Result<Tokens> {
    let mut result = cognito.sign_in(email, password).await?;
    let mut answered = Vec::new();
    loop {
        let (challenge, session) = match result {
            SignInResult::SignedIn(tokens) => return Ok(tokens),
            SignInResult::Challenged { challenge, session } => (challenge, session),
        };
        // Cognito refuses a wrong answer with an error, so no challenge comes twice.
        if answered.contains(&challenge) {
            return Err(CliError::not_signed_in("the answer was not accepted"));
        }
        answered.push(challenge);
        let answer = match challenge {
            Challenge::NewPassword => new_password("The password must be changed. ").await?,
            Challenge::AppCode => code("Code of your authenticator app: ").await?,
        };
        result = cognito.answer(email, challenge, &session, &answer).await?;
    }
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
    let may = |name: &str| me.permissions.iter().any(|one| one == name);
    if may("see-jobs") && !may("read-contents") {
        printer.field(
            "contents",
            "hidden: your roles show no names, documents and results",
        )?;
    }
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

/// A service of an earlier release does not say it, and has this role alone for it.
pub(crate) fn sees_all_tenants(me: &CallerView) -> bool {
    me.all_tenants || me.roles.iter().any(|role| role == "support")
}

fn tenants(me: &CallerView) -> String {
    if sees_all_tenants(me) {
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

/// `why` comes before the prompt.
pub(crate) async fn new_password(why: &str) -> Result<String> {
    let prompt = format!("{why}New password, at least 12 characters: ");
    let new = secret("DOCKET_NEW_PASSWORD", &prompt).await?;
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
