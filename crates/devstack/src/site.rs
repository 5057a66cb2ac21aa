//! The web page as a local stack serves it: the files of `web/dist`, with the addresses and the headers that
//! `infra/web.yaml` gives them on AWS, and where the HTTP API is.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::deploy::Outputs;
use crate::place;

/// Where the page is when it has been built.
const BUILT: &str = "web/dist";
/// Said where it has not.
pub(crate) const NOT_BUILT: &str = "the page is not built: needs Node, run make web";
/// What every path leads to that names no file: the page finds its way by itself.
const INDEX: &str = "index.html";
/// The template that says what browsers may do with the page.
const TEMPLATE: &str = "infra/web.yaml";
/// Before the Content-Security-Policy there, which ends with the line.
const POLICY: &str = "ContentSecurityPolicy: !Sub \"";

/// The page on a local web server, which ends when it is dropped.
#[derive(Debug)]
pub struct Site {
    /// `http://127.0.0.1:<port>/`.
    pub url: String,
    server: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Site {
    /// Serves the page on a free port, if it has been built.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(outputs: &Outputs, cloud_url: &str) -> Result<Option<Self>> {
        let folder = place::file(BUILT);
        if !folder.join(INDEX).is_file() {
            return Ok(None);
        }
        Self::serve(Content::new(&folder, outputs, cloud_url)?)
            .await
            .map(Some)
    }

    async fn serve(content: Content) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("no free port for the page")?;
        let url = format!("http://{}/", listener.local_addr()?);
        let server = tokio::spawn(accept(listener, Arc::new(content)));
        Ok(Self { url, server })
    }
}

async fn accept(listener: TcpListener, content: Arc<Content>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { connections.spawn(connection(stream, Arc::clone(&content))); }
                // Such as too many open files: others may still end.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, content: Arc<Content>) {
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let answer = content.answer(request.method(), request.uri().path());
        async { Ok::<_, Infallible>(answer) }
    });
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

/// What is served.
#[derive(Debug)]
struct Content {
    /// Without links in its path.
    folder: PathBuf,
    /// `config.json`.
    config: Bytes,
    policy: HeaderValue,
}

impl Content {
    fn new(folder: &Path, outputs: &Outputs, cloud_url: &str) -> Result<Self> {
        let config = serde_json::json!({"api_url": outputs.http_api_url});
        let template = std::fs::read_to_string(place::file(TEMPLATE)).context(TEMPLATE)?;
        let addresses = [
            ("${ApiOrigin}", origin(&outputs.http_api_url)),
            ("${WebSocketOrigin}", origin(&outputs.web_socket_url)),
            ("${BucketOrigin}", cloud_url),
            ("${SignInOrigin}", cloud_url),
        ];
        Ok(Self {
            folder: folder.canonicalize()?,
            config: config.to_string().into(),
            policy: policy(&template, &addresses)?,
        })
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let (status, kind, body) = if !matches!(*method, Method::GET | Method::HEAD) {
            (StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET or HEAD\n".into())
        } else if path == "/config.json" {
            (StatusCode::OK, content_type(path), self.config.clone())
        } else if let Some(file) = self.find(path)
            && let Ok(bytes) = std::fs::read(&file)
        {
            let kind = content_type(&file.to_string_lossy());
            (StatusCode::OK, kind, bytes.into())
        } else {
            (
                StatusCode::NOT_FOUND,
                TEXT,
                "there is no such file\n".into(),
            )
        };
        let length = body.len();
        let body = if *method == Method::HEAD {
            Bytes::new()
        } else {
            body
        };
        let mut answer = Response::new(Full::new(body));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length.into());
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        for (name, value) in [
            (header::CONTENT_TYPE, kind),
            // The next stack has another port for the API, and the next build other files.
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (
                HeaderName::from_static("cross-origin-opener-policy"),
                "same-origin",
            ),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                "same-origin",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        answer
    }

    /// The file that a path of a URL stands for. Nothing outside of the folder, and nothing hidden in it.
    fn find(&self, path: &str) -> Option<PathBuf> {
        let path = if is_file(path) {
            percent_decode_str(path).decode_utf8().ok()?
        } else {
            INDEX.into()
        };
        let mut file = self.folder.clone();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            // With that, no `..` either.
            if segment.starts_with('.') || segment.contains(['\\', '\0']) {
                return None;
            }
            file.push(segment);
        }
        let file = file.canonicalize().ok()?;
        (file.is_file() && file.starts_with(&self.folder)).then_some(file)
    }
}

/// Whether a path names a file and not a screen of the page: as `AddressFunction` of the template decides.
fn is_file(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    let named = |stem: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !stem.is_empty() && stem.chars().all(plain)
    };
    path.starts_with("/assets/")
        || [".html", ".svg", ".txt"]
            .iter()
            .any(|ending| last.strip_suffix(ending).is_some_and(named))
}

/// The Content-Security-Policy of the template, with these addresses in place of its parameters.
fn policy(template: &str, addresses: &[(&str, &str)]) -> Result<HeaderValue> {
    let mut policy = template
        .lines()
        .find_map(|line| line.trim().strip_prefix(POLICY)?.strip_suffix('"'))
        .with_context(|| format!("{TEMPLATE} has no Content-Security-Policy in one line"))?
        .to_owned();
    for (name, address) in addresses {
        policy = policy.replace(name, address);
    }
    if let Some(at) = policy.find("${") {
        bail!("{TEMPLATE}: what is {}?", &policy[at..]);
    }
    Ok(HeaderValue::from_str(&policy)?)
}

