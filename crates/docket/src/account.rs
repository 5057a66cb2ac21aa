//! `docket login`, `logout`, `whoami`.

use api::types::{Configuration, Me};
use clap::Args;

use crate::Context;
use crate::config;
use crate::exit::{Exit, Failure, Outcome};
use crate::print::{Print, harmless, size, span};
use crate::session::{Session, Sessions};
use crate::sign_in::{SignIn, Step};

#[derive(Clone, Debug, Args)]
pub(crate) struct Login {
    /// Who signs in; asked for if it is not said
    #[arg(long, short, env = "DOCKET_EMAIL", hide_env_values = true)]
    email: Option<String>,
}

pub(crate) async fn login(context: &Context, login: Login) -> Outcome<Exit> {
    let answer = context.api.get_public("/configuration").await?;
    let configuration: Configuration = context.api.read(&answer)?;
    let email = match login.email {
        Some(email) => email,
        None => ask("E-mail address: ").await?,
    };
    let email = email.trim();
    if email.is_empty() {
        return Err(Failure::usage("who signs in? Say --email"));
    }
    let password = secret(
        "DOCKET_PASSWORD",
        &format!("Password of {}: ", harmless(email)),
    )
    .await?;
    let sign_in = SignIn {
        http: &context.api.http,
        url: &configuration.sign_in_url,
        client_id: &configuration.client_id,
    };
    let tokens = match sign_in.password(email, &password).await? {
        Step::Done(tokens) => tokens,
        Step::NewPassword(session) => {
            let new = new_password().await?;
            match sign_in.new_password(email, &new, &session).await? {
                Step::Done(tokens) => tokens,
                Step::NewPassword(_) => {
                    return Err(Failure::not_signed_in("the new password was not taken"));
                }
            }
        }
    };
    let api = context.api.address();
    keep(api, tokens.session(&sign_in, email))?;
    let me: Me = crate::api::Api::new(api.to_owned(), Sessions::load()?.sign_ins.remove(api))
        .get("/me")
        .await?;
    if context.print.json {
        context.print.document(&me)?;
    } else {
        context
            .print
            .line(&format!("signed in to {api} as {}", person(&me)))?;
    }
    Ok(Exit::Done)
}

fn keep(api: &str, session: Session) -> Outcome<()> {
    let mut all = Sessions::load()?;
    all.api = Some(api.to_owned());
    all.sign_ins.insert(api.to_owned(), session);
    all.save()
}

pub(crate) async fn logout(context: &Context) -> Outcome<Exit> {
    let api = context.api.address();
    let session = Sessions::load()?.sign_ins.remove(api);
    Sessions::update(api, None)?;
    if let Some(session) = &session
        && let Some(token) = &session.refresh_token
    {
        let sign_in = SignIn {
            http: &context.api.http,
            url: &session.sign_in_url,
            client_id: &session.client_id,
        };
        // It is forgotten here in any case; that it is worthless elsewhere, too, is more than was asked for.
        if let Err(failure) = sign_in.revoke(token).await {
            context.print.note(&format!(
                "forgotten here, but not revoked: {}",
                harmless(&failure.problem.detail)
            ));
        }
    }
    if !context.print.json {
        context.print.line(&match session {
            Some(session) => format!("{} is signed out of {api}", harmless(&session.email)),
            None => format!("nobody was signed in to {api}"),
        })?;
    }
    Ok(Exit::Done)
}

