//! A model container in the test's process, on a real TCP port. A test says how it misbehaves.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// A request, as far as it was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct ContainerRequest {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) length: usize,
    /// Ends as a complete PDF does.
    pub(crate) is_complete: bool,
    /// The number of invocations that run now, this one included.
    pub(crate) running: usize,
    /// The number of requests for this path so far, from 1.
    pub(crate) number: usize,
}

impl ContainerRequest {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn is_ping(&self) -> bool {
        self.path == "/ping"
    }

    pub(crate) fn is_invocation(&self) -> bool {
        self.path == "/invocations"
    }
}

/// What the container does with a request.
pub(crate) enum Reply {
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// After a while.
    After(Duration, Box<Self>),
    /// No answer: the connection is closed.
    Close,
    /// No answer while the client waits.
    Hang,
}

/// An answer with a length.
pub(crate) fn reply(status: u16, content_type: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Bytes(
        format!("HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}")
            .into_bytes(),
    )
}

pub(crate) fn json_reply(status: u16, body: &str) -> Reply {
    reply(status, "application/json", body)
}

/// What a container should do.
pub(crate) fn well_behaved(request: &ContainerRequest) -> Reply {
    match request.path.as_str() {
        "/ping" => json_reply(200, "{}"),
        "/invocations" if request.header("content-type") != "application/pdf" => {
            json_reply(415, r#"{"reason":"send application/pdf"}"#)
        }
        "/invocations" if request.length == 0 => json_reply(400, r#"{"reason":"no document"}"#),
        "/invocations" if !request.is_complete => {
            json_reply(422, r#"{"reason":"the PDF is cut off"}"#)
        }
        "/invocations" => json_reply(200, r#"{"clauses":[]}"#),
        _ => json_reply(404, r#"{"reason":"no such path"}"#),
    }
}

/// Whether a request is an invocation with a document that is fine.
pub(crate) fn is_fine(request: &ContainerRequest) -> bool {
    request.is_invocation()
        && request.is_complete
        && request.header("content-type") == "application/pdf"
}

type Behaviour = dyn Fn(&ContainerRequest) -> Reply + Send + Sync;

pub(crate) struct TestContainer {
    port: u16,
    stopped: Arc<AtomicBool>,
}

#[derive(Default)]
struct Counters {
    running: AtomicUsize,
    pings: AtomicUsize,
    invocations: AtomicUsize,
}

impl TestContainer {
    /// Answers every request as `behaviour` says, each connection in its own thread.
    pub(crate) fn start(
        behaviour: impl Fn(&ContainerRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::serve(behaviour, true)
    }

    /// Answers one connection after the other, pings too.
    pub(crate) fn single_threaded(
        behaviour: impl Fn(&ContainerRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::serve(behaviour, false)
    }

    fn serve(
        behaviour: impl Fn(&ContainerRequest) -> Reply + Send + Sync + 'static,
        threads: bool,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        let counters = Arc::new(Counters::default());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let behaviour = Arc::clone(&behaviour);
                let counters = Arc::clone(&counters);
                let answer = move || answer(stream.unwrap(), &*behaviour, &counters);
                if threads {
                    std::thread::spawn(answer);
                } else {
                    answer();
                }
            }
        });
        Self { port, stopped }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for TestContainer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts connections.
        TcpStream::connect(("127.0.0.1", self.port)).ok();
    }
}

fn answer(mut stream: TcpStream, behaviour: &Behaviour, counters: &Counters) {
    let Some(mut request) = read(&stream) else {
        return;
    };
    let count = |counter: &AtomicUsize| counter.fetch_add(1, Ordering::SeqCst) + 1;
    if request.is_invocation() {
        request.number = count(&counters.invocations);
        request.running = count(&counters.running);
    } else {
        request.number = count(&counters.pings);
    }
    let mut reply = behaviour(&request);
    while let Reply::After(time, next) = reply {
        std::thread::sleep(time);
        reply = *next;
    }
    // Before the answer: its client may send the next request at once.
    if request.is_invocation() {
        counters.running.fetch_sub(1, Ordering::SeqCst);
    }
    send(&mut stream, reply);
}

/// A client that has gone is no error here.
fn send(stream: &mut TcpStream, reply: Reply) {
    match reply {
        Reply::Bytes(bytes) => {
            stream.write_all(&bytes).ok();
        }
        Reply::After(..) | Reply::Close => {}
        Reply::Hang => {
            // Until the client closes the connection.
            stream.read_exact(&mut [0; 1]).ok();
        }
    }
}

/// Reads a request; `None` if the client closed the connection before its end.
fn read(stream: &TcpStream) -> Option<ContainerRequest> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut request = ContainerRequest {
        path: line.split(' ').nth(1)?.to_owned(),
        ..ContainerRequest::default()
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ")?;
        request
            .headers
            .push((name.to_lowercase(), value.to_owned()));
    }
    request.length = request.header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; request.length];
    reader.read_exact(&mut body).ok()?;
    let tail = &body[body.len().saturating_sub(16)..];
    request.is_complete = tail.windows(5).any(|window| window == b"%%EOF");
    Some(request)
}
