//! `docket password` and `docket authenticator`: what users change about their own sign-in.
//!
//! Cognito's calls about a user take an access token, which is not stored: each command signs in anew.

use crate::CommandContext;
use crate::account::{code, cognito, configuration, email, new_password, password, sign_in};
use crate::cli::{AuthenticatorCommand, PasswordCommand, UserArgs};
use crate::error::{Exit, Result};
use crate::print::sanitize;

pub(crate) async fn run(context: &CommandContext, command: PasswordCommand) -> Result<Exit> {
    match command {
        PasswordCommand::Change(args) => change(context, args).await,
        PasswordCommand::Forgot(args) => forgot(context, args).await,
    }
}

async fn change(context: &CommandContext, args: UserArgs) -> Result<Exit> {
    let configuration = configuration(context).await?;
    let cognito = cognito(context, &configuration);
    let email = email(args).await?;
    let old = password(&email).await?;
    let tokens = sign_in(&cognito, &email, &old).await?;
    let new = new_password("").await?;
    cognito
        .change_password(&tokens.access_token, &old, &new)
        .await?;
    done(context, "the password is changed")
}

async fn forgot(context: &CommandContext, args: UserArgs) -> Result<Exit> {
    let configuration = configuration(context).await?;
    let cognito = cognito(context, &configuration);
    let email = email(args).await?;
    cognito.forgot_password(&email).await?;
    context.printer.info(&format!(
        "if {} has an account, a code is on its way there; it is valid for an hour",
        sanitize(&email)
    ));
    let code = code("Code from the e-mail: ").await?;
    let new = new_password("").await?;
    cognito.reset_password(&email, &code, &new).await?;
    done(context, "the password is changed; run `docket login`")
}

pub(crate) async fn authenticator(
    context: &CommandContext,
    command: AuthenticatorCommand,
) -> Result<Exit> {
    let configuration = configuration(context).await?;
    let cognito = cognito(context, &configuration);
    let (args, is_on) = match command {
        AuthenticatorCommand::On(args) => (args, true),
        AuthenticatorCommand::Off(args) => (args, false),
    };
    let email = email(args).await?;
    let tokens = sign_in(&cognito, &email, &password(&email).await?).await?;
    let token = &tokens.access_token;
    if is_on {
        let key = cognito.new_app_key(token).await?;
        context.printer.info(&format!(
            "add an account in your authenticator app with this key: {}",
            sanitize(&key)
        ));
        let code = code("Code that the app shows: ").await?;
        cognito.verify_app(token, &code).await?;
    }
    cognito.use_app(token, is_on).await?;
    done(
        context,
        if is_on {
            "sign-in asks for a code of the app from now on"
        } else {
            "sign-in asks for the password alone from now on"
        },
    )
}

fn done(context: &CommandContext, what: &str) -> Result<Exit> {
    if !context.printer.json {
        context.printer.line(what)?;
    }
    Ok(Exit::Success)
}
