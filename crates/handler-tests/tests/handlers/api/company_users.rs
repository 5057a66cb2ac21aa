//! Users whom their company signs in. Function `sign-in-groups` has set the groups in their tokens.

use std::sync::Arc;

use api::types::{CallerView, ClientConfiguration};
use functions::handlers::api::Api;
use serde_json::json;

use super::super::fixtures::{NOW, advance, app};
use super::{Client, TestApi, refusal};

const IDENTITIES: &str =
    "[map[dateCreated:1796000000000 primary:true providerName:Acme providerType:OIDC userId:7]]";

/// A user of the company Acme, with these groups and what the company sent.
fn company_user<'a>(api: &'a TestApi, groups: &str, arrived: Option<&str>) -> Client<'a> {
    let mut client = api.client("rita@acme.example", groups);
    client.claims["cognito:username"] = json!("acme_7");
    client.claims["identities"] = json!(IDENTITIES);
    if let Some(arrived) = arrived {
        client.claims["company_groups"] = json!(arrived);
    }
    client
}

#[test]
fn company_user_has_the_access_of_the_groups_in_the_token() {
    let api = TestApi::new();
    let me: CallerView = company_user(&api, "[reviewer tenant:acme]", None).get("/me");
    assert_eq!(me.actor, "rita@acme.example");
    assert_eq!(
        (me.roles, me.tenants),
        (vec!["reviewer".to_owned()], vec!["acme".to_owned()])
    );
    // An address outside the company's domains identifies no user.
    let mut foreign = company_user(&api, "[reviewer tenant:acme]", None);
    foreign.claims["email"] = json!("sam@docket.example");
    foreign.claims["email_verified"] = json!("false");
    let me: CallerView = foreign.get("/me");
    assert_eq!(me.actor, "acme_7");
}

#[test]
fn company_user_without_a_group_that_counts_is_told_what_arrived_and_what_to_do() {
    let api = TestApi::new();
    let arrived = "Acme Corporation sent the groups legal-reviewers-2027, everyone";
    for groups in ["[]", "[pool_Acme]", "[reviewer]", "[tenant:acme]"] {
        let detail = refusal(&company_user(&api, groups, Some(arrived)), "/jobs");
        for part in [
            arrived,
            "rita@acme.example",
            "sign-in.toml",
            "sign in again",
        ] {
            assert!(detail.contains(part), "{detail}");
        }
        assert!(!detail.contains("globex"), "{detail}");
    }
    // Others are told which groups there are.
    let detail = refusal(&api.client("eve@acme.example", "[]"), "/jobs");
    assert!(detail.contains("tenant:<name>"), "{detail}");
    // The claim alone gives nothing, and takes nothing away.
    let me: CallerView = company_user(&api, "[customer tenant:acme]", Some(arrived)).get("/me");
    assert_eq!(me.roles, ["customer"]);
    let user = company_user(&api, "[]", Some(arrived));
    advance(api.handler.app(), 3_600_000 + NOW.0 % 1000);
    assert!(refusal(&user, "/jobs").contains("does not identify you"));
}

#[test]
fn configuration_names_the_companies_only_if_there_are_some() {
    let with = |setting: &str| {
        let mut app = app();
        Arc::get_mut(&mut app.environment).unwrap().company_sign_in = setting.to_owned();
        let handler = Api::new(app);
        let client = Client {
            handler: &handler,
            claims: json!({}),
        };
        client
            .get::<ClientConfiguration>("/configuration")
            .company_sign_in
    };
    let setting = json!({"url": "https://docket.auth.eu-central-1.amazoncognito.com", "client_id": "3n4b5urk1f", "issuer": "https://cognito-idp.eu-central-1.amazonaws.com/pool",
        "providers": [{"name": "Acme", "label": "Acme Corporation"}]});
    let found = with(&setting.to_string()).unwrap();
    assert_eq!(serde_json::to_value(found).unwrap(), setting);
    assert_eq!(with("off"), None);
    assert_eq!(
        with("{\"url\":"),
        None,
        "an operator's mistake must not stop the API"
    );
}
