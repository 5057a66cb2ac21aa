//! The stored sign-ins: one file, readable only by its owner. There is one sign-in per API address, so that a token is
//! only sent to the API that it was issued for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config;
use crate::error::{CliError, Result};

/// A sign-in at one API.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Address of the Amazon Cognito user pools API, of a sign-in by password.
    pub(crate) sign_in_url: String,
    pub(crate) client_id: String,
    /// Base URL of the user pool's domain, of a sign-in by the company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) domain_url: Option<String>,
    pub(crate) email: String,
    pub(crate) id_token: String,
    pub(crate) refresh_token: Option<String>,
    /// When the ID token expires, by this machine's clock.
    pub(crate) expires_at: u64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Tokens must not get into logs.
        f.debug_struct("Session")
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Sessions {
    /// Address of the last login. It is used if the command line and the environment name none.
    pub(crate) api: Option<String>,
    /// By the address of the API.
    pub(crate) sign_ins: BTreeMap<String, Session>,
}

impl Sessions {
    pub(crate) fn path() -> Result<PathBuf> {
        Ok(config::config_dir()?.join("sign-in.json"))
    }

    /// Reads the file. A missing file means no sign-ins.
    pub(crate) fn load() -> Result<Self> {
        let path = Self::path()?;
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                CliError::local(format!("cannot read {}: {error}", path.display()))
                    .with_hint("delete it and run `docket login`")
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(CliError::local(format!(
                "cannot read {}: {error}",
                path.display()
            ))),
        }
    }

    pub(crate) fn save(&self) -> Result<()> {
        let path = Self::path()?;
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| CliError::local(format!("cannot save the sign-in: {error}")))?;
        config::write_private(&path, &text)
            .map_err(|error| CliError::local(format!("cannot write {}: {error}", path.display())))
    }

    /// Sets or removes one sign-in. The file is read again first, since another command may have changed it meanwhile.
    pub(crate) fn update(api: &str, session: Option<Session>) -> Result<()> {
        let mut all = Self::load()?;
        match session {
            Some(session) => all.sign_ins.insert(api.to_owned(), session),
            None => all.sign_ins.remove(api),
        };
        all.save()
    }
}

/// Checks the address of an API and removes slashes at its end. Plain HTTP is allowed only to this machine, since
/// passwords and tokens are sent to the address.
pub(crate) fn parse_api_address(text: &str) -> Result<String> {
    let text = text.trim().trim_end_matches('/');
    let invalid =
        |why: &str| CliError::usage(format!("`{text}` is not a valid API address: {why}"));
    let uri: http::Uri = text
        .parse()
        .map_err(|_| invalid("it should look like https://api.example.com"))?;
    if uri.query().is_some() {
        return Err(invalid("it must not contain a query"));
    }
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else {
        return Err(invalid("it should look like https://api.example.com"));
    };
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err(invalid("it must not contain a user name"));
    }
    match uri.scheme_str() {
        Some("https") => Ok(text.to_owned()),
        Some("http") if is_loopback_host(host) => Ok(text.to_owned()),
        Some("http") => Err(invalid(
            "http:// would send passwords unencrypted; use https://",
        )),
        _ => Err(invalid("it must start with https://")),
    }
}

/// Whether a host name or address always means this machine. Does not ask DNS.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_address_loses_trailing_slashes() {
        let parsed = |text| parse_api_address(text).unwrap();
        assert_eq!(
            parsed("https://api.example.com/"),
            "https://api.example.com"
        );
        assert_eq!(parsed("https://example.com/v1//"), "https://example.com/v1");
        assert_eq!(parsed(" http://127.0.0.1:4000 "), "http://127.0.0.1:4000");
        assert_eq!(parsed("http://[::1]:4000"), "http://[::1]:4000");
        assert_eq!(parsed("http://api.localhost:1"), "http://api.localhost:1");
    }

    #[test]
    fn api_address_without_tls_is_rejected_unless_it_is_this_machine() {
        for text in [
            "http://api.example.com",
            "http://localhost.example.com",
            "http://127.0.0.1@example.com",
            "https://me@example.com",
            "https://example.com?x=1",
            "ftp://127.0.0.1",
            "api.example.com",
            "",
        ] {
            assert!(parse_api_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn debug_output_of_a_session_contains_no_tokens() {
        let session = Session {
            sign_in_url: "https://sign.in".to_owned(),
            client_id: "client".to_owned(),
            domain_url: None,
            email: "a@example.com".to_owned(),
            id_token: "secret-1".to_owned(),
            refresh_token: Some("secret-2".to_owned()),
            expires_at: 1,
        };
        assert!(!format!("{session:?}").contains("secret"));
    }
}
