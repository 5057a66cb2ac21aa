//! The groups of a provider's answer, as they are stored, and the groups that a token gets from them.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::COMPANY_GROUPS_CLAIM;
use super::mapping::{Provider, SignInMapping};

/// The attribute of the user pool with the company's groups.
const ATTRIBUTE: &str = "custom:company_groups";
/// Cognito stores 2,048 characters (developer guide, "Mapping IdP attributes to profiles and tokens").
const MAX_ATTRIBUTE_BYTES: usize = 2_000;
/// Of the claim that says which groups arrived. API Gateway takes headers of 10,240 bytes in all.
const MAX_CLAIM_CHARS: usize = 500;

/// The value of the attribute. Only this function writes it: whatever a provider sends is replaced.
#[derive(Debug, Deserialize, Serialize)]
struct CompanyGroups {
    provider: String,
    groups: Vec<String>,
}

/// What the user pool stores of a provider's answer: subject, name, address, and the groups in a format of our own.
///
/// All attributes are written at each sign-in. Cognito would leave an attribute as it was if the answer lacks its claim
/// (developer guide, "Mapping IdP attributes to profiles and tokens"), and a user who left all groups would keep them.
///
/// # Errors
/// If the provider is not in `infra/sign-in.toml`.
pub fn answer_to_store(
    mapping: &SignInMapping,
    request: &Value,
) -> Result<Map<String, Value>, String> {
    let name = request["providerName"].as_str().unwrap_or_default();
    let provider = mapping
        .provider(name)
        .ok_or_else(|| format!("the provider {name:?} is not in infra/sign-in.toml"))?;
    let claims = claims(&request["attributes"]);
    let text = |claim: &str| {
        let value = claims.get(claim).and_then(Value::as_str);
        value.filter(|text| !text.is_empty())
    };
    let is_saml = !request["attributes"]["samlResponse"].is_null();
    let groups = claims.get(&provider.groups_claim);
    let groups = groups.map(|claim| group_names(claim, is_saml));
    let mut stored = Map::new();
    for claim in ["sub", "name"] {
        if let Some(value) = text(claim) {
            stored.insert(claim.to_owned(), value.into());
        }
    }
    let email = text(&provider.email_claim);
    let denied = matches!(claims.get("email_verified"), Some(Value::Bool(false)))
        || text("email_verified") == Some("false");
    let is_verified = !denied && email.is_some_and(|email| provider.vouches_for(email));
    // Also without an address: one of an earlier sign-in may be stored.
    stored.insert("email_verified".to_owned(), is_verified.to_string().into());
    if let Some(email) = email {
        stored.insert("email".to_owned(), email.into());
    }
    let groups = attribute(name, provider, groups.unwrap_or_default());
    stored.insert(ATTRIBUTE.to_owned(), groups.into());
    Ok(stored)
}

