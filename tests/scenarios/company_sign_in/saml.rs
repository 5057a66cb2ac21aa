//! A company with a SAML provider. The test plays it: the emulator neither reads a provider's metadata nor checks the signature
//! of an assertion, so there is none here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::browser::{Browser, claims, parameter};
use super::stack::{CALLBACK, CompanyStack, run};
use super::strings;

const EMAIL: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
const GROUPS: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups";

/// What a provider answers.
fn response(email: &str, groups: &[&str]) -> String {
    let attribute = |name: &str, values: &[&str]| {
        let values: String = values
            .iter()
            .map(|value| format!("<saml:AttributeValue>{value}</saml:AttributeValue>"))
            .collect();
        format!("<saml:Attribute Name=\"{name}\">{values}</saml:Attribute>")
    };
    let xml = format!(
        "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
         xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"><saml:Assertion>\
         <saml:Subject><saml:NameID>u-17</saml:NameID></saml:Subject>\
         <saml:AttributeStatement>{}{}</saml:AttributeStatement></saml:Assertion></samlp:Response>",
        attribute(EMAIL, &[email]),
        attribute(GROUPS, groups),
    );
    STANDARD.encode(xml)
}

/// Signs in at the user pool's domain with this answer, and returns the claims of the ID token.
async fn sign_in(company: &CompanyStack, answer: &str) -> (String, Value) {
    let mut browser = Browser::new();
    let begun = browser.get(&company.authorize_url("Initech", &[])).await;
    let location = begun.location.unwrap();
    assert!(
        location.starts_with("https://login.initech.example/metadata.xml?SAMLRequest="),
        "{location}"
    );
    let relay = parameter(&location, "RelayState").unwrap();
    let fields = [("SAMLResponse", answer), ("RelayState", relay.as_str())];
    let url = format!("{}/saml2/idpresponse", company.domain());
    let location = browser.post(&url, &fields).await.location.unwrap();
    assert!(location.starts_with(CALLBACK), "{location}");
    let code = parameter(&location, "code").unwrap();
    let tokens = company.exchange(&code, &[]).await.json();
    let id = tokens["id_token"].as_str().unwrap().to_owned();
    let claims = claims(&id);
    (id, claims)
}

#[test]
fn assertion_of_a_saml_provider_gives_the_groups_of_its_file_and_no_others() {
    run(async |company| {
        let groups = ["everyone", "Contract Review", "reviewer", "tenant:acme"];
        let (id, claims) = sign_in(company, &response("ida@initech.example", &groups)).await;
        assert_eq!(
            strings(&claims["cognito:groups"]),
            ["reviewer", "tenant:initech"]
        );
        let me = company.api(&id, "/me").await.json();
        assert_eq!(me["actor"], "ida@initech.example");
        assert_eq!(me["tenants"], json!(["initech"]));

        // An address of another company identifies no user.
        let foreign = response("rita@acme.example", &["Contract Review"]);
        let (id, _) = sign_in(company, &foreign).await;
        let me = company.api(&id, "/me").await.json();
        let actor = me["actor"].as_str().unwrap();
        assert_eq!(actor.to_lowercase(), "initech_u-17", "{me}");
    });
}