/// The scheme, host and port of a URL.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    &url[..end]
}

const TEXT: &str = "text/plain; charset=utf-8";

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => TEXT,
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A page beside a file that nobody may read; removed at the end.
    struct Built(PathBuf);

    impl Built {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("site-{name}-{}", std::process::id()));
            fs::create_dir_all(root.join("dist/assets")).unwrap();
            for (file, text) in [
                ("secret.txt", "secret"),
                ("dist/index.html", "<p>page"),
                ("dist/.env", "secret"),
                ("dist/assets/main.js", "let it"),
                ("dist/assets/a b.svg", "<svg/>"),
            ] {
                fs::write(root.join(file), text).unwrap();
            }
            Self(root)
        }

        fn content(&self) -> Content {
            Content {
                folder: self.0.join("dist").canonicalize().unwrap(),
                config: r#"{"api_url":"http://127.0.0.1:1/a"}"#.into(),
                policy: HeaderValue::from_static("default-src 'none'"),
            }
        }
    }

    impl Drop for Built {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    /// Sends a request line as it is, which a client would first make harmless, and answers all that comes back.
    async fn ask(site: &Site, line: &str) -> String {
        let address = origin(&site.url).trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn files_come_with_their_type_and_other_paths_are_the_page() {
        let built = Built::new("types");
        let site = Site::serve(built.content()).await.unwrap();
        for (path, kind, body) in [
            ("/", "text/html; charset=utf-8", "<p>page"),
            ("/jobs/3f2a?x=1.js", "text/html; charset=utf-8", "<p>page"),
            ("/assets", "text/html; charset=utf-8", "<p>page"),
            ("/jobs/a.pdf", "text/html; charset=utf-8", "<p>page"),
            (
                "/assets/main.js",
                "text/javascript; charset=utf-8",
                "let it",
            ),
            ("/assets/a%20b.svg", "image/svg+xml", "<svg/>"),
            (
                "/config.json",
                "application/json",
                r#"{"api_url":"http://127.0.0.1:1/a"}"#,
            ),
        ] {
            let answer = ask(&site, &format!("GET {path}")).await;
            let (head, got) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
            assert!(
                head.contains(&format!("content-type: {kind}\r\n")),
                "{path}: {head}"
            );
            assert!(head.contains("cache-control: no-store\r\n"), "{head}");
            let policy = "content-security-policy: default-src 'none'\r\n";
            assert!(head.contains(policy), "{head}");
            assert_eq!(got, body);
            let answer = ask(&site, &format!("HEAD {path}")).await;
            let length = format!("content-length: {}\r\n", body.len());
            assert!(
                answer.contains(&length) && answer.ends_with("\r\n\r\n"),
                "{answer}"
            );
        }
        let missing = ask(&site, "GET /assets/old.js").await;
        assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
        let posted = ask(&site, "POST /").await;
        assert!(posted.starts_with("HTTP/1.1 405"), "{posted}");
    }

    #[tokio::test]
    async fn nothing_else_on_the_disk_is_served() {
        let built = Built::new("paths");
        #[cfg(unix)]
        std::os::unix::fs::symlink(built.0.join("secret.txt"), built.0.join("dist/link.txt"))
            .unwrap();
        let site = Site::serve(built.content()).await.unwrap();
        for path in [
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/assets/../../secret.txt",
            "/assets/%2e%2e%2f%2e%2e%2fsecret.txt",
            "/assets/..%5c..%5csecret.txt",
            "//etc/passwd.txt",
            "/assets/../.env",
            "/assets/%2e%2e/%2eenv",
            "/link.txt",
            "/assets/%00.txt",
            "/assets/%ff.txt",
        ] {
            let answer = ask(&site, &format!("GET {path}")).await;
            assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
            assert!(!answer.contains("secret"), "{path}: {answer}");
        }
    }

    #[test]
    fn the_policy_is_that_of_the_template() {
        let template = fs::read_to_string(place::file(TEMPLATE)).unwrap();
        let (http, ws) = ("http://127.0.0.1:1", "ws://127.0.0.1:1");
        let mut addresses = vec![
            ("${ApiOrigin}", http),
            ("${WebSocketOrigin}", ws),
            ("${BucketOrigin}", http),
            ("${SignInOrigin}", http),
        ];
        let text = policy(&template, &addresses).unwrap();
        let text = text.to_str().unwrap();
        assert!(text.contains("script-src 'self';"), "{text}");
        let connect = format!("connect-src 'self' {http} {ws} ");
        assert!(text.contains(&connect), "{text}");
        // One that the stack cannot fill in is no policy, and neither is none.
        addresses.pop();
        assert!(policy(&template, &addresses).is_err());
        assert!(policy("", &addresses).is_err());
    }

    #[test]
    fn an_origin_ends_before_the_path() {
        assert_eq!(origin("ws://127.0.0.1:1/_aws/x"), "ws://127.0.0.1:1");
        assert_eq!(origin("http://127.0.0.1:1"), "http://127.0.0.1:1");
    }
}
