//! A program's own sign-in: `DOCKET_CLIENT_ID` and `DOCKET_CLIENT_SECRET`, for jobs of a CI system. Nothing is stored.

use api::types::ClientConfiguration;

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

#[derive(Clone)]
struct Token {
    access_token: String,
    expires_at: u64,
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
        self.token = Some(Token {
            expires_at: response.expires_at(),
            access_token: response.access_token.clone(),
        });
        Ok(response.access_token)
    }
}

fn half(given: &str, missing: &str) -> CliError {
    CliError::usage(format!("{given} is set, but {missing} is not"))
        .with_hint("set both, or neither")
}
