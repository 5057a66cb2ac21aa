//! Which groups a company's users get, and what a provider or a user cannot make of them.

use functions::handlers::sign_in_groups::{
    COMPANY_GROUPS_CLAIM, SignInMapping, TriggerEvent, handle,
};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};

use super::fixtures::run;

const SIGNED_IN: &str = include_str!("../../../../events/sign-in-groups/company-signed-in.json");
const ID_TOKEN: &str = include_str!("../../../../events/sign-in-groups/id-token.json");
const ATTRIBUTE: &str = "custom:company_groups";

fn mapping() -> SignInMapping {
    serde_json::from_value(json!({
        "Acme": {"label": "Acme Corporation", "email_claim": "email", "email_domains": ["acme.example"], "groups_claim": "groups", "groups": {
            "legal-customers": ["customer", "tenant:acme"],
            "legal-reviewers": ["reviewer", "tenant:acme"],
            "Legal, Review & Audit": ["reviewer"],
        }},
        "Globex": {"label": "Globex", "email_claim": "mail", "email_domains": ["globex.example"], "groups_claim": "memberOf", "groups": {
            "legal-reviewers": ["reviewer", "tenant:globex"],
            "helpdesk": ["support"],
        }},
    }))
    .unwrap()
}

fn answer(event: Value) -> Result<Value, String> {
    let event: TriggerEvent = serde_json::from_value(event).unwrap();
    run(handle(
        &mapping(),
        LambdaEvent::new(event, Context::default()),
    ))
    .map(|event| serde_json::to_value(event).unwrap())
    .map_err(|error| error.to_string())
}

fn event(text: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut event = serde_json::from_str(text).unwrap();
    change(&mut event);
    event
}

/// What the user pool stores after a provider's answer.
fn stored(change: impl FnOnce(&mut Value)) -> Value {
    let event = event(SIGNED_IN, |event| change(&mut event["request"]));
    answer(event).unwrap()["response"]["userAttributesToMap"].clone()
}

/// The groups of the company that the user pool stores.
fn stored_groups(change: impl FnOnce(&mut Value)) -> Value {
    let stored = stored(change);
    serde_json::from_str(stored[ATTRIBUTE].as_str().unwrap()).unwrap()
}

/// What a token gets instead of the user's own groups; `null` for nothing.
fn details(change: impl FnOnce(&mut Value)) -> Value {
    answer(event(ID_TOKEN, change)).unwrap()["response"]["claimsOverrideDetails"].clone()
}

fn token_groups(change: impl FnOnce(&mut Value)) -> Value {
    details(change)["groupOverrideDetails"]["groupsToOverride"].clone()
}

fn attributes(event: &mut Value) -> &mut Value {
    &mut event["request"]["userAttributes"]
}

#[test]
fn groups_of_the_company_become_the_groups_that_are_listed_for_its_provider() {
    let whole = answer(serde_json::from_str(SIGNED_IN).unwrap()).unwrap();
    assert_eq!(
        whole["response"]["userAttributesToMap"],
        json!({
            "sub": "00u1abcd2EFGH3ijk4l5", "name": "Rita Reviewer", "email": "rita@acme.example", "email_verified": "true",
            ATTRIBUTE: "{\"groups\":[\"legal-reviewers\",\"everyone\"],\"provider\":\"Acme\"}",
        })
    );
    for kept in ["version", "region", "userPoolId", "callerContext"] {
        assert!(
            !whole[kept].is_null(),
            "Cognito wants its event back: {kept}"
        );
    }
    let details = details(|_| {});
    assert_eq!(
        details["groupOverrideDetails"]["groupsToOverride"],
        json!(["reviewer", "tenant:acme"]),
        "and not Cognito's own group of the provider's users"
    );
    assert_eq!(details["claimsToSuppress"], json!([ATTRIBUTE]));
    assert_eq!(details["claimsToAddOrOverride"], json!({}));
}

