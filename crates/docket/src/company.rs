//! `docket login` by the company's identity provider: the browser signs in, and brings a code to this machine, or the user
//! copies it from Docket's page.

use std::time::Duration;

use api::types::{ClientConfiguration, CompanySignIn, SignInProvider};

use crate::CommandContext;
use crate::browser;
use crate::cli::LoginArgs;
use crate::error::{CliError, Exit, Result};
use crate::loopback::{BrowserPage, Callback, Loopback};
use crate::oauth::{AuthorizationResponse, Domain, PendingSignIn};
use crate::print::{Printer, sanitize};
use crate::prompt::ask;
use crate::session::Session;

/// The company's sign-in, if the service has one and the command asks for it: with `--company` or `--paste`, or on a
/// terminal without an e-mail address.
pub(crate) fn wanted<'a>(
    configuration: &'a ClientConfiguration,
    args: &LoginArgs,
) -> Result<Option<&'a CompanySignIn>> {
    let company = configuration.company_sign_in.as_ref();
    let company = company.filter(|company| !company.providers.is_empty());
    if args.company.is_some() || args.paste {
        let none = || {
            CliError::usage("this service has no sign-in by a company")
                .with_hint("sign in with --email")
        };
        return company.map(Some).ok_or_else(none);
    }
    Ok(company.filter(|_| args.user.email.is_none() && Printer::is_interactive()))
}

pub(crate) async fn sign_in(
    context: &CommandContext,
    configuration: &ClientConfiguration,
    company: &CompanySignIn,
    args: &LoginArgs,
) -> Result<Session> {
    let provider = choose(&company.providers, args.company.as_ref()).await?;
    let sign_in = BrowserSignIn {
        context,
        company,
        domain: Domain {
            http: &context.client.http,
            url: &company.url,
            client_id: &company.client_id,
        },
        provider: &provider.name,
        attempt: PendingSignIn::new()?,
    };
    let limit = Duration::from_secs(args.timeout);
    let tried = tokio::time::timeout(limit, sign_in.run(configuration, args.paste)).await;
    tried.unwrap_or_else(|_| {
        let detail = format!("no sign-in within {} s", args.timeout);
        Err(CliError::new(Exit::Denied, "sign-in", detail).with_hint("run `docket login` again"))
    })
}

/// The provider that the user named, or the only one, or the one that the user chooses.
async fn choose<'a>(
    providers: &'a [SignInProvider],
    named: Option<&Option<String>>,
) -> Result<&'a SignInProvider> {
    let names: Vec<&str> = providers.iter().map(|one| one.label.as_str()).collect();
    let names = sanitize(&names.join(", "));
    let find = |text: &str| {
        let is_meant = |one: &&SignInProvider| {
            [&one.name, &one.label]
                .iter()
                .any(|name| name.eq_ignore_ascii_case(text))
        };
        providers.iter().find(is_meant).ok_or_else(|| {
            CliError::usage(format!("there is no provider `{}`", sanitize(text)))
                .with_hint(format!("the providers are: {names}"))
        })
    };
    match (named.and_then(Option::as_ref), providers) {
        (Some(text), _) => find(text.trim()),
        (None, [only]) => Ok(only),
        (None, _) if Printer::is_interactive() => {
            find(ask(&format!("Sign in with ({names}): ")).await?.trim())
        }
        (None, _) => Err(
            CliError::usage("there are several providers; name one with --company")
                .with_hint(format!("the providers are: {names}")),
        ),
    }
}

struct BrowserSignIn<'a> {
    context: &'a CommandContext,
    company: &'a CompanySignIn,
    domain: Domain<'a>,
    provider: &'a str,
    attempt: PendingSignIn,
}

impl BrowserSignIn<'_> {
    async fn run(&self, configuration: &ClientConfiguration, paste: bool) -> Result<Session> {
        let printer = &self.context.printer;
        if !paste {
            match Loopback::bind().await {
                Some(loopback) => {
                    if let Some(session) = self.in_browser(loopback).await? {
                        return Ok(session);
                    }
                    printer.info("no browser can be opened here");
                }
                None => printer.info("other programs use the ports for the browser's answer"),
            }
        }
        self.by_paste(configuration).await
    }

    /// `None` if no browser can be opened.
    async fn in_browser(&self, loopback: Loopback) -> Result<Option<Session>> {
        let redirect_uri = loopback.redirect_uri();
        let url = self.url(&redirect_uri)?;
        if !browser::has_display() || !browser::open(&url) {
            return Ok(None);
        }
        self.context.printer.info(&format!(
            "sign in in the browser; if none has opened, open this address on this machine:\n{url}"
        ));
        self.context
            .set_interrupt_hint("where no browser runs: `docket login --paste`");
        let callback = loopback.wait(&self.attempt.state).await;
        let Callback { response, .. } = &callback;
        let session = self.redeem(response.clone(), &redirect_uri).await;
        let page = if session.is_ok() {
            BrowserPage::SignedIn
        } else {
            BrowserPage::Failed
        };
        callback.answer(page).await;
        session.map(Some)
    }

    /// The browser may be on another machine: its user copies the code from Docket's page.
    async fn by_paste(&self, configuration: &ClientConfiguration) -> Result<Session> {
        let Some(page) = &configuration.page_url else {
            return Err(
                CliError::usage("the service does not say where its page is")
                    .with_hint("without --paste, on a machine with a browser, it is not needed"),
            );
        };
        let redirect_uri = format!("{}/sign-in/code", page.trim_end_matches('/'));
        let url = self.url(&redirect_uri)?;
        self.context.printer.info(&format!(
            "open this address in any browser, sign in, and paste the code that it shows:\n{url}"
        ));
        let pasted = ask("Code: ").await?;
        let Some(response) = AuthorizationResponse::from_pasted(&pasted) else {
            return Err(CliError::usage("this is not the whole code").with_hint(
                "run `docket login` again and copy all of it, with the part after the #",
            ));
        };
        if response.state != self.attempt.state {
            let detail = "this code belongs to another sign-in";
            return Err(CliError::new(Exit::Denied, "sign-in", detail)
                .with_hint("use the address that this command has printed, not an earlier one"));
        }
        self.redeem(response, &redirect_uri).await
    }

    fn url(&self, redirect_uri: &str) -> Result<String> {
        self.domain
            .authorization_url(&self.attempt, self.provider, redirect_uri)
    }

    async fn redeem(&self, response: AuthorizationResponse, redirect_uri: &str) -> Result<Session> {
        let code = response.code?;
        self.domain
            .redeem(self.company, &self.attempt, &code, redirect_uri)
            .await
    }
}
