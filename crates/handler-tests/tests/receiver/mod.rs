//! A receiver of OTLP/HTTP, and an app whose functions send their traces to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use std::sync::Arc;

use functions::bootstrap::App;
use functions::config::TraceSettings;
use jobs::id::{JobId, Timestamp};
use jobs::pipeline::Pipelines;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use testkit::memory::Memory;

pub(crate) const BUCKET: &str = "docket-jobs";
pub(crate) const KEY: &str = "inbound/acme/nda.pdf";

functions::environment! {
    /// The settings of the queue functions.
    pub(crate) struct Environment with pipelines {
        service_name: ServiceName,
        bucket: Bucket,
    }
}

pub(crate) type TestApp = App<Memory, Environment>;

pub(crate) fn app() -> TestApp {
    let toml = include_str!("../../../../infra/pipelines.toml");
    let environment = Environment {
        service_name: "docket".to_owned(),
        bucket: BUCKET.to_owned(),
        pipelines: Pipelines::parse(toml).unwrap(),
    };
    App {
        ports: Memory::at(Timestamp(1_767_607_442_118)),
        environment: Arc::new(environment),
    }
}

/// Puts a PDF and returns S3's message about it.
pub(crate) fn upload(app: &TestApp) -> String {
    let version = app.ports.put(BUCKET, KEY, b"%PDF-1.7\n");
    json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": BUCKET}, "object": {"key": KEY, "size": 9, "eTag": "e", "versionId": version}}}]})
    .to_string()
}

pub(crate) fn id() -> JobId {
    JobId::of_key(BUCKET, KEY)
}

/// A batch of one message.
pub(crate) fn batch<T: serde::de::DeserializeOwned>(app: &TestApp, body: &str) -> LambdaEvent<T> {
    let record = json!({"messageId": "m-1", "body": body});
    event(app, json!({"Records": [record]}))
}

pub(crate) fn event<T: serde::de::DeserializeOwned>(
    app: &TestApp,
    payload: Value,
) -> LambdaEvent<T> {
    let mut context = Context::default();
    context.request_id = "request-1".to_owned();
    context.deadline = app.ports.state().now.0 + 60_000;
    LambdaEvent::new(serde_json::from_value(payload).unwrap(), context)
}

/// Runs a future on a runtime like that of a function.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Traces go to the receiver with this base URL.
pub(crate) fn settings(url: &str) -> TraceSettings {
    let endpoint = |name: &str| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| url.to_owned());
    TraceSettings::read(&endpoint).unwrap()
}

/// An HTTP request: its first line, its headers, its body.
pub(crate) struct ReceivedRequest {
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

/// Listens on a free port and passes each connection to `answer`. Returns the base URL.
pub(crate) fn listen(answer: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap());
        }
    });
    url
}

/// A receiver, and the requests that it gets. It answers 200 to traces and 400 to any other request.
pub(crate) fn receiver() -> (String, Receiver<ReceivedRequest>) {
    let (sender, receiver): (Sender<ReceivedRequest>, _) = channel();
    let url = listen(move |mut stream| {
        let got = read(&stream);
        let status = if got.line.starts_with("POST /v1/traces ") {
            "200 OK"
        } else {
            "400 Bad Request"
        };
        // Before the answer: with it the sender may end, and then the test looks.
        sender.send(got).unwrap();
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
    });
    (url, receiver)
}

fn read(stream: &TcpStream) -> ReceivedRequest {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let length = lines.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_it = name.eq_ignore_ascii_case("content-length");
        is_it.then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    ReceivedRequest {
        line: lines.remove(0),
        headers: lines,
        body,
    }
}
