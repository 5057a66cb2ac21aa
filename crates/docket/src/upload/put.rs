//! Sends bytes to S3 with signed PUT requests: a whole file, or a part of one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use api::types::{SignedRequest, UploadView};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

use crate::CommandContext;
use crate::client::retry_delay;
use crate::error::{CliError, Exit, Result};
use crate::http_client::{HttpClientError, RequestBody, signed_request};
use crate::url::path_segment;

use super::files::UploadFile;
use super::progress::FileProgress;

/// A request is sent at most this often.
pub(super) const MAX_PUT_ATTEMPTS: u32 = 7;
/// The file is read in chunks of this size.
const CHUNK_BYTES: usize = 256 * 1024;
/// A transfer without any progress for this long has failed.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// S3's error documents are small; more than this is not read.
const MAX_ERROR_BYTES: usize = 4096;

/// A range of a file's bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileRange<'a> {
    pub(super) path: &'a Path,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// The outcome of one PUT request.
#[derive(Debug)]
pub(super) enum PutResult {
    Stored,
    /// An object with this key exists, and S3 did not overwrite it.
    AlreadyExists,
    /// The signature has expired or does not match.
    SignatureRejected(String),
    /// The transfer failed. Another attempt may succeed.
    Failed(String),
    /// S3 refused the request, and would refuse it again.
    Refused(String),
    /// The file cannot be read.
    Unreadable(std::io::Error),
}

/// Sends a file with one request, with retries.
pub(super) async fn send_file(
    context: &CommandContext,
    file: &UploadFile,
    view: &UploadView,
    progress: &FileProgress<'_>,
) -> Result<()> {
    let Some(mut put) = view.put.clone() else {
        return Err(CliError::new(
            Exit::Unavailable,
            "not-understood",
            "the service did not send instructions for the upload",
        ));
    };
    progress.start_upload(0);
    let range = FileRange {
        path: &file.path,
        offset: 0,
        bytes: file.bytes,
    };
    let mut attempts = 0;
    loop {
        attempts += 1;
        let reason = match put_once(context, &put, range, progress).await {
            PutResult::Stored => return file.check_unchanged(),
            // No other upload has this key, so an earlier request stored the object and its answer was lost.
            PutResult::AlreadyExists => return Ok(()),
            PutResult::Refused(reason) => return Err(refused_error(reason)),
            PutResult::Unreadable(error) => return Err(unreadable_error(file, &error)),
            PutResult::Failed(reason) => reason,
            PutResult::SignatureRejected(reason) => {
                let path = format!("/uploads/{}", path_segment(&view.job_id));
                let renewed: UploadView = context.client.get(&path).await?;
                put = renewed.put.unwrap_or(put);
                reason
            }
        };
        // A file that was cut off while it was sent looks like a broken connection.
        file.check_unchanged()?;
        if attempts == MAX_PUT_ATTEMPTS {
            return Err(transfer_error("the file", attempts, &reason));
        }
        progress.message(&format!("retrying: {reason}"));
        tokio::time::sleep(retry_delay(attempts, None)).await;
    }
}

pub(super) fn refused_error(reason: String) -> CliError {
    CliError::new(
        Exit::Failed,
        "refused",
        format!("S3 refused the upload: {reason}"),
    )
}

/// The file was there when the command started. What became of it says more than the error.
pub(super) fn unreadable_error(file: &UploadFile, error: &std::io::Error) -> CliError {
    match file.check_unchanged() {
        Err(changed) => changed,
        Ok(()) => CliError::local(format!("cannot read {}: {error}", file.path.display()))
            .with_hint("run the command again when the file can be read"),
    }
}

pub(super) fn transfer_error(what: &str, attempts: u32, reason: &str) -> CliError {
    CliError::new(
        Exit::Unavailable,
        "unreachable",
        format!("cannot upload {what}: {reason} (tried {attempts} times)"),
    )
}

/// Sends one PUT request. If it fails, its bytes are taken off the progress again.
pub(super) async fn put_once(
    context: &CommandContext,
    request: &SignedRequest,
    range: FileRange<'_>,
    progress: &FileProgress<'_>,
) -> PutResult {
    let bytes_read = Arc::new(AtomicU64::new(0));
    let mut bytes_shown = 0;
    let result = match file_body(range, Arc::clone(&bytes_read)).await {
        Ok(body) => {
            let transfer = Transfer {
                bytes_read: &bytes_read,
                bytes_shown: &mut bytes_shown,
                progress,
            };
            send_request(context, request, range.bytes, body, transfer).await
        }
        Err(error) => PutResult::Unreadable(error),
    };
    if matches!(result, PutResult::Stored | PutResult::AlreadyExists) {
        progress.add(range.bytes.saturating_sub(bytes_shown));
    } else {
        progress.subtract(bytes_shown);
    }
    result
}

/// The progress of one request. Bytes count when they are read from the file to be sent.
struct Transfer<'a> {
    bytes_read: &'a AtomicU64,
    bytes_shown: &'a mut u64,
    progress: &'a FileProgress<'a>,
}

impl Transfer<'_> {
    /// Updates the progress display. Returns whether there was progress since the last call.
    fn update(&mut self) -> bool {
        let now = self.bytes_read.load(Ordering::Relaxed);
        let more = now.saturating_sub(*self.bytes_shown);
        self.progress.add(more);
        *self.bytes_shown = now;
        more > 0
    }
}