#[test]
fn groups_are_read_in_every_format_in_which_they_may_arrive() {
    let two = json!(["Legal, Review & Audit", "legal-reviewers"]);
    for claim in [
        json!([
            "legal-reviewers",
            "Legal, Review & Audit",
            "legal-reviewers"
        ]),
        json!("[\"legal-reviewers\",\"Legal, Review & Audit\"]"),
    ] {
        let found =
            stored_groups(|request| request["attributes"]["idToken"]["groups"] = claim.clone());
        assert_eq!(found["groups"], two, "{claim}");
    }
    let one = stored_groups(|request| {
        request["attributes"]["idToken"]["groups"] = json!("Legal, Review & Audit")
    });
    assert_eq!(one["groups"], json!(["Legal, Review & Audit"]));
    for none in [
        json!(null),
        json!(""),
        json!("[]"),
        json!([]),
        json!(7),
        json!({"a": "b"}),
    ] {
        let found = stored_groups(|request| request["attributes"]["idToken"]["groups"] = none);
        assert_eq!(found["groups"], json!([]));
    }
    // Parts as JSON text, and the attributes of a SAML assertion.
    let text = stored_groups(|request| {
        let claims = request["attributes"]["idToken"].to_string();
        request["attributes"] = json!({"idToken": claims});
    });
    assert_eq!(text["groups"], json!(["legal-reviewers", "everyone"]));
    let saml = stored(|request| {
        *request = json!({"providerName": "Globex", "providerType": "SAML", "attributes": {
            "samlResponse": {"mail": "hans@globex.example", "memberOf": "[helpdesk, Legal%2C+Review+%26+Audit]"}}});
    });
    assert_eq!(
        saml,
        json!({"email": "hans@globex.example", "email_verified": "true", ATTRIBUTE: "{\"groups\":[\"helpdesk\",\"Legal, Review & Audit\"],\"provider\":\"Globex\"}"})
    );
}

/// Only Cognito writes a list like this, and only of a SAML assertion.
#[test]
fn name_in_brackets_is_one_group_in_a_token() {
    for name in ["[everyone, legal-reviewers]", "[legal-reviewers]"] {
        let found =
            stored_groups(|request| request["attributes"]["idToken"]["groups"] = json!(name));
        assert_eq!(found["groups"], json!([name]));
    }
}

#[test]
fn user_who_left_all_groups_keeps_none_although_the_claim_is_missing() {
    let found = stored_groups(|request| {
        request["attributes"]["idToken"]
            .as_object_mut()
            .unwrap()
            .remove("groups");
    });
    assert_eq!(found, json!({"provider": "Acme", "groups": []}));
}

#[test]
fn provider_cannot_write_the_attribute_itself_or_give_the_groups_of_another() {
    // Groups named like ours, and a claim named like the attribute.
    let forged = stored(|request| {
        let claims = &mut request["attributes"]["idToken"];
        claims["groups"] = json!(["support", "tenant:globex", "helpdesk", "reviewer"]);
        claims[ATTRIBUTE] = json!("{\"provider\":\"Globex\",\"groups\":[\"helpdesk\"]}");
        claims["cognito:groups"] = json!(["support"]);
        claims["identities"] = json!("[]");
    });
    let names: Vec<&String> = forged.as_object().unwrap().keys().collect();
    assert_eq!(names, [ATTRIBUTE, "email", "email_verified", "name", "sub"]);
    let groups = token_groups(|event| attributes(event)[ATTRIBUTE] = forged[ATTRIBUTE].clone());
    assert_eq!(groups, json!([]), "{forged}");
    // The same name means what it means for the own provider.
    let globex = token_groups(|event| {
        event["userName"] = json!("globex_7");
        attributes(event)["identities"] = json!("[{\"providerName\":\"Globex\",\"userId\":\"7\"}]");
        attributes(event)[ATTRIBUTE] =
            json!("{\"provider\":\"Globex\",\"groups\":[\"legal-reviewers\"]}");
    });
    assert_eq!(globex, json!(["reviewer", "tenant:globex"]));
}

#[test]
fn attribute_that_another_provider_or_another_hand_wrote_gives_nothing() {
    for value in [
        "{\"provider\":\"Globex\",\"groups\":[\"helpdesk\",\"legal-reviewers\"]}",
        "{\"provider\":\"acme\",\"groups\":[\"legal-reviewers\"]}",
        "[legal-reviewers]",
        "legal-reviewers",
        "support",
        "[\"support\"]",
        "",
    ] {
        let groups = token_groups(|event| attributes(event)[ATTRIBUTE] = json!(value));
        assert_eq!(groups, json!([]), "{value}");
    }
    // A profile of Acme that operators linked to Globex too: the last sign-in was by Globex.
    let linked = token_groups(|event| {
        attributes(event)["identities"] = json!(
            "[{\"providerName\":\"Globex\",\"userId\":\"7\"},{\"providerName\":\"Acme\",\"userId\":\"00u1abcd2EFGH3ijk4l5\"}]"
        );
        attributes(event)[ATTRIBUTE] = json!("{\"provider\":\"Globex\",\"groups\":[\"helpdesk\"]}");
    });
    assert_eq!(linked, json!([]));
}

#[test]
fn user_with_a_password_keeps_the_groups_of_the_pool_whatever_the_attributes_say() {
    let own = json!({"claimsOverrideDetails": null});
    for identities in [
        Value::Null,
        json!("[{\"providerName\":\"Acme\",\"userId\":\"00u1abcd2EFGH3ijk4l5\"}]"),
        json!("not JSON"),
    ] {
        let event = event(ID_TOKEN, |event| {
            event["userName"] = json!("6f1d0a3e-2f0c-4b1e-9a43-0d2f6f1f7c11");
            attributes(event)["cognito:user_status"] = json!("CONFIRMED");
            attributes(event)["identities"] = identities.clone();
        });
        assert_eq!(answer(event).unwrap()["response"], own, "{identities}");
    }
}