pub(crate) async fn whoami(context: &Context) -> Outcome<Exit> {
    let me: Me = context.api.get("/me").await?;
    let print = &context.print;
    if print.json {
        print.document(&me)?;
        return Ok(Exit::Done);
    }
    print.field("signed in as", &harmless(&me.actor))?;
    print.field("service", context.api.address())?;
    print.field("roles", &or_none(&me.roles))?;
    print.field("tenants", &tenants(&me))?;
    print.field("until", &Print::when_exactly(me.expires_at))?;
    for pipeline in &me.pipelines {
        print.field(
            "pipeline",
            &harmless(&format!(
                "{}: {} up to {}, ready within {}, runs take {} as a rule",
                pipeline.name,
                pipeline.content_types.join(" or "),
                size(pipeline.max_bytes),
                span(u64::from(pipeline.slo_seconds) * 1000),
                span(u64::from(pipeline.typical_run_seconds) * 1000)
            )),
        )?;
    }
    Ok(Exit::Done)
}

/// Who somebody is, in a line.
pub(crate) fn person(me: &Me) -> String {
    harmless(&format!(
        "{} ({}; {})",
        me.actor,
        or_none(&me.roles),
        tenants(me)
    ))
}

fn tenants(me: &Me) -> String {
    if me.roles.iter().any(|role| role == "support") {
        return "all tenants".to_owned();
    }
    or_none(&me.tenants)
}

fn or_none(words: &[String]) -> String {
    if words.is_empty() {
        "none".to_owned()
    } else {
        harmless(&words.join(", "))
    }
}

async fn new_password() -> Outcome<String> {
    let new = secret(
        "DOCKET_NEW_PASSWORD",
        "The password has to be replaced. New password: ",
    )
    .await?;
    // Nobody saw what was typed.
    let typed = config::variable("DOCKET_NEW_PASSWORD").is_none() && Print::is_interactive();
    if typed && secret("DOCKET_NEW_PASSWORD", "Once more: ").await? != new {
        return Err(Failure::usage("the two are not the same"));
    }
    Ok(new)
}

/// Something that is not shown: from the environment, from the terminal, or a line of standard input.
async fn secret(name: &str, prompt: &str) -> Outcome<String> {
    if let Some(value) = config::variable(name) {
        return Ok(value);
    }
    if !Print::is_interactive() {
        return ask("").await;
    }
    let prompt = prompt.to_owned();
    let typed = blocking(move || rpassword::prompt_password(prompt)).await?;
    typed.map_err(|error| match error.kind() {
        std::io::ErrorKind::Interrupted => {
            Failure::local(Exit::Interrupted, "interrupted", "interrupted")
        }
        _ => Failure::here(format!("cannot ask for the password: {error}"))
            .hint("set DOCKET_PASSWORD"),
    })
}

/// A line of standard input.
async fn ask(prompt: &str) -> Outcome<String> {
    use std::io::Write;
    if Print::is_interactive() {
        let mut err = std::io::stderr().lock();
        write!(err, "{prompt}").and_then(|()| err.flush()).ok();
    }
    let line = blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    })
    .await?
    .map_err(|error| Failure::here(format!("cannot read standard input: {error}")))?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(Failure::usage("nothing was typed")
            .hint("say --email, and set DOCKET_PASSWORD or give the password on standard input"));
    }
    Ok(line.to_owned())
}

/// Waits for somebody without keeping Ctrl-C from being heard.
pub(crate) async fn blocking<T: Send + 'static>(
    wait: impl FnOnce() -> T + Send + 'static,
) -> Outcome<T> {
    tokio::task::spawn_blocking(wait)
        .await
        .map_err(|error| Failure::here(format!("nobody could be asked: {error}")))
}

/// Asks whether to go on; anything but yes is no. Where nobody can be asked, `--yes` must have said so.
pub(crate) async fn confirm(context: &Context, question: &str, yes: bool) -> Outcome<()> {
    if yes {
        return Ok(());
    }
    if context.print.json || !Print::is_interactive() {
        return Err(Failure::local(
            Exit::Usage,
            "not-confirmed",
            "nobody can be asked whether to go on: say --yes",
        ));
    }
    let answer = ask(&format!("{question} [y/N] ")).await.unwrap_or_default();
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::local(
        Exit::Failed,
        "not-confirmed",
        "nothing was done",
    ))
}