async fn send_request(
    context: &CommandContext,
    request: &SignedRequest,
    bytes: u64,
    body: RequestBody,
    mut transfer: Transfer<'_>,
) -> PutResult {
    const TICK: Duration = Duration::from_millis(250);
    let mut request = match signed_request(request, body) {
        Ok(request) => request,
        Err(reason) => return PutResult::Refused(reason),
    };
    // Without it the client would use chunked encoding, which S3 does not accept.
    request.headers_mut().insert("content-length", bytes.into());
    let exchange = async {
        let (head, body) = context.client.http.send(request).await?.into_parts();
        let error = http_body_util::Limited::new(body, MAX_ERROR_BYTES)
            .collect()
            .await
            .map(|error| String::from_utf8_lossy(&error.to_bytes()).into_owned())
            .unwrap_or_default();
        Ok::<_, HttpClientError>((head.status.as_u16(), error))
    };
    tokio::pin!(exchange);
    let mut stalled_for = Duration::ZERO;
    loop {
        tokio::select! {
            answer = &mut exchange => return put_result(answer),
            () = tokio::time::sleep(TICK) => {}
        }
        stalled_for = if transfer.update() {
            Duration::ZERO
        } else {
            stalled_for + TICK
        };
        if stalled_for >= STALL_TIMEOUT {
            return PutResult::Failed("no progress for a minute".to_owned());
        }
    }
}

fn put_result(answer: Result<(u16, String), HttpClientError>) -> PutResult {
    let (status, body) = match answer {
        Ok(answer) => answer,
        Err(error) => return PutResult::Failed(format!("{}: {}", error.address, error.message)),
    };
    let code = between(&body, "<Code>", "</Code>").unwrap_or_default();
    let reason = match between(&body, "<Message>", "</Message>") {
        Some(message) => format!("S3 returned HTTP {status}, {code}: {message}"),
        None => format!("S3 returned HTTP {status}"),
    };
    // Error codes: Amazon S3 API reference, "Error responses".
    match (status, code) {
        (200..=299, _) => PutResult::Stored,
        (412, _) => PutResult::AlreadyExists,
        // The credentials that signed have expired.
        (403, _) | (400, "ExpiredToken") => PutResult::SignatureRejected(reason),
        (400, "RequestTimeout" | "IncompleteBody" | "BadDigest") => PutResult::Failed(reason),
        // 409: another request for the same key was running.
        (408 | 409 | 429 | 500..=599, _) => PutResult::Failed(reason),
        _ => PutResult::Refused(reason),
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?
        .1
        .split_once(after)
        .map(|(found, _)| found)
}

/// A body that reads the file while it is sent.
async fn file_body(
    range: FileRange<'_>,
    bytes_read: Arc<AtomicU64>,
) -> std::io::Result<RequestBody> {
    let mut file = File::open(range.path).await?;
    file.seek(SeekFrom::Start(range.offset)).await?;
    let chunks = stream::try_unfold((file, range.bytes), move |(mut file, left)| {
        let bytes_read = Arc::clone(&bytes_read);
        async move {
            if left == 0 {
                return Ok(None);
            }
            let size = usize::try_from(left)
                .unwrap_or(CHUNK_BYTES)
                .min(CHUNK_BYTES);
            let mut chunk = BytesMut::with_capacity(size);
            while chunk.len() < size {
                let room = (size - chunk.len()) as u64;
                let read = (&mut file).take(room).read_buf(&mut chunk).await?;
                if read == 0 {
                    return Err(std::io::Error::other(
                        "the file was truncated while it was uploaded",
                    ));
                }
            }
            bytes_read.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            let left = left - chunk.len() as u64;
            let frame: Frame<Bytes> = Frame::data(chunk.freeze());
            Ok(Some((frame, (file, left))))
        }
    });
    Ok(StreamBody::new(chunks).boxed_unsync())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xml(code: &str) -> String {
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>")
    }

    #[test]
    fn s3_errors_decide_whether_a_request_is_retried() {
        let result = |status, code: &str| put_result(Ok((status, xml(code))));
        assert!(matches!(result(200, ""), PutResult::Stored));
        assert!(matches!(
            result(412, "PreconditionFailed"),
            PutResult::AlreadyExists
        ));
        assert!(matches!(
            result(403, "AccessDenied"),
            PutResult::SignatureRejected(_)
        ));
        assert!(matches!(
            result(400, "ExpiredToken"),
            PutResult::SignatureRejected(_)
        ));
        assert!(matches!(result(503, "SlowDown"), PutResult::Failed(_)));
        assert!(matches!(
            result(400, "RequestTimeout"),
            PutResult::Failed(_)
        ));
        assert!(matches!(
            result(409, "ConditionalRequestConflict"),
            PutResult::Failed(_)
        ));
        assert!(matches!(result(404, "NoSuchUpload"), PutResult::Refused(_)));
        let PutResult::Refused(reason) = result(400, "EntityTooLarge") else {
            panic!("not refused")
        };
        assert_eq!(reason, "S3 returned HTTP 400, EntityTooLarge: m");
    }
}
