//! What the door itself keeps out. What the function refuses, `crates/functions/tests/handlers/api/attacks.rs` tries.

use serde_json::{Value, json};

use super::{CUSTOMER, REVIEWER, STRANGER, SUPPORT, api, ask, with_token};
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
fn a_token_that_is_not_of_this_user_pool_opens_nothing() {
    run(async |stack| {
        let good = stack.id_token(CUSTOMER).await.unwrap();
        assert_eq!(
            with_token(stack, &good, "GET", "/me", None).await.status,
            200
        );
        let mut parts = good.split('.');
        let (header, claims, seal) = (
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
            format!("{header}.{promoted}.{seal}"),
            format!("{header}.{claims}."),
            format!("{header}.{claims}.{}", base64(&[0; 256])),
        ] {
            let reply = with_token(stack, &token, "GET", "/me", None).await;
            assert_eq!(
                reply.status,
                401,
                "{token}: {}",
                String::from_utf8_lossy(&reply.body)
            );
        }
        let url = format!("{}/me", stack.outputs.http_api_url);
        assert_eq!(
            ask("GET", &url, &[], "").await.status,
            401,
            "no token at all"
        );
        let open = ask(
            "GET",
            &format!("{}/configuration", stack.outputs.http_api_url),
            &[],
            "",
        )
        .await;
        assert_eq!(open.status, 200);
        assert_eq!(
            open.json()["client_id"],
            stack.outputs.user_pool_client_id.as_str()
        );
    });
}

#[test]
fn a_page_of_any_allowed_origin_may_ask_and_read() {
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
        let reply = ask("OPTIONS", &url, &preflight, "").await;
        assert!([200, 204].contains(&reply.status), "{}", reply.status);
        assert!(reply.headers.contains_key("access-control-allow-origin"));
        assert!(
            !reply
                .headers
                .contains_key("access-control-allow-credentials"),
            "no cookies are wanted"
        );
    });
}

#[test]
fn a_ticket_opens_one_socket_that_shows_its_owners_jobs_alone() {
    run(async |stack| {
        let ticket = async |who: &str, body: Value| {
            let reply = api(stack, who, "POST", "/ws-tickets", Some(body)).await;
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
        assert!(stack.connect(&used).await.is_err(), "it served once");
        let foreign = api(
            stack,
            STRANGER,
            "POST",
            "/ws-tickets",
            Some(json!({"tenant": "acme"})),
        )
        .await;
        assert_eq!(foreign.status, 403);

        // A reviewer's upload is no business of a customer's page, nor of another tenant's.
        let open = async |who: &str| {
            let ticket = ticket(who, json!({})).await;
            let mut page = stack.connect(&ticket).await.unwrap();
            page.sync().await.unwrap();
            page
        };
        let mut reviewer = open(REVIEWER).await;
        let mut customer = open(CUSTOMER).await;
        let mut stranger = open(STRANGER).await;
        let mut support = open(SUPPORT).await;
        let document = crate::support::contract();
        let body = json!({"pipeline": "legal-review", "name": "for the reviewer alone.pdf", "bytes": document.len(), "content_type": "application/pdf"});
        let view = api(stack, REVIEWER, "POST", "/uploads", Some(body))
            .await
            .json();
        let headers: Vec<(String, String)> =
            serde_json::from_value(view["put"]["headers"].clone()).unwrap();
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| *name != "content-length" && *name != "host")
            .collect();
        let put = ask(
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
                assert!(arrival.is_some(), "the page was cut off");
                page.jobs
                    .get(&id)
                    .is_some_and(devstack::has_ended)
                    .then_some(())
            })
            .await;
        }
        // A snapshot after that has all that these may see.
        for page in [&mut customer, &mut stranger] {
            page.sync().await.unwrap();
            until("a snapshot", async || {
                let arrival = page.next().await.unwrap();
                matches!(arrival.frame, devstack::PushFrame::Snapshot { .. }).then_some(())
            })
            .await;
            assert!(!page.jobs.contains_key(&id), "a foreign job was shown");
        }
    });
}
