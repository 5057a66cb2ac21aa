//! The web server for the web app: serves `web/dist` with the URL rewriting and the headers that `infra/web.yaml`
//! configures on AWS, and `config.json` with the URL of the HTTP API.

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
use crate::repo;

/// The output of `make web`.
const WEB_APP_DIR: &str = "web/dist";
pub(crate) const WEB_APP_NOT_BUILT: &str = "not built; run `make web`, which needs Node";
/// The file for every path that is not a file: the web app does the routing.
const INDEX: &str = "index.html";
/// The template with the Content-Security-Policy.
const TEMPLATE: &str = "infra/web.yaml";
/// The start of the template's line with the Content-Security-Policy.
const POLICY_PREFIX: &str = "ContentSecurityPolicy: !Sub \"";

/// A running web server. Dropping it stops it.
#[derive(Debug)]
pub struct WebServer {
    /// `http://127.0.0.1:<port>/`.
    pub url: String,
    server: JoinHandle<()>,
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl WebServer {
    /// Serves the web app on a free port. `None` if the web app has not been built.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn start(outputs: &Outputs, cloud_url: &str) -> Result<Option<Self>> {
        match ReservedAddress::new().await? {
            Some(address) => address.serve(outputs, cloud_url).map(Some),
            None => Ok(None),
        }
    }
}

/// The address of a web app whose service is not deployed yet, and has to know it.
#[derive(Debug)]
pub struct ReservedAddress {
    listener: TcpListener,
    origin: String,
}

impl ReservedAddress {
    /// Takes a free port. `None` if the web app has not been built.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn new() -> Result<Option<Self>> {
        if !repo::file(WEB_APP_DIR).join(INDEX).is_file() {
            return Ok(None);
        }
        Self::bind().await.map(Some)
    }

    async fn bind() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .context("cannot find a free port for the web app")?;
        let origin = format!("http://{}", listener.local_addr()?);
        Ok(Self { listener, origin })
    }

    /// `http://127.0.0.1:<port>`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Serves the web app there.
    ///
    /// # Errors
    /// A file of the web app or its template cannot be read.
    pub fn serve(self, outputs: &Outputs, cloud_url: &str) -> Result<WebServer> {
        let site = StaticSite::new(&repo::file(WEB_APP_DIR), outputs, cloud_url)?;
        Ok(self.serve_site(site))
    }

    fn serve_site(self, site: StaticSite) -> WebServer {
        WebServer {
            url: format!("{}/", self.origin),
            server: tokio::spawn(accept(self.listener, Arc::new(site))),
        }
    }
}

async fn accept(listener: TcpListener, site: Arc<StaticSite>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { connections.spawn(connection(stream, Arc::clone(&site))); }
                // For example too many open files: retry after other connections have ended.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, site: Arc<StaticSite>) {
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let response = site.respond(request.method(), request.uri().path());
        async { Ok::<_, Infallible>(response) }
    });
    hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

#[derive(Debug)]
struct StaticSite {
    /// Without symbolic links in its path.
    dir: PathBuf,
    /// `config.json`.
    config: Bytes,
    policy: HeaderValue,
}

impl StaticSite {
    fn new(dir: &Path, outputs: &Outputs, cloud_url: &str) -> Result<Self> {
        let config = serde_json::json!({"api_url": outputs.http_api_url});
        let template = std::fs::read_to_string(repo::file(TEMPLATE)).context(TEMPLATE)?;
        let addresses = [
            ("${ApiOrigin}", origin(&outputs.http_api_url)),
            ("${WebSocketOrigin}", origin(&outputs.web_socket_url)),
            ("${BucketOrigin}", cloud_url),
            ("${SignInOrigin}", cloud_url),
            // The emulator serves the user pool's domain too.
            ("${CompanySignInOrigin}", cloud_url),
        ];
        Ok(Self {
            dir: dir.canonicalize()?,
            config: config.to_string().into(),
            policy: policy(&template, &addresses)?,
        })
    }

    fn respond(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let (status, kind, body) = if !matches!(*method, Method::GET | Method::HEAD) {
            (
                StatusCode::METHOD_NOT_ALLOWED,
                TEXT,
                "method not allowed\n".into(),
            )
        } else if path == "/config.json" {
            (StatusCode::OK, content_type(path), self.config.clone())
        } else if let Some(file) = self.find(path)
            && let Ok(bytes) = std::fs::read(&file)
        {
            let kind = content_type(&file.to_string_lossy());
            (StatusCode::OK, kind, bytes.into())
        } else {
            (StatusCode::NOT_FOUND, TEXT, "not found\n".into())
        };
        let length = body.len();
        let body = if *method == Method::HEAD {
            Bytes::new()
        } else {
            body
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length.into());
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        for (name, value) in [
            (header::CONTENT_TYPE, kind),
            // The next stack uses another port for the API, and the next build has other files.
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
        response
    }

    /// The file for a URL path. Never a file outside of the directory, and never a hidden one.
    fn find(&self, path: &str) -> Option<PathBuf> {
        let path = if is_file(path) {
            percent_decode_str(path).decode_utf8().ok()?
        } else {
            INDEX.into()
        };
        let mut file = self.dir.clone();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            // Also rejects `..`.
            if segment.starts_with('.') || segment.contains(['\\', '\0']) {
                return None;
            }
            file.push(segment);
        }
        let file = file.canonicalize().ok()?;
        (file.is_file() && file.starts_with(&self.dir)).then_some(file)
    }
}

