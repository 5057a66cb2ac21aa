//! A program's own sign-in: `DOCKET_CLIENT_ID` and `DOCKET_CLIENT_SECRET`, for jobs of a CI system. The token is
//! stored, so that a program that runs many commands signs in once an hour.

use std::collections::BTreeMap;
use std::path::PathBuf;

use api::types::ClientConfiguration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config;
use crate::error::{CliError, Result};
use crate::http_client::HttpClient;
use crate::oauth::Domain;

const CLIENT_ID: &str = "DOCKET_CLIENT_ID";
const CLIENT_SECRET: &str = "DOCKET_CLIENT_SECRET";

/// The client's id and secret, and the token that they brought last.
#[derive(Clone)]
pub(crate) struct MachineClient {
    id: String,
    secret: String,
    token: Option<Token>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Token {
    access_token: String,
    /// By this machine's clock.
    expires_at: u64,
}

/// The file of tokens, readable only by its owner. By [`MachineClient::key`].
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
struct StoredTokens(BTreeMap<String, Token>);

impl StoredTokens {
    fn path() -> Result<PathBuf> {
        Ok(config::config_dir()?.join("program-tokens.json"))
    }

    /// A file that is missing or cannot be read has no tokens: the next one replaces it.
    fn load() -> Self {
        let text = Self::path().ok().and_then(|path| std::fs::read(path).ok());
        let tokens = text.and_then(|text| serde_json::from_slice(&text).ok());
        tokens.unwrap_or_default()
    }

    /// Adds a token and drops those that have expired. Without a place for it, the next command signs in again.
    fn add(key: String, token: Token) {
        let Self(mut tokens) = Self::load();
        let now = config::now();
        tokens.retain(|_, token| token.expires_at > now);
        tokens.insert(key, token);
        if let (Ok(path), Ok(text)) = (Self::path(), serde_json::to_vec_pretty(&Self(tokens))) {
            config::write_private(&path, &text).ok();
        }
    }
}

impl std::fmt::Debug for MachineClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The secret must not get into logs.
        f.debug_struct("MachineClient")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl MachineClient {
    /// `None` if the environment names no client.
    pub(crate) fn from_environment() -> Result<Option<Self>> {
        match (config::variable(CLIENT_ID), config::variable(CLIENT_SECRET)) {
            (Some(id), Some(secret)) => Ok(Some(Self {
                id,
                secret,
                token: None,
            })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(half(CLIENT_ID, CLIENT_SECRET)),
            (None, Some(_)) => Err(half(CLIENT_SECRET, CLIENT_ID)),
        }
    }

    /// The same, with the token that an earlier command got from this service.
    pub(crate) fn with_stored_token(mut self, api: &str) -> Self {
        self.token = StoredTokens::load().0.remove(&self.key(api));
        self
    }

    /// Names the token of this client at a service. Another secret has another token: a wrong one must be refused.
    fn key(&self, api: &str) -> String {
        let hash = Sha256::digest(self.secret.as_bytes());
        format!("{api} {} {}", self.id, jobs::id::hex(&hash))
    }

    /// The token that was fetched last, if it stays valid for at least `margin_ms`.
    pub(crate) fn token(&self, margin_ms: u64) -> Option<String> {
        let token = self.token.as_ref()?;
        (token.expires_at > config::now() + margin_ms).then(|| token.access_token.clone())
    }

    /// Whether a token is the one that was fetched last.
    pub(crate) fn is_current(&self, token: &str) -> bool {
        self.token
            .as_ref()
            .is_some_and(|current| current.access_token == token)
    }

    pub(crate) async fn fetch_token(
        &mut self,
        http: &HttpClient,
        configuration: &ClientConfiguration,
        api: &str,
    ) -> Result<String> {
        let Some(company) = &configuration.company_sign_in else {
            return Err(
                CliError::usage("this service has no clients for programs").with_hint(format!(
                    "unset {CLIENT_ID} and {CLIENT_SECRET}, and run `docket login`"
                )),
            );
        };
        let domain = Domain {
            http,
            url: &company.url,
            client_id: &self.id,
        };
        let response = domain.client_credentials(&self.secret).await?;
        let token = Token {
            expires_at: response.expires_at(),
            access_token: response.access_token.clone(),
        };
        StoredTokens::add(self.key(api), token.clone());
        self.token = Some(token);
        Ok(response.access_token)
    }
}

fn half(given: &str, missing: &str) -> CliError {
    CliError::usage(format!("{given} is set, but {missing} is not"))
        .with_hint("set both, or neither")
}
