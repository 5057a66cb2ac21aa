//! Events reach a customer's program: through the feed, and through webhooks to receivers that fail in different ways.

use std::collections::HashMap;
use std::convert::Infallible;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::feed::{EventType, FIRST_HASH, NewEvent, next_hash};
use bytes::Bytes;
use devstack::Stack;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jobs::id::Timestamp;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::api::{REVIEWER, SUPPORT, call_as};
use crate::support::json_call::call_json;
use crate::support::{TestTenant, contract, run, until, within_timeout};

#[derive(Clone)]
struct Received {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A receiver that answers as its path says, and remembers what it got.
struct Receiver {
    port: u16,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&received);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(&shared, request));
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    connection.await.ok();
                });
            }
        });
        Self { port, received }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    fn at(&self, path: &str) -> Vec<Received> {
        let received = self.received.lock().unwrap();
        let path = format!("/{path}");
        received
            .iter()
            .filter(|it| it.path == path)
            .cloned()
            .collect()
    }
}

async fn answer(
    received: &Mutex<Vec<Received>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let body = body
        .collect()
        .await
        .map(|it| it.to_bytes())
        .unwrap_or_default();
    let is_first = {
        let mut received = received.lock().unwrap();
        let is_first = received.iter().all(|known| known.path != path);
        received.push(Received {
            path: path.clone(),
            headers: head.headers,
            body,
        });
        is_first
    };
    let mut response = Response::builder();
    let status = match path.as_str() {
        "/fails-once" if is_first => 500,
        "/redirects" => {
            response = response.header("location", "/trap");
            302
        }
        "/gone" => 410,
        "/hangs" => std::future::pending().await,
        "/slow" => {
            // Less than a third of the functions' time limit in tests, 5 s.
            tokio::time::sleep(Duration::from_secs(1)).await;
            204
        }
        _ => 200,
    };
    Ok(response.status(status).body(Full::default()).unwrap())
}

async fn api(stack: &Stack, method: &str, path: &str, body: Option<Value>) -> Value {
    let response = call_as(stack, SUPPORT, method, path, body).await;
    let text = String::from_utf8_lossy(&response.body).into_owned();
    assert!(response.status < 300, "{method} {path}: {text}");
    if text.is_empty() {
        Value::Null
    } else {
        response.json()
    }
}

/// The reference library verifies a request against the real time.
fn is_verified(request: &Received, secret: &str) -> bool {
    let verifier = standardwebhooks::Webhook::new(secret).unwrap();
    verifier.verify(&request.body, &request.headers).is_ok()
}

/// Publishes events of the tenant about jobs that do not exist.
async fn publish(stack: &Stack, numbers: std::ops::Range<u32>) {
    let entries: Vec<Value> = numbers
        .map(|number| {
            let job = jobs::id::JobId::of_key("outside", &number.to_string());
            let detail = json!({"job": {"id": job.to_string(), "version": 3, "tenant": "hooks"}});
            json!({
                "EventBusName": stack.outputs.event_bus_name,
                "Source": "docket",
                "DetailType": "JobFailed",
                "Detail": detail.to_string(),
            })
        })
        .collect();
    let input = json!({"Entries": entries});
    let put = call_json(stack, "events", "AWSEvents.PutEvents", &input).await;
    assert_eq!(put["FailedEntryCount"], 0, "{put}");
}

/// Libraries of PyPI and npm accept the requests with the secret, and refuse what was changed. CI has both.
async fn independent_libraries_verify(requests: &[Received], secret: &str) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let requests: Vec<Value> = requests
        .iter()
        .map(|request| {
            let headers = request.headers.iter();
            let headers: HashMap<&str, String> = headers
                .map(|(name, value)| (name.as_str(), text(value.as_bytes())))
                .collect();
            json!({"secret": secret, "headers": headers, "body": text(&request.body)})
        })
        .collect();
    let python = devstack::repo_file("target/venv-clients/bin/python");
    let script = devstack::repo_file("tests/clients/webhooks.py");
    let node_script = devstack::repo_file("web/scripts/verify-webhooks.mjs");
    let node_package = devstack::repo_file("web/node_modules/svix");
    let programs = [
        (python.clone(), script, python.exists()),
        ("node".into(), node_script, node_package.exists()),
    ];
    for (program, script, is_installed) in programs {
        if !is_installed {
            assert!(
                std::env::var_os("CI").is_none(),
                "not installed for {}",
                script.display()
            );
            eprintln!("skipped: {}", script.display());
            continue;
        }
        let mut child = Command::new(program)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let json = serde_json::to_vec(&requests).unwrap();
        input.write_all(&json).await.unwrap();
        drop(input);
        let done = within_timeout("the verification", child.wait_with_output())
            .await
            .unwrap();
        let printed = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success(), "{printed}");
    }
}

