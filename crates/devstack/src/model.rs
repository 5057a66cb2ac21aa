//! The model that answers: the reference model, or a container that the user runs.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use http::Uri;

use crate::probe;

/// Who reads the documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Model {
    /// The reference model, as a child of this process.
    Reference {
        /// How long it waits before each document, as a GPU would work.
        delay: Duration,
        /// A JSON file that says how late to answer at least, in milliseconds by the SHA-256 of the document.
        takes: Option<PathBuf>,
    },
    /// A container that runs already; nothing here starts or stops it.
    Container(ContainerUrl),
}

/// Where a container with SageMaker's contract listens: `GET <base>/ping`, `POST <base>/invocations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerUrl {
    /// `http://host:port/path`, without a slash at its end.
    base: String,
    /// `host:port`.
    address: String,
    /// The path within the container; empty, or with a slash in front.
    path: String,
}

impl ContainerUrl {
    /// Reads a base URL.
    ///
    /// # Errors
    /// It cannot be one; the text says what is wrong and what is wanted.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            let text: String = text.escape_debug().collect();
            anyhow!(
                "MODEL \"{text}\" cannot be used: {why}; the URL of a container looks like http://127.0.0.1:8080"
            )
        };
        let uri: Uri = text
            .parse()
            .map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(wrong("a container speaks plain http, as on SageMaker"));
            }
            Some(_) | None => return Err(wrong("it does not begin with http://")),
        }
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        let host = authority.host();
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        if authority.as_str().contains('@') {
            return Err(wrong("a user name has no use here"));
        }
        let port = match authority.port_u16() {
            None if authority.as_str() == host => 80,
            None | Some(0) => return Err(wrong("the port is no number from 1 to 65535")),
            Some(port) => port,
        };
        if uri.query().is_some() || text.contains('#') {
            return Err(wrong("what follows ? or # has no use here"));
        }
        let path = uri.path().trim_end_matches('/');
        if let Some(end) = ["/ping", "/invocations"]
            .iter()
            .find(|end| path.ends_with(**end))
        {
            return Err(wrong(&format!("{end} is added to it")));
        }
        Ok(Self {
            base: format!("http://{authority}{path}"),
            address: format!("{host}:{port}"),
            path: path.to_owned(),
        })
    }

    /// The URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.base
    }

    /// Asks the container whether it is ready: it must answer `GET /ping` with 200.
    ///
    /// # Errors
    /// It is not; the text says what to do.
    pub async fn check(&self) -> Result<()> {
        let ping = format!("{}/ping", self.base);
        let why = match probe::status(&self.address, &format!("{}/ping", self.path)).await {
            Ok(200) => return Ok(()),
            Ok(status) => format!("answers {status}, not 200"),
            Err(error) => format!("fails: {error}"),
        };
        bail!(
            "the model container is not ready: GET {ping} {why}\n\
             Start it, wait until `curl -i {ping}` shows status 200 (loading a model can take minutes), then try again.\n\
             In Docker its port must be published, as with `docker run -p 8080:8080`.\n\
             Without MODEL the reference model is taken."
        )
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_base_url_is_read_with_or_without_port_and_path() {
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
    fn a_wrong_url_is_refused_and_the_reason_named() {
        for (text, why) in [
            ("127.0.0.1:8080", "does not begin with http://"),
            ("localhost", "does not begin with http://"),
            ("/tmp/model", "does not begin with http://"),
            ("gpt-4", "does not begin with http://"),
            ("ftp://host", "does not begin with http://"),
            ("https://host", "plain http"),
            ("http://", ""),
            ("http://:8080", ""),
            ("http://host:99999", "port"),
            ("http://host:0", "port"),
            ("http://me@host", "user name"),
            ("http://host/?a=b", "?"),
            ("http://host/#a", "#"),
            ("http://host:8080/ping", "/ping is added"),
            ("http://host:8080/invocations/", "/invocations is added"),
            ("http://ho st", ""),
            ("http://host\u{1b}[2J", ""),
            ("", ""),
        ] {
            let error = ContainerUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.contains("http://127.0.0.1:8080"), "{error}");
            assert!(!error.contains('\u{1b}'), "{error}");
        }
    }

    /// A container that gives every connection this answer.
    async fn container(answer: &'static str) -> ContainerUrl {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/base", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 1024];
                let read = stream.read(&mut request).await.unwrap();
                assert!(request[..read].starts_with(b"GET /base/ping HTTP/1.1\r\n"));
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        ContainerUrl::parse(&url).unwrap()
    }

    #[tokio::test]
    async fn a_container_is_ready_when_its_ping_answers_200_and_only_then() {
        let ready = container("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        ready.check().await.unwrap();
        for (answer, why) in [
            (
                "HTTP/1.1 503 Service Unavailable\r\n\r\n",
                "answers 503, not 200",
            ),
            ("HTTP/1.1 204 No Content\r\n\r\n", "answers 204, not 200"),
            ("220 mail.example ESMTP\r\n", "not HTTP"),
            ("", "fails"),
        ] {
            let url = container(answer).await;
            let error = url.check().await.unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            assert!(error.contains("curl -i http://127.0.0.1:"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_container_that_is_not_there_is_named_with_what_to_do() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", gone.local_addr().unwrap());
        drop(gone);
        let url = ContainerUrl::parse(&url).unwrap();
        let error = url.check().await.unwrap_err().to_string();
        assert!(
            error.contains("refused") && error.contains("Start it"),
            "{error}"
        );
    }
}
