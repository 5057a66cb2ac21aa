//! The stored sign-ins: one file, readable only by its owner. There is one sign-in per API address, so that a token is
//! only sent to the API that it was issued for. Where the operating system has a keyring, the tokens are there, and the
//! file says so.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config;
use crate::error::{CliError, Exit, Result};
use crate::keyring::{self, KeyringError};
use crate::prompt::blocking;

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
    /// The tokens are in the keyring. Those below are empty until they are read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) in_keyring: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) id_token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
    /// When the ID token expires, by this machine's clock.
    pub(crate) expires_at: u64,
}

/// What the keyring keeps.
#[derive(Serialize, Deserialize)]
struct KeyringTokens {
    id_token: String,
    refresh_token: Option<String>,
}

/// Where the tokens of a sign-in are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenPlace {
    Keyring,
    File,
    /// In the file, because the keyring does not work.
    FileBecause(String),
}

impl Session {
    /// Puts the tokens into the keyring, if there is one. Returns what the file keeps: all of it, if the keyring failed.
    fn into_stored(mut self, api: &str) -> (Self, TokenPlace) {
        let tokens = KeyringTokens {
            id_token: self.id_token.clone(),
            refresh_token: self.refresh_token.clone(),
        };
        let written = serde_json::to_string(&tokens)
            .map_err(|error| KeyringError::Broken(error.to_string()))
            .and_then(|secret| keyring::write(api, secret));
        self.in_keyring = written.is_ok();
        let place = match written {
            Ok(()) => {
                self.id_token.clear();
                self.refresh_token = None;
                TokenPlace::Keyring
            }
            Err(KeyringError::Absent) => TokenPlace::File,
            Err(KeyringError::Broken(why)) => TokenPlace::FileBecause(why),
        };
        (self, place)
    }

    /// Reads the tokens from the keyring, if they are there and have not been read yet.
    pub(crate) async fn read_tokens(&mut self, api: &str) -> Result<()> {
        if !self.in_keyring || !self.id_token.is_empty() {
            return Ok(());
        }
        let account = api.to_owned();
        let found = blocking(move || keyring::read(&account)).await?;
        let unreadable = |why: &str| {
            let detail = format!("the sign-in is in the keyring, which cannot be read: {why}");
            CliError::new(Exit::Denied, "keyring", detail)
                .with_hint("unlock the keyring, or run `docket login` with DOCKET_KEYRING=off")
        };
        let secret = match found {
            Ok(Some(secret)) => secret,
            Ok(None) => {
                return Err(CliError::not_signed_in(
                    "the sign-in is no longer in the keyring",
                ));
            }
            Err(KeyringError::Absent) => return Err(unreadable("there is none here now")),
            Err(KeyringError::Broken(why)) => return Err(unreadable(&why)),
        };
        let tokens: KeyringTokens =
            serde_json::from_str(&secret).map_err(|error| unreadable(&error.to_string()))?;
        self.id_token = tokens.id_token;
        self.refresh_token = tokens.refresh_token;
        Ok(())
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // KeyringTokens must not get into logs.
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

    fn save(&self) -> Result<()> {
        let path = Self::path()?;
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| CliError::local(format!("cannot save the sign-in: {error}")))?;
        config::write_private(&path, &text)
            .map_err(|error| CliError::local(format!("cannot write {}: {error}", path.display())))
    }

    /// Stores one sign-in; with `is_default`, its service is the one that commands use if they name none. The file is read
    /// again first, since another command may have changed it meanwhile.
    pub(crate) async fn set(api: &str, session: Session, is_default: bool) -> Result<TokenPlace> {
        let account = api.to_owned();
        let (stored, place) = blocking(move || session.into_stored(&account)).await?;
        let mut all = Self::load()?;
        if is_default {
            all.api = Some(api.to_owned());
        }
        all.sign_ins.insert(api.to_owned(), stored);
        all.save()?;
        Ok(place)
    }

    /// Deletes one sign-in, from the file and the keyring. Returns why it may still be in the keyring.
    pub(crate) async fn delete(api: &str) -> Result<Option<String>> {
        let mut all = Self::load()?;
        all.sign_ins.remove(api);
        all.save()?;
        let account = api.to_owned();
        // Also if the file had the tokens: they may have been in the keyring before.
        Ok(match blocking(move || keyring::delete(&account)).await? {
            Ok(()) | Err(KeyringError::Absent) => None,
            Err(KeyringError::Broken(why)) => Some(why),
        })
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

    fn session() -> Session {
        Session {
            sign_in_url: "https://sign.in".to_owned(),
            client_id: "client".to_owned(),
            domain_url: None,
            email: "a@example.com".to_owned(),
            in_keyring: false,
            id_token: "secret-1".to_owned(),
            refresh_token: Some("secret-2".to_owned()),
            expires_at: 1,
        }
    }

    #[test]
    fn debug_output_of_a_session_contains_no_tokens() {
        assert!(!format!("{:?}", session()).contains("secret"));
    }

    #[tokio::test]
    async fn tokens_are_in_the_keyring_and_not_in_the_file() {
        keyring::tests::in_memory();
        let (mut stored, place) = session().into_stored("https://in-keyring");
        assert_eq!(place, TokenPlace::Keyring);
        let file = serde_json::to_string(&stored).unwrap();
        assert!(
            !file.contains("secret") && file.contains("\"in_keyring\":true"),
            "{file}"
        );
        stored.read_tokens("https://in-keyring").await.unwrap();
        let read = Session {
            in_keyring: true,
            ..session()
        };
        assert_eq!(stored, read);
    }

    #[tokio::test]
    async fn sign_in_is_in_the_file_if_the_keyring_is_locked_and_later_in_the_keyring_again() {
        keyring::tests::in_memory();
        let api = "https://locked";
        keyring::tests::lock_once(api);
        let (stored, place) = session().into_stored(api);
        assert!(matches!(place, TokenPlace::FileBecause(why) if why.contains("locked")));
        assert_eq!(stored, session());
        let (mut stored, place) = stored.into_stored(api);
        assert_eq!(place, TokenPlace::Keyring);
        // A keyring that cannot be read now loses nothing: the next command may read it.
        let before = stored.clone();
        keyring::tests::lock_once(api);
        let error = stored.read_tokens(api).await.unwrap_err();
        assert_eq!(error.kind(), "keyring");
        assert_eq!(stored, before);
        stored.read_tokens(api).await.unwrap();
        assert_eq!(stored.id_token, "secret-1");
        keyring::delete(api).unwrap();
        let error = before.clone().read_tokens(api).await.unwrap_err();
        assert_eq!(error.kind(), "not-signed-in");
    }
}
