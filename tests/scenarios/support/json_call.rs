//! Calls of AWS services over JSON 1.1 that no SDK here makes.

use bytes::Bytes;
use devstack::{Stack, root_credentials, sign_request};
use http::Request;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Calls an operation of the emulator as the root user. `target` is the header `X-Amz-Target`.
pub(crate) async fn call_json(stack: &Stack, service: &str, target: &str, input: &Value) -> Value {
    let request = Request::post(format!("{}/", stack.cloud.url))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .body(Bytes::from(input.to_string()))
        .unwrap();
    let request = sign_request(request, service, &root_credentials()).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}
