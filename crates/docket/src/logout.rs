//! `docket logout`.

use http::Method;

use crate::CommandContext;
use crate::cli::LogoutArgs;
use crate::client::Idempotency;
use crate::cognito::CognitoClient;
use crate::error::{Exit, Result};
use crate::oauth::Domain;
use crate::print::sanitize;
use crate::session::{Session, Sessions};

pub(crate) async fn run(context: &CommandContext, args: LogoutArgs) -> Result<Exit> {
    let api = context.client.address();
    let is_signed_in = Sessions::load()?.sign_ins.contains_key(api);
    // Needs the sign-in that is about to be deleted.
    let ended = if args.everywhere && is_signed_in {
        Some(end_all_sessions(context).await)
    } else {
        None
    };
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
    if let Some(Ok(())) = ended {
        return said(
            context,
            format!(
                "signed out {email} from {api} on all devices; tokens that were issued work until they expire"
            ),
        );
    }
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
    if let Some(Err(error)) = ended {
        return Err(error.with_subject("signed out here, but not everywhere"));
    }
    said(context, format!("signed out {email} from {api}"))
}

/// Ends all sign-ins of the user, by a password or by a company. The service does it: Cognito's own call for users takes a scope
/// that sign-ins by a company do not get, because it would also let users change attributes that decide what they may do.
async fn end_all_sessions(context: &CommandContext) -> Result<()> {
    let ended = context
        .client
        .send_json(
            Method::DELETE,
            "/me/sessions",
            &serde_json::json!({}),
            Idempotency::Idempotent,
        )
        .await;
    ended.map(drop)
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
