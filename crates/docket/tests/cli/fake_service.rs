//! A fake service in the test's process. It answers as the API does, unless a test scripted another answer.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use api::types::{
    MultipartUploadView, NewUpload, SignedPart, SignedParts, SignedRequest, UploadView,
};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jobs::labels::Tags;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::fake_domain::FakeDomain;

#[derive(Clone, Debug)]
pub(crate) struct ReceivedRequest {
    pub(crate) request_line: String,
    pub(crate) authorization: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) length: Option<u64>,
    pub(crate) body: Bytes,
}

#[derive(Clone, Debug)]
struct ScriptedResponse {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

#[derive(Clone, Debug)]
pub(crate) struct StoredUpload {
    new: NewUpload,
    pub(crate) parts: BTreeMap<u32, Bytes>,
    pub(crate) object: Option<Bytes>,
}

/// The uploads and the scripted answers and faults.
#[derive(Debug, Default)]
pub(crate) struct ServiceState {
    pub(crate) requests: Vec<ReceivedRequest>,
    scripted: HashMap<String, VecDeque<ScriptedResponse>>,
    pub(crate) uploads: BTreeMap<String, StoredUpload>,
    /// The size of parts; 0 for uploads with one request.
    pub(crate) part_bytes: u64,
    /// The connection is closed when these parts are sent, once each.
    pub(crate) drop_once: HashSet<u32>,
    /// Requests for these parts get no answer.
    pub(crate) hang: HashSet<u32>,
    /// These parts are lost after they were stored, once each.
    pub(crate) lose_once: HashSet<u32>,
    /// This file is deleted when a request with this request line arrives.
    pub(crate) delete_file: Option<(String, PathBuf)>,
    /// The URL of WebSocket tickets.
    pub(crate) web_socket: String,
    /// The user pool's domain.
    pub(crate) domain: FakeDomain,
}

impl ServiceState {
    /// The number of requests with this request line, such as `GET /me`.
    pub(crate) fn count(&self, request_line: &str) -> usize {
        self.requests
            .iter()
            .filter(|request| request.request_line == request_line)
            .count()
    }

    pub(crate) fn upload(&self) -> &StoredUpload {
        assert_eq!(self.uploads.len(), 1);
        self.uploads.values().next().unwrap()
    }
}

pub(crate) struct FakeService {
    port: u16,
    state: Arc<Mutex<ServiceState>>,
    changed: watch::Receiver<u64>,
    /// Ends the thread when the test ends.
    _stop: watch::Sender<()>,
}

impl FakeService {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(ServiceState::default()));
        let (stop, mut stopped) = watch::channel(());
        let (change, changed) = watch::channel(0);
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let stream = tokio::select! {
                        accepted = listener.accept() => accepted.unwrap().0,
                        _ = stopped.changed() => return,
                    };
                    let state = Arc::clone(&shared);
                    let change = change.clone();
                    tokio::spawn(async move {
                        let service = service_fn(|request| answer(&state, &change, port, request));
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await
                            .ok();
                    });
                }
            });
        });
        Self {
            port,
            state,
            changed,
            _stop: stop,
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, ServiceState> {
        self.state.lock().unwrap()
    }

    /// Answers the next request with this request line like this.
    pub(crate) fn respond_once(&self, request_line: &str, status: u16, body: &Value) {
        self.respond_once_with_headers(request_line, status, vec![], body);
    }

    pub(crate) fn respond_once_with_headers(
        &self,
        request_line: &str,
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: &Value,
    ) {
        let scripted = ScriptedResponse {
            status,
            headers,
            body: match body {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            },
        };
        let mut state = self.state();
        state
            .scripted
            .entry(request_line.to_owned())
            .or_default()
            .push_back(scripted);
    }

    /// Answers the next request with this request line; the answer is a problem document.
    pub(crate) fn fail_once(&self, request_line: &str, status: u16, kind: &str, detail: &str) {
        let problem = json!({
            "type": format!("urn:docket:problem:{kind}"), "title": kind, "status": status, "detail": detail,
        });
        self.respond_once(request_line, status, &problem);
    }

    /// Waits until the state fulfills a condition.
    pub(crate) fn wait_until(&self, condition: impl Fn(&ServiceState) -> bool) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let mut changed = self.changed.clone();
        runtime
            .block_on(changed.wait_for(|_| condition(&self.state())))
            .unwrap();
    }
}

type ServiceError = Box<dyn std::error::Error + Send + Sync>;

