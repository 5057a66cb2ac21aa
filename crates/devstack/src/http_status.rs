//! A minimal `GET` that only reads the status of the response.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TIMEOUT: Duration = Duration::from_secs(5);
/// The length of `HTTP/1.1 200`.
const STATUS_LINE_START: usize = 12;

/// Sends a `GET` and returns the status. `address` is `host:port`, `path` begins with a slash.
///
/// # Errors
/// Nothing listens at the address, there is no response within five seconds, or the response is not HTTP.
pub(crate) async fn get(address: &str, path: &str) -> io::Result<u16> {
    tokio::time::timeout(TIMEOUT, send(address, path))
        .await
        .unwrap_or_else(|_| {
            let why = format!("no response within {} s", TIMEOUT.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, why))
        })
}

async fn send(address: &str, path: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; STATUS_LINE_START];
    stream.read_exact(&mut head).await?;
    parse(&head).ok_or_else(|| {
        let why = "the response is not HTTP";
        io::Error::new(io::ErrorKind::InvalidData, why)
    })
}

fn parse(head: &[u8; STATUS_LINE_START]) -> Option<u16> {
    let (version, status) = std::str::from_utf8(head).ok()?.split_once(' ')?;
    matches!(version, "HTTP/1.0" | "HTTP/1.1").then_some(())?;
    status.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_parsed_from_http_responses_only() {
        assert_eq!(parse(b"HTTP/1.1 200"), Some(200));
        assert_eq!(parse(b"HTTP/1.0 503"), Some(503));
        assert_eq!(parse(b"SSH-2.0-Open"), None);
        assert_eq!(parse(b"HTTP/1.1 OK\r"), None);
    }
}
