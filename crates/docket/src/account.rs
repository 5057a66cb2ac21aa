//! `docket login` and `whoami`.

use api::types::{CallerView, ClientConfiguration};

use crate::CommandContext;
use crate::cli::{LoginArgs, UserArgs};
use crate::client::ApiClient;
use crate::cognito::{Challenge, CognitoClient, SignInResult, Tokens};
use crate::company;
use crate::config;
use crate::error::{CliError, Exit, Result};
use crate::machine::MachineClient;
use crate::print::{Printer, byte_size, duration, sanitize};
use crate::prompt::{ask, secret};
use crate::session::{Sessions, TokenPlace};
use crate::sign_in::SignIn;

pub(crate) async fn login(context: &CommandContext, args: LoginArgs) -> Result<Exit> {
    if MachineClient::from_environment()?.is_some() {
        return Err(CliError::usage(
            "with DOCKET_CLIENT_ID and DOCKET_CLIENT_SECRET every command signs in by itself",
        )
        .with_hint("unset them to sign in as a user"));
    }
    let configuration = configuration(context).await?;
    let session = match company::wanted(&configuration, &args)? {
        Some(company) => company::sign_in(context, &configuration, company, &args).await?,
        None => {
            let cognito = cognito(context, &configuration);
            let email = &email(args.user).await?;
            let tokens = sign_in(&cognito, email, &password(email).await?).await?;
            tokens.into_session(&cognito, email)
        }
    };
    let api = context.client.address();
    let place = Sessions::set(api, session, true).await?;
    let session = Sessions::load()?.sign_ins.remove(api);
    let me = caller(&ApiClient::new(api.to_owned(), session.map(SignIn::User))).await?;
    if context.printer.json {
        context.printer.json_document(&me)?;
    } else {
        context
            .printer
            .line(&format!("signed in to {api} as {}", identity(&me)))?;
    }
    context.printer.info(&describe(&place)?);
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

pub(crate) async fn email(args: UserArgs) -> Result<String> {
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

/// Says where the tokens are.
fn describe(place: &TokenPlace) -> Result<String> {
    let file = Sessions::path()?;
    Ok(match place {
        TokenPlace::Keyring => "the tokens are in the keyring of this machine".to_owned(),
        TokenPlace::File => format!(
            "the tokens are in {}, which only you can read",
            file.display()
        ),
        TokenPlace::FileBecause(why) => format!(
            "warning: the keyring cannot be used ({}), so the tokens are in {}, which only you can read",
            sanitize(why),
            file.display()
        ),
    })
}

/// Who is signed in. The service's error to a user without any role says what to do, so the hint is not to run `whoami`.
async fn caller(client: &ApiClient) -> Result<CallerView> {
    let me = client.get("/me").await;
    me.map_err(|error| {
        if error.kind() == "forbidden" {
            error.with_hint("once that has changed, run `docket login` again")
        } else {
            error
        }
    })
}

pub(crate) async fn whoami(context: &CommandContext) -> Result<Exit> {
    let me = caller(&context.client).await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&me)?;
        return Ok(Exit::Success);
    }
    printer.field("signed in as", &sanitize(&me.actor))?;
    printer.field("service", context.client.address())?;
    printer.field("roles", &comma_list(&me.roles))?;
    printer.field("tenants", &tenants(&me))?;
    printer.field("permissions", &comma_list(&me.permissions))?;
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
                "{}{}: {} up to {}, ready within {}, a run usually takes {}",
                pipeline.name,
                pipeline
                    .display_name
                    .as_ref()
                    .map_or_else(String::new, |name| format!(" ({name})")),
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

/// A service of an earlier release does not report `all_tenants`. There only the role `support` has them.
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
