//! Function `sign-in-groups`: which groups the users of a company get.
//!
//! Amazon Cognito invokes it at two points (developer guide, "Inbound federation Lambda trigger", "Pre token generation
//! Lambda trigger"). When a company's provider has answered, it reduces the answer to what the user pool stores. Before
//! each ID token, it turns the stored groups of the company into groups of Docket.

mod company;
mod mapping;

use lambda_runtime::{Error, LambdaEvent};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::{info, warn};

use crate::config::{Has, variable};
use crate::environment;
pub use company::{answer_to_store, token_groups};
pub use mapping::SignInMapping;

environment! {
    pub struct Environment {
        mapping: SignInMapping,
    }
}

/// The claim with the groups that a company's provider sent, in an ID token of a user who got no access from them.
pub const COMPANY_GROUPS_CLAIM: &str = "company_groups";

/// An event of Cognito. The answer is the event with its `response` filled in.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerEvent {
    trigger_source: String,
    #[serde(default)]
    user_name: String,
    request: Value,
    #[serde(default)]
    response: Value,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Reads the mapping from the function's environment.
///
/// # Errors
/// If it is not what `infra/generate.py` writes. Lambda then reports that the function fails to start.
pub fn mapping<E: Has<variable::SignInMapping>>(environment: &E) -> Result<SignInMapping, Error> {
    let text = Has::<variable::SignInMapping>::value(environment);
    serde_json::from_str(text).map_err(|error| {
        format!("SIGN_IN_MAPPING is not what infra/generate.py writes: {error}").into()
    })
}

/// Answers one event.
///
/// - **Input**: an answer of a company's provider that Cognito has verified, or a token that Cognito is about to issue.
/// - **On bad input**, **On failure**: an error; Cognito then refuses the sign-in.
///
/// # Errors
/// If the event is of another trigger, or of a provider that is not in `infra/sign-in.toml`.
pub async fn handle(
    mapping: &SignInMapping,
    event: LambdaEvent<TriggerEvent>,
) -> Result<TriggerEvent, Error> {
    let mut event = event.payload;
    let source = event.trigger_source.as_str();
    if source == "InboundFederation_ExternalProvider" {
        let attributes = answer_to_store(mapping, &event.request)?;
        info!(
            provider = event.request["providerName"].as_str(),
            "a company signed a user in"
        );
        event.response = serde_json::json!({"userAttributesToMap": attributes});
    } else if source.starts_with("TokenGeneration_") {
        if let Some(details) = token_groups(mapping, &event.user_name, &event.request) {
            event.response = serde_json::json!({"claimsOverrideDetails": details});
        }
    } else {
        warn!(source, "unknown trigger");
        return Err(format!("sign-in-groups is not made for the trigger {source}").into());
    }
    Ok(event)
}
