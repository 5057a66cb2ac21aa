//! Sending bytes to S3: a file, or a part of one.

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

use crate::Context;
use crate::api::{pause, segment};
use crate::exit::{Exit, Failure, Outcome};
use crate::http::{Body, NoAnswer, signed};

use super::plan::Item;
use super::progress::Meter;

/// How often a piece is sent at most.
pub(super) const SENDS: u32 = 7;
/// So much is read at once, in bytes.
const CHUNK: usize = 256 * 1024;
/// A transfer that stands still for so long has broken.
const STILL: Duration = Duration::from_secs(60);
/// The most of an answer of S3 that is looked at, in bytes.
const MAX_SAID: usize = 4096;

/// A stretch of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) path: &'a Path,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// What became of a piece.
#[derive(Debug)]
pub(super) enum Sent {
    /// S3 has it.
    Done,
    /// S3 has an object of that name already; nothing is overwritten.
    There,
    /// The signature is too old, or does not fit.
    Unsigned(String),
    /// It may work when it is sent again.
    Broken(String),
    /// It will not.
    Refused(String),
}

/// Sends a file in one piece.
pub(super) async fn whole(
    context: &Context,
    item: &Item,
    view: &UploadView,
    meter: &Meter<'_>,
) -> Outcome<()> {
    let Some(mut put) = view.put.clone() else {
        return Err(Failure::local(
            Exit::Unavailable,
            "not-understood",
            "the service did not say how to send the file",
        ));
    };
    meter.uploading(0);
    let piece = Piece {
        path: &item.path,
        offset: 0,
        bytes: item.bytes,
    };
    let mut sent = 0;
    loop {
        sent += 1;
        let why = match send(context, &put, piece, meter).await {
            Sent::Done => return item.check_unchanged(),
            // The key is this upload's own: what is there came with an earlier answer that was lost.
            Sent::There => return Ok(()),
            Sent::Refused(why) => return Err(refused(why)),
            Sent::Broken(why) => why,
            Sent::Unsigned(why) => {
                let path = format!("/uploads/{}", segment(&view.job_id));
                let anew: UploadView = context.api.get(&path).await?;
                put = anew.put.unwrap_or(put);
                why
            }
        };
        if sent == SENDS {
            return Err(broken("the file", sent, &why));
        }
        meter.says(&format!("again, since {why}"));
        tokio::time::sleep(pause(sent, None)).await;
    }
}

pub(super) fn refused(why: String) -> Failure {
    Failure::local(
        Exit::Failed,
        "refused",
        format!("S3 does not take it: {why}"),
    )
}

pub(super) fn broken(what: &str, sent: u32, why: &str) -> Failure {
    Failure::local(
        Exit::Unavailable,
        "unreachable",
        format!("{what} could not be sent: {why} (tried {sent} times)"),
    )
}

/// Sends a piece once. What did not arrive is taken off the meter again.
pub(super) async fn send(
    context: &Context,
    request: &SignedRequest,
    piece: Piece<'_>,
    meter: &Meter<'_>,
) -> Sent {
    let moved = Arc::new(AtomicU64::new(0));
    let mut shown = 0;
    let sent = match body(piece, Arc::clone(&moved)).await {
        Ok(body) => {
            let moving = Moving {
                moved: &moved,
                shown: &mut shown,
                meter,
            };
            put(context, request, piece.bytes, body, moving).await
        }
        Err(error) => Sent::Refused(format!("the file cannot be read: {error}")),
    };
    if matches!(sent, Sent::Done | Sent::There) {
        meter.more(piece.bytes.saturating_sub(shown));
    } else {
        meter.lost(shown);
    }
    sent
}

/// How far a piece is, and how much of that the meter shows.
struct Moving<'a> {
    moved: &'a AtomicU64,
    shown: &'a mut u64,
    meter: &'a Meter<'a>,
}

impl Moving<'_> {
    /// Tells the meter; whether anything has moved since the last time.
    fn tell(&mut self) -> bool {
        let now = self.moved.load(Ordering::Relaxed);
        let more = now.saturating_sub(*self.shown);
        self.meter.more(more);
        *self.shown = now;
        more > 0
    }
}

