//! Which call a request is, and how services refuse one.

use bytes::Bytes;
use http::{HeaderName, Method, Response, request};
use http_body_util::Full;

/// A run of the model, or a question whether it is ready.
pub(crate) const MODEL: &str = "model";
/// The call of the endpoint.
pub(crate) const INVOKE: &str = "SageMaker InvokeEndpointAsync";
/// The first call of a process, before any event.
pub(crate) const START: &str = "DynamoDB GetItem at the start";
/// Only the reconciler receives; the functions behind queues are called.
pub(crate) const RECEIVE: &str = "SQS ReceiveMessage";
/// A push to a page.
pub(crate) const PUSH: &str = "WebSocket PostToConnection";

type Answer = Response<Full<Bytes>>;

/// The service and the operation.
pub(crate) fn operation(head: &request::Parts, body: &[u8]) -> String {
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let path = head.uri.path();
    if let Some((service, operation)) = header("x-amz-target").and_then(|it| it.split_once('.')) {
        let service = match service {
            "AmazonSQS" => "SQS",
            "AWSEvents" => "EventBridge",
            _ => "DynamoDB",
        };
        // What a function asks before its first event, to open a connection, names a job that cannot be.
        if operation == "GetItem" && body.windows(9).any(|part| part == br#"{"S":"-"}"#) {
            return START.to_owned();
        }
        return format!("{service} {operation}");
    }
    if path.starts_with("/endpoints/") {
        return INVOKE.to_owned();
    }
    if path.starts_with("/_aws/execute-api/") {
        return PUSH.to_owned();
    }
    if matches!(path, "/invocations" | "/ping") {
        return MODEL.to_owned();
    }
    let query = head.uri.query().unwrap_or_default();
    let operation = match head.method {
        Method::HEAD => "HeadObject",
        Method::GET if query.contains("list-type=2") => "ListObjectsV2",
        Method::GET if query.contains("versions") => "ListObjectVersions",
        Method::PUT if header("x-amz-copy-source").is_some() => "CopyObject",
        Method::PUT => "PutObject",
        _ => "GetObject",
    };
    format!("S3 {operation}")
}

/// The inference that a request is about.
pub(crate) fn inference(head: &request::Parts) -> Option<&str> {
    let inference = head.headers.get("x-amzn-sagemaker-inference-id")?;
    inference.to_str().ok()
}

/// All that may name what it is about.
pub(crate) fn text(head: &request::Parts, body: &[u8]) -> String {
    let inference = inference(head).unwrap_or_default().as_bytes();
    let parts = [head.uri.to_string().as_bytes(), inference, body].concat();
    String::from_utf8_lossy(&parts).into_owned()
}

/// The reconciler waits a second for dead letters, and those that it did not settle show up after three minutes.
/// A function that is killed dozens of times in a row has no time for either: at once, and after six seconds.
pub(crate) fn hurried(body: &[u8]) -> Bytes {
    let text = String::from_utf8_lossy(body);
    let text = text.replace("\"WaitTimeSeconds\":1", "\"WaitTimeSeconds\":0");
    let hurried = text.replace("\"VisibilityTimeout\":180", "\"VisibilityTimeout\":  6");
    assert!(hurried.contains("\":  6"), "{text}");
    Bytes::from(hurried.into_bytes())
}

/// How a service says that there are too many calls: each in its own words.
pub(crate) fn throttled(operation: &str, method: &Method) -> Answer {
    match operation {
        operation if operation.starts_with("S3 ") => xml(503, "SlowDown", method),
        operation if operation.starts_with("DynamoDB ") => {
            let kind = "com.amazonaws.dynamodb.v20120810#ThrottlingException";
            json(400, kind)
        }
        operation if operation.starts_with("SQS ") => {
            json(403, "com.amazonaws.sqs#RequestThrottled")
        }
        PUSH => json(429, "LimitExceededException"),
        _ => json(400, "ThrottlingException"),
    }
}

/// How a service says that it is broken.
pub(crate) fn broken(operation: &str, method: &Method) -> Answer {
    match operation {
        operation if operation.starts_with("S3 ") => xml(500, "InternalError", method),
        operation if operation.starts_with("DynamoDB ") => {
            json(500, "com.amazonaws.dynamodb.v20120810#InternalServerError")
        }
        _ => json(500, "InternalFailure"),
    }
}

/// What a service that has published an event says.
pub(crate) fn swallowed() -> Answer {
    let text = r#"{"FailedEntryCount":0,"Entries":[{"EventId":"0"}]}"#;
    answer(200, "application/x-amz-json-1.1", text.to_owned())
}

/// What a model says that does not read.
pub(crate) fn said_by_model(status: u16) -> Answer {
    let text = r#"{"message":"as planned"}"#;
    answer(status, "application/json", text.to_owned())
}

fn json(status: u16, kind: &str) -> Answer {
    let text = format!(r#"{{"__type":"{kind}","message":"as planned"}}"#);
    let mut answer = answer(status, "application/x-amz-json-1.0", text);
    let name = HeaderName::from_static("x-amzn-errortype");
    answer.headers_mut().insert(name, kind.parse().unwrap());
    answer
}

fn xml(status: u16, code: &str, method: &Method) -> Answer {
    let text = format!("<Error><Code>{code}</Code><Message>as planned</Message></Error>");
    let has_body = method != Method::HEAD;
    answer(
        status,
        "application/xml",
        if has_body { text } else { String::new() },
    )
}

fn answer(status: u16, kind: &str, text: String) -> Answer {
    let answer = Response::builder().status(status);
    let answer = answer.header(http::header::CONTENT_TYPE, kind);
    answer.body(Full::new(Bytes::from(text))).unwrap()
}
