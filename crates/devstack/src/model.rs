//! The model: the reference model, or a container that the user runs.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use http::Uri;

use crate::http_status;

/// Which model processes the documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    /// The reference model, as a child process.
    Reference {
        /// Added to each invocation to imitate a GPU.
        delay: Duration,
        /// Whether it recognizes the text of scanned pages, which takes seconds a page.
        ocr: bool,
        /// A JSON file with the minimum duration of an invocation in milliseconds, by the SHA-256 of the document.
        min_durations: Option<PathBuf>,
    },
    /// A running container of the user. The stack neither starts nor stops it.
    Container(ContainerUrl),
}

/// The base URL of a container with SageMaker's contract: `GET <base>/ping`, `POST <base>/invocations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerUrl {
    /// `http://host:port/path`, without a trailing slash.
    base: String,
    /// `host:port`.
    address: String,
    /// The path in the container; empty, or with a leading slash.
    path: String,
}

impl ContainerUrl {
    /// Parses a base URL.
    ///
    /// # Errors
    /// The URL is invalid; the message contains the reason and an example.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |reason: &str| {
            let text: String = text.escape_debug().collect();
            anyhow!(
                "invalid MODEL \"{text}\": {reason}; expected the URL of a container, such as http://127.0.0.1:8080"
            )
        };
        let uri: Uri = text
            .parse()
            .map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(invalid("use plain http, as SageMaker does"));
            }
            Some(_) | None => return Err(invalid("it does not start with http://")),
        }
        let authority = uri.authority().ok_or_else(|| invalid("it has no host"))?;
        let host = authority.host();
        if host.is_empty() {
            return Err(invalid("it has no host"));
        }
        if authority.as_str().contains('@') {
            return Err(invalid("it must not contain a user name"));
        }
        let port = match authority.port_u16() {
            None if authority.as_str() == host => 80,
            None | Some(0) => return Err(invalid("the port is not a number from 1 to 65535")),
            Some(port) => port,
        };
        if uri.query().is_some() || text.contains('#') {
            return Err(invalid("it must not contain ? or #"));
        }
        let path = uri.path().trim_end_matches('/');
        if let Some(end) = ["/ping", "/invocations"]
            .iter()
            .find(|end| path.ends_with(**end))
        {
            return Err(invalid(&format!("leave out {end}, it is appended")));
        }
        Ok(Self {
            base: format!("http://{authority}{path}"),
            address: format!("{host}:{port}"),
            path: path.to_owned(),
        })
    }

    /// The URL, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.base
    }

    /// Checks that the container is ready: it must respond to `GET /ping` with 200.
    ///
    /// # Errors
    /// It is not ready; the message contains what to do.
    pub async fn check_ready(&self) -> Result<()> {
        let ping = format!("{}/ping", self.base);
        let problem = match http_status::get(&self.address, &format!("{}/ping", self.path)).await {
            Ok(200) => return Ok(()),
            Ok(status) => format!("returned {status}, not 200"),
            Err(error) => format!("failed: {error}"),
        };
        bail!(
            "the model container is not ready: GET {ping} {problem}\n\
             Start it, wait until `curl -i {ping}` returns 200 (loading a model can take minutes), then try again.\n\
             If it runs in Docker, publish its port, for example with `docker run -p 8080:8080`.\n\
             Without MODEL, the reference model is used."
        )
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn base_url_is_parsed_with_and_without_port_and_path() {
        for (text, base, address, path) in [
            (
                "http://127.0.0.1:8080",
                "http://127.0.0.1:8080",
                "127.0.0.1:8080",
                "",
            ),
            ("http://gpu/", "http://gpu", "gpu:80", ""),
            (
                "http://[::1]:81/v1/",
                "http://[::1]:81/v1",
                "[::1]:81",
                "/v1",
            ),
        ] {
            let url = ContainerUrl::parse(text).unwrap();
            assert_eq!(
                (url.as_str(), &*url.address, &*url.path),
                (base, address, path)
            );
        }
    }

    #[test]
    fn invalid_url_is_rejected_with_a_reason_and_an_example() {
        for (text, reason) in [
            ("127.0.0.1:8080", "does not start with http://"),
            ("localhost", "does not start with http://"),
            ("/tmp/model", "does not start with http://"),
            ("gpt-4", "does not start with http://"),
            ("ftp://host", "does not start with http://"),
            ("https://host", "plain http"),
            ("http://", ""),
            ("http://:8080", ""),
            ("http://host:99999", "port"),
            ("http://host:0", "port"),
            ("http://me@host", "user name"),
            ("http://host/?a=b", "?"),
            ("http://host/#a", "#"),
            ("http://host:8080/ping", "leave out /ping"),
            ("http://host:8080/invocations/", "leave out /invocations"),
            ("http://ho st", ""),
            ("http://host\u{1b}[2J", ""),
            ("", ""),
        ] {
            let error = ContainerUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(error.contains("http://127.0.0.1:8080"), "{error}");
            assert!(!error.contains('\u{1b}'), "{error}");
        }
    }

    /// A container that sends this response to every connection.
    async fn container(response: &'static str) -> ContainerUrl {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/base", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 1024];
                let read = stream.read(&mut request).await.unwrap();
                assert!(request[..read].starts_with(b"GET /base/ping HTTP/1.1\r\n"));
                stream.write_all(response.as_bytes()).await.unwrap();
            }
        });
        ContainerUrl::parse(&url).unwrap()
    }

    #[tokio::test]
    async fn container_is_ready_only_if_its_ping_returns_200() {
        let ready = container("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        ready.check_ready().await.unwrap();
        for (response, reason) in [
            (
                "HTTP/1.1 503 Service Unavailable\r\n\r\n",
                "returned 503, not 200",
            ),
            ("HTTP/1.1 204 No Content\r\n\r\n", "returned 204, not 200"),
            ("220 mail.example ESMTP\r\n", "not HTTP"),
            ("", "failed"),
        ] {
            let url = container(response).await;
            let error = url.check_ready().await.unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
            assert!(error.contains("curl -i http://127.0.0.1:"), "{error}");
        }
    }

    #[tokio::test]
    async fn unreachable_container_is_reported_with_what_to_do() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", gone.local_addr().unwrap());
        drop(gone);
        let url = ContainerUrl::parse(&url).unwrap();
        let error = url.check_ready().await.unwrap_err().to_string();
        assert!(
            error.contains("refused") && error.contains("Start it"),
            "{error}"
        );
    }
}