/// The claims of an answer: of the ID token before those of `userInfo`, or the attributes of a SAML assertion.
fn claims(attributes: &Value) -> Map<String, Value> {
    let mut all = Map::new();
    for part in ["userInfo", "samlResponse", "idToken"] {
        match &attributes[part] {
            Value::Object(claims) => all.extend(claims.clone()),
            // Cognito's reference does not say whether a part is an object or its JSON text.
            Value::String(text) => {
                all.extend(serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {}
        }
    }
    all
}

/// The names in a claim: a list, a list as JSON text, or one name. In a SAML assertion also a list as Cognito flattens one
/// (`[a, b]`, form-encoded); elsewhere that is the name of one group, which users of some companies can choose.
fn group_names(claim: &Value, is_saml: bool) -> Vec<String> {
    let texts = |values: &[Value]| -> Vec<String> {
        let names = values.iter().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    };
    match claim {
        Value::Array(values) => texts(values),
        Value::String(text) => {
            if let Ok(Value::Array(values)) = serde_json::from_str(text) {
                return texts(&values);
            }
            match text
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
                .filter(|_| is_saml)
            {
                Some(inner) => inner.split(',').filter_map(form_decoded).collect(),
                None => Some(text.clone())
                    .filter(|text| !text.is_empty())
                    .into_iter()
                    .collect(),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => vec![],
    }
}

fn form_decoded(name: &str) -> Option<String> {
    let spaced = name.trim().replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned()).filter(|name| !name.is_empty())
}

/// The attribute's text. Groups that give something come first, and are never cut off: `infra/generate.py` limits them.
fn attribute(provider_name: &str, provider: &Provider, groups: Vec<String>) -> String {
    let unique: BTreeSet<String> = groups.into_iter().collect();
    let (known, other): (Vec<String>, Vec<String>) =
        unique.into_iter().partition(|group| provider.knows(group));
    let mut value = CompanyGroups {
        provider: provider_name.to_owned(),
        groups: known,
    };
    let mut text = json!(value).to_string();
    for group in other {
        value.groups.push(group);
        let longer = json!(value).to_string();
        if longer.len() > MAX_ATTRIBUTE_BYTES {
            break;
        }
        text = longer;
    }
    text
}

/// What Cognito writes into an ID token instead of the user's own groups; `None` leaves the token as it is.
///
/// Only the profile that a provider's sign-in created gets groups from the company, and only if that provider wrote the
/// attribute. Users with a password keep the groups that operators put them into, whatever their attributes say; so do
/// those to whom operators linked a provider.
pub fn token_groups(mapping: &SignInMapping, user_name: &str, request: &Value) -> Option<Value> {
    let attributes = &request["userAttributes"];
    let text = |name: &str| attributes[name].as_str().unwrap_or_default();
    let own = own_provider(user_name, text("identities"));
    if own.is_none() && text("cognito:user_status") != "EXTERNAL_PROVIDER" {
        return None;
    }
    let sent: Option<CompanyGroups> = serde_json::from_str(text(ATTRIBUTE)).ok();
    let sent = sent.filter(|sent| own.as_deref() == Some(sent.provider.as_str()));
    let provider = own.as_deref().and_then(|name| mapping.provider(name));
    let company_groups = sent.map_or_else(Vec::new, |sent| sent.groups);
    let groups = provider.map_or_else(BTreeSet::new, |provider| {
        provider.groups_of(&company_groups)
    });
    let (tenants, roles): (Vec<&str>, Vec<&str>) = groups
        .iter()
        .partition(|group| group.starts_with("tenant:"));
    let mut added = Map::new();
    if tenants.is_empty() || roles.is_empty() {
        let label = provider.map_or("your company's provider", |provider| {
            provider.label.as_str()
        });
        added.insert(
            COMPANY_GROUPS_CLAIM.to_owned(),
            what_arrived(label, &company_groups).into(),
        );
    }
    Some(json!({
        "claimsToAddOrOverride": added,
        "claimsToSuppress": [ATTRIBUTE],
        "groupOverrideDetails": {"groupsToOverride": groups, "iamRolesToOverride": [], "preferredRole": null},
    }))
}

/// The provider whose sign-in created a profile. Cognito names such a profile `<provider>_<subject>`, in lower case where a
/// user pool does not distinguish upper and lower case.
fn own_provider(user_name: &str, identities: &str) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Identity {
        provider_name: String,
        user_id: String,
    }
    let identities: Vec<Identity> = serde_json::from_str(identities).ok()?;
    let own = identities.into_iter().find(|identity| {
        let name = format!("{}_{}", identity.provider_name, identity.user_id);
        name.to_lowercase() == user_name.to_lowercase()
    });
    own.map(|identity| identity.provider_name)
}

/// Which groups a provider sent, for the user whom they give no access.
fn what_arrived(label: &str, groups: &[String]) -> String {
    if groups.is_empty() {
        return format!("{label} sent no groups");
    }
    let text = format!("{label} sent the groups {}", groups.join(", "));
    if text.chars().count() <= MAX_CLAIM_CHARS {
        return text;
    }
    let cut: String = text.chars().take(MAX_CLAIM_CHARS).collect();
    format!("{cut} …")
}
