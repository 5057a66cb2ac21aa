//! Requests and responses of API Gateway's HTTP APIs (developer guide, "Create AWS Lambda proxy integrations for HTTP
//! APIs", payload format 2.0), with only the fields that are used.

use std::borrow::Cow;
use std::collections::BTreeMap;

use api::{ApiError, ClientProgram};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::handlers::json;

/// A request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpEvent {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: Headers,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: RequestContext,
}

/// The headers that are used. API Gateway writes their names in lower case.
#[derive(Debug, Default, Deserialize)]
struct Headers {
    #[serde(default, rename = "idempotency-key")]
    idempotency_key: Option<String>,
    #[serde(default, rename = "user-agent")]
    user_agent: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    http: Http,
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    stage: String,
    #[serde(default)]
    authorizer: Option<Authorizer>,
}

#[derive(Debug, Deserialize)]
struct Http {
    method: String,
}

#[derive(Debug, Deserialize)]
struct Authorizer {
    #[serde(default)]
    jwt: Option<Jwt>,
}

#[derive(Debug, Deserialize)]
struct Jwt {
    #[serde(default)]
    claims: BTreeMap<String, Value>,
}

impl HttpEvent {
    /// The method, in upper case.
    pub fn method(&self) -> &str {
        &self.request_context.http.method
    }

    /// API Gateway's request id.
    pub fn request_id(&self) -> &str {
        &self.request_context.request_id
    }

    /// The header `Idempotency-Key`. Several are joined with commas.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.headers.idempotency_key.as_deref()
    }

    /// From which program it came, as it says.
    pub fn program(&self) -> ClientProgram {
        ClientProgram::of_user_agent(self.headers.user_agent.as_deref())
    }

    /// The claims of the token, which API Gateway has verified; `None` if the route requires no token.
    pub fn claims(&self) -> Option<&BTreeMap<String, Value>> {
        let authorizer = self.request_context.authorizer.as_ref()?;
        authorizer.jwt.as_ref().map(|jwt| &jwt.claims)
    }

    /// The decoded segments of the path; `None` if one is not UTF-8.
    pub fn segments(&self) -> Option<Vec<String>> {
        // The path begins with the stage unless it is the default one.
        let stage = format!("/{}", self.request_context.stage);
        let path = self
            .raw_path
            .strip_prefix(&stage)
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .unwrap_or(&self.raw_path);
        let decode = |segment: &str| {
            let text = percent_decode_str(segment).decode_utf8().ok()?;
            Some(text.into_owned())
        };
        path.trim_matches('/').split('/').map(decode).collect()
    }

    /// The query's parameters.
    ///
    /// # Errors
    /// Names the parameter that is unknown, given twice or invalid.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        super::query::parse(&self.raw_query_string)
    }

    /// The JSON body.
    ///
    /// # Errors
    /// Says why the body is invalid.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let invalid = |error: String| ApiError::BadRequest(format!("the body is invalid: {error}"));
        let body = self.body.as_deref().unwrap_or_default();
        let decoded;
        let bytes = if self.is_base64_encoded {
            decoded = BASE64_STANDARD
                .decode(body)
                .map_err(|error| invalid(error.to_string()))?;
            decoded.as_slice()
        } else {
            body.as_bytes()
        };
        if bytes.is_empty() {
            return Err(invalid("it is empty; send JSON".to_owned()));
        }
        json::from_slice(bytes).map_err(|error| invalid(error.to_string()))
    }
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpResponse {
    pub status_code: u16,
    pub headers: BTreeMap<&'static str, Cow<'static, str>>,
    /// JSON, HTML, or empty.
    pub body: String,
}

impl HttpResponse {
    /// A response without a body.
    pub fn empty(status_code: u16) -> Self {
        Self {
            status_code,
            // Responses hold the caller's own data.
            headers: BTreeMap::from([("cache-control", Cow::Borrowed("no-store"))]),
            body: String::new(),
        }
    }

    /// A response with JSON.
    pub fn json(status_code: u16, content_type: &'static str, body: String) -> Self {
        let response = Self {
            body,
            ..Self::empty(status_code)
        };
        // A browser must not interpret text of users as HTML.
        response
            .with_header("content-type", content_type)
            .with_header("x-content-type-options", "nosniff")
    }

    /// A response with a page of ours, which loads nothing and whose form is sent to the same address.
    pub fn html(status_code: u16, body: String) -> Self {
        const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
        Self::json(status_code, "text/html; charset=utf-8", body)
            .with_header("content-security-policy", POLICY)
            .with_header("referrer-policy", "no-referrer")
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.insert(name, value.into());
        self
    }
}
