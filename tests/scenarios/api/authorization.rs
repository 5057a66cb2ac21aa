//! What API Gateway and the connection tickets refuse. `crates/handler-tests/tests/handlers/api/access_control.rs` tests what
//! the function refuses.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    CUSTOMER, OTHER_TENANT_REVIEWER, REVIEWER, SUPPORT, call_as, call_with_token, http_request,
};
use crate::support::{run, until};

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let sextets = bytes.chunks(3).flat_map(|chunk| {
        let all = chunk
            .iter()
            .fold(0_u32, |all, byte| all << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        (0..=chunk.len()).map(move |at| {
            char::from(ALPHABET[usize::try_from(all >> (18 - 6 * at) & 63).unwrap()])
        })
    });
    sextets.collect()
}

#[test]
fn token_not_issued_by_the_user_pool_is_refused() {
    run(async |stack| {
        let good = stack.id_token(CUSTOMER).await.unwrap();
        assert_eq!(
            call_with_token(stack, &good, "GET", "/me", None)
                .await
                .status,
            200
        );
        let mut parts = good.split('.');
        let (header, claims, signature) = (
            parts.next().unwrap(),
            parts.next().unwrap(),
            parts.next().unwrap(),
        );
        let none = base64(br#"{"alg":"none","typ":"JWT"}"#);
        let promoted = base64(
            json!({"sub": "x", "token_use": "id", "email": SUPPORT, "email_verified": true, "cognito:groups": ["support"],
                "aud": stack.outputs.user_pool_client_id, "exp": 4_000_000_000_u64,
                "iss": format!("https://cognito-idp.us-east-1.amazonaws.com/{}", stack.outputs.user_pool_id)})
            .to_string()
            .as_bytes(),
        );
        for token in [
            String::new(),
            "rubbish".to_owned(),
            format!("{none}.{claims}."),
            format!("{none}.{promoted}."),
            format!("{header}.{promoted}.{signature}"),
            format!("{header}.{claims}."),
            format!("{header}.{claims}.{}", base64(&[0; 256])),
        ] {
            let reply = call_with_token(stack, &token, "GET", "/me", None).await;
            assert_eq!(
                reply.status,
                401,
                "{token}: {}",
                String::from_utf8_lossy(&reply.body)
            );
        }
        let url = format!("{}/me", stack.outputs.http_api_url);
        assert_eq!(
            http_request("GET", &url, &[], "").await.status,
            401,
            "without a token"
        );
        let public = http_request(
            "GET",
            &format!("{}/configuration", stack.outputs.http_api_url),
            &[],
            "",
        )
        .await;
        assert_eq!(public.status, 200);
        assert_eq!(
            public.json()["client_id"],
            stack.outputs.user_pool_client_id.as_str()
        );
    });
}

#[test]
fn cors_preflight_allows_the_configured_origin() {
    run(async |stack| {
        let url = format!("{}/jobs", stack.outputs.http_api_url);
        let preflight = [
            ("origin", "https://page.example"),
            ("access-control-request-method", "GET"),
            (
                "access-control-request-headers",
                "authorization,content-type",
            ),
        ];
        let reply = http_request("OPTIONS", &url, &preflight, "").await;
        assert!([200, 204].contains(&reply.status), "{}", reply.status);
        assert!(reply.headers.contains_key("access-control-allow-origin"));
        assert!(
            !reply
                .headers
                .contains_key("access-control-allow-credentials"),
            "the API does not use cookies"
        );
    });
}

#[test]
fn ticket_opens_one_connection_limited_to_its_owners_jobs() {
    run(async |stack| {
        let ticket = async |email: &str, body: Value| {
            let reply = call_as(stack, email, "POST", "/ws-tickets", Some(body)).await;
            assert_eq!(
                reply.status,
                201,
                "{}",
                String::from_utf8_lossy(&reply.body)
            );
            let url = reply.json()["url"].as_str().unwrap().to_owned();
            url.split_once("ticket=").unwrap().1.to_owned()
        };
        let used = ticket(REVIEWER, json!({})).await;
        stack.connect(&used).await.unwrap().close().await;
        assert!(
            stack.connect(&used).await.is_err(),
            "a ticket is valid once"
        );
        let other_tenant = call_as(
            stack,
            OTHER_TENANT_REVIEWER,
            "POST",
            "/ws-tickets",
            Some(json!({"tenant": "acme"})),
        )
        .await;
        assert_eq!(other_tenant.status, 403);

        // A reviewer's upload is hidden from a customer, and from another tenant.
        let open = async |email: &str| {
            let ticket = ticket(email, json!({})).await;
            let mut page = stack.connect(&ticket).await.unwrap();
            page.sync().await.unwrap();
            page
        };
        let mut reviewer = open(REVIEWER).await;
        let mut customer = open(CUSTOMER).await;
        let mut other_reviewer = open(OTHER_TENANT_REVIEWER).await;
        let mut support = open(SUPPORT).await;
        let document = crate::support::contract();
        let body = json!({"pipeline": "legal-review", "name": "for reviewers only.pdf", "bytes": document.len(), "content_type": "application/pdf"});
        let view = call_as(stack, REVIEWER, "POST", "/uploads", Some(body))
            .await
            .json();
        let headers: BTreeMap<String, String> =
            serde_json::from_value(view["put"]["headers"].clone()).unwrap();
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| *name != "content-length" && *name != "host")
            .collect();
        let put = http_request(
            "PUT",
            view["put"]["url"].as_str().unwrap(),
            &headers,
            document,
        )
        .await;
        assert_eq!(put.status, 200);
        let id = view["job_id"].as_str().unwrap().to_owned();
        for page in [&mut reviewer, &mut support] {
            until("the push", async || {
                let arrival = page.next().await;
                assert!(arrival.is_some(), "the page was disconnected");
                page.jobs
                    .get(&id)
                    .is_some_and(devstack::has_ended)
                    .then_some(())
            })
            .await;
        }
        // A snapshot requested now contains every job that these users may see.
        for page in [&mut customer, &mut other_reviewer] {
            page.sync().await.unwrap();
            until("a snapshot", async || {
                let arrival = page.next().await.unwrap();
                matches!(arrival.frame, devstack::PushMessage::Snapshot { .. }).then_some(())
            })
            .await;
            assert!(!page.jobs.contains_key(&id), "the job was shown");
        }
    });
}
