//! A service in this process: it answers as the contract says, or as it is told to.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::convert::Infallible;
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
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) authorization: Option<String>,
    pub(crate) length: Option<u64>,
    pub(crate) body: Bytes,
}

#[derive(Clone, Debug)]
struct Scripted {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Stored {
    new: NewUpload,
    pub(crate) parts: BTreeMap<u32, Bytes>,
    pub(crate) object: Option<Bytes>,
}

/// What the service knows, and what it is told to do.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) asked: Vec<Asked>,
    scripted: HashMap<String, VecDeque<Scripted>>,
    pub(crate) uploads: BTreeMap<String, Stored>,
    /// Files go in parts of so many bytes; 0: in one piece.
    pub(crate) part_bytes: u64,
    /// The connection breaks when these parts are sent, once each.
    pub(crate) drop_once: HashSet<u32>,
    /// No answer comes for these parts.
    pub(crate) hang: HashSet<u32>,
    /// These parts are lost after they were taken, once each.
    pub(crate) lose_once: HashSet<u32>,
    /// Where WebSockets are opened.
    pub(crate) web_socket: String,
}

impl World {
    /// How often a request came, such as `GET /me`.
    pub(crate) fn count(&self, line: &str) -> usize {
        self.asked.iter().filter(|asked| asked.line == line).count()
    }

    /// The only upload.
    pub(crate) fn upload(&self) -> &Stored {
        assert_eq!(self.uploads.len(), 1);
        self.uploads.values().next().unwrap()
    }
}

