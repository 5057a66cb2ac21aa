//! Who is signed in where: a file that only its owner can read. Tokens go to the API that they were made for and to
//! nobody else, so there is one sign-in an address.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config;
use crate::exit::{Failure, Outcome};

/// A sign-in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The address of the user pools API.
    pub(crate) sign_in_url: String,
    /// The client id.
    pub(crate) client_id: String,
    /// Who signed in.
    pub(crate) email: String,
    /// What requests carry.
    pub(crate) id_token: String,
    /// What a new one is had with.
    pub(crate) refresh_token: Option<String>,
    /// When the ID token ends, by this machine's clock.
    pub(crate) expires_at: u64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Tokens are for nobody's eyes.
        f.debug_struct("Session")
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

/// All sign-ins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Sessions {
    /// The API that is meant if none is named.
    pub(crate) api: Option<String>,
    /// By the API's address.
    pub(crate) sign_ins: BTreeMap<String, Session>,
}

impl Sessions {
    /// Where they are kept.
    pub(crate) fn path() -> Outcome<PathBuf> {
        Ok(config::config_dir()?.join("sign-in.json"))
    }

    /// Reads them; none yet is none.
    pub(crate) fn load() -> Outcome<Self> {
        let path = Self::path()?;
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                Failure::here(format!("{} cannot be understood: {error}", path.display()))
                    .hint("remove it and run `docket login`")
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Failure::here(format!(
                "cannot read {}: {error}",
                path.display()
            ))),
        }
    }

    /// Writes them.
    pub(crate) fn save(&self) -> Outcome<()> {
        let path = Self::path()?;
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::here(format!("cannot save the sign-in: {error}")))?;
        config::write_private(&path, &text)
            .map_err(|error| Failure::here(format!("cannot write {}: {error}", path.display())))
    }

    /// Changes one sign-in. The file is read again first: another command may have changed another one.
    pub(crate) fn update(api: &str, session: Option<Session>) -> Outcome<()> {
        let mut all = Self::load()?;
        match session {
            Some(session) => all.sign_ins.insert(api.to_owned(), session),
            None => all.sign_ins.remove(api),
        };
        all.save()
    }
}

/// The address of an API as it is kept: `https://…` without a slash at the end. Passwords and tokens travel over it,
/// so it is plain HTTP only on this machine.
pub(crate) fn api_address(text: &str) -> Outcome<String> {
    let text = text.trim().trim_end_matches('/');
    let wrong = |why: &str| Failure::usage(format!("`{text}` is no address of an API: {why}"));
    let uri: http::Uri = text
        .parse()
        .map_err(|_| wrong("it should look like https://api.example.com"))?;
    if uri.query().is_some() {
        return Err(wrong("it has a query"));
    }
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else {
        return Err(wrong("it should look like https://api.example.com"));
    };
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err(wrong("it has a user name in it"));
    }
    match uri.scheme_str() {
        Some("https") => Ok(text.to_owned()),
        Some("http") if is_this_machine(host) => Ok(text.to_owned()),
        Some("http") => Err(wrong("passwords do not travel over http://; use https://")),
        _ => Err(wrong("it must begin with https://")),
    }
}

/// Whether a host is this machine by its name alone.
pub(crate) fn is_this_machine(host: &str) -> bool {
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
    fn addresses_are_kept_without_the_last_slash() {
        let kept = |text| api_address(text).unwrap();
        assert_eq!(kept("https://api.example.com/"), "https://api.example.com");
        assert_eq!(kept("https://example.com/v1//"), "https://example.com/v1");
        assert_eq!(kept(" http://127.0.0.1:4000 "), "http://127.0.0.1:4000");
        assert_eq!(kept("http://[::1]:4000"), "http://[::1]:4000");
        assert_eq!(kept("http://api.localhost:1"), "http://api.localhost:1");
    }

    #[test]
    fn passwords_travel_over_tls_or_not_at_all() {
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
            assert!(api_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tokens_are_not_shown() {
        let session = Session {
            sign_in_url: "https://sign.in".to_owned(),
            client_id: "client".to_owned(),
            email: "a@example.com".to_owned(),
            id_token: "secret-1".to_owned(),
            refresh_token: Some("secret-2".to_owned()),
            expires_at: 1,
        };
        assert!(!format!("{session:?}").contains("secret"));
    }
}
