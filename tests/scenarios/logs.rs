//! What the functions have logged.

use bytes::Bytes;
use devstack::{Stack, root_credentials, sign_request};
use http::Request;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// The lines of a function's log with that word in them that are JSON, as CloudWatch Logs finds them.
pub(crate) async fn logs(stack: &Stack, function: &str, word: &str) -> Vec<Value> {
    let question = json!({
        "logGroupName": format!("/docket/{}/{function}", service(stack)),
        "filterPattern": format!("\"{word}\""),
    });
    let request = Request::post(format!("{}/", stack.cloud.url))
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", "Logs_20140328.FilterLogEvents")
        .body(Bytes::from(question.to_string()))
        .unwrap();
    let request = sign_request(request, "logs", &root_credentials()).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    let Some(events) = answer["events"].as_array() else {
        return vec![]; // A function that has not run yet has no log.
    };
    let said = events.iter().filter_map(|event| event["message"].as_str());
    said.filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// The name of the service: of its stack, and of what its metrics are counted by.
pub(crate) fn service(stack: &Stack) -> &str {
    let name = &stack.outputs.reconciler_function_name;
    name.strip_suffix("-reconciler").unwrap()
}