async fn answer(
    state: &Mutex<ServiceState>,
    change: &watch::Sender<u64>,
    port: u16,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, ServiceError> {
    let (head, body) = request.into_parts();
    let header = |name| {
        let value = head.headers.get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let mut request = ReceivedRequest {
        request_line: format!("{} {}", head.method, head.uri),
        authorization: header("authorization"),
        idempotency_key: header("idempotency-key"),
        length: header("content-length").and_then(|length| length.parse().ok()),
        body: Bytes::new(),
    };
    let part = part_number(&request.request_line);
    let dropped = part.is_some_and(|part| state.lock().unwrap().drop_once.remove(&part));
    if dropped {
        // Returning an error closes the connection while the request is being read.
        return Err("the connection broke".into());
    }
    request.body = body.collect().await?.to_bytes();
    state.lock().unwrap().requests.push(request.clone());
    change.send_modify(|count| *count += 1);
    if let Some((line, path)) = &state.lock().unwrap().delete_file
        && *line == request.request_line
    {
        std::fs::remove_file(path).ok();
    }
    let hangs = part.is_some_and(|part| state.lock().unwrap().hang.contains(&part));
    if hangs {
        std::future::pending::<Infallible>().await;
    }
    let scripted = state
        .lock()
        .unwrap()
        .scripted
        .get_mut(&request.request_line)
        .and_then(VecDeque::pop_front);
    if let Some(scripted) = scripted {
        let mut answer = Response::builder().status(scripted.status);
        for (name, value) in scripted.headers {
            answer = answer.header(name, value);
        }
        return Ok(answer.body(scripted.body.into())?);
    }
    if request.request_line.contains(" /domain/") {
        return Ok(state.lock().unwrap().domain.respond(&request));
    }
    let (status, body) = default_response(&mut state.lock().unwrap(), port, &request);
    change.send_modify(|count| *count += 1);
    Ok(Response::builder().status(status).body(body)?)
}

fn part_number(request_line: &str) -> Option<u32> {
    request_line
        .strip_prefix("PUT ")?
        .split_once("?part=")?
        .1
        .parse()
        .ok()
}

fn default_response(
    state: &mut ServiceState,
    port: u16,
    request: &ReceivedRequest,
) -> (u16, Full<Bytes>) {
    let base = format!("http://127.0.0.1:{port}");
    let json = |status: u16, body: Value| (status, Full::from(body.to_string()));
    let words: Vec<&str> = request
        .request_line
        .split(['/', '?', ' '])
        .filter(|word| !word.is_empty())
        .collect();
    match words[..] {
        ["GET", "configuration"] => {
            let mut configuration = json!({"sign_in_url": format!("{base}/sign-in"), "client_id": "client", "web_socket_url": "ws://x"});
            state.domain.configure(&base, &mut configuration);
            json(200, configuration)
        }
        ["GET", "me"] => json(200, me()),
        ["POST", "ws-tickets"] => json(201, json!({"url": state.web_socket, "expires_at": 1})),
        ["POST", "uploads"] => {
            let new: NewUpload = serde_json::from_slice(&request.body).unwrap();
            let id = format!("job-{}", state.uploads.len() + 1);
            let stored = StoredUpload {
                new,
                parts: BTreeMap::new(),
                object: None,
            };
            state.uploads.insert(id.clone(), stored);
            json(201, json!(view(state, &base, &id)))
        }
        ["GET", "uploads", id] if is_open(state, id) => json(200, json!(view(state, &base, id))),
        ["DELETE", "uploads", id] => {
            state.uploads.remove(id);
            (204, Full::default())
        }
        ["POST", "uploads", id, "parts"] => {
            let wanted: api::types::SignPartsRequest =
                serde_json::from_slice(&request.body).unwrap();
            let parts = wanted
                .part_numbers
                .into_iter()
                .map(|part_number| SignedPart {
                    part_number,
                    request: signed("PUT", format!("{base}/s3/{id}?part={part_number}")),
                });
            json(
                200,
                json!(SignedParts {
                    parts: parts.collect()
                }),
            )
        }
        ["POST", "uploads", id, "complete"] => complete(state, &base, id),
        ["PUT", "s3", id] => {
            let upload = state.uploads.get_mut(id).unwrap();
            if upload.object.is_some() {
                return (
                    412,
                    Full::from("<Error><Code>PreconditionFailed</Code></Error>"),
                );
            }
            upload.object = Some(request.body.clone());
            (200, Full::default())
        }
        ["PUT", "s3", id, part] => {
            let number = part.strip_prefix("part=").unwrap().parse().unwrap();
            let upload = state.uploads.get_mut(id).unwrap();
            upload.parts.insert(number, request.body.clone());
            (200, Full::default())
        }
        ["HEAD"] => (200, Full::default()),
        _ => json(
            404,
            json!({"type": "urn:docket:problem:not-found", "title": "not found", "status": 404,
                   "detail": format!("there is no {}", request.request_line)}),
        ),
    }
}

fn is_open(state: &ServiceState, id: &str) -> bool {
    state
        .uploads
        .get(id)
        .is_some_and(|upload| upload.object.is_none())
}

fn complete(state: &mut ServiceState, base: &str, id: &str) -> (u16, Full<Bytes>) {
    let answer = view(state, base, id);
    let lost = std::mem::take(&mut state.lose_once);
    let upload = state.uploads.get_mut(id).unwrap();
    upload.parts.retain(|number, _| !lost.contains(number));
    let multipart = answer.multipart.as_ref().unwrap();
    let missing: Vec<u32> = (1..=multipart.part_count)
        .filter(|number| !upload.parts.contains_key(number))
        .collect();
    if !missing.is_empty() {
        let problem = json!({"type": "urn:docket:problem:parts-missing", "title": "parts missing", "status": 409,
                             "detail": format!("parts {missing:?} are missing")});
        return (409, Full::from(problem.to_string()));
    }
    let whole: Vec<u8> = upload.parts.values().flatten().copied().collect();
    upload.object = Some(whole.into());
    (200, Full::from(json!(answer).to_string()))
}

fn view(state: &ServiceState, base: &str, id: &str) -> UploadView {
    let stored = &state.uploads[id];
    let new = stored.new.clone();
    let in_parts = state.part_bytes > 0;
    UploadView {
        job_id: id.to_owned(),
        tenant: new.tenant.unwrap_or_else(|| "acme".to_owned()),
        pipeline: new.pipeline,
        name: new.name,
        bytes: new.bytes,
        content_type: new.content_type,
        created_at: 1,
        expires_at: u64::MAX / 2,
        reference: new.reference,
        batch: new.batch,
        tags: tags(&new.tags),
        lane: new.lane.unwrap_or_default(),
        uploaded: false,
        put: (!in_parts).then(|| signed("PUT", format!("{base}/s3/{id}"))),
        multipart: in_parts.then(|| MultipartUploadView {
            part_bytes: state.part_bytes,
            part_count: u32::try_from(new.bytes.div_ceil(state.part_bytes)).unwrap(),
            uploaded_parts: stored.parts.keys().copied().collect(),
        }),
    }
}

fn tags(tags: &[(String, String)]) -> Tags {
    let tags: BTreeMap<&String, &String> = tags.iter().map(|(name, value)| (name, value)).collect();
    serde_json::from_value(json!(tags)).unwrap()
}

pub(crate) fn signed(method: &str, url: String) -> SignedRequest {
    SignedRequest {
        method: method.to_owned(),
        url,
        headers: [("content-type".to_owned(), "application/pdf".to_owned())].into(),
        expires_at: u64::MAX / 2,
    }
}

pub(crate) fn me() -> Value {
    json!({
        "actor": "ann@example.com", "roles": ["customer"], "tenants": ["acme"], "permissions": [], "expires_at": u64::MAX / 2,
        "pipelines": [{
            "name": "legal-review", "display_name": "Contract review", "content_types": ["application/pdf"], "max_bytes": 1_000_000,
            "result_type": "application/json", "slo_seconds": 28_800, "typical_run_seconds": 45
        }]
    })
}

pub(crate) fn job(id: &str, version: u64, status: &str) -> Value {
    let mut job = json!({
        "id": id, "version": version, "status": status, "pipeline": "legal-review", "tenant": "acme",
        "name": "contract.pdf", "bytes": 5, "attempt": 1, "created_at": 1000, "updated_at": 2000
    });
    if status == "Failed" {
        job["failure"] = json!({"cause": "ModelError", "detail": "it broke down"});
    }
    job
}

pub(crate) fn detail(id: &str, status: &str) -> Value {
    let mut explanation = json!({
        "summary": format!("it is {status}"),
        "next": [],
        "timeline": [{"at": 1000, "what": "the upload was created"},
                     {"at": 2000, "what": "another run was request for", "actor": "sue", "reason": "a \u{1b}[2Jreason"}],
        "help": [{"action": "result", "why": "the result is there"}]
    });
    if status == "InProgress" {
        explanation["waiting"] = json!({"on": "endpoint", "since": 1000});
    }
    json!({
        "job": job(id, 3, status), "explanation": explanation, "input": "s3://bucket/inbound/acme/contract.pdf",
        "attempts": [{"attempt": 1, "inference_id": "i-1", "started_at": 1000, "closed_at": 2000}]
    })
}
