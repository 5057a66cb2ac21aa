//! Requests and replies as API Gateway's HTTP APIs carry them (developer guide, "AWS Lambda proxy integrations for HTTP
//! APIs", payload format 2.0). Only the fields that are used: ADR 17 says what the library's types would cost.

use std::collections::BTreeMap;

use api::ApiError;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpEvent {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: Context,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
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
    /// The method, in capitals.
    pub fn method(&self) -> &str {
        &self.request_context.http.method
    }

    /// API Gateway's name for the request.
    pub fn request_id(&self) -> &str {
        &self.request_context.request_id
    }

    /// The claims of the token that API Gateway has checked; none if the route asks for no token.
    pub fn claims(&self) -> Option<&BTreeMap<String, Value>> {
        let authorizer = self.request_context.authorizer.as_ref()?;
        authorizer.jwt.as_ref().map(|jwt| &jwt.claims)
    }

    /// The segments of the path, decoded; none if it is not UTF-8.
    pub fn segments(&self) -> Option<Vec<String>> {
        // A named stage stands before the path; the default one does not.
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
    /// Names the parameter that is unknown or of the wrong type.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let mut fields = serde_json::Map::new();
        for pair in self
            .raw_query_string
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| {
                let spaced = text.replace('+', " ");
                let text = percent_decode_str(&spaced).decode_utf8();
                text.map(std::borrow::Cow::into_owned)
                    .map_err(|_| ApiError::BadRequest("the query is not UTF-8".to_owned()))
            };
            let (name, value) = (decode(name)?, decode(value)?);
            // The numbers among the parameters are times and counts.
            let value = match value.parse::<u64>() {
                Ok(number) if NUMBERS.contains(&name.as_str()) => Value::from(number),
                Ok(_) | Err(_) => Value::from(value),
            };
            if fields.insert(name.clone(), value).is_some() {
                return Err(ApiError::BadRequest(format!(
                    "the parameter {name} is given twice"
                )));
            }
        }
        serde_json::from_value(Value::Object(fields))
            .map_err(|error| ApiError::BadRequest(format!("the query: {error}")))
    }

    /// The body.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let wrong = |error: String| ApiError::BadRequest(format!("the body: {error}"));
        let body = self.body.as_deref().unwrap_or_default();
        let decoded;
        let bytes = if self.is_base64_encoded {
            decoded = BASE64_STANDARD
                .decode(body)
                .map_err(|error| wrong(error.to_string()))?;
            decoded.as_slice()
        } else {
            body.as_bytes()
        };
        if bytes.is_empty() {
            return Err(wrong("it is empty; send JSON".to_owned()));
        }
        serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))
    }
}

/// The parameters that are numbers.
const NUMBERS: [&str; 2] = ["since", "limit"];

/// A reply.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpReply {
    /// The status.
    pub status_code: u16,
    /// The headers.
    pub headers: BTreeMap<&'static str, &'static str>,
    /// The body, JSON if there is one.
    pub body: String,
}

impl HttpReply {
    /// A reply without a body.
    pub fn empty(status_code: u16) -> Self {
        Self {
            status_code,
            // Responses hold data of one person or tenant, so none may be stored.
            headers: BTreeMap::from([("cache-control", "no-store")]),
            body: String::new(),
        }
    }

    /// A reply of JSON.
    pub fn json(status_code: u16, content_type: &'static str, body: &Value) -> Self {
        let reply = Self {
            body: body.to_string(),
            ..Self::empty(status_code)
        };
        // Browsers must never take text of users for a page.
        reply
            .with("content-type", content_type)
            .with("x-content-type-options", "nosniff")
    }

    /// The reply with a header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(name, value);
        self
    }
}