#[test]
fn profile_of_a_provider_that_is_no_longer_listed_gets_nothing() {
    for (name, identities) in [
        (
            "gone_7",
            json!("[{\"providerName\":\"Gone\",\"userId\":\"7\"}]"),
        ),
        (
            "acme_7",
            json!("[{\"providerName\":\"Acme\",\"userId\":\"8\"}]"),
        ),
        ("acme_7", json!("[]")),
        ("acme_7", json!(null)),
    ] {
        let groups = token_groups(|event| {
            event["userName"] = json!(name);
            attributes(event)["identities"] = identities.clone();
        });
        assert_eq!(groups, json!([]), "{name} {identities}");
    }
    let refused = answer(event(SIGNED_IN, |event| {
        event["request"]["providerName"] = json!("Gone")
    }));
    assert!(refused.unwrap_err().contains("infra/sign-in.toml"));
    let other = answer(event(SIGNED_IN, |event| {
        event["triggerSource"] = json!("PreSignUp_SignUp")
    }));
    assert!(other.unwrap_err().contains("PreSignUp_SignUp"));
}

#[test]
fn company_vouches_for_addresses_of_its_own_domains_only() {
    let verified = |email: &str, said: Value| {
        stored(|request| {
            request["attributes"]["userInfo"] = json!({});
            request["attributes"]["idToken"]["email"] = json!(email);
            request["attributes"]["idToken"]["email_verified"] = said;
        })["email_verified"]
            .clone()
    };
    for said in [json!("true"), json!(true), Value::Null] {
        assert_eq!(
            verified("rita@acme.example", said.clone()),
            "true",
            "{said}"
        );
        assert_eq!(verified("Rita@ACME.example", said), "true");
    }
    for said in [json!("false"), json!(false)] {
        assert_eq!(verified("rita@acme.example", said), "false");
    }
    assert_eq!(
        verified("", json!("true")),
        "false",
        "no address, and an old one may be stored"
    );
    for foreign in [
        "sam@docket.example",
        "rita@globex.example",
        "rita@acme.example.evil.example",
        "rita@evil.example@acme.example",
        "\"sam@docket.example\"@acme.example",
        "sam @acme.example",
        "@acme.example",
        "acme.example",
    ] {
        assert_eq!(verified(foreign, json!("true")), "false", "{foreign}");
    }
}

#[test]
fn user_without_access_is_told_which_groups_arrived() {
    let said = |change: fn(&mut Value)| {
        details(change)["claimsToAddOrOverride"][COMPANY_GROUPS_CLAIM].clone()
    };
    assert_eq!(
        said(|event| attributes(event)[ATTRIBUTE] =
            json!("{\"provider\":\"Acme\",\"groups\":[\"legal-reviewers-2027\",\"everyone\"]}")),
        "Acme Corporation sent the groups legal-reviewers-2027, everyone"
    );
    assert_eq!(
        said(|event| attributes(event)[ATTRIBUTE] = json!("{\"provider\":\"Acme\",\"groups\":[]}")),
        "Acme Corporation sent no groups"
    );
    // A role without a tenant is no access either.
    assert_eq!(
        said(|event| attributes(event)[ATTRIBUTE] =
            json!("{\"provider\":\"Acme\",\"groups\":[\"Legal, Review & Audit\"]}")),
        "Acme Corporation sent the groups Legal, Review & Audit"
    );
    let many = details(|event| {
        let groups: Vec<String> = (0..200).map(|n| format!("group-{n}")).collect();
        attributes(event)[ATTRIBUTE] =
            json!(json!({"provider": "Acme", "groups": groups}).to_string());
    });
    let text = many["claimsToAddOrOverride"][COMPANY_GROUPS_CLAIM]
        .as_str()
        .unwrap();
    assert!(text.chars().count() < 510, "{text}");
}

#[test]
fn mapped_groups_are_kept_among_many_unmapped_groups_of_a_company() {
    let found = stored(|request| {
        let mut groups: Vec<String> = (0..500).map(|n| format!("a department {n:03}")).collect();
        groups.push("legal-reviewers".to_owned());
        request["attributes"]["idToken"]["groups"] = json!(groups);
    });
    let text = found[ATTRIBUTE].as_str().unwrap();
    assert!(text.len() <= 2_048, "{}", text.len());
    let groups = token_groups(|event| attributes(event)[ATTRIBUTE] = json!(text));
    assert_eq!(groups, json!(["reviewer", "tenant:acme"]));
}
