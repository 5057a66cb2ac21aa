//! Compares the API of a stack with its OpenAPI document, as each role and as a program: schemathesis sends requests that the
//! document allows, and some that it does not. `tests/clients/schemathesis.toml` says what is not checked, and why.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jobs::id::JobId;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::companies::{Companies, machine_client};
use crate::push_client::has_ended;
use crate::repo;
use crate::stack::{Stack, StackOptions};

/// The program of `tests/clients/sign-in.toml`.
const PROGRAM: &str = "contract";
const SIGN_IN: &str = "tests/clients/sign-in.toml";
/// One user per role, and `PROGRAM`, which belongs to another tenant.
pub const CALLERS: [&str; 6] = [
    "customer@acme.example",
    "reviewer@acme.example",
    "support@docket.example",
    "operator@docket.example",
    "auditor@acme.example",
    PROGRAM,
];
/// The documents that are uploaded before the first request: two become ready, two fail.
const DOCUMENTS: [&str; 4] = [
    "contracts/NDA Halden-Brightwater.pdf",
    "contracts/NDA Halden-Brightwater.pdf",
    "bad/broken.pdf",
    "bad/broken.pdf",
];
/// After this time without a push the program requests a snapshot, since it may have missed one.
const SYNC_INTERVAL: Duration = Duration::from_secs(10);
const MAX_RUN_TIME: Duration = Duration::from_secs(120);

/// A stack with `PROGRAM`.
pub fn stack_options() -> StackOptions {
    StackOptions {
        companies: Some(Companies {
            sign_in: repo::file(SIGN_IN),
            users: BTreeMap::new(),
            page_origin: None,
        }),
        ..StackOptions::TESTS
    }
}

/// Prepares the stack for a caller, and returns the command that runs schemathesis as this caller, with these arguments of
/// `schemathesis run`. Its exit status is 0 if it has nothing to report.
///
/// # Errors
/// The stack does not process the documents to begin with.
pub async fn schemathesis(stack: &Stack, caller: &str, arguments: &[String]) -> Result<Command> {
    let token = match caller {
        PROGRAM => program_token(stack).await?,
        user => stack.id_token(user).await?,
    };
    prepare(stack, caller).await?;
    let mut run = Command::new(repo::file("target/venv-clients/bin/schemathesis"));
    run.arg("--config-file")
        .arg(repo::file("tests/clients/schemathesis.toml"))
        .arg("run")
        .arg(repo::file("docs/openapi.json"))
        .args(["--url", &stack.outputs.http_api_url])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(arguments)
        // It keeps what it generated in a folder there.
        .current_dir(repo::file("target"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    Ok(run)
}

/// An access token by client credentials.
async fn program_token(stack: &Stack) -> Result<String> {
    let outputs = &stack.outputs;
    let (id, secret) = machine_client(&stack.cloud.url, outputs, PROGRAM).await?;
    let domain = outputs.company_sign_in_url.as_deref();
    let domain = domain.context("programs cannot sign in at this stack")?;
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        encode(&id),
        encode(&secret)
    );
    let request = Request::post(format!("{domain}/oauth2/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form)))?;
    let answer = send(request).await?;
    let token = answer["access_token"].as_str();
    token.map(str::to_owned).with_context(|| answer.to_string())
}

async fn send(request: Request<Full<Bytes>>) -> Result<Value> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    ensure!(
        status.is_success(),
        "{status}: {}",
        String::from_utf8_lossy(&body)
    );
    Ok(serde_json::from_slice(&body)?)
}

/// Puts there what the caller can find: jobs of a batch that are ready and that failed, a webhook, a message in quarantine.
async fn prepare(stack: &Stack, caller: &str) -> Result<()> {
    let tenant = if caller == PROGRAM { "globex" } else { "acme" };
    let unique = caller.split('@').next().unwrap_or(caller);
    let bucket = &stack.outputs.jobs_bucket_name;
    let mut page = stack.open_push_client(tenant).await?;
    let mut ids = Vec::new();
    for (number, document) in DOCUMENTS.iter().enumerate() {
        let key = format!("inbound/{tenant}/{unique}-{number}.pdf");
        let file = repo::file("samples").join(document);
        let body = ByteStream::from_path(&file).await;
        let put = stack.cloud.s3.put_object().bucket(bucket).key(&key);
        put.content_type("application/pdf")
            .metadata("docket-batch", unique)
            .metadata("docket-reference", format!("{unique}-{number}"))
            .body(body.with_context(|| file.display().to_string())?)
            .send()
            .await?;
        ids.push(JobId::of_key(bucket, &key).to_string());
    }
    let broken = stack.cloud.sqs.send_message().message_body("not a check");
    let queue = &stack.outputs.checks_queue_url;
    broken.queue_url(queue).send().await?;
    let token = stack.id_token(CALLERS[2]).await?;
    // Nothing listens there. The address is checked when the webhook is created, and again at each delivery.
    let webhook = json!({"tenant": tenant, "url": "http://127.0.0.1:1024/"});
    let request = Request::post(format!("{}/webhooks", stack.outputs.http_api_url))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(webhook.to_string())))?;
    send(request).await.context("cannot create a webhook")?;
    let ended = async {
        while !ids
            .iter()
            .all(|id| page.jobs.get(id).is_some_and(has_ended))
        {
            match tokio::time::timeout(SYNC_INTERVAL, page.next()).await {
                Ok(next) => drop(next.context("the page was disconnected")?),
                Err(_) => page.sync().await?,
            }
        }
        anyhow::Ok(())
    };
    match tokio::time::timeout(MAX_RUN_TIME, ended).await {
        Ok(ended) => ended,
        Err(_) => bail!("the documents did not end within {MAX_RUN_TIME:?}"),
    }
}