pub(crate) struct Server {
    port: u16,
    world: Arc<Mutex<World>>,
    changed: watch::Receiver<u64>,
    /// Ends the thread when the test ends.
    _stop: watch::Sender<()>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let world = Arc::new(Mutex::new(World::default()));
        let (stop, mut stopped) = watch::channel(());
        let (change, changed) = watch::channel(0);
        let shared = Arc::clone(&world);
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
                    let world = Arc::clone(&shared);
                    let change = change.clone();
                    tokio::spawn(async move {
                        let service = service_fn(|request| answer(&world, &change, port, request));
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
            world,
            changed,
            _stop: stop,
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Answers the next such request so.
    pub(crate) fn script(&self, line: &str, status: u16, body: &Value) {
        self.script_with(line, status, vec![], body);
    }

    pub(crate) fn script_with(
        &self,
        line: &str,
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: &Value,
    ) {
        let scripted = Scripted {
            status,
            headers,
            body: match body {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            },
        };
        let mut world = self.world();
        world
            .scripted
            .entry(line.to_owned())
            .or_default()
            .push_back(scripted);
    }

    /// Answers the next such request with a problem.
    pub(crate) fn problem(&self, line: &str, status: u16, word: &str, detail: &str) {
        let problem = json!({
            "type": format!("urn:docket:problem:{word}"), "title": word, "status": status, "detail": detail,
        });
        self.script(line, status, &problem);
    }

    /// Waits until the service has seen enough.
    pub(crate) fn wait_until(&self, enough: impl Fn(&World) -> bool) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let mut changed = self.changed.clone();
        runtime
            .block_on(changed.wait_for(|_| enough(&self.world())))
            .unwrap();
    }
}

type Broken = Box<dyn std::error::Error + Send + Sync>;

async fn answer(
    world: &Mutex<World>,
    change: &watch::Sender<u64>,
    port: u16,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Broken> {
    let (head, body) = request.into_parts();
    let header = |name| {
        let value = head.headers.get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let mut asked = Asked {
        line: format!("{} {}", head.method, head.uri),
        authorization: header("authorization"),
        length: header("content-length").and_then(|length| length.parse().ok()),
        body: Bytes::new(),
    };
    let part = part_number(&asked.line);
    let dropped = part.is_some_and(|part| world.lock().unwrap().drop_once.remove(&part));
    if dropped {
        // Some of it has been read; then the connection is gone.
        return Err("the connection broke".into());
    }
    asked.body = body.collect().await?.to_bytes();
    world.lock().unwrap().asked.push(asked.clone());
    change.send_modify(|count| *count += 1);
    let hangs = part.is_some_and(|part| world.lock().unwrap().hang.contains(&part));
    if hangs {
        std::future::pending::<Infallible>().await;
    }
    let scripted = world
        .lock()
        .unwrap()
        .scripted
        .get_mut(&asked.line)
        .and_then(VecDeque::pop_front);
    if let Some(scripted) = scripted {
        let mut answer = Response::builder().status(scripted.status);
        for (name, value) in scripted.headers {
            answer = answer.header(name, value);
        }
        return Ok(answer.body(scripted.body.into())?);
    }
    let (status, body) = known(&mut world.lock().unwrap(), port, &asked);
    change.send_modify(|count| *count += 1);
    Ok(Response::builder().status(status).body(body)?)
}

fn part_number(line: &str) -> Option<u32> {
    line.strip_prefix("PUT ")?
        .split_once("?part=")?
        .1
        .parse()
        .ok()
}

fn known(world: &mut World, port: u16, asked: &Asked) -> (u16, Full<Bytes>) {
    let base = format!("http://127.0.0.1:{port}");
    let json = |status: u16, body: Value| (status, Full::from(body.to_string()));
    let words: Vec<&str> = asked
        .line
        .split(['/', '?', ' '])
        .filter(|word| !word.is_empty())
        .collect();
    match words[..] {
        ["GET", "configuration"] => json(
            200,
            json!({"sign_in_url": format!("{base}/sign-in"), "client_id": "client", "web_socket_url": "ws://x"}),
        ),
        ["GET", "me"] => json(200, me()),
        ["POST", "ws-tickets"] => json(201, json!({"url": world.web_socket, "expires_at": 1})),
        ["POST", "uploads"] => {
            let new: NewUpload = serde_json::from_slice(&asked.body).unwrap();
            let id = format!("job-{}", world.uploads.len() + 1);
            let stored = Stored {
                new,
                parts: BTreeMap::new(),
                object: None,
            };
            world.uploads.insert(id.clone(), stored);
            json(201, json!(view(world, &base, &id)))
        }
        ["GET", "uploads", id] if is_open(world, id) => json(200, json!(view(world, &base, id))),
        ["DELETE", "uploads", id] => {
            world.uploads.remove(id);
            (204, Full::default())
        }
        ["POST", "uploads", id, "parts"] => {
            let wanted: api::types::SignPartsRequest = serde_json::from_slice(&asked.body).unwrap();
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
        ["POST", "uploads", id, "complete"] => complete(world, &base, id),
        ["PUT", "s3", id] => {
            let upload = world.uploads.get_mut(id).unwrap();
            if upload.object.is_some() {
                return (
                    412,
                    Full::from("<Error><Code>PreconditionFailed</Code></Error>"),
                );
            }
            upload.object = Some(asked.body.clone());
            (200, Full::default())
        }
        ["PUT", "s3", id, part] => {
            let number = part.strip_prefix("part=").unwrap().parse().unwrap();
            let upload = world.uploads.get_mut(id).unwrap();
            upload.parts.insert(number, asked.body.clone());
            (200, Full::default())
        }
        ["HEAD"] => (200, Full::default()),
        _ => json(
            404,
            json!({"type": "urn:docket:problem:not-found", "title": "not found", "status": 404,
                   "detail": format!("there is no {}", asked.line)}),
        ),
    }
}

fn is_open(world: &World, id: &str) -> bool {
    world
        .uploads
        .get(id)
        .is_some_and(|upload| upload.object.is_none())
}

fn complete(world: &mut World, base: &str, id: &str) -> (u16, Full<Bytes>) {
    let answer = view(world, base, id);
    let lost = std::mem::take(&mut world.lose_once);
    let upload = world.uploads.get_mut(id).unwrap();
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

fn view(world: &World, base: &str, id: &str) -> UploadView {
    let stored = &world.uploads[id];
    let new = stored.new.clone();
    let parted = world.part_bytes > 0;
    UploadView {
        job_id: id.to_owned(),
        tenant: new.tenant.unwrap_or_else(|| "acme".to_owned()),
        pipeline: new.pipeline,
        name: new.name,
        bytes: new.bytes,
        content_type: new.content_type,
        created_at: 1,
        expires_at: u64::MAX / 2,
        put: (!parted).then(|| signed("PUT", format!("{base}/s3/{id}"))),
        multipart: parted.then(|| MultipartUploadView {
            part_bytes: world.part_bytes,
            part_count: u32::try_from(new.bytes.div_ceil(world.part_bytes)).unwrap(),
            uploaded_parts: stored.parts.keys().copied().collect(),
        }),
    }
}

pub(crate) fn signed(method: &str, url: String) -> SignedRequest {
    SignedRequest {
        method: method.to_owned(),
        url,
        headers: vec![("content-type".to_owned(), "application/pdf".to_owned())],
        expires_at: u64::MAX / 2,
    }
}

pub(crate) fn me() -> Value {
    json!({
        "actor": "ann@example.com", "roles": ["customer"], "tenants": ["acme"], "expires_at": u64::MAX / 2,
        "pipelines": [{
            "name": "legal-review", "content_types": ["application/pdf"], "max_bytes": 1_000_000,
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
        "timeline": [{"at": 1000, "what": "the upload was announced"},
                     {"at": 2000, "what": "another run was asked for", "actor": "sue", "reason": "a \u{1b}[2Jreason"}],
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
