//! Reads the logs of functions.

use devstack::Stack;
use serde_json::{Value, json};

use crate::support::json_call::call_json;

/// The JSON lines with a word in the log of a function, found with the filter of CloudWatch Logs.
pub(crate) async fn logs(stack: &Stack, function: &str, word: &str) -> Vec<Value> {
    let query = json!({
        "logGroupName": format!("/docket/{}/{function}", service(stack)),
        "filterPattern": format!("\"{word}\""),
    });
    let answer = call_json(stack, "logs", "Logs_20140328.FilterLogEvents", &query).await;
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