/// Whether a path is a file and not a route of the web app, by the same rule as `AddressFunction` of the template.
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

/// The template's Content-Security-Policy with its parameters replaced.
fn policy(template: &str, addresses: &[(&str, &str)]) -> Result<HeaderValue> {
    let mut policy = template
        .lines()
        .find_map(|line| line.trim().strip_prefix(POLICY_PREFIX)?.strip_suffix('"'))
        .with_context(|| format!("{TEMPLATE} has no single-line Content-Security-Policy"))?
        .to_owned();
    for (name, address) in addresses {
        policy = policy.replace(name, address);
    }
    if let Some(index) = policy.find("${") {
        bail!("{TEMPLATE}: unknown parameter {}", &policy[index..]);
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

    /// A built web app next to a file that must not be served. Deleted on drop.
    struct BuiltWebApp(PathBuf);

    impl BuiltWebApp {
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

        fn site(&self) -> StaticSite {
            StaticSite {
                dir: self.0.join("dist").canonicalize().unwrap(),
                config: r#"{"api_url":"http://127.0.0.1:1/a"}"#.into(),
                policy: HeaderValue::from_static("default-src 'none'"),
            }
        }
    }

    impl Drop for BuiltWebApp {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    /// Sends a raw request line, which an HTTP client would normalize, and returns the whole response.
    async fn send(server: &WebServer, line: &str) -> String {
        let address = origin(&server.url).trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        response
    }

    #[tokio::test]
    async fn files_have_their_content_type_and_other_paths_return_the_index() {
        let built = BuiltWebApp::new("types");
        let server = ReservedAddress::bind()
            .await
            .unwrap()
            .serve_site(built.site());
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
            let response = send(&server, &format!("GET {path}")).await;
            let (head, got) = response.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
            assert!(
                head.contains(&format!("content-type: {kind}\r\n")),
                "{path}: {head}"
            );
            assert!(head.contains("cache-control: no-store\r\n"), "{head}");
            let policy = "content-security-policy: default-src 'none'\r\n";
            assert!(head.contains(policy), "{head}");
            assert_eq!(got, body);
            let response = send(&server, &format!("HEAD {path}")).await;
            let length = format!("content-length: {}\r\n", body.len());
            assert!(
                response.contains(&length) && response.ends_with("\r\n\r\n"),
                "{response}"
            );
        }
        let missing = send(&server, "GET /assets/old.js").await;
        assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
        let posted = send(&server, "POST /").await;
        assert!(posted.starts_with("HTTP/1.1 405"), "{posted}");
    }

    #[tokio::test]
    async fn files_outside_of_the_directory_and_hidden_files_are_not_served() {
        let built = BuiltWebApp::new("paths");
        #[cfg(unix)]
        std::os::unix::fs::symlink(built.0.join("secret.txt"), built.0.join("dist/link.txt"))
            .unwrap();
        let server = ReservedAddress::bind()
            .await
            .unwrap()
            .serve_site(built.site());
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
            let response = send(&server, &format!("GET {path}")).await;
            assert!(response.starts_with("HTTP/1.1 404"), "{path}: {response}");
            assert!(!response.contains("secret"), "{path}: {response}");
        }
    }

    #[test]
    fn content_security_policy_is_that_of_the_template() {
        let template = fs::read_to_string(repo::file(TEMPLATE)).unwrap();
        let (http, ws) = ("http://127.0.0.1:1", "ws://127.0.0.1:1");
        let mut addresses = vec![
            ("${ApiOrigin}", http),
            ("${WebSocketOrigin}", ws),
            ("${BucketOrigin}", http),
            ("${SignInOrigin}", http),
            ("${CompanySignInOrigin}", http),
        ];
        let text = policy(&template, &addresses).unwrap();
        let text = text.to_str().unwrap();
        assert!(text.contains("script-src 'self';"), "{text}");
        let connect = format!("connect-src 'self' {http} {ws} ");
        assert!(text.contains(&connect), "{text}");
        // An unknown parameter is an error, and so is a missing policy.
        addresses.pop();
        assert!(policy(&template, &addresses).is_err());
        assert!(policy("", &addresses).is_err());
    }

    #[test]
    fn origin_is_the_url_without_its_path() {
        assert_eq!(origin("ws://127.0.0.1:1/_aws/x"), "ws://127.0.0.1:1");
        assert_eq!(origin("http://127.0.0.1:1"), "http://127.0.0.1:1");
    }
}