#[test]
fn who_created_a_webhook_finds_it_in_the_export_of_their_data() {
    run(async |stack| {
        let receiver = Receiver::start().await;
        let body = json!({"url": receiver.url("own")});
        let created = call_as(stack, REVIEWER, "POST", "/webhooks", Some(body)).await;
        let id = created.json()["id"].as_str().unwrap().to_owned();
        let mut found = vec![];
        let mut cursor = String::new();
        loop {
            let page = call_as(stack, REVIEWER, "GET", &format!("/me/data{cursor}"), None).await;
            let page = page.json();
            found.extend(page["records"].as_array().unwrap().clone());
            let Some(next) = page["cursor"].as_str() else {
                break;
            };
            cursor = format!("?cursor={next}");
        }
        let is_own = |record: &Value| record["webhook"]["id"] == id.as_str();
        assert!(found.iter().any(is_own), "{found:?}");
        assert!(
            found
                .iter()
                .any(|record| record["audit"]["action"] == "export-data")
        );
        let path = format!("/webhooks/{id}");
        assert_eq!(
            call_as(stack, REVIEWER, "DELETE", &path, None).await.status,
            204
        );
    });
}

#[test]
fn event_reaches_the_feed_and_every_receiver_that_takes_it() {
    run(async |stack| {
        let receiver = Receiver::start().await;
        let mut webhooks: HashMap<&str, Value> = HashMap::new();
        for path in ["fails-once", "redirects", "gone", "hangs", "slow"] {
            let body = json!({"tenant": "hooks", "url": receiver.url(path)});
            webhooks.insert(path, api(stack, "POST", "/webhooks", Some(body)).await);
        }
        for url in [
            "http://10.0.0.1/",
            "https://169.254.169.254/",
            "https://[::ffff:10.0.0.1]/",
        ] {
            let body = json!({"tenant": "hooks", "url": url});
            let refused = call_as(stack, SUPPORT, "POST", "/webhooks", Some(body)).await;
            assert!([400, 409].contains(&refused.status), "{url}");
        }
        let id = |path: &str| webhooks[path]["id"].as_str().unwrap().to_owned();
        let mut tenant = TestTenant::new(stack, "hooks").await;
        let key = tenant.upload("inbound/", "nda.pdf", contract()).await;
        let job = tenant.job(&key);
        tenant.ready(&job).await;

        // Sent again after a 500, with the same id and a new signature.
        let twice = until("the event is sent again", async || {
            let received = receiver.at("fails-once");
            (received.len() >= 2).then_some(received)
        })
        .await;
        let secret = webhooks["fails-once"]["secret"].as_str().unwrap();
        assert!(twice.iter().all(|request| is_verified(request, secret)));
        assert_eq!(
            twice[0].headers["webhook-id"],
            twice[1].headers["webhook-id"]
        );
        let event: Value = serde_json::from_slice(&twice[1].body).unwrap();
        assert_eq!(
            (&event["type"], &event["data"]["job_id"]),
            (&json!("job.ready"), &json!(job))
        );
        let other = webhooks["slow"]["secret"].as_str().unwrap();
        assert!(!is_verified(&twice[1], other));

        independent_libraries_verify(&twice, secret).await;

        // The one that hangs delays no other.
        until("the slow receiver takes it", async || {
            receiver.at("slow").pop()
        })
        .await;
        until("410 disables", async || {
            let view = api(stack, "GET", &format!("/webhooks/{}", id("gone")), None).await;
            (view["enabled"] == false && view["disabled_reason"].is_string()).then_some(())
        })
        .await;
        let failed = |path: &'static str, text: &'static str| async move {
            until(text, async || {
                let list = api(stack, "GET", &format!("/webhooks/{path}/deliveries"), None).await;
                let problem = list["deliveries"][0]["problem"].as_str().map(str::to_owned);
                problem.filter(|problem| problem.contains(text))
            })
            .await
        };
        failed(id("redirects").leak(), "redirects are not followed").await;
        failed(id("hangs").leak(), "no response within").await;
        assert!(receiver.at("trap").is_empty());

        // The feed has it, and the hash that a program computes.
        let page = api(stack, "GET", "/events?tenant=hooks", None).await;
        let only = &page["events"][0];
        assert_eq!((&page["count"], &only["sequence"]), (&json!(1), &json!(1)));
        assert_eq!(only["id"], event["data"]["event_id"]);
        let new = NewEvent {
            job: job.parse().unwrap(),
            version: only["version"].as_u64().unwrap(),
            event_type: EventType::JobReady,
        };
        let recorded_at = Timestamp(only["recorded_at"].as_u64().unwrap());
        let hash = next_hash(FIRST_HASH, 1, &new, recorded_at);
        assert_eq!(
            (&page["end_hash"], &event["data"]["hash"]),
            (&json!(hash), &json!(hash))
        );
        let cursor = page["cursor"].as_str().unwrap();
        let none = api(
            stack,
            "GET",
            &format!("/events?tenant=hooks&since={cursor}"),
            None,
        )
        .await;
        assert_eq!(none["count"], 0);
        let path = format!("/events?tenant=hooks&since={cursor}&wait=1");
        assert_eq!(api(stack, "GET", &path, None).await["count"], 0);
        let path = format!("/events?tenant=acme&since={cursor}");
        assert_eq!(
            call_as(stack, SUPPORT, "GET", &path, None).await.status,
            400
        );

        // A new secret, a test event, the event once more, and the end.
        let path = format!("/webhooks/{}", id("slow"));
        let rotated = api(stack, "POST", &format!("{path}/secret"), None).await;
        let secret = rotated["secret"].as_str().unwrap().to_owned();
        api(stack, "POST", &format!("{path}/test"), None).await;
        let is_test = |it: &Received| it.body.windows(12).any(|part| part == b"webhook.test");
        let test = until("the test event arrives", async || {
            receiver.at("slow").into_iter().find(|it| is_test(it))
        })
        .await;
        assert!(is_verified(&test, &secret) && is_verified(&test, other));
        let both = std::slice::from_ref(&test);
        independent_libraries_verify(both, &secret).await;
        independent_libraries_verify(both, other).await;
        let before = receiver.at("slow").len();
        let again = json!({"sequence": 1});
        api(stack, "POST", &format!("{path}/redeliver"), Some(again)).await;
        until("the event arrives once more", async || {
            (receiver.at("slow").len() > before).then_some(())
        })
        .await;

        // A webhook that was paused goes on with events that are no longer the newest, and so does a program.
        let fast = format!("/webhooks/{}", id("fails-once"));
        api(stack, "POST", &fast, Some(json!({"enabled": false}))).await;
        publish(stack, 0..10).await;
        publish(stack, 10..20).await;
        let page = until("all events in the feed", async || {
            let page = api(stack, "GET", "/events?tenant=hooks", None).await;
            (page["end_sequence"].as_u64() >= Some(21)).then_some(page)
        })
        .await;
        assert_eq!(page["count"], page["end_sequence"]);
        let end = page["end_sequence"].as_u64().unwrap();
        api(stack, "POST", &fast, Some(json!({"enabled": true}))).await;
        until("the webhook has caught up", async || {
            let view = api(stack, "GET", &fast, None).await;
            (view["sequence"].as_u64() >= Some(end)).then_some(())
        })
        .await;
        let deleted = webhooks.len();
        for webhook in webhooks.values() {
            let path = format!("/webhooks/{}", webhook["id"].as_str().unwrap());
            let deleted = call_as(stack, SUPPORT, "DELETE", &path, None).await;
            assert_eq!(deleted.status, 204);
        }
        // Other scenarios write entries meanwhile, so it may take several pages.
        let mut entries = vec![];
        let mut path = "/audit".to_owned();
        loop {
            let audit = api(stack, "GET", &path, None).await;
            entries.extend(audit["entries"].as_array().unwrap().clone());
            let Some(cursor) = audit["cursor"].as_str() else {
                break;
            };
            path = format!("/audit?cursor={cursor}");
        }
        let of = |action: &str| {
            let entries = entries.iter().filter(|entry| entry["tenant"] == "hooks");
            entries.filter(|entry| entry["action"] == action).count()
        };
        let counts = [
            "create-webhook",
            "rotate-webhook-secret",
            "redeliver-events",
            "delete-webhook",
        ]
        .map(of);
        assert_eq!(counts, [deleted, 1, 1, deleted]);
    });
}
