//! Names the AWS operation of a request, and answers in place of AWS services.

use bytes::Bytes;
use http::{HeaderName, Method, Response, request};
use http_body_util::Full;

/// A run of the model, or a ping of its container.
pub(crate) const MODEL: &str = "model";
pub(crate) const INVOKE: &str = "SageMaker InvokeEndpointAsync";
/// The first call of a process, before any event: it opens the connection.
pub(crate) const CONNECT: &str = "DynamoDB GetItem (opens a connection)";
/// Called by the reconciler only: Lambda itself polls the queues of the other functions.
pub(crate) const RECEIVE: &str = "SQS ReceiveMessage";
pub(crate) const PUSH: &str = "WebSocket PostToConnection";

pub(crate) type ProxyResponse = Response<Full<Bytes>>;

/// The service and the operation, such as `S3 HeadObject`.
pub(crate) fn operation(head: &request::Parts, body: &[u8]) -> String {
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let path = head.uri.path();
    if let Some((service, operation)) = header("x-amz-target").and_then(|it| it.split_once('.')) {
        let service = match service {
            "AmazonSQS" => "SQS",
            "AWSEvents" => "EventBridge",
            _ => "DynamoDB",
        };
        // The read that opens a function's connection names a job id that cannot exist.
        if operation == "GetItem" && body.windows(9).any(|part| part == br#"{"S":"-"}"#) {
            return CONNECT.to_owned();
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

/// The inference id in a request.
pub(crate) fn inference_id(head: &request::Parts) -> Option<&str> {
    let inference_id = head.headers.get("x-amzn-sagemaker-inference-id")?;
    inference_id.to_str().ok()
}

/// The parts of a request that may name its document: URI, inference id, body.
pub(crate) fn text(head: &request::Parts, body: &[u8]) -> String {
    let inference_id = inference_id(head).unwrap_or_default().as_bytes();
    let parts = [head.uri.to_string().as_bytes(), inference_id, body].concat();
    String::from_utf8_lossy(&parts).into_owned()
}

/// Shortens the waits of the reconciler's `ReceiveMessage`: no long polling instead of one second, and a visibility
/// timeout of six seconds instead of three minutes. The reconciler is killed dozens of times in a row, and the dead
/// letters that it received must reappear soon. Keeps the length of the body.
pub(crate) fn with_short_waits(body: &[u8]) -> Bytes {
    let text = String::from_utf8_lossy(body);
    let text = text.replace("\"WaitTimeSeconds\":1", "\"WaitTimeSeconds\":0");
    let shortened = text.replace("\"VisibilityTimeout\":180", "\"VisibilityTimeout\":  6");
    assert!(shortened.contains("\":  6"), "{text}");
    Bytes::from(shortened.into_bytes())
}

/// The error with which a service throttles a call.
pub(crate) fn throttled(operation: &str, method: &Method) -> ProxyResponse {
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

/// The internal error of a service.
pub(crate) fn server_error(operation: &str, method: &Method) -> ProxyResponse {
    match operation {
        operation if operation.starts_with("S3 ") => xml(500, "InternalError", method),
        operation if operation.starts_with("DynamoDB ") => {
            json(500, "com.amazonaws.dynamodb.v20120810#InternalServerError")
        }
        _ => json(500, "InternalFailure"),
    }
}

/// The response of EventBridge to a published event.
pub(crate) fn false_success() -> ProxyResponse {
    let text = r#"{"FailedEntryCount":0,"Entries":[{"EventId":"0"}]}"#;
    response(200, "application/x-amz-json-1.1", text.to_owned())
}

/// A response of the model with a status.
pub(crate) fn model_response(status: u16) -> ProxyResponse {
    let text = r#"{"message":"as planned"}"#;
    response(status, "application/json", text.to_owned())
}

fn json(status: u16, kind: &str) -> ProxyResponse {
    let text = format!(r#"{{"__type":"{kind}","message":"as planned"}}"#);
    let mut response = response(status, "application/x-amz-json-1.0", text);
    let name = HeaderName::from_static("x-amzn-errortype");
    response.headers_mut().insert(name, kind.parse().unwrap());
    response
}

fn xml(status: u16, code: &str, method: &Method) -> ProxyResponse {
    let text = format!("<Error><Code>{code}</Code><Message>as planned</Message></Error>");
    let has_body = method != Method::HEAD;
    response(
        status,
        "application/xml",
        if has_body { text } else { String::new() },
    )
}

fn response(status: u16, content_type: &str, text: String) -> ProxyResponse {
    let response = Response::builder().status(status);
    let response = response.header(http::header::CONTENT_TYPE, content_type);
    response.body(Full::new(Bytes::from(text))).unwrap()
}
