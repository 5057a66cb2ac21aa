//! Reads the logs of functions.

use bytes::Bytes;
use devstack::{Stack, root_credentials, sign_request};
use http::Request;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// The JSON lines with a word in the log of a function, found with the filter of CloudWatch Logs.
pub(crate) async fn logs(stack: &Stack, function: &str, word: &str) -> Vec<Value> {
    let query = json!({
        "logGroupName": format!("/docket/{}/{function}", service(stack)),
        "filterPattern": format!("\"{word}\""),
    });
    let request = Request::post(format!("{}/", stack.cloud.url))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "Logs_20140328.FilterLogEvents")
        .body(Bytes::from(query.to_string()))
        .unwrap();
    let request = sign_request(request, "logs", &root_credentials()).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    let Some(events) = answer["events"].as_array() else {
        return vec![]; // A function that has not run has no log group.
    };
    let lines = events.iter().filter_map(|event| event["message"].as_str());
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// The name of the service, which is a dimension of its metrics.
pub(crate) fn service(stack: &Stack) -> &str {
    let name = &stack.outputs.reconciler_function_name;
    name.strip_suffix("-reconciler").unwrap()
}
