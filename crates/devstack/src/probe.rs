//! One `GET` to a neighbor, for its status alone.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a neighbor may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// `HTTP/1.1 200`.
const HEAD: usize = 12;

/// The status of an answer. `address` is `host:port`, `path` begins with a slash.
///
/// # Errors
/// Nothing listens there, it does not answer within five seconds, or its answer is not HTTP.
pub(crate) async fn status(address: &str, path: &str) -> io::Result<u16> {
    tokio::time::timeout(PATIENCE, ask(address, path))
        .await
        .unwrap_or_else(|_| {
            let why = format!("no answer within {} s", PATIENCE.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, why))
        })
}

async fn ask(address: &str, path: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; HEAD];
    stream.read_exact(&mut head).await?;
    parse(&head).ok_or_else(|| {
        let why = "the answer is not HTTP";
        io::Error::new(io::ErrorKind::InvalidData, why)
    })
}

fn parse(head: &[u8; HEAD]) -> Option<u16> {
    let (version, status) = std::str::from_utf8(head).ok()?.split_once(' ')?;
    matches!(version, "HTTP/1.0" | "HTTP/1.1").then_some(())?;
    status.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_read_from_http_and_from_nothing_else() {
        assert_eq!(parse(b"HTTP/1.1 200"), Some(200));
        assert_eq!(parse(b"HTTP/1.0 503"), Some(503));
        assert_eq!(parse(b"SSH-2.0-Open"), None);
        assert_eq!(parse(b"HTTP/1.1 OK\r"), None);
    }
}
