//! `docket logout`.

use crate::CommandContext;
use crate::cli::LogoutArgs;
use crate::cognito::CognitoClient;
use crate::error::{CliError, Exit, Result};
use crate::oauth::Domain;
use crate::print::sanitize;
use crate::session::{Session, Sessions};

pub(crate) async fn run(context: &CommandContext, args: LogoutArgs) -> Result<Exit> {
    let api = context.client.address();
    let mut session = Sessions::load()?.sign_ins.remove(api);
    let tokens = match &mut session {
        Some(session) => session.read_tokens(api).await,
        None => Ok(()),
    };
    // Deleting the sign-in has signed the user out of this machine. What the user pool is told afterwards protects
    // against copies of the tokens.
    if let Some(why) = Sessions::delete(api).await? {
        context.printer.info(&format!(
            "warning: the tokens may still be in the keyring, as `docket`: {}",
            sanitize(&why)
        ));
    }
    let Some(session) = session else {
        return said(context, format!("not signed in to {api}"));
    };
    let email = sanitize(&session.email);
    if !args.everywhere {
        let revoked = match tokens {
            Ok(()) => revoke(context, &session).await,
            Err(error) => Err(error),
        };
        if let Err(error) = revoked {
            context.printer.info(&format!(
                "signed out here, but the refresh token could not be revoked: {}",
                sanitize(&error.problem.detail)
            ));
        }
        return said(context, format!("signed out {email} from {api}"));
    }
    let ended = match tokens {
        Ok(()) => everywhere(context, &session).await,
        Err(error) => Err(error),
    };
    ended.map_err(|error| error.with_subject("signed out here, but not everywhere"))?;
    said(
        context,
        format!(
            "signed out {email} from {api} on all devices; tokens that were issued work until they expire"
        ),
    )
}

async fn revoke(context: &CommandContext, session: &Session) -> Result<()> {
    let Some(token) = &session.refresh_token else {
        return Ok(());
    };
    match &session.domain_url {
        Some(url) => domain(context, session, url).revoke(token).await,
        None => cognito(context, session).revoke(token).await,
    }
}

/// Ends all sign-ins of the user.
async fn everywhere(context: &CommandContext, session: &Session) -> Result<()> {
    if session.domain_url.is_some() {
        revoke(context, session).await?;
        // GlobalSignOut takes an access token with a scope that these sign-ins do not get, because it would also let
        // users change attributes that decide what they may do.
        let detail = "sign-ins by a company end one by one: this one is revoked, others end by themselves within hours";
        return Err(CliError::new(Exit::Failed, "not-everywhere", detail)
            .with_hint("an administrator of the user pool can end all of them now (AdminUserGlobalSignOut)"));
    }
    let cognito = cognito(context, session);
    let access_token = cognito.access_token(session).await?;
    cognito.global_sign_out(&access_token).await
}

fn cognito<'a>(context: &'a CommandContext, session: &'a Session) -> CognitoClient<'a> {
    CognitoClient {
        http: &context.client.http,
        url: &session.sign_in_url,
        client_id: &session.client_id,
    }
}

fn domain<'a>(context: &'a CommandContext, session: &'a Session, url: &'a str) -> Domain<'a> {
    Domain {
        http: &context.client.http,
        url,
        client_id: &session.client_id,
    }
}

fn said(context: &CommandContext, what: String) -> Result<Exit> {
    if !context.printer.json {
        context.printer.line(&what)?;
    }
    Ok(Exit::Success)
}