async fn put(
    context: &Context,
    request: &SignedRequest,
    bytes: u64,
    body: Body,
    mut moving: Moving<'_>,
) -> Sent {
    const TICK: Duration = Duration::from_millis(250);
    let mut request = match signed(request, body) {
        Ok(request) => request,
        Err(why) => return Sent::Refused(why),
    };
    // Without it the client would send chunks, which S3 does not take.
    request.headers_mut().insert("content-length", bytes.into());
    let exchange = async {
        let (head, body) = context.api.http.send(request).await?.into_parts();
        let said = http_body_util::Limited::new(body, MAX_SAID)
            .collect()
            .await
            .map(|said| String::from_utf8_lossy(&said.to_bytes()).into_owned())
            .unwrap_or_default();
        Ok::<_, NoAnswer>((head.status.as_u16(), said))
    };
    tokio::pin!(exchange);
    let mut still = Duration::ZERO;
    loop {
        tokio::select! {
            answer = &mut exchange => return judge(answer),
            () = tokio::time::sleep(TICK) => {}
        }
        still = if moving.tell() {
            Duration::ZERO
        } else {
            still + TICK
        };
        if still >= STILL {
            return Sent::Broken("nothing moved for a minute".to_owned());
        }
    }
}

fn judge(answer: Result<(u16, String), NoAnswer>) -> Sent {
    let (status, said) = match answer {
        Ok(answer) => answer,
        Err(no) => return Sent::Broken(format!("{}: {}", no.address, no.why)),
    };
    let code = between(&said, "<Code>", "</Code>").unwrap_or_default();
    let words = match between(&said, "<Message>", "</Message>") {
        Some(message) => format!("S3 answered {status}, {code}: {message}"),
        None => format!("S3 answered {status}"),
    };
    // Amazon S3 API reference, "Error responses".
    match (status, code) {
        (200..=299, _) => Sent::Done,
        (412, _) => Sent::There,
        (403, _) => Sent::Unsigned(words),
        (400, "RequestTimeout" | "IncompleteBody" | "BadDigest" | "ExpiredToken") => {
            Sent::Broken(words)
        }
        // 409: two requests for the same key at once.
        (408 | 409 | 429 | 500..=599, _) => Sent::Broken(words),
        _ => Sent::Refused(words),
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?
        .1
        .split_once(after)
        .map(|(found, _)| found)
}

/// A stretch of a file, read as it is sent; `moved` counts.
async fn body(piece: Piece<'_>, moved: Arc<AtomicU64>) -> std::io::Result<Body> {
    let mut file = File::open(piece.path).await?;
    file.seek(SeekFrom::Start(piece.offset)).await?;
    let chunks = stream::try_unfold((file, piece.bytes), move |(mut file, left)| {
        let moved = Arc::clone(&moved);
        async move {
            if left == 0 {
                return Ok(None);
            }
            let size = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let mut chunk = BytesMut::with_capacity(size);
            while chunk.len() < size {
                let room = (size - chunk.len()) as u64;
                let read = (&mut file).take(room).read_buf(&mut chunk).await?;
                if read == 0 {
                    return Err(std::io::Error::other("the file became shorter"));
                }
            }
            moved.fetch_add(chunk.len() as u64, Ordering::Relaxed);
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
    fn answers_of_s3_say_whether_to_send_again() {
        let judged = |status, code: &str| judge(Ok((status, xml(code))));
        assert!(matches!(judged(200, ""), Sent::Done));
        assert!(matches!(judged(412, "PreconditionFailed"), Sent::There));
        assert!(matches!(judged(403, "AccessDenied"), Sent::Unsigned(_)));
        assert!(matches!(judged(503, "SlowDown"), Sent::Broken(_)));
        assert!(matches!(judged(400, "RequestTimeout"), Sent::Broken(_)));
        assert!(matches!(
            judged(409, "ConditionalRequestConflict"),
            Sent::Broken(_)
        ));
        assert!(matches!(judged(404, "NoSuchUpload"), Sent::Refused(_)));
        let Sent::Refused(why) = judged(400, "EntityTooLarge") else {
            panic!("taken")
        };
        assert_eq!(why, "S3 answered 400, EntityTooLarge: m");
    }
}
